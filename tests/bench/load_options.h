// What the load generator is told on its command line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace petiole::bench {

enum class Door : std::uint8_t { kPlain, kTls, kWebSocket };

struct Address {
  std::uint16_t port = 4222;  // On 127.0.0.1.
  Door door = Door::kPlain;
  std::string user{};  // Its name is its password, too; empty: none.
};

struct Options {
  std::string mode;  // "messages", "request", "hold".
  Address publish_at, subscribe_at;
  std::size_t size = 128;         // Payload bytes of a message.
  std::size_t count = 1'000'000;  // Messages or requests in all; subscriptions in all for "hold".
  std::size_t publishers = 1, subscribers = 0;
  std::size_t subjects = 1;  // More than one: subscribers use a wildcard.
  bool queue = false;        // Subscribers are one queue group.
  int pid = 0;               // Of the server whose CPU time counts.
};

// Ends the program with a message when something is wrong.
Options parse_options(int argc, char** argv);

}  // namespace petiole::bench
