#include "agent/leaf/urls.h"

#include <algorithm>
#include <charconv>

namespace petiole {

namespace {

constexpr std::size_t kDiscoveredMax = 64;  // A cluster larger than that is found through these.

bool is_address(std::string_view host) {
  return host.find(':') != host.npos || host.find_first_not_of("0123456789.") == host.npos;
}

bool parse_port(std::string_view text, std::uint16_t& port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port != 0;
}

// host:port or [address]:port.
bool parse_endpoint(std::string_view text, std::string& host, std::uint16_t& port) {
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos || !parse_port(text.substr(colon + 1), port)) return false;
  std::string_view name = text.substr(0, colon);
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  host = name;
  return !host.empty();
}

}  // namespace

UrlList::UrlList(const RemoteConfig& config, Entropy& entropy)
    : config_(config), urls_(config.urls) {
  if (config.no_randomize) return;
  for (std::size_t i = urls_.size(); i > 1; --i) {
    std::swap(urls_[i - 1], urls_[entropy.number() % i]);
  }
}

bool UrlList::next() {
  at_ = (at_ + 1) % urls_.size();
  if (++tried_ < urls_.size()) return false;
  tried_ = 0;
  return true;
}

void UrlList::discover(const ServerInfo& info) {
  if (config_.ignore_discovered_servers) return;
  const std::vector<std::string> none;
  const std::vector<std::string>& found = is_websocket(current()) ? info.ws_connect_urls
                                          : info.leafnode_urls    ? *info.leafnode_urls
                                                                  : none;
  if (found.empty()) return;
  const RemoteUrl now = current();
  urls_ = config_.urls;
  for (const std::string& text : found) {
    RemoteUrl url = now;
    if (urls_.size() == config_.urls.size() + kDiscoveredMax) break;
    if (!parse_endpoint(text, url.host, url.port)) continue;
    const auto same = [&url](const RemoteUrl& each) {
      return each.host == url.host && each.port == url.port;
    };
    if (std::none_of(urls_.begin(), urls_.end(), same)) urls_.push_back(url);
  }
  const auto same = [&now](const RemoteUrl& each) {
    return each.host == now.host && each.port == now.port;
  };
  const auto current = std::find_if(urls_.begin(), urls_.end(), same);
  at_ = current == urls_.end() ? 0 : static_cast<std::size_t>(current - urls_.begin());
}

std::string UrlList::tls_name(const RemoteUrl& url) const {
  if (!is_address(url.host)) return url.host;
  const auto named = [](const RemoteUrl& each) { return !is_address(each.host); };
  const auto found = std::find_if(config_.urls.begin(), config_.urls.end(), named);
  return found == config_.urls.end() ? url.host : found->host;
}

bool is_websocket(const RemoteUrl& url) {
  return url.scheme == RemoteUrl::Scheme::kWs || url.scheme == RemoteUrl::Scheme::kWss;
}

std::string shown_url(const RemoteUrl& url) {
  static constexpr const char* kSchemes[] = {"nats-leaf", "tls", "ws", "wss"};
  const bool v6 = url.host.find(':') != std::string::npos;
  return std::string(kSchemes[static_cast<int>(url.scheme)]) + "://" + (v6 ? "[" : "") + url.host +
         (v6 ? "]:" : ":") + std::to_string(url.port) + url.path;
}

std::optional<ProxyOptions> parse_proxy(const RemoteConfig& config) {
  std::string_view text = config.proxy_url;
  if (!text.starts_with("http://")) return std::nullopt;
  text.remove_prefix(7);
  text = text.substr(0, text.find('/'));
  ProxyOptions proxy;
  proxy.user = config.proxy_user;
  proxy.password = config.proxy_password;
  if (const std::size_t at = text.rfind('@'); at != text.npos) {
    const std::string_view user = text.substr(0, at);
    proxy.user = user.substr(0, user.find(':'));
    if (user.find(':') != user.npos) proxy.password = user.substr(user.find(':') + 1);
    text.remove_prefix(at + 1);
  }
  if (!parse_endpoint(text, proxy.host, proxy.port)) return std::nullopt;
  if (config.proxy_timeout) proxy.timeout = *config.proxy_timeout;
  return proxy;
}

}  // namespace petiole
