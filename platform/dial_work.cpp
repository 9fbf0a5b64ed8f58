#include "platform/dial_work.h"

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

#include "platform/connection.h"
#include "platform/proxy_layer.h"

namespace petiole {

namespace {

constexpr std::size_t kAddressesMax = 8;
constexpr Duration kNextAddressAfter = std::chrono::milliseconds(500);  // RFC 8305: 0.1 to 2 s.

// The one whose turn it is goes first; then the families alternate: one of them may be broken.
std::vector<asio::ip::address> interleaved(std::vector<asio::ip::address> addresses,
                                           std::size_t turn) {
  std::vector<asio::ip::address> same, other, all;
  std::rotate(addresses.begin(),
              addresses.begin() + static_cast<std::ptrdiff_t>(turn % addresses.size()),
              addresses.end());
  for (const auto& address : addresses) {
    (address.is_v6() == addresses.front().is_v6() ? same : other).push_back(address);
  }
  for (std::size_t i = 0; i < std::max(same.size(), other.size()); ++i) {
    if (i < same.size()) all.push_back(same[i]);
    if (i < other.size()) all.push_back(other[i]);
  }
  all.resize(std::min(all.size(), kAddressesMax));
  return all;
}

}  // namespace

DialWork::DialWork(NetworkCore& core, const DialOptions& options,
                   std::unique_ptr<Protocol> protocol)
    : Deadline(core.loop.deadlines),
      core_(core),
      options_(options),
      protocol_(std::move(protocol)) {}

void DialWork::start() {
  core_.dials.insert(shared_from_this());
  limit(options_.timeout);
  const std::string& host = options_.proxy ? options_.proxy->host : options_.host;
  core_.resolver.resolve(host, [weak = weak_from_this()](const LookupResult& result) {
    const auto self = weak.lock();
    return self && self->on_resolved(result);
  });
}

bool DialWork::on_resolved(const LookupResult& result) {
  if (over_) return false;
  if (result.addresses.empty()) {
    fail({Errc::kNetwork, Stage::kResolve, result.error});
    return true;
  }
  const std::uint16_t port = options_.proxy ? options_.proxy->port : options_.port;
  for (const auto& address : interleaved(result.addresses, options_.turn)) {
    endpoints_.emplace_back(address, port);
  }
  reached(Stage::kResolve);
  if (over_) return true;
  stage_ = Stage::kConnect;
  limit(options_.timeout);
  connect_next();
  return true;
}

void DialWork::connect_next() {
  const std::size_t attempt = attempts_.size();
  if (attempt == endpoints_.size()) return arm(stage_deadline_);
  const auto& endpoint = endpoints_[attempt];
  attempts_.push_back(std::make_unique<Socket>(core_.loop.io));
  std::error_code error;
  attempts_.back()->open(endpoint.protocol(), error);
  arm(std::min(stage_deadline_, core_.loop.now() + kNextAddressAfter));
  auto done = [self = shared_from_this(), attempt](std::error_code result) {
    self->on_connected(attempt, result);
  };
  if (error) return asio::post(core_.loop.io, [done, error] { done(error); });
  set_options(*attempts_.back(), options_.unsent_bytes_max);
  attempts_.back()->async_connect(endpoint, std::move(done));
}

void DialWork::on_connected(std::size_t attempt, std::error_code error) {
  if (over_ || stage_ != Stage::kConnect) return;
  if (!error) {
    const std::unique_ptr<Socket> socket = std::move(attempts_[attempt]);
    attempts_.clear();
    return hand_over(std::move(*socket));
  }
  attempts_[attempt].reset();
  if (error_.empty()) error_ = words(error);  // Of the preferred address, as Go's net.Dial.
  if (++failed_ == endpoints_.size()) return fail({Errc::kNetwork, Stage::kConnect, error_});
  // The next one at once, unless one that was begun meanwhile is still under way.
  if (failed_ == attempts_.size()) connect_next();
}

void DialWork::due(Time now) {
  if (now < stage_deadline_) return connect_next();
  fail({Errc::kTimeout, stage_, error_.empty() ? "no answer in time" : error_});
}

void DialWork::hand_over(Socket socket) {
  disarm();
  reached(Stage::kConnect);
  if (over_) return;
  std::vector<LayerStack::Entry> entries;
  if (!add_layers(entries)) return;
  std::error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  if (error) return fail({Errc::kNetwork, Stage::kConnect, words(error)});
  const auto connection =
      std::make_shared<Connection>(core_, std::move(socket), std::move(protocol_),
                                   peer_of(endpoint), options_.unsent_bytes_max != 0);
  connection_ = connection;
  leave();
  if (entries.empty()) return connection->open();
  connection->open_through(std::move(entries), std::move(options_.reached));
}

// False when the build or the configuration cannot make one; the dial has then failed.
bool DialWork::add_layers(std::vector<LayerStack::Entry>& entries) {
  if (options_.proxy) {
    entries.push_back({make_proxy_layer(*options_.proxy, options_.host, options_.port),
                       Stage::kProxy, options_.proxy->timeout});
  }
  const auto add = [&](LayerResult made, Stage stage, Duration timeout) {
    if (made.layer) {
      entries.push_back({std::move(made.layer), stage, timeout});
      return true;
    }
    fail({made.status.code(), stage, std::move(made.error)});
    return false;
  };
  if (options_.tls) {
    TlsOptions tls = *options_.tls;
    if (tls.server_name.empty()) tls.server_name = options_.host;
    const Duration longer = std::max(options_.timeout, tls.timeout);
    if (!add(core_.layers.tls(tls), Stage::kTls, longer)) return false;
  }
  return !options_.websocket ||
         add(core_.layers.websocket(*options_.websocket), Stage::kWebSocket, options_.timeout);
}

void DialWork::cancel() {
  if (const auto connection = connection_.lock()) {
    return connection->abort({Errc::kOk, "cancelled"});
  }
  fail({Errc::kOk, stage_, "cancelled"});
}

void DialWork::fail(CloseReason reason) {
  if (over_ || !protocol_) return;
  const auto hold = shared_from_this();
  leave();
  // Stays in the core until the call, so that drop() can prevent it.
  core_.dials.insert(hold);
  asio::post(core_.loop.io, [self = hold, reason = std::move(reason)] {
    if (!self->protocol_) return;
    self->protocol_->closed(reason, self->core_.loop.now());
    self->protocol_.reset();
    self->core_.dials.erase(self);
  });
}

void DialWork::leave() {
  over_ = true;
  disarm();
  attempts_.clear();
  core_.dials.erase(shared_from_this());
}

void DialWork::drop() {
  over_ = true;
  disarm();
  attempts_.clear();
  protocol_.reset();
}

void DialWork::reached(Stage stage) {
  if (options_.reached) options_.reached(stage);
}

void DialWork::limit(Duration span) {
  stage_deadline_ = core_.loop.now() + span;
  arm(stage_deadline_);
}

}  // namespace petiole
