// Random bytes: from the system in the product, from a seed in a simulation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace petiole {

class Entropy {
 public:
  virtual ~Entropy() = default;
  // Fills `bytes` with bytes fit for keys and nonces.
  virtual void fill(std::span<std::byte> bytes) = 0;

  std::uint64_t number() {
    std::uint64_t value = 0;
    fill(std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
};

}  // namespace petiole
