// One `remotes` entry of the configuration: keeps a link to its hub, for ever.
//
// Dials the URLs in turn, waits between failures as Reconnect says, and tells an observer (the
// mirror) of the link. Nothing that a hub or a network does makes it stop. Loop thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/leaf/reconnect.h"
#include "agent/leaf/soliciting.h"
#include "agent/leaf/urls.h"
#include "platform/network.h"

namespace petiole {

// For /linkz, /leafz and people.
struct RemoteReport {
  std::string state;         // "stopped", "waiting", "dialling", "handshake", "up", "doubtful".
  std::string step;          // Dialling: "resolving", "connecting", "proxy", "tls", "websocket".
  WallTime since{};          // Of the state.
  Time down_since = kNever;  // Since when no link is up, over all states; kNever while one is.
  std::string last_error;
  WallTime last_error_at{};
  std::uint64_t attempt = 0;  // Failed ones since the last stable link.
  WallTime next_retry{};      // Waiting; else epoch.
  Duration rtt{};
  LinkBytes in, out;              // Of all links since start.
  std::uint64_t links = 0;        // Established since start.
  std::uint64_t dropped = 0;      // Messages that the link was too slow for.
  std::string url;                // In use, or the next one; without secrets.
  std::vector<std::string> urls;  // All that are configured; without secrets.
  std::string account;
  HubInfo hub;
  std::size_t subscriptions = 0;  // The hub's interest.
  std::uint64_t cid = 0;          // 0: no link.
};

class Remote : private LinkOwner {
 public:
  // All references outlive the remote.
  Remote(Server& server, LeafRegister& links, const RemoteConfig& config, FileReader read_file,
         UplinkObserver* observer = nullptr);
  ~Remote() override;
  Remote(const Remote&) = delete;
  Remote& operator=(const Remote&) = delete;

  void start();
  void stop();  // Closes the link in order; no more dials.
  // The network may have changed: dial at once when waiting, ask the hub at once when connected.
  // Where the hub's answer calls for a wait, a loop perhaps, no network makes that shorter.
  void kick();

  // Who is told of the link from now on; null: nobody. One before is told that it is down.
  void set_observer(UplinkObserver* observer);
  UplinkObserver* observer() const { return observer_; }

  RemoteReport report() const;
  bool up() const { return link_ != nullptr && link_->established(); }
  const RemoteConfig& config() const { return config_; }

 private:
  enum class State { kStopped, kWaiting, kDialling, kHandshake, kUp, kDoubtful };

  void dial();
  void wait(Duration span);
  void move_to(State state);
  void fail(const CloseReason& reason, const SolicitingLeaf& link);
  bool reports_failure() const;
  const char* dialling_step() const;
  bool secure_first(const RemoteUrl& url) const;
  DialOptions dial_options(const RemoteUrl& url) const;
  SolicitOptions solicit_options(const RemoteUrl& url) const;

  void link_opened(SolicitingLeaf& link) override;
  void link_info(const ServerInfo& info) override;
  void link_established(SolicitingLeaf& link) override;
  void link_heartbeat(SolicitingLeaf& link, bool proven) override;
  void link_interest(SolicitingLeaf& link, std::string_view subject) override;
  void link_interest_lost(SolicitingLeaf& link, std::string_view subject) override;
  void link_drained(SolicitingLeaf& link) override;
  void link_lost(SolicitingLeaf& link) override;
  void link_closed(SolicitingLeaf& link, const CloseReason& reason) override;
  void link_gone() override { link_ = nullptr; }
  bool carries_mirror() const override { return observer_ != nullptr; }

  Server& server_;
  LeafRegister& links_;
  const RemoteConfig config_;
  FileReader read_file_;
  UplinkObserver* observer_;
  UrlList urls_;
  Reconnect reconnect_;
  std::unique_ptr<Timer> timer_;
  std::unique_ptr<Dial> dial_;
  std::shared_ptr<OfferedInterest> offer_;  // Counted from start() on, link or none.
  SolicitingLeaf* link_ = nullptr;          // Owned by its connection.
  State state_ = State::kStopped;
  Stage stage_ = Stage::kResolve;
  bool resolved_ = false;
  Time up_since_{};
  Time not_before_{};  // What the last link's end called for.
  std::uint64_t dials_ = 0;
  RemoteReport shown_;                                                 // What outlives a link.
  std::shared_ptr<Remote*> handle_ = std::make_shared<Remote*>(this);  // For callbacks of a dial.
};

}  // namespace petiole
