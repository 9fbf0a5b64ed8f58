// What a build with a feature left out says of that feature's options. Run in every build.
#include <doctest/doctest.h>

#include "agent/config/features.h"
#include "agent/config/load.h"
#include "tests/agent/config/files.h"

namespace petiole {
namespace {

struct Case {
  bool held;
  const char* option;  // Of the CMake option.
  const char* text;
};

constexpr Case kCases[] = {
    {kHasTls, "PETIOLE_TLS", "tls { cert_file: a, key_file: b }"},
    {kHasTls, "PETIOLE_TLS", "leafnodes { tls { cert_file: a, key_file: b } }"},
    {kHasWebSocket, "PETIOLE_WEBSOCKET", "websocket { port: 8080, no_tls: true }"},
    {kHasTls, "PETIOLE_TLS", "leafnodes { remotes: [ { url: 'tls://hub' } ] }"},
    {kHasTls, "PETIOLE_TLS", "leafnodes { remotes: [ { url: hub, tls: { insecure: true } } ] }"},
    {kHasWebSocket, "PETIOLE_WEBSOCKET", "leafnodes { remotes: [ { url: 'ws://hub' } ] }"},
    {kHasStore, "PETIOLE_STORE", "store_and_forward { dir: d, rules: [ { subjects: [a] } ] }"},
    {kHasMonitor, "PETIOLE_MONITOR", "http_port: 8222"},
};

TEST_CASE("features: an option is taken where the build holds its part, else refused by name") {
  const test::Files files;
  for (const Case& c : kCases) {
    CAPTURE(c.text);
    const LoadedConfig loaded = read_config(c.text, "f", files.sources());
    CHECK(loaded.ok() == c.held);
    if (c.held) continue;
    const std::string error = to_text(loaded.errors.at(0));
    CHECK(error.starts_with("f:1:"));
    CHECK(error.find(std::string(c.option) + "=OFF") != std::string::npos);
  }
}

}  // namespace
}  // namespace petiole
