// Bytes on their way to one peer, in pooled chunks: no copy when they grow, no memory when empty.
//
// Messages are written into the last chunk; a large payload that goes to many peers is appended by
// reference. A chunk goes back to the loop's pool as soon as it has been written to the socket, so
// an idle peer owns none. Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace petiole {

inline constexpr std::size_t kChunkBytes = 32 * 1024;

// Free chunks of all peers of a loop. Outlives every Output made from it.
class ChunkPool {
 public:
  explicit ChunkPool(std::size_t free_max = 256) : free_max_(free_max) {}
  std::unique_ptr<char[]> take();
  void give(std::unique_ptr<char[]> chunk);

 private:
  std::size_t free_max_;
  std::vector<std::unique_ptr<char[]>> free_;
};

using SharedBytes = std::shared_ptr<const std::string>;

class Output {
 public:
  explicit Output(ChunkPool& pool) : pool_(&pool) {}
  Output(Output&&) noexcept = default;
  Output& operator=(Output&&) noexcept = default;

  // Room for `bytes` contiguous bytes (at most kChunkBytes) at the end; then commit() what of it
  // was written. The pointer is valid until the next call.
  char* reserve(std::size_t bytes);
  void commit(std::size_t bytes);

  void append(std::string_view bytes);
  // Keeps a reference to `bytes` instead of a copy; of use from some KiB on.
  void append_shared(const SharedBytes& bytes);
  // Moves all of `other` to the end of this one, without a copy.
  void append_all(Output& other);

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // The first bytes, as pieces for one writev; returns the number of pieces filled.
  std::size_t gather(std::span<std::string_view> pieces) const;
  // Forgets the first `bytes` bytes.
  void consume(std::size_t bytes);
  void clear();

 private:
  struct Piece {
    std::unique_ptr<char[]> chunk;  // Null for a shared piece.
    SharedBytes shared;
    std::uint32_t begin = 0;  // The bytes not consumed yet are [begin, end).
    std::uint32_t end = 0;
    const char* data() const { return chunk ? chunk.get() : shared->data(); }
  };

  ChunkPool* pool_;
  std::vector<Piece> pieces_;  // pieces_[head_…] are in use.
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace petiole
