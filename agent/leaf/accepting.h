// The end of a leaf link that listens: for leafs behind us, and for the hub of the demo.
#pragma once

#include <string>

#include "agent/auth/gate.h"
#include "agent/leaf/session.h"
#include "agent/protocol/connect.h"
#include "agent/session/entrance.h"
#include "platform/network.h"

namespace petiole {

class AcceptingLeaf final : public LeafSession {
 public:
  // `entrance`: what the peer has to pass before it is greeted; null: nothing.
  AcceptingLeaf(Server& server, LeafRegister& links, std::unique_ptr<Entrance> entrance = nullptr);

  bool solicited() const override { return false; }
  bool isolated() const override {
    return connect_.isolate || server().config().leaf_listen.isolate_interest;
  }
  void review() override;
  void configuration_changed(const Gate* before) override;

 private:
  void greet(Time now) override;
  bool entering() const override { return entrance_ != nullptr; }
  Result<std::size_t> enter(std::string_view input, Time now) override;
  Status on_info(std::string_view text, Time now) override;
  Status on_connect(std::string_view text, Time now) override;
  Status on_error(std::string_view text) override;
  Status on_unready() override;
  Status on_handshake_timeout() override;
  bool forgets_on_pong() const override { return !connect_.petiole_leaf.empty(); }
  bool takes_marks() const override;
  void on_closed(const CloseReason& reason, Time now) override;
  Time extra_deadline() const override { return expiry_due_; }
  Status on_extra_deadline(Time now) override;

  ServerInfo make_info() const;
  Status settle(const Outcome& outcome, Time now);
  void identified(const Outcome& outcome);
  Status check();
  Status refuse_login(const std::string& why = {});
  Status accept(Time now);
  LeafPermissions make_permissions() const;
  void send_connect_info(const std::string& account);
  void become(IdentityPtr identity);
  void watch_expiry(Time now);

  Result<std::size_t> pass(const Entrance::Step& step, Time now);
  void send_info();
  bool offers_compression() const;
  void follow_compression();
  void begin(Time now);
  Status check_version();

  std::unique_ptr<Entrance> entrance_;  // Null: passed.
  bool greeted_ = false;                // INFO was sent,
  Time greeted_at_{};                   // by then.
  bool compression_settled_ = false;    // The peer has said what it wants.
  CompressionConfig compression_then_;  // As it was configured when we last looked.
  std::string nonce_;
  ConnectOptions connect_;
  IdentityPtr identity_;
  Time expiry_due_ = kNever;  // When to look whether the user has expired.
  bool connect_seen_ = false;
};

// For Network::listen: an accepted leaf. As in the reference max_connections is of clients alone.
Network::Accept make_leaf_accept(Server& server, LeafRegister& links);

}  // namespace petiole
