// Tells what happens to the machine under a server: its network changed, its clock was set, it
// slept.
//
// Each is an event of the kernel: nothing is polled, and an idle server is not woken for it. Where
// the kernel offers no such event (a container without netlink) nothing is told.
#pragma once

#include <functional>
#include <memory>

#include "platform/asio_loop.h"
#include "platform/time.h"

namespace petiole {

enum class MachineEvent : std::uint8_t {
  kNetworkChanged,  // A carrier, an address or a route came or went. Bursts are told once.
  kClockSet,        // The wall clock jumped.
  kWokeUp,          // The machine slept; the monotonic clock stood still meanwhile.
};

class MachineWatch {
 public:
  // `told` runs on the loop's thread.
  MachineWatch(AsioLoop& loop, std::function<void(MachineEvent)> told);
  ~MachineWatch();
  MachineWatch(const MachineWatch&) = delete;
  MachineWatch& operator=(const MachineWatch&) = delete;

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

}  // namespace petiole
