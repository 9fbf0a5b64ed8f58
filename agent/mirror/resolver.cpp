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
  StoredMessage stored{static_cast<std::uint64_t>(get_int(object, "seq")), {}};
  const auto header = base64_decode(get_string(object, "hdrs"));
  if (header) stored.id = find_header(*header, kMessageIdHeader).value_or("");
  return stored;
}

}  // namespace

Resolver::Resolver(ApiClient& api, const HubDirectory& directory, const MirrorLimits& limits,
                   HashKey key, SuspectList suspects, std::vector<StreamFloor> floors,
                   bool holes, Done done)
    : api_(api), directory_(directory), limits_(limits), key_(key), suspects_(std::move(suspects)),
      floors_(std::move(floors)), done_(std::move(done)),
      holes_(holes) {}

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
  api_.request("STREAM.MSG.GET." + *stream, to_text(body),
               [this, alive = std::weak_ptr<int>(alive_), subject](Result<json::object> answer) {
                 if (!alive.expired()) got_last(subject, std::move(answer));
               },
               now);
}

void Resolver::got_last(std::size_t subject, Result<json::object> answer) {
  const std::int64_t error = answer.ok() ? api_error(*answer) : -1;
  if (error == kNoMessage) return settled();
  if (error != 0) {
    failed_.push_back(subject);
    retry_ = std::min(give_up_, now_ + std::chrono::seconds(1));
    return settled();
  }
  const StoredMessage last = read_message(*answer);
  SuspectSubject& suspect = suspects_.subjects()[subject];
  const bool ours = !last.id.empty() && suspect.found(keyed_hash(key_, last.id), holes_);
  if (ours && !holes_) return settled();
  const std::string* stream = directory_.stream_of(suspect.subject);
  if (last.sequence == 0 || stream == nullptr) return settled();
  std::uint64_t floor = floor_of(*stream);
  if (floor > last.sequence) {
    // Nothing came to the subject since, unless the stream was made anew.
    return settled();
  }
  ask_next(subject, {*stream, last.sequence, 0}, floor + 1);
}

void Resolver::ask_next(std::size_t subject, Walk walk, std::uint64_t from) {
  if (from >= walk.last || ++walk.steps > limits_.walk_steps_max + suspects_.subjects()[subject].items.size()) return settled();
  json::object body;
  body["seq"] = from;
  body["next_by_subj"] = suspects_.subjects()[subject].subject;
  const std::string verb = "STREAM.MSG.GET." + walk.stream;
  api_.request(verb, to_text(body),
               [this, alive = std::weak_ptr<int>(alive_), subject,
                walk = std::move(walk)](Result<json::object> answer) mutable {
                 if (!alive.expired()) got_next(subject, std::move(walk), std::move(answer));
               },
               now_);
}

void Resolver::got_next(std::size_t subject, Walk walk, Result<json::object> answer) {
  const std::int64_t error = answer.ok() ? api_error(*answer) : -1;
  if (error == kNoMessage) return settled();
  if (error != 0) {
    failed_.push_back(subject);
    retry_ = std::min(give_up_, now_ + std::chrono::seconds(1));
    return settled();
  }
  const StoredMessage stored = read_message(*answer);
  if (stored.sequence == 0) return settled();
  if (!stored.id.empty()) {
    (void)suspects_.subjects()[subject].found(keyed_hash(key_, stored.id), holes_);
  }
  ask_next(subject, std::move(walk), stored.sequence + 1);
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
