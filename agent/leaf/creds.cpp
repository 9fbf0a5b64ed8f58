#include "agent/leaf/creds.h"

namespace petiole {

namespace {

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  const std::size_t first = line.find_first_not_of(" \t\r");
  if (first == line.npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

bool is_fence(std::string_view line) { return line.starts_with("---") && line.ends_with("---"); }

// The single line of the next block; empty when there is none, or its end is missing.
std::string_view next_block(std::string_view& text) {
  while (!text.empty()) {
    if (!is_fence(take_line(text))) continue;
    std::string_view token;
    while (!text.empty() && token.empty()) token = take_line(text);
    if (is_fence(token)) continue;
    std::string_view end;
    while (!text.empty() && end.empty()) end = take_line(text);
    if (is_fence(end)) return token;
  }
  return {};
}

}  // namespace

Result<Creds> parse_creds(std::string_view text) {
  const std::string_view jwt = next_block(text);
  if (jwt.empty()) return {Errc::kConfig, "no user JWT between --- lines"};
  const std::string_view seed = next_block(text);
  if (seed.empty()) return {Errc::kConfig, "no nkey seed between --- lines"};
  const Result<NkeySeed> decoded = decode_nkey_seed(seed);
  if (!decoded.ok()) return decoded.status();
  return Creds{std::string(jwt), *decoded};
}

}  // namespace petiole
