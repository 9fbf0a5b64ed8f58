#include "platform/asio_listener.h"

#include <algorithm>
#include <asio/error.hpp>
#include <asio/ip/v6_only.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "platform/connection.h"
#include "platform/resolver.h"
#include "platform/socket.h"

namespace petiole {

namespace {

using asio::ip::tcp;

// Then those that are connected have their turn.
constexpr int kAcceptsPerTurn = 16;
constexpr Duration kAcceptTime = std::chrono::microseconds(50);
constexpr Duration kRetryAfter = std::chrono::milliseconds(200);  // Out of descriptors or memory.
constexpr Duration kReportEvery = std::chrono::seconds(10);       // That, while it lasts.

class AcceptLoop final : private Deadline, public std::enable_shared_from_this<AcceptLoop> {
 public:
  AcceptLoop(NetworkCore& core, const ListenOptions& options, Network::Accept accept)
      : Deadline(core.loop.deadlines),
        core_(core),
        acceptor_(core.loop.io),
        tls_(options.tls),
        unsent_bytes_max_(options.unsent_bytes_max),
        accept_(std::move(accept)) {
    if (options.websocket) {
      websocket_ = std::make_shared<const WebSocketListenOptions>(*options.websocket);
    }
  }

  std::error_code bind(const tcp::endpoint& endpoint);
  std::uint16_t port() const { return port_; }
  void wait();
  void stop();

 private:
  void wait_next_turn();
  void on_acceptable(std::error_code error);
  bool accept_one();
  void wait_for_better(std::error_code error);
  void welcome(Socket& socket);
  bool add_layers(std::vector<LayerStack::Entry>& entries);
  void due(Time) override { wait(); }

  NetworkCore& core_;
  Acceptor acceptor_;
  std::optional<TlsOptions> tls_;
  std::shared_ptr<const WebSocketListenOptions> websocket_;
  std::size_t unsent_bytes_max_;
  Network::Accept accept_;
  std::uint16_t port_ = 0;
  Time next_report_{};
};

std::error_code AcceptLoop::bind(const tcp::endpoint& endpoint) {
  std::error_code error;
  if (acceptor_.is_open()) acceptor_.close(error);  // A first attempt failed.
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
  const Time until = core_.loop.now() + kAcceptTime;
  for (int i = 0; i < kAcceptsPerTurn && acceptor_.is_open(); ++i) {
    if (!accept_one()) return;
    if (core_.loop.now() >= until) break;
  }
  wait_next_turn();
}

// A port that is still readable would be the next event of this very turn.
void AcceptLoop::wait_next_turn() {
  core_.loop.turn_end.push_back([self = shared_from_this()] { self->wait(); });
}

// False when the next wait is already arranged.
bool AcceptLoop::accept_one() {
  std::error_code error;
  Socket socket = acceptor_.accept(error);
  if (!error) return welcome(socket), true;
  if (error == asio::error::would_block) return wait_next_turn(), false;
  if (error == asio::error::connection_aborted || error == asio::error::interrupted) return true;
  return wait_for_better(error), false;
}

// EMFILE, ENFILE, ENOBUFS, ENOMEM: the port stays readable, so waiting for it would spin.
void AcceptLoop::wait_for_better(std::error_code error) {
  const Time now = core_.loop.now();
  arm(now + kRetryAfter);
  if (!core_.report || now < next_report_) return;
  next_report_ = now + kReportEvery;
  core_.report("no connection can be accepted on port " + std::to_string(port_) + ": " +
               words(error) + "; it is tried again");
}

void AcceptLoop::welcome(Socket& socket) {
  std::error_code error;
  const tcp::endpoint remote = socket.remote_endpoint(error);
  if (error) return;  // Gone already.
  set_options(socket, unsent_bytes_max_);
  const bool limit = unsent_bytes_max_ != 0;
  PeerInfo peer = peer_of(remote);
  if (!tls_ && !websocket_) {
    std::unique_ptr<Protocol> protocol = accept_(peer);
    if (!protocol) return;
    return std::make_shared<Connection>(core_, std::move(socket), std::move(protocol),
                                        std::move(peer), limit)
        ->open();
  }
  std::vector<LayerStack::Entry> entries;
  if (!add_layers(entries)) return;
  std::make_shared<Connection>(core_, std::move(socket), nullptr, std::move(peer), limit)
      ->accept_through(
          std::move(entries),
          [weak = weak_from_this()](const PeerInfo& known) -> std::unique_ptr<Protocol> {
            const auto self = weak.lock();
            if (!self || !self->acceptor_.is_open()) return nullptr;
            return self->accept_(known);
          });
}

// False when keys cannot be loaded any more, of which the layers' factory has told.
bool AcceptLoop::add_layers(std::vector<LayerStack::Entry>& entries) {
  if (tls_) {
    LayerResult made = core_.layers.tls(*tls_);
    if (!made.layer) return false;
    entries.push_back({std::move(made.layer), Stage::kTls, tls_->timeout});
  }
  if (websocket_) {
    LayerResult made = core_.layers.websocket(websocket_);
    if (!made.layer) return false;
    entries.push_back({std::move(made.layer), Stage::kWebSocket, websocket_->timeout});
  }
  return true;
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
  // Asio's category does not know the condition by its name.
  if (error.value() == static_cast<int>(std::errc::address_not_available)) {
    return {Errc::kNetwork, "this machine does not have that address"};
  }
  return {Errc::kNetwork, "the system refuses to listen"};
}

// As Go's net.Listen: of a name's addresses an IPv4 one, if there is any.
asio::ip::address favourite(const std::vector<asio::ip::address>& addresses) {
  const auto v4 = std::find_if(addresses.begin(), addresses.end(),
                               [](const asio::ip::address& each) { return each.is_v4(); });
  return v4 == addresses.end() ? addresses.front() : *v4;
}

}  // namespace

Result<std::unique_ptr<Listener>> make_listener(NetworkCore& core, const ListenOptions& options,
                                                Network::Accept accept) {
  std::error_code error;
  asio::ip::address address = asio::ip::make_address(options.host, error);
  if (error) {
    const LookupResult found = HostResolver::lookup_by_system(options.host);
    if (found.addresses.empty()) return {Errc::kNotFound, "the host to listen on has no address"};
    address = favourite(found.addresses);
  }
  auto loop = std::make_shared<AcceptLoop>(core, options, std::move(accept));
  // As Go's net.Listen: any IPv4 address is any address at all, where there is IPv6.
  const bool any_v4 = address.is_v4() && address.is_unspecified();
  error =
      loop->bind({any_v4 ? asio::ip::address(asio::ip::address_v6::any()) : address, options.port});
  if (error && any_v4 && error != asio::error::address_in_use) {
    error = loop->bind({address, options.port});
  }
  if (error) return to_status(error);
  loop->wait();
  return std::unique_ptr<Listener>(std::make_unique<AsioListener>(std::move(loop)));
}

}  // namespace petiole
