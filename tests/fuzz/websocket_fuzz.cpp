// Properties of both roles that hold for any bytes after the upgrade:
//  - a cut of the input changes neither the data, the answers nor the status, but for how much is
//    given of a frame that is broken, or compressed and not complete yet, and for which of two
//    errors in a compressed text is found first (only bad UTF-8 is answered by a close frame);
//  - data is bounded by the limit on a message and the length of the input;
//  - after an error nothing more is taken or sent.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "platform/websocket.h"

namespace {

using petiole::Errc;
using petiole::Status;
using petiole::WebSocketSession;

constexpr std::size_t kMessageBytesMax = 4096;

struct Outcome {
  std::string plain, wire;
  Errc code = Errc::kOk;
  bool complete = false;  // The input ended between two frames.
};

void require(bool holds) {
  if (!holds) std::abort();
}

struct Pair {
  explicit Pair(bool compression) {
    petiole::WebSocketOptions options;
    options.host = "h";
    options.path = "/leafnode";
    options.compression = compression;
    options.message_bytes_max = kMessageBytesMax;
    client = petiole::make_websocket_client(options);
    petiole::WebSocketListenOptions listen;
    listen.compression = compression;
    listen.message_bytes_max = kMessageBytesMax;
    server = petiole::make_websocket_server(
        std::make_shared<const petiole::WebSocketListenOptions>(listen));
    std::string request, answer, none;
    client->start(request);
    require(server->receive(request, none, answer).ok());
    require(client->receive(answer, none, request).ok());
    require(client->open() && server->open());
  }
  std::unique_ptr<WebSocketSession> client, server;
};

// A ping follows the input: between two frames it is answered, amid a compressed one it is the next
// piece of data, without which what has come may be held back, and an error in it.
Outcome give(WebSocketSession& session, bool as_client, std::string_view input, std::size_t cut) {
  static constexpr std::string_view kPing("\x89\0", 2), kMasked("\x89\x80\0\0\0\0", 6);
  Outcome out;
  Status status = session.receive(input.substr(0, cut), out.plain, out.wire);
  if (status.ok() && cut < input.size()) {
    status = session.receive(input.substr(cut), out.plain, out.wire);
  }
  if (status.ok()) {
    std::string pong;
    status = session.receive(as_client ? kPing : kMasked, out.plain, pong);
    out.complete = status.ok() && !pong.empty();
    out.wire += pong;
  }
  out.code = status.code();
  if (!status.ok()) {
    std::string plain, wire;
    require(session.receive(input, plain, wire).code() == status.code());
    require(!session.send("x", wire).ok());
    require(plain.empty() && wire.empty());
    require(!session.error().empty());
  }
  return out;
}

}  // namespace

// The first byte chooses role and compression, the second where to cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const bool as_client = (data[0] & 1) != 0, compression = (data[0] & 2) != 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
  Pair first(compression), second(compression);
  const Outcome whole =
      give(as_client ? *first.client : *first.server, as_client, input, input.size());
  const Outcome cut = give(as_client ? *second.client : *second.server, as_client, input,
                           std::min<std::size_t>(data[1], input.size()));
  require(whole.code == cut.code && whole.complete == cut.complete);
  require(whole.plain.starts_with(cut.plain) || cut.plain.starts_with(whole.plain));
  require(whole.plain == cut.plain || whole.code != Errc::kOk || (compression && !whole.complete));
  // A client masks its answers with other keys each time.
  const bool same_wire =
      whole.wire.size() == cut.wire.size() && (as_client || whole.wire == cut.wire);
  require(same_wire || (compression && whole.code == Errc::kProtocol));
  require(whole.plain.size() <= kMessageBytesMax + 128 * input.size() + 4096);
  return 0;
}
