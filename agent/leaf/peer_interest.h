// The subscriptions that one peer has in our account by its LS+ lines.
#pragma once

#include <functional>
#include <string_view>
#include <unordered_set>

#include "agent/routing/account.h"
#include "agent/subject/token_hash.h"

namespace petiole {

class PeerInterest {
 public:
  explicit PeerInterest(Subscriber& owner) : owner_(owner), subscriptions_(0, Hash{TokenHash{}}) {}
  // Before the first one is entered: it is to be in this account.
  void start(const Account& account) {
    subscriptions_ = Subscriptions(0, Hash{TokenHash{account.hash_seed()}});
  }
  PeerInterest(const PeerInterest&) = delete;
  PeerInterest& operator=(const PeerInterest&) = delete;

  // Enters a subscription or changes its weight; true: something changed.
  bool add(Account& account, std::string_view subject, std::string_view queue,
           std::uint32_t weight);
  bool remove(Account& account, std::string_view subject, std::string_view queue);
  void clear(Account& account);

  bool contains(std::string_view subject, std::string_view queue) const {
    return subscriptions_.find(Name{subject, queue}) != subscriptions_.end();
  }
  std::size_t size() const { return subscriptions_.size(); }
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const Subscription* subscription : subscriptions_) visit(subscription);
  }

 private:
  struct Name {
    std::string_view subject, queue;
    bool operator==(const Name&) const = default;
  };
  static Name name_of(const Name& name) { return name; }
  static Name name_of(const Subscription* s) { return {s->subject(), s->queue()}; }
  struct Hash {
    using is_transparent = void;
    TokenHash hash;
    template <class T>
    std::size_t operator()(const T& item) const {
      const Name name = name_of(item);
      return hash(name.subject) * 31 + hash(name.queue);
    }
  };
  struct Equal {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return name_of(a) == name_of(b);
    }
  };

  using Subscriptions = std::unordered_set<Subscription*, Hash, Equal>;

  Subscriber& owner_;
  Subscriptions subscriptions_;
};

}  // namespace petiole
