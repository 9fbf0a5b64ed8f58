#include "platform/asio_listener.h"

#include <asio/error.hpp>
#include <asio/ip/v6_only.hpp>
#include <utility>

#include "platform/connection.h"
#include "platform/resolver.h"
#include "platform/socket.h"

namespace petiole {

namespace {

using asio::ip::tcp;

constexpr int kAcceptsPerTurn = 16;  // Then those that are connected have their turn.
constexpr Duration kRetryAfter = std::chrono::milliseconds(200);  // Out of descriptors or memory.

class AcceptLoop final : private Deadline, public std::enable_shared_from_this<AcceptLoop> {
 public:
  AcceptLoop(NetworkCore& core, Network::Accept accept)
      : Deadline(core.loop.deadlines),
        core_(core),
        acceptor_(core.loop.io),
        accept_(std::move(accept)) {}

  std::error_code bind(const tcp::endpoint& endpoint);
  std::uint16_t port() const { return port_; }
  void wait();
  void stop();

 private:
  void on_acceptable(std::error_code error);
  bool accept_one();
  void welcome(Socket& socket);
  void due(Time) override { wait(); }

  NetworkCore& core_;
  Acceptor acceptor_;
  Network::Accept accept_;
  std::uint16_t port_ = 0;
};

std::error_code AcceptLoop::bind(const tcp::endpoint& endpoint) {
  std::error_code error;
  acceptor_.open(endpoint.protocol(), error);
  if (error) return error;
  acceptor_.set_option(Acceptor::reuse_address(true), error);
  // "::" takes IPv4 too, whatever the system's default says.
  const bool any_v6 = endpoint.address().is_v6() && endpoint.address().is_unspecified();
  if (any_v6) acceptor_.set_option(asio::ip::v6_only(false), error);
  acceptor_.bind(endpoint, error);
  if (error) return error;
  acceptor_.listen(Acceptor::max_listen_connections, error);
  if (error) return error;
  acceptor_.non_blocking(true, error);
  port_ = acceptor_.local_endpoint(error).port();
  return error;
}

void AcceptLoop::wait() {
  if (!acceptor_.is_open()) return;
  acceptor_.async_wait(Acceptor::wait_read, [self = shared_from_this()](std::error_code error) {
    self->on_acceptable(error);
  });
}

void AcceptLoop::stop() {
  std::error_code ignored;
  acceptor_.close(ignored);
  disarm();
}

void AcceptLoop::on_acceptable(std::error_code error) {
  if (error || !acceptor_.is_open()) return;
  for (int i = 0; i < kAcceptsPerTurn && acceptor_.is_open(); ++i) {
    if (!accept_one()) return;
  }
  wait();
}

// False when the next wait is already arranged.
bool AcceptLoop::accept_one() {
  std::error_code error;
  Socket socket = acceptor_.accept(error);
  if (!error) return welcome(socket), true;
  if (error == asio::error::would_block) return wait(), false;
  if (error == asio::error::connection_aborted || error == asio::error::interrupted) return true;
  // EMFILE, ENFILE, ENOBUFS, ENOMEM: the port stays readable, so waiting for it would spin.
  arm(core_.loop.now() + kRetryAfter);
  return false;
}

void AcceptLoop::welcome(Socket& socket) {
  std::error_code error;
  const tcp::endpoint remote = socket.remote_endpoint(error);
  if (error) return;  // Gone already.
  set_options(socket, 0);
  PeerInfo peer = peer_of(remote);
  std::unique_ptr<Protocol> protocol = accept_(peer);
  if (!protocol) return;
  std::make_shared<Connection>(core_, std::move(socket), std::move(protocol), std::move(peer),
                               false)
      ->open();
}

class AsioListener final : public Listener {
 public:
  explicit AsioListener(std::shared_ptr<AcceptLoop> loop) : loop_(std::move(loop)) {}
  ~AsioListener() override { loop_->stop(); }
  std::uint16_t port() const override { return loop_->port(); }

 private:
  std::shared_ptr<AcceptLoop> loop_;
};

Status to_status(std::error_code error) {
  if (error == asio::error::address_in_use) return {Errc::kBusy, "the port is taken"};
  if (error == asio::error::access_denied) return {Errc::kPermission, "the port needs privileges"};
  if (error == std::errc::address_not_available) {
    return {Errc::kNetwork, "this machine does not have that address"};
  }
  return {Errc::kNetwork, "the system refuses to listen"};
}

}  // namespace

Result<std::unique_ptr<Listener>> make_listener(NetworkCore& core, const ListenOptions& options,
                                                Network::Accept accept) {
  std::error_code error;
  asio::ip::address address = asio::ip::make_address(options.host, error);
  if (error) {
    const LookupResult found = HostResolver::lookup_by_system(options.host);
    if (found.addresses.empty()) return {Errc::kNotFound, "the host to listen on has no address"};
    address = found.addresses.front();
  }
  auto loop = std::make_shared<AcceptLoop>(core, std::move(accept));
  error = loop->bind({address, options.port});
  if (error) return to_status(error);
  loop->wait();
  return std::unique_ptr<Listener>(std::make_unique<AsioListener>(std::move(loop)));
}

}  // namespace petiole
