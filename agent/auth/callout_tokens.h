// Auth callout: what a service is asked, as a JWT that this server has signed, and what it answers.
// nats-server auth_callout.go; jwt v2 authorization_claims.go.
#pragma once

#include <string>
#include <string_view>

#include "agent/auth/claims.h"
#include "agent/auth/server_keys.h"
#include "agent/protocol/connect.h"
#include "platform/calendar.h"
#include "platform/protocol.h"
#include "platform/tls.h"

namespace petiole {

// A peer that wants to come in, kept while others are asked about it.
struct Caller {
  ConnectOptions options;
  std::string nonce;
  PeerInfo peer;
  std::uint8_t type = kStandardConnection;  // One of ConnectionTypes.
  std::uint64_t cid = 0;
};

// Who it says it is, as monitoring shows it too: nats-server client.go, getRawAuthUser.
std::string claimed_user(const ConnectOptions& options);

// What the server tells of itself.
struct CalloutSelf {
  std::string name, host, version, cluster;
  std::vector<std::string> tags{};
};

struct CalloutRequest {
  const CalloutSelf& self;
  const Caller& caller;
  std::string_view user;       // Who the caller is taken for so far.
  std::string_view user_nkey;  // U…, made for this request: the answer must be for it.
  std::string_view subject;    // Of the token: the account that is asked, or the issuer.
  std::string_view xkey;       // The server's, when the request will be sealed.
  WallTime now, expires;
};

// The signed token; kUnsupported in a build without Ed25519.
Result<std::string> encode_callout_request(const CalloutRequest& request, const ServerKeys& keys);

// A public key of a user whose seed nobody has.
std::string make_user_nkey(Entropy& entropy);

struct CalloutResponse : Claims {
  std::string token{}, error{};  // One of them.
  std::string issuer_account{};
};

// Errors: kConfig, kTooLarge; the text is a literal for people.
Result<CalloutResponse> decode_callout_response(std::string_view token);
// What is wrong with a response by itself; null: nothing.
const char* check_response(const CalloutResponse& response, Moment now);

}  // namespace petiole
