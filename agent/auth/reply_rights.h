// Replies that a user may publish because it was asked: allow_responses, wire 2.4.
//
// Bounded: over kRightsMax the oldest right is lost. Places are used again, so that a server of
// requests allocates nothing once it has run for a while. Loop thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/access.h"
#include "platform/time.h"

namespace petiole {

class ReplyRights {
 public:
  // The reference has no bound but the time; 65,536 requests under way make some 8 MB.
  static constexpr std::size_t kRightsMax = 1 << 16;

  explicit ReplyRights(const ResponseRule& rule, std::uint64_t seed) : rule_(rule), seed_(seed) {}

  // A request that names `reply` was delivered.
  void grant(std::string_view reply, Time now);
  // Whether it may be published; counts it.
  bool use(std::string_view reply, Time now);

  std::size_t size() const { return live_; }

 private:
  struct Right {
    std::string reply;  // Empty: used up.
    Time since{};
    int used = 0;
    std::uint32_t next = 0;  // Of the same bucket, plus one.
    std::uint32_t hash = 0;
  };

  Right& at(std::uint64_t number) { return ring_[number & (ring_.size() - 1)]; }
  std::uint32_t* find(std::string_view reply, std::uint32_t hash);
  void drop(std::uint32_t* link);
  void drop_oldest();
  void make_room();
  bool is_late(const Right& right, Time now) const;
  bool is_spent(const Right& right, Time now) const;

  ResponseRule rule_;
  std::uint64_t seed_;
  std::vector<Right> ring_;             // A power of two, by number.
  std::vector<std::uint32_t> buckets_;  // As many: place in the ring plus one.
  std::uint64_t oldest_ = 0, next_ = 0;
  std::size_t live_ = 0;
};

}  // namespace petiole
