#include "agent/routing/account.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "agent/config/access.h"
#include "agent/protocol/headers.h"
#include "agent/protocol/parser.h"
#include "agent/routing/delivery.h"
#include "agent/routing/mapper.h"
#include "agent/routing/match_cache.h"
#include "agent/routing/message_trace.h"
#include "agent/routing/stream_import.h"
#include "agent/subject/subject_index.h"

namespace petiole {

Account::Account(std::string name, const Limits& limits, Entropy& entropy)
    : name_(std::move(name)),
      index_(std::make_unique<SubjectIndex>(entropy.number())),
      cache_(std::make_unique<MatchCache>(limits, entropy.number())),
      random_(entropy.number() | 1),
      limits_(limits) {}

Account::~Account() { assert(publishing_ == 0); }

void Account::add(Subscription& subscription) {
  index_->insert(subscription);
  cache_->invalidate(subscription.subject());
  for (InterestListener* listener : listeners_) listener->added(subscription);
}

void Account::remove(Subscription& subscription) {
  subscription.closed = true;
  index_->remove(subscription);
  cache_->invalidate(subscription.subject());
  for (InterestListener* listener : listeners_) listener->removed(subscription);
}

void Account::reweigh(Subscription& subscription, std::uint32_t weight) {
  const std::uint32_t before = subscription.weight;
  if (before == weight) return;
  subscription.weight = weight;
  for (InterestListener* listener : listeners_) listener->reweighed(subscription, before);
}

void Account::retire(Subscription* subscription) {
  if (publishing_ == 0) {
    remove(*subscription);
    free_subscription(subscription);
    return;
  }
  if (subscription->closed) return;
  subscription->closed = true;
  retired_.push_back(subscription);
}

void Account::end_publish() {
  if (--publishing_ != 0) return;
  while (!retired_.empty()) {
    Subscription* const subscription = retired_.back();
    retired_.pop_back();
    remove(*subscription);
    free_subscription(subscription);
  }
}

MatchEntry& Account::match(std::string_view subject) {
  MatchEntry& entry = cache_->pin(subject);
  if (entry.filled) return entry;
  entry.result.fill(*index_, subject);
  entry.result.rule = capture_ ? capture_->rule_of(subject) : -1;
  cache_->fill_done(entry);
  return entry;
}

PublishOutcome Account::publish(const Origin& origin, const Message& message) {
  const std::size_t bytes = message.header.size() + message.payload.size();
  if (!origin.imported) {  // nats-server: an account has received what its own connections sent.
    ++stats_.messages_in;
    stats_.bytes_in += bytes;
  }
  ++publishing_;
  const Origin* const outer = std::exchange(origin_, &origin);
  MatchEntry& entry = match(message.subject);
  PublishOutcome outcome;
  const int rule = entry.result.rule;
  const bool wanted =
      origin.capture && rule >= 0 && (message.reply.empty() || capture_->captures_requests(rule));
  // What is to be traced alone is neither stored nor sent later: it goes as if there was no rule.
  outcome.captured = wanted && !(origin.trace && origin.trace->only());
  if (outcome.captured) outcome.rule = rule;
  const bool again =
      outcome.captured && origin.mark != nullptr && capture_->repeated(rule, message, *origin.mark);
  if (again) {
    outcome.delivered = 1;
  } else if (!entry.result.empty()) {
    outcome.delivered = deliver(origin, message, entry.result, outcome.captured, random_);
    stats_.messages_out += outcome.delivered;
    stats_.bytes_out += outcome.delivered * bytes;
  }
  if (wanted && !again) {
    const bool taken = origin.trace ? capture_traced(*origin.trace, message, rule)
                                    : capture_->capture(rule, message);
    taken ? void(++outcome.delivered) : void(outcome.refused = rule);
  }
  cache_->unpin(entry);
  origin_ = outer;
  end_publish();
  return outcome;
}

// As a stream does: a trace ends where the message is kept, and is not begun again when it goes on.
bool Account::capture_traced(MessageTrace& trace, const Message& message, int rule) {
  if (trace.only()) {
    trace.add_store(message.subject, {});
    return true;
  }
  std::string header;
  replace_header(header, message.header, kTraceDest, kTraceDisabled);
  Message stored = message;
  stored.header = header;
  stored.shared = nullptr;
  const bool taken = capture_->capture(rule, stored);
  trace.add_store(message.subject, taken ? std::string() : capture_->refusal(rule));
  return taken;
}

bool Account::has_interest(std::string_view subject, const Subscriber* except, bool imported) {
  MatchEntry& entry = match(subject);
  const MatchResult& result = entry.result;
  const auto other = [except, subject, imported](const Subscription* each) {
    return !each->closed && each->owner != except &&
           each->owner->has_taker(*each, subject, imported);
  };
  const bool found = std::any_of(result.plain.begin(), result.plain.end(), other) ||
                     std::any_of(result.members.begin(), result.members.end(), other) ||
                     std::any_of(result.leafs.begin(), result.leafs.end(),
                                 [except, imported](const Subscriber* leaf) {
                                   return leaf != except && !(imported && leaf->is_import());
                                 });
  cache_->unpin(entry);
  return found;
}

void Account::listen(InterestListener& listener) { listeners_.push_back(&listener); }

void Account::unlisten(InterestListener& listener) { std::erase(listeners_, &listener); }

void Account::for_each(const std::function<void(const Subscription&)>& visit) const {
  index_->for_each([&](const Subscription& subscription) {
    if (!subscription.closed) visit(subscription);
  });
}

void Account::advertise(Subscription& subscription) {
  advertised_.push_back(&subscription);
  for (InterestListener* listener : listeners_) listener->added(subscription);
}

void Account::withdraw(Subscription& subscription) {
  std::erase(advertised_, &subscription);
  for (InterestListener* listener : listeners_) listener->removed(subscription);
}

void Account::for_each_advertised(const std::function<void(const Subscription&)>& visit) const {
  for (const Subscription* each : advertised_) visit(*each);
}

void Account::for_each_foreign_leaf(const std::function<void(const Subscription&)>& visit) const {
  for (const StreamImport* import : stream_imports_) import->for_each_of_leafs(visit);
}

void Account::set_trace(const AccountConfig& own) {
  trace_dest_ = own.trace_dest;
  trace_sampling_ = own.trace_sampling;
}

void Account::set_mapper(std::unique_ptr<Mapper> mapper) { mapper_ = std::move(mapper); }

// A server's 0 means no limit of subscriptions; a payload has always one.
void Account::set_limits(const Limits& server, const AccountLimits& own) {
  limits_ = server;
  if (own.payload_bytes >= 0) {
    limits_.payload_bytes_max =
        std::min(limits_.payload_bytes_max, static_cast<std::size_t>(own.payload_bytes));
  }
  const auto subscriptions = static_cast<std::size_t>(std::max<std::int64_t>(own.subscriptions, 0));
  if (subscriptions != 0 &&
      (limits_.subscriptions_max == 0 || subscriptions < limits_.subscriptions_max)) {
    limits_.subscriptions_max = subscriptions;
  }
  clients_max_ = own.connections;
  leafs_max_ = own.leafs;
  subscriptions_max_ = own.subscriptions;
}

void Account::set_capture(Capture* capture) {
  capture_ = capture;
  cache_->clear();
}

std::uint64_t Account::hash_seed() const { return index_->seed(); }

std::size_t Account::subscription_count() const { return index_->size(); }

}  // namespace petiole
