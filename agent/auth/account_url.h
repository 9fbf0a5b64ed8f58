// JWTs of accounts from a server that answers GET <url><public key>: resolver: URL(…).
// nats-server accounts.go, URLAccResolver.
//
// Bounded: kUnderWayMax accounts are asked for at a time, each for as long as the reference does.
// Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/host.h"

namespace petiole {

// http or https, where, and what is asked for in front of the key.
struct AccountUrl {
  bool secure = false;
  std::string host;
  std::uint16_t port = 0;
  std::string path;
};
// None: not such a URL.
std::optional<AccountUrl> parse_account_url(std::string_view text);

class AccountServer {
 public:
  static constexpr std::size_t kUnderWayMax = 32;

  // `ca_file` is whom to trust over https; empty: the system's.
  AccountServer(AccountUrl url, std::string ca_file, Host host);
  ~AccountServer();

  // Calls `done` in a later turn, unless this is gone by then; nothing: no such account, no answer,
  // or too many are asked for.
  using Found = std::function<void(std::optional<std::string>)>;
  void look_up(const std::string& account, Found done);

 private:
  struct Fetch {
    std::uint64_t number = 0;  // Of all that were begun.
    std::vector<Found> waiting;
    std::unique_ptr<Dial> dial;
    std::unique_ptr<Timer> timer;
  };

  void start(const std::string& account, Fetch& fetch);
  void finish(const std::string& account, std::uint64_t number, std::optional<std::string> token);

  AccountUrl url_;
  std::string ca_file_;
  Host host_;
  std::map<std::string, Fetch> fetches_;
  std::uint64_t last_ = 0;
  std::shared_ptr<AccountServer*> self_;  // Held weakly by what comes back.
};

}  // namespace petiole
