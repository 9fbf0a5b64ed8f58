// Property: after any inserts and removals the index answers as a plain list does, and when all
// are removed no node is left. Input: one byte for what to do, then a subject to the next NUL.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "agent/subject/subject.h"
#include "agent/subject/subject_index.h"

namespace {

class Nobody : public petiole::Subscriber {
 public:
  petiole::PeerKind kind() const override { return petiole::PeerKind::kClient; }
  bool deliver(petiole::Subscription&, const petiole::Message&) override { return true; }
};

using List = std::vector<petiole::Subscription*>;

void check(const petiole::SubjectIndex& index, const List& all, std::string_view subject) {
  List plain, queued, expected;
  index.match(subject, plain, queued);
  for (petiole::Subscription* each : all) {
    if (petiole::is_valid_published(subject) && petiole::matches(each->subject(), subject)) {
      expected.push_back(each);
    }
  }
  std::sort(plain.begin(), plain.end());
  std::sort(expected.begin(), expected.end());
  if (plain != expected) std::abort();
}

void drop(petiole::SubjectIndex& index, List& all, std::size_t at) {
  std::swap(all[at], all.back());
  index.remove(*all.back());
  petiole::free_subscription(all.back());
  all.pop_back();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), std::min<std::size_t>(size, 4096));
  Nobody owner;
  petiole::SubjectIndex index(1);
  List all;
  while (!input.empty()) {
    const auto what = static_cast<unsigned char>(input.front());
    input.remove_prefix(1);
    const std::string_view subject = input.substr(0, input.find('\0'));
    input.remove_prefix(std::min(input.size(), subject.size() + 1));
    if (what % 3 == 0 && !all.empty()) {
      drop(index, all, what % all.size());
    } else if (what % 3 == 1 && petiole::is_valid_subject(subject)) {
      all.push_back(petiole::make_subscription(owner, subject, "", "1"));
      index.insert(*all.back());
    }
    check(index, all, subject);
  }
  while (!all.empty()) drop(index, all, 0);
  if (index.node_count() != 0) std::abort();
  return 0;
}
