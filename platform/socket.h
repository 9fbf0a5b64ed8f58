// Sockets as the parts of platform/ use them: Asio's, bound to the loop, and their options.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>

#include "platform/protocol.h"

namespace petiole {

using Socket = asio::basic_stream_socket<asio::ip::tcp, asio::io_context::executor_type>;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, asio::io_context::executor_type>;

// Non-blocking, TCP_NODELAY, keep-alive. An option that the system refuses is left as it is.
// `unsent_bytes_max`: TCP_NOTSENT_LOWAT; 0: the system's default.
void set_options(Socket& socket, std::size_t unsent_bytes_max);
// Whether the kernel holds less than that unsent. A write asks only where it would begin a buffer
// of the kernel's, and fills it up: some 40 KB.
bool takes_more(Socket& socket);
// What the peer's system has acknowledged of what was written here, and how long ago it was last
// heard. After a loss only `out_of_order`, segments, grows until the lost piece has come again.
struct Acknowledged {
  std::uint64_t unacknowledged = 0;  // Bytes.
  std::uint32_t out_of_order = 0;
  Duration ago{};
};
std::optional<Acknowledged> acknowledged(Socket& socket);
// close() will send a reset and free what the kernel still holds for the peer.
void set_reset_on_close(Socket& socket);

PeerInfo peer_of(const asio::ip::tcp::endpoint& endpoint);

// The system's words for an error, without a library's prefix: "connection refused".
std::string words(std::error_code error);

}  // namespace petiole
