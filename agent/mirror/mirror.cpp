#include "agent/mirror/mirror.h"

#include <algorithm>
#include <utility>

#include "agent/mirror/mirror_core.h"
#include "agent/subject/subject.h"

namespace petiole {

namespace {

constexpr std::uint64_t kRoomCommits = 4;  // After so many, or so long, a store that is still full
constexpr Duration kRoomTime = std::chrono::seconds(2);  // has more evicted.
constexpr Duration kLargeTime = std::chrono::hours(1);   // A large message is remembered.

std::vector<std::string> patterns_of(const std::vector<NamedRule>& rules) {
  std::vector<std::string> patterns;
  for (const NamedRule& rule : rules) {
    if (rule.rule.confirm == Confirm::kBarrier) continue;
    patterns.insert(patterns.end(), rule.rule.subjects.begin(), rule.rule.subjects.end());
  }
  std::sort(patterns.begin(), patterns.end());
  patterns.erase(std::unique(patterns.begin(), patterns.end()), patterns.end());
  return patterns;
}

HashKey random_key(Entropy& entropy) { return {entropy.number(), entropy.number()}; }

// Replies and the system's own subjects are meant only by a rule that names them.
bool may_mean(std::string_view pattern, std::string_view subject) {
  const bool system = subject.starts_with('$') || subject.starts_with('_');
  return !system || pattern.front() == subject.front();
}

bool rule_matches(std::string_view pattern, std::string_view subject) {
  return may_mean(pattern, subject) && matches(pattern, subject);
}

}  // namespace

// A box has no more memory for having more rules.
void share_memory(MirrorLimits& limits, std::size_t rules) {
  if (rules <= limits.rules_in_full) return;
  const auto share = [&](std::size_t& bound, std::size_t least) {
    bound = std::min(bound, std::max(bound * limits.rules_in_full / rules, least));
  };
  share(limits.loaded_messages_max, limits.load_messages);
  share(limits.loaded_bytes_max, limits.page_bytes);
  share(limits.tail_messages_max, limits.load_messages);
  share(limits.tail_bytes_max, limits.page_bytes / 4);
}

std::unique_ptr<Mirror> make_mirror(const MirrorConfig& config, std::string leaf_id,
                                    Account& account, Store& store, Host host) {
  return std::make_unique<MirrorCore>(config, std::move(leaf_id), account, store, host,
                                      MirrorLimits{});
}

MirrorCore::MirrorCore(const MirrorConfig& config, std::string leaf_id, Account& account,
                       Store& store, Host host, const MirrorLimits& limits)
    : account_(account),
      given_(limits),
      limits_(limits),
      store_(store),
      host_(host),
      inbox_(account, leaf_id,
             [this](const Inbox::Address& address, const Message& message) {
               take_answer(address, message);
             }),
      api_(inbox_, limits_),
      directory_(api_, limits_, account.hash_seed(), patterns_of(name_rules(config, store)),
                 [this] { poke(); }),
      pacer_(config.replay, host.clock.now()),
      link_{{}, inbox_, api_, directory_, pacer_, limits_, random_key(host.entropy)},
      timer_(host.loop.make_timer([this] { poke(); })) {
  for (NamedRule& named : name_rules(config, store)) rules_.push_back({std::move(named), {}, {}});
  share_memory(limits_, rules_.size());
  bound_queue(store_.usage());
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    Rule& rule = rules_[i];
    BacklogSetup setup{store, host.clock, limits_, link_.key, leaf_id, host.entropy.number()};
    rule.backlog = std::make_unique<Backlog>(std::move(setup), rule.named.rule, rule.named.log,
                                             [this] { poke(); });
    rule.sender = std::make_unique<Sender>(*rule.backlog, link_, i);
  }
  order_rules();
  listen_to_store();
  for (Rule& rule : rules_) rule.backlog->open();
  (void)tell_losses(host.clock.now());
  store_.settle_doubt();
  const std::uint64_t lost = store_.recovery().lost_messages;
  if (lost != 0 && !rules_.empty()) rules_.front().backlog->add_corrupt(lost);
  const bool more = store_.recovery().lost_uncounted;
  if (more && !rules_.empty()) rules_.front().backlog->add_uncounted();
  if (!rules_.empty()) store_.settle_salvage();
  store_changed(store_.status());
}

MirrorCore::~MirrorCore() = default;

// Well below what the store refuses, which is less while others fill the disk: one message may be
// larger than the queue is long, and what waits in memory must fit into one commit, of all rules
// together.
void MirrorCore::bound_queue(const StoreUsage& usage) {
  const std::uint64_t queued = usage.queued_bytes_max / 4;
  const std::uint64_t share = queued / std::max<std::size_t>(rules_.size(), 1);
  const auto bound = [](std::size_t most, std::uint64_t room) {
    return static_cast<std::size_t>(std::min<std::uint64_t>(most, room));
  };
  limits_.queued_bytes_max = bound(given_.queued_bytes_max, queued);
  limits_.outage_bytes_max = bound(given_.outage_bytes_max, share);
  limits_.held_bytes_max = bound(given_.held_bytes_max, share);
}

// Of equals the last in the configuration gives way first, and before it what is of a rule that is
// gone.
void MirrorCore::order_rules() {
  for (Rule& rule : rules_) by_priority_.push_back(&rule);
  by_worth_.assign(by_priority_.rbegin(), by_priority_.rend());
  std::stable_sort(by_priority_.begin(), by_priority_.end(), [](const Rule* a, const Rule* b) {
    return a->named.rule.priority < b->named.rule.priority;
  });
  std::stable_sort(by_worth_.begin(), by_worth_.end(),
                   [](const Rule* a, const Rule* b) { return a->named.worth > b->named.worth; });
}

void MirrorCore::listen_to_store() {
  store_.on_status([this, alive = std::weak_ptr<int>(alive_)](Status status) {
    if (!alive.expired()) store_changed(status);
  });
  store_.on_loss([this, alive = std::weak_ptr<int>(alive_)](const std::string& log,
                                                            const std::vector<Sequence>& records) {
    if (alive.expired()) return;
    for (Rule& rule : rules_) {
      if (rule.named.log == log) rule.backlog->lose(records);
    }
  });
  store_.on_yield(
      {[this, alive = std::weak_ptr<int>(alive_)] {
         return alive.expired() ? 0 : yieldable_bytes();
       },
       [this, alive = std::weak_ptr<int>(alive_)] { return !alive.expired() && give_way(); }});
}

// What is no subject goes to nobody, and no stream would ever confirm it.
int MirrorCore::rule_of(std::string_view subject) const {
  if (!is_valid_published(subject)) return -1;
  for (std::size_t i = 0; i < rules_.size() && !rules_[i].named.orphan; ++i) {
    for (const std::string& pattern : rules_[i].named.rule.subjects) {
      if (rule_matches(pattern, subject)) return static_cast<int>(i);
    }
  }
  return -1;
}

// Clients of the hub come and go all the time, each with an inbox of its own: that is no reason to
// ask for its streams again.
bool MirrorCore::cares_for(std::string_view subject) const {
  for (const Rule& rule : rules_) {
    for (const std::string& pattern : rule.named.rule.subjects) {
      if (may_mean(pattern, subject) && overlaps(pattern, subject)) return true;
    }
  }
  return false;
}

std::vector<std::string> MirrorCore::patterns() const {
  std::vector<std::string> patterns;
  for (const Rule& rule : rules_) {
    if (rule.named.orphan) continue;
    patterns.insert(patterns.end(), rule.named.rule.subjects.begin(),
                    rule.named.rule.subjects.end());
  }
  return patterns;
}

bool MirrorCore::captures_requests(int rule) const {
  return rules_[static_cast<std::size_t>(rule)].named.rule.capture_requests;
}

bool MirrorCore::capture(int rule_number, const Message& message) {
  Rule& rule = rules_[static_cast<std::size_t>(rule_number)];
  const bool outage = rule.named.rule.durability == Durability::kOutage;
  // Once the disk has failed there is nothing else, whatever the link does.
  const bool memory =
      !stopping_ && (rule.backlog->failed() ||
                     (outage && link_.state.proven && rule.sender->keeps_up(host_.clock.now())));
  const Account::Origin* const origin = account_.origin();
  const bool marked = origin != nullptr && origin->mark != nullptr;
  const Backlog::Taken taken =
      rule.backlog->capture(message, memory, marked ? *origin->mark : MirrorMark{});
  const std::size_t size = message.subject.size() + message.header.size() + message.payload.size();
  unchecked_bytes_ += size;
  if (unchecked_bytes_ > 64 << 10) {
    note_large(size);
    make_room();
  }
  poke();
  return taken != Backlog::Taken::kRefused;
}

bool MirrorCore::repeated(int rule, const Message& message, const MirrorMark& mark) {
  return rules_[static_cast<std::size_t>(rule)].backlog->repeated(message, mark);
}

bool MirrorCore::holding() const {
  return std::any_of(rules_.begin(), rules_.end(),
                     [](const Rule& rule) { return rule.backlog->holding(); });
}

bool MirrorCore::has_undurable() const {
  return std::any_of(rules_.begin(), rules_.end(),
                     [](const Rule& rule) { return rule.backlog->undurable(); });
}

// Of a disk that has failed, too: nobody who waits is told then that anything is safe.
bool MirrorCore::holds_undurable(std::uint64_t rules) const {
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if ((rules & bit_of(static_cast<int>(i))) == 0) continue;
    const Rule& rule = rules_[i];
    const bool memory_will_do =
        rule.named.rule.durability == Durability::kOutage && link_.state.proven;
    if (rule.backlog->undurable()) return true;
    if (rule.backlog->unsavable() && !memory_will_do) return true;
  }
  return false;
}

bool MirrorCore::congested() const {
  // What was evicted is free after the next commit.
  const bool makes_room = making_room_ && store_.status().code() == Errc::kStorageFull;
  return makes_room || must_wait(0);
}

bool MirrorCore::must_wait(std::size_t bytes) const {
  const bool holding = std::any_of(rules_.begin(), rules_.end(),
                                   [](const Rule& rule) { return rule.backlog->holding_much(); });
  return holding || Backlog::must_wait(store_, limits_, bytes);
}

void MirrorCore::when_durable(std::function<void(Status)> done) {
  if (holding())
    waiting_.push_back(std::move(done));
  else
    store_.when_durable(std::move(done));
}

void MirrorCore::finish_waiting() {
  if (waiting_.empty() || holding()) return;
  for (auto& done : std::exchange(waiting_, {})) store_.when_durable(std::move(done));
}

void MirrorCore::stop(std::function<void()> done) {
  stopping_ = true;
  spill();
  const bool unspilled = std::any_of(rules_.begin(), rules_.end(),
                                     [](const Rule& rule) { return rule.backlog->unspilled(); });
  if (unspilled && store_.status().code() == Errc::kBusy) {  // There is room after the next commit.
    return store_.when_durable([this, alive = std::weak_ptr<int>(alive_), done](Status) {
      if (!alive.expired()) stop(done);
    });
  }
  std::size_t unsaved = 0, unwritten = 0;  // The ledger is on the disk that has failed.
  for (Rule& rule : rules_) {
    if (rule.backlog->failed()) unsaved += rule.backlog->memory_messages();
    unwritten += rule.backlog->unwritten();
    rule.backlog->give_up_memory();
    rule.backlog->note(true, true);
  }
  if (unsaved > 0) {
    host_.log.error("mirror: the disk has failed: " + std::to_string(unsaved) +
                    " messages that are in memory only are lost");
  }
  if (unwritten > 0) {
    host_.log.error("mirror: the disk has failed: " + std::to_string(unwritten) +
                    " messages that were on their way to it may be lost");
  }
  when_durable([done = std::move(done)](Status) { done(); });
}

void MirrorCore::store_changed(Status status) {
  if (std::exchange(hangs_, status.code() == Errc::kTimeout) && !hangs_) {
    host_.log.warning("mirror: the disk answers again");
  }
  if (hangs_) {
    return host_.log.error("mirror: " + std::string(status.text()) +
                           ": who has published for it waits");
  }
  if (status.code() != store_code_ && status.code() != Errc::kBusy) {
    if (status.ok())
      host_.log.info("mirror: the store takes messages again");
    else
      host_.log.error("mirror: " + std::string(status.text()) +
                      (status.code() == Errc::kStorage ? ": what comes now is in memory only"
                                                       : ": messages are being given up"));
    store_code_ = status.code();
  }
  full_ = status.code() == Errc::kStorageFull;
  if (!full_) making_room_ = false;
  if (status.code() == Errc::kStorage) {
    for (Rule& rule : rules_) rule.backlog->fail();
  }
  if (full_) make_room();
  poke();
}

// Who sends a large one sends more of them.
void MirrorCore::note_large(std::uint64_t bytes) {
  const Time now = host_.clock.now();
  if (bytes < large_bytes_ && now < large_until_) return;
  large_bytes_ = bytes;
  large_until_ = now + kLargeTime;
}

// Above it room is made: for the next one, too, if it can have any.
std::uint64_t MirrorCore::high_water(const StoreUsage& usage) const {
  const std::uint64_t most = usage.capacity / 10 * 8;
  const std::uint64_t large = large_bytes_ + large_bytes_ / 16 + usage.capacity / 16;
  return large < most ? std::min(most, usage.capacity - large) : most;
}

// Before the store refuses: first what dedupe holds back, then the account that could give up the
// most, of it the least important.
void MirrorCore::make_room() {
  unchecked_bytes_ = 0;
  const StoreUsage usage = store_.usage();
  bound_queue(usage);
  if (usage.capacity == 0 || (!full_ && usage.live_bytes <= high_water(usage))) return;
  for (Rule& rule : rules_) rule.backlog->drop_retained();
  const std::optional<bool> other = store_.another_yields();
  if (other && *other)
    making_room_ = full_;
  else
    (void)give_way();
}

// The room comes back with a commit or two: until then more is not given up for the same want.
bool MirrorCore::give_way() {
  const bool full = store_.status().code() == Errc::kStorageFull;
  if (room_goal_) {
    const bool evicted = evict_some();
    making_room_ = making_room_ || (full && evicted);
    return true;
  }
  StoreUsage usage = store_.usage();
  const std::uint64_t high = high_water(usage), step = usage.capacity / 20;
  const Time now = host_.clock.now();
  const bool waits =
      usage.commits < room_made_commits_ + kRoomCommits && now < room_made_ + kRoomTime;
  if (making_room_ && waits && usage.live_bytes <= high) return true;
  for (Rule& rule : rules_) rule.backlog->drop_retained();
  usage = store_.usage();
  const std::uint64_t most = std::min(high, usage.live_bytes);
  if (!full && usage.live_bytes <= high) return true;
  room_goal_ = most - std::min(most, step);
  const bool evicted = evict_some();
  making_room_ = full && evicted;
  return evicted;
}

// As many as a turn has time for; the next turns go on until the goal is reached.
bool MirrorCore::evict_some() {
  bool evicted = false;
  for (int left = limits_.evicted_per_turn_max; room_goal_; --left) {
    const bool enough = store_.usage().live_bytes <= *room_goal_;
    if (left == 0 && !enough) break;
    if (enough || !evict_least()) {
      room_goal_.reset();
    } else {
      evicted = true;
    }
  }
  room_made_ = host_.clock.now();
  room_made_commits_ = store_.usage().commits;
  if (room_goal_) poke_later();
  return evicted;
}

std::uint64_t MirrorCore::yieldable_bytes() const {
  std::uint64_t sum = 0;
  for (const Rule& rule : rules_) sum += gives_way(rule) ? rule.backlog->bytes() : 0;
  return sum;
}

bool MirrorCore::gives_way(const Rule& rule) { return rule.named.rule.discard == Discard::kOld; }

// What waits in memory takes no room; then nothing of its rule waits on disk.
bool MirrorCore::evict_least() {
  for (Rule* rule : by_worth_) {
    Backlog& backlog = *rule->backlog;
    if (!gives_way(*rule) || backlog.memory_messages() > 0) continue;
    if (backlog.evict_oldest(&LossCounts::limit)) return true;
  }
  return false;
}

}  // namespace petiole
