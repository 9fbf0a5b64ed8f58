// The contract between a connection, which moves bytes, and a protocol, which gives them meaning.
//
// A Protocol has no socket and no clock: it is given bytes, the time and a Wire. Everything here
// happens on the loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/output.h"
#include "platform/status.h"
#include "platform/time.h"

namespace petiole {

struct TlsOptions;
struct PeerCertificate;

// What a WebSocket's upgrade request said.
struct UpgradeRequest {
  std::string path;                                          // Without the query.
  std::vector<std::pair<std::string, std::string>> cookies;  // Those that the listener asked for.
};

// How far a connection came, and so where it failed.
enum class Stage : std::uint8_t { kResolve, kConnect, kProxy, kTls, kWebSocket, kOpen };

// Why a connection ended. `text` is for people: "connection refused", "ping time-out".
struct CloseReason {
  Errc code = Errc::kOk;  // kOk: closed by us, in order. kClosed: the peer ended the stream.
  Stage stage = Stage::kOpen;
  std::string text;
};

// What is known of the other end once a wire is open.
struct PeerInfo {
  std::string address;  // Numeric; empty when unknown.
  std::uint16_t port = 0;
  bool websocket = false;
  std::string tls_version;  // Empty without TLS.
  std::string tls_cipher;
  std::shared_ptr<const PeerCertificate> certificate;  // Null: none was asked for or shown.
  std::shared_ptr<const UpgradeRequest> upgrade;       // Of an accepted WebSocket.
};

// How a compressed stream packs what is sent; either end takes both.
enum class CompressionLevel : std::uint8_t { kRaw, kPacked };

struct CompressionOptions {
  CompressionLevel level = CompressionLevel::kPacked;
  std::size_t block_bytes_max = 4 << 20;  // Of the peer; a larger one closes.
};

struct WireStats {
  std::uint64_t bytes_read = 0;  // As on the socket: TLS and WebSocket framing included.
  std::uint64_t bytes_written = 0;
};

// A protocol's hold on its own connection. Valid from opened() to the return of closed().
class Wire {
 public:
  virtual ~Wire() = default;

  // Bytes for the peer are appended here; call wake() afterwards.
  virtual Output& output() = 0;
  // Puts the connection on the flush list of this turn and looks at deadline() again.
  virtual void wake() = 0;

  // Sends what is in the output, then closes; closed() follows in a later turn, never from inside
  // this call. Further calls change nothing. `text` must be a literal or outlive the wire.
  virtual void close(Status why) = 0;
  // The same without sending.
  virtual void abort(Status why) = 0;

  // While paused no input is offered; bytes already read are kept and offered again on resume.
  virtual void pause_reading() = 0;
  virtual void resume_reading() = 0;

  // Calls Protocol::drained() once, when the output has fallen below `bytes`.
  virtual void notify_below(std::size_t bytes) = 0;

  // When the socket last took bytes of an output that it does not take at present; kNever while
  // nothing is stuck. A write deadline is this and a span. Where the kernel holds little unsent:
  // or when the peer's system last acknowledged some, as seen before the last tick.
  virtual Time blocked_since() const = 0;

  // Upgrades to TLS: bytes that follow the input consumed so far belong to the handshake. Output
  // appended before the call goes out in clear. Input, empty perhaps, is offered again when the
  // handshake is done; a failure closes with Stage::kTls. `options` is copied.
  virtual Status start_tls(const TlsOptions& options) = 0;

  // Compresses both ways from here on, by S2 (platform/s2.h): bytes that follow the input consumed
  // so far are compressed, and so is output appended after the call. A second call changes the
  // options. kUnsupported: the wire is closing.
  virtual Status compress(const CompressionOptions& options) = 0;

  virtual const PeerInfo& peer() const = 0;
  // Who the peer really is, as a proxy in between has said.
  virtual void set_peer_address(std::string address, std::uint16_t port) = 0;
  virtual WireStats stats() const = 0;
};

class Protocol {
 public:
  virtual ~Protocol() = default;

  // Called once, first, when the wire can carry data. Not called when the dial fails.
  virtual void opened(Wire& wire, Time now) = 0;

  // Takes bytes from the front of `input` and returns how many it used. The rest is offered again
  // with what arrives later. On an error the output is sent and the connection closed.
  virtual Result<std::size_t> receive(std::string_view input, Time now) = 0;

  // Bytes of the next operation as far as known, so that a large one is read into place; 0 unknown.
  virtual std::size_t wanted() const { return 0; }

  // Does what is due: pings, time-outs. Called at or after deadline(). An error closes.
  virtual Status tick(Time now) = 0;
  virtual Time deadline() const = 0;

  // See Wire::notify_below.
  virtual void drained(Time now) { (void)now; }

  // The last call, exactly once; the protocol is destroyed after it.
  virtual void closed(const CloseReason& reason, Time now) = 0;
};

}  // namespace petiole
