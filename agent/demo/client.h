// The two NATS clients of the demo: ordinary ones, over real sockets, with their own book-keeping.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/limits.h"
#include "platform/network.h"

namespace petiole::demo {

inline constexpr std::string_view kSubject = "demo.sensor";

// What the demo asks a client; outlives its connection, which may break.
struct PublisherState {
  Wire* wire = nullptr;  // Null while not connected.
  std::uint64_t sent = 0;
};

// Publishes `count` numbered messages: 1, 2, 3, …
void publish_numbers(PublisherState& state, std::uint64_t count);

struct SubscriberState {
  bool ready = false;  // The server has taken the subscription.
  std::vector<bool> seen;
  std::uint64_t received = 0, doubled = 0, out_of_order = 0;
  std::uint64_t newest = 0;
};

// Counts one arrival of message `number`.
void note_arrival(SubscriberState& state, std::uint64_t number);

std::unique_ptr<Protocol> make_publisher(PublisherState& state);
std::unique_ptr<Protocol> make_subscriber(SubscriberState& state);

}  // namespace petiole::demo
