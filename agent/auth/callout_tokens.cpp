#include "agent/auth/callout_tokens.h"

#include <algorithm>
#include <span>

#include "agent/auth/nkey.h"
#include "agent/auth/validity.h"
#include "agent/protocol/go_json.h"
#include "platform/crypto.h"

namespace petiole {

namespace {

constexpr std::string_view kHeader = R"({"typ":"JWT","alg":"ed25519-nkey"})";
constexpr std::string_view kAudience = "nats-authorization-request";

std::uint64_t seconds_of(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(seconds, 0));
}

std::string server_json(const CalloutRequest& request, const std::string& id) {
  GoJson json;
  json.text("name", request.self.name);
  json.text("host", request.self.host);
  json.text("id", id);
  json.text_if("version", request.self.version);
  json.text_if("cluster", request.self.cluster);
  json.texts_if("tags", request.self.tags);
  json.text_if("xkey", request.xkey);
  return json.take();
}

std::string client_json(const CalloutRequest& request) {
  const Caller& caller = request.caller;
  const bool leaf = is_leaf_connection(caller.type);
  GoJson json;
  json.text_if("host", caller.peer.address);
  json.number_if("id", caller.cid);
  json.text_if("user", request.user);
  json.text_if("name", caller.options.name);
  json.text("kind", leaf ? "Leafnode" : "Client");
  if (!leaf) json.text("type", caller.peer.websocket ? "websocket" : "nats");
  if (!caller.options.signature.empty()) json.text_if("nonce", caller.nonce);
  return json.take();
}

std::string options_json(const ConnectOptions& options) {
  GoJson json;
  json.text_if("jwt", options.jwt);
  json.text_if("nkey", options.nkey);
  json.text_if("sig", options.signature);
  json.text_if("auth_token", options.token);
  json.text_if("user", options.user);
  json.text_if("pass", options.password);
  json.text_if("name", options.name);
  json.text_if("lang", options.lang);
  json.text_if("version", options.version);
  json.number("protocol", static_cast<std::uint64_t>(std::max<std::int64_t>(options.protocol, 0)));
  return json.take();
}

// RFC 7468: lines of 64 characters of padded base 64.
std::string pem(std::string_view der) {
  std::string text = base64url(der);
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  while (text.size() % 4 != 0) text += '=';
  std::string out = "-----BEGIN CERTIFICATE-----\n";
  for (std::size_t at = 0; at < text.size(); at += 64) out += text.substr(at, 64) + "\n";
  return out + "-----END CERTIFICATE-----\n";
}

// Certificates are asked for where they are verified, and nowhere else.
std::string tls_json(const PeerInfo& peer) {
  GoJson json;
  json.text_if("version", peer.tls_version);
  json.text_if("cipher", peer.tls_cipher);
  if (peer.certificate && !peer.certificate->chain.empty()) {
    std::string chain;
    for (const std::string& der : peer.certificate->chain) {
      chain += chain.empty() ? "[" : ",";
      append_go_text(chain, pem(der));
    }
    json.raw("verified_chains", "[" + chain + "]]");
  }
  return json.take();
}

std::string payload_of(const CalloutRequest& request, const std::string& server,
                       std::string_view id) {
  GoJson nats, json;
  nats.raw("server_id", server_json(request, server));
  nats.text("user_nkey", request.user_nkey);
  nats.raw("client_info", client_json(request));
  nats.raw("connect_opts", options_json(request.caller.options));
  if (!request.caller.peer.tls_version.empty()) {
    nats.raw("client_tls", tls_json(request.caller.peer));
  }
  nats.text("type", "authorization_request");
  nats.number("version", 2);
  json.text("aud", kAudience);
  json.number("exp", seconds_of(request.expires));
  json.text_if("jti", id);
  json.number("iat", seconds_of(request.now));
  json.text("iss", server);
  json.text("sub", request.subject);
  json.raw("nats", nats.take());
  return json.take();
}

std::string text_of(const std::array<unsigned char, 32>& bytes) {
  return std::string(bytes.begin(), bytes.end());
}

}  // namespace

std::string claimed_user(const ConnectOptions& options) {
  if (!options.nkey.empty()) return options.nkey;
  return options.user.empty() && !options.token.empty() ? "[REDACTED]" : options.user;
}

Result<std::string> encode_callout_request(const CalloutRequest& request, const ServerKeys& keys) {
  const std::string id = base32(text_of(sha256(payload_of(request, keys.id, {}))));
  std::string token = base64url(kHeader) + "." + base64url(payload_of(request, keys.id, id));
  const auto signature = ed25519_sign(keys.sign.bytes, token);
  if (!signature.ok()) return signature.status();
  return token + "." + base64url(std::string(signature->begin(), signature->end()));
}

const char* check_response(const CalloutResponse& response, Moment now) {
  if (!decode_nkey_public(response.subject, kUserKey)) return "Subject must be a user public key";
  if (!decode_nkey_public(response.audience, kServerKey)) {
    return "Audience must be a server public key";
  }
  if (response.error.empty() && response.token.empty()) return "Error or Jwt is required";
  if (!response.error.empty() && !response.token.empty()) return "Only Error or Jwt can be set";
  if (!response.issuer_account.empty() &&
      !decode_nkey_public(response.issuer_account, kAccountKey)) {
    return "issuer_account is not an account public key";
  }
  switch (validity(response, now)) {
    case Validity::kExpired:
      return "claim is expired";
    case Validity::kNotYet:
      return "claim is not yet valid";
    case Validity::kGood:
      break;
  }
  return nullptr;
}

std::string make_user_nkey(Entropy& entropy) {
  std::array<unsigned char, 32> key{};
  entropy.fill(std::as_writable_bytes(std::span(key)));
  return encode_nkey_public(kUserKey, key);
}

}  // namespace petiole
