// Names to addresses, on threads of its own: getaddrinfo blocks, for half a minute with a dead
// server, and cannot be cancelled.
//
// A look-up that hangs holds up neither the loop nor its end: its thread is left alone and its
// answer is kept for who asks next. Their number is bounded; who asks for a name that is being
// looked up already waits with the others. Loop thread only.
#pragma once

#include <asio/ip/address.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "platform/loop.h"

namespace petiole {

struct LookupResult {
  std::vector<asio::ip::address> addresses;  // In the order of preference, not empty on success.
  std::string error;                         // For people; empty on success.
};

class HostResolver {
 public:
  using Lookup = std::function<LookupResult(const std::string& host)>;  // Any thread; may block.
  // False: it came too late for this one. Then the next who asks for the name gets it.
  using Done = std::function<bool(const LookupResult&)>;

  // The system's look-up, in a test another one.
  explicit HostResolver(Loop& loop, Lookup lookup = lookup_by_system);
  ~HostResolver();  // Calls nobody back.

  // `done` is called in a later turn. Numeric addresses need no look-up.
  void resolve(const std::string& host, Done done);

  // May block, but for localhost, which has an address without a look-up.
  static LookupResult lookup_by_system(const std::string& host);
  static constexpr std::size_t kLookupsMax = 8;  // At once. A device has a few remotes.

 private:
  struct State;
  void look_up(const std::string& host);

  std::shared_ptr<State> state_;
};

}  // namespace petiole
