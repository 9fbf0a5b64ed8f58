// An account: its subscriptions, who matches a subject, and who wants to know of interest changes.
//
// Publishing in an account reaches that account's subscriptions only. What accounts share by
// imports are subscriptions like others, whose owners hand the message over (exchange.h), so that
// accounts without imports pay nothing. Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/access.h"
#include "agent/limits.h"
#include "agent/routing/message.h"
#include "agent/routing/subscription.h"
#include "platform/entropy.h"
#include "platform/status.h"

namespace petiole {

// Told of every subscription that enters or leaves an account: leaf links and routes keep their
// interest counts from it.
class InterestListener {
 public:
  virtual ~InterestListener() = default;
  virtual void added(const Subscription& subscription) = 0;
  virtual void removed(const Subscription& subscription) = 0;
  // A leaf's queue weight changed from `before` to subscription.weight.
  virtual void reweighed(const Subscription& subscription, std::uint32_t before) = 0;
};

struct MirrorMark;  // agent/protocol/mirror_mark.h

// Decides at match time, once per subject, whether the mirror captures it. `rule` is the mirror's
// own number of the rule; negative: none.
class Capture {
 public:
  virtual ~Capture() = default;
  virtual int rule_of(std::string_view subject) const = 0;
  // Takes the message; false: the mirror refuses it (full, discard new): counted by the mirror.
  virtual bool capture(int rule, const Message& message) = 0;
  // Whether a message that comes with a mark was here before: then nobody gets it again.
  virtual bool repeated(int rule, const Message& message, const MirrorMark& mark) {
    return (void)rule, (void)message, (void)mark, false;
  }
  // Why it refused, for people: names the rule and the cause.
  virtual std::string refusal(int rule) const { return (void)rule, "the store takes no more"; }
  // Whether a message with a reply subject is captured by this rule.
  virtual bool captures_requests(int rule) const = 0;

  // Something captured is not on disk yet though its rule needs the disk: a client's PONG and +OK
  // behind it wait for when_durable, because to a client they acknowledge what came before.
  virtual bool has_undurable() const = 0;
  // The same of some rules alone: bit_of each. Who published for none of the others waits for none.
  // Also while memory alone has it because the disk has failed, which when_durable says then.
  virtual bool holds_undurable(std::uint64_t rules) const { return rules != 0 && has_undurable(); }
  static std::uint64_t bit_of(int rule) { return std::uint64_t{1} << (rule < 63 ? rule : 63); }
  // More is queued for the disk than should be: publishers are paused until when_durable calls.
  virtual bool congested() const = 0;
  // There is no room yet in the queue for one more of `bytes`: who is about to publish it waits, as
  // one of each of many publishers would be more than the store takes.
  virtual bool must_wait(std::size_t bytes) const { return (void)bytes, false; }
  // `done` is called in a later turn, when all that was captured before is on disk, or has failed:
  // then clients get an -ERR before what acknowledges.
  virtual void when_durable(std::function<void(Status)> done) = 0;
};

struct PublishOutcome {
  std::uint32_t delivered = 0;  // Local and remote targets that took it; a capture counts as one.
  bool captured = false;        // May not be durable yet: see Capture::has_undurable.
  int refused = -1;  // The rule that should have captured it, and was full; else negative.
  int rule = -1;     // The one that captured it; else negative.
};

struct AccountStats {
  std::uint64_t messages_in = 0, bytes_in = 0, messages_out = 0, bytes_out = 0;
};

class MessageTrace;
class SubjectIndex;
class MatchCache;
class Mapper;
class StreamImport;
struct AccountConfig;
struct AccountLimits;
struct MatchEntry;

class Account {
 public:
  Account(std::string name, const Limits& limits, Entropy& entropy);
  ~Account();
  Account(const Account&) = delete;
  Account& operator=(const Account&) = delete;

  const std::string& name() const { return name_; }
  // What monitoring calls it besides: of a JWT, whose account is a key, the name.
  const std::string& tag() const { return tag_.empty() ? name_ : tag_; }
  void set_tag(const std::string& tag) { tag_ = tag; }
  // As log lines have it. nats-server accounts.go, traceLabel.
  std::string label() const { return tag_.empty() ? name_ : name_ + "/" + tag_; }

  // Enters a subscription; the caller keeps ownership and calls remove() before freeing it. Freeing
  // during a publish is safe only through retire().
  void add(Subscription& subscription);
  void remove(Subscription& subscription);
  void reweigh(Subscription& subscription, std::uint32_t weight);
  // Removes it and frees it at the end of the outermost publish, at once outside of one.
  void retire(Subscription* subscription);

  // Routes one message. `from` is not echoed to unless `echo`; a message from a leaf serves plain
  // matches and, by `queues`, one member of each named group (wire 3.4), never leafs of its
  // cluster.
  struct Origin {
    Subscriber* from = nullptr;
    bool echo = true;
    bool leaf = false;          // Queue groups only as named in `queues`.
    std::string_view queues{};  // See Op::queues.
    bool capture = true;        // False: the mirror's own replay.
    bool all_queues = false;  // Of a leaf, yet for one member of every group: its subject changed.
    bool answers = false;     // Who published it may do so as an answer alone.
    bool jetstream_reply = false;      // Had a reply of JetStream's when an import took it.
    std::string_view sent{};           // Under this subject it came; empty: that of the message.
    bool imported = false;             // Came by a service import: goes on by no stream import.
    MessageTrace* trace = nullptr;     // Told of the message's way; null: nobody is.
    const MirrorMark* mark = nullptr;  // Of the mirror of a leaf behind us.
  };
  PublishOutcome publish(const Origin& origin, const Message& message);

  // Of the message that is being delivered at this moment; null: none.
  const Origin* origin() const { return origin_; }

  // Whether anyone other than `except` would get a message on `subject`; `imported`: as in Origin.
  bool has_interest(std::string_view subject, const Subscriber* except = nullptr,
                    bool imported = false);

  void listen(InterestListener& listener);  // Not told of what is there already; see for_each.
  void unlisten(InterestListener& listener);
  void for_each(const std::function<void(const Subscription&)>& visit) const;

  // Interest that listeners are told of though nothing is delivered by it: sources of mappings. Not
  // owned; withdrawn before it is freed.
  void advertise(Subscription& subscription);
  void withdraw(Subscription& subscription);
  // All of that, and what leafs of other accounts wish by stream imports from this one.
  void for_each_advertised(const std::function<void(const Subscription&)>& visit) const;
  void for_each_foreign_leaf(const std::function<void(const Subscription&)>& visit) const;
  void exports_to(StreamImport& import) { stream_imports_.push_back(&import); }
  void exports_no_more_to(StreamImport& import) { std::erase(stream_imports_, &import); }

  // Null: none. What is published is mapped by its session, once.
  Mapper* mapper() const { return mapper_.get(); }
  void set_mapper(std::unique_ptr<Mapper> mapper);

  // Of the server and of the account together: for its sessions.
  const Limits& limits() const { return limits_; }
  void set_limits(const Limits& server, const AccountLimits& own);
  // Connections that are in the account. Negative maxima: no limit.
  std::int64_t client_count() const { return clients_; }
  std::int64_t leaf_count() const { return leafs_; }
  bool takes_client() const { return clients_max_ < 0 || clients_ < clients_max_; }
  bool takes_leaf() const { return leafs_max_ < 0 || leafs_ < leafs_max_; }
  bool takes_subscriptions() const { return subscriptions_max_ != 0; }
  void count_client(int by) { clients_ += by; }
  void count_leaf(int by) { leafs_ += by; }

  // Of messages that are traced by a header `traceparent`; the subject is empty: none are.
  const std::string& trace_dest() const { return trace_dest_; }
  int trace_sampling() const { return trace_sampling_; }
  void set_trace(const AccountConfig& own);

  // Not owned; null: nothing is captured. Clears the match cache.
  void set_capture(Capture* capture);
  Capture* capture() const { return capture_; }

  // For hash tables of its subjects: no peer knows it.
  std::uint64_t hash_seed() const;

  bool publishing() const { return publishing_ != 0; }
  std::size_t subscription_count() const;
  // Nobody is in it any more, nor holds on to it: it may be freed.
  bool is_empty() const {
    return clients_ == 0 && leafs_ == 0 && !capture_ && listeners_.empty() &&
           subscription_count() == 0;
  }
  const AccountStats& stats() const { return stats_; }
  // One of the deliveries of this publish was a request that went on to another account: that one
  // counts it.
  void passed_on(std::size_t bytes) {
    --stats_.messages_out;
    stats_.bytes_out -= bytes;
  }
  const SubjectIndex& index() const { return *index_; }
  const MatchCache& cache() const { return *cache_; }

 private:
  MatchEntry& match(std::string_view subject);  // Pinned.
  bool capture_traced(MessageTrace& trace, const Message& message, int rule);
  void end_publish();

  std::string name_, tag_;
  std::unique_ptr<SubjectIndex> index_;
  std::unique_ptr<MatchCache> cache_;
  std::uint64_t random_;  // Of the generator that picks queue members; never 0.
  Capture* capture_ = nullptr;
  std::vector<InterestListener*> listeners_;
  std::vector<Subscription*> retired_;
  std::vector<Subscription*> advertised_;
  std::vector<StreamImport*> stream_imports_;
  std::unique_ptr<Mapper> mapper_;
  Limits limits_;
  std::string trace_dest_;
  int trace_sampling_ = 100;
  std::int64_t clients_ = 0, leafs_ = 0;
  std::int64_t clients_max_ = -1, leafs_max_ = -1, subscriptions_max_ = -1;
  int publishing_ = 0;
  const Origin* origin_ = nullptr;
  AccountStats stats_;
};

}  // namespace petiole
