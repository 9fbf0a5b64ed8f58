#include "platform/slice.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
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

void set_slices(Duration length) {
  Attributes now;
  // Another policy is somebody's choice.
  if (::syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) != 0 || now.policy != SCHED_OTHER) {
    return;
  }
  now.size = sizeof now;
  now.runtime = static_cast<std::uint64_t>(length.count());
  (void)::syscall(SYS_sched_setattr, 0, &now, 0);
}

// On Linux the priority is the calling thread's.
void set_niceness(int more) {
  (void)::setpriority(PRIO_PROCESS, 0, ::getpriority(PRIO_PROCESS, 0) + more);
}

// A child, which leaves no core behind, tries what the thread is about to do.
bool survives() {
  const pid_t child = ::fork();
  if (child == 0) {
    (void)::prctl(PR_SET_DUMPABLE, 0);
    set_slices(Duration::zero());
    set_niceness(0);
    ::_exit(0);
  }
  int status = 0;
  pid_t ended = child;
  while (child > 0 && (ended = ::waitpid(child, &status, 0)) < 0 && errno == EINTR) {
  }
  return ended > 0 && status == 0;
}

// Who calls what a filter of system calls does not allow may be killed for it (systemd's
// SystemCallFilter=~@resources), and what is asked for here is a wish.
bool may_wish() {
  static const bool may = ::prctl(PR_GET_SECCOMP) == 0 || survives();
  return may;
}

}  // namespace

void ask_for_slices(Duration length) {
  if (may_wish()) set_slices(length);
}

void give_way(int niceness) {
  if (may_wish()) set_niceness(niceness);
}

}  // namespace petiole
