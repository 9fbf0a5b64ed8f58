// Operator mode: operator, trusted_keys, resolver, resolver_preload.
#include "agent/auth/nkey.h"
#include "agent/config/keys.h"

namespace petiole {
namespace {

using E = const ConfigEntry&;
using Kind = ResolverConfig::Kind;

void read_type(Reader& r, E entry, ResolverConfig& resolver) {
  const int which = r.one_of(entry, {"full", "cache"});
  if (which >= 0) resolver.kind = which == 0 ? Kind::kFull : Kind::kCache;
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

std::string upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

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
    if (resolver.dir.empty()) reader.error(entry.place, "this resolver has no \"dir\"");
    return;
  }
  std::string text;
  reader.text(entry, text);
  text = upper(text);
  if (text == "MEMORY" || text == "MEM") {
    resolver.kind = Kind::kMemory;
  } else if (text.starts_with("URL")) {
    reader.error(entry.value.place,
                 "a resolver by URL is not supported; allowed: MEMORY, or "
                 "{ type: full, dir: … } to which `nsc push` sends accounts");
  } else {
    reader.error(entry.value.place, "\"resolver\" must be MEMORY or { type: full, dir: … }");
  }
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
