#include "agent/routing/import_rules.h"

#include <algorithm>
#include <set>

#include "agent/subject/subject.h"

namespace petiole {

namespace {

using Kind = ExportConfig::Kind;

constexpr std::size_t kStepsMax = 1024;  // nats-server: MaxAccountCycleSearchDepth.

const char* name_of(Kind kind) { return kind == Kind::kStream ? "stream" : "service"; }

std::string in_quotes(std::string_view text) { return '"' + std::string(text) + '"'; }

std::string_view token_number(std::string_view subject, int position) {
  Tokens tokens{subject};
  std::string_view token;
  for (int i = 0; i < position; ++i) {
    if (!tokens.more) return {};
    token = tokens.next();
  }
  return token;
}

// The subjects of an import on both sides, without checks; `to` as a pattern.
struct Ends {
  std::string from, to;
};

Ends ends_of(const ImportConfig& import) {
  return {import.subject, pattern_of(number_wildcards(local_subject(import)))};
}

struct Search {
  const AccountLookup& lookup;
  Kind kind;
  std::set<std::string_view> visited;
  std::size_t steps = 0;
};

// Whether `subject` of `account` leads by imports to an account that was on the way.
bool leads_back(Search& search, const AccountConfig& account, const std::string& subject) {
  if (++search.steps > kStepsMax) return true;
  if (search.kind == Kind::kStream && !find_export(account, Kind::kStream, subject)) return false;
  for (const ImportConfig& import : account.imports) {
    if (import.kind != search.kind) continue;
    const Ends ends = ends_of(import);
    // A service's own subject is what is asked for; a stream's is where it arrives.
    const std::string& here = ends.to;
    if (!overlaps(subject, here)) continue;
    if (search.visited.contains(import.account)) return true;
    const AccountConfig* const next = search.lookup(import.account);
    if (next == nullptr) continue;
    search.visited.insert(account.name);
    // Of an import of everything only what is asked for goes on, unless it gets another name.
    const bool widens = local_subject(import) == import.subject && !covers(subject, here);
    if (leads_back(search, *next, widens ? subject : ends.from)) return true;
    search.visited.erase(account.name);
  }
  return false;
}

bool forms_cycle(const AccountConfig& importer, const ImportConfig& import,
                 const AccountConfig& exporter, const AccountLookup& lookup) {
  Search search{lookup, import.kind, {importer.name}, 0};
  return exporter.name == importer.name || leads_back(search, exporter, import.subject);
}

std::string check_subjects(const ImportConfig& import) {
  if (import.subject.empty() || !is_valid_subject(import.subject)) {
    return in_quotes(import.subject) + " is not a valid subject";
  }
  if (!import.prefix.empty() && !import.to.empty()) {
    return "Stream import can not have a 'prefix' and a 'to' property";
  }
  if (!import.prefix.empty() && (import.kind == Kind::kService || has_wildcard(import.prefix))) {
    return "a prefix is for stream imports, and without wildcards";
  }
  const std::string local = local_subject(import);
  if (!is_valid_subject(local)) return in_quotes(local) + " is not a valid subject";
  const bool many = has_wildcard(pattern_of(local));
  if (import.kind == Kind::kStream && many && !has_wildcard(import.subject)) {
    return in_quotes(local) + " has wildcards that " + in_quotes(import.subject) + " has not";
  }
  return {};
}

// nats-server accounts.go, checkActivation; jwt v2 imports.go, Validate.
bool is_activated(const AccountConfig& exporter, const ExportConfig& offer,
                  std::string_view importer, const ImportConfig& import, Moment now) {
  if (!import.activation) return false;
  const Activation& token = *import.activation;
  const auto& signers = exporter.signing_keys;
  const bool trusted =
      token.issuer_account.empty()
          ? token.issuer == exporter.name
          : token.issuer_account == exporter.name &&
                (token.issuer == exporter.name ||
                 std::find(signers.begin(), signers.end(), token.issuer) != signers.end());
  if (!trusted || token.account != importer || token.kind != import.kind ||
      !covers(token.subject, import.subject)) {
    return false;
  }
  const auto at = [](std::int64_t since_1970) {
    return WallTime(std::chrono::seconds(since_1970));
  };
  if (!now.lenient && token.expires > 0 && now.time >= at(token.expires)) return false;
  if (!now.lenient && token.not_before > 0 && now.time < at(token.not_before)) return false;
  const auto revoked = [&](const std::string& key) {
    const auto found = offer.revocations.find(key);
    return found != offer.revocations.end() && found->second >= token.issued_at;
  };
  return !revoked("*") && !revoked(token.account);
}

}  // namespace

const ExportConfig* find_export(const AccountConfig& exporter, Kind kind,
                                std::string_view subject) {
  const ExportConfig* found = nullptr;
  for (const ExportConfig& each : exporter.exports) {
    if (each.kind != kind) continue;
    if (each.subject == subject) return &each;
    if (found == nullptr && covers(each.subject, subject)) found = &each;
  }
  return found;
}

bool is_approved(const AccountConfig& exporter, const ExportConfig& offer,
                 std::string_view importer, const ImportConfig& import, Moment now) {
  if (offer.token_position > 0) {
    return token_number(import.subject, offer.token_position) == importer;
  }
  if (!offer.is_private) return true;
  if (offer.token_required) return is_activated(exporter, offer, importer, import, now);
  return std::find(offer.accounts.begin(), offer.accounts.end(), importer) != offer.accounts.end();
}

std::string local_subject(const ImportConfig& import) {
  if (!import.prefix.empty()) {
    return import.prefix + (import.prefix.ends_with('.') ? "" : ".") + import.subject;
  }
  return import.to.empty() ? import.subject : import.to;
}

std::string check_export(const AccountConfig& exporter, const ExportConfig& offer) {
  const std::string what = std::string("Error adding ") + name_of(offer.kind) + " export ";
  if (offer.subject.empty() || !is_valid_subject(offer.subject)) {
    return what + in_quotes(offer.subject) + ": invalid subject";
  }
  if (offer.token_position > 0 && token_number(offer.subject, offer.token_position) != "*") {
    return what + in_quotes(offer.subject) + ": account_token_position must be that of a \"*\"";
  }
  if (offer.latency_sampling == 0) return {};
  if (offer.response != ResponseType::kSingleton) {
    return "Error adding service latency sampling for " + in_quotes(offer.subject) +
           ": only a singleton response can be measured";
  }
  if (!is_valid_literal(offer.latency_subject) ||
      find_export(exporter, Kind::kService, offer.latency_subject)) {
    return "Error adding service latency sampling for " + in_quotes(offer.subject) +
           " on subject " + in_quotes(offer.latency_subject) + ": bad publish subject";
  }
  return {};
}

std::string check_import(const AccountConfig& importer, const ImportConfig& import,
                         const AccountLookup& lookup, bool must_exist, ImportPath& path,
                         Moment now) {
  const std::string what = std::string("Error adding ") + name_of(import.kind) + " import " +
                           in_quotes(import.subject) + ": ";
  if (std::string error = check_subjects(import); !error.empty()) return what + error;
  if (std::string error = path.compile(import.subject, local_subject(import)); !error.empty()) {
    return what + error;
  }
  const AccountConfig* const exporter = lookup(import.account);
  if (exporter == nullptr) {
    return must_exist ? in_quotes(import.account) + " account not defined for " +
                            name_of(import.kind) + " import"
                      : std::string();
  }
  const ExportConfig* const offer = find_export(*exporter, import.kind, import.subject);
  if (offer == nullptr) {
    return what + "account " + in_quotes(import.account) + " does not export it";
  }
  if (!is_approved(*exporter, *offer, importer.name, import, now)) {
    return what + "account " + in_quotes(import.account) + " does not export it to " +
           in_quotes(importer.name);
  }
  if (forms_cycle(importer, import, *exporter, lookup)) return what + "import forms a cycle";
  return {};
}

}  // namespace petiole
