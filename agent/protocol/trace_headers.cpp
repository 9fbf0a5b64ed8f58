#include "agent/protocol/trace_headers.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "agent/protocol/go_json.h"

namespace petiole {

namespace {

constexpr std::string_view kFirstLine = "NATS/1.0\r\n";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_fold(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

// `00-<trace id>-<parent id>-<flags>`: the lowest flag says that the trace is recorded.
bool is_sampled(std::string_view parent) {
  if (std::count(parent.begin(), parent.end(), '-') != 3) return false;
  const std::string_view flags = parent.substr(parent.rfind('-') + 1);
  int value = 0;  // As wide as there: a sign and seven bits.
  const char* const end = flags.data() + flags.size();
  const auto [stop, error] = std::from_chars(flags.data(), end, value, 16);
  return flags.size() == 2 && error == std::errc() && stop == end && value < 128 &&
         (value & 1) != 0;
}

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

}  // namespace

bool may_ask_for_trace(std::string_view header) {
  for (std::size_t at = header.find('\n'); at != header.npos; at = header.find('\n', at)) {
    const std::string_view line = header.substr(++at);
    if (line.size() <= kTraceParent.size()) return false;
    if (line[0] == 'N' && line.starts_with(kTraceDest)) return true;
    if ((line[0] | 0x20) == 't' && line[kTraceParent.size()] == ':' &&
        equal_fold(line.substr(0, kTraceParent.size()), kTraceParent)) {
      return true;
    }
  }
  return false;
}

std::optional<TraceHeaders> read_trace_headers(std::string_view header) {
  if (!header.starts_with(kFirstLine)) return std::nullopt;
  header.remove_prefix(kFirstLine.size());
  TraceHeaders found;
  bool dest = false, parent = false;
  for (;;) {
    const std::size_t colon = header.find(':');
    if (colon == header.npos) break;
    const std::string_view name = header.substr(0, colon);
    header.remove_prefix(colon + 1);
    header.remove_prefix(std::min(header.find_first_not_of(" \t"), header.size()));
    const std::size_t end = header.find("\r\n");
    if (end == header.npos) break;
    const std::string_view value = trim(header.substr(0, end));
    header.remove_prefix(end + 2);
    if (name.empty() || value.empty()) continue;
    if (!parent && equal_fold(name, kTraceParent)) {
      parent = is_sampled(value);
    } else if (!dest && name == kTraceDest) {
      if (value == kTraceDisabled) return std::nullopt;
      dest = true;
    }
    found.fields.emplace_back(name, value);
  }
  if (!dest && !parent) return std::nullopt;
  found.external = !dest;
  return found;
}

std::string_view TraceHeaders::value(std::string_view name) const {
  const auto field = std::find_if(fields.begin(), fields.end(),
                                  [&](const auto& each) { return each.first == name; });
  return field == fields.end() ? std::string_view() : field->second;
}

bool TraceHeaders::only() const {
  if (external) return false;
  const std::string_view text = value(kTraceOnly);
  return text == "1" || equal_fold(text, "true") || equal_fold(text, "on");
}

std::string TraceHeaders::json() const {
  std::map<std::string_view, std::string> lists;
  for (const auto& [name, text] : fields) {
    std::string& list = lists[name];
    list += list.empty() ? '[' : ',';
    append_go_text(list, text);
  }
  std::string json;
  for (const auto& [name, list] : lists) {
    json += json.empty() ? '{' : ',';
    append_go_text(json, name);
    json.append(":").append(list).append("]");
  }
  return json + '}';
}

}  // namespace petiole
