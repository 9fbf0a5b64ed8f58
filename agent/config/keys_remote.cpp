// leafnodes { remotes: [ {…} ] }: the links to hubs.
#include "agent/config/features.h"
#include "agent/config/keys.h"
#include "agent/config/url.h"

namespace petiole {
namespace {

using E = const ConfigEntry&;

constexpr std::string_view kNoTls = "TLS, because it was built with PETIOLE_TLS=OFF";
constexpr std::string_view kNoWebSocket =
    "WebSocket, because it was built with "
    "PETIOLE_WEBSOCKET=OFF";

// Why this build cannot dial the URL; empty when it can.
std::string_view missing_for(const RemoteUrl& url) {
  if (uses_tls(url) && !kHasTls) return kNoTls;
  if (uses_websocket(url) && !kHasWebSocket) return kNoWebSocket;
  return {};
}

void read_urls(Reader& r, E entry, RemoteDraft& draft) {
  std::vector<std::string> texts;
  r.texts(entry, texts);
  draft.config.urls.clear();
  for (const std::string& text : texts) {
    RemoteUrl url;
    std::string wrong = parse_remote_url(text, url);
    if (wrong.empty() && !missing_for(url).empty()) {
      wrong = "not supported by this build: " + std::string(missing_for(url));
    }
    if (wrong.empty() && !draft.config.urls.empty() &&
        uses_websocket(draft.config.urls[0]) != uses_websocket(url)) {
      wrong = "a remote's URLs must be all ws:// and wss:// or all of the other kinds";
    }
    if (!wrong.empty()) {
      r.error(entry.value.place, wrong);
    }
    draft.config.urls.push_back(std::move(url));  // Also a wrong one: its error is enough.
  }
}

void read_tls(Reader& r, E entry, RemoteDraft& draft) {
  if (!kHasTls) {
    return r.error(entry.place,
                   "\"tls\" is not supported by this build: it was built with "
                   "PETIOLE_TLS=OFF");
  }
  draft.config.tls.emplace();
  read_block(r, entry, tls_keys(), draft.config);
}

void set_proxy_url(Reader& r, E entry, RemoteConfig& c) {
  std::string text;
  r.text(entry, text);
  RemoteUrl url;
  if (const std::string wrong = parse_proxy_url(text, url); !wrong.empty()) {
    return r.error(entry.value.place, wrong);
  }
  const bool bracket = url.host.find(':') != std::string::npos;
  c.proxy_url =
      "http://" + (bracket ? "[" + url.host + "]" : url.host) + ":" + std::to_string(url.port);
  if (!url.user.empty()) c.proxy_user = url.user;
  if (!url.password.empty()) c.proxy_password = url.password;
}

void set_duration(Reader& r, E entry, std::optional<std::chrono::nanoseconds>& target) {
  std::chrono::nanoseconds value{0};
  r.quoted_duration(entry, value, 1ms);
  if (value.count() > 0) target = value;
}

constexpr Key<RemoteConfig> kProxyKeys[] = {
    {"url", set_proxy_url},
    {"username", [](Reader& r, E e, RemoteConfig& c) { r.text(e, c.proxy_user); }},
    {"password", [](Reader& r, E e, RemoteConfig& c) { r.text(e, c.proxy_password); }},
    {"timeout", [](Reader& r, E e, RemoteConfig& c) { set_duration(r, e, c.proxy_timeout); }},
};

void read_proxy(Reader& r, E entry, RemoteDraft& draft) {
  read_block(r, entry, std::span<const Key<RemoteConfig>>(kProxyKeys), draft.config);
  if (draft.config.proxy_url.empty()) r.error(entry.place, "this proxy has no \"url\"");
  if (draft.config.proxy_user.empty() != draft.config.proxy_password.empty()) {
    r.error(entry.place, "a proxy needs both \"username\" and \"password\", or neither");
  }
}

void read_nkey(Reader& r, E entry, RemoteDraft& draft) {
  r.text(entry, draft.config.nkey);
  if (!kHasTls) {
    r.error(entry.place,
            "\"nkey\" is not supported by this build: its signatures need "
            "PETIOLE_TLS=ON");
  } else if (!draft.config.nkey.starts_with("SU")) {
    r.error(entry.value.place, "\"nkey\" must be the seed of a user: SU…");
  }
}

void read_credentials(Reader& r, E entry, RemoteDraft& draft) {
  r.text(entry, draft.config.credentials);
  if (!kHasTls) {
    r.error(entry.place,
            "\"credentials\" is not supported by this build: their signatures need "
            "PETIOLE_TLS=ON");
  }
}

constexpr Key<RemoteDraft> kRemoteKeys[] = {
    {"url|urls", read_urls},
    {"account|local", [](Reader& r, E e, RemoteDraft& d) { r.text(e, d.config.account); }},
    {"credentials|creds", read_credentials},
    {"nkey|seed", read_nkey},
    {"tls", read_tls},
    {"hub", [](Reader& r, E e, RemoteDraft& d) { r.boolean(e, d.config.hub); }},
    {"deny_imports|deny_import",
     [](Reader& r, E e, RemoteDraft& d) { r.texts(e, d.config.deny_imports); }},
    {"deny_exports|deny_export",
     [](Reader& r, E e, RemoteDraft& d) { r.texts(e, d.config.deny_exports); }},
    {"no_randomize|dont_randomize",
     [](Reader& r, E e, RemoteDraft& d) { r.boolean(e, d.config.no_randomize); }},
    {"ignore_discovered_servers",
     [](Reader& r, E e, RemoteDraft& d) { r.boolean(e, d.config.ignore_discovered_servers); }},
    {"ws_compression|ws_compress|websocket_compress|websocket_compression",
     [](Reader& r, E e, RemoteDraft& d) { r.boolean(e, d.config.ws_compression); }},
    {"first_info_timeout",
     [](Reader& r, E e, RemoteDraft& d) { set_duration(r, e, d.config.first_info_timeout); }},
    {"dial_timeout",
     [](Reader& r, E e, RemoteDraft& d) { set_duration(r, e, d.config.dial_timeout); }},
    {"proxy", read_proxy},
    {"disabled", [](Reader& r, E e, RemoteDraft& d) { r.boolean(e, d.disabled); }},
    {"compression",
     [](Reader& r, E e, RemoteDraft& d) { read_compression(r, e, d.config.compression); }},
    {"ws_no_masking|websocket_no_masking", KeyKind::kNoEffect,
     "frames to the hub are masked, as RFC 6455 asks"},
    {"jetstream_cluster_migrate|js_cluster_migrate", KeyKind::kNoEffect,
     "there is no clustered JetStream here"},
    {"isolate_leafnode_interest|isolate|local_isolation",
     [](Reader& r, E e, RemoteDraft& d) { r.boolean(e, d.config.isolate_interest); }},
    {"request_isolation",
     [](Reader& r, E e, RemoteDraft& d) { r.boolean(e, d.config.request_isolation); }},
};

}  // namespace

std::span<const Key<RemoteDraft>> remote_keys() { return kRemoteKeys; }

}  // namespace petiole
