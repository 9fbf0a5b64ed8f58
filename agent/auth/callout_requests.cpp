#include "agent/auth/callout_requests.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace petiole {

namespace {

constexpr std::string_view kSubject = "$SYS.REQ.USER.AUTH";

std::string random_token(Entropy& entropy) {
  constexpr std::string_view kDigits =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string token;
  for (int i = 0; i < 22; ++i) token += kDigits[entropy.number() % kDigits.size()];
  return token;
}

}  // namespace

CalloutRequests::CalloutRequests(Host host, Find account)
    : host_(host),
      find_(std::move(account)),
      prefix_("$SYS._INBOX." + random_token(host.entropy) + "."),
      timer_(host.loop.make_timer([this] { end_overdue(); })),
      self_(std::make_shared<CalloutRequests*>(this)) {}

CalloutRequests::~CalloutRequests() {
  for (auto& [account, inbox] : inboxes_) account->retire(inbox.subscription);
}

bool CalloutRequests::ask(const Question& question, std::weak_ptr<const void> whose, Done done) {
  Account* const account = find_(question.account);
  if (waiting_.size() >= kWaitingMax) drop_gone();
  if (!account || waiting_.size() >= kWaitingMax) return false;
  const std::string token = random_token(host_.entropy);
  open_inbox(*account);
  const Time due = host_.clock.now() + question.patience;
  waiting_.emplace(token, Waiting{account, std::move(whose), std::move(done), due});
  arm(due);
  const std::string reply = prefix_ + token;
  account->publish({.from = this}, {kSubject, reply, question.header, question.payload, nullptr});
  return true;
}

void CalloutRequests::drop_gone() {
  for (auto each = waiting_.begin(); each != waiting_.end();) {
    if (!each->second.whose.expired()) {
      ++each;
      continue;
    }
    Account& account = *each->second.account;
    each = waiting_.erase(each);
    close_inbox(account);
  }
}

void CalloutRequests::open_inbox(Account& account) {
  Inbox& inbox = inboxes_[&account];
  if (inbox.open++ != 0) return;
  inbox.subscription = make_subscription(*this, prefix_ + "*", {}, "1");
  account.add(*inbox.subscription);
}

void CalloutRequests::close_inbox(Account& account) {
  const auto found = inboxes_.find(&account);
  if (--found->second.open != 0) return;
  account.retire(found->second.subscription);
  inboxes_.erase(found);
}

// What it leads to may publish and subscribe: not from inside of another's publish.
bool CalloutRequests::deliver(Subscription&, const Message& message) {
  std::string token(message.subject.substr(std::min(prefix_.size(), message.subject.size())));
  const auto found = waiting_.find(token);
  if (found == waiting_.end() || std::exchange(found->second.answered, true)) return true;
  host_.loop.post([self = std::weak_ptr<CalloutRequests*>(self_), token = std::move(token),
                   answer = std::string(message.payload)] {
    if (const auto requests = self.lock()) (*requests)->finish(token, answer);
  });
  return true;
}

void CalloutRequests::arm(Time due) {
  if (due >= armed_) return;
  armed_ = due;
  timer_->arm(due);
}

void CalloutRequests::end_overdue() {
  armed_ = kNever;
  const Time now = host_.clock.now();
  std::vector<std::string> overdue;
  for (const auto& [token, each] : waiting_) {
    if (each.due <= now) {
      overdue.push_back(token);
    } else {
      arm(each.due);
    }
  }
  for (const std::string& token : overdue) finish(token, std::nullopt);
}

void CalloutRequests::finish(const std::string& token, std::optional<std::string> answer) {
  const auto found = waiting_.find(token);
  if (found == waiting_.end()) return;
  const Waiting waiting = std::move(found->second);
  waiting_.erase(found);
  close_inbox(*waiting.account);
  if (!waiting.whose.expired()) waiting.done(std::move(answer));
}

}  // namespace petiole
