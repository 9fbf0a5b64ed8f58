#include "agent/auth/jwt.h"

#include <algorithm>

#include "agent/auth/callout_tokens.h"
#include "agent/auth/jwt_reader.h"
#include "agent/auth/nkey.h"
#include "platform/crypto.h"

namespace petiole {

namespace {

constexpr int kVersionMax = 2;
constexpr std::int64_t kFar = 9'000'000'000;  // Seconds; more would overflow nanoseconds.

struct Token {
  Claims claims;
  std::string type;
  json::object body;
};

constexpr Status bad(const char* text) { return {Errc::kConfig, text}; }

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

Result<json::object> decode_part(std::string_view part) {
  const auto text = base64_decode(part);
  if (!text) return bad("a part of the token is not base64url");
  Result<json::value> value = parse_json(*text);
  if (!value.ok() || !value->is_object()) return bad("a part of the token is no JSON object");
  return std::move(value->get_object());
}

bool is_header(const json::object& header) {
  const std::string type = lower(std::string(get_string(header, "typ")));
  const std::string algorithm = lower(std::string(get_string(header, "alg")));
  return type == "jwt" && (algorithm == "ed25519" || algorithm == "ed25519-nkey");
}

// The first byte of the issuer's key, as its letter says.
std::optional<unsigned char> prefix_of(std::string_view key) {
  for (const unsigned char prefix : {kOperatorKey, kAccountKey, kUserKey, kServerKey}) {
    if (decode_nkey_public(key, prefix)) return prefix;
  }
  return std::nullopt;
}

bool is_verified(std::string_view issuer, std::string_view text, std::string_view signature) {
  const auto prefix = prefix_of(issuer);
  const auto bytes = base64_decode(signature);
  Ed25519Signature raw{};
  if (!prefix || !bytes || bytes->size() != raw.size()) return false;
  std::copy(bytes->begin(), bytes->end(), raw.begin());
  const Result<bool> verified = ed25519_verify(*decode_nkey_public(issuer, *prefix), text, raw);
  return verified.ok() && *verified;
}

// Version 1 has its type outside of `nats`.
Status read_claims(Token& token) {
  JwtReader reader;
  Claims& claims = token.claims;
  reader.text(token.body, "sub", claims.subject);
  reader.text(token.body, "iss", claims.issuer);
  reader.text(token.body, "aud", claims.audience);
  reader.text(token.body, "name", claims.name);
  reader.number(token.body, "iat", claims.issued_at);
  reader.number(token.body, "exp", claims.expires);
  reader.number(token.body, "nbf", claims.not_before);
  reader.text(token.body, "type", token.type);
  std::int64_t version = token.type.empty() ? 0 : 1;
  const json::object* const nats = reader.object(token.body, "nats");
  if (version == 1) {
    reader.texts(token.body, "tags", claims.tags);
  } else if (nats) {
    reader.text(*nats, "type", token.type);
    reader.number(*nats, "version", version);
    reader.texts(*nats, "tags", claims.tags);
  }
  if (!reader.ok()) return bad("a field of the token has another type");
  if (version > kVersionMax) return bad("the token was made by a newer version");
  claims.version = static_cast<int>(version);
  return {};
}

Result<Token> decode(std::string_view text) {
  if (text.size() > kTokenBytesMax) return {Errc::kTooLarge, "the token is larger than 1 MiB"};
  const std::size_t first = text.find('.');
  const std::size_t second = first == text.npos ? first : text.find('.', first + 1);
  if (second == text.npos || text.find('.', second + 1) != text.npos) {
    return bad("a token has three parts");
  }
  const Result<json::object> header = decode_part(text.substr(0, first));
  if (!header.ok()) return header.status();
  if (!is_header(*header)) return bad("the token's header names another algorithm");
  const std::string_view payload = text.substr(first + 1, second - first - 1);
  Result<json::object> body = decode_part(payload);
  if (!body.ok()) return body.status();
  Token token;
  token.body = std::move(*body);
  if (const Status read = read_claims(token); !read.ok()) return read;
  const std::string_view is_signed =
      token.claims.version <= 1 && token.claims.version >= 0 && !token.type.empty()
          ? payload
          : text.substr(0, second);
  if (!is_verified(token.claims.issuer, is_signed, text.substr(second + 1))) {
    return bad("the token's signature is wrong");
  }
  return token;
}

Result<Token> decode_as(std::string_view text, std::string_view type) {
  Result<Token> token = decode(text);
  if (!token.ok()) return token;
  if (token->type != type) return bad("the token is of another kind");
  if (token->claims.version < 1) return bad("the token names no version");
  return token;
}

const json::object& nats_of(const Token& token) {
  static const json::object kNone;
  const json::value* const nats = find(token.body, "nats");
  return nats && nats->is_object() ? nats->get_object() : kNone;
}

template <class T>
T make(const Token& token) {
  T claims;
  static_cast<Claims&>(claims) = token.claims;
  return claims;
}

}  // namespace

Result<UserClaims> decode_user(std::string_view text) {
  const Result<Token> token = decode_as(text, "user");
  if (!token.ok()) return token.status();
  auto user = make<UserClaims>(*token);
  if (!decode_nkey_public(user.subject, kUserKey)) return bad("the token is for no user");
  if (!decode_nkey_public(user.issuer, kAccountKey)) return bad("no account has signed the token");
  JwtReader reader;
  if (user.version == 1) user.grant.subscriptions = user.grant.data = user.grant.payload = -1;
  read_grant(reader, nats_of(*token), user.grant);
  check_permissions(reader, user.grant.permissions);
  reader.text(user.version == 1 ? token->body : nats_of(*token), "issuer_account",
              user.issuer_account);
  if (!reader.ok()) return bad("a field of the user's token has another type");
  if (!user.issuer_account.empty() && !decode_nkey_public(user.issuer_account, kAccountKey)) {
    return bad("issuer_account is no account");
  }
  return user;
}

Result<AccountClaims> decode_account(std::string_view text) {
  const Result<Token> token = decode_as(text, "account");
  if (!token.ok()) return token.status();
  auto account = make<AccountClaims>(*token);
  if (!decode_nkey_public(account.subject, kAccountKey)) return bad("the token is for no account");
  if (!decode_nkey_public(account.issuer, kAccountKey) &&
      !decode_nkey_public(account.issuer, kOperatorKey)) {
    return bad("no operator has signed the token");
  }
  JwtReader reader;
  account.config.name = account.config.nkey = account.subject;
  account.config.tag = account.name;
  read_account(reader, nats_of(*token), account);
  if (!reader.ok()) return bad("a field of the account's token is wrong");
  return account;
}

Result<OperatorClaims> decode_operator(std::string_view text) {
  const Result<Token> token = decode_as(text, "operator");
  if (!token.ok()) return token.status();
  auto op = make<OperatorClaims>(*token);
  if (!decode_nkey_public(op.subject, kOperatorKey) ||
      !decode_nkey_public(op.issuer, kOperatorKey)) {
    return bad("the token is for no operator");
  }
  JwtReader reader;
  const json::object& nats = nats_of(*token);
  reader.texts(nats, "signing_keys", op.signing_keys);
  reader.text(nats, "system_account", op.system_account);
  reader.flag(nats, "strict_signing_key_usage", op.strict_signing_keys);
  if (!reader.ok()) return bad("a field of the operator's token has another type");
  return op;
}

Result<Activation> decode_activation(std::string_view text) {
  const Result<Token> token = decode_as(text, "activation");
  if (!token.ok()) return token.status();
  const Claims& claims = token->claims;
  Activation activation{.account = claims.subject,
                        .issuer = claims.issuer,
                        .issued_at = claims.issued_at,
                        .expires = std::clamp<std::int64_t>(claims.expires, 0, kFar),
                        .not_before = std::clamp<std::int64_t>(claims.not_before, 0, kFar)};
  JwtReader reader;
  std::string kind;
  const json::object& nats = nats_of(*token);
  reader.text(nats, "subject", activation.subject);
  reader.text(nats, token->claims.version == 1 ? "type" : "kind", kind);
  reader.text(nats, "issuer_account", activation.issuer_account);
  if (!reader.ok() || (kind != "stream" && kind != "service")) return bad("no activation token");
  if (kind == "service") activation.kind = ExportConfig::Kind::kService;
  return activation;
}

Result<DeleteClaims> decode_delete(std::string_view text) {
  const Result<Token> token = decode(text);
  if (!token.ok()) return token.status();
  auto claims = make<DeleteClaims>(*token);
  JwtReader reader;
  std::vector<std::string> accounts;
  reader.texts(nats_of(*token), "accounts", accounts);
  if (reader.ok() && find(nats_of(*token), "accounts")) claims.accounts = std::move(accounts);
  return claims;
}

Result<CalloutResponse> decode_callout_response(std::string_view text) {
  const Result<Token> token = decode_as(text, "authorization_response");
  if (!token.ok()) return token.status();
  auto response = make<CalloutResponse>(*token);
  if (!decode_nkey_public(response.issuer, kAccountKey)) {
    return bad("no account has signed the response");
  }
  JwtReader reader;
  reader.text(nats_of(*token), "jwt", response.token);
  reader.text(nats_of(*token), "error", response.error);
  reader.text(nats_of(*token), "issuer_account", response.issuer_account);
  if (!reader.ok()) return bad("a field of the response has another type");
  return response;
}

json::object body_of(std::string_view token) {
  const std::size_t first = token.find('.');
  if (first == token.npos) return {};
  const std::string_view rest = token.substr(first + 1);
  Result<json::object> body = decode_part(rest.substr(0, rest.find('.')));
  return body.ok() ? std::move(*body) : json::object();
}

std::string_view find_token(std::string_view file) {
  while (!file.empty()) {
    const std::size_t end = std::min(file.find('\n'), file.size());
    std::string_view line = file.substr(0, end);
    file.remove_prefix(std::min(end + 1, file.size()));
    line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
    line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
    if (!line.empty() && !line.starts_with("--")) return line;
  }
  return {};
}

}  // namespace petiole
