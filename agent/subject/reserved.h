// Subjects that belong to servers. nats-server client.go, jsReservedKind.
#pragma once

#include <string_view>

namespace petiole {

// Any of JetStream's. As a reply it makes whoever answers ask JetStream for something.
bool is_jetstream_subject(std::string_view subject);
// Of these, what JetStream acts upon: requests, acknowledgements, flow control.
bool acts_on_jetstream(std::string_view subject);
// Of these, a request to its API, in a domain or in none.
bool is_jetstream_request(std::string_view subject);

// The part of `_GR_.<6>.<6>.<subject>` that permissions speak of.
std::string_view without_gateway_prefix(std::string_view subject);

}  // namespace petiole
