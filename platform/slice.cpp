#include "platform/slice.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace petiole {

namespace {

// linux/sched/types.h, struct sched_attr, in its first size; newer C libraries define it, too.
struct Attributes {
  std::uint32_t size = sizeof(Attributes);
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;  // Nanoseconds: the slice, of the usual policy.
  std::uint64_t deadline = 0, period = 0;
};
static_assert(sizeof(Attributes) == 48);

}  // namespace

void ask_for_slices(Duration length) {
  Attributes now;
  // Another policy is somebody's choice.
  if (::syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) != 0 || now.policy != SCHED_OTHER) {
    return;
  }
  now.size = sizeof now;
  now.runtime = static_cast<std::uint64_t>(length.count());
  (void)::syscall(SYS_sched_setattr, 0, &now, 0);
}

}  // namespace petiole
