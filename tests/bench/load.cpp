// A lean load generator for NATS servers: one thread, epoll, raw protocol.
//
// It costs less than any server that it measures: frames are built once and written in large
// pieces; arrivals are counted by bytes, since all messages of a run have the same length, and
// thrown away unread. Prints one JSON object a run. tests/bench/run drives it; see usage() for the
// modes.
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/load_options.h"
#include "tests/bench/load_peer.h"

namespace petiole::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadBytes = 1 << 20;
constexpr std::size_t kBatchBytes = 256 << 10;  // Written at once.
// On their way to one subscriber, at most: what fits a cache, or memory is what is measured.
constexpr std::uint64_t kWindowBytes = 1 << 20;
constexpr std::chrono::seconds kPatience{60};  // Without progress; then the run has failed.

// CPU time that a process has used so far, in seconds; utime and stime are fields 14 and 15.
double cpu_seconds(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::size_t at = text.rfind(')');
  if (at == std::string::npos) return 0;
  unsigned long long user = 0, system = 0;
  std::sscanf(text.c_str() + at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
              &user, &system);
  return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

using Peers = std::vector<std::unique_ptr<Peer>>;

// Names of one length, so that all frames have one length.
std::string subject(std::size_t number) {
  char name[32];
  std::snprintf(name, sizeof(name), "load.%06zu", number);
  return name;
}

std::string publication(const Options& options, std::size_t number) {
  return "PUB " + subject(number) + " " + std::to_string(options.size) + "\r\n" +
         std::string(options.size, 'x') + "\r\n";
}

std::size_t delivery_bytes(const Options& options) {
  return std::string_view("MSG load.000000 1 \r\n\r\n").size() +
         std::to_string(options.size).size() + options.size;
}

// Writes as much as the socket and the windows allow; keeps the position in the repeated batch.
class Publication {
 public:
  explicit Publication(const Options& options) : frame_(publication(options, 0).size()) {
    const std::size_t frames = std::max(options.subjects, kBatchBytes / frame_ + 1);
    for (std::size_t i = 0; i < frames; ++i) batch_ += publication(options, i % options.subjects);
    batch_.resize(batch_.size() - batch_.size() % (frame_ * options.subjects));
  }
  std::size_t frame_bytes() const { return frame_; }

  // At most up to `limit` bytes in all. False: the socket is full.
  bool write(Peer& peer, std::uint64_t limit) const {
    while (peer.bytes < limit) {
      const std::size_t most =
          std::min<std::uint64_t>({kBatchBytes, limit - peer.bytes, batch_.size() - peer.at});
      const std::size_t done = peer.write_some(std::string_view(batch_).substr(peer.at, most));
      if (done == 0) return false;
      peer.bytes += done;
      peer.at = (peer.at + done) % batch_.size();
    }
    return true;
  }

 private:
  std::size_t frame_;
  std::string batch_;
};

class Run {
 public:
  explicit Run(const Options& options) : options_(options), publication_(options) {
    scratch_.resize(kReadBytes);
    connect_all();
    wait_for_interest();
  }

  // Returns seconds from the first byte to the last arrival.
  double go() {
    poll_ = epoll_create1(EPOLL_CLOEXEC);
    for (const auto& peer : publishers_) watch(*peer, EPOLLOUT | EPOLLIN | EPOLLET);
    for (const auto& peer : subscribers_) watch(*peer, EPOLLIN);
    const auto start = Clock::now();
    pump();
    if (subscribers_.empty()) {
      for (const auto& peer : publishers_) finish(*peer);
    }
    const std::chrono::duration<double> took = Clock::now() - start;
    close(poll_);
    return took.count();
  }

  std::uint64_t delivered() const { return received() / delivery_bytes(options_); }

 private:
  void connect_all() {
    for (std::size_t i = 0; i < options_.subscribers; ++i) {
      subscribers_.push_back(std::make_unique<Peer>(options_.subscribe_at));
      const std::string filter = options_.subjects > 1 ? "load.*" : subject(0);
      const char* group = options_.queue ? " group" : "";
      subscribers_.back()->write("SUB " + filter + group + " 1\r\nSUB ready 2\r\n");
      subscribers_.back()->flush();
    }
    for (std::size_t i = 0; i < options_.publishers; ++i) {
      publishers_.push_back(std::make_unique<Peer>(options_.publish_at));
      publishers_.back()->publisher = true;
    }
  }

  // Interest travels in order: who gets "ready" gets what was subscribed before, too.
  void wait_for_interest() {
    Peer& publisher = *publishers_.front();
    for (const auto& peer : subscribers_) {
      peer->set_nonblocking();
      while (peer->read_some(scratch_) == 0) {
        publisher.write("PUB ready 0\r\n\r\n");
        publisher.flush();
        usleep(1000);
      }
      peer->set_blocking();
    }
    publisher.write("PUB ready 4\r\nlast\r\n");
    for (const auto& peer : subscribers_) peer->read_until("last\r\n");
    for (const auto& peer : subscribers_) peer->set_nonblocking();
    for (const auto& peer : publishers_) peer->set_nonblocking();
  }

  void watch(Peer& peer, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &peer;
    if (epoll_ctl(poll_, EPOLL_CTL_ADD, peer.fd(), &event) != 0) fail("epoll_ctl");
  }

  std::uint64_t received() const {
    std::uint64_t sum = 0;
    for (const auto& peer : subscribers_) sum += peer->bytes;
    return sum;
  }

  std::uint64_t to_receive() const {
    const std::uint64_t copies = options_.queue ? 1 : options_.subscribers;
    return copies * options_.publishers * per_publisher() * delivery_bytes(options_);
  }

  std::uint64_t per_publisher() const { return options_.count / options_.publishers; }

  // Bytes that a publisher may have written by now, given what has arrived.
  std::uint64_t limit() const {
    const std::uint64_t all = per_publisher() * publication_.frame_bytes();
    if (subscribers_.empty()) return all;
    const std::uint64_t copies = options_.queue ? 1 : options_.subscribers;
    const std::uint64_t arrived = received() / delivery_bytes(options_) / copies;
    const std::uint64_t allowed = arrived * publication_.frame_bytes() + kWindowBytes;
    return std::min(all, allowed / options_.publishers);
  }

  bool all_sent() const {
    const std::uint64_t all = per_publisher() * publication_.frame_bytes();
    return std::all_of(publishers_.begin(), publishers_.end(),
                       [&](const auto& peer) { return peer->bytes == all; });
  }

  void pump() {
    std::array<epoll_event, 64> events;
    while (!(all_sent() && (subscribers_.empty() || received() >= to_receive()))) {
      const std::uint64_t most = limit();
      bool full = true;
      for (const auto& peer : publishers_) full &= !publication_.write(*peer, most);
      if (subscribers_.empty() && all_sent()) return;  // No event would tell.
      const int wait = all_sent() || full || !subscribers_.empty() ? patience_ms() : 0;
      const int count = epoll_wait(poll_, events.data(), static_cast<int>(events.size()), wait);
      if (count == 0 && wait != 0) fail("no progress");
      for (int i = 0; i < count; ++i)
        take(*static_cast<Peer*>(events[static_cast<std::size_t>(i)].data.ptr));
    }
  }

  static int patience_ms() {
    return static_cast<int>(
        std::chrono::duration_cast<std::chrono::milliseconds>(kPatience).count());
  }

  // Arrivals of a subscriber are counted. PINGs are not answered, for a PONG in the middle of a
  // frame would break it, and no run is so long that a server would mind; their six bytes count.
  void take(Peer& peer) {
    const std::size_t done = peer.read_some(scratch_);
    if (!peer.publisher) peer.bytes += done;
  }

  static void finish(Peer& peer) {
    peer.set_blocking();
    peer.flush();
  }

  const Options& options_;
  Publication publication_;
  Peers publishers_, subscribers_;
  std::string scratch_;
  int poll_ = -1;
};

int run_messages(const Options& options) {
  Run run(options);
  const double cpu = cpu_seconds(options.pid);
  const double seconds = run.go();
  std::printf("{\"seconds\": %.6f, \"messages\": %zu, \"delivered\": %llu, \"server_cpu\": %.2f}\n",
              seconds, options.count, static_cast<unsigned long long>(run.delivered()),
              cpu_seconds(options.pid) - cpu);
  return 0;
}

// One request at a time; requester and responder are both here, so a round is four hops.
int run_requests(const Options& options) {
  Peer responder(options.subscribe_at), requester(options.publish_at);
  responder.write("SUB load.request 1\r\n");
  responder.flush();
  requester.write("SUB load.reply 1\r\n");
  requester.flush();
  const std::string body(options.size, 'x');
  const std::string size = std::to_string(options.size);
  const std::string request = "PUB load.request load.reply " + size + "\r\n" + body + "\r\n";
  const std::string reply = "PUB load.reply " + size + "\r\n" + body + "\r\n";
  std::vector<double> micros;
  micros.reserve(options.count);
  const double cpu = cpu_seconds(options.pid);
  const auto begin = Clock::now();
  for (std::size_t i = 0; i < options.count; ++i) {
    const auto start = Clock::now();
    requester.write(request);
    responder.read_until(body + "\r\n");
    responder.write(reply);
    requester.read_until(body + "\r\n");
    micros.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  const std::chrono::duration<double> seconds = Clock::now() - begin;
  const double used = cpu_seconds(options.pid) - cpu;
  std::sort(micros.begin(), micros.end());
  std::printf(
      "{\"seconds\": %.6f, \"messages\": %zu, \"server_cpu\": %.2f, \"p50_us\": %.2f, \"p99_us\": "
      "%.2f}\n",
      seconds.count(), options.count, used, micros[micros.size() / 2],
      micros[micros.size() * 99 / 100]);
  return 0;
}

// Opens and subscribes, says so, and holds until stdin ends: somebody else measures the memory.
int run_hold(const Options& options) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  Peers peers;
  const std::size_t each = options.count / options.subscribers;
  for (std::size_t i = 0; i < options.subscribers; ++i) {
    peers.push_back(std::make_unique<Peer>(options.subscribe_at));
    std::string lines;
    for (std::size_t n = 0; n < each; ++n) {
      lines += "SUB hold." + std::to_string(i) + "." + std::to_string(n) + " " + std::to_string(n) +
               "\r\n";
      if (lines.size() > kBatchBytes || n + 1 == each) {
        peers.back()->write(lines);
        lines.clear();
      }
    }
    peers.back()->flush();
  }
  std::printf("{\"connections\": %zu, \"subscriptions\": %zu}\n", peers.size(),
              each * peers.size());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}

}  // namespace
}  // namespace petiole::bench

int main(int argc, char** argv) {
  const petiole::bench::Options options = petiole::bench::parse_options(argc, argv);
  if (options.mode == "request") return petiole::bench::run_requests(options);
  if (options.mode == "hold") return petiole::bench::run_hold(options);
  return petiole::bench::run_messages(options);
}
