// ClientSession: what comes before the protocol, and what WebSocket changes.
#include "agent/session/client_session.h"

namespace petiole {

// Does what the entrance says; returns how much of `input` that took.
Result<std::size_t> ClientSession::pass(const Entrance::Step& step, Time now) {
  return take_step(
      entrance_, step, *wire_, now, [this] { send_info(); }, [&] { begin(now); },
      [&] {
        return fail({Errc::kProtocol, "entrance"}, step.text ? step.text : "", step.reason);
      });
}

// The peer is in: from here on its own time runs.
void ClientSession::begin(Time now) {
  if (greeted_) return expect_login(now);
  tls_first_ = !wire_->peer().tls_version.empty() && !wire_->peer().websocket;
  send_info();
  expect_login(now);
}

Duration ClientSession::ping_interval() const {
  const WebSocketListenConfig& websocket = server_.config().websocket;
  return wire_->peer().websocket ? websocket.ping_interval.value_or(limits_->ping_interval)
                                 : limits_->ping_interval;
}

// What CONNECT does not say a page's cookies may. nats-server client.go, processConnect.
void ClientSession::take_cookies(ConnectOptions& options) const {
  const auto& upgrade = wire_->peer().upgrade;
  if (!upgrade) return;
  const WebSocketListenConfig& websocket = server_.config().websocket;
  for (const auto& [name, value] : upgrade->cookies) {
    const auto take = [&name = name, &value = value](const std::string& wanted, std::string& to) {
      if (name == wanted && to.empty()) to = value;
    };
    take(websocket.jwt_cookie, options.jwt);
    take(websocket.user_cookie, options.user);
    take(websocket.pass_cookie, options.password);
    take(websocket.token_cookie, options.token);
  }
}

}  // namespace petiole
