#include "agent/auth/claim_service.h"

#include <utility>

#include "agent/auth/nkey.h"
#include "agent/protocol/go_json.h"
#include "agent/subject/subject.h"
#include "platform/crypto.h"

namespace petiole {

namespace {

// `$SYS.REQ.ACCOUNT.<A>.CLAIMS.…` and the old `$SYS.ACCOUNT.<A>.CLAIMS.UPDATE`.
std::string account_of(std::string_view subject) {
  Tokens tokens{subject};
  std::string_view before;
  while (tokens.more) {
    const std::string_view token = tokens.next();
    if (before == "ACCOUNT") return std::string(token);
    before = token;
  }
  return {};
}

// The exclusive or of the hashes of all tokens: nats-server dirstore.go.
std::string hash_of(const std::vector<AccountStore::Token>& tokens) {
  std::string sum(32, '\0');
  for (const auto& [account, token] : tokens) {
    const auto hash = sha256(token);
    for (std::size_t i = 0; i < sum.size(); ++i) {
      sum[i] = static_cast<char>(static_cast<unsigned char>(sum[i]) ^ hash[i]);
    }
  }
  return sum;
}

}  // namespace

const ClaimService::Route ClaimService::kRoutes[] = {
    {"$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP", {}, &ClaimService::on_lookup},
    {"$SYS.REQ.ACCOUNT.*.CLAIMS.UPDATE", {}, &ClaimService::on_update},
    {"$SYS.ACCOUNT.*.CLAIMS.UPDATE", {}, &ClaimService::on_update},
    {"$SYS.REQ.CLAIMS.UPDATE", {}, &ClaimService::on_update},
    {"$SYS.REQ.CLAIMS.LIST", {}, &ClaimService::on_list},
    {"$SYS.REQ.CLAIMS.DELETE", {}, &ClaimService::on_delete},
    {"$SYS.REQ.CLAIMS.PACK", "responder", &ClaimService::on_pack},
};

ClaimService::ClaimService(AccountBook& book, Account& system, Host host, Self self)
    : book_(book),
      system_(system),
      host_(host),
      self_(std::move(self)),
      handle_(std::make_shared<ClaimService*>(this)) {
  for (const Route& route : kRoutes) subscribe(route);
}

ClaimService::~ClaimService() {
  for (Subscription* const each : subscriptions_) system_.retire(each);
}

// The sid is the route's number.
void ClaimService::subscribe(const Route& route) {
  const std::string sid(1, static_cast<char>('0' + (&route - kRoutes)));
  Subscription* const subscription = make_subscription(*this, route.subject, route.queue, sid);
  subscriptions_.push_back(subscription);
  system_.add(*subscription);
}

bool ClaimService::deliver(Subscription& subscription, const Message& message) {
  const Route& route = kRoutes[subscription.sid()[0] - '0'];
  Request request{std::string(message.subject), std::string(message.reply),
                  std::string(message.payload)};
  const std::weak_ptr<ClaimService*> handle = handle_;
  host_.loop.post([handle, handler = route.handler, request = std::move(request)] {
    if (const auto self = handle.lock()) ((*self)->*handler)(request);
  });
  return true;
}

void ClaimService::on_lookup(const Request& request) {
  const std::string account = account_of(request.subject);
  if (request.reply.empty() || !decode_nkey_public(account, kAccountKey)) return;
  book_.store().look_up(account, [handle = std::weak_ptr(handle_),
                                  reply = request.reply](const std::optional<std::string>& token) {
    if (const auto self = handle.lock()) {
      (*self)->answer(reply, token ? find_token(*token) : std::string_view());
    }
  });
}

void ClaimService::on_update(const Request& request) {
  const std::string_view token = find_token(request.body);
  const Result<AccountClaims> claims = book_.check(token);
  const std::string named = account_of(request.subject);
  if (!claims.ok()) {
    return failed(request.reply, named.empty() ? "n/a" : named,
                  "jwt update resulted in error - " + std::string(claims.status().text()));
  }
  const std::string account = claims->subject;
  if (!named.empty() && named != account) {
    return failed(request.reply, named,
                  "jwt update resulted in error - subject does not match jwt content");
  }
  book_.store().save(account, std::string(token),
                     [handle = std::weak_ptr(handle_), account, reply = request.reply,
                      text = std::string(token)](Status saved) {
                       const auto self = handle.lock();
                       if (!self) return;
                       // Who is known here follows at once; others are read when somebody comes.
                       if (saved.ok() && (*self)->book_.find(account))
                         saved = (*self)->book_.take(text, account);
                       if (saved.ok()) return (*self)->updated(reply, account, "jwt updated");
                       (*self)->failed(
                           reply, account,
                           "jwt update resulted in error - " + std::string(saved.text()));
                     });
}

void ClaimService::on_list(const Request& request) {
  if (request.reply.empty()) return;
  book_.store().list([handle = std::weak_ptr(handle_),
                      reply = request.reply](const std::vector<AccountStore::Token>& tokens) {
    const auto self = handle.lock();
    if (!self) return;
    std::vector<std::string> accounts;
    accounts.reserve(tokens.size());
    for (const auto& [account, token] : tokens) accounts.push_back(account);
    GoJson json;
    json.raw("server", (*self)->server_text());
    json.texts("data", accounts);
    (*self)->answer(reply, json.take());
  });
}

// Empty when the operator may delete what it names.
std::string ClaimService::refusal_of(const DeleteClaims& claims) const {
  if (!book_.store().allows_delete()) return "delete must be enabled in server config";
  if (claims.subject != claims.issuer) return "not self signed";
  if (!book_.is_trusted(claims.issuer)) return "not trusted";
  if (!claims.accounts) return "malformed request";
  for (const std::string& account : *claims.accounts) {
    if (!decode_nkey_public(account, kAccountKey)) return "malformed request";
    if (account == system_.name()) return "not allowed to delete system account";
  }
  return {};
}

void ClaimService::on_delete(const Request& request) {
  const Result<DeleteClaims> claims = decode_delete(find_token(request.body));
  const std::string why = claims.ok() ? refusal_of(*claims) : std::string(claims.status().text());
  if (!why.empty()) {
    const std::string by = claims.ok() ? claims->subject : std::string();
    return failed(request.reply, {}, "delete accounts request by " + by + " failed - " + why);
  }
  delete_all(request, *claims->accounts);
}

void ClaimService::delete_all(const Request& request, std::vector<std::string> accounts) {
  struct Left {
    std::size_t open, done = 0;
  };
  if (accounts.empty()) return updated(request.reply, {}, "deleted 0 accounts");
  const auto left = std::make_shared<Left>(Left{accounts.size()});
  for (const std::string& account : accounts) {
    book_.store().remove(account, [handle = std::weak_ptr(handle_), account, left,
                                   reply = request.reply, all = accounts.size()](Status removed) {
      const auto self = handle.lock();
      if (!self) return;
      left->done += removed.ok();
      if (removed.ok()) (*self)->book_.forget(account);
      if (--left->open != 0) return;
      const std::string text = "deleted " + std::to_string(left->done) + " accounts";
      if (left->done == all) return (*self)->updated(reply, {}, text);
      (*self)->failed(reply, {}, text + ", failed for " + std::to_string(all - left->done));
    });
  }
}

// One message an account, and an empty one behind; that alone to who has the same already.
void ClaimService::on_pack(const Request& request) {
  if (request.reply.empty()) return;
  book_.store().list(
      [handle = std::weak_ptr(handle_), request](const std::vector<AccountStore::Token>& tokens) {
        const auto self = handle.lock();
        if (!self) return;
        if (request.body != hash_of(tokens)) {
          for (const auto& [account, token] : tokens) {
            (*self)->answer(request.reply, account + "|" + std::string(find_token(token)));
          }
        }
        (*self)->answer(request.reply, {});
      });
}

void ClaimService::updated(const std::string& reply, const std::string& account,
                           const std::string& text) {
  GoJson status, json;
  status.text_if("account", account);
  status.number("code", 200);
  status.text_if("message", text);
  json.raw("server", server_text());
  json.raw("data", status.take());
  answer(reply, json.take());
}

void ClaimService::failed(const std::string& reply, const std::string& account,
                          const std::string& text) {
  host_.log.warning("accounts: " + account + ": " + text);
  GoJson error, json;
  error.text_if("account", account);
  error.number("code", 500);
  error.text("description", text);
  json.raw("server", server_text());
  json.raw("error", error.take());
  answer(reply, json.take());
}

void ClaimService::answer(const std::string& reply, std::string_view body) {
  if (reply.empty()) return;
  system_.publish({.from = this}, {reply, {}, {}, body, nullptr});
}

std::string ClaimService::server_text() {
  GoJson json;
  json.text("name", self_.name);
  json.text("host", self_.host);
  json.text("id", self_.id);
  json.text("ver", self_.version);
  json.number("seq", ++sequence_);
  return json.take();
}

}  // namespace petiole
