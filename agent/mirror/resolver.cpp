#include "agent/mirror/resolver.h"

#include <algorithm>
#include <utility>

#include "agent/protocol/headers.h"
#include "platform/crypto.h"

namespace petiole {

namespace {

constexpr std::int64_t kNoMessage = 10037;

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

}  // namespace

Resolver::Resolver(ApiClient& api, const HubDirectory& directory, const MirrorLimits& limits,
                   HashKey key, SuspectList suspects, std::vector<StreamFloor> floors, bool holes,
                   Done done)
    : api_(api),
      directory_(directory),
      limits_(limits),
      key_(key),
      suspects_(std::move(suspects)),
      floors_(std::move(floors)),
      done_(std::move(done)),
      holes_(holes) {
  for (SuspectSubject& subject : suspects_.subjects()) subject.exact = holes;
}

void Resolver::start(Time now) {
  started_ = true;
  now_ = now;
  give_up_ = now + limits_.resolve_time_max;
  retry_ = give_up_;
  ask_more(now);
}

void Resolver::tick(Time now) {
  now_ = now;
  if (!started_ || finished_ || now < retry_) return;
  if (now >= give_up_) {
    finished_ = true;
    return done_(suspects_);
  }
  retry_ = give_up_;
  for (const std::size_t subject : std::exchange(failed_, {})) {
    ++open_;
    ask_last(subject, now);
  }
}

// As many at a time as the API client may have outstanding; the answers ask for the rest.
void Resolver::ask_more(Time now) {
  const std::size_t count = suspects_.subjects().size();
  while (next_ < count && open_ < limits_.requests_max) {
    const std::size_t subject = next_++;
    if (suspects_.subjects()[subject].items.empty()) continue;
    if (directory_.stream_of(suspects_.subjects()[subject].subject) == nullptr) continue;
    ++open_;
    ask_last(subject, now);
  }
  if (next_ == count && open_ == 0 && failed_.empty() && !finished_) {
    finished_ = true;
    done_(suspects_);
  }
}

void Resolver::ask_last(std::size_t subject, Time now) {
  const std::string& name = suspects_.subjects()[subject].subject;
  const std::string* stream = directory_.stream_of(name);
  if (stream == nullptr) return settled();
  json::object body;
  body["last_by_subj"] = name;
  api_.request(
      "STREAM.MSG.GET." + *stream, to_text(body),
      [this, alive = std::weak_ptr<int>(alive_), subject](Result<json::object> answer) {
        if (!alive.expired()) got_last(subject, std::move(answer));
      },
      now);
}

void Resolver::got_last(std::size_t subject, Result<json::object> answer) {
  const std::int64_t error = answer.ok() ? api_error(*answer) : -1;
  if (error == kNoMessage) return settled();
  if (error != 0) {
    ask_again(subject);
    return settled();
  }
  const StoredMessage last = read_message(*answer);
  SuspectSubject& suspect = suspects_.subjects()[subject];
  const std::string* stream = directory_.stream_of(suspect.subject);
  if (last.sequence == 0 || stream == nullptr) return settled();
  const bool ours = !last.id.empty() && suspect.found(keyed_hash(key_, last.id));
  if (ours) {
    const bool checked = holes_ || (directory_.intact_since(*stream, floor_of(*stream) + 1) &&
                                    suspect.arrived <= limits_.walk_steps_max);
    if (suspect.proven() || !checked) return settled();
  }
  walk(subject, *stream, last.sequence);
}

// From what is known to be ours to the last message, which was looked at.
void Resolver::walk(std::size_t subject, const std::string& stream, std::uint64_t last) {
  const std::uint64_t from = floor_of(stream) + 1;
  // Nothing came to the subject since, unless the stream was made anew.
  if (from >= last) return settled();
  auto shared = std::make_shared<Walk>();
  shared->stream = stream;
  shared->intact = directory_.intact_since(stream, from);
  const std::uint64_t width = std::max<std::uint64_t>((last - from) / limits_.requests_max + 1, 8);
  shared->open = static_cast<std::size_t>((last - from - 1) / width + 1);
  open_ += shared->open - 1;
  const std::size_t parts = shared->open;
  for (std::size_t i = 0; i < parts; ++i) {
    const std::uint64_t begin = from + i * width;
    ask_next(subject, shared, begin, begin + std::min(width, last - begin));
  }
}

// Looks at the subject's messages from `from` to before `end`.
void Resolver::ask_next(std::size_t subject, WalkPointer walk, std::uint64_t from,
                        std::uint64_t end) {
  if (from >= end) return part_done(subject, *walk, true);
  const std::size_t more = holes_ ? suspects_.subjects()[subject].items.size() : 0;
  if (++walk->steps > limits_.walk_steps_max + more) return part_done(subject, *walk, false);
  json::object body;
  body["seq"] = from;
  body["next_by_subj"] = suspects_.subjects()[subject].subject;
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
  if (error == kNoMessage) return part_done(subject, *walk, false);
  if (error != 0) {
    if (walk->whole) ask_again(subject);
    return part_done(subject, *walk, false);
  }
  const StoredMessage stored = read_message(*answer);
  if (stored.sequence == 0) return part_done(subject, *walk, false);
  if (!stored.id.empty()) {
    (void)suspects_.subjects()[subject].found(keyed_hash(key_, stored.id));
  }
  ask_next(subject, walk, stored.sequence + 1, end);
}

void Resolver::part_done(std::size_t subject, Walk& walk, bool whole) {
  walk.whole = walk.whole && whole;
  if (--walk.open == 0 && walk.whole && walk.intact) suspects_.subjects()[subject].exact = true;
  settled();
}

void Resolver::ask_again(std::size_t subject) {
  failed_.push_back(subject);
  retry_ = std::min(give_up_, now_ + std::chrono::seconds(1));
}

void Resolver::settled() {
  --open_;
  ask_more(now_);
}

std::uint64_t Resolver::floor_of(const std::string& stream) const {
  for (const StreamFloor& floor : floors_) {
    if (floor.stream == stream) return floor.sequence;
  }
  return 0;
}

}  // namespace petiole
