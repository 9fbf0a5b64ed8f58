#include "agent/auth/callout.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "agent/auth/admission.h"
#include "agent/auth/jwt.h"

namespace petiole {

namespace {

constexpr std::string_view kSubject = "$SYS.REQ.USER.AUTH";
constexpr std::string_view kAnswers = "$SYS._INBOX.>";
constexpr std::string_view kTokenStart = "eyJ";  // Else the answer is sealed.

bool contains(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

const AccountConfig* find_account(const Config& config, const std::string& name) {
  const auto found = std::find_if(config.accounts.begin(), config.accounts.end(),
                                  [&](const AccountConfig& each) { return each.name == name; });
  return found == config.accounts.end() ? nullptr : &*found;
}

// Also those that are there without being configured.
bool has_account(const Config& config, const std::string& name) {
  return name == "$G" || (!name.empty() && name == config.system_account) ||
         find_account(config, name);
}

// By what it is decided who is asked about, and what the service is told: not by permissions.
std::vector<UserConfig> known_users(const Config& config) {
  std::vector<UserConfig> users = config.auth.users;
  for (UserConfig& each : users) each.permissions.reset();
  std::sort(users.begin(), users.end(), [](const UserConfig& a, const UserConfig& b) {
    return std::tie(a.user, a.nkey) < std::tie(b.user, b.nkey);
  });
  return users;
}

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

// As they are logged and told in events.
std::string denial_text(Denial denial, const UserClaims& user) {
  switch (denial) {
    case Denial::kIssuer:
      return "User JWT issuer " + in_quotes(user.issuer) + " is not known";
    case Denial::kRevoked:
      return "User JWT is revoked";
    case Denial::kAccountExpired:
      return "Account JWT has expired";
    case Denial::kBearer:
      return "Account does not allow bearer tokens";
    case Denial::kSource:
      return "authorized user comes from an address that the \"src\" of its JWT does not hold";
    case Denial::kTime:
      return "authorized user outside of valid connect times";
    default:
      return "Error validating user JWT: it does not let the user in here and now";
  }
}

}  // namespace

struct Callout::Question {
  std::shared_ptr<const Caller> caller;
  Service service;
  std::string user;       // Who the caller is taken for so far.
  std::string user_nkey;  // Whom the answer must be for.
};

Callout::Callout(const Config& config, Host host, CalloutContext context, AccountBook* book)
    : config_(config),
      host_(host),
      calendar_(host.calendar ? *host.calendar : Calendar(host.clock)),
      context_(std::move(context)),
      book_(book),
      self_(std::make_shared<Callout*>(this)),
      open_(std::make_shared<int>()) {}

// Those that the service itself comes in by, and others that it is not asked about.
bool Callout::is_exempt(const std::string& user) const {
  return contains(config_.auth.callout->users, user);
}

std::optional<Callout::Service> Callout::service_for(const Caller& caller,
                                                     const Outcome& here) const {
  if (here.refusal == Refusal::kBusy) return std::nullopt;
  const Identity* const known = here.identity.get();
  if (book_) {
    // Who has no token of an account has no service to ask.
    const AccountClaims* const account = known ? book_->find(known->account) : nullptr;
    if (!account || account->callout_users.empty()) return std::nullopt;
    if (contains(account->callout_users, known->user)) return std::nullopt;
    return Service{account->subject, account->subject, account->callout_xkey};
  }
  const auto& callout = config_.auth.callout;
  if (!callout) return std::nullopt;
  std::string user = known && !known->user.empty() ? known->user : claimed_user(caller.options);
  if (user.empty()) user = config_.auth.no_auth_user;
  if (is_exempt(user)) return std::nullopt;
  const bool leaf = is_leaf_connection(caller.type);
  const bool elsewhere = !leaf && known && known->account != "$G" &&
                         !callout->allowed_accounts.empty() &&
                         !contains(callout->allowed_accounts, known->account);
  if (elsewhere) return std::nullopt;
  return Service{callout->account, callout->issuer, callout->xkey};
}

std::optional<Outcome> Callout::enter(std::shared_ptr<const Caller> caller, const Outcome& here,
                                      std::weak_ptr<const void> whose, Done answer) {
  std::optional<Service> service = service_for(*caller, here);
  if (!service) {
    Outcome outcome = here;
    outcome.identity = guard(here.identity);
    return outcome;
  }
  const bool known = here.identity && !here.identity->user.empty();
  Question question{caller, std::move(*service),
                    known ? here.identity->user : claimed_user(caller->options),
                    make_user_nkey(host_.entropy)};
  const Result<std::string> payload = make_question(question);
  if (!payload.ok()) return refuse("Error sealing the auth request");
  CalloutLine::Question sent{question.service.account, {}, *payload, config_.auth.timeout};
  if (!question.service.xkey.empty()) {
    sent.header = "NATS/1.0\r\nNats-Server-Xkey: " + context_.keys->xkey + "\r\n\r\n";
  }
  Done done = [whose, answer = std::move(answer)](const Outcome& outcome) {
    if (!whose.expired()) answer(outcome);
  };
  const bool asked = context_.line->ask(
      sent, whose,
      [self = std::weak_ptr<Callout*>(self_), open = open_, question = std::move(question),
       done = std::move(done)](const std::optional<std::string>& said) {
        const auto callout = self.lock();
        if (!callout) return done(Outcome{});
        (*callout)->answered(question, said, done);
      });
  if (asked) return std::nullopt;
  return Outcome{.identity = nullptr, .refusal = Refusal::kBusy};
}

Result<std::string> Callout::make_question(const Question& question) {
  const WallTime now = calendar_.now().time;
  const bool sealed = !question.service.xkey.empty();
  const CalloutRequest request{.self = context_.self,
                               .caller = *question.caller,
                               .user = question.user,
                               .user_nkey = question.user_nkey,
                               .subject = question.service.subject,
                               .xkey = sealed ? context_.keys->xkey : std::string_view(),
                               .now = now,
                               .expires = now + config_.auth.timeout};
  Result<std::string> token = encode_callout_request(request, *context_.keys);
  if (!token.ok() || !sealed) return token;
  return seal_for(*token, question.service.xkey, *context_.keys, host_.entropy);
}

Outcome Callout::refuse(std::string why) const {
  host_.log.warning(why);
  return {.identity = nullptr, .refusal = Refusal::kViolation, .why = std::move(why)};
}

void Callout::answered(const Question& question, const std::optional<std::string>& answer,
                       Done done) {
  if (!answer) {
    host_.log.debug("Authorization callout response not received in time on account " +
                    in_quotes(question.service.account));
    return done(Outcome{});
  }
  const Verdict verdict = read(question, *answer);
  if (!verdict.user) return done(refuse(verdict.why));
  if (book_) return place_by_token(question, verdict.user, std::move(done));
  done(place(question, verdict.user));
}

Callout::Verdict Callout::read(const Question& question, std::string_view answer) const {
  const Service& service = question.service;
  if (answer.empty()) {
    return {nullptr, "Auth callout violation: \"no reason supplied\" on account " +
                         in_quotes(service.account)};
  }
  if (service.xkey.empty() || answer.starts_with(kTokenStart)) {
    return read_clear(question, answer, false);
  }
  const Result<std::string> open = open_from(answer, service.xkey, *context_.keys);
  if (open.ok()) return read_clear(question, *open, true);
  return {nullptr, "Error decrypting auth callout response on account " +
                       in_quotes(service.account) + ": " + std::string(open.status().text())};
}

// Who could seal it needs no other proof.
bool Callout::is_signed_by_service(const Question& question,
                                   const CalloutResponse& response) const {
  if (!book_) return response.issuer == config_.auth.callout->issuer;
  const AccountClaims* const account = book_->find(question.service.account);
  const std::string& named = response.issuer_account;
  return account && (named.empty() || named == account->subject) &&
         (response.issuer == account->subject || account->signing_keys.contains(response.issuer));
}

// In the order of the reference, 2.15.2; before it looked less closely at what came in clear.
Callout::Verdict Callout::read_clear(const Question& question, std::string_view answer,
                                     bool sealed) const {
  const Result<CalloutResponse> response = decode_callout_response(answer);
  if (!response.ok()) return {nullptr, std::string(response.status().text())};
  if (const char* const wrong = check_response(*response, calendar_.now())) {
    return {nullptr, std::string("Authorization response had validation errors: ") + wrong};
  }
  if (response->subject != question.user_nkey) {
    return {nullptr, "Auth callout violation: auth callout response is not for expected user"};
  }
  if (response->audience != context_.keys->id) {
    return {nullptr, "Auth callout violation: auth callout response is not for server"};
  }
  if (!sealed && !is_signed_by_service(question, *response)) {
    return {nullptr, "Auth callout signing key is unknown"};
  }
  if (!response->error.empty()) {
    return {nullptr, "Auth callout service returned an error: " + response->error};
  }
  Result<UserClaims> user = decode_user(response->token);
  if (!user.ok()) return {nullptr, std::string(user.status().text())};
  if (user->subject != question.user_nkey) {
    return {nullptr, "Expected authorized user of " + in_quotes(question.user_nkey) + " but got " +
                         in_quotes(user->subject) + " on account " +
                         in_quotes(question.service.account)};
  }
  return {std::make_shared<const UserClaims>(std::move(*user))};
}

// Configuration mode: the token's audience names the account.
Outcome Callout::place(const Question& question,
                       const std::shared_ptr<const UserClaims>& user) const {
  const std::string on = " on account " + in_quotes(question.service.account);
  const std::string& issuer = config_.auth.callout->issuer;
  if (!user->issuer_account.empty()) {
    return refuse("Error non operator mode account " + in_quotes(question.service.account) +
                  ": attempted to use issuer_account");
  }
  if (user->issuer != issuer) {
    return refuse("Wrong issuer for auth callout response" + on + ", expected " +
                  in_quotes(issuer) + " got " + in_quotes(user->issuer));
  }
  if (!has_account(config_, user->audience)) {
    return refuse("No valid account " + in_quotes(user->audience) + " for auth callout response" +
                  on);
  }
  AccountClaims account;
  account.subject = issuer;
  if (const AccountConfig* const own = find_account(config_, user->audience)) {
    account.config.default_permissions = own->default_permissions;
  }
  const Admission admission =
      admit(user, account, {question.caller->type, question.caller->peer.address}, calendar_.now());
  return finish(question, *user, admission, user->audience);
}

void Callout::place_by_token(const Question& question,
                             const std::shared_ptr<const UserClaims>& user, Done done) {
  const std::string account = user->account();
  const AccountClaims* const asked = book_->find(question.service.account);
  const bool allowed =
      asked && (account == asked->subject || contains(asked->callout_accounts, account) ||
                contains(asked->callout_accounts, "*"));
  if (!allowed) {
    return done(refuse("Account " + in_quotes(user->issuer) +
                       " not permitted as valid account option for auth callout for account " +
                       in_quotes(question.service.account)));
  }
  auto decide = [this, question, user, account, done = std::move(done)] {
    const AccountClaims* const target = book_->find(account);
    if (!target || book_->is_pinned_out(account)) {
      return done(refuse("No valid account " + in_quotes(account) +
                         " for auth callout response on account " +
                         in_quotes(question.service.account)));
    }
    const Visitor visitor{question.caller->type, question.caller->peer.address};
    done(finish(question, *user, admit(user, *target, visitor, calendar_.now()), account));
  };
  if (!book_->is_stale(account, calendar_.now())) return decide();
  book_->fetch(account, std::move(decide));
}

Outcome Callout::finish(const Question& question, const UserClaims& user,
                        const Admission& admission, const std::string& account) const {
  if (!admission.identity) return refuse(denial_text(admission.denial, user));
  auto identity = std::make_shared<Identity>(*admission.identity);
  identity->account = account;
  identity->user = user.name.empty() ? claimed_user(question.caller->options) : user.name;
  identity->delegated = true;
  return {.identity = guard(identity)};
}

IdentityPtr Callout::guard(const IdentityPtr& identity) const {
  if (!identity) return identity;
  const AccountClaims* const account = book_ ? book_->find(identity->account) : nullptr;
  const bool asked =
      book_ ? account && !account->callout_users.empty()
            : config_.auth.callout && config_.auth.callout->account == identity->account;
  if (!asked) return identity;
  PermissionsConfig permissions;
  if (identity->permissions) permissions = identity->permissions->config();
  permissions.publish.deny.emplace_back(kSubject);
  if (identity->delegated) {
    permissions.publish.deny.emplace_back(kAnswers);
    for (const auto each : {kSubject, kAnswers}) permissions.subscribe.deny.emplace_back(each);
  }
  auto guarded = std::make_shared<Identity>(*identity);
  guarded->permissions = compile(std::optional(std::move(permissions)));
  return guarded;
}

IdentityPtr Callout::again(const Identity& before, const IdentityPtr& now) const {
  if (!now || !before.delegated) return guard(now);
  auto identity = std::make_shared<Identity>(*now);
  identity->user = before.user;
  identity->delegated = true;
  return guard(identity);
}

bool Callout::keeps(const Identity& identity, const Callout& before) const {
  const bool same = config_.auth.callout == before.config_.auth.callout;
  if (identity.delegated) return same && has_account(config_, identity.account);
  return same || !config_.auth.callout || is_exempt(identity.user);
}

bool Callout::asks_anew(const Callout& before) const {
  const Config &now = config_, &then = before.config_;
  return now.server_tags != then.server_tags || now.auth.token != then.auth.token ||
         now.auth.no_auth_user != then.auth.no_auth_user ||
         now.auth.lone_user != then.auth.lone_user || now.tls.map != then.tls.map ||
         now.tls.options.verify != then.tls.options.verify || known_users(now) != known_users(then);
}

}  // namespace petiole
