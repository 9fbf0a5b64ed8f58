#include "agent/session/sid_table.h"

#include <algorithm>
#include <utility>

#include "agent/subject/token_hash.h"

namespace petiole {

std::size_t SidTable::home(std::string_view sid) const {
  return token_hash(seed_, sid) & (capacity_ - 1);
}

Subscription* SidTable::find(std::string_view sid) const {
  if (size_ == 0) return nullptr;
  for (std::size_t i = home(sid); slots_[i]; i = (i + 1) & (capacity_ - 1)) {
    if (slots_[i]->sid() == sid) return slots_[i];
  }
  return nullptr;
}

void SidTable::insert(Subscription& subscription) {
  if (size_ + 1 > capacity_ / 4 * 3) resize(std::max<std::size_t>(4, capacity_ * 2));
  std::size_t i = home(subscription.sid());
  while (slots_[i]) i = (i + 1) & (capacity_ - 1);
  slots_[i] = &subscription;
  ++size_;
}

void SidTable::erase(const Subscription& subscription) {
  const std::size_t mask = capacity_ - 1;
  std::size_t hole = home(subscription.sid());
  while (slots_[hole] != &subscription) hole = (hole + 1) & mask;
  for (std::size_t i = (hole + 1) & mask; slots_[i]; i = (i + 1) & mask) {
    if (((i - home(slots_[i]->sid())) & mask) < ((i - hole) & mask)) continue;
    slots_[hole] = slots_[i];
    hole = i;
  }
  slots_[hole] = nullptr;
  --size_;
  if (size_ == 0) {
    resize(0);
  } else if (capacity_ > 8 && size_ < capacity_ / 8) {
    resize(capacity_ / 2);
  }
}

void SidTable::resize(std::size_t capacity) {
  const std::unique_ptr<Subscription*[]> old = std::move(slots_);
  const std::size_t before = std::exchange(capacity_, capacity);
  slots_ = capacity == 0 ? nullptr : std::make_unique<Subscription*[]>(capacity);
  for (std::size_t k = 0; k < before; ++k) {
    if (!old[k]) continue;
    std::size_t i = home(old[k]->sid());
    while (slots_[i]) i = (i + 1) & (capacity_ - 1);
    slots_[i] = old[k];
  }
}

}  // namespace petiole
