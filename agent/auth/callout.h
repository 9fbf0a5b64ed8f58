// Auth callout: a service decides about who comes, asked by messages. Wire: client-and-leaf 2.3;
// nats-server auth_callout.go.
//
// Configured by authorization { auth_callout {} }, or in operator mode by an account's JWT. Loop
// thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/auth/account_book.h"
#include "agent/auth/callout_line.h"
#include "agent/auth/callout_tokens.h"
#include "agent/auth/identity.h"
#include "agent/config/config.h"
#include "platform/host.h"

namespace petiole {

// What a callout needs of the server. All outlive it.
struct CalloutContext {
  CalloutLine* line = nullptr;  // Null: nobody can be asked.
  const ServerKeys* keys = nullptr;
  CalloutSelf self{};
};

class Callout {
 public:
  // `book` is null without operators. All outlive it.
  Callout(const Config& config, Host host, CalloutContext context, AccountBook* book);

  // Whether anybody may have to be asked.
  bool enabled() const { return context_.line && (config_.auth.callout || book_); }
  // Questions are open: it must live on to read the answers.
  bool is_busy() const { return open_.use_count() > 1; }

  // What `here`, the answer that was found without asking, comes to: at once, or later by `done`,
  // unless `whose` has expired by then.
  using Done = std::function<void(const Outcome&)>;
  std::optional<Outcome> enter(std::shared_ptr<const Caller> caller, const Outcome& here,
                               std::weak_ptr<const void> whose, Done done);

  // Who may not publish questions: all that are in the account of the service. Those that it has
  // let in may neither see nor answer them.
  IdentityPtr guard(const IdentityPtr& identity) const;
  // Of an account's JWT that has changed: as whom one that came in as `before` stays, if as `now`.
  IdentityPtr again(const Identity& before, const IdentityPtr& now) const;
  // Of a changed configuration: whether one that came in under `before` may stay unasked.
  bool keeps(const Identity& identity, const Callout& before) const;
  // Whether those that came in by the service have to come again: it might be told of them, or they
  // might come in, otherwise. nats-server reload.go, calloutInputsChanged.
  bool asks_anew(const Callout& before) const;

 private:
  // Where to ask about a caller.
  struct Service {
    std::string account;  // That of the service.
    std::string subject;  // Of the question's token.
    std::string xkey;     // Empty: in clear.
  };
  struct Question;
  struct Verdict {
    std::shared_ptr<const UserClaims> user;  // Null: no.
    std::string why{};
  };

  std::optional<Service> service_for(const Caller& caller, const Outcome& here) const;
  bool is_exempt(const std::string& user) const;
  Result<std::string> make_question(const Question& question);
  void answered(const Question& question, const std::optional<std::string>& answer, Done done);
  Verdict read(const Question& question, std::string_view answer) const;
  bool is_signed_by_service(const Question& question, const CalloutResponse& response) const;
  Verdict read_clear(const Question& question, std::string_view answer, bool sealed) const;
  Outcome place(const Question& question, const std::shared_ptr<const UserClaims>& user) const;
  void place_by_token(const Question& question, const std::shared_ptr<const UserClaims>& user,
                      Done done);
  Outcome finish(const Question& question, const UserClaims& user, const Admission& admission,
                 const std::string& account) const;
  Outcome refuse(std::string why) const;

  const Config& config_;
  Host host_;
  Calendar calendar_;
  CalloutContext context_;
  AccountBook* book_;
  std::shared_ptr<Callout*> self_;  // Held weakly by what comes back.
  std::shared_ptr<int> open_;       // Held by each question that is open.
};

}  // namespace petiole
