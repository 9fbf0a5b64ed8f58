// Properties of a server's upgrade that hold for any bytes:
//  - a cut of the input changes neither the verdict, the answer nor what was said;
//  - an unfinished request is held within a bound, and answered 431 beyond it;
//  - who is refused gets one whole answer, and nothing is taken for data.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "platform/websocket.h"

namespace {

using petiole::WebSocketListenOptions;
using petiole::WebSocketSession;

void require(bool holds) {
  if (!holds) std::abort();
}

std::shared_ptr<const WebSocketListenOptions> options(std::uint8_t bits) {
  WebSocketListenOptions made;
  made.same_origin = (bits & 1) != 0;
  made.compression = (bits & 2) != 0;
  if ((bits & 4) != 0) made.allowed_origins = {"http://box.example:8080", "https://a.example"};
  made.secure = (bits & 8) != 0;
  made.cookies = {"jwt", "user"};
  made.message_bytes_max = 4096;
  return std::make_shared<const WebSocketListenOptions>(made);
}

struct Outcome {
  std::string plain, wire;
  bool ok = false, open = false;
  petiole::PeerInfo peer;
};

Outcome give(std::uint8_t bits, std::string_view input, std::size_t cut) {
  const std::unique_ptr<WebSocketSession> server = petiole::make_websocket_server(options(bits));
  Outcome out;
  petiole::Status status = server->receive(input.substr(0, cut), out.plain, out.wire);
  if (status.ok()) status = server->receive(input.substr(cut), out.plain, out.wire);
  out.ok = status.ok();
  out.open = server->open();
  if (out.open) server->describe(out.peer);
  if (!out.open && out.ok) require(out.wire.empty() && input.size() <= 16 * 1024 + 4);
  return out;
}

}  // namespace

// The first byte chooses the options, the second where to cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Outcome whole = give(data[0], input, input.size());
  const Outcome cut = give(data[0], input, std::min<std::size_t>(data[1], input.size()));
  require(whole.open == cut.open);
  if (!whole.open) {
    require(whole.ok == cut.ok && whole.plain.empty() && cut.plain.empty());
    require(whole.wire == cut.wire);
    require(whole.wire.empty() || (whole.wire.starts_with("HTTP/1.1 4") &&
                                   whole.wire.find("\r\n\r\n") != whole.wire.npos));
    return 0;
  }
  require(whole.wire.starts_with("HTTP/1.1 101 ") && whole.peer.upgrade && cut.peer.upgrade);
  require(whole.peer.upgrade->path == cut.peer.upgrade->path);
  require(whole.peer.upgrade->cookies == cut.peer.upgrade->cookies);
  return 0;
}
