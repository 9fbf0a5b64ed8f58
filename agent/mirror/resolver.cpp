#include "agent/mirror/resolver.h"

#include <algorithm>
#include <utility>

#include "agent/protocol/headers.h"
#include "platform/crypto.h"

namespace petiole {

namespace {

constexpr std::int64_t kNoMessage = 10037;
constexpr Duration kAskAgainMin = std::chrono::seconds(1);
constexpr Duration kAskAgainMax = std::chrono::seconds(5);
constexpr std::uint64_t kPartWidth = 8;  // Sequences of a walk that are gone through one by one.

struct StoredMessage {
  std::uint64_t sequence = 0;
  std::string id;
};

// The part of a stream_msg_get_response that matters.
StoredMessage read_message(const json::object& answer) {
  const json::value* message = find(answer, "message");
  if (message == nullptr || !message->is_object()) return {};
  const json::object& object = message->get_object();
  const std::int64_t sequence = std::max<std::int64_t>(get_int(object, "seq"), 0);
  StoredMessage stored{static_cast<std::uint64_t>(sequence), {}};
  const auto header = base64_decode(get_string(object, "hdrs"));
  if (header) stored.id = find_header(*header, kMessageIdHeader).value_or("");
  return stored;
}

std::uint64_t number_of(const json::object& object, const char* key) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(get_int(object, key), 0));
}

// The part of a stream_info_response that matters. `gaps`: how many are removed behind the first.
StreamFacts read_facts(const json::object& answer, std::uint64_t& gaps) {
  StreamFacts facts;
  const json::value* config = find(answer, "config");
  const json::value* state = find(answer, "state");
  gaps = UINT64_MAX;
  if (config == nullptr || !config->is_object() || state == nullptr || !state->is_object()) {
    return facts;
  }
  const json::object& given = config->get_object();
  const json::object& now = state->get_object();
  const bool refuses = get_bool(given, "discard_new_per_subject");
  facts.per_subject = refuses ? 0 : number_of(given, "max_msgs_per_subject");
  facts.duplicate_window = Duration(std::max<std::int64_t>(get_int(given, "duplicate_window"), 0));
  facts.first = number_of(now, "first_seq");
  const std::uint64_t last = number_of(now, "last_seq"), messages = number_of(now, "messages");
  if (facts.first == 0 || last < facts.first || messages > last - facts.first + 1) return facts;
  gaps = last - facts.first + 1 - messages;
  if (gaps == 0) facts.removed.emplace();
  const json::value* list = find(now, "deleted");
  if (list == nullptr || !list->is_array()) return facts;
  facts.removed.emplace();
  for (const json::value& each : list->get_array()) {
    if (each.is_int64() && each.get_int64() > 0) {
      facts.removed->push_back(static_cast<std::uint64_t>(each.get_int64()));
    }
  }
  std::sort(facts.removed->begin(), facts.removed->end());
  if (facts.removed->size() < gaps) facts.removed.reset();
  return facts;
}

}  // namespace

Resolver::Resolver(ApiClient& api, const HubDirectory& directory, const MirrorLimits& limits,
                   HashKey key, SuspectList suspects, Order order, Done done)
    : api_(api),
      directory_(directory),
      limits_(limits),
      key_(key),
      suspects_(std::move(suspects)),
      done_(std::move(done)),
      order_(order),
      ask_again_after_(kAskAgainMin) {}

void Resolver::start(Time now, bool patient, StreamFloors floors) {
  patient_ = patient;
  floors_ = std::move(floors);
  started_ = true;
  now_ = asked_ = now;
  give_up_ = now + limits_.resolve_time_max;
  retry_ = give_up_;
  ask_more(now);
}

void Resolver::tick(Time now) {
  now_ = now;
  if (!started_ || finished_ || now < retry_) return;
  if (now >= give_up_) {
    // With the last words missing, what is known of the rest has to do.
    if (facts_asked_ || !patient_) return finish();
    give_up_ = now + limits_.resolve_time_max;
    if (!failed_.empty()) ask_health();
    if (finished_) return;
  }
  retry_ = give_up_;
  ask_again_after_ = std::min(2 * ask_again_after_, kAskAgainMax);
  // Not all of many: once one is answered, the rest follow.
  const std::size_t count = std::min(failed_.size(), limits_.requests_max);
  const std::vector<std::size_t> again(failed_.end() - static_cast<std::ptrdiff_t>(count),
                                       failed_.end());
  failed_.resize(failed_.size() - count);
  const std::vector<std::string> streams = std::exchange(untold_, {});
  open_ += count;  // All first: one whose stream is gone is settled at once.
  for (const std::size_t subject : again) ask_last(subject, now);
  for (const std::string& stream : streams) ask_info(stream, false);
}

void Resolver::answered() {
  silent_rounds_ = 0;
  ask_again_after_ = kAskAgainMin;
  if (!failed_.empty()) retry_ = now_;
}

// A stream that has no leader, or not enough of its nodes, is silent or says so: what it has will
// be known when it is back, and before that it takes nothing. Only of one that answers this, and
// then nothing else, twice, is nothing more to be learned.
void Resolver::ask_health() {
  const std::vector<std::string> streams = streams_of(failed_);
  if (streams.empty()) return finish();
  ill_ = false;
  health_open_ = streams.size();
  for (const std::string& stream : streams) {
    api_.request(
        "STREAM.INFO." + stream, "",
        [this, alive = std::weak_ptr<int>(alive_)](Result<json::object> answer) {
          if (!alive.expired()) got_health(answer.ok() && api_error(*answer) == 0);
        },
        now_);
  }
}

void Resolver::got_health(bool good) {
  ill_ = ill_ || !good;
  if (--health_open_ > 0 || finished_) return;
  silent_rounds_ = ill_ ? 0 : silent_rounds_ + 1;
  if (silent_rounds_ == 2 && !facts_asked_) finish();
}

// Of these subjects, each once, where STREAM.INFO may be asked.
std::vector<std::string> Resolver::streams_of(const std::vector<std::size_t>& subjects) const {
  std::vector<std::string> streams;
  for (const std::size_t subject : subjects) {
    const std::string* stream = directory_.stream_of(suspects_.subjects()[subject].subject);
    if (stream == nullptr || !api_.allows("STREAM.INFO." + *stream)) continue;
    if (std::find(streams.begin(), streams.end(), *stream) == streams.end()) {
      streams.push_back(*stream);
    }
  }
  return streams;
}

// As many at a time as the API client may have outstanding; the answers ask for the rest.
void Resolver::ask_more(Time now) {
  const std::size_t count = suspects_.subjects().size();
  while (next_ < count && open_ < api_.room()) {
    const std::size_t subject = next_++;
    if (suspects_.subjects()[subject].items.empty()) continue;
    if (looks_back_ && suspects_.subjects()[subject].all_seen()) continue;
    if (askable(suspects_.subjects()[subject].subject) == nullptr) continue;
    ++open_;
    ask_last(subject, now);
  }
  if (next_ == count && open_ == 0 && failed_.empty() && untold_.empty() && !finished_) look_back();
}

void Resolver::look_back() {
  looks_back_ = !std::exchange(looked_back_, true);
  if (!looks_back_) return ask_facts();
  next_ = 0;
  ask_more(now_);
}

// Once, for the streams where some are missing.
void Resolver::ask_facts() {
  if (facts_asked_) return finish();
  facts_asked_ = true;
  give_up_ = now_ + limits_.resolve_time_max;
  retry_ = give_up_;
  ++open_;
  std::vector<std::size_t> unproven;
  for (std::size_t i = 0; i < suspects_.subjects().size(); ++i) {
    if (!suspects_.subjects()[i].proven()) unproven.push_back(i);
  }
  for (const std::string& stream : streams_of(unproven)) ask_info(stream, false);
  settled();
}

void Resolver::ask_info(const std::string& stream, bool removed) {
  ++open_;
  api_.request(
      "STREAM.INFO." + stream, removed ? R"({"deleted_details":true})" : "",
      [this, alive = std::weak_ptr<int>(alive_), stream, removed](Result<json::object> answer) {
        if (!alive.expired()) got_info(stream, removed, std::move(answer));
      },
      now_);
}

// The sequences of what was removed are asked for when they are not too many.
void Resolver::got_info(const std::string& stream, bool removed, Result<json::object> answer) {
  if (answer.ok() && api_error(*answer) == 0) {
    std::uint64_t gaps = 0;
    StreamFacts facts = read_facts(*answer, gaps);
    const bool more = !removed && !facts.removed && gaps <= limits_.removed_max;
    facts_.insert_or_assign(stream, std::move(facts));
    if (more) ask_info(stream, true);
  } else if (!removed) {
    untold_.push_back(stream);
    retry_ = std::min(give_up_, now_ + ask_again_after_);
  }
  settled();
}

// What one of our messages has rolled up of all subjects of its stream.
void Resolver::roll_up() {
  std::map<std::string, std::uint64_t> rolled_up;
  for (const SuspectSubject& subject : suspects_.subjects()) {
    const std::string* stream = directory_.stream_of(subject.subject);
    for (const SuspectSubject::Item& item : subject.items) {
      if (stream == nullptr || item.rollup != Rollup::kAll || item.sequence == 0) continue;
      std::uint64_t& upto = rolled_up[*stream];
      upto = std::max(upto, item.key);
    }
  }
  if (rolled_up.empty()) return;
  for (SuspectSubject& subject : suspects_.subjects()) {
    const std::string* stream = directory_.stream_of(subject.subject);
    const auto upto = stream != nullptr ? rolled_up.find(*stream) : rolled_up.end();
    if (upto != rolled_up.end()) subject.rolled_up = upto->second;
  }
}

void Resolver::finish() {
  finished_ = true;
  roll_up();
  for (SuspectSubject& subject : suspects_.subjects()) {
    const std::string* stream = directory_.stream_of(subject.subject);
    const auto facts = stream != nullptr ? facts_.find(*stream) : facts_.end();
    subject.judge(facts != facts_.end() ? &facts->second : nullptr, now_ - asked_, order_.holes);
  }
  done_(suspects_);
}

// The stream of the subject; null: there is none, or none that we may look into.
const std::string* Resolver::askable(std::string_view subject) const {
  const std::string* stream = directory_.stream_of(subject, looks_back_);
  const bool allowed = stream != nullptr && api_.allows("STREAM.MSG.GET." + *stream);
  return allowed ? stream : nullptr;
}

void Resolver::ask_last(std::size_t subject, Time now) {
  const std::string& name = suspects_.subjects()[subject].subject;
  const std::string* stream = askable(name);
  if (stream == nullptr) return answered(), settled();
  json::object body;
  body["last_by_subj"] = directory_.kept_as(name, looks_back_);
  api_.request(
      "STREAM.MSG.GET." + *stream, to_text(body),
      [this, alive = std::weak_ptr<int>(alive_), subject](Result<json::object> answer) {
        if (!alive.expired()) got_last(subject, std::move(answer));
      },
      now);
}

void Resolver::got_last(std::size_t subject, Result<json::object> answer) {
  const std::int64_t error = answer.ok() ? api_error(*answer) : -1;
  if (error == 0 || error == kNoMessage) answered();
  if (error == kNoMessage) return settled();
  if (error != 0) {
    if (!looks_back_) ask_again(subject);
    if (looks_back_ && !answer.ok()) next_ = suspects_.subjects().size();  // Not one by one.
    return settled();
  }
  const StoredMessage last = read_message(*answer);
  SuspectSubject& suspect = suspects_.subjects()[subject];
  const std::string* stream = directory_.stream_of(suspect.subject, looks_back_);
  if (last.sequence == 0 || stream == nullptr) return settled();
  const bool ours =
      !last.id.empty() && suspect.found(keyed_hash(key_, last.id), last.sequence, looks_back_);
  // What was sent again after others came is behind them, and says nothing of those.
  const bool ordered = ours && suspect.proven() && !order_.holes && !order_.unknown;
  if (looks_back_ ? suspect.all_seen() : ordered) return settled();
  walk(subject, *stream, last.sequence);
}

// From what is known to be ours to the last message, which was looked at.
void Resolver::walk(std::size_t subject, const std::string& stream, std::uint64_t last) {
  SuspectSubject& suspect = suspects_.subjects()[subject];
  const std::uint64_t made = looks_back_ ? 0 : directory_.made_of(stream);  // Perhaps not listed.
  const std::uint64_t floor = floors_.of(stream, made);
  // Nothing came to the subject since, unless the stream was made anew.
  if (floor >= last && (looks_back_ || suspect.reach() == 0)) return settled();
  const std::uint64_t base = floor < last ? floor : 0, from = base + 1;
  if (!looks_back_) suspect.base = base;
  if (from >= last) {
    if (looks_back_) return settled();
    suspect.there = 1;
    suspect.looked = true;
    return settled();
  }
  auto shared = std::make_shared<Walk>();
  shared->stream = stream;
  shared->low = from;
  shared->high = last;
  shared->width = kPartWidth;
  next_round(subject, shared);
}

// What is looked for came soon behind the floor, or not long ago; between the two may be more of
// others than can be looked at. So from both ends, and no further than it takes.
void Resolver::next_round(std::size_t subject, const WalkPointer& pointer) {
  Walk& walk = *pointer;
  const bool more = walk.whole && walk.low < walk.high;
  if (!more || suspects_.subjects()[subject].all_seen()) return walked(subject, walk);
  const std::uint64_t left = walk.high - walk.low, many = limits_.requests_max;
  const std::uint64_t found = walk.there - std::exchange(walk.seen, walk.there);
  if (walk.rounds > 1 && found < kPartWidth) {  // A quiet subject.
    walk.width = std::max(walk.width, left / many + 1);
  } else if (walk.rounds > 1 && found < many) {
    walk.width *= kPartWidth;
  }
  const std::uint64_t width = std::min(walk.width, left);
  // The first question alone shows whether there is anything before the last.
  const std::uint64_t span = std::min(left, width * (walk.rounds == 0 ? 1 : many));
  const bool at_end = ++walk.rounds % 2 == 1 && walk.rounds > 1;
  const std::uint64_t begin = at_end ? walk.high - span : walk.low, end = begin + span;
  (at_end ? walk.high : walk.low) = at_end ? begin : end;
  walk.open = static_cast<std::size_t>((span - 1) / width + 1);
  open_ += walk.open;
  for (std::uint64_t at = begin; at < end; at += width) {
    ask_next(subject, pointer, at, std::min(at + width, end));
  }
}

void Resolver::walked(std::size_t subject, const Walk& walk) {
  if (walk.whole && walk.low >= walk.high && !looks_back_) {
    suspects_.subjects()[subject].there = walk.there;
    suspects_.subjects()[subject].looked = true;
  }
  settled();
}

// Looks at the subject's messages from `from` to before `end`.
void Resolver::ask_next(std::size_t subject, WalkPointer walk, std::uint64_t from,
                        std::uint64_t end) {
  if (from >= end) return part_done(subject, walk, true);
  const std::size_t ours = suspects_.subjects()[subject].items.size();
  // The floor stays behind by what was in flight at a refusal.
  const std::size_t behind = order_.holes || order_.unknown ? limits_.in_flight_messages_max : 0;
  if (++walk->steps > limits_.walk_steps_max + behind + ours) {
    return part_done(subject, walk, false);
  }
  json::object body;
  body["seq"] = from;
  body["next_by_subj"] = directory_.kept_as(suspects_.subjects()[subject].subject, looks_back_);
  const std::string verb = "STREAM.MSG.GET." + walk->stream;
  api_.request(
      verb, to_text(body),
      [this, alive = std::weak_ptr<int>(alive_), subject, end,
       walk = std::move(walk)](Result<json::object> answer) {
        if (!alive.expired()) got_next(subject, walk, end, std::move(answer));
      },
      now_);
}

void Resolver::got_next(std::size_t subject, const WalkPointer& walk, std::uint64_t end,
                        Result<json::object> answer) {
  const std::int64_t error = answer.ok() ? api_error(*answer) : -1;
  if (error == kNoMessage) return part_done(subject, walk, true);  // Removed meanwhile.
  if (error != 0) {
    if (walk->whole && !looks_back_) ask_again(subject);
    return part_done(subject, walk, false);
  }
  const StoredMessage stored = read_message(*answer);
  if (stored.sequence == 0) return part_done(subject, walk, false);
  if (stored.sequence >= end) {
    if (end == walk->low) walk->low = std::min(stored.sequence, walk->high);
    return part_done(subject, walk, true);
  }
  ++walk->there;
  if (!stored.id.empty()) {
    (void)suspects_.subjects()[subject].found(keyed_hash(key_, stored.id), stored.sequence,
                                              looks_back_);
  }
  ask_next(subject, walk, stored.sequence + 1, end);
}

// The walk has a place of its own among those that are open.
void Resolver::part_done(std::size_t subject, const WalkPointer& walk, bool whole) {
  walk->whole = walk->whole && whole;
  const bool last = --walk->open == 0;
  settled();
  if (last) next_round(subject, walk);
}

void Resolver::ask_again(std::size_t subject) {
  failed_.push_back(subject);
  retry_ = std::min(give_up_, now_ + ask_again_after_);
}

void Resolver::settled() {
  --open_;
  ask_more(now_);
}

}  // namespace petiole
