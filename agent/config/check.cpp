#include "agent/config/check.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "agent/auth/nkey.h"
#include "agent/config/keys.h"
#include "agent/config/units.h"
#include "agent/config/url.h"
#include "agent/subject/account_functions.h"
#include "agent/subject/subject.h"

namespace petiole {
namespace {

struct Report {
  const Config& config;
  std::vector<ConfigError>& errors;
  std::vector<ConfigError>& warnings;
  std::unordered_set<std::string_view> names{};  // Of config.accounts.

  void error(std::string where, std::string text) {
    errors.push_back({place(std::move(where)), std::move(text)});
  }
  void warning(std::string where, std::string text) {
    warnings.push_back({place(std::move(where)), std::move(text)});
  }
  std::string place(std::string where) const {
    return config.file.empty() ? where : config.file + ": " + where;
  }
  bool has_account(const std::string& name) const {
    if (config.auth.trust.enabled() && decode_nkey_public(name, kAccountKey)) return true;
    return name == "$G" || (!name.empty() && name == config.system_account) || is_configured(name);
  }
  bool is_configured(const std::string& name) const { return names.contains(name); }
  std::string unknown(const std::string& account) const {
    std::string text = "unknown account \"" + account + "\"; allowed here: $G";
    for (const AccountConfig& each : config.accounts) {
      if (each.name != "$G") text += ", " + each.name;
    }
    return text;
  }
};

bool is_nobody(const UserConfig& user) {
  return user.user.empty() && user.nkey.empty() && user.password.empty();
}

// leafnodes may name an account without a user.
void check_users(Report& report, const std::string& where, const AuthConfig& auth) {
  if (!auth.users.empty() && !auth.token.empty()) {
    report.error(where, "give either a token or users, not both");
  }
  for (const UserConfig& user : auth.users) {
    const bool is_account_alone = auth.lone_user && is_nobody(user) && &auth != &report.config.auth;
    if (user.nkey.empty() && user.user.empty() && !is_account_alone) {
      report.error(where, "a password needs a \"user\"");
    }
    // Who is known by a certificate alone can not come without it.
    if (user.nkey.empty() && user.password.empty() && !user.user.empty() &&
        !report.config.maps_certificates()) {
      report.warning(where, "user \"" + user.user +
                                "\" has no \"password\": whoever gives that name comes in");
    }
    if (!report.has_account(user.account)) {
      report.error(where, report.unknown(user.account));
    }
  }
}

// nats-server starts with an account or users that do not exist, and then lets nobody in.
void check_callout(Report& report, const AuthConfig& auth) {
  if (!auth.callout) return;
  const std::string where = "authorization.auth_callout";
  if (!report.has_account(auth.callout->account)) {
    report.error(where, report.unknown(auth.callout->account));
  }
  for (const std::string& account : auth.callout->allowed_accounts) {
    if (!report.is_configured(account)) {
      report.error(where, "auth_callout allowed account \"" + account +
                              "\" not found in configured accounts");
    }
  }
  for (const std::string& name : auth.callout->users) {
    const bool known = std::any_of(auth.users.begin(), auth.users.end(),
                                   [&](const UserConfig& user) { return name_of(user) == name; });
    if (!known) report.warning(where, "auth user \"" + name + "\" is not among the users");
  }
}

void check_auth(Report& report) {
  const AuthConfig& auth = report.config.auth;
  check_users(report, "authorization", auth);
  check_callout(report, auth);
  if (auth.no_auth_user.empty()) return;
  const bool known = std::any_of(auth.users.begin(), auth.users.end(), [&](const UserConfig& user) {
    return name_of(user) == auth.no_auth_user;
  });
  if (!known) {
    report.error("no_auth_user", "\"" + auth.no_auth_user + "\" is not among the users");
  }
}

void check_limits(Report& report) {
  const Limits& limits = report.config.limits;
  if (limits.payload_bytes_max > limits.pending_bytes_max) {
    report.error("max_payload", "max_payload (" + std::to_string(limits.payload_bytes_max) +
                                    ") must not be larger than max_pending (" +
                                    std::to_string(limits.pending_bytes_max) + ")");
  }
  if (report.config.link.reconnect_max < report.config.link.reconnect_min) {
    report.error("leafnodes.reconnect_max", "reconnect_max must not be shorter than reconnect");
  }
  if (report.config.lame_duck_grace >= report.config.lame_duck_duration) {
    report.error("lame_duck_grace_period",
                 "lame_duck_grace_period must be shorter than lame_duck_duration");
  }
}

void check_denied(Report& report, const std::string& where, const std::string& account,
                  const std::vector<std::string>& subjects) {
  for (const std::string& subject : subjects) {
    std::string wrong = check_subject(subject);
    std::string filled = subject;
    if (wrong.empty()) {
      wrong = fill_in_accounts(filled, {.account = account, .leaf_remote_pending = true});
    }
    if (!wrong.empty()) report.error(where, "\"" + subject + "\": " + wrong);
  }
}

void check_remote(Report& report, const std::string& where, const RemoteConfig& remote) {
  check_denied(report, where + ".deny_imports", remote.account, remote.deny_imports);
  check_denied(report, where + ".deny_exports", remote.account, remote.deny_exports);
  if (!report.has_account(remote.account)) {
    report.error(where, report.unknown(remote.account));
  }
  if (!remote.credentials.empty() && !remote.nkey.empty()) {
    report.error(where, "give either \"credentials\" or \"nkey\", not both");
  }
  if (remote.tls && remote.tls->cert_file.empty() != remote.tls->key_file.empty()) {
    report.error(where + ".tls", "give both \"cert_file\" and \"key_file\", or neither");
  }
  if (remote.tls && remote.tls->insecure) {
    report.warning(where + ".tls", "insecure: the hub's certificate is not verified");
  }
  const bool websocket = !remote.urls.empty() && uses_websocket(remote.urls[0]);
  if (remote.ws_compression && !websocket) {
    report.warning(where, "ws_compression has no effect on links that are not ws:// or wss://");
  }
  if (websocket && remote.tls_handshake_first) {
    report.warning(where, "handshake_first has no effect over WebSocket");
  }
}

// Two links of one account to one hub would each end the other as a duplicate.
void check_repeats(Report& report) {
  const std::vector<RemoteConfig>& remotes = report.config.remotes;
  for (std::size_t i = 1; i < remotes.size(); ++i) {
    const bool again = std::any_of(
        remotes.begin(), remotes.begin() + static_cast<long>(i), [&](const RemoteConfig& each) {
          return each.account == remotes[i].account && each.credentials == remotes[i].credentials &&
                 each.nkey == remotes[i].nkey && each.urls == remotes[i].urls;
        });
    if (again) {
      report.error(
          "leafnodes.remotes[" + std::to_string(i) + "]",
          "duplicate remote: another of account \"" + remotes[i].account + "\" has the same URLs");
    }
  }
}

void check_advertised(Report& report, const char* where, const std::string& address) {
  if (!address.empty() && !parse_advertised(address, 1)) {
    report.error(where, '"' + address + "\" is no address to advertise; allowed here: host or " +
                            "host:port, with '[' and ']' around IPv6");
  }
}

void check_listeners(Report& report) {
  const Config& config = report.config;
  check_advertised(report, "client_advertise", config.client_advertise);
  check_advertised(report, "leafnodes.advertise", config.leaf_listen.advertise);
  const WebSocketListenConfig& websocket = config.websocket;
  if (websocket.enabled && !websocket.tls.enabled && !websocket.no_tls) {
    report.errors.push_back({websocket.place, "websocket needs \"tls\", or \"no_tls: true\""});
  }
  if (websocket.overrides_auth() && !config.auth.users.empty() &&
      !(websocket.user.empty() && websocket.token.empty())) {
    report.errors.push_back(
        {websocket.place, "authorization of websocket does not go together with \"users\""});
  }
  if (websocket.enabled && !websocket.no_auth_user.empty()) {
    const auto& users = config.auth.users;
    const bool known = std::any_of(users.begin(), users.end(), [&](const UserConfig& user) {
      return name_of(user) == websocket.no_auth_user;
    });
    if (!known) {
      report.errors.push_back({websocket.place, "no_auth_user \"" + websocket.no_auth_user +
                                                    "\" is not among the users"});
    }
  }
  if (websocket.enabled && !websocket.jwt_cookie.empty() && !config.auth.trust.enabled()) {
    report.errors.push_back({websocket.place, "\"jwt_cookie\" needs operators, or trusted_keys"});
  }
  if (config.monitor.enabled && config.monitor.secure && !config.tls.enabled) {
    report.error("https_port", "monitoring over HTTPS needs \"tls\" with a certificate");
  }
  if (config.allow_non_tls && !config.tls.enabled) {
    report.warning("allow_non_tls", "has no effect without \"tls\"");
  }
}

// Subjects that belong to the servers, or to one waiting requester.
bool is_internal(std::string_view subject) {
  for (const std::string_view prefix :
       {"$SYS.", "$JS.", "$LDS.", "$GR.", "_GR_.", "_R_.", "_INBOX."}) {
    if (subject.starts_with(prefix)) return true;
  }
  return false;
}

void check_rule_account(Report& report, const std::string& where, const std::string& account) {
  const auto& remotes = report.config.remotes;
  std::string all;
  bool sent = remotes.empty();
  for (const RemoteConfig& each : remotes) {
    if (all.find(each.account) == all.npos) all += (all.empty() ? "" : ", ") + each.account;
    sent = sent || each.account == account;
  }
  if (account.empty()) {
    report.error(where,
                 "the remotes are of several accounts: \"account\" must say to which of them "
                 "this rule belongs; allowed here: " +
                     all);
  } else if (!report.has_account(account)) {
    report.error(where, report.unknown(account));
  } else if (!sent) {
    report.error(where, "no remote is of account \"" + account +
                            "\": what this rule stores would never be sent; allowed here: " + all);
  }
}

// To NATS a name like any other, to who wrote it hardly.
bool looks_like_pattern(std::string_view subject) {
  const auto part_of_token = [&](char wildcard) {
    for (std::size_t at = subject.find(wildcard); at != subject.npos;
         at = subject.find(wildcard, at + 1)) {
      const bool first = at == 0 || subject[at - 1] == '.';
      const bool last = at + 1 == subject.size() || subject[at + 1] == '.';
      if (!first || !last) return true;
    }
    return false;
  };
  return subject.find(',') != subject.npos || part_of_token('*') || part_of_token('>');
}

// `seen`: those of the rules before it, as "account subject".
void warn_of_rule_subject(Report& report, const std::string& where, const std::string& account,
                          const std::string& subject, std::span<const std::string> seen) {
  if (looks_like_pattern(subject)) {
    report.warning(where, "\"" + subject +
                              "\" is one name: a wildcard is a whole token between dots, and "
                              "several subjects are a list");
  }
  for (const std::string& each : seen) {
    if (!each.starts_with(account + ' ')) continue;
    const std::string_view earlier = std::string_view(each).substr(account.size() + 1);
    const bool own = subject.front() == '$' || subject.front() == '_';  // No wildcard means those.
    const bool meant = !own || earlier.starts_with(subject.front());
    if (meant && check_subject(earlier).empty() && covers(earlier, subject)) {
      report.warning(where, "\"" + subject + "\" is never stored by this rule: \"" +
                                std::string(earlier) + "\" of a rule before it takes all of it");
    }
  }
}

void check_rule(Report& report, const std::string& where, const RuleConfig& rule,
                std::vector<std::string>& seen) {
  const std::string account = rule_account(rule, report.config);
  check_rule_account(report, where, account);
  const std::size_t before = seen.size();
  for (const std::string& subject : rule.subjects) {
    const std::string wrong = check_subject(subject);
    if (!wrong.empty()) {
      report.error(where, "\"" + subject + "\": " + wrong);
    } else if (is_internal(subject)) {
      report.error(where, "\"" + subject + "\" is an internal subject; it cannot be stored");
    } else if (std::find(seen.begin(), seen.end(), account + ' ' + subject) != seen.end()) {
      report.error(where, "\"" + subject + "\" is in two places; a subject belongs to one rule");
    } else {
      warn_of_rule_subject(report, where, account, subject, std::span(seen).first(before));
    }
    seen.push_back(account + ' ' + subject);
  }
  if (rule.max_bytes > report.config.mirror.max_bytes) {
    report.error(where, "max_bytes of a rule must not be larger than that of store_and_forward");
  }
}

void check_mirror(Report& report) {
  const MirrorConfig& mirror = report.config.mirror;
  if (!mirror.enabled) return;
  if (mirror.rules.empty()) {
    report.warning("store_and_forward", "there are no \"rules\": nothing is stored");
    return;
  }
  if (mirror.dir.empty()) {
    report.error("store_and_forward", "\"dir\" must name a directory, because there are rules");
  }
  if (report.config.remotes.empty()) {
    report.warning("store_and_forward",
                   "there is no remote: messages are stored and not forwarded");
  }
  std::vector<std::string> seen;
  for (std::size_t i = 0; i < mirror.rules.size(); ++i) {
    check_rule(report, "store_and_forward.rules[" + std::to_string(i) + "]", mirror.rules[i], seen);
  }
}

}  // namespace

std::string check_subject(std::string_view subject) {
  if (subject.empty()) return "a subject must not be empty";
  if (subject.find_first_of(" \t\r\n") != std::string_view::npos) return "a subject has no blanks";
  bool last = false;
  while (true) {
    const std::size_t dot = subject.find('.');
    const std::string_view token = subject.substr(0, dot);
    if (token.empty()) return "a subject has no empty token";
    if (last) return "'>' must be the last token";
    last = token == ">";
    if (dot == std::string_view::npos) return {};
    subject.remove_prefix(dot + 1);
  }
}

void check_config(const Config& config, std::vector<ConfigError>& errors,
                  std::vector<ConfigError>& warnings) {
  Report report{config, errors, warnings};
  for (const AccountConfig& account : config.accounts) report.names.insert(account.name);
  if (config.server_name.find_first_of(" \t\r\n") != std::string::npos) {
    report.error("server_name", "\"server_name\" must not contain blanks");
  }
  check_limits(report);
  check_accounts(config, errors);
  if (!config.system_account.empty() && config.system_account != "$SYS" &&
      !config.auth.trust.enabled() && !report.is_configured(config.system_account)) {
    report.error("system_account", report.unknown(config.system_account));
  }
  check_auth(report);
  check_listeners(report);
  check_users(report, "leafnodes.authorization", config.leaf_listen.auth);
  for (std::size_t i = 0; i < config.remotes.size(); ++i) {
    check_remote(report, "leafnodes.remotes[" + std::to_string(i) + "]", config.remotes[i]);
  }
  check_repeats(report);
  check_mirror(report);
}

}  // namespace petiole
