// leafnodes { remotes: [ { tls {} } ] }: TLS towards a hub.
#include "agent/config/keys.h"

namespace petiole {
namespace {

using E = const ConfigEntry&;

constexpr std::string_view kWindowsStore =
    "certificate stores of Windows are not part of petiole; "
    "use cert_file, key_file and ca_file";
constexpr std::string_view kServerSide = "it concerns listeners, and this is a client's side";

void read_version(Reader& r, E entry, RemoteConfig& c) {
  const int version = r.one_of(entry, {"1.2", "1.3"});
  if (version >= 0) c.tls->version_min = version == 0 ? TlsVersion::k12 : TlsVersion::k13;
}

// "auto" and a duration are for listeners; a client either starts with TLS or waits for INFO.
void read_handshake_first(Reader& r, E entry, RemoteConfig& c) {
  r.boolean(entry, c.tls_handshake_first);
}

void read_verify_of_hub(Reader& r, E entry, RemoteConfig&) {
  TlsOptions unused;
  read_verify(r, entry, unused);
  r.warning(entry.place,
            "\"verify\" has no effect: a hub's certificate is always verified; see insecure");
}

constexpr Key<RemoteConfig> kTlsKeys[] = {
    {"cert_file", [](Reader& r, E e, RemoteConfig& c) { r.text(e, c.tls->cert_file); }},
    {"key_file", [](Reader& r, E e, RemoteConfig& c) { r.text(e, c.tls->key_file); }},
    {"ca_file", [](Reader& r, E e, RemoteConfig& c) { r.text(e, c.tls->ca_file); }},
    {"server_name",
     [](Reader& r, E e, RemoteConfig& c) { r.text(e, c.tls->server_name); }},  // Ours.
    {"insecure", [](Reader& r, E e, RemoteConfig& c) { r.boolean(e, c.tls->insecure); }},
    {"timeout", [](Reader& r, E e, RemoteConfig& c) { r.duration(e, c.tls->timeout, 1ms); }},
    {"min_version", read_version},
    {"cipher_suites", [](Reader& r, E e, RemoteConfig& c) { r.texts(e, c.tls->cipher_suites); }},
    {"handshake_first|first|immediate", read_handshake_first},
    {"verify", read_verify_of_hub},
    {"verify_and_map|verify_cert_and_check_known_urls|connection_rate_limit", KeyKind::kRefused,
     kServerSide},
    {"pinned_certs", KeyKind::kRefused, "pinned certificates come with a later version"},
    {"curve_preferences", KeyKind::kRefused, "wolfSSL's order of curves is fixed"},
    {"certs|certificates", KeyKind::kRefused, "a link has one certificate: cert_file, key_file"},
    {"allow_insecure_cipher_suites", KeyKind::kRefused, "weak ciphers are not part of petiole"},
    {"ocsp_peer", KeyKind::kRefused,
     "OCSP asks a responder that an edge box often cannot reach; it is not part of petiole"},
    {"cert_store|cert_match_by|cert_match|ca_certs_match|cert_match_skip_invalid",
     KeyKind::kRefused, kWindowsStore},
};

}  // namespace

std::span<const Key<RemoteConfig>> tls_keys() { return kTlsKeys; }

}  // namespace petiole
