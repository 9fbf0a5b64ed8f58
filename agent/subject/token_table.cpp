#include "agent/subject/token_table.h"

#include <algorithm>
#include <utility>

#include "agent/subject/token_hash.h"

namespace petiole {

std::size_t TokenHash::operator()(std::string_view text) const { return token_hash(seed, text); }

TokenSlot* TokenTable::find(std::uint32_t hash, std::string_view token) const {
  if (!slots_) return nullptr;
  for (std::uint32_t i = hash & mask_; slots_[i].used(); i = (i + 1) & mask_) {
    if (slots_[i].hash == hash && slots_[i].token() == token) return &slots_[i];
  }
  return nullptr;
}

TokenSlot& TokenTable::insert(std::uint32_t hash) {
  if (size_ + 1 > capacity() / 4 * 3) resize(std::max<std::size_t>(4, capacity() * 2));
  std::uint32_t i = hash & mask_;
  while (slots_[i].used()) i = (i + 1) & mask_;
  ++size_;
  slots_[i].hash = hash;
  return slots_[i];
}

// Moves later entries of the same run back, so that no mark of the dead is needed.
void TokenTable::erase(TokenSlot& slot) {
  auto hole = static_cast<std::uint32_t>(&slot - slots_.get());
  for (std::uint32_t i = (hole + 1) & mask_; slots_[i].used(); i = (i + 1) & mask_) {
    const std::uint32_t home = slots_[i].hash & mask_;
    if (((i - home) & mask_) < ((i - hole) & mask_)) continue;
    slots_[hole] = slots_[i];
    hole = i;
  }
  slots_[hole] = {};
  --size_;
  if (size_ == 0) {
    resize(0);
  } else if (capacity() > 8 && size_ < capacity() / 8) {
    resize(capacity() / 2);
  }
}

void TokenTable::resize(std::size_t capacity) {
  const std::size_t before = this->capacity();
  const std::unique_ptr<TokenSlot[]> old = std::move(slots_);
  slots_ = capacity == 0 ? nullptr : std::make_unique<TokenSlot[]>(capacity);
  mask_ = capacity == 0 ? 0 : static_cast<std::uint32_t>(capacity - 1);
  for (std::size_t k = 0; k < before; ++k) {
    if (!old[k].used()) continue;
    std::uint32_t i = old[k].hash & mask_;
    while (slots_[i].used()) i = (i + 1) & mask_;
    slots_[i] = old[k];
  }
}

}  // namespace petiole
