// Properties of the HTTP server and client that hold for any bytes:
//  - they take no more than they were given;
//  - a cut of the input changes no answer;
//  - the handler sees only GET and HEAD, and paths that begin with a slash and hold no zero byte;
//  - the client is told its answer exactly once.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "platform/http.h"

namespace {

using petiole::HttpRequest;
using petiole::HttpResponse;
using petiole::Output;
using petiole::Status;

void require(bool holds) {
  if (!holds) std::abort();
}

class Wire : public petiole::Wire {
 public:
  Output& output() override { return output_; }
  void wake() override {}
  void close(Status) override { closed = true; }
  void abort(Status) override { closed = true; }
  void pause_reading() override { paused = true; }
  void resume_reading() override {}
  void notify_below(std::size_t) override {}
  petiole::Time blocked_since() const override { return petiole::kNever; }
  Status start_tls(const petiole::TlsOptions&) override { return {}; }
  Status compress(const petiole::CompressionOptions&) override { return {}; }
  const petiole::PeerInfo& peer() const override { return peer_; }
  petiole::WireStats stats() const override { return {}; }
  void set_peer_address(std::string, std::uint16_t) override {}

  std::string take() {
    std::string text;
    std::string_view piece[1];
    while (output_.gather(piece) == 1) {
      text.append(piece[0]);
      output_.consume(piece[0].size());
    }
    return text;
  }
  bool closed = false, paused = false;

 private:
  petiole::ChunkPool pool_;
  Output output_{pool_};
  petiole::PeerInfo peer_;
};

HttpResponse on_request(const HttpRequest& request) {
  require(request.method == "GET" || request.method == "HEAD");
  require(request.path.starts_with('/') && request.path.find('\0') == std::string::npos);
  return {200, "text/plain", request.path};
}

void give(petiole::Protocol& protocol, Wire& wire, std::string_view input, std::size_t cut) {
  std::string held(input.substr(0, cut));
  for (const std::string_view more : {input.substr(cut), std::string_view()}) {
    if (wire.closed || wire.paused) return;
    const auto used = protocol.receive(held, petiole::Time());
    require(used.ok() && *used <= held.size());
    held.erase(0, *used);
    held.append(more);
  }
}

std::string serve(std::string_view input, std::size_t cut) {
  Wire wire;
  auto server = petiole::make_http_server(on_request);
  server->opened(wire, petiole::Time());
  give(*server, wire, input, cut);
  return wire.paused ? std::string() : wire.take();
}

std::string get(std::string_view input, std::size_t cut) {
  Wire wire;
  int calls = 0;
  std::string answer;
  auto client = petiole::make_http_get("h", "/", 1000, [&](HttpResponse response) {
    ++calls;
    // The words of an error may name what was seen first.
    answer = std::to_string(response.status) + (response.status == 0 ? "" : response.body);
    require(response.status == 0 || response.body.size() <= 1000);
  });
  client->opened(wire, petiole::Time());
  give(*client, wire, input, cut);
  client->closed({petiole::Errc::kClosed, petiole::Stage::kOpen, "end"}, petiole::Time());
  require(calls == 1);
  return answer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = std::min<std::size_t>(data[0], input.size());
  require(serve(input, input.size()) == serve(input, cut));
  require(get(input, input.size()) == get(input, cut));
  return 0;
}
