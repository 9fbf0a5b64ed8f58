// A slow disk, for LD_PRELOAD: each sync takes so many milliseconds more as the file named by
// SLOW_SYNC says at its beginning; 0 without a file.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void wait_some(void) {
  const char* path = getenv("SLOW_SYNC");
  FILE* file = path ? fopen(path, "r") : NULL;
  long left = 0;
  if (!file) return;
  if (fscanf(file, "%ld", &left) != 1) left = 0;
  fclose(file);
  const struct timespec span = {left / 1000, left % 1000 * 1000000};
  nanosleep(&span, NULL);
}

static int sync_by(const char* name, int descriptor) {
  int (*real)(int) = NULL;
  *(void**)&real = dlsym(RTLD_NEXT, name);
  wait_some();
  return real(descriptor);
}

int fsync(int descriptor) { return sync_by("fsync", descriptor); }
int fdatasync(int descriptor) { return sync_by("fdatasync", descriptor); }
