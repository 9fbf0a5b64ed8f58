#include "agent/routing/responses.h"

#include <algorithm>
#include <span>
#include <utility>

#include "agent/routing/latency.h"
#include "agent/routing/service_import.h"

namespace petiole {

namespace {

constexpr std::size_t kTokenBytes = 6;             // nats-server accounts.go: replyLen.
constexpr std::uint64_t kTokens = 56'800'235'584;  // 62 to the sixth.
constexpr std::string_view kDigits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::size_t kResponsesMax = 64 * 1024;  // Of an account; of each import its share,
constexpr std::size_t kResponsesLeast = 256;      // but so many always.
constexpr std::size_t kReplyBytesMax = 1024;      // Longer reply subjects are not mapped.
constexpr std::size_t kReplyKeptBytes = 128;      // Of a free entry.
constexpr std::size_t kSlotsMin = 64;

void write_token(char* to, std::uint64_t token) {
  for (std::size_t i = 0; i < kTokenBytes; ++i, token /= kDigits.size()) {
    to[i] = kDigits[token % kDigits.size()];
  }
}

}  // namespace

Responses::Responses(Account& account, const Host& host)
    : account_(account),
      host_(host),
      most_(kResponsesMax),
      timer_(host.loop.make_timer([this] { expire(); })) {}

Responses::~Responses() {
  if (subscription_) account_.retire(subscription_);
}

void Responses::share_among(std::size_t imports) {
  most_ = std::max(kResponsesLeast, kResponsesMax / std::max<std::size_t>(imports, 1));
}

std::uint64_t Responses::new_token() {
  for (;;) {
    if (entropy_left_ == 0) {
      host_.entropy.fill(std::as_writable_bytes(std::span(entropy_)));
      entropy_left_ = entropy_.size();
    }
    const std::uint64_t token = entropy_[--entropy_left_] % kTokens + 1;  // 0 stands for none.
    if (slots_.empty() || find(token) == 0) return token;
  }
}

void Responses::subscribe() {
  prefix_ = "_R_.xxxxxx.";
  write_token(prefix_.data() + 4, new_token() - 1);
  subscription_ = make_subscription(*this, prefix_ + '>', {}, "_R_");
  account_.add(*subscription_);
}

// 0: none.
std::uint64_t Responses::token_of(std::string_view subject) const {
  if (!subject.starts_with(prefix_) || subject.size() != prefix_.size() + kTokenBytes) return 0;
  std::uint64_t token = 0;
  for (std::size_t i = subject.size(); i-- > prefix_.size();) {
    const std::size_t digit = kDigits.find(subject[i]);
    if (digit == kDigits.npos) return 0;
    token = token * kDigits.size() + digit;
  }
  return token + 1;
}

std::uint32_t Responses::find(std::uint64_t token) const {
  if (slots_.empty()) return 0;
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = token & mask; slots_[i] != 0; i = (i + 1) & mask) {
    if (entries_[slots_[i] - 1].token == token) return slots_[i];
  }
  return 0;
}

void Responses::enlist(std::uint32_t number) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = entries_[number - 1].token & mask;
  while (slots_[i] != 0) i = (i + 1) & mask;
  slots_[i] = number;
}

void Responses::delist(std::uint32_t number) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = entries_[number - 1].token & mask;
  while (slots_[hole] != number) hole = (hole + 1) & mask;
  for (std::size_t i = (hole + 1) & mask; slots_[i] != 0; i = (i + 1) & mask) {
    const std::size_t home = entries_[slots_[i] - 1].token & mask;
    if (((i - home) & mask) < ((i - hole) & mask)) continue;
    slots_[hole] = slots_[i];
    hole = i;
  }
  slots_[hole] = 0;
}

void Responses::grow() {
  slots_.assign(std::max(kSlotsMin, slots_.size() * 2), 0);
  for (std::uint32_t number = 1; number <= entries_.size(); ++number) {
    if (entries_[number - 1].token != 0) enlist(number);
  }
}

std::uint32_t Responses::take_entry() {
  ++used_;
  if (slots_.size() < used_ * 2) grow();
  if (free_ != 0) return std::exchange(free_, entries_[free_ - 1].after);
  entries_.emplace_back();
  return static_cast<std::uint32_t>(entries_.size());
}

ResponseQueue& Responses::queue_of(const Entry& entry) const {
  return entry.via->waiting(entry.back);
}

void Responses::append(ResponseQueue& queue, std::uint32_t number) {
  Entry& entry = entries_[number - 1];
  entry.before = queue.last;
  entry.after = 0;
  (queue.last != 0 ? entries_[queue.last - 1].after : queue.first) = number;
  queue.last = number;
  if (queue.count++ == 0) in_use_.emplace_back(entry.via, entry.back);
}

void Responses::unlink(ResponseQueue& queue, std::uint32_t number) {
  const Entry& entry = entries_[number - 1];
  (entry.before != 0 ? entries_[entry.before - 1].after : queue.first) = entry.after;
  (entry.after != 0 ? entries_[entry.after - 1].before : queue.last) = entry.before;
  if (--queue.count == 0) std::erase(in_use_, std::pair(entry.via, entry.back));
}

void Responses::drop(std::uint32_t number) {
  Entry& entry = entries_[number - 1];
  unlink(queue_of(entry), number);
  delist(number);
  entry.token = 0;
  entry.sample.reset();
  if (entry.reply.capacity() > kReplyKeptBytes) entry.reply = {};
  entry.after = std::exchange(free_, number);
  --used_;
}

std::string_view Responses::enter(ServiceImport& via, bool back, std::string_view reply,
                                  std::unique_ptr<LatencySample> sample, ResponseSubject& subject) {
  if (reply.size() > kReplyBytesMax) return {};
  if (!subscription_) subscribe();
  ResponseQueue& queue = via.waiting(back);
  if (queue.count >= most_) time_out(queue.first);
  const std::uint64_t token = new_token();
  const std::uint32_t number = take_entry();
  Entry& entry = entries_[number - 1];
  entry.token = token;
  entry.via = &via;
  entry.back = back;
  entry.trace = false;
  entry.due = host_.clock.now() + via.threshold();
  entry.reply = reply;
  entry.sample = std::move(sample);
  enlist(number);
  append(queue, number);
  if (entry.due < armed_) timer_->arm(armed_ = entry.due);
  prefix_.copy(subject.bytes, prefix_.size());
  write_token(subject.bytes + prefix_.size(), token - 1);
  return {subject.bytes, prefix_.size() + kTokenBytes};
}

std::string_view Responses::enter_trace(ServiceImport& via, std::string_view dest,
                                        ResponseSubject& subject) {
  const std::string_view made = enter(via, false, dest, nullptr, subject);
  if (!made.empty()) entries_[find(token_of(made)) - 1].trace = true;
  return made;
}

void Responses::undo(std::string_view subject) {
  const std::uint32_t number = find(token_of(subject));
  if (number == 0) return;
  const std::unique_ptr<LatencySample> sample = std::move(entries_[number - 1].sample);
  ServiceImport& via = *entries_[number - 1].via;
  drop(number);
  if (sample) via.report(*sample, 503, "Service Unavailable", nullptr);
}

void Responses::forget(ServiceImport& via, bool back) {
  ResponseQueue& queue = via.waiting(back);
  while (queue.first != 0) drop(queue.first);
}

bool Responses::deliver(Subscription&, const Message& message) {
  const std::uint32_t number = find(token_of(message.subject));
  if (number == 0) return false;
  Entry& entry = entries_[number - 1];
  ServiceImport& via = *entry.via;
  const bool back = entry.back;
  char reply[kReplyBytesMax];
  const std::string_view to(reply, entry.reply.copy(reply, sizeof reply));
  const std::unique_ptr<LatencySample> sample = std::move(entry.sample);
  const std::uint64_t token = entry.token;
  const bool trace = entry.trace;
  const bool last = !trace && (via.response_type() == ResponseType::kSingleton ||
                               (message.header.empty() && message.payload.empty()));
  if (last) {
    drop(number);
  } else if (!trace) {
    ResponseQueue& queue = queue_of(entry);
    unlink(queue, number);
    append(queue, number);
    entry.due = host_.clock.now() + via.threshold();
  }
  const Account::Origin& origin = *account_.origin();
  if (sample) via.report(*sample, 200, {}, origin.from);
  const bool delivered = via.answer(back, to, message, origin);
  if (delivered) account_.passed_on(message.header.size() + message.payload.size());
  if (!last && !trace && !delivered) {
    if (const std::uint32_t still = find(token); still != 0) drop(still);
  }
  return delivered;
}

// Too late, or too many behind it.
void Responses::time_out(std::uint32_t number) {
  Entry& entry = entries_[number - 1];
  ServiceImport& via = *entry.via;
  const std::unique_ptr<LatencySample> sample = std::move(entry.sample);
  const bool wanted = sample && via.importer().has_interest(entry.reply);
  drop(number);
  if (!sample) return;
  via.report(*sample, wanted ? 504 : 408, wanted ? "Service Timeout" : "Request Timeout", nullptr);
}

void Responses::expire() {
  armed_ = kNever;
  const Time now = host_.clock.now();
  Time next = kNever;
  for (std::size_t i = 0; i < in_use_.size();) {
    const auto [via, back] = in_use_[i];
    ResponseQueue& queue = via->waiting(back);
    while (queue.first != 0 && entries_[queue.first - 1].due <= now) time_out(queue.first);
    if (queue.first == 0) continue;  // in_use_ has closed the gap.
    next = std::min(next, entries_[queue.first - 1].due);
    ++i;
  }
  if (next < armed_) timer_->arm(armed_ = next);
}

}  // namespace petiole
