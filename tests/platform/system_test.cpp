#include <doctest/doctest.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "platform/files.h"
#include "platform/log_writer.h"
#include "platform/machine_watch.h"
#include "platform/process.h"
#include "platform/service_notify.h"
#include "platform/signals.h"
#include "platform/startup_code.h"
#include "platform/system.h"
#include "tests/support/sim.h"

namespace petiole::test {
namespace {

using namespace std::chrono_literals;

struct TempDir {
  TempDir() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~TempDir() { std::filesystem::remove_all(path); }
  std::string operator/(const char* name) const { return path + '/' + name; }
  std::string path = (std::filesystem::temp_directory_path() / "petiole.XXXXXX").string();
};

// Stands for stderr while it lives.
struct CapturedStderr {
  explicit CapturedStderr(int descriptor) : saved(::dup(STDERR_FILENO)) {
    ::dup2(descriptor, STDERR_FILENO);
  }
  ~CapturedStderr() {
    ::dup2(saved, STDERR_FILENO);
    ::close(saved);
  }
  int saved;
};

TEST_CASE("log: lines have nats-server's form") {
  const TempDir dir;
  SimClock clock;
  LogWriter log(clock, {.utc = true, .to_stderr = false, .file = dir / "log"});
  log.info("Listening on 0.0.0.0:4222\nand more");
  log.debug("not shown");
  log.set_verbosity(true, false);
  log.debug("shown");
  const std::string text = read_file(dir / "log", 10'000).text;
  const auto line = [&](int micros, const char* rest) {
    char stamp[64];
    std::snprintf(stamp, sizeof(stamp), "[%d] 2025/12/18 00:16:40.%06d ", ::getpid(), micros);
    return stamp + std::string(rest);
  };
  CHECK(text == line(0, "[INF] Listening on 0.0.0.0:4222 and more\n") + line(0, "[DBG] shown\n"));
}

TEST_CASE("files: names, sizes and directories") {
  const TempDir dir;
  const std::string made = dir / "made/";
  CHECK(make_directory(made).ok());
  CHECK(make_directory(made).ok());  // Fine when it is there.
  CHECK(write_file(made + "b.x", "12345").ok());
  CHECK(write_file(made + "a.x", "").ok());
  CHECK(rename_file(made + "b.x", made + "c.y").ok());
  CHECK(rename_file(made + "none", made + "d").code() == Errc::kNotFound);
  CHECK(*list_names(made) == std::vector<std::string>{"a.x", "c.y"});
  CHECK(*list_files(made, ".x") == std::vector<std::string>{"a.x"});
  CHECK(list_names(dir / "none").status().code() == Errc::kNotFound);
  CHECK(file_bytes(made + "c.y") == 5);
  CHECK_FALSE(file_bytes(made));
  CHECK(free_bytes(made).value_or(0) > 0);
  CHECK_FALSE(free_bytes(dir / "none"));
  CHECK(make_directory(made + "c.y").code() != Errc::kOk);
}

TEST_CASE("log: a file is reopened after another renamed it") {
  const TempDir dir;
  SimClock clock;
  LogWriter log(clock, {.to_stderr = false, .file = dir / "log"});
  log.info("one");
  std::filesystem::rename(dir / "log", dir / "old");
  log.info("two");
  log.reopen();
  log.info("three");
  CHECK(read_file(dir / "old", 10'000).text.find("two") != std::string::npos);
  CHECK(read_file(dir / "log", 10'000).text.find("three") != std::string::npos);
}

TEST_CASE("log: a full file is renamed with the time, and the oldest are removed") {
  const TempDir dir;
  SimClock clock;
  LogWriter log(clock,
                {.to_stderr = false, .file = dir / "log", .file_bytes_max = 300, .files_max = 3});
  for (int i = 0; i < 50; ++i) {
    clock.move_to(clock.now() + 1s);
    log.info("a line of some length, number " + std::to_string(i));
  }
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path)) {
    ++files;
    CHECK(entry.file_size() <= 300);
  }
  CHECK(files == 3);
  CHECK(read_file(dir / "log", 10'000).text.find("number 49") != std::string::npos);
}

TEST_CASE("log: a file that is gone when it is full is made again") {
  const TempDir dir;
  SimClock clock;
  LogWriter log(clock, {.to_stderr = false, .file = dir / "log", .file_bytes_max = 300});
  log.info("one");
  std::filesystem::remove(dir / "log");
  for (int i = 0; i < 10; ++i) log.info("a line of some length, number " + std::to_string(i));
  CHECK(read_file(dir / "log", 10'000).text.find("number 9") != std::string::npos);
}

TEST_CASE("log: what a file does not take goes to stderr") {
  SimClock clock;
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  LogWriter none(clock, {.to_stderr = false, .file = "/no/such/dir/log"});
  CHECK(none.file_error() == "/no/such/dir/log: No such file or directory");
  LogWriter full(clock, {.to_stderr = false, .file = "/dev/full"});
  CHECK(full.file_error().empty());
  const TempDir dir;
  LogWriter good(clock, {.to_stderr = false, .file = dir / "log"});
  {
    const CapturedStderr captured(ends[1]);
    none.info("no file");
    full.info("no room");
    good.info("in the file");
  }
  std::string text(10'000, '\0');
  text.resize(
      static_cast<std::size_t>(std::max<ssize_t>(0, ::read(ends[0], text.data(), text.size()))));
  ::close(ends[0]);
  ::close(ends[1]);
  CHECK(text.find("no file") != text.npos);
  CHECK(text.find("no room") != text.npos);
  CHECK(text.find("in the file") == text.npos);
}

TEST_CASE("log: a pipe that is full or closed stops nothing, and drops are counted") {
  SimClock clock;
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  LogWriter log(clock, {});
  AsioLoop loop(clock);
  const Signals no_broken_pipe(loop, [](Signal) {});
  std::string text(1 << 20, '\0');
  {
    const CapturedStderr captured(ends[1]);
    for (int i = 0; i < 1000; ++i) log.info(std::string(1000, 'x'));
    const auto read = [&] { return ::read(ends[0], text.data(), text.size()); };
    CHECK(read() > 10'000);
    log.info("after");
    text.resize(static_cast<std::size_t>(read()));
    ::close(ends[0]);
    log.info("closed");
  }
  ::close(ends[1]);
  CHECK(text.find("log lines dropped") != std::string::npos);
  CHECK(text.find("after") != std::string::npos);
}

TEST_CASE("log: a long line does not wait for room in a pipe") {
  SimClock clock;
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  REQUIRE(::fcntl(ends[1], F_SETPIPE_SZ, 2 * PIPE_BUF) == 2 * PIPE_BUF);
  LogWriter log(clock, {});
  std::string text(1 << 20, '\0');
  {
    const CapturedStderr captured(ends[1]);
    log.info(std::string(100, 'x'));
    log.info(std::string(20'000, 'y'));  // One page is free, two would block.
    log.info("dropped");
    text.resize(static_cast<std::size_t>(::read(ends[0], text.data(), text.size())));
  }
  ::close(ends[0]);
  ::close(ends[1]);
  CHECK(text.size() > PIPE_BUF);
  CHECK(text.ends_with("yyy\n"));
}

TEST_CASE("service: systemd's datagrams") {
  const TempDir dir;
  const std::string path = dir / "notify";
  const int receiver = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  REQUIRE(::bind(receiver, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  const ServiceNotify notify(path, 1s);
  const auto next = [&] {
    char text[256];
    const ssize_t count = ::recv(receiver, text, sizeof(text), MSG_DONTWAIT);
    return count < 0 ? std::string("nothing") : std::string(text, static_cast<std::size_t>(count));
  };
  notify.ready();
  CHECK(next() == "READY=1");
  notify.status("leaf: hub connected");
  CHECK(next() == "STATUS=leaf: hub connected");
  notify.watchdog();
  CHECK(next() == "WATCHDOG=1");
  notify.reloading(Time(5ms));
  CHECK(next() == "RELOADING=1\nMONOTONIC_USEC=5000");
  notify.stopping();
  CHECK(next() == "STOPPING=1");
  ::close(receiver);
  notify.ready();  // Nobody there.
  CHECK(notify.watchdog_interval() == Duration(1s));
  const ServiceNotify none("", 1s);
  none.ready();
  CHECK_FALSE(none.active());
  CHECK_FALSE(none.watchdog_interval().has_value());
}

TEST_CASE("service: what systemd allows is read from the environment") {
  ::setenv("NOTIFY_SOCKET", "@petiole-test", 1);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  CHECK(ServiceNotify().watchdog_interval() == Duration(15s));
  ::setenv("WATCHDOG_PID", "1", 1);
  CHECK_FALSE(ServiceNotify().watchdog_interval().has_value());
  ::unsetenv("WATCHDOG_PID");
  ::setenv("WATCHDOG_USEC", "soon", 1);
  CHECK_FALSE(ServiceNotify().watchdog_interval().has_value());
  ::unsetenv("WATCHDOG_USEC");
  ::unsetenv("NOTIFY_SOCKET");
  CHECK_FALSE(ServiceNotify().active());
}

TEST_CASE("signals: are calls on the loop") {
  SystemClock clock;
  AsioLoop loop(clock);
  std::vector<Signal> caught;
  const Signals signals(loop, [&](Signal signal) {
    caught.push_back(signal);
    loop.stop();
  });
  for (const Signal signal :
       {Signal::kHangUp, Signal::kUser1, Signal::kUser2, Signal::kInterrupt, Signal::kTerminate}) {
    CHECK(send_signal(::getpid(), signal).ok());
    loop.run();
    CHECK(caught.back() == signal);
  }
  CHECK(caught.size() == 5);
  CHECK(send_signal(0, Signal::kHangUp).code() == Errc::kNotFound);
  CHECK(send_signal(-1, Signal::kTerminate).code() == Errc::kNotFound);
  CHECK(send_signal(1 << 30, Signal::kTerminate).code() == Errc::kNotFound);
  CHECK(process_exists(::getpid()));
  CHECK_FALSE(process_exists(1 << 30));
}

TEST_CASE("signals: what is asked for during the start comes when it is over") {
  hold_signals();
  CHECK(::raise(SIGPIPE) == 0);  // An error tells of them.
  CHECK(::raise(SIGXFSZ) == 0);
  for (const Signal signal : {Signal::kHangUp, Signal::kUser1, Signal::kUser2}) {
    CHECK(send_signal(::getpid(), signal).ok());
  }
  SystemClock clock;
  AsioLoop loop(clock);
  std::vector<Signal> caught;
  const Signals signals(loop, [&](Signal signal) {
    caught.push_back(signal);
    if (caught.size() == 3) loop.stop();
  });
  loop.run();
  std::sort(caught.begin(), caught.end());
  CHECK(caught == std::vector{Signal::kHangUp, Signal::kUser1, Signal::kUser2});
}

TEST_CASE("process: as many files as are allowed at most") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit few = before;
  few.rlim_cur = std::min<rlim_t>(before.rlim_max, 64);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  raise_file_limit();
  rlimit after{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &after) == 0);
  CHECK(after.rlim_cur == before.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &before);
}

// After an upgrade the old one runs on for a while.
TEST_CASE("process: a twin whose file was replaced is one still") {
  const TempDir dir;
  const std::string copy = dir / ::program_invocation_short_name;
  std::filesystem::copy_file("/bin/sleep", copy);
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl(copy.c_str(), copy.c_str(), "60", static_cast<char*>(nullptr));
    ::_exit(1);
  }
  const auto found = [child] {
    const std::vector<int> twins = twin_processes();
    return std::find(twins.begin(), twins.end(), child) != twins.end();
  };
  while (!std::filesystem::read_symlink("/proc/" + std::to_string(child) + "/exe")
              .native()
              .starts_with(dir.path)) {
  }
  CHECK(found());
  std::filesystem::remove(copy);
  CHECK(found());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("process: plausible numbers") {
  CHECK(resident_bytes() > 1 << 20);
  CHECK(cores() >= 1);
  CHECK(process_id() == ::getpid());
  CHECK_FALSE(host_name().empty());
  SystemClock clock;
  CpuMeter meter;
  CHECK(meter.percent(clock.now()) == 0);
  const Time end = clock.now() + 120ms;
  while (clock.now() < end) {
  }
  CHECK(meter.percent(clock.now()) > 5);
}

TEST_CASE("files: reading is bounded and says what is wrong") {
  const TempDir dir;
  CHECK(write_file(dir / "a", "text").ok());
  CHECK(read_file(dir / "a", 4).text == "text");
  const FileText large = read_file(dir / "a", 3);
  CHECK(large.status.code() == Errc::kTooLarge);
  CHECK(large.error == dir / "a" + ": larger than 3 bytes");
  CHECK(large.text.empty());
  CHECK(read_file(dir / "none", 10).status.code() == Errc::kNotFound);
  CHECK(read_file(dir / "none", 10).error == dir / "none" + ": No such file or directory");
  CHECK_FALSE(read_file(dir.path, 10).status.ok());
}

// In a network namespace of this thread alone.
void raise_loopback() {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::snprintf(request.ifr_name, sizeof(request.ifr_name), "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  CHECK(::ioctl(socket, SIOCSIFFLAGS, &request) == 0);
  ::close(socket);
}

TEST_CASE("machine: a network that changes is told once a burst") {
  std::thread alone([] {
    if (::unshare(CLONE_NEWNET) != 0) {
      MESSAGE("NOT TESTED: needs root, for a namespace");
      return;
    }
    SystemClock clock;
    AsioLoop loop(clock);
    std::vector<MachineEvent> told;
    const MachineWatch watch(loop, [&](MachineEvent event) {
      told.push_back(event);
      loop.stop();
    });
    const auto limit = loop.make_timer([&] { loop.stop(); });
    limit->arm(clock.now() + 10s);
    raise_loopback();
    loop.run();
    CHECK(told == std::vector{MachineEvent::kNetworkChanged});
  });
  alone.join();
}

TEST_CASE("files: writing replaces the whole, or nothing") {
  const TempDir dir;
  CHECK(write_file(dir / "a", "old", 0600).ok());
  struct stat state {};
  REQUIRE(::stat((dir / "a").c_str(), &state) == 0);
  CHECK((state.st_mode & 0777) == 0600);
  CHECK(write_file(dir / "a", std::string(100'000, 'n')).ok());
  CHECK(read_file(dir / "a", 1 << 20).text == std::string(100'000, 'n'));
  CHECK(write_file(dir / "no/a", "x").code() == Errc::kNotFound);
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir.path)) ++files;
  CHECK(files == 1);  // No temporary file is left.
  CHECK(file_exists(dir / "a"));
  CHECK_FALSE(file_exists(dir / "b"));
  CHECK(file_modified(dir / "a").has_value());
  CHECK_FALSE(file_modified(dir / "b").has_value());
}

TEST_CASE("files: a device, a pipe and what a link leads to are written over, not replaced") {
  const TempDir dir;
  CHECK(place_file(dir / "a", "old").ok());
  CHECK(place_file(dir / "a", "new").ok());
  CHECK(read_file(dir / "a", 100).text == "new");
  std::filesystem::create_symlink("a", dir / "link");
  CHECK(place_file(dir / "link", "n").ok());
  CHECK(std::filesystem::is_symlink(dir / "link"));
  CHECK(read_file(dir / "a", 100).text == "n");
  std::filesystem::create_symlink("b", dir / "new");  // To what is not there yet.
  CHECK(place_file(dir / "new", "m").ok());
  CHECK(read_file(dir / "b", 100).text == "m");
  std::filesystem::create_symlink("/dev/full", dir / "full");
  CHECK(place_file(dir / "full", "x").code() == Errc::kStorageFull);
  CHECK(std::filesystem::is_symlink(dir / "full"));
  REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);
  CHECK_FALSE(place_file(dir / "pipe", "x").ok());  // Nobody reads: not waited for.
  CHECK(std::filesystem::is_fifo(dir / "pipe"));
}

TEST_CASE("files: a directory is made once") {
  const TempDir dir;
  CHECK(make_directory(dir / "d").ok());
  CHECK(make_directory(dir / "d").ok());
  CHECK(make_directory(dir / "x/y").code() == Errc::kNotFound);
  CHECK(write_file(dir / "f", "").ok());
  CHECK_FALSE(make_directory(dir / "f").ok());
}

// Pages of files that are mapped and present, in KiB.
long resident_file_pages() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssFile:")) return std::stol(line.substr(8));
  }
  return 0;
}

TEST_CASE("the code of the start is given back, and what is needed comes again") {
  const long before = resident_file_pages();
  release_startup_code();
  const long after = resident_file_pages();
  CHECK(before > 0);
  CHECK(after < before);
}

}  // namespace
}  // namespace petiole::test
