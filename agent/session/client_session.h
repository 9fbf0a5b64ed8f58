// One client connection: the NATS client protocol of wire/client-and-leaf.md section 1.
//
// Takes bytes, the time and a Wire; knows no socket. Login and its timers first, then operations
// one by one; messages for the client come from the account through deliver(). Loop thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/auth/gate.h"
#include "agent/auth/reply_rights.h"
#include "agent/protocol/connect.h"
#include "agent/protocol/parser.h"
#include "agent/server.h"
#include "agent/session/entrance.h"
#include "agent/session/keepalive.h"
#include "agent/session/sid_table.h"
#include "platform/protocol.h"

namespace petiole {

struct ServerInfo;
enum class TraceStart : std::uint8_t;

class ClientSession : public Protocol, public Subscriber, public Reportable {
 public:
  // `entrance`: what the peer has to pass before it is greeted; null: nothing. `full`: there is no
  // room for it, which it is told.
  explicit ClientSession(Server& server, std::unique_ptr<Entrance> entrance = nullptr,
                         bool full = false);
  ~ClientSession() override;

  void opened(Wire& wire, Time now) override;
  Result<std::size_t> receive(std::string_view input, Time now) override;
  std::size_t wanted() const override { return wanted_; }
  Status tick(Time now) override;
  Time deadline() const override;
  void closed(const CloseReason& reason, Time now) override;

  PeerKind kind() const override { return PeerKind::kClient; }
  std::uint64_t cid() const override { return cid_; }
  bool deliver(Subscription& subscription, const Message& message) override;
  bool describe(PartyInfo& info) const override;
  const char* refusal(const Message& message, std::string_view queue) const override;

  ConnectionReport report(bool subscriptions) const override;
  const Identity* identity() const override { return identity_.get(); }

  void shut_down(const char* reason) override;
  void review() override;
  void configuration_changed(const Gate* before) override;
  void announce_lame_duck() override;

 private:
  // What CONNECT said and is wanted after login: 10,000 idle clients keep no more than that.
  struct Said {
    bool verbose = true, pedantic = true, echo = true;  // True also before any CONNECT.
    bool headers = false, no_responders = false;
    std::int64_t protocol = 0;
    std::string name, lang, version;
  };

  // Before the protocol: client_entrance.cpp.
  Result<std::size_t> pass(const Entrance::Step& step, Time now);
  void begin(Time now);
  void take_cookies(ConnectOptions& options) const;
  Duration ping_interval() const;

  // Login: client_login.cpp.
  ServerInfo make_info() const;
  void send_info();
  Status ensure_login();
  void expect_login(Time now);
  Status on_connect(const Op& op, Time now);
  Status learn(std::string_view text, ConnectOptions& options);
  std::optional<Outcome> identify(const ConnectOptions& options);
  void identified(const Outcome& outcome);
  Status settle(const Outcome& outcome);
  Status turn_away(const Outcome& outcome);
  void note_refusal(Refusal refusal) const;
  Status fail_full();
  void give_place_back();
  bool keeps_place();
  void become(IdentityPtr identity);
  void narrow_limits();
  void drop_forbidden();
  void note_removed(const Subscription& subscription) const;
  void watch_expiry(Time now);
  Status finish_connect();
  Status fail_told(Status why, std::string_view text, const char* reason);
  void leave_account();

  // Operations: client_operations.cpp.
  Status handle(const Op& op, Time now);
  void on_publish(const Op& op);
  void publish_mapped(const Op& op, MessageTrace* trace);
  void publish(const Op& op, MessageTrace* trace);
  bool may_publish(const Op& op, MessageTrace* trace);
  void refuse_publish(std::string_view text, std::string_view subject, MessageTrace* trace);
  static bool is_reserved_subject(std::string_view subject);
  bool is_permitted(std::string_view subject);
  void answer_no_responders(const Message& message);
  void on_subscribe(const Op& op);
  bool may_subscribe(const Op& op);
  void deny_subscription(const Op& op);
  bool is_denied(const Subscription& subscription, const Message& message) const;
  void grant_reply(std::string_view reply);
  void on_unsubscribe(const Op& op);
  void on_ping();
  void forget(Subscription& subscription);
  void note_limit(const Subscription& subscription) const;

  // Waiting: for the disk, for a hash.
  bool must_wait_for_disk(const Op& op);
  bool has_undurable(const Capture& capture);
  bool will_capture(const Capture& capture, const Op& op) const;
  void wait_for_disk(bool then_ok);
  void on_refused(int rule);
  void tell_refused();
  void resume();

  // Messages whose way is told: client_message_trace.cpp.
  void publish_traced(const Op& op);
  TraceStart start_trace(std::string_view subject, std::string_view header, std::size_t bytes,
                         std::unique_ptr<MessageTrace>& trace);
  bool may_trace_to(std::string_view dest) const;
  void trace_too_large(std::string_view bytes);

  // What the log says: client_trace.cpp. Lines are made only when their level is on.
  bool tracing() const { return server_.config().log.trace; }
  std::string label() const;
  std::string user_label() const;
  void note(LogLevel level, std::string_view text) const;
  void note_with_account(LogLevel level, std::string_view text) const;
  void trace_input(const Op& op, std::string_view bytes) const;
  void trace_mapping(const Op& op, std::string_view from) const;
  void trace_output(std::string_view operation, std::string_view argument = {}) const;
  void trace_delivery(const Subscription& subscription, const Message& message) const;
  void trace_end(const Subscription& subscription) const;

  Status refuse(ParseError error, std::string_view bytes);
  Status refused(ParseError error);
  Status fail(Status why, std::string_view text, const char* reason);
  Status fail_surplus();
  void end();
  void send(std::string_view text);
  void send_err(std::string_view prefix, std::string_view quoted = {});
  void send_ok() {
    if (!options_.verbose) return;
    if (tracing()) trace_output("OK");
    send("+OK\r\n");
  }
  void give_up_slow(const char* reason);
  void give_up_full();  // More waits for it than may.

  Server& server_;
  const Limits* limits_;  // The server's; after login the account's, or own_limits_.
  std::unique_ptr<const Limits> own_limits_;
  Wire* wire_ = nullptr;
  Account* account_ = nullptr;  // Null until login.
  Said options_;
  SidTable subscriptions_;
  std::optional<Keepalive> keepalive_;
  std::unique_ptr<Entrance> entrance_;  // Null: passed.
  std::uint64_t cid_;
  std::string nonce_;
  std::string user_;                          // As monitoring shows it; before login as claimed.
  IdentityPtr identity_;                      // Null until login.
  const Permissions* permissions_ = nullptr;  // Of identity_; null: everything.
  std::unique_ptr<ReplyRights> reply_rights_;
  ConnectionCounters counters_;
  WallTime started_;
  Time opened_{}, last_activity_{};
  Time login_due_ = kNever;
  Time expiry_due_ = kNever;  // When to look whether the user has expired.
  std::size_t wanted_ = 0;
  const char* reason_ = nullptr;  // Why we close; wire 1.11.
  const bool full_;               // One too many.
  bool connected_ = false;        // CONNECT was accepted.
  bool counted_ = false;          // It has a place among those that the account takes.
  bool relic_ = false;            // It named an account, which is refused.
  bool first_pong_sent_ = false;
  bool greeted_ = false;                       // INFO was sent.
  bool tls_first_ = false;                     // TLS came before it.
  bool waiting_ = false;                       // Reading is paused until a callback.
  int refused_rule_ = -1;                      // Of the last publish that the mirror refused.
  std::uint64_t captured_ = 0;                 // Rules of what may not be on disk yet.
  std::uint64_t refused_ = 0;                  // So many, and the client was not told yet.
  Time refusal_due_{};                         // Without a PING it is not told before.
  bool disk_passed_ = false;                   // The next operation waited for the disk already.
  bool full_told_ = false;                     // It has as many subscriptions as it may: logged.
  bool answers_ = false;                       // May publish what it does as an answer alone.
  bool ended_ = false;                         // Nothing more is sent or delivered.
  std::vector<Subscription*> plain_, queued_;  // Scratch of answer_no_responders.
  std::shared_ptr<ClientSession*> self_;       // Expires with this: held weakly by callbacks.
};

}  // namespace petiole
