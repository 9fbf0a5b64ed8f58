#include "agent/protocol/headers.h"

#include <algorithm>

namespace petiole {

namespace {

constexpr std::string_view kVersion = "NATS/1.0";
constexpr std::string_view kEnd = "\r\n";

}  // namespace

std::optional<std::string_view> find_header(std::string_view header, std::string_view name) {
  for (std::size_t at = header.find(kEnd); at != header.npos; at = header.find(kEnd, at)) {
    at += kEnd.size();
    std::string_view rest = header.substr(at);
    if (!rest.starts_with(name) || !rest.substr(name.size()).starts_with(':')) continue;
    rest.remove_prefix(name.size() + 1);
    rest = rest.substr(0, rest.find(kEnd));
    const std::size_t begin = rest.find_first_not_of(' ');
    return begin == rest.npos ? std::string_view() : rest.substr(begin);
  }
  return std::nullopt;
}

std::string add_header(std::string_view header, std::string_view name, std::string_view value) {
  std::string block;
  block.reserve(header.size() + kVersion.size() + name.size() + value.size() + 8);
  if (header.ends_with("\r\n\r\n")) {
    block = header.substr(0, header.size() - kEnd.size());
  } else if (header.empty()) {
    block.append(kVersion).append(kEnd);
  } else {
    block.append(header).append(kEnd);  // A peer's block without its blank line.
  }
  return block.append(name).append(": ").append(value).append("\r\n\r\n");
}

void replace_header(std::string& out, std::string_view header, std::string_view name,
                    std::string_view value) {
  out.clear();
  if (!header.starts_with(kVersion)) out.append(kVersion).append(kEnd);
  while (!header.empty()) {
    const std::size_t end = header.find(kEnd);
    const std::string_view line = header.substr(0, end);
    header.remove_prefix(end == header.npos ? header.size() : end + kEnd.size());
    const bool same = line.starts_with(name) && line.substr(name.size()).starts_with(':');
    if (!same && !line.empty()) out.append(line).append(kEnd);
  }
  out.append(name).append(": ").append(value).append(kEnd).append(kEnd);
}

std::string without_headers(std::string_view header, std::string_view prefix) {
  std::string block;
  for (bool first = true; !header.empty(); first = false) {
    const std::size_t end = std::min(header.find(kEnd), header.size());
    const std::string_view line = header.substr(0, end);
    header.remove_prefix(std::min(end + kEnd.size(), header.size()));
    if (first || !line.starts_with(prefix)) block.append(line).append(kEnd);
  }
  return block;
}

std::string no_responders_header(std::string_view subject) {
  std::string block = "NATS/1.0 503\r\n";
  if (!subject.empty()) block.append("Nats-Subject: ").append(subject).append(kEnd);
  return block.append(kEnd);
}

}  // namespace petiole
