#include "agent/config/changes.h"

#include <algorithm>

namespace petiole {

namespace {

using C = const Config&;

struct Part {
  const char* name;
  bool (*same)(C before, C after);
  const char* needs_restart = nullptr;
};

constexpr const char* kBound = "a listener stays where it is";
constexpr const char* kStore = "the store is opened once";

// Where a block stands in the file is kept for errors: one that moved is still the same.
bool same_tls(const TlsListenConfig& a, TlsListenConfig b) {
  b.places = a.places;
  return a == b;
}

bool same_websocket(C a, C b) {
  WebSocketListenConfig after = b.websocket;
  after.place = a.websocket.place;
  after.tls.places = a.websocket.tls.places;
  return a.websocket == after;
}

// What the open port and the links that stand depend on; the rest holds for whom it lets in next.
bool same_leaf_listener(C a, C b) {
  LeafListenConfig after = b.leaf_listen;
  after.auth = a.leaf_listen.auth;
  after.tls = a.leaf_listen.tls;
  after.min_version = a.leaf_listen.min_version;
  after.compression = a.leaf_listen.compression;
  return a.leaf_listen == after;
}

bool same_leaf_entrance(C a, C b) {
  return same_tls(a.leaf_listen.tls, b.leaf_listen.tls) &&
         a.leaf_listen.min_version == b.leaf_listen.min_version;
}

bool same_accounts(C a, C b) {
  const auto nowhere = [](std::vector<AccountConfig> accounts) {
    for (AccountConfig& account : accounts) {
      for (ExportConfig& each : account.exports) each.place.clear();
      for (ImportConfig& each : account.imports) each.place.clear();
    }
    return accounts;
  };
  return nowhere(a.accounts) == nowhere(b.accounts);
}

// The door is made once where operators are: it holds what is known of their accounts.
bool same_door(C a, C b) {
  if (!b.auth.trust.enabled()) return true;
  AuthConfig after = b.auth;
  after.trust = a.auth.trust;
  return a.auth == after && a.leaf_listen.auth == b.leaf_listen.auth &&
         a.leaf_listen.tls.map == b.leaf_listen.tls.map;
}

// A rule that names no account has that of the remotes.
bool same_rule_accounts(C a, C b) {
  return std::equal(a.mirror.rules.begin(), a.mirror.rules.end(), b.mirror.rules.begin(),
                    b.mirror.rules.end(), [&](const RuleConfig& before, const RuleConfig& after) {
                      return rule_account(before, a) == rule_account(after, b);
                    });
}

// One row for each part of Config: a part that is forgotten here is found by the test that changes
// every key of the file.
constexpr Part kParts[] = {
    {"listen", [](C a, C b) { return a.host == b.host && a.port == b.port; }, kBound},
    {"server_name", [](C a, C b) { return a.server_name == b.server_name; },
     "peers know the server by it"},
    {"leafnodes", same_leaf_listener, kBound},
    {"http",
     [](C a, C b) {
       MonitorConfig after = b.monitor;
       after.link_down_grace = a.monitor.link_down_grace;
       return a.monitor == after;
     },
     kBound},
    {"store_and_forward", [](C a, C b) { return a.mirror == b.mirror; }, kStore},
    {"the account of the rules",
     [](C a, C b) { return !(a.mirror == b.mirror) || same_rule_accounts(a, b); },
     "what they hold belongs to the account it came from"},
    {"system_account", [](C a, C b) { return a.system_account == b.system_account; },
     "its services are made at the start"},

    {"authorization", same_door, "where there are operators it is read at the start"},
    {"https",
     [](C a, C b) { return !a.monitor.secure || !b.monitor.secure || same_tls(a.tls, b.tls); },
     "its tls {} is that of the clients; files of the same names are read again when they change"},
    {"tls", [](C a, C b) { return same_tls(a.tls, b.tls) && a.allow_non_tls == b.allow_non_tls; }},
    {"leafnodes tls, min_version", same_leaf_entrance},
    {"websocket", same_websocket, kBound},
    {"proxy_protocol", [](C a, C b) { return a.proxy_protocol == b.proxy_protocol; }},
    {"logging", [](C a, C b) { return a.log == b.log; }},
    {"pid_file", [](C a, C b) { return a.pid_file == b.pid_file; }},
    {"ports_file_dir", [](C a, C b) { return a.ports_file_dir == b.ports_file_dir; }},
    {"client_advertise", [](C a, C b) { return a.client_advertise == b.client_advertise; }},
    {"server_tags", [](C a, C b) { return a.server_tags == b.server_tags; }},
    {"server_metadata", [](C a, C b) { return a.server_metadata == b.server_metadata; }},
    {"accounts", same_accounts},
    {"operator, resolver", [](C a, C b) { return a.auth.trust == b.auth.trust; },
     "accounts are trusted from the start on; their JWTs change by the resolver"},
    {"authorization",
     [](C a, C b) {
       AuthConfig after = b.auth;
       after.trust = a.auth.trust;
       return a.auth == after;
     }},
    {"clock", [](C a, C b) { return a.clock == b.clock; },
     "certificates and tokens are judged by it from the start on"},
    {"limits", [](C a, C b) { return a.limits == b.limits; }},
    {"leafnodes authorization", [](C a, C b) { return a.leaf_listen.auth == b.leaf_listen.auth; }},
    {"leafnodes compression",
     [](C a, C b) { return a.leaf_listen.compression == b.leaf_listen.compression; }},
    {"leafnodes timing", [](C a, C b) { return a.link == b.link; }},
    {"leafnodes remotes", [](C a, C b) { return a.remotes == b.remotes; }},
    {"link_down_grace",
     [](C a, C b) { return a.monitor.link_down_grace == b.monitor.link_down_grace; }},
    {"lame_duck_duration, lame_duck_grace_period",
     [](C a, C b) {
       return a.lame_duck_duration == b.lame_duck_duration &&
              a.lame_duck_grace == b.lame_duck_grace;
     }},
};

}  // namespace

std::string refusal_of(const ConfigChange& change) {
  return "config reload not supported for " + change.name + ": " + change.needs_restart +
         "; restart to change it";
}

std::vector<ConfigChange> changes_between(const Config& before, const Config& after) {
  std::vector<ConfigChange> changes;
  for (const Part& part : kParts) {
    if (!part.same(before, after)) changes.push_back({part.name, part.needs_restart});
  }
  return changes;
}

}  // namespace petiole
