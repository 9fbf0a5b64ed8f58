#include "platform/websocket_upgrade.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "platform/crypto.h"

namespace petiole {
namespace {

constexpr std::size_t kKeyBytes = 16;  // RFC 6455, section 4.1.

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Calls `visit` for each part of `text` between separators, trimmed, until it returns true.
template <class Visit>
bool any_part(std::string_view text, char separator, const Visit& visit) {
  while (true) {
    const std::size_t at = text.find(separator);
    if (visit(trimmed(text.substr(0, at)))) return true;
    if (at == text.npos) return false;
    text.remove_prefix(at + 1);
  }
}

bool is_field(std::string_view name, std::string_view wanted) { return lower(name) == wanted; }

// `wanted` in lower case; empty: there is none.
std::string_view first(const UpgradeFields& request, std::string_view wanted) {
  for (const auto& [name, value] : request.headers) {
    if (is_field(name, wanted)) return trimmed(value);
  }
  return {};
}

bool lists(const UpgradeFields& request, std::string_view wanted, std::string_view token) {
  return std::any_of(request.headers.begin(), request.headers.end(), [&](const auto& field) {
    return is_field(field.first, wanted) &&
           any_part(field.second, ',', [&](std::string_view part) { return lower(part) == token; });
  });
}

struct Origin {
  std::string scheme, host, port;
  bool operator==(const Origin&) const = default;
};

// "host", "host:port", "[::1]:port".
bool split_host(std::string_view text, Origin& to) {
  const std::size_t bracket = text.starts_with('[') ? text.find(']') : 0;
  if (text.empty() || bracket == text.npos) return false;
  const std::size_t colon = text.find(':', bracket);
  std::string_view host = text.substr(0, colon);
  if (bracket != 0) host = host.substr(1, bracket - 1);
  if (host.empty() || host.find_first_of("/@ ") != host.npos) return false;
  to.host = lower(host);
  to.port = colon == text.npos ? (to.scheme == "https" ? "443" : "80") : text.substr(colon + 1);
  return !to.port.empty() && to.port.find_first_not_of("0123456789") == to.port.npos;
}

std::optional<Origin> parse_origin(std::string_view text) {
  const std::size_t end = text.find("://");
  if (end == text.npos) return std::nullopt;
  Origin origin{.scheme = lower(text.substr(0, end)), .host = {}, .port = {}};
  std::string_view rest = text.substr(end + 3);
  rest = rest.substr(0, rest.find_first_of("/?#"));
  return split_host(rest, origin) ? std::optional(origin) : std::nullopt;
}

UpgradeVerdict judge_origin(const UpgradeFields& request, const WebSocketListenOptions& options) {
  if (!options.same_origin && options.allowed_origins.empty()) return {};
  std::string_view text = first(request, "origin");
  if (text.empty()) text = first(request, "sec-websocket-origin");
  if (text.empty()) return {};  // Not from a page: RFC 6455, section 1.6.
  const std::optional<Origin> origin = parse_origin(text);
  if (!origin) return {403, "origin not allowed: it cannot be read"};
  if (options.same_origin) {
    Origin ours{.scheme = options.secure ? "https" : "http", .host = {}, .port = {}};
    if (!split_host(first(request, "host"), ours) || ours != *origin) {
      return {403, "origin not allowed: not the same origin"};
    }
  }
  const bool listed = options.allowed_origins.empty() ||
                      std::any_of(options.allowed_origins.begin(), options.allowed_origins.end(),
                                  [&](const std::string& each) {
                                    const auto allowed = parse_origin(each);
                                    return allowed && *allowed == *origin;
                                  });
  return listed ? UpgradeVerdict{} : UpgradeVerdict{403, "origin not allowed: not in the list"};
}

void read_cookies(std::string_view text, const WebSocketListenOptions& options,
                  UpgradeRequest& to) {
  any_part(text, ';', [&](std::string_view part) {
    const std::size_t equals = part.find('=');
    const std::string name(trimmed(part.substr(0, equals)));
    const auto& wanted = options.cookies;
    if (equals == part.npos || std::find(wanted.begin(), wanted.end(), name) == wanted.end()) {
      return false;
    }
    std::string_view value = trimmed(part.substr(equals + 1));
    if (value.size() > 1 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    to.cookies.emplace_back(name, value);
    return false;
  });
}

}  // namespace

UpgradeVerdict judge_upgrade(const UpgradeFields& request, const WebSocketListenOptions& options) {
  if (request.method != "GET") return {405, "the request's method is not GET"};
  if (first(request, "host").empty()) return {400, "no Host in the request"};
  if (!lists(request, "upgrade", "websocket")) return {400, "no upgrade to websocket"};
  if (!lists(request, "connection", "upgrade")) return {400, "no Connection: Upgrade"};
  const auto key = base64_decode(first(request, "sec-websocket-key"));
  if (!key || key->size() != kKeyBytes) return {400, "no Sec-WebSocket-Key, or a bad one"};
  if (!lists(request, "sec-websocket-version", "13")) return {400, "not version 13"};
  return judge_origin(request, options);
}

UpgradeRequest read_upgrade(const UpgradeFields& request, const WebSocketListenOptions& options) {
  UpgradeRequest said;
  said.path = request.target.substr(0, request.target.find('?'));
  for (const auto& [name, value] : request.headers) {
    if (!options.cookies.empty() && is_field(name, "cookie")) read_cookies(value, options, said);
  }
  return said;
}

std::string upgrade_refusal(int status) {
  const char* const words = status == 403   ? "Forbidden"
                            : status == 405 ? "Method Not Allowed"
                            : status == 431 ? "Request Header Fields Too Large"
                                            : "Bad Request";
  const std::string body = std::string(words) + "\n";
  return "HTTP/1.1 " + std::to_string(status) + " " + words +
         "\r\nContent-Type: text/plain; charset=utf-8\r\nSec-WebSocket-Version: 13\r\n"
         "X-Content-Type-Options: nosniff\r\nConnection: close\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

bool is_origin(std::string_view text) {
  const std::optional<Origin> origin = parse_origin(text);
  return origin && (origin->scheme == "http" || origin->scheme == "https");
}

std::uint16_t websocket_close_code(Errc code) {
  switch (code) {
    case Errc::kClosed:
      return 1000;
    case Errc::kOk:
    case Errc::kTimeout:
    case Errc::kNetwork:
      return 1001;
    case Errc::kProtocol:
      return 1002;
    case Errc::kPermission:
    case Errc::kSlowConsumer:
    case Errc::kBusy:
      return 1008;
    case Errc::kTooLarge:
      return 1009;
    default:
      return 1011;
  }
}

}  // namespace petiole
