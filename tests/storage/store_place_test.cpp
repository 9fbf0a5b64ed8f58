// File systems that refuse what others do: a new file, a lock.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <filesystem>
#include <iterator>
#include <string>
#include <utility>

#include "tests/storage/real_box.h"

namespace petiole::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// How many files a folder may have.
std::ptrdiff_t& files_max() {
  static std::ptrdiff_t files = 0;
  return files;
}

int open_or_refuse(const char* path, int flags, int mode) {
  if ((flags & O_CREAT) == 0 || fs::exists(path) ||
      std::distance(fs::directory_iterator(fs::path(path).parent_path()), {}) < files_max()) {
    return open(path, flags, mode);
  }
  errno = ENOSPC;
  return -1;
}

bool append(RealBox& box) {
  return box.store->log("a").append(
             {.sequence = 0, .time = {}, .subject = "s", .header = {}, .payload = "x"}) != 0;
}

// The directory may be one that somebody made with the usual mode.
TEST_CASE("store: what is stored is for its owner and group alone") {
  const fs::path dir = fs::temp_directory_path() / ("petiole-mode-" + std::to_string(getpid()));
  fs::remove_all(dir);
  fs::create_directory(dir);
  {
    RealBox box(dir.string());
    REQUIRE(box.store != nullptr);
    CHECK(append(box));
    box.loop.run_for(1s);
    int files = 0;
    for (const fs::directory_entry& each : fs::directory_iterator(dir)) {
      CAPTURE(each.path().string());
      CHECK((each.status().permissions() & fs::perms::others_all) == fs::perms::none);
      ++files;
    }
    CHECK(files == 3);
  }
  fs::remove_all(dir);
}

TEST_CASE("store: on a disk that takes no new file the reserve makes room for a start") {
  const fs::path dir = fs::temp_directory_path() / ("petiole-inodes-" + std::to_string(getpid()));
  fs::remove_all(dir);
  const SystemCalls calls("open", reinterpret_cast<sqlite3_syscall_ptr>(&open_or_refuse));
  files_max() = 3;
  {
    RealBox box(dir.string());
    REQUIRE(box.store != nullptr);
    CHECK(append(box));
  }
  files_max() = 2;  // The database, the reserve: none for the WAL.
  {
    RealBox box(dir.string());
    INFO(box.error);
    REQUIRE(box.store != nullptr);
    const Log& log = box.store->log("a");
    CHECK(log.state().messages == 1);
    CHECK(append(box));
    box.loop.run_for(1s);
    CHECK(log.state().durable == log.state().last);
  }
  fs::remove_all(dir);
  files_max() = 0;
  {
    RealBox box(dir.string());
    CHECK(box.store == nullptr);
    CHECK(box.error.find("no room on the disk") != std::string::npos);
  }
  fs::remove_all(dir);
}

// Who holds the store; dies as its lock has turned another away.
pid_t& holder() {
  static pid_t child = 0;
  return child;
}

int lock_or_kill(int file, int command, ...) {
  va_list rest;
  va_start(rest, command);
  void* const argument = va_arg(rest, void*);
  va_end(rest);
  const int rc = fcntl(file, command, argument);
  const int error = errno;
  if (command == F_SETLK && rc < 0 && holder() > 0) {
    kill(holder(), SIGKILL);
    waitpid(std::exchange(holder(), 0), nullptr, 0);
  }
  errno = error;
  return rc;
}

TEST_CASE("store: one that was killed, and still writes, is waited for") {
  const fs::path dir = fs::temp_directory_path() / ("petiole-held-" + std::to_string(getpid()));
  fs::remove_all(dir);
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  holder() = fork();
  if (holder() == 0) {
    const RealBox box(dir.string());
    (void)!write(ready[1], "r", 1);
    pause();
    _exit(0);
  }
  char byte = 0;
  CHECK(read(ready[0], &byte, 1) == 1);
  {
    const SystemCalls calls("fcntl", reinterpret_cast<sqlite3_syscall_ptr>(&lock_or_kill));
    RealBox box(dir.string());
    INFO(box.error);
    CHECK(box.store != nullptr);
    CHECK(holder() == 0);
  }
  close(ready[0]);
  close(ready[1]);
  fs::remove_all(dir);
}

int no_lock(int file, int command, ...) {
  va_list rest;
  va_start(rest, command);
  void* const argument = va_arg(rest, void*);
  va_end(rest);
  if (command != F_SETLK) return fcntl(file, command, argument);
  errno = ENOLCK;
  return -1;
}

TEST_CASE("store: a file system without locks is not taken for another petiole") {
  const fs::path dir = fs::temp_directory_path() / ("petiole-locks-" + std::to_string(getpid()));
  fs::remove_all(dir);
  {
    const SystemCalls calls("fcntl", reinterpret_cast<sqlite3_syscall_ptr>(&no_lock));
    RealBox box(dir.string());
    CHECK(box.store == nullptr);
    CHECK(box.error.find("takes no locks") != std::string::npos);
  }
  RealBox box(dir.string());
  CHECK(box.store != nullptr);
  RealBox other(dir.string());
  CHECK(other.store == nullptr);
  fs::remove_all(dir);
}

}  // namespace
}  // namespace petiole::test
