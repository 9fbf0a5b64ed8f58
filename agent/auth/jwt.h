// Reads NATS's JWTs, versions 1 and 2. Wire: client-and-leaf 2.3.
//
// Bounded: a token is at most 1 MiB, its JSON at most 32 levels deep. The signature is checked
// against the issuer that the token names; whether to trust that one is the caller's question.
#pragma once

#include <string_view>

#include "agent/auth/claims.h"
#include "platform/json.h"
#include "platform/status.h"

namespace petiole {

inline constexpr std::size_t kTokenBytesMax = 1 << 20;  // jwt v2 decoder.go: MaxTokenSize.

// Errors: kConfig, kTooLarge; the text is a literal for people.
Result<UserClaims> decode_user(std::string_view token);
Result<AccountClaims> decode_account(std::string_view token);
Result<OperatorClaims> decode_operator(std::string_view token);
Result<Activation> decode_activation(std::string_view token);
Result<DeleteClaims> decode_delete(std::string_view token);

// What a token says, as it stands there and unchecked; empty when it cannot be read.
json::object body_of(std::string_view token);

// The token inside a file that may have lines around it: `-----BEGIN …`.
std::string_view find_token(std::string_view file);

}  // namespace petiole
