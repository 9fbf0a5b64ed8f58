// The bytes of an operation that is not all there yet. Empty, it owns no memory.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace petiole {

class HeldBytes {
 public:
  std::string_view view() const { return {bytes_.get(), size_}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Keeps `rest` and nothing else. It may lie inside what is held now.
  void keep(std::string_view rest);
  void append(std::string_view more);

  // Room behind what is held, for a read: at most up to `total` bytes in all. The memory grows by
  // steps, so that a peer that announces much and sends little costs little.
  std::span<char> room(std::size_t total);
  void added(std::size_t bytes) { size_ += bytes; }

 private:
  void grow(std::size_t capacity);

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace petiole
