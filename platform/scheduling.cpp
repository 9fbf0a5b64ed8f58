#include "platform/scheduling.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>

namespace petiole {

namespace {

// linux/sched/types.h, first version; glibc has it in some versions only, and not beside that
// header.
struct SchedulingRequest {
  std::uint32_t size = sizeof(SchedulingRequest);
  std::uint32_t policy = 0;  // SCHED_OTHER.
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;  // Nanoseconds: of SCHED_OTHER the length of a slice.
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

}  // namespace

void ask_for_slices_of(Duration length) {
  SchedulingRequest request;
  request.nice = ::getpriority(PRIO_PROCESS, 0);  // On Linux that of the calling thread.
  request.runtime = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(length).count());
  static_cast<void>(::syscall(SYS_sched_setattr, 0, &request, 0));
}

}  // namespace petiole
