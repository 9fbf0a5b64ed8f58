// A store whose files may not grow as large as it would have them.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "storage/store.h"
#include "tests/storage/real_box.h"

namespace petiole::test {
namespace {

using namespace std::chrono_literals;

struct FileLimit {
  explicit FileLimit(rlim_t bytes) {
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    rlimit less = before_;
    less.rlim_cur = bytes;
    REQUIRE(setrlimit(RLIMIT_FSIZE, &less) == 0);
    signal(SIGXFSZ, SIG_IGN);
  }
  ~FileLimit() { (void)setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

// FAT's 4 GiB are the same.
TEST_CASE("store: files that may not be as large as the limit are a store that is full") {
  const auto dir =
      std::filesystem::temp_directory_path() / ("petiole-large-" + std::to_string(getpid()));
  std::filesystem::remove_all(dir);
  const FileLimit with(16 << 20);
  const std::string payload(1000, 'q');
  std::uint64_t kept = 0;
  for (int run = 0; run < 2; ++run) {
    RealBox box(dir.string());
    INFO(box.error);
    REQUIRE(box.store != nullptr);
    Log& log = box.store->log("a");
    CHECK(log.state().messages == kept);
    int refused = 0;
    for (int i = 0; i < 40'000; ++i) {
      const RecordView record{
          .sequence = 0, .time = {}, .subject = "s", .header = {}, .payload = payload};
      if (log.append(record) == 0) {
        ++refused;  // The oldest make room.
        log.trim(log.state().first + log.state().messages / 20);
        box.loop.run_for(3s);
      }
      if (i % 100 == 0) box.loop.run_for(20ms);
    }
    CHECK(refused > 0);
    Status durable(Errc::kBusy);
    box.store->when_durable([&](Status status) { durable = status; });
    box.loop.run_for(10s);
    CHECK(durable.ok());
    kept = log.state().messages;
    CHECK(kept > 5000);
  }
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace petiole::test
