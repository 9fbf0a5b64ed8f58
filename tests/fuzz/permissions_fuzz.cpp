// The input is lines: a subject, then entries of a list. Properties: the tree finds what a walk
// through the list finds; what is covered is matched; a denied literal is never let pass.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "agent/auth/permissions.h"
#include "agent/subject/subject.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto next = [&rest] {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return line;
  };
  const std::string_view subject = next();
  if (!petiole::is_valid_subject(subject)) return 0;
  std::vector<std::string_view> plain;
  std::vector<std::string> list;
  while (!rest.empty()) {
    const std::string_view entry = next();
    list.emplace_back(entry);
    const bool queue = entry.find_first_of(" \t") != entry.npos;
    if (petiole::PatternSet::is_fit(entry) && !queue) plain.push_back(entry);
  }
  const petiole::PatternSet set(plain);
  const auto any = [&](auto test) {
    return std::any_of(plain.begin(), plain.end(), [&](auto each) { return test(each, subject); });
  };
  if (set.match(subject).plain != any(petiole::matches)) std::abort();
  if (set.cover(subject).plain != any(petiole::covers)) std::abort();
  if (set.cover(subject).plain && !set.match(subject).plain) std::abort();
  const petiole::SubjectFilter filter(std::nullopt, list);
  const bool once = filter.message(subject);
  if (once != filter.message(subject)) std::abort();
  if (any(petiole::matches) && once) std::abort();
  if (any(petiole::matches) && !filter.denies(subject, "q")) std::abort();
  return 0;
}
