// What comes before the protocol on an accepted connection without WebSocket: a PROXY header, TLS,
// and the question who speaks first. Wire 1.10; nats-server server.go, createClientEx.
//
// Knows no Wire: it is told what arrives and says what is to be done. Until a peer's first byte it
// costs these few bytes and a timer; keys and buffers of TLS come after it.
#pragma once

#include <memory>
#include <string_view>

#include "agent/config/listeners.h"
#include "platform/protocol.h"
#include "platform/time.h"

namespace petiole {

// Handshakes within one second, as nats-server counts them; shared by a listener's connections.
class HandshakeLimit {
 public:
  explicit HandshakeLimit(int per_second) : most_(per_second) {}
  bool allow(Time now);

 private:
  int most_;
  int count_ = 0;
  Time until_{};
};

struct EntranceOptions {
  const TlsListenConfig* tls = nullptr;   // Null: none. Outlives the entrance.
  bool allow_clear = false;               // allow_non_tls
  bool proxy_header = false;              // One may come.
  std::shared_ptr<HandshakeLimit> limit;  // Null: none.
};

class Entrance {
 public:
  struct Step {
    enum class Then : std::uint8_t {
      kWait,
      kSecure,  // start_tls(options); what follows `used` belongs to the handshake.
      kOpen,    // The protocol begins; this entrance is done with.
      kEnd,     // Over: -ERR `text`, where there is one.
    };
    bool greet = false;  // Send INFO first.
    std::size_t used = 0;
    Then then = Then::kWait;
    const char* text = nullptr;    // Of kEnd.
    const char* reason = nullptr;  // The same, as connz tells it.
  };

  explicit Entrance(EntranceOptions options) : options_(std::move(options)) {}

  Step opened(Time now);
  // Also called, with any input or none, when the handshake is done. `wire` learns the peer's
  // address from a PROXY header.
  Step receive(std::string_view input, Time now, Wire& wire);
  Step tick(Time now);
  Time deadline() const { return due_; }

  bool greeted() const { return greeted_; }
  // For start_tls: with what is left of the peer's time.
  TlsOptions tls_options(Time now) const;

 private:
  Step look(std::string_view input, Time now);
  Step secure(Time now);
  Step greet(Step step);
  Step refuse_clear() const;

  EntranceOptions options_;
  Time due_ = kNever;      // Of the next thing that happens without input.
  Time tls_due_ = kNever;  // The peer's time for TLS is over.
  bool header_seen_ = false;
  bool greeted_ = false;
  bool securing_ = false;
};

// What a session does of `step`: `greet` sends INFO, `open` begins the protocol, `end` says what is
// wrong. Returns how much of the input was taken.
template <class Greet, class Open, class End>
Result<std::size_t> take_step(std::unique_ptr<Entrance>& entrance, const Entrance::Step& step,
                              Wire& wire, Time now, Greet greet, Open open, End end) {
  using Then = Entrance::Step::Then;
  if (step.greet && step.then != Then::kOpen) greet();
  switch (step.then) {
    case Then::kWait:
      return step.used;
    case Then::kSecure: {
      const Status started = wire.start_tls(entrance->tls_options(now));
      if (!started.ok()) return started;
      return step.used;
    }
    case Then::kOpen:
      entrance.reset();
      open();
      return step.used;
    case Then::kEnd:
      break;
  }
  return end();
}

// What clients on the plain port, and leafs on theirs, have to pass; null: nothing.
std::unique_ptr<Entrance> make_entrance(const EntranceOptions& options);

}  // namespace petiole
