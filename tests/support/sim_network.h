// A network in memory, on simulated time: hosts, listeners, dials, and paths that can be slow,
// stalled, one-way dead, or cut in the middle of a frame. A run is a function of the seed.
//
// Each simulated machine gets its own Network by host(). Bytes of a connection flow in segments of
// at most 1,460 bytes, in order; a segment takes its time on the path, which all connections
// between two hosts share. A sender has at most a send buffer's worth of bytes that are not
// acknowledged; acknowledgements travel the other way, so that a path that is dead one way stops
// the sender too. TLS, WebSocket and proxies cost round trips but change no byte.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "platform/network.h"
#include "tests/support/sim.h"

namespace petiole::test {

// One direction between two hosts.
struct SimPath {
  Duration latency = std::chrono::milliseconds(1);
  Duration jitter{};                   // Up to so much more, at random; order is kept.
  std::uint64_t bytes_per_second = 0;  // 0: no limit.
  bool blocked = false;                // Nothing arrives until it is lifted, then all of it.
  bool ragged = false;                 // Segments of any size: every cut of the stream happens.
};

struct SimStats {
  std::uint64_t dials = 0, accepted = 0, refused = 0, resets = 0, bytes = 0;
};

class SimEndpoint;
class SimHost;

class SimNetwork {
 public:
  SimNetwork(SimLoop& loop, ChunkPool& chunks, std::uint64_t seed);
  ~SimNetwork();
  SimNetwork(const SimNetwork&) = delete;
  SimNetwork& operator=(const SimNetwork&) = delete;

  // The machine of that name, made when missing. Its name is what others dial.
  Network& host(const std::string& name);

  // The path from one host to another, to be changed at any time. To lift `blocked` use unblock.
  SimPath& path(const std::string& from, const std::string& to) { return paths_[{from, to}].path; }
  void set_both(const std::string& a, const std::string& b, const SimPath& path);
  void block(const std::string& from, const std::string& to) { path(from, to).blocked = true; }
  void unblock(const std::string& from, const std::string& to);
  void block_both(const std::string& a, const std::string& b);
  void unblock_both(const std::string& a, const std::string& b);

  // Dials of this host are refused, as by a machine without the process.
  void refuse(const std::string& host, bool refuse) { set(refused_, host, refuse); }
  // No name is resolved on this host: dials fail after `dns_timeout`.
  void break_dns(const std::string& host, bool broken) { set(no_dns_, host, broken); }
  Duration dns_timeout = std::chrono::seconds(5);

  // Ends all connections between two hosts as a reset does, on both sides.
  void reset(const std::string& a, const std::string& b);
  // After so many more bytes from `from` have arrived at `to`, the connection that carries the last
  // of them is reset there and then.
  void cut_after(const std::string& from, const std::string& to, std::size_t bytes);
  // Takes a machine away. Its protocols are destroyed without a call; `silent`: the others hear
  // nothing (power loss), else a reset (a killed process).
  void vanish(const std::string& host, bool silent);

  std::size_t connections() const;  // Endpoints that are open.
  const SimStats& stats() const { return stats_; }
  std::size_t send_buffer_bytes = 64 * 1024;

 private:
  friend class SimEndpoint;
  friend class SimHost;
  friend class SimDial;

  using Hosts = std::pair<std::string, std::string>;
  struct Way {
    SimPath path;
    Time free{};                               // The last segment has left the sender.
    std::size_t cut = 0;                       // Bytes until the cut; 0: none.
    std::vector<std::function<void()>> stuck;  // Arrivals that wait for unblock().
  };

  static void set(std::set<std::string>& names, const std::string& name, bool in) {
    in ? void(names.insert(name)) : void(names.erase(name));
  }
  Way& way(const std::string& from, const std::string& to) { return paths_[{from, to}]; }
  bool blocked(const std::string& from, const std::string& to) {
    return way(from, to).path.blocked;
  }
  Duration round_trip(const std::string& a, const std::string& b);
  std::uint64_t random(std::uint64_t bound) { return bound ? entropy_.number() % bound : 0; }
  // Runs `arrive` when a segment of `bytes` is at the other end; `order` keeps a stream's order.
  void carry(const std::string& from, const std::string& to, std::size_t bytes, Time& order,
             std::function<void()> arrive);
  void enter(const std::shared_ptr<SimEndpoint>& endpoint);

  SimLoop& loop_;
  ChunkPool& chunks_;
  SimEntropy entropy_;
  std::map<std::string, std::unique_ptr<SimHost>> hosts_;
  std::map<Hosts, Way> paths_;
  std::set<std::string> refused_, no_dns_;
  std::vector<std::shared_ptr<SimEndpoint>> endpoints_;
  SimStats stats_;
};

}  // namespace petiole::test
