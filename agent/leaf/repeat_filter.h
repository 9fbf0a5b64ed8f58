// What a leaf's mirror has delivered here already: its repeats are dropped.
//
// After a lost link a mirror sends again what no PONG confirmed, because only the hub can know what
// of it arrived. A hub that is a petiole does know: the ids of a mirror, `<leaf id>:<epoch>:<number>`,
// rise on every link, so the highest number seen tells. Kept for as long as this process runs, over
// reconnects of the leaf. Messages that carry a reply are left to the stream that answers them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace petiole {

class RepeatFilter {
 public:
  // Names of at most `entries_max` mirrors' epochs are kept; then it starts anew.
  explicit RepeatFilter(std::size_t entries_max = 65536) : entries_max_(entries_max) {}

  // True when the leaf of that id has sent the message before. `leaf_id` as in its CONNECT; ids of
  // other leafs and of publishers are never repeats.
  bool repeated(std::string_view leaf_id, std::string_view message_id);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_map<std::string, std::uint64_t, Hash, std::equal_to<>> highest_;
  std::size_t entries_max_;
};

}  // namespace petiole
