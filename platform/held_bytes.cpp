#include "platform/held_bytes.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace petiole {

namespace {
constexpr std::size_t kStepBytes =
    64 * 1024;                           // The first step of room(); each next one is 4 times.
constexpr std::size_t kKeptBytes = 256;  // A torn line is often followed by the next.
}  // namespace

void HeldBytes::keep(std::string_view rest) {
  if (rest.empty()) {
    size_ = 0;
    if (capacity_ > kKeptBytes) {
      bytes_.reset();
      capacity_ = 0;
    }
    return;
  }
  if (rest.size() > capacity_ || rest.size() < capacity_ / 16) {
    const std::size_t capacity = std::max(rest.size(), std::size_t{64});
    auto bytes = std::make_unique_for_overwrite<char[]>(capacity);
    std::memcpy(bytes.get(), rest.data(), rest.size());
    bytes_ = std::move(bytes);
    capacity_ = capacity;
  } else {
    std::memmove(bytes_.get(), rest.data(), rest.size());
  }
  size_ = rest.size();
}

void HeldBytes::append(std::string_view more) {
  if (size_ + more.size() > capacity_) grow(std::max(size_ + more.size(), 2 * capacity_));
  std::memcpy(bytes_.get() + size_, more.data(), more.size());
  size_ += more.size();
}

std::span<char> HeldBytes::room(std::size_t total) {
  if (size_ == capacity_ || capacity_ < kStepBytes) {
    grow(std::max(std::min(total, std::max(4 * capacity_, kStepBytes)), size_ + 1));
  }
  return {bytes_.get() + size_, std::min(capacity_, std::max(total, size_ + 1)) - size_};
}

void HeldBytes::grow(std::size_t capacity) {
  if (capacity <= capacity_) return;
  auto bytes = std::make_unique_for_overwrite<char[]>(capacity);
  if (size_ != 0) std::memcpy(bytes.get(), bytes_.get(), size_);
  bytes_ = std::move(bytes);
  capacity_ = capacity;
}

}  // namespace petiole
