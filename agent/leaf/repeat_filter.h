// What a leaf's mirror has delivered here already: its repeats are dropped.
//
// After a lost link a mirror sends again what no PONG confirmed, because only the hub can know what
// of it arrived. A hub that is a petiole does know: it remembers the newest ids of mirrors,
// `<leaf id>:<epoch>:<number>`, that reached somebody. Numbers alone would not do: what nobody
// wanted for a while comes after what was captured later. Kept for as long as this process runs,
// over reconnects of the leaf. Messages that carry a reply are left to the stream that answers
// them.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>

namespace petiole {

class RepeatFilter {
 public:
  // The newest `ids_max` ids are kept, some 100 bytes each: 32 mirrors with full windows.
  explicit RepeatFilter(std::size_t ids_max = 128 * 1024) : ids_max_(ids_max) {}

  // Whether `message_id` was made by the mirror of the leaf of that id, as in its CONNECT; those
  // of other leafs and of publishers are never repeats.
  static bool made_by(std::string_view leaf_id, std::string_view message_id);
  bool knows(std::string_view message_id) const { return ids_.find(message_id) != ids_.end(); }
  void add(std::string_view message_id);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_set<std::string, Hash, std::equal_to<>> ids_;
  std::deque<const std::string*> order_;
  std::size_t ids_max_;
};

}  // namespace petiole
