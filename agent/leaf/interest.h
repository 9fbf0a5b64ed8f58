// The interest that one peer is to know of: a count for each subject, a total weight for each
// queue of a subject, and what the peer was told last. Wire: client-and-leaf 3.4, 3.5.
//
// Changes gather and are written together: a subject that came and went within a turn costs
// nothing on the wire. What is to be written is made from the counts when there is room for it, so
// a million subjects need no buffer.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/leaf/permissions.h"
#include "platform/output.h"

namespace petiole {

class InterestMap {
 public:
  // `queue` is empty for plain interest; `weight` counts only with a queue.
  void add(std::string_view subject, std::string_view queue, std::uint32_t weight);
  void remove(std::string_view subject, std::string_view queue, std::uint32_t weight);

  // Writes LS+ and LS- lines for what changed, as far as `permission` lets the peer know, until
  // `output` holds `bytes_max` or nothing is left to say.
  void write(Output& output, std::size_t bytes_max, const SubjectPermissions& permission);
  bool changed() const { return next_ != changed_.size(); }

  // All is looked at again by the next write: the permissions changed.
  void recheck();
  // Takes `count` subjects in one go without growing step by step.
  void reserve(std::size_t count) { entries_.reserve(count); }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint32_t count = 0;
    std::uint32_t sent = 0;      // As the peer knows it; 0: not at all.
    std::uint32_t queue_at = 0;  // Where the queue's name starts in the key; 0: plain.
    bool listed = false;         // In changed_.
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  using Map = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;

  std::string_view key(std::string_view subject, std::string_view queue);
  void list(Map::value_type& item);
  void write_one(Output& output, const std::string& key, Entry& entry, std::uint32_t wanted);

  Map entries_;                            // "subject" or "subject queue".
  std::vector<Map::value_type*> changed_;  // From next_ on still to be looked at.
  std::size_t next_ = 0;
  std::string scratch_;
};

}  // namespace petiole
