#include "agent/mirror/hub_directory.h"

#include <algorithm>
#include <utility>

#include "agent/mirror/ids.h"
#include "agent/mirror/puback.h"
#include "agent/subject/subject.h"

namespace petiole {

namespace {

constexpr std::uint64_t kMadeSince = 1;
constexpr std::size_t kSubjectsFew = 16;       // Of streams: looked through faster than remembered.
constexpr std::int64_t kNotAvailable = 10008;  // Of a cluster's nodes too few are there.

// The names of the streams that `answer` tells all of, sorted.
std::vector<std::string_view> listed_in(const json::object& answer) {
  std::vector<std::string_view> names;
  const json::value* list = find(answer, "streams");
  if (list == nullptr || !list->is_array()) return names;
  for (const json::value& each : list->get_array()) {
    const json::value* config = each.is_object() ? find(each.get_object(), "config") : nullptr;
    if (config == nullptr || !config->is_object()) continue;
    names.push_back(get_string(config->get_object(), "name"));
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Both in UTC as Go prints them, with as many digits of a second as are not zero.
bool is_before(std::string_view time, std::string_view other) {
  return time.substr(0, time.find('Z')) < other.substr(0, other.find('Z'));
}

// Of a stream: its time of birth, to the nanosecond, as the hub writes it; 0: not known. An old
// nats-server (2.9.10) tells of one that was updated in its last run when that run began: what such
// a stream holds is older.
std::uint64_t made_at(const json::object& stream) {
  const std::string_view created = get_string(stream, "created");
  const json::value* state = find(stream, "state");
  if (state != nullptr && state->is_object() && get_int(state->get_object(), "messages") > 0) {
    const std::string_view oldest = get_string(state->get_object(), "first_ts");
    if (!oldest.empty() && is_before(oldest, created)) return 0;
  }
  return created.empty() ? 0 : stable_hash(created);
}

std::uint64_t last_in(const json::object& stream) {
  const json::value* state = find(stream, "state");
  if (state == nullptr || !state->is_object()) return UINT64_MAX;
  const std::int64_t last = get_int(state->get_object(), "last_seq", -1);
  return last < 0 ? UINT64_MAX : static_cast<std::uint64_t>(last);
}

SubjectTransform transform_of(const json::object& config) {
  SubjectTransform transform;
  const json::value* given = find(config, "subject_transform");
  if (given == nullptr || !given->is_object()) return transform;
  const json::object& object = given->get_object();
  (void)transform.compile(get_string(object, "src"), get_string(object, "dest"));
  return transform;
}

}  // namespace

HubDirectory::HubDirectory(ApiClient& api, const MirrorLimits& limits, std::uint64_t hash_seed,
                           std::vector<std::string> patterns, std::function<void()> changed)
    : api_(api),
      limits_(limits),
      patterns_(std::move(patterns)),
      told_(std::move(changed)),
      found_(0, TokenHash{hash_seed}),
      learned_(0, TokenHash{hash_seed}) {}

void HubDirectory::link_up(Time now) {
  link_down();
  changed_at_ = now;
  pause_ = limits_.refresh_after_change;
  patient_from_ = now - silence_;
  if (api_.reachable() && !patterns_.empty()) {
    due_ = now;
  } else {
    state_ = State::kUnreachable;
    due_ = now + limits_.refresh_interval;
  }
}

void HubDirectory::link_down() {
  ++generation_;
  state_ = State::kUnknown;
  asking_ = false;
  open_ = 0;
  due_ = kNever;
  remember();
  streams_.clear();
  found_.clear();
  forget_barriers();
}

// Where a PubAck came there is a stream, also while it has no leader: the next link, or a minute,
// is no reason to doubt it.
void HubDirectory::forget_barriers() {
  std::erase_if(learned_, [](const auto& each) { return each.second != Route::kPuback; });
}

void HubDirectory::interest_changed(Time now) {
  stale_ = changed_ = true;
  if (now >= changed_at_ + limits_.refresh_interval) pause_ = limits_.refresh_after_change;
  changed_at_ = now;
  if (due_ != kNever) refresh_soon(now, pause_);
}

void HubDirectory::refresh_soon(Time now, Duration pause) {
  due_ = std::min(due_, std::max(now + limits_.refresh_after_change, asked_ + pause));
}

void HubDirectory::tick(Time now, bool wanted) {
  if (now < deadline(wanted)) return;
  // There was nothing to send for long: a stream may have come.
  if (now >= due_ + limits_.refresh_interval) stale_ = true;
  due_ = now + limits_.refresh_interval;
  if (!api_.reachable()) {
    forget_barriers();  // What was learned long ago is tried again.
    told_at_ = now;     // It tells no more.
    return;
  }
  if (!asking_) return ask(now);
  due_ = now + limits_.refresh_after_change;  // What has changed since was perhaps not seen.
}

void HubDirectory::ask(Time now) {
  asking_ = true;
  for_change_ = stale_;
  failed_ = changed_ = coming_partial_ = false;
  asked_ = now;
  coming_.clear();
  missing_.clear();
  coming_subjects_ = 0;
  open_ = patterns_.size();
  for (std::size_t i = 0; i < patterns_.size(); ++i) ask_page(i, 0, now);
}

void HubDirectory::ask_page(std::size_t pattern, std::int64_t offset, Time now) {
  json::object body;
  body["offset"] = offset;
  body["subject"] = patterns_[pattern];
  api_.request(
      "STREAM.LIST", to_text(body),
      [this, pattern, offset, generation = generation_](Result<json::object> answer) {
        if (generation == generation_) answered(pattern, offset, std::move(answer));
      },
      now);
}

void HubDirectory::answered(std::size_t pattern, std::int64_t offset, Result<json::object> answer) {
  const bool good = answer.ok() && api_error(*answer) == 0;
  failed_ = failed_ || !good;
  if (answer.ok() && api_error(*answer) == kNotAvailable) patient_from_ = asked_;
  if (good) {
    const std::int64_t known = add_streams(*answer);
    const std::int64_t next = offset + known + add_missing(*answer, patterns_[pattern]);
    // However many there are, or are said to be.
    const std::int64_t total = get_int(*answer, "total");
    const auto most = std::min(total, static_cast<std::int64_t>(limits_.streams_max));
    coming_partial_ = coming_partial_ || total > most;
    if (next > offset && next < most) return ask_page(pattern, next, asked_);
  }
  if (--open_ == 0) finish(!failed_);
}

// Returns how many the page held. Others may have told of some of them: several of our patterns
// overlap their subjects.
std::int64_t HubDirectory::add_streams(const json::object& answer) {
  const json::value* list = find(answer, "streams");
  if (list == nullptr || !list->is_array()) return 0;
  for (const json::value& each : list->get_array()) {
    const json::value* config = each.is_object() ? find(each.get_object(), "config") : nullptr;
    if (config == nullptr || !config->is_object()) continue;
    const json::object& object = config->get_object();
    const json::value* subjects = find(object, "subjects");
    const std::string_view name = get_string(object, "name");
    if (has_name(coming_, name)) continue;
    // A stream that gives no PubAck confirms nothing: the barrier has to do.
    if (get_bool(object, "no_ack") || subjects == nullptr || !subjects->is_array()) continue;
    Stream stream{std::string(name),
                  {},
                  made_at(each.get_object()),
                  transform_of(object),
                  last_in(each.get_object())};
    for (const json::value& subject : subjects->get_array()) {
      if (stream.subjects.size() > limits_.stream_subjects_max) break;
      if (subject.is_string()) stream.subjects.emplace_back(subject.get_string());
    }
    add(std::move(stream));
  }
  return static_cast<std::int64_t>(list->get_array().size());
}

void HubDirectory::add(Stream stream) {
  if (!is_stream_name(stream.name)) return;
  coming_subjects_ += stream.subjects.size();
  if (coming_.size() >= limits_.streams_max || coming_subjects_ > limits_.stream_subjects_max) {
    coming_partial_ = true;
  } else {
    coming_.push_back(std::move(stream));
  }
}

// A cluster tells of a stream that has no leader only the name: it is there, and what it captures
// must wait for it. What that is we know from before, or it is all that was asked for. Returns how
// many are not in the list of streams.
std::int64_t HubDirectory::add_missing(const json::object& answer, const std::string& pattern) {
  const json::value* list = find(answer, "missing");
  if (list == nullptr || !list->is_array()) return 0;
  const std::vector<std::string_view> listed = listed_in(answer);
  std::size_t count = 0;
  for (const json::value& each : list->get_array()) {
    if (count >= limits_.streams_max) break;  // However many are said to be.
    if (!each.is_string()) continue;
    if (std::binary_search(listed.begin(), listed.end(), std::string_view(each.get_string()))) {
      continue;
    }
    ++count;
    miss(each.get_string(), pattern);
  }
  return static_cast<std::int64_t>(count);
}

void HubDirectory::miss(std::string_view name, const std::string& pattern) {
  const bool again = has_name(missing_, name);
  bool known = false;
  for (const Stream& stream : streams_) {
    if (stream.name != name) continue;
    known = true;
    if (again) continue;
    missing_.push_back(stream);
    missing_.back().last = UINT64_MAX;  // It may have more by now.
  }
  if (!known && missing_.size() < limits_.streams_max) {
    missing_.push_back({std::string(name), {pattern}});
  }
}

void HubDirectory::finish(bool good) {
  asking_ = false;
  told_at_ = asked_;
  if (good) {
    heard_at_ = asked_;
    silence_ = {};
    if (!missing_.empty()) due_ = std::min(due_, asked_ + 10 * limits_.refresh_after_change);
    for (Stream& stream : missing_) add(std::move(stream));  // Last: what is known goes first.
    settle_pause();
    remember();
    streams_ = std::exchange(coming_, {});
    found_.clear();
    partial_ = coming_partial_;
    many_ = coming_subjects_ > kSubjectsFew;
    state_ = State::kKnown;
    stale_ = changed_;
  } else {
    // A hub that starts up answers late; one that never answers must not hold everything back, nor
    // do so on each link anew: a nats-server is silent where the account has no JetStream.
    const Time patience = patient_from_ + limits_.resolve_time_max;
    const bool given_up = asked_ + limits_.request_timeout >= patience;
    if (state_ == State::kUnknown && given_up) state_ = State::kUnreachable;
    const bool never = heard_at_ == Time{};
    if (never) {
      silence_ =
          std::min(asked_ + limits_.request_timeout - patient_from_, limits_.resolve_time_max);
    }
    if (never && given_up)
      pause_longer();
    else
      due_ = std::min(due_, asked_ + 2 * limits_.refresh_after_change);
  }
  missing_.clear();
  told_();
}

// Clients of the hub that come and go on our subjects change its interest all the time, and no
// stream. As many leafs as it has would ask it each second.
void HubDirectory::settle_pause() {
  const bool same = std::equal(coming_.begin(), coming_.end(), streams_.begin(), streams_.end(),
                               [](const Stream& a, const Stream& b) { return a.same_as(b); });
  if (same)
    pause_longer();
  else
    pause_ = limits_.refresh_after_change;
}

void HubDirectory::pause_longer() {
  if (for_change_) pause_ = std::min(2 * pause_, limits_.refresh_interval);
}

bool HubDirectory::tells_all() const {
  return state_ == State::kKnown && !partial_ &&
         std::all_of(streams_.begin(), streams_.end(), [this](const Stream& stream) {
           return api_.allows("STREAM.MSG.GET." + stream.name);
         });
}

bool HubDirectory::Stream::same_as(const Stream& other) const {
  return made == other.made && subjects == other.subjects && keeps_as(other);
}

bool HubDirectory::Stream::keeps_as(const Stream& other) const {
  return name == other.name && transform.source() == other.transform.source() &&
         transform.destination() == other.transform.destination();
}

bool HubDirectory::has_name(const std::vector<Stream>& streams, std::string_view name) {
  return std::any_of(streams.begin(), streams.end(),
                     [&](const Stream& each) { return each.name == name; });
}

const HubDirectory::Stream* HubDirectory::first_with(const std::vector<Stream>& streams,
                                                     std::string_view subject,
                                                     const Stream* except) {
  for (const Stream& stream : streams) {
    if (except != nullptr && stream.keeps_as(*except)) continue;
    for (const std::string& pattern : stream.subjects) {
      if (matches(pattern, subject)) return &stream;
    }
  }
  return nullptr;
}

bool HubDirectory::lists(std::string_view stream) const { return has_name(streams_, stream); }

std::uint64_t HubDirectory::last_of(std::string_view stream) const {
  const auto at = std::find_if(streams_.begin(), streams_.end(),
                               [&](const Stream& each) { return each.name == stream; });
  return at == streams_.end() ? UINT64_MAX : at->last;
}

std::uint64_t HubDirectory::made_of(std::string_view stream) const {
  if (state_ != State::kKnown) return 0;
  for (const Stream& each : streams_) {
    if (each.name == stream) return each.made;
  }
  return kMadeSince;
}

// What went to a stream that gave up a subject since is there, or under another subject in one that
// keeps it differently since.
void HubDirectory::remember() {
  for (Stream& stream : streams_) {
    std::erase_if(former_, [&](const Stream& each) {
      return each.subjects == stream.subjects && each.keeps_as(stream);
    });
    former_.insert(former_.begin(), std::move(stream));
  }
  if (former_.size() > limits_.streams_max) former_.resize(limits_.streams_max);
}

const HubDirectory::Stream* HubDirectory::find_stream(std::string_view subject, bool former) const {
  if (former) {
    return first_with(former_, subject, find_stream(subject, false));
  }
  if (!many_) return first_with(streams_, subject);
  if (const auto at = found_.find(subject); at != found_.end()) return at->second;
  if (found_.size() >= limits_.learned_subjects_max) found_.clear();
  const Stream* stream = first_with(streams_, subject);
  found_.emplace(subject, stream);
  return stream;
}

const std::string* HubDirectory::stream_of(std::string_view subject, bool former) const {
  const Stream* stream = find_stream(subject, former);
  return stream != nullptr ? &stream->name : nullptr;
}

std::string HubDirectory::kept_as(std::string_view subject, bool former) const {
  const Stream* stream = find_stream(subject, former);
  const bool other = stream != nullptr && !stream->transform.source().empty() &&
                     matches(stream->transform.source(), subject);
  SubjectBuffer buffer;
  return std::string(other ? stream->transform.apply(subject, buffer) : subject);
}

Route HubDirectory::route_of(std::string_view subject) const {
  switch (state_) {
    case State::kUnknown:
      return Route::kUnknown;
    case State::kKnown:
      if (stream_of(subject) != nullptr) return Route::kPuback;
      if (partial_) break;                                // No list says that there is none.
      return stale_ ? Route::kReprobe : Route::kBarrier;  // A stream that has come may refuse it.
    case State::kUnreachable:
      break;
  }
  const auto at = learned_.find(subject);
  if (at == learned_.end()) return Route::kProbe;
  return partial_ && at->second == Route::kBarrier ? Route::kReprobe : at->second;
}

void HubDirectory::learn(std::string_view subject, Route route) {
  if (state_ != State::kUnreachable && !partial_) return;
  if (learned_.size() >= limits_.learned_subjects_max) learned_.clear();
  learned_.insert_or_assign(std::string(subject), route);
}

void HubDirectory::forget(std::string_view pattern) {
  std::erase_if(learned_, [pattern](const auto& each) { return matches(pattern, each.first); });
}

}  // namespace petiole
