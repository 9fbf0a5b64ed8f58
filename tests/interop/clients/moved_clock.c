// The clock on the wall, set by a test, for LD_PRELOAD: it is ahead by as many seconds as the file
// named by MOVED_CLOCK says, a binary number of 64 bits that is shared with its writer. Timers and
// all other clocks are the kernel's: nothing else is touched.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Atomic int64_t* ahead;

// Before main(), and before any thread.
__attribute__((constructor)) static void open_file(void) {
  const char* const path = getenv("MOVED_CLOCK");
  const int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return;
  void* const shared = mmap(NULL, sizeof(*ahead), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (shared != MAP_FAILED) ahead = shared;
}

int clock_gettime(clockid_t id, struct timespec* time) {
  const int result = (int)syscall(SYS_clock_gettime, id, time);
  if (result == 0 && id == CLOCK_REALTIME && ahead) time->tv_sec += atomic_load(ahead);
  return result;
}
