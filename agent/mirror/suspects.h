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
    bool arrived = false;
  };
  std::string subject;
  std::vector<Item> items;

  // Learns that the hub has the message with this id, and so those before it, unless `alone`.
  // False: not ours.
  bool found(std::uint64_t id_hash, bool alone);
};

class SuspectList {
 public:
  void add(std::string_view subject, std::uint64_t key, std::uint64_t id_hash);
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
