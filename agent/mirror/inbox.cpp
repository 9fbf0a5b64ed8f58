#include "agent/mirror/inbox.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include "agent/mirror/uplink.h"

namespace petiole {

namespace {

void append_short_hex(std::string& out, std::uint64_t value) {
  char digits[16];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value, 16).ptr);
}

bool take_hex(std::string_view digits, std::uint64_t& value) {
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, 16);
  return error == std::errc() && stop == end;
}

// All 64 bits, six a character.
void append_dense(std::string& out, std::uint64_t value) {
  constexpr std::string_view kDigits =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";
  for (int i = 0; i < 11; ++i, value >>= 6) out += kDigits[value & 63];
}

// The text before the first `end`, which is taken with it.
std::string_view take_until(std::string_view& text, char end) {
  const std::size_t at = std::min(text.find(end), text.size());
  const std::string_view word = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return word;
}

}  // namespace

Inbox::Inbox(Account& account, std::string_view leaf_id, Answer answer)
    : account_(account), answer_(std::move(answer)), prefix_(kMirrorInbox) {
  for (const char c : leaf_id) prefix_ += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  prefix_ += '.';
  subscription_ = make_subscription(*this, prefix_ + '>', {}, "1");
  account_.add(*subscription_);
}

Inbox::~Inbox() { account_.retire(subscription_); }

std::uint64_t Inbox::proof(const Address& address) const {
  char text[17];
  text[0] = address.kind;
  for (int i = 0; i < 8; ++i) {
    text[1 + i] = static_cast<char>(address.a >> (8 * i));
    text[9 + i] = static_cast<char>(address.b >> (8 * i));
  }
  return keyed_hash(key_, {text, sizeof text});
}

std::string_view Inbox::reply_subject(const Address& address) {
  scratch_ = prefix_;
  scratch_ += address.kind;
  append_short_hex(scratch_, address.a);
  scratch_ += '-';
  append_short_hex(scratch_, address.b);
  scratch_ += '-';
  append_dense(scratch_, proof(address));
  return scratch_;
}

bool Inbox::deliver(Subscription&, const Message& message) {
  std::string_view rest = message.subject;
  if (!rest.starts_with(prefix_)) return false;
  rest.remove_prefix(prefix_.size());
  if (rest.empty()) return false;
  Address address{.kind = rest.front()};
  rest.remove_prefix(1);
  const std::string_view a = take_until(rest, '-'), b = take_until(rest, '-');
  if (!take_hex(a, address.a) || !take_hex(b, address.b)) return false;
  proof_.clear();
  append_dense(proof_, proof(address));
  if (rest != proof_) return false;
  answer_(address, message);
  return true;
}

}  // namespace petiole
