#include "agent/subject/mapping_call.h"

#include <algorithm>
#include <cctype>

namespace petiole {

namespace {

bool is_blank(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

}  // namespace

bool is_call(std::string_view token) {
  return token.size() > 4 && token.starts_with("{{") && token.ends_with("}}");
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool take_apart(std::string_view token, std::string_view& name,
                std::vector<std::string_view>& arguments) {
  const std::string_view inner = trimmed(token.substr(2, token.size() - 4));
  const std::size_t open = inner.find('(');
  if (open == inner.npos || !inner.ends_with(')')) return false;
  name = trimmed(inner.substr(0, open));
  std::string_view rest = inner.substr(open + 1, inner.size() - open - 2);
  for (;;) {
    const std::size_t comma = rest.find(',');
    arguments.push_back(rest.substr(0, comma));
    if (comma == rest.npos) return true;
    rest.remove_prefix(comma + 1);
    while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
  }
}

bool is_named(std::string_view name, std::string_view lower,
              std::initializer_list<std::size_t> at) {
  if (name.size() != lower.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool either = std::find(at.begin(), at.end(), i) != at.end();
    const auto c = static_cast<unsigned char>(name[i]);
    if ((either ? static_cast<char>(std::tolower(c)) : name[i]) != lower[i]) return false;
  }
  return true;
}

std::string wrong(std::string_view what, std::string_view token) {
  std::string text = "invalid mapping destination: ";
  return text.append(what).append(" in ").append(token);
}

}  // namespace petiole
