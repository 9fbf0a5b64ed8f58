#include "agent/auth/account_url.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "agent/auth/jwt.h"
#include "platform/http.h"
#include "platform/network.h"

namespace petiole {

namespace {

constexpr Duration kPatience = std::chrono::milliseconds(1900);  // DEFAULT_ACCOUNT_FETCH_TIMEOUT.

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::optional<AccountUrl> parse_account_url(std::string_view text) {
  AccountUrl url;
  url.secure = take_prefix(text, "https://");
  if (!url.secure && !take_prefix(text, "http://")) return std::nullopt;
  const std::size_t slash = std::min(text.find('/'), text.size());
  std::string_view place = text.substr(0, slash);
  url.path = slash == text.size() ? "/" : std::string(text.substr(slash));
  std::string_view port;
  const std::size_t colon = place.rfind(':');
  if (colon != place.npos && place.find(']', colon) == place.npos) {
    port = place.substr(colon + 1);
    place = place.substr(0, colon);
  }
  if (place.starts_with('[') && place.ends_with(']')) place = place.substr(1, place.size() - 2);
  url.host = std::string(place);
  url.port = url.secure ? 443 : 80;
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (error != std::errc() || end != port.data() + port.size()) return std::nullopt;
  }
  const bool odd = url.host.find_first_of(" @?#\r\n") != url.host.npos ||
                   url.path.find_first_of(" #\r\n") != url.path.npos;
  if (url.host.empty() || url.port == 0 || odd) return std::nullopt;
  return url;
}

AccountServer::AccountServer(AccountUrl url, std::string ca_file, Host host)
    : url_(std::move(url)),
      ca_file_(std::move(ca_file)),
      host_(host),
      self_(std::make_shared<AccountServer*>(this)) {}

AccountServer::~AccountServer() {
  for (auto& [account, fetch] : fetches_) {
    if (fetch.dial) fetch.dial->cancel();
  }
}

void AccountServer::look_up(const std::string& account, Found done) {
  const auto under_way = fetches_.find(account);
  if (under_way != fetches_.end()) return under_way->second.waiting.push_back(std::move(done));
  if (fetches_.size() >= kUnderWayMax) {
    host_.loop.post([self = std::weak_ptr<AccountServer*>(self_), done = std::move(done)] {
      if (self.lock()) done(std::nullopt);
    });
    return;
  }
  Fetch& fetch = fetches_[account];
  fetch.number = ++last_;
  fetch.waiting.push_back(std::move(done));
  start(account, fetch);
}

void AccountServer::start(const std::string& account, Fetch& fetch) {
  const std::weak_ptr<AccountServer*> self = self_;
  const auto later = [self, account, number = fetch.number,
                      &loop = host_.loop](std::optional<std::string> token) {
    loop.post([self, account, number, token = std::move(token)] {
      if (const auto server = self.lock()) (*server)->finish(account, number, token);
    });
  };
  fetch.timer = host_.loop.make_timer([later] { later(std::nullopt); });
  fetch.timer->arm(host_.clock.now() + kPatience);
  DialOptions options;
  options.host = url_.host;
  options.port = url_.port;
  options.timeout = kPatience;
  if (url_.secure) {
    options.tls.emplace();
    options.tls->server_name = url_.host;
    options.tls->ca_file = ca_file_;
  }
  auto get = make_http_get(url_.host, url_.path + account, kTokenBytesMax,
                           [later](const HttpResponse& response) {
                             const bool good = response.status == 200 && !response.body.empty();
                             later(good ? std::optional(response.body) : std::nullopt);
                           });
  if (get) {
    fetch.dial = host_.network.dial(options, std::move(get));
  } else {
    later(std::nullopt);
  }
}

// What is told of an earlier one, such as that it was cancelled, is nothing to the one under way.
void AccountServer::finish(const std::string& account, std::uint64_t number,
                           std::optional<std::string> token) {
  const auto found = fetches_.find(account);
  if (found == fetches_.end() || found->second.number != number) return;
  const Fetch fetch = std::move(found->second);
  fetches_.erase(found);
  if (!token) {
    host_.log.warning("resolver: no JWT of account " + account + " from " + url_.host);
    if (fetch.dial) fetch.dial->cancel();
  }
  for (const Found& done : fetch.waiting) done(token);
}

}  // namespace petiole
