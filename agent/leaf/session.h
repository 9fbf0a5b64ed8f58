// One leaf link, what both ends have in common: verbs, interest each way, delivery, keepalive and
// the order of output. Who dials (soliciting.h) and who listens (accepting.h) differ in the
// handshake only. Wire: client-and-leaf section 3.
//
// Between two leafs one end is the spoke and the other the hub: the dialling one is the spoke
// unless its configuration says `hub: true`.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/auth/identity.h"
#include "agent/auth/reply_rights.h"
#include "agent/leaf/heartbeat.h"
#include "agent/leaf/offered_interest.h"
#include "agent/leaf/peer_interest.h"
#include "agent/leaf/register.h"
#include "agent/leaf/staging.h"
#include "agent/protocol/info.h"
#include "agent/protocol/mirror_mark.h"
#include "agent/protocol/parser.h"
#include "agent/server.h"
#include "platform/protocol.h"

namespace petiole {

// Bytes of a link, by what they are for. As the protocol counts them, above compression, TLS and
// WebSocket; `wire`: what all of it is on the socket.
struct LinkBytes {
  std::uint64_t handshake = 0, keepalive = 0, interest = 0, data = 0;
  std::uint64_t wire = 0;
};

class LeafSession : public Protocol, public Subscriber, public Reportable {
 public:
  ~LeafSession() override;
  LeafSession(const LeafSession&) = delete;
  LeafSession& operator=(const LeafSession&) = delete;

  void opened(Wire& wire, Time now) final;
  Result<std::size_t> receive(std::string_view input, Time now) final;
  std::size_t wanted() const final { return wanted_; }
  Status tick(Time now) final;
  Time deadline() const final;
  void drained(Time now) final;
  void closed(const CloseReason& reason, Time now) final;

  PeerKind kind() const final { return PeerKind::kLeaf; }
  std::uint64_t cid() const final { return cid_; }
  bool deliver(Subscription&, const Message&) final { return false; }
  bool deliver_leaf(const Message& message, bool plain, const std::string_view* queues,
                    std::size_t queue_count) final;
  const char* refusal(const Message& message, std::string_view queue) const final;
  bool takes_traces() const final { return traces_; }
  std::string_view origin_cluster() const final { return peer_.cluster; }
  bool describe(PartyInfo& info) const final;
  ConnectionReport report(bool subscriptions) const final;
  void shut_down(const char* reason) override { end(Errc::kOk, reason); }

  virtual bool solicited() const = 0;
  // What other leafs want is kept from this peer.
  virtual bool isolated() const = 0;
  // host:port as configured, of a link that we made.
  virtual std::string dialled_host() const { return {}; }
  bool is_spoke() const { return spoke_; }
  bool established() const { return phase_ == Phase::kEstablished; }
  bool over() const { return phase_ == Phase::kClosed; }  // closed() may still be to come.
  Account* account() const { return account_; }
  const LeafPeer& peer() const { return peer_; }
  LinkBytes bytes_in() const { return with_wire(in_, &WireStats::bytes_read); }
  LinkBytes bytes_out() const { return with_wire(out_, &WireStats::bytes_written); }
  Duration rtt() const { return rtt_; }
  std::size_t largest_sent() const { return largest_sent_; }  // A message's header and payload.
  const PeerInterest& peer_subscriptions() const { return subscriptions_; }
  std::size_t subscription_count() const { return subscriptions_.size(); }
  std::uint64_t dropped() const { return dropped_; }

  // Of OfferedInterest: there is something to tell.
  void offer_changed() { flush_later(); }

  // Sends `-ERR '<text>'` and ends the link. `text` is a literal.
  void end(Errc code, const char* text);

 protected:
  LeafSession(Server& server, LeafRegister& links);

  // The role's own part.
  virtual void greet(Time now) = 0;  // The wire is open.
  // What comes before the protocol. While entering() is true, enter() gets the input and returns
  // how much it took; then the protocol begins.
  virtual bool entering() const { return false; }
  virtual Result<std::size_t> enter(std::string_view input, Time now) {
    (void)input, (void)now;
    return std::size_t{0};
  }
  virtual Status on_info(std::string_view text, Time now) = 0;
  virtual Status on_connect(std::string_view text, Time now) = 0;
  virtual Status on_error(std::string_view text) = 0;  // -ERR of the peer.
  virtual Status on_unready() = 0;                     // Another verb before the handshake is done.
  virtual Status on_handshake_timeout() = 0;
  // The peer's mirror was promised that repeats are dropped: it marks its messages.
  virtual bool takes_marks() const { return false; }
  // The peer's mirror takes a PONG for the word that what came before it is safe here.
  virtual bool forgets_on_pong() const { return false; }
  virtual void on_loop() {}
  virtual void on_heartbeat(bool proven) { (void)proven; }
  virtual void on_interest(std::string_view subject) { (void)subject; }
  virtual void on_interest_lost(std::string_view subject) { (void)subject; }
  virtual void on_drained() {}
  virtual void on_leaving() {}  // Established before and over now; the account is left after it.
  virtual void on_closed(const CloseReason& reason, Time now) = 0;
  // The role's own deadline while the link is up, and what is to be done then.
  virtual Time extra_deadline() const { return kNever; }
  virtual Status on_extra_deadline(Time now) { return (void)now, Status(); }

  // Enters the account, tells the peer of `offer` and starts the keepalive.
  void establish(Account& account, bool spoke, std::shared_ptr<OfferedInterest> offer, Time now);
  // New permissions: interest and deliveries follow them from now on.
  void set_permissions(LeafPermissions permissions);
  // What the peer is let send; a hub closes over a breach (wire 3.5). Null: everything.
  void set_user(IdentityPtr user);
  const IdentityPtr& user() const { return user_; }
  void narrow_limits();  // The account's have changed, or the user.
  // Bytes of the largest answer to the mirror that the peer may have; 0: as of any message.
  virtual std::size_t answer_bytes_max() const { return 0; }

  void send_handshake(std::string_view line);
  // Sends -ERR with `text` and, quoted, `subject`; the result ends the link.
  Status refuse(Errc code, const char* text, std::string_view subject = {});
  // Both ways from here on, as `mode` says; where `config` says so, it follows the round trip. What
  // of the input comes behind is compressed.
  Status compress(CompressionMode mode, const CompressionConfig& config);
  // As a reload wants it. False: both ends have to agree anew, which takes another link.
  bool change_compression(const CompressionConfig& config);
  Time opened_at() const { return opened_; }
  // The rest of the input belongs to a TLS handshake, or has to wait.
  void stop_parsing() { parsing_ = false; }
  void expect_by(Time when) { handshake_due_ = when; }
  // Publishes for the uplink: not bounded here, behind what waits already.
  void send_message(const Message& message, const std::string_view* queues, std::size_t count);
  bool may_send(std::string_view subject) const;
  bool may_receive(std::string_view subject) const;  // Of a spoke's link: from its hub.
  void send_barrier(std::function<void()> passed);
  void probe(Time now) {
    heartbeat_.probe(now);
    if (wire_) wire_->wake();
  }

  // `127.0.0.1:7422 - lid:5 - <text>` in the log. Lines are made only when their level is on.
  void note(LogLevel level, std::string_view text) const;
  bool tracing() const { return server_.config().log.trace; }
  void trace_output(std::string_view operation, std::string_view argument = {}) const;

  Server& server() const { return server_; }
  const Host& host() const { return server_.host(); }
  LeafRegister& links() const { return links_; }
  Wire* wire() const { return wire_; }
  const LeafPermissions& permissions() const { return permissions_; }
  const Staging& staging() const { return staging_; }
  // Null once the session is gone; for callbacks that may come later. Loop thread.
  std::shared_ptr<LeafSession*> handle() const { return handle_; }

  LeafPeer peer_;
  std::string peer_version_;
  bool headers_ = false;  // Both ends take headers.
  bool traces_ = false;   // The peer knows of message traces.
  std::uint64_t cid_;

 private:
  LinkBytes with_wire(LinkBytes bytes, std::uint64_t WireStats::*figure) const;
  enum class Phase { kHandshake, kEstablished, kClosed };
  struct Ping {
    Time sent{};
    std::function<void()> passed;  // Empty for a heartbeat.
  };

  Status handle_op(const Op& op, std::size_t bytes, Time now);
  Status refuse_input(ParseError error);
  bool too_large(const Op& op, const ParseResult& result, std::string_view input) const;
  Status on_message(const Op& op);
  Status route(const Op& op, MessageTrace* trace);
  // Messages whose way is told: session_message_trace.cpp.
  Status publish_traced(const Op& op);
  bool may_trace_to(std::string_view dest) const;
  bool may_come(std::string_view subject);
  std::size_t subscriptions_max() const;
  Status on_subscribe(const Op& op);
  void on_unsubscribe(const Op& op);
  void on_ping();
  void on_pong(Time now);
  void adjust_compression();  // The peer is known, or the round trip has changed.

  // The disk of our mirror: session_disk.cpp.
  void send_pongs(std::size_t count);
  void hold_pong();
  void ask_disk();
  void disk_answered(Status stored);
  bool must_wait_for_disk(const Op& op) const;
  void pause_for_disk();
  void show_life(Time now);
  void expect_life();

  // What the log says: session_trace.cpp.
  void trace_input(const Op& op, std::string_view bytes) const;
  void trace_message(const Message& message, const std::string_view* queues,
                     std::size_t queue_count) const;
  void trace_end(std::string_view subject, std::string_view queue) const;
  void note_closed(const CloseReason& reason) const;
  // nats-server monitor.go, ClosedState; what else we say is for people.
  static std::string closed_state(const CloseReason& reason);
  void note_refused(std::string_view text, std::string_view subject) const;
  void trace_lines(const Output& lines) const;
  void write_interest(Output& output);

  void flush_later();

  void pump_again();
  void measure(Time now);
  Duration measure_interval() const;
  void send_ping(Time now);
  Time stuck_until() const;
  void heard(Time now);
  void look_for_progress(Time now);
  void pump();
  bool hold_messages() const { return offer_->map().changed(); }
  void leave(const CloseReason& reason);
  void leave_account();

  Server& server_;
  LeafRegister& links_;
  Account* account_ = nullptr;
  const Limits* limits_;  // The server's; then those of the account too, or own_limits_.
  std::unique_ptr<const Limits> own_limits_;
  std::unique_ptr<const Limits> wide_limits_;  // Of one whose answers may be larger: see too_large.
  Wire* wire_ = nullptr;
  Phase phase_ = Phase::kHandshake;
  bool spoke_ = false;
  bool parsing_ = true;
  bool flushing_ = false;  // flush_later() is under way.
  bool pumping_ = false;   // pump_again() is under way.
  bool dropping_ = false;  // In an episode of drops, logged once.
  std::size_t wanted_ = 0;
  Time handshake_due_ = kNever;
  Time measure_due_ = kNever;  // Then the round trip is asked for, if nothing has told it.
  Heartbeat heartbeat_;
  std::shared_ptr<OfferedInterest> offer_;  // Ours, as the peer is to know it.
  PeerInterest subscriptions_;              // The peer's.
  LeafPermissions permissions_;
  IdentityPtr user_;  // Of an accepted peer; else null.
  const Permissions* user_permissions_ = nullptr;
  std::unique_ptr<ReplyRights> reply_rights_;
  Staging staging_;
  std::size_t largest_sent_ = 0;
  std::deque<Ping> pings_;                      // On the wire, in order.
  std::deque<std::function<void()>> barriers_;  // Behind messages that wait.
  // PONGs that wait for the disk, and how many of them the question under way is for.
  std::size_t pongs_held_ = 0, pongs_asked_ = 0;
  bool paused_ = false;         // The disk is behind: nothing is read.
  Time blocked_seen_ = kNever;  // When a sign of life was last missed.
  Time life_due_ = kNever;      // The peer must hear something although its PING is not answered.
  CompressionMode compression_ = CompressionMode::kOff;
  std::vector<std::chrono::nanoseconds> compression_thresholds_;  // Empty: the mode stays.
  LinkBytes in_, out_;
  ConnectionCounters counters_;
  std::uint64_t dropped_ = 0;
  Duration rtt_{};
  WallTime start_{};
  Time opened_{}, last_activity_{};
  std::shared_ptr<LeafSession*> handle_;
};

}  // namespace petiole
