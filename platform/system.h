// Clock and entropy of the machine.
#pragma once

#include "platform/entropy.h"
#include "platform/time.h"

namespace petiole {

class SystemClock final : public Clock {
 public:
  Time now() const override;
  WallTime wall() const override;
  Duration slept() const override;
};

// getrandom(2). A system that has no entropy to give ends the process: no key may be made then.
class SystemEntropy final : public Entropy {
 public:
  void fill(std::span<std::byte> bytes) override;
};

}  // namespace petiole
