// Properties of a TLS client that hold for any bytes from a peer without the server's key:
//  - it never opens and never gives data;
//  - after an error it stays closed and says why.
#include <cstdint>
#include <cstdlib>

#include "platform/tls.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

const std::shared_ptr<petiole::TlsContext>& context() {
  static const std::shared_ptr<petiole::TlsContext> made = [] {
    petiole::TlsOptions options;
    options.insecure = true;
    return petiole::make_tls_context(options).context;
  }();
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = std::min<std::size_t>(data[0], input.size());
  require(context() != nullptr);
  auto client = petiole::make_tls_session(context(), "hub.example");
  std::string plain, wire;
  require(client->start(wire).ok());
  petiole::Status status = client->receive(input.substr(0, cut), plain, wire);
  if (status.ok()) status = client->receive(input.substr(cut), plain, wire);
  require(plain.empty() && !client->open());
  require(!client->send("x", wire).ok());
  if (!status.ok()) require(!client->error().empty());
  return 0;
}
