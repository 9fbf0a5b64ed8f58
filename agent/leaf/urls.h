// The URLs of a remote, in the order in which they are tried.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/protocol/info.h"
#include "platform/entropy.h"
#include "platform/network.h"

namespace petiole {

class UrlList {
 public:
  UrlList(const RemoteConfig& config, Entropy& entropy);

  const RemoteUrl& current() const { return urls_[at_]; }
  // Goes on; true: every URL has been tried since the last time that it said so.
  bool next();
  // Stays with the current one, for the first dial after a link.
  void restart_round() { tried_ = 0; }

  // Takes over what the hub's cluster says of itself; the configured ones stay. A round goes on: a
  // hub that tells of others and then refuses us is to be spared as any.
  void discover(const ServerInfo& info);
  std::size_t size() const { return urls_.size(); }

  // The name that a certificate must show: the URL's host, or for an address the first configured
  // host that is a name (wire 3.1).
  std::string tls_name(const RemoteUrl& url) const;

 private:
  const RemoteConfig& config_;
  std::vector<RemoteUrl> urls_;
  std::size_t at_ = 0;
  std::size_t tried_ = 0;
};

bool is_websocket(const RemoteUrl& url);
// scheme://host:port, without user and password.
std::string shown_url(const RemoteUrl& url);
// `http://user:password@host:port`; nothing when it is not that.
std::optional<ProxyOptions> parse_proxy(const RemoteConfig& config);

}  // namespace petiole
