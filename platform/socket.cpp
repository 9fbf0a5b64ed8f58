#include "platform/socket.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <asio/error.hpp>
#include <cctype>

namespace petiole {

namespace {

void set(Socket& socket, int level, int option, int value) {
  ::setsockopt(socket.native_handle(), level, option, &value, sizeof(value));
}

}  // namespace

void set_options(Socket& socket, std::size_t unsent_bytes_max) {
  std::error_code ignored;
  socket.non_blocking(true, ignored);
  set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  // Sessions ping more often than this; it ends what has no session yet, or none any more.
  set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(socket, IPPROTO_TCP, TCP_KEEPIDLE, 120);
  set(socket, IPPROTO_TCP, TCP_KEEPINTVL, 30);
  set(socket, IPPROTO_TCP, TCP_KEEPCNT, 4);
  if (unsent_bytes_max != 0) {
    set(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, static_cast<int>(unsent_bytes_max));
  }
}

bool takes_more(Socket& socket) {
  pollfd writable{.fd = socket.native_handle(), .events = POLLOUT, .revents = 0};
  return ::poll(&writable, 1, 0) != 0;  // An error, too: the write says which.
}

std::optional<Acknowledged> acknowledged(Socket& socket) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  int queued = 0;
  if (::getsockopt(socket.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
      ::ioctl(socket.native_handle(), TIOCOUTQ, &queued) != 0) {
    return std::nullopt;
  }
  return Acknowledged{static_cast<std::uint64_t>(queued), info.tcpi_sacked,
                      std::chrono::milliseconds(info.tcpi_last_ack_recv)};
}

void set_reset_on_close(Socket& socket) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

PeerInfo peer_of(const asio::ip::tcp::endpoint& endpoint) {
  PeerInfo peer;
  asio::ip::address address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  peer.address = address.to_string();
  peer.port = endpoint.port();
  return peer;
}

std::string words(std::error_code error) {
  if (error == asio::error::eof) return "the peer closed the connection";
  std::string text = error.message();
  if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1]))) {
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  }
  return text;
}

}  // namespace petiole
