// A real process on a real disk, killed with SIGKILL at random: what it reported durable is there.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <random>
#include <string>

#include "storage/database.h"
#include "storage/store.h"
#include "tests/storage/real_box.h"

namespace petiole::test {
namespace {

using namespace std::chrono_literals;

std::string payload_of(Sequence sequence) {
  return std::to_string(sequence) + std::string(sequence % 300, 'p');
}

struct Report {
  Sequence durable, trimmed;
};

// The child's life: appends and trims until it is killed, and reports what is durable.
[[noreturn]] void child(const std::string& dir, int report) {
  RealBox box(dir);
  if (!box.store) _exit(1);
  Log& log = box.store->log("a");
  log.on_durable([&](Sequence upto) {
    const Report line{upto, 0};
    if (write(report, &line, sizeof line) != sizeof line) _exit(2);
  });
  for (std::uint64_t turn = 0;; ++turn) {
    for (std::uint64_t i = 0; i < turn % 50; ++i) {
      const std::string payload = payload_of(log.state().last + 1);
      (void)log.append({.sequence = 0,
                        .time = box.clock.wall(),
                        .subject = "s",
                        .header = {},
                        .payload = payload});
    }
    const LogState state = log.state();
    if (turn % 20 == 19 && state.messages > 500) {
      const Sequence upto = state.first + 200;
      log.trim(upto);
      box.store->when_durable([report, upto](Status status) {
        const Report line{0, upto};
        if (status.ok() && write(report, &line, sizeof line) != sizeof line) _exit(2);
      });
    }
    box.loop.run_for(1ms);
  }
}

// Kills the child after so many reports: a slow machine is as far as a fast one then.
Report run_and_kill(const std::string& dir, std::uint64_t reports) {
  int pipes[2];
  REQUIRE(pipe(pipes) == 0);
  const pid_t pid = fork();
  if (pid == 0) {
    close(pipes[0]);
    child(dir, pipes[1]);
  }
  close(pipes[1]);
  Report newest{0, 0}, line{};
  for (std::uint64_t count = 1; read(pipes[0], &line, sizeof line) == sizeof line; ++count) {
    newest.durable = std::max(newest.durable, line.durable);
    newest.trimmed = std::max(newest.trimmed, line.trimmed);
    if (count == reports) kill(pid, SIGKILL);  // What it still wrote is read, too.
  }
  int status = 0;
  waitpid(pid, &status, 0);
  CHECK(WIFSIGNALED(status));
  close(pipes[0]);
  return newest;
}

TEST_CASE("store: killed with -9 on a real disk, it has what it reported durable") {
  const std::string dir =
      (std::filesystem::temp_directory_path() / ("petiole-kill-" + std::to_string(getpid())))
          .string();
  std::filesystem::remove_all(dir);
  std::mt19937 random(11);
  Report sum{0, 0};
  for (int round = 0; round < 8; ++round) {
    const Report report = run_and_kill(dir, 1 + random() % 40);
    sum.durable = std::max(sum.durable, report.durable);
    sum.trimmed = std::max(sum.trimmed, report.trimmed);
    RealBox box(dir);
    INFO(box.error);
    REQUIRE(box.store != nullptr);
    CHECK(box.store->recovery().quarantined.empty());
    Log& log = box.store->log("a");
    CHECK(log.state().last >= sum.durable);
    CHECK(log.state().first > sum.trimmed);
    Sequence after = 0, seen = 0;
    std::uint64_t count = 0;
    bool more = true;
    while (more) {
      more = false;
      log.read(after, 256, 1 << 20, [&](Result<Page> page) {
        REQUIRE(page.ok());
        for (const RecordView& record : page->records) {
          CHECK(record.sequence > seen);
          CHECK(record.payload == payload_of(record.sequence));
          seen = record.sequence;
          ++count;
        }
        more = !page->records.empty();
        after = page->next;
      });
      box.loop.run_for(10ms);
    }
    CHECK(count == log.state().messages);
    if (log.state().first <= sum.durable) CHECK(seen >= sum.durable);
  }
  CHECK(sum.durable > 0);
  std::filesystem::remove_all(dir);
}

// A place that cannot be read: of a file, whatever its name comes to be.
struct Place {
  ino_t file = 0;
  off_t at = 0;
};
Place& bad_sector() {
  static Place place;
  return place;
}

ssize_t read_or_fail(int file, void* to, std::size_t count, off_t offset) {
  const Place bad = bad_sector();
  struct stat state {};
  const bool there = bad.at >= offset && bad.at < offset + static_cast<off_t>(count);
  if (!there || fstat(file, &state) != 0 || state.st_ino != bad.file) {
    return pread(file, to, count, offset);
  }
  errno = EIO;
  return -1;
}

struct BadSector : SystemCalls {
  BadSector(const std::string& path, off_t at)
      : SystemCalls("pread", reinterpret_cast<sqlite3_syscall_ptr>(&read_or_fail)) {
    struct stat state {};
    REQUIRE(stat(path.c_str(), &state) == 0);
    bad_sector() = {state.st_ino, at};
  }
};

// What all files of a folder may take, of which no statvfs tells.
struct Quota {
  std::filesystem::path dir;
  off_t bytes = 0;
  std::uint64_t writes_left = UINT64_MAX;  // The process dies at the last of them.
};
Quota& quota() {
  static Quota quota;
  return quota;
}

ssize_t write_or_refuse(int file, const void* from, std::size_t count, off_t offset) {
  if (--quota().writes_left == 0) raise(SIGKILL);
  struct stat state {};
  const off_t end = offset + static_cast<off_t>(count);
  if (fstat(file, &state) == 0 && end > state.st_size) {
    off_t used = end - state.st_size;
    for (const auto& each : std::filesystem::directory_iterator(quota().dir)) {
      used += static_cast<off_t>(each.file_size());
    }
    if (used > quota().bytes) {
      errno = EDQUOT;
      return -1;
    }
  }
  return pwrite(file, from, count, offset);
}

struct WithQuota : SystemCalls {
  WithQuota(const std::filesystem::path& dir, off_t bytes)
      : SystemCalls("pwrite", reinterpret_cast<sqlite3_syscall_ptr>(&write_or_refuse)) {
    quota() = {dir, bytes};
  }
};

TEST_CASE("store: a quota that nobody tells of is as good as a disk of that size") {
  const auto dir =
      std::filesystem::temp_directory_path() / ("petiole-quota-" + std::to_string(getpid()));
  std::filesystem::remove_all(dir);
  const WithQuota with(dir, 20 << 20);
  const std::string payload(1000, 'q');
  std::uint64_t kept = 0;
  {
    RealBox box(dir.string());
    REQUIRE(box.store != nullptr);
    Log& log = box.store->log("a");
    int refused = 0, taken_since = 0;
    for (int i = 0; i < 40'000; ++i) {
      const RecordView record{
          .sequence = 0, .time = {}, .subject = "s", .header = {}, .payload = payload};
      if (log.append(record) != 0) {
        if (refused != 0) ++taken_since;
      } else {
        ++refused;  // The oldest make room.
        log.trim(log.state().first + log.state().messages / 20);
        box.loop.run_for(3s);
      }
      if (i % 100 == 0) box.loop.run_for(20ms);
    }
    CHECK(refused > 0);
    CHECK(taken_since > 10'000);
    Status durable(Errc::kBusy);
    box.store->when_durable([&](Status status) { durable = status; });
    box.loop.run_for(10s);
    CHECK(durable.ok());
    kept = log.state().messages;
    CHECK(kept > 5000);
  }
  {
    RealBox next(dir.string());
    INFO(next.error);
    REQUIRE(next.store != nullptr);
    CHECK(next.store->log("a").state().messages == kept);
  }
  std::filesystem::remove_all(dir);
}

TEST_CASE("store: one in a directory that a link names takes no more room than another") {
  const auto dir =
      std::filesystem::temp_directory_path() / ("petiole-link-" + std::to_string(getpid()));
  const std::string link = dir.string() + "-name";
  std::filesystem::remove_all(dir);
  std::filesystem::remove(link);
  std::filesystem::create_directory(dir);
  std::filesystem::create_directory_symlink(dir, link);
  const WithQuota with(dir, 24 << 20);
  {
    RealBox box(link);
    REQUIRE(box.store != nullptr);
    Log& log = box.store->log("a");
    const std::string payload(1000, 'q');
    int refused = 0;
    for (int i = 0; i < 12'000; ++i) {
      const RecordView record{
          .sequence = 0, .time = {}, .subject = "s", .header = {}, .payload = payload};
      if (log.append(record) == 0) ++refused;
      if (i % 100 == 0) box.loop.run_for(20ms);
    }
    CHECK(refused == 0);
  }
  std::filesystem::remove(link);
  std::filesystem::remove_all(dir);
}

// Fills the quota, drains some, idles, and goes on so; ends by itself or by the quota's count.
[[noreturn]] void child_under_quota(const std::string& dir, int report) {
  {
    RealBox box(dir);
    if (!box.store) _exit(1);
    Log& log = box.store->log("a");
    const auto say = [report](const Report& line) {
      if (write(report, &line, sizeof line) != sizeof line) _exit(2);
    };
    log.on_durable([&](Sequence upto) { say({upto, 0}); });
    for (int turn = 0; turn < 6; ++turn) {
      for (int i = 0; i < 3000; ++i) {
        const std::string payload = payload_of(log.state().last + 1);
        const RecordView record{.sequence = 0,
                                .time = box.clock.wall(),
                                .subject = "s",
                                .header = {},
                                .payload = payload};
        if (log.append(record) == 0) break;
        if (i % 100 == 0) box.loop.run_for(20ms);
      }
      box.loop.run_for(turn % 2 == 0 ? 3s : 12s);
      const Sequence upto = log.state().first + log.state().messages / (turn % 3 + 2);
      log.trim(upto);
      say({0, upto});
      box.loop.run_for(3s);
    }
  }
  _exit(0);
}

TEST_CASE("store: killed at any write under a quota that nobody tells of, it starts and has all") {
  const std::string dir =
      (std::filesystem::temp_directory_path() / ("petiole-qkill-" + std::to_string(getpid())))
          .string();
  bool more = true;
  for (std::uint64_t writes = 1; more; writes += 1 + writes / 8) {
    CAPTURE(writes);
    std::filesystem::remove_all(dir);
    const WithQuota with(dir, 5 << 20);
    int pipes[2];
    REQUIRE(pipe(pipes) == 0);
    const pid_t pid = fork();
    if (pid == 0) {
      quota().writes_left = writes;
      child_under_quota(dir, pipes[1]);
    }
    close(pipes[1]);
    Report sum{0, 0}, line{};
    while (read(pipes[0], &line, sizeof line) == sizeof line) {
      sum.durable = std::max(sum.durable, line.durable);
      sum.trimmed = std::max(sum.trimmed, line.trimmed);
    }
    close(pipes[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    more = WIFSIGNALED(status);
    if (!more) CHECK(WEXITSTATUS(status) == 0);
    RealBox box(dir);
    INFO(box.error);
    REQUIRE(box.store != nullptr);
    CHECK(box.store->recovery().quarantined.empty());
    Log& log = box.store->log("a");
    CHECK(log.state().last >= sum.durable);
    if (sum.durable > sum.trimmed) CHECK(log.state().messages >= sum.durable - sum.trimmed);
    log.trim(log.state().first + log.state().messages / 2);
    box.loop.run_for(8s);
    const RecordView record{
        .sequence = 0, .time = {}, .subject = "s", .header = {}, .payload = "n"};
    CHECK(box.store->status().ok());
    CHECK(log.append(record) != 0);
    box.loop.run_for(1s);
    CHECK(log.state().durable == log.state().last);
  }
  std::filesystem::remove_all(dir);
}

TEST_CASE("store: a quota that is raised gives its room, without a restart") {
  const auto dir =
      std::filesystem::temp_directory_path() / ("petiole-raised-" + std::to_string(getpid()));
  std::filesystem::remove_all(dir);
  const WithQuota with(dir, 20 << 20);
  const std::string payload(1000, 'q');
  {
    RealBox box(dir.string());
    REQUIRE(box.store != nullptr);
    const auto fill = [&] {
      int taken = 0;
      const RecordView record{
          .sequence = 0, .time = {}, .subject = "s", .header = {}, .payload = payload};
      while (taken < 100'000 && box.store->log("a").append(record) != 0) {
        if (++taken % 100 == 0) box.loop.run_for(20ms);
      }
      return taken;
    };
    CHECK(fill() > 5000);
    box.loop.run_for(10s);
    CHECK(fill() < 5000);
    box.loop.run_for(10min);
    CHECK(fill() == 0);
    quota().bytes = 60 << 20;
    box.loop.run_for(3min);
    CHECK(box.store->status().ok());
    CHECK(fill() > 20'000);
  }
  std::filesystem::remove_all(dir);
}

TEST_CASE("store: a sector of a real disk that cannot be read costs what is there, and no start") {
  const auto dir =
      std::filesystem::temp_directory_path() / ("petiole-sector-" + std::to_string(getpid()));
  for (const off_t page : {0, 2}) {  // The head, the logs.
    CAPTURE(page);
    std::filesystem::remove_all(dir);
    {
      RealBox box(dir.string());
      REQUIRE(box.store != nullptr);
      for (int i = 0; i < 100; ++i) {
        (void)box.store->log("a").append(
            {.sequence = 0, .time = {}, .subject = "s", .header = {}, .payload = "x"});
      }
      box.store->set_state("k", "v");
    }
    std::string aside;
    {
      const BadSector bad(dir / "petiole.db", page * 4096 + 512);
      RealBox box(dir.string());
      INFO(box.error);
      REQUIRE(box.store != nullptr);
      aside = box.store->recovery().quarantined;
      CHECK(std::filesystem::exists(aside));
      CHECK(box.store->recovery().salvaged_messages == (page == 0 ? 0 : 100));
      box.store->settle_salvage();
    }
    RealBox box(dir.string());
    REQUIRE(box.store != nullptr);
    CHECK(box.store->recovery().quarantined.empty());
    CHECK(std::filesystem::exists(aside));
  }
  std::filesystem::remove_all(dir);
}

TEST_CASE("store: nothing counts as durable once the database is not in its place") {
  namespace fs = std::filesystem;
  const fs::path dir = fs::temp_directory_path() / ("petiole-moved-" + std::to_string(getpid()));
  const fs::path other = dir.string() + "-other";
  const std::function<void()> ways[] = {
      [&] { fs::remove_all(dir); },
      [&] { fs::remove(dir / "petiole.db"); },
      [&] { fs::rename(dir, other); },
      [&] { fs::rename(dir, other), fs::copy(other, dir, fs::copy_options::recursive); },
  };
  for (const auto& way : ways) {
    fs::remove_all(dir);
    fs::remove_all(other);
    {
      RealBox box(dir.string());
      REQUIRE(box.store != nullptr);
      Log& log = box.store->log("a");
      const auto append = [&] {
        return log.append(
                   {.sequence = 0, .time = {}, .subject = "s", .header = {}, .payload = "x"}) != 0;
      };
      Status durable(Errc::kBusy);
      const auto flush = [&] {
        box.store->when_durable([&](Status status) { durable = status; });
        box.loop.run_for(1s);
      };
      REQUIRE(append());
      flush();
      REQUIRE(durable.ok());
      way();
      REQUIRE(append());
      flush();
      CHECK(durable.code() == Errc::kStorage);
      CHECK(box.store->status().text().find("removed or moved") != std::string_view::npos);
      CHECK_FALSE(append());
      std::size_t read = 0;  // What it has is there, to be sent.
      log.read(0, 256, 1 << 20,
               [&](Result<Page> page) { read = page.ok() ? page->records.size() : 0; });
      box.loop.run_for(1s);
      CHECK(read >= 1);
    }
    RealBox next(dir.string());
    INFO(next.error);
    CHECK(next.store != nullptr);
  }
  fs::remove_all(dir);
  fs::remove_all(other);
}

TEST_CASE("store: a directory that cannot be made or is a file is refused with its path") {
  const std::string base =
      (std::filesystem::temp_directory_path() / ("petiole-dir-" + std::to_string(getpid())))
          .string();
  for (const char* dir : {"/missing/store", "/proc/petiole"}) {
    RealBox box(dir == std::string("/missing/store") ? base + dir : dir);
    CHECK(box.store == nullptr);
    CHECK(box.error.find(dir) != std::string::npos);
  }
  CHECK_FALSE(std::filesystem::exists(base));
}

}  // namespace
}  // namespace petiole::test
