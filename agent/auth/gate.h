// The door: decides who a peer is, at once or later, and whether it may still be in.
//
// By the users of the configuration, or, in operator mode, by JWTs. Loop thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "agent/auth/account_book.h"
#include "agent/auth/authenticator.h"
#include "agent/auth/callout.h"
#include "agent/auth/identity.h"
#include "agent/auth/password_queue.h"
#include "agent/config/config.h"
#include "platform/host.h"
#include "platform/protocol.h"

namespace petiole {

// What a peer says of itself and what is known of it. Views of the caller.
struct Login {
  const ConnectOptions& options;
  std::string_view nonce;  // As INFO told it.
  const PeerInfo& peer;
  std::uint8_t type = kStandardConnection;  // One of ConnectionTypes.
  std::uint64_t cid = 0;
};

class Gate {
 public:
  // `account_changed` is told of each account that a JWT names or changes.
  Gate(const Config& config, Host host, AccountBook::Changed account_changed,
       CalloutContext callout = {});
  ~Gate();

  // INFO: a client must say who it is; there is a nonce to sign. `type` is one of ConnectionTypes.
  bool required(std::uint8_t type) const { return users(type).required(); }
  bool wants_nonce(std::uint8_t type) const { return book_ || users(type).wants_nonce(); }
  // How long a peer may take until its CONNECT.
  Duration timeout(std::uint8_t type) const;

  // The answer; or none, and `done` is called in a later turn, unless `whose` has expired by then.
  using Done = std::function<void(const Outcome&)>;
  std::optional<Outcome> enter(const Login& login, std::weak_ptr<const void> whose, Done done);

  // Whether a peer that is in may stay, and as whom: an account's JWT has changed.
  Outcome review(const IdentityPtr& identity, const PeerInfo& peer, std::uint8_t type) const;

  // Whether a peer that came in by the users of `before` may stay under the configuration now: as
  // whom, or not at all. What it said of itself is not known any more, so that another password
  // ends it.
  Outcome review(const IdentityPtr& identity, std::uint8_t type, const Gate& before) const;

  // Hashes are compared, or a service is asked, for some who want to come in: it must live on to
  // answer them.
  bool is_busy() const { return passwords_.waiting() != 0 || callout_.is_busy(); }

  // Null without operators.
  AccountBook* book() { return book_.get(); }
  const AccountBook* book() const { return book_.get(); }

 private:
  struct Applicant;  // A user's token, while its account is looked up.

  const AuthConfig& scope(std::uint8_t type) const;
  const Authenticator& users(std::uint8_t type) const;
  bool has_websocket_users(std::uint8_t type) const;  // Of websocket {}, for one of that type.
  bool has_leaf_users() const;                        // Of leafnodes { authorization }.
  IdentityPtr guest(std::uint8_t type) const;
  bool maps_certificates(const Login& login) const;
  std::optional<Outcome> enter_here(const Login& login, std::weak_ptr<const void> whose, Done done);
  std::optional<Outcome> compare(Authenticator::Answer answer, std::weak_ptr<const void> whose,
                                 Done done);
  std::optional<Outcome> enter_by_token(const Login& login, std::weak_ptr<const void> whose,
                                        Done done);
  Outcome decide(const Applicant& applicant) const;

  const Config config_;  // Its own: after a reload it is asked whom it knew.
  Calendar calendar_;
  const AuthConfig websocket_auth_;  // The clients', with what websocket {} says otherwise, if so.
  Authenticator clients_, websockets_, leafs_;  // leafs_: of leafnodes { authorization }.
  const IdentityPtr leaf_guest_;                // Null: that names no account, or users too.
  PasswordQueue passwords_;
  std::unique_ptr<AccountBook> book_;
  Callout callout_;
};

// kLeafConnection and so on, by how the peer came.
inline std::uint8_t connection_type(const PeerInfo& peer, bool leaf) {
  if (leaf) return peer.websocket ? kLeafWebSocketConnection : kLeafConnection;
  return peer.websocket ? kWebSocketConnection : kStandardConnection;
}

}  // namespace petiole
