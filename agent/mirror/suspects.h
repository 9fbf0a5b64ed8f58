// Messages of which it is not known whether the hub has them, by subject and in order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace petiole {

struct SuspectSubject {
  struct Item {
    std::uint64_t key;      // Order in the window, or sequence in the log.
    std::uint64_t id_hash;  // Of the message id that it was sent with.
    bool seen = false;      // In the stream itself.
  };
  std::string subject;
  std::vector<Item> items;
  std::size_t arrived = 0;  // The first so many are taken to be at the hub,
  bool exact = false;       // or those of them that were seen: all that is there was looked at.

  // Learns that the hub has the message with this id: so, unless it refused one and took the next,
  // it has those before it. False: not ours.
  bool found(std::uint64_t id_hash);
  // Those that arrived were all seen.
  bool proven() const;
};

class SuspectList {
 public:
  void add(std::string_view subject, std::uint64_t key, std::uint64_t id_hash);
  void forget(std::string_view subject);
  bool empty() const { return count_ == 0; }
  std::size_t count() const { return count_; }
  void clear();
  std::vector<SuspectSubject>& subjects() { return subjects_; }
  const std::vector<SuspectSubject>& subjects() const { return subjects_; }
  // Keys of all that arrived, ascending.
  std::vector<std::uint64_t> arrived() const;

 private:
  std::size_t count_ = 0;
  std::vector<SuspectSubject> subjects_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace petiole
