// The end of a leaf link that dials. Made by a Remote, owned by its connection.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "agent/leaf/session.h"
#include "agent/mirror/uplink.h"
#include "agent/protocol/connect.h"

namespace petiole {

// Reads a small file: platform/files.h in the product, a table in a test.
using FileReader = std::function<Result<std::string>(const std::string& path)>;

class SolicitingLeaf;

// Who wants to know what becomes of a link. Calls come on the loop's thread.
class LinkOwner {
 public:
  virtual ~LinkOwner() = default;
  virtual void link_opened(SolicitingLeaf& link) = 0;  // Connected; the handshake begins.
  virtual void link_info(const ServerInfo& info) = 0;
  virtual void link_established(SolicitingLeaf& link) = 0;
  virtual void link_heartbeat(SolicitingLeaf& link, bool proven) = 0;
  virtual void link_interest(SolicitingLeaf& link, std::string_view subject) = 0;
  virtual void link_interest_lost(SolicitingLeaf& link, std::string_view subject) = 0;
  virtual void link_drained(SolicitingLeaf& link) = 0;
  // An established link is over. The hub's interest is still known, and what is published is lost.
  virtual void link_lost(SolicitingLeaf& link) = 0;
  // The last call; the link is freed after it.
  virtual void link_closed(SolicitingLeaf& link, const CloseReason& reason) = 0;
  // In its place when the network is taken down with all its connections: forget the link.
  virtual void link_gone() = 0;
  // The mirror sends over its link.
  virtual bool carries_mirror() const { return false; }
};

struct SolicitOptions {
  RemoteUrl url;
  std::optional<TlsOptions> tls;  // For an upgrade after INFO; server_name is set.
  bool tls_wanted = false;        // The configuration says TLS: never without.
  bool tls_done = false;          // The dial did it, or WebSocket has no need of it.
};

class SolicitingLeaf final : public LeafSession, public Uplink {
 public:
  // `owner` outlives the link, or calls disown().
  SolicitingLeaf(Server& server, LeafRegister& links, const RemoteConfig& remote,
                 SolicitOptions options, std::shared_ptr<OfferedInterest> offer,
                 const FileReader& read_file, LinkOwner& owner);
  ~SolicitingLeaf() override;

  void disown() { owner_ = nullptr; }
  void close() { end_quietly(); }
  void probe_now() { probe(host().clock.now()); }

  bool solicited() const override { return true; }
  bool isolated() const override { return remote_.isolate_interest; }
  std::string dialled_host() const override;
  // Or where the mirror sends: what it captures goes there once.
  bool uplink() const override { return is_spoke() || (owner_ && owner_->carries_mirror()); }
  std::string_view hub_name() const override;

  std::size_t payload_refused() const override;
  std::size_t answer_bytes_max() const override;

  // What the hub said last by -ERR; empty: nothing.
  const std::string& hub_error() const { return hub_error_; }
  // What the end of this link calls for; zero: nothing more than the usual back-off.
  Duration wait() const { return wait_; }
  // Says more than the CloseReason, for people; empty: nothing.
  const std::string& detail() const { return detail_; }

  const HubInfo& hub() const override { return hub_; }
  bool wants(std::string_view subject) const override;
  bool may_publish(std::string_view subject) const override { return may_send(subject); }
  bool may_hear(std::string_view subject) const override { return may_receive(subject); }
  void publish(const Message& message) override;
  void publish_marked(const Message& message, const MirrorMark& mark) override;
  void barrier(std::function<void()> passed) override { send_barrier(std::move(passed)); }
  std::size_t queued_bytes() const override { return staging().queued_bytes(); }
  Duration round_trip() const override { return rtt(); }

 private:
  void greet(Time now) override;
  bool entering() const override { return securing_; }
  Result<std::size_t> enter(std::string_view input, Time now) override;
  Status on_info(std::string_view text, Time now) override;
  Status on_connect(std::string_view text, Time now) override;
  Status on_error(std::string_view text) override;
  Status on_unready() override;
  Status on_handshake_timeout() override;
  void on_loop() override;
  void on_heartbeat(bool proven) override;
  void on_interest(std::string_view subject) override;
  void on_interest_lost(std::string_view subject) override;
  void on_drained() override;
  void on_leaving() override;
  void on_closed(const CloseReason& reason, Time now) override;

  Status on_first_info(const ServerInfo& info, Time now);
  Status check(const ServerInfo& info);
  Status upgrade(const ServerInfo& info);
  CompressionMode choose_compression(const ServerInfo& info, Time now) const;
  Status begin_compression(Time now);
  Status log_in(const ServerInfo& info, Time now);
  Status send_connect(const ServerInfo& info);
  Status sign(const ServerInfo& info, ConnectOptions& connect);
  void find_groups(std::string_view subject) const;
  bool denies_by_account() const;
  void apply_permissions(const ServerInfo& info);
  Status finish(Time now);
  void end_quietly();

  const RemoteConfig& remote_;
  SolicitOptions options_;
  const FileReader& read_file_;
  std::shared_ptr<OfferedInterest> offer_;
  LinkOwner* owner_;
  HubInfo hub_;
  bool info_seen_ = false;
  bool securing_ = false;  // TLS is on its way, and compression is to be spoken of behind it.
  CompressionMode chosen_ = CompressionMode::kOff;  // Of compression; once.
  std::string hub_error_, detail_;
  Duration wait_{};
  // Of find_groups(), kept so that they need no memory once they have grown.
  mutable std::vector<Subscription*> plain_, queued_;
  mutable std::vector<std::string_view> groups_;
  std::string mark_;
};

}  // namespace petiole
