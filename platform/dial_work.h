// One dial: look the name up, connect to one of its addresses, hand over to a Connection, which
// passes proxy, TLS and WebSocket.
//
// The addresses are tried in turn; while one is silent the next is begun, and the first that
// answers is taken (RFC 8305 in short). Lives in the network's core until it is over.
#pragma once

#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "platform/deadlines.h"
#include "platform/network.h"
#include "platform/network_core.h"
#include "platform/resolver.h"
#include "platform/socket.h"

namespace petiole {

class DialWork final : private Deadline, public std::enable_shared_from_this<DialWork> {
 public:
  DialWork(NetworkCore& core, const DialOptions& options, std::unique_ptr<Protocol> protocol);

  void start();
  void cancel();  // Also ends the connection that has come of it.
  void drop();    // The network goes away: no call is made any more.

 private:
  bool on_resolved(const LookupResult& result);  // False: the dial is over already.
  void connect_next();
  void on_connected(std::size_t attempt, std::error_code error);
  void due(Time now) override;
  void hand_over(Socket socket);
  bool add_layers(std::vector<LayerStack::Entry>& entries);
  void reached(Stage stage);
  void fail(CloseReason reason);
  void leave();
  void limit(Duration span);

  NetworkCore& core_;
  DialOptions options_;
  std::unique_ptr<Protocol> protocol_;
  std::weak_ptr<Connection> connection_;
  Stage stage_ = Stage::kResolve;
  Time stage_deadline_ = kNever;
  std::vector<asio::ip::tcp::endpoint> endpoints_;
  std::vector<std::unique_ptr<Socket>> attempts_;  // Null: failed.
  std::size_t failed_ = 0;
  std::string error_;  // Of the first attempt that failed.
  bool over_ = false;
};

}  // namespace petiole
