#include "platform/output.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace petiole {

std::unique_ptr<char[]> ChunkPool::take() {
  if (free_.empty()) return std::make_unique_for_overwrite<char[]>(kChunkBytes);
  std::unique_ptr<char[]> chunk = std::move(free_.back());
  free_.pop_back();
  return chunk;
}

void ChunkPool::give(std::unique_ptr<char[]> chunk) {
  if (free_.size() < free_max_) free_.push_back(std::move(chunk));
}

char* Output::reserve(std::size_t bytes) {
  assert(bytes <= kChunkBytes);
  if (head_ != pieces_.size()) {
    Piece& last = pieces_.back();
    if (last.chunk && kChunkBytes - last.end >= bytes) return last.chunk.get() + last.end;
  }
  pieces_.push_back({.chunk = pool_->take(), .shared = nullptr});
  return pieces_.back().chunk.get();
}

void Output::commit(std::size_t bytes) {
  pieces_.back().end += static_cast<std::uint32_t>(bytes);
  size_ += bytes;
}

void Output::append(std::string_view bytes) {
  while (!bytes.empty()) {
    char* room = reserve(1);
    const Piece& last = pieces_.back();
    const std::size_t count = std::min<std::size_t>(bytes.size(), kChunkBytes - last.end);
    std::memcpy(room, bytes.data(), count);
    commit(count);
    bytes.remove_prefix(count);
  }
}

void Output::append_shared(const SharedBytes& bytes) {
  if (bytes->empty()) return;
  pieces_.push_back(
      {.chunk = nullptr, .shared = bytes, .end = static_cast<std::uint32_t>(bytes->size())});
  size_ += bytes->size();
}

void Output::append_all(Output& other) {
  for (std::size_t i = other.head_; i < other.pieces_.size(); ++i) {
    pieces_.push_back(std::move(other.pieces_[i]));
  }
  size_ += std::exchange(other.size_, 0);
  other.pieces_.clear();
  other.head_ = 0;
}

std::size_t Output::gather(std::span<std::string_view> pieces) const {
  std::size_t count = 0;
  for (std::size_t i = head_; i < pieces_.size() && count < pieces.size(); ++i) {
    const Piece& piece = pieces_[i];
    if (piece.begin != piece.end) {
      pieces[count++] = {piece.data() + piece.begin, piece.end - piece.begin};
    }
  }
  return count;
}

void Output::consume(std::size_t bytes) {
  assert(bytes <= size_);
  size_ -= bytes;
  while (head_ < pieces_.size()) {
    Piece& piece = pieces_[head_];
    const std::size_t here = std::min<std::size_t>(bytes, piece.end - piece.begin);
    piece.begin += static_cast<std::uint32_t>(here);
    bytes -= here;
    if (piece.begin != piece.end) break;
    if (piece.chunk) pool_->give(std::move(piece.chunk));
    piece.shared.reset();
    ++head_;
  }
  if (head_ == pieces_.size() || head_ >= 64) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

void Output::clear() { consume(size_); }

}  // namespace petiole
