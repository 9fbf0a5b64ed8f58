// Memory for the wait that a connection has under way nearly always: begun once a turn, it would be
// an allocation a message where messages come one by one. Loop thread only.
#pragma once

#include <cstddef>
#include <new>

namespace petiole {

class WaitMemory {
 public:
  WaitMemory() = default;
  WaitMemory(const WaitMemory&) = delete;
  WaitMemory& operator=(const WaitMemory&) = delete;

  void* take(std::size_t bytes) {
    if (taken_ || bytes > sizeof bytes_) return ::operator new(bytes);
    taken_ = true;
    return bytes_;
  }
  void give(void* memory) {
    if (memory != bytes_) return ::operator delete(memory);
    taken_ = false;
  }

 private:
  alignas(std::max_align_t) std::byte bytes_[96];  // Asio takes 88 on 64 bits.
  bool taken_ = false;
};

// For Asio: a handler's associated allocator.
template <class T>
class WaitAllocator {
 public:
  using value_type = T;
  explicit WaitAllocator(WaitMemory& memory) : memory_(&memory) {}
  template <class U>
  WaitAllocator(const WaitAllocator<U>& other) : memory_(other.memory_) {}

  T* allocate(std::size_t count) { return static_cast<T*>(memory_->take(count * sizeof(T))); }
  void deallocate(T* place, std::size_t) { memory_->give(place); }
  template <class U>
  bool operator==(const WaitAllocator<U>& other) const {
    return memory_ == other.memory_;
  }

 private:
  template <class U>
  friend class WaitAllocator;
  WaitMemory* memory_;
};

}  // namespace petiole
