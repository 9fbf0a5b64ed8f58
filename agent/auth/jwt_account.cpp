// An account's claims, brought into the form of the configuration.
#include <algorithm>

#include "agent/auth/jwt.h"
#include "agent/auth/jwt_reader.h"
#include "agent/auth/nkey.h"
#include "agent/subject/account_functions.h"
#include "agent/subject/subject.h"

namespace petiole {

namespace {

using Kind = ExportConfig::Kind;

std::optional<Kind> kind_of(std::string_view type) {
  if (type == "stream") return Kind::kStream;
  if (type == "service") return Kind::kService;
  return std::nullopt;
}

void read_limits(JwtReader& reader, const json::object& nats, AccountClaims& to) {
  AccountLimits& limits = to.config.limits;
  limits = {.connections = 0, .leafs = 0, .subscriptions = 0, .payload_bytes = 0};
  const json::object* const object = reader.object(nats, "limits");
  if (!object) return;
  reader.number(*object, "conn", limits.connections);
  reader.number(*object, "leaf", limits.leafs);
  reader.number(*object, "subs", limits.subscriptions);
  reader.number(*object, "payload", limits.payload_bytes);
  reader.flag(*object, "disallow_bearer", to.disallow_bearer);
}

// What an account shares must be within the operator's limits; else its token is not valid.
void check_sharing(JwtReader& reader, const json::object& nats, const AccountConfig& config) {
  std::int64_t imports = 0, exports = 0;
  bool wildcards = false;
  if (const json::object* const limits = reader.object(nats, "limits")) {
    reader.number(*limits, "imports", imports);
    reader.number(*limits, "exports", exports);
    reader.flag(*limits, "wildcards", wildcards);
  }
  const auto over = [](std::size_t count, std::int64_t most) {
    return most != -1 && static_cast<std::int64_t>(count) > most;
  };
  if (over(config.imports.size(), imports) || over(config.exports.size(), exports)) reader.fail();
  if (exports == -1 || wildcards) return;
  for (const ExportConfig& each : config.exports) {
    if (has_wildcard(each.subject)) reader.fail();
  }
}

// jwt v2 exports.go, isContainedIn: none may be within another of its kind.
void check_overlaps(JwtReader& reader, const std::vector<ExportConfig>& exports) {
  for (const ExportConfig& one : exports) {
    for (const ExportConfig& other : exports) {
      if (&one != &other && one.kind == other.kind && covers(one.subject, other.subject)) {
        return reader.fail();
      }
    }
  }
}

// The same, account_claims.go: no more than all of what is published, in a cluster or without one.
void check_weights(JwtReader& reader, const MappingConfig& mapping) {
  std::map<std::string_view, int> sums;
  for (const MappingConfig::Destination& each : mapping.destinations) {
    if ((sums[each.cluster] += each.weight) > 100) return reader.fail();
  }
}

void read_latency(JwtReader& reader, const json::object& object, ExportConfig& to) {
  const json::object* const latency = reader.object(object, "service_latency");
  if (!latency) return;
  reader.text(*latency, "results", to.latency_subject);
  const json::value* const sampling = reader.given(*latency, "sampling");
  if (!sampling) return;
  if (sampling->is_string()) {
    to.latency_sampling = -1;
  } else {
    std::int64_t percent = 0;
    reader.number(*latency, "sampling", percent);
    to.latency_sampling =
        percent == 0 ? -1 : static_cast<int>(std::clamp<std::int64_t>(percent, 1, 100));
  }
}

void read_export(JwtReader& reader, const json::object& object, AccountConfig& to) {
  ExportConfig out;
  std::string type, response;
  std::int64_t threshold = 0, position = 0;
  reader.text(object, "type", type);
  reader.text(object, "subject", out.subject);
  reader.text(object, "response_type", response);
  reader.flag(object, "token_req", out.token_required);
  out.is_private = out.token_required;
  reader.numbers(object, "revocations", out.revocations);
  reader.flag(object, "allow_trace", out.allow_trace);
  reader.number(object, "response_threshold", threshold);
  reader.number(object, "account_token_position", position);
  read_latency(reader, object, out);
  const auto kind = kind_of(type);
  if (!kind || !is_valid_subject(out.subject) || position < 0 || position > INT16_MAX) {
    return reader.fail();
  }
  out.kind = *kind;
  out.token_position = static_cast<int>(position);
  if (threshold > 0) out.response_threshold = std::chrono::nanoseconds(threshold);
  if (response == "Stream") out.response = ResponseType::kStream;
  if (response == "Chunked") out.response = ResponseType::kChunked;
  to.exports.push_back(std::move(out));
}

// `to` is of old tokens: of a stream the prefix, of a service the exporter's subject.
void read_import(JwtReader& reader, const json::object& object, AccountConfig& to) {
  ImportConfig in;
  std::string type, old, local, token;
  reader.text(object, "type", type);
  reader.text(object, "token", token);
  reader.text(object, "account", in.account);
  reader.text(object, "subject", in.subject);
  reader.text(object, "to", old);
  reader.text(object, "local_subject", local);
  reader.flag(object, "share", in.share);
  reader.flag(object, "allow_trace", in.allow_trace);
  const auto kind = kind_of(type);
  if (!kind || !is_valid_subject(in.subject) || !decode_nkey_public(in.account, kAccountKey)) {
    return reader.fail();
  }
  in.kind = *kind;
  if (!token.empty()) {
    Result<Activation> activation = decode_activation(token);
    if (!activation.ok()) return reader.fail();
    in.activation = std::move(*activation);
  }
  if (!local.empty()) {
    in.to = std::move(local);
  } else if (in.kind == Kind::kStream) {
    in.prefix = std::move(old);
  } else if (!old.empty()) {
    in.to = std::exchange(in.subject, std::move(old));
  }
  to.imports.push_back(std::move(in));
}

template <class Read>
void read_list(JwtReader& reader, const json::object& nats, std::string_view name,
               AccountConfig& to, Read read) {
  const json::array* const list = reader.array(nats, name);
  if (!list) return;
  for (const json::value& each : *list) {
    if (!each.is_object()) return reader.fail();
    read(reader, each.get_object(), to);
  }
}

void read_mappings(JwtReader& reader, const json::object& nats, AccountConfig& to) {
  const json::object* const mappings = reader.object(nats, "mappings");
  if (!mappings) return;
  for (const auto& [source, list] : *mappings) {
    MappingConfig mapping;
    mapping.source = std::string(source);
    if (!list.is_array()) return reader.fail();
    for (const json::value& each : list.get_array()) {
      MappingConfig::Destination destination;
      std::int64_t weight = 0;
      if (!each.is_object()) return reader.fail();
      reader.text(each.get_object(), "subject", destination.subject);
      reader.text(each.get_object(), "cluster", destination.cluster);
      reader.number(each.get_object(), "weight", weight);
      if (weight < 0 || weight > 100) return reader.fail();
      if (weight != 0) destination.weight = static_cast<int>(weight);
      mapping.destinations.push_back(std::move(destination));
    }
    check_weights(reader, mapping);
    to.mappings.push_back(std::move(mapping));
  }
}

// A key as a text, or with a scope.
void read_signing_keys(JwtReader& reader, const json::object& nats, AccountClaims& to) {
  const json::array* const keys = reader.array(nats, "signing_keys");
  if (!keys) return;
  for (const json::value& each : *keys) {
    std::string key;
    std::optional<UserGrant> scope;
    if (each.is_string()) {
      key = std::string(each.get_string());
    } else if (each.is_object() && get_string(each.get_object(), "kind") == "user_scope") {
      reader.text(each.get_object(), "key", key);
      scope.emplace();
      scope->subscriptions = scope->data = scope->payload = -1;
      if (const json::object* const grant = reader.object(each.get_object(), "template")) {
        read_grant(reader, *grant, *scope);
      }
    } else {
      return reader.fail();
    }
    if (!decode_nkey_public(key, kAccountKey)) return reader.fail();
    to.config.signing_keys.push_back(key);
    to.signing_keys[key] = std::move(scope);
  }
}

void read_callout(JwtReader& reader, const json::object& nats, AccountClaims& to) {
  const json::object* const callout = reader.object(nats, "authorization");
  if (!callout) return;
  reader.texts(*callout, "auth_users", to.callout_users);
  reader.texts(*callout, "allowed_accounts", to.callout_accounts);
  reader.text(*callout, "xkey", to.callout_xkey);
}

// A subject that nobody may publish on is as none: nats-server, UpdateAccountClaims.
void read_trace(JwtReader& reader, const json::object& nats, AccountConfig& to) {
  const json::object* const trace = reader.object(nats, "trace");
  if (!trace) return;
  std::int64_t sampling = 0;
  reader.text(*trace, "dest", to.trace_dest);
  reader.number(*trace, "sampling", sampling);
  if (!is_valid_destination(to.trace_dest)) to.trace_dest.clear();
  if (sampling > 0 && sampling <= 100) to.trace_sampling = static_cast<int>(sampling);
}

// nats-server takes the account without an export or an import whose functions mean nothing; with
// such a mapping it is not valid.
void fill_in_sharing(JwtReader& reader, AccountConfig& config) {
  const AccountNames names{.account = config.name};
  std::erase_if(config.exports,
                [&](ExportConfig& each) { return !fill_in_accounts(each.subject, names).empty(); });
  std::erase_if(config.imports, [&](ImportConfig& each) {
    return !fill_in_accounts({&each.subject, &each.prefix, &each.to},
                             {.account = config.name, .exporter = each.account})
                .empty();
  });
  for (MappingConfig& mapping : config.mappings) {
    if (!fill_in_accounts(mapping.source, names).empty()) reader.fail();
    for (MappingConfig::Destination& each : mapping.destinations) {
      if (!fill_in_accounts(each.subject, names).empty()) reader.fail();
    }
  }
}

}  // namespace

void read_account(JwtReader& reader, const json::object& nats, AccountClaims& to) {
  read_limits(reader, nats, to);
  read_list(reader, nats, "exports", to.config, read_export);
  read_list(reader, nats, "imports", to.config, read_import);
  check_sharing(reader, nats, to.config);
  check_overlaps(reader, to.config.exports);
  read_mappings(reader, nats, to.config);
  fill_in_sharing(reader, to.config);
  read_signing_keys(reader, nats, to);
  reader.numbers(nats, "revocations", to.revocations);
  read_callout(reader, nats, to);
  read_trace(reader, nats, to.config);
  if (const json::object* const defaults = reader.object(nats, "default_permissions")) {
    PermissionsConfig permissions;
    bool given = false;
    read_permissions(reader, *defaults, permissions, given);
    check_permissions(reader, permissions);
    if (given) to.config.default_permissions = std::move(permissions);
  }
}

}  // namespace petiole
