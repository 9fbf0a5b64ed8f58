#include "agent/mirror/repeat_marks.h"

#include <algorithm>

namespace petiole {

bool RepeatMarks::knows(const MirrorMark& mark) const {
  if (mark.kind != MirrorMark::Kind::kRepeat) return false;
  const auto at = marks_.find(mark.origin);
  return at != marks_.end() && mark.number <= at->second.number;
}

RepeatMarks::Mark& RepeatMarks::mark_of(std::uint64_t origin) {
  if (marks_.size() >= origins_max_ && !marks_.contains(origin)) forget_oldest();
  Mark& mark = marks_[origin];
  mark.used = ++uses_;
  return mark;
}

void RepeatMarks::forget_oldest() {
  const auto oldest =
      std::min_element(marks_.begin(), marks_.end(),
                       [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
  if (oldest != marks_.end()) marks_.erase(oldest);
}

void RepeatMarks::pass(const MirrorMark& mark, bool on_disk) {
  if (!mark || mark.kind == MirrorMark::Kind::kLate) return;
  Mark& known = mark_of(mark.origin);
  const bool fresh = mark.kind == MirrorMark::Kind::kNew;
  known.number = fresh ? mark.number : std::max(known.number, mark.number);
  if (on_disk) known.on_disk = known.number;
  changed_ = true;
}

void RepeatMarks::settle() {
  for (auto& [origin, mark] : marks_) mark.on_disk = mark.number;
}

std::string RepeatMarks::encode() {
  std::string text;
  for (const auto& [origin, mark] : marks_) {
    if (mark.on_disk == 0) continue;
    append_marked_subject(text, {}, {origin, mark.on_disk, MirrorMark::Kind::kRepeat});
    text += '\n';
  }
  changed_ = false;
  return text;
}

void RepeatMarks::load(const MirrorMark& mark) {
  if (!mark) return;
  Mark& known = mark_of(mark.origin);
  changed_ = changed_ || mark.number > known.number;
  known.number = std::max(known.number, mark.number);
  known.on_disk = known.number;
}

void RepeatMarks::load(std::string_view text) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    load(take_subject_mark(line));
  }
  changed_ = false;
}

}  // namespace petiole
