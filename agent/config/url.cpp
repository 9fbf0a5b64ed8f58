#include "agent/config/url.h"

#include <cctype>
#include <optional>

#include "agent/config/units.h"

namespace petiole {
namespace {

struct SchemeName {
  std::string_view name;
  RemoteUrl::Scheme scheme;
  std::uint16_t port;
};

// The first name of a scheme is the one that is shown.
constexpr SchemeName kSchemes[] = {
    {"nats-leaf", RemoteUrl::Scheme::kNats, 7422}, {"nats", RemoteUrl::Scheme::kNats, 7422},
    {"leaf", RemoteUrl::Scheme::kNats, 7422},      {"leafnode", RemoteUrl::Scheme::kNats, 7422},
    {"tls", RemoteUrl::Scheme::kTls, 7422},        {"ws", RemoteUrl::Scheme::kWs, 80},
    {"wss", RemoteUrl::Scheme::kWss, 443},
};

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char small = static_cast<char>(c | 32);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    if (i + 2 >= text.size() || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0) return std::nullopt;
    result += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
    i += 2;
  }
  return result;
}

std::string take_user(std::string_view& authority, RemoteUrl& url) {
  const std::size_t at = authority.rfind('@');
  if (at == std::string_view::npos) return {};
  const std::string_view info = authority.substr(0, at);
  authority.remove_prefix(at + 1);
  const std::size_t colon = info.find(':');
  const auto user = percent_decoded(info.substr(0, colon));
  const auto password =
      percent_decoded(colon == std::string_view::npos ? "" : info.substr(colon + 1));
  if (!user || !password) return "user and password of a URL need %XX for special characters";
  url.user = *user;
  url.password = *password;
  return {};
}

std::string read_authority(std::string_view authority, RemoteUrl& url) {
  if (std::string wrong = take_user(authority, url); !wrong.empty()) return wrong;
  std::string_view host = authority;
  std::string_view rest;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return "an IPv6 address needs a closing ']'";
    host = authority.substr(1, end - 1);
    rest = authority.substr(end + 1);
  } else if (const std::size_t colon = authority.find(':'); colon != std::string_view::npos) {
    host = authority.substr(0, colon);
    rest = authority.substr(colon);
  }
  if (host.empty()) return "the URL has no host";
  for (const char c : host) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') return "the host has a blank in it";
  }
  url.host = host;
  if (rest.empty()) return {};
  const auto port = rest.starts_with(':') ? parse_port(rest.substr(1)) : std::nullopt;
  if (!port || *port == 0) {
    return "the port must be a number from 1 to 65535; an IPv6 address needs '[' and ']'";
  }
  url.port = *port;
  return {};
}

const SchemeName* find_scheme(std::string_view text) {
  std::string name(text);
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const SchemeName& scheme : kSchemes) {
    if (scheme.name == name) return &scheme;
  }
  return nullptr;
}

}  // namespace

std::string parse_remote_url(std::string_view text, RemoteUrl& url) {
  url = {};
  if (const std::size_t colon = text.find("://"); colon != std::string_view::npos) {
    const SchemeName* scheme = find_scheme(text.substr(0, colon));
    if (scheme == nullptr) {
      return "unknown scheme \"" + std::string(text.substr(0, colon)) +
             "\"; allowed here: nats-leaf, nats, tls, ws, wss";
    }
    url.scheme = scheme->scheme;
    url.port = scheme->port;
    text.remove_prefix(colon + 3);
  }
  if (text.find_first_of("?#") != std::string_view::npos) return "the URL may have no '?' or '#'";
  const std::size_t slash = text.find('/');
  const std::string_view path = slash == std::string_view::npos ? "" : text.substr(slash);
  if (std::string wrong = read_authority(text.substr(0, slash), url); !wrong.empty()) return wrong;
  if (path.empty() || path == "/") return {};
  if (!uses_websocket(url)) return "only ws:// and wss:// URLs have a path";
  url.path = path;
  while (url.path.ends_with('/')) url.path.pop_back();
  return {};
}

std::string parse_proxy_url(std::string_view text, RemoteUrl& url) {
  url = {};
  if (!text.starts_with("http://")) return "a proxy needs a URL http://host:port";
  text.remove_prefix(7);
  if (text.ends_with('/')) text.remove_suffix(1);
  if (text.find('/') != std::string_view::npos) return "a proxy's URL has no path";
  url.port = 0;
  if (std::string wrong = read_authority(text, url); !wrong.empty()) return wrong;
  return url.port == 0 ? "a proxy's URL needs a port: http://host:port" : "";
}

std::string to_text(const RemoteUrl& url) {
  std::string_view name = "nats-leaf";
  for (const SchemeName& scheme : kSchemes) {
    if (scheme.scheme != url.scheme) continue;
    name = scheme.name;
    break;
  }
  const bool bracket = url.host.find(':') != std::string::npos;
  return std::string(name) + "://" + (bracket ? "[" : "") + url.host + (bracket ? "]" : "") + ":" +
         std::to_string(url.port) + url.path;
}

}  // namespace petiole
