// The subscriptions of one client by sid: open addressing over pointers, nothing stored twice.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "agent/routing/subscription.h"

namespace petiole {

class SidTable {
 public:
  explicit SidTable(std::uint64_t seed = 0) : seed_(seed) {}

  Subscription* find(std::string_view sid) const;
  // No subscription of this sid may be in the table.
  void insert(Subscription& subscription);
  void erase(const Subscription& subscription);

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return capacity_ * sizeof(Subscription*); }
  Subscription* const* begin() const { return slots_.get(); }  // Free slots are null.
  Subscription* const* end() const { return slots_.get() + capacity_; }

 private:
  std::size_t home(std::string_view sid) const;
  void resize(std::size_t capacity);

  std::uint64_t seed_;
  std::unique_ptr<Subscription*[]> slots_;
  std::size_t capacity_ = 0;  // A power of two.
  std::size_t size_ = 0;
};

}  // namespace petiole
