// Who may come in and what they may do, as configuration says it: users, permissions, accounts with
// what they share. JWT claims are brought into the same form. Plain data; see config.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace petiole {

using namespace std::chrono_literals;

// An entry is a subject pattern or, for subscriptions, `pattern queue`, where the queue may be a
// pattern too. Deny wins. Wire 2.4.
struct SubjectRules {
  std::optional<std::vector<std::string>> allow{};  // None: all; empty: nothing.
  std::vector<std::string> deny{};
  bool operator==(const SubjectRules&) const = default;
};

// Replies to what was delivered may be published, so many times and so long. Negative: no limit.
struct ResponseRule {
  int max = 1;
  std::chrono::nanoseconds expires = 2min;
  bool operator==(const ResponseRule&) const = default;
};

struct PermissionsConfig {
  SubjectRules publish{}, subscribe{};
  std::optional<ResponseRule> responses{};
  bool operator==(const PermissionsConfig&) const = default;
};

// allowed_connection_types, as a set of bits.
enum ConnectionTypes : std::uint8_t {
  kStandardConnection = 1,
  kWebSocketConnection = 2,
  kLeafConnection = 4,
  kLeafWebSocketConnection = 8,
  kAllConnections = 255,
};

inline bool is_leaf_connection(std::uint8_t type) {
  return (type & (kLeafConnection | kLeafWebSocketConnection)) != 0;
}

struct UserConfig {
  std::string user{}, password{};  // The password in plain text or as a bcrypt hash.
  std::string nkey{};              // Public, U…; instead of user and password.
  std::string account = "$G";
  std::optional<PermissionsConfig> permissions{};  // None: the account's or block's default ones.
  std::uint8_t connection_types = kAllConnections;
  bool operator==(const UserConfig&) const = default;
};

// Where the JWTs of accounts come from.
struct ResolverConfig {
  enum class Kind : std::uint8_t { kNone, kMemory, kFull, kCache, kUrl };
  Kind kind = Kind::kNone;
  std::string dir{};              // kFull, kCache: <public key>.jwt.
  std::string url{};              // kUrl: GET of this and the public key is the JWT.
  std::string ca_file{};          // kUrl, https: whom to trust; empty: the system's.
  std::int64_t accounts_max = 0;  // `limit`; 0: none.
  bool allow_delete = false, hard_delete = false;
  std::vector<std::pair<std::string, std::string>> preload{};  // Account and JWT.
  bool operator==(const ResolverConfig&) const = default;
};

// Operator mode: users and accounts are named by JWTs.
struct TrustConfig {
  std::vector<std::string> operators{};  // JWTs; as configured also paths of files, until loaded.
  std::vector<std::string> keys{};       // Public, O…: whose signature on an account counts.
  std::vector<std::string> strict{};     // Operators that sign by their signing keys alone.
  std::vector<std::string> pinned_accounts{};  // Empty: all.
  std::string default_sentinel{};              // JWT of those that bring none.
  ResolverConfig resolver{};
  bool enabled() const { return !operators.empty() || !keys.empty(); }
  bool operator==(const TrustConfig&) const = default;
};

// auth_callout {}: a service decides who comes in. Not with operators: there accounts say it.
struct CalloutConfig {
  std::string issuer{};              // Public, A…: who signs the users' JWTs.
  std::string account = "$G";        // In which the service listens.
  std::vector<std::string> users{};  // Of this file: the service's own; nobody is asked.
  std::string xkey{};                // Public, X…: the service's; empty: in clear.
  std::vector<std::string>
      allowed_accounts{};  // Whose configured users it is asked about; empty: all.
  bool operator==(const CalloutConfig&) const = default;
};

struct AuthConfig {
  std::vector<UserConfig> users{};  // Those of accounts {} too.
  std::string token{};              // In plain text or as a bcrypt hash.
  std::string no_auth_user{};
  std::optional<PermissionsConfig> default_permissions{};  // Given to `users` without their own.
  bool lone_user = false;  // "user" and "password" beside each other: users[0] is that one.
  std::chrono::nanoseconds timeout = 2s;
  std::optional<CalloutConfig> callout{};
  TrustConfig trust{};
  bool required() const { return !users.empty() || !token.empty() || trust.enabled(); }
  bool operator==(const AuthConfig&) const = default;
};

// -1: no limit.
struct AccountLimits {
  std::int64_t connections = -1, leafs = -1, subscriptions = -1, payload_bytes = -1;
  bool operator==(const AccountLimits&) const = default;
};

enum class ResponseType : std::uint8_t { kSingleton, kStream, kChunked };

struct ExportConfig {
  enum class Kind : std::uint8_t { kStream, kService };
  Kind kind = Kind::kStream;
  std::string subject{};
  std::vector<std::string> accounts{};  // Who may import it; empty and not `token`: everybody.
  bool is_private = false;              // `accounts` was given, or an activation token is needed.
  bool token_required = false;          // Of a JWT: an import needs an activation token.
  std::map<std::string, std::int64_t> revocations{};  // Of such tokens, by account or `*`.
  ResponseType response = ResponseType::kSingleton;
  std::chrono::nanoseconds response_threshold = 2min;
  int token_position = 0;    // account_token_position, from 1; 0: none.
  int latency_sampling = 0;  // Percent; 0: none; -1: as the request's headers say.
  std::string latency_subject{};
  bool allow_trace = false;  // Service: message traces go on in the exporter.
  std::string place{};       // In the file, for errors: "petiole.conf:3:5".
  bool operator==(const ExportConfig&) const = default;
};

// A token by which one account lets another import what is private.
struct Activation {
  std::string account{};  // Who may import.
  std::string issuer{}, issuer_account{};
  std::string subject{};  // Within which.
  ExportConfig::Kind kind = ExportConfig::Kind::kStream;
  std::int64_t issued_at = 0, expires = 0, not_before = 0;  // Seconds since 1970; 0: none.
  bool operator==(const Activation&) const = default;
};

struct ImportConfig {
  ExportConfig::Kind kind = ExportConfig::Kind::kStream;
  std::string account{}, subject{};  // Of the exporter.
  std::string to{};          // Local subject; empty: the same. May refer to wildcards by `$1`.
  std::string prefix{};      // Of a stream import, in place of `to`.
  bool share = false;        // Service: the requestor's connection is told.
  bool allow_trace = false;  // Stream: message traces go on in the importer.
  std::optional<Activation> activation{};
  std::string place{};  // As of an export.
  bool operator==(const ImportConfig&) const = default;
};

// One source of `mappings {}` and where its messages go.
struct MappingConfig {
  struct Destination {
    std::string subject{};  // With {{transforms}} and `$1`.
    int weight = 100;       // Percent of all.
    std::string cluster{};  // Only in this cluster; empty: everywhere.
    bool operator==(const Destination&) const = default;
  };
  std::string source{};
  std::vector<Destination> destinations{};
  bool operator==(const MappingConfig&) const = default;
};

struct AccountConfig {
  std::string name{};
  std::string tag{};                        // As people call it: the name in a JWT; empty: `name`.
  std::string nkey{};                       // Public, A…
  std::vector<std::string> signing_keys{};  // Of a JWT: who may sign activations besides.
  AccountLimits limits{};
  std::optional<PermissionsConfig> default_permissions{};
  std::vector<ExportConfig> exports{};
  std::vector<ImportConfig> imports{};
  std::vector<MappingConfig> mappings{};
  // Where events go of messages that a header `traceparent` wants traced, and of how many of a
  // hundred such messages; empty: of none.
  std::string trace_dest{};
  int trace_sampling = 100;
  bool operator==(const AccountConfig&) const = default;
};

}  // namespace petiole
