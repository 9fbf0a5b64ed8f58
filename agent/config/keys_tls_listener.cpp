// tls {} of a listener: of clients, of leafs, of WebSocket. nats-server opts.go, parseTLS.
#include <algorithm>
#include <cctype>

#include "agent/config/features.h"
#include "agent/config/keys.h"
#include "agent/config/units.h"
#include "agent/config/word.h"

namespace petiole {
namespace {

using E = const ConfigEntry&;

constexpr std::string_view kWindowsStore =
    "certificate stores of Windows are not part of petiole; use cert_file, key_file and ca_file";
constexpr std::chrono::nanoseconds kFallback = 50ms;  // nats-server const.go.

void remember(Reader& r, E entry, TlsListenConfig& c, const char* option) {
  c.places.emplace_back(option, r.tree().place_text(entry.value.place));
}

void read_cert(Reader& r, E entry, TlsListenConfig& c) {
  r.text(entry, c.options.cert_file);
  remember(r, entry, c, "cert_file");
}

void read_key(Reader& r, E entry, TlsListenConfig& c) {
  r.text(entry, c.options.key_file);
  remember(r, entry, c, "key_file");
}

void read_ca(Reader& r, E entry, TlsListenConfig& c) {
  r.text(entry, c.options.ca_file);
  remember(r, entry, c, "ca_file");
}

void read_version(Reader& r, E entry, TlsListenConfig& c) {
  const int version = r.one_of(entry, {"1.2", "1.3"});
  if (version >= 0) c.options.version_min = version == 0 ? TlsVersion::k12 : TlsVersion::k13;
}

void read_ciphers(Reader& r, E entry, TlsListenConfig& c) {
  r.texts(entry, c.options.cipher_suites);
  if (!c.options.cipher_suites.empty()) return;
  r.error(entry.value.place, "\"cipher_suites\" must name at least one");
}

void read_map(Reader& r, E entry, TlsListenConfig& c) {
  r.boolean(entry, c.map);
  if (c.map) c.options.verify = true;
}

// A boolean, "auto", or how long to wait for the peer's first word.
void read_first(Reader& r, E entry, TlsListenConfig& c) {
  c.fallback = {};
  if (entry.value.is(ConfigValue::Kind::kBool)) return r.boolean(entry, c.handshake_first);
  const std::string& text = entry.value.text;
  const bool automatic = text == "auto" || text == "auto_fallback";
  const auto span = automatic ? std::optional<Duration>(kFallback) : parse_duration(text);
  if (!span) {
    return r.error(entry.value.place, "\"" + entry.key +
                                          "\" must be true, false, auto or a time such as 100ms, "
                                          "not \"" +
                                          text.substr(0, 60) + "\"");
  }
  c.handshake_first = true;
  c.fallback = *span;
}

void read_pinned(Reader& r, E entry, TlsListenConfig& c) {
  std::vector<std::string> pins;
  r.texts(entry, pins);
  for (std::string& pin : pins) {
    for (char& digit : pin) {
      digit = static_cast<char>(std::tolower(static_cast<unsigned char>(digit)));
    }
    if (pin.size() == 64 && pin.find_first_not_of("0123456789abcdef") == pin.npos) continue;
    return r.error(entry.value.place,
                   "\"pinned_certs\" holds \"" + pin.substr(0, 80) +
                       "\", which is no SHA-256 of a public key in 64 hexadecimal digits");
  }
  c.options.pinned_certs = std::move(pins);
}

constexpr Key<TlsKeyPair> kPairKeys[] = {
    {"cert_file", [](Reader& r, E e, TlsKeyPair& p) { r.text(e, p.cert_file); }},
    {"key_file", [](Reader& r, E e, TlsKeyPair& p) { r.text(e, p.key_file); }},
};

void read_certs(Reader& r, E entry, TlsListenConfig& c) {
  remember(r, entry, c, "certs");
  r.maps(entry, [&](const ConfigValue& map) {
    TlsKeyPair pair;
    read_entries(r, map, std::span<const Key<TlsKeyPair>>(kPairKeys), pair);
    if (pair.cert_file.empty() || pair.key_file.empty()) {
      r.error(map.place, "a certificate needs both \"cert_file\" and \"key_file\"");
    }
    c.options.more_certs.push_back(std::move(pair));
  });
}

constexpr Key<TlsListenConfig> kListenTlsKeys[] = {
    {"cert_file", read_cert},
    {"key_file", read_key},
    {"ca_file", read_ca},
    {"verify", [](Reader& r, E e, TlsListenConfig& c) { read_verify(r, e, c.options); }},
    {"verify_and_map", read_map},
    {"timeout",
     [](Reader& r, E e, TlsListenConfig& c) {
       if (!is_zero(e)) r.duration(e, c.options.timeout, 1ms);
     }},
    {"min_version", read_version},
    {"cipher_suites", read_ciphers},
    {"handshake_first|first|immediate", read_first},
    {"certs|certificates", read_certs},
    {"pinned_certs", read_pinned},
    {"connection_rate_limit",
     [](Reader& r, E e, TlsListenConfig& c) { r.number(e, c.rate_limit, 0, 1 << 30); }},
    {"insecure", KeyKind::kNoEffect, "a listener verifies clients, or not, by \"verify\""},
    {"curve_preferences", KeyKind::kNoEffect, "wolfSSL's order of curves is fixed"},
    {"allow_insecure_cipher_suites", KeyKind::kRefused, "weak ciphers are not part of petiole"},
    {"verify_cert_and_check_known_urls", KeyKind::kRefused, "it concerns routes and gateways"},
    {"ocsp_peer", KeyKind::kRefused,
     "OCSP asks a responder that an edge box often cannot reach; it is not part of petiole"},
    {"cert_store|cert_match_by|cert_match|ca_certs_match|cert_match_skip_invalid",
     KeyKind::kRefused, kWindowsStore},
};

}  // namespace

void read_verify(Reader& r, const ConfigEntry& entry, TlsOptions& options) {
  const ConfigValue& value = entry.value;
  const bool optional =
      value.is(ConfigValue::Kind::kString) && equal_ignoring_case(value.text, "optional");
  if (!optional && !value.is(ConfigValue::Kind::kBool)) {
    return r.error(value.place, "\"verify\" must be true, false or optional, not \"" +
                                    value.text.substr(0, 60) + '"');
  }
  options.verify_optional = optional;
  if (!optional) options.verify = value.boolean;
}

void read_tls_listener(Reader& r, const ConfigEntry& entry, TlsListenConfig& config) {
  if (turns_off(entry.value)) return;
  if (!kHasTls) {
    return r.error(entry.place, "\"" + entry.key +
                                    "\" is not supported by this build: it was built with "
                                    "PETIOLE_TLS=OFF");
  }
  config.enabled = true;
  config.places.emplace_back("", r.tree().place_text(entry.place));
  read_block(r, entry, std::span<const Key<TlsListenConfig>>(kListenTlsKeys), config);
  TlsOptions& options = config.options;
  if (options.verify && options.verify_optional) {
    return r.error(entry.place,
                   "\"verify: optional\" and \"verify_and_map\", which wants a certificate, do not "
                   "go together");
  }
  if (options.more_certs.empty()) return;
  if (!options.cert_file.empty()) {
    return r.error(entry.place, "give either \"cert_file\" or \"certs\", not both");
  }
  options.cert_file = options.more_certs.front().cert_file;
  options.key_file = options.more_certs.front().key_file;
  options.more_certs.erase(options.more_certs.begin());
}

std::span<const Key<TlsListenConfig>> tls_listener_keys() { return kListenTlsKeys; }

}  // namespace petiole
