// Operator mode: operator, trusted_keys, resolver, resolver_preload.
#include <algorithm>

#include "agent/auth/account_url.h"
#include "agent/auth/nkey.h"
#include "agent/config/features.h"
#include "agent/config/keys.h"

namespace petiole {
namespace {

using E = const ConfigEntry&;
using Kind = ResolverConfig::Kind;

void read_type(Reader& r, E entry, ResolverConfig& resolver) {
  constexpr Kind kKinds[] = {Kind::kFull, Kind::kCache, Kind::kMemory, Kind::kMemory};
  const int which = r.one_of(entry, {"full", "cache", "memory", "mem"});
  if (which >= 0) resolver.kind = kKinds[which];
}

void read_ignored_time(Reader& r, E entry, ResolverConfig&) {
  Duration unused{};
  r.duration(entry, unused);
}

constexpr Key<ResolverConfig> kResolverKeys[] = {
    {"type", read_type},
    {"dir", [](Reader& r, E e, ResolverConfig& c) { r.text(e, c.dir); }},
    {"limit", [](Reader& r, E e, ResolverConfig& c) { r.number(e, c.accounts_max, 0, INT32_MAX); }},
    {"allow_delete", [](Reader& r, E e, ResolverConfig& c) { r.boolean(e, c.allow_delete); }},
    {"hard_delete", [](Reader& r, E e, ResolverConfig& c) { r.boolean(e, c.hard_delete); }},
    {"interval", read_ignored_time},  // Of comparing with other servers: there are none.
    {"ttl", read_ignored_time},
    {"timeout", read_ignored_time},
};

// nats-server: what one type has would be silently without effect on the other.
void refuse_of_type(Reader& r, const ConfigValue& block, Kind kind) {
  constexpr KeyName kFullOnly{"interval|allow_delete|hard_delete", KeyKind::kSet, {}};
  constexpr KeyName kCacheOnly{"ttl", KeyKind::kSet, {}};
  const bool full = kind == Kind::kFull;
  for (const ConfigEntry& entry : block.entries) {
    if (turns_off(entry.value) || is_zero(entry) ||
        !is_named(full ? kCacheOnly : kFullOnly, entry.key))
      continue;
    r.error(entry.place, std::string("a resolver of type ") + (full ? "full" : "cache") +
                             " does not take \"" + entry.key + '"');
  }
}

std::string upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

// URL(http://host:port/path/)
void read_url(Reader& r, E entry, std::string_view text, ResolverConfig& resolver) {
  const std::size_t begin = text.find('('), end = text.rfind(')');
  if (begin != text.npos && end != text.npos && begin < end) {
    text = text.substr(begin + 1, end - begin - 1);
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    text = text.substr(0, text.find_last_not_of(' ') + 1);
  }
  const auto url = parse_account_url(text);
  resolver.kind = Kind::kUrl;
  resolver.url = std::string(text);
  if (!url) {
    r.error(entry.value.place, "\"resolver\" must be URL(http://host:port/path/), or https://");
  } else if (!kHasMonitor || (url->secure && !kHasTls)) {
    r.error(entry.value.place,
            "a resolver by URL needs a build with PETIOLE_MONITOR, and one by "
            "https PETIOLE_TLS");
  }
}

constexpr std::string_view kOnlyTrust = "of the account server only whom to trust is configured";

constexpr Key<ResolverConfig> kResolverTlsKeys[] = {
    {"ca_file", [](Reader& r, E e, ResolverConfig& c) { r.text(e, c.ca_file); }},
    {"cert_file|key_file|verify|insecure|timeout|min_version|cipher_suites|curve_preferences",
     KeyKind::kRefused, kOnlyTrust},
};

void check_account(Reader& r, E entry, const std::string& account) {
  if (!decode_nkey_public(account, kAccountKey)) {
    r.error(entry.place, "\"" + account + "\" is not the public key of an account: A…");
  }
}

}  // namespace

std::span<const Key<ResolverConfig>> resolver_keys() { return kResolverKeys; }

void read_resolver(Reader& reader, const ConfigEntry& entry, ResolverConfig& resolver) {
  if (entry.value.is(ConfigValue::Kind::kMap)) {
    resolver.kind = Kind::kFull;
    read_entries(reader, entry.value, std::span<const Key<ResolverConfig>>(kResolverKeys),
                 resolver);
    if (resolver.kind == Kind::kMemory) return;
    refuse_of_type(reader, entry.value, resolver.kind);
    if (resolver.dir.empty()) reader.error(entry.place, "this resolver has no \"dir\"");
    return;
  }
  std::string given;
  reader.text(entry, given);
  const std::string text = upper(given);
  if (text == "MEMORY" || text == "MEM") {
    resolver.kind = Kind::kMemory;
  } else if (text.starts_with("URL")) {
    read_url(reader, entry, given, resolver);
  } else {
    reader.error(entry.value.place,
                 "\"resolver\" must be MEMORY, URL(http://…) or { type: full, dir: … }");
  }
}

void read_resolver_tls(Reader& reader, const ConfigEntry& entry, ResolverConfig& resolver) {
  read_block(reader, entry, std::span<const Key<ResolverConfig>>(kResolverTlsKeys), resolver);
}

void read_preload(Reader& reader, const ConfigEntry& entry, ResolverConfig& resolver) {
  if (!reader.is_map(entry, entry.value)) return;
  for (const ConfigEntry& item : entry.value.entries) {
    std::string token;
    reader.text(item, token);
    check_account(reader, item, item.key);
    resolver.preload.emplace_back(item.key, std::move(token));
  }
}

void read_pinned(Reader& reader, const ConfigEntry& entry, TrustConfig& trust) {
  reader.texts(entry, trust.pinned_accounts);
  for (const std::string& account : trust.pinned_accounts) check_account(reader, entry, account);
}

}  // namespace petiole
