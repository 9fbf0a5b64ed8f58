// How large a message of the peer may be.
#include "agent/leaf/session.h"
#include "agent/mirror/uplink.h"

namespace petiole {

// The account's hold the server's already; a message of the peer's user may have to be smaller.
void LeafSession::narrow_limits() {
  if (account_ == nullptr) return;
  limits_ = &account_->limits();
  own_limits_.reset();
  wide_limits_.reset();
  Limits limits = *limits_;
  const std::int64_t most = user_ ? user_->payload_bytes_max : -1;
  if (most >= 0 && static_cast<std::size_t>(most) < limits.payload_bytes_max) {
    limits.payload_bytes_max = static_cast<std::size_t>(most);
    own_limits_ = std::make_unique<const Limits>(limits);
    limits_ = own_limits_.get();
  }
  if (answer_bytes_max() <= limits.payload_bytes_max) return;
  limits.payload_bytes_max = answer_bytes_max();
  wide_limits_ = std::make_unique<const Limits>(limits);
}

// Answers to the mirror may be larger than what anybody publishes. What else is announced to be is
// not waited for.
bool LeafSession::too_large(const Op& op, const ParseResult& result, std::string_view input) const {
  const std::size_t operation = result.used != 0 ? result.used : result.wanted;
  if (operation <= limits_->payload_bytes_max) return false;
  const bool message = op.verb == Verb::kLeafMsg || op.verb == Verb::kLeafHmsg;
  const std::size_t around = input.find('\n') + 1 + std::string_view("\r\n").size();
  return message && operation - around > limits_->payload_bytes_max &&
         !op.subject.starts_with(kMirrorInbox);
}

}  // namespace petiole
