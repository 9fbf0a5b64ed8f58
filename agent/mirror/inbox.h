// Where the hub's answers arrive: one subscription of the agent itself, and reply subjects that
// nobody can make up who was not sent the message.
//
// A reply subject is `_PETIOLE.<leaf>.<kind><a>-<b>-<proof>`; the proof is a keyed hash with a key
// of this link, so that an answer to an earlier link, or a forged one, is not taken. It is short
// and of few tokens, for the hub looks up each anew: that is a good part of what a PubAck costs it.
// Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "agent/mirror/ids.h"
#include "agent/routing/account.h"

namespace petiole {

class Inbox : public Subscriber {
 public:
  struct Address {
    // 'a': a PubAck, of rule `a` and order `b`; 'g': of group `b`; 'q': an answer to request `b`.
    char kind = 0;
    std::uint64_t a = 0, b = 0;
  };
  using Answer = std::function<void(const Address& address, const Message& message)>;

  // `answer` is called inside of Account::publish.
  Inbox(Account& account, std::string_view leaf_id, Answer answer);
  ~Inbox() override;

  void renew(const HashKey& key) { key_ = key; }  // For a new link.
  // The view is valid until the next call.
  std::string_view reply_subject(const Address& address);
  std::string pattern() const { return prefix_ + '>'; }
  std::string example() const { return prefix_ + 'a'; }  // As permissions see each of them.

  PeerKind kind() const override { return PeerKind::kSystem; }
  bool deliver(Subscription& subscription, const Message& message) override;

 private:
  std::uint64_t proof(const Address& address) const;

  Account& account_;
  Answer answer_;
  HashKey key_;
  std::string prefix_, scratch_, proof_;
  Subscription* subscription_ = nullptr;
};

}  // namespace petiole
