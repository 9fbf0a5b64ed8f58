// Properties of subject transforms, for any bytes: a result stays in its buffer; with less room it
// is empty or the same; what is reversible comes back; two patterns have in common what both cover.
// Input: source, destination and subject, with newlines between.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "agent/subject/subject.h"
#include "agent/subject/transform.h"

namespace {

using petiole::SubjectBuffer;
using petiole::SubjectTransform;

void check_room(const SubjectTransform& transform, std::string_view subject) {
  SubjectBuffer whole, part;
  const std::string_view full = transform.apply(subject, whole, 7);
  const std::size_t room = full.size() / 2;
  const std::string_view less = transform.apply(subject, std::span<char>(part.bytes, room), 7);
  if (!less.empty()) std::abort();
  const std::string_view same =
      transform.apply(subject, std::span<char>(part.bytes, full.size()), 7);
  if (same != full) std::abort();
}

void check_way_back(std::string_view source, std::string_view destination,
                    std::string_view subject) {
  SubjectTransform there;
  if (!there.compile(source, destination, SubjectTransform::Kind::kReversible).empty()) return;
  SubjectBuffer buffer, second;
  const std::string_view result = there.apply(subject, buffer);
  if (result.empty()) return;
  if (there.inverse().apply(result, second) != subject) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), std::min<std::size_t>(size, 1024));
  const auto line = [&input] {
    const std::string_view text = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(input.size(), text.size() + 1));
    return text;
  };
  const std::string_view source = line(), destination = line(), subject = line();
  (void)petiole::check_mapping(source, destination);
  SubjectTransform transform;
  const bool usable = transform.compile(source, destination).empty();
  if (usable && petiole::is_valid_published(subject) && petiole::matches(source, subject)) {
    check_room(transform, subject);
    check_way_back(source, destination, subject);
  }
  if (petiole::is_valid_subject(source) && petiole::is_valid_subject(destination)) {
    SubjectBuffer buffer;
    const std::string_view common = petiole::intersect(source, destination, buffer);
    if (common.empty()) return 0;
    if (!petiole::covers(source, common) || !petiole::covers(destination, common)) std::abort();
  }
  return 0;
}
