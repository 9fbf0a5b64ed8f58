// The interest that one peer is to know of: a count for each subject, a total weight for each
// queue of a subject, and what the peer was told last. Wire: client-and-leaf 3.4, 3.5.
//
// Changes gather and are written together: a subject that came and went within a turn costs
// nothing on the wire. What is to be written is made from the counts when there is room for it, so
// a million subjects need no buffer. The counts outlive a link: the next one starts at once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/leaf/permissions.h"
#include "agent/subject/token_hash.h"
#include "platform/output.h"

namespace petiole {

class InterestMap {
 public:
  explicit InterestMap(std::uint64_t hash_seed = 0) : entries_(0, TokenHash{hash_seed}) {}

  // `queue` is empty for plain interest; `weight` counts only with a queue.
  void add(std::string_view subject, std::string_view queue, std::uint32_t weight);
  void remove(std::string_view subject, std::string_view queue, std::uint32_t weight);

  // A peer that knows nothing yet is to be told everything; the peer is gone. Without one there is
  // nothing to write.
  void start();
  void stop();
  // All is looked at again by the next writes: the permissions changed.
  void recheck() { scan_ = first_; }

  // Writes LS+ and LS- lines for what changed, as far as `permissions` let the peer know, until
  // `output` holds `bytes_max`, `visits_max` subjects were looked at or nothing is left to say.
  void write(Output& output, std::size_t bytes_max, std::size_t visits_max,
             const SubjectFilter& permissions);
  bool changed() const { return next_ != changed_.size() || scan_ != nullptr; }
  std::size_t size() const { return entries_.size(); }
  std::size_t listed() const { return changed_.size(); }  // What the list of changes holds.

 private:
  struct Entry;
  using Item = std::pair<const std::string, Entry>;
  struct Entry {
    Item* before = nullptr;  // All items are in a list, for the scan.
    Item* after = nullptr;
    std::uint64_t count = 0;  // Of a queue: the sum of weights, which peers choose.
    std::uint32_t told = 0;   // As the peer knows it, if link is the current one; 0: not at all.
    std::uint32_t link = 0;
    std::uint32_t queue_at = 0;  // Where the queue's name starts in the key; 0: plain.
    std::uint32_t listed = 0;    // Place in changed_, from 1 on; 0: not there.
  };
  std::string_view key(std::string_view subject, std::string_view queue);
  Item& insert(std::string_view name);
  void erase(Item& item);
  void list(Item& item);
  std::uint32_t told(const Entry& entry) const { return entry.link == link_ ? entry.told : 0; }
  Item* take_next();
  void forget_written();
  void settle(Output& output, Item& item, const SubjectFilter& permissions);

  std::unordered_map<std::string, Entry, TokenHash, std::equal_to<>> entries_;  // "subject[ queue]"
  Item* first_ = nullptr;
  Item* last_ = nullptr;
  Item* scan_ = nullptr;        // The next one to look at; null: no scan.
  std::vector<Item*> changed_;  // From next_ on still to be looked at; null: erased meanwhile.
  std::size_t next_ = 0;
  std::uint32_t link_ = 0;  // Counts the links.
  bool idle_ = true;        // There is no peer.
  std::string scratch_;
};

}  // namespace petiole
