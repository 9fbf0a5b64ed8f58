// Which stream of the hub captures a subject, and how its messages are confirmed.
//
// Asks STREAM.LIST once for each pattern of our rules, so a subject needs no question of its own;
// again once a minute and where interest changes, but not while nothing is to be sent. Where the
// API cannot be reached, the ways of confirmation that were found out by trying are kept here. Loop
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/mirror/api_client.h"
#include "agent/mirror/entry.h"
#include "agent/mirror/limits.h"
#include "agent/subject/token_hash.h"
#include "agent/subject/transform.h"

namespace petiole {

class HubDirectory {
 public:
  enum class State : std::uint8_t { kUnknown, kKnown, kUnreachable };

  HubDirectory(ApiClient& api, const MirrorLimits& limits, std::uint64_t hash_seed,
               std::vector<std::string> patterns, std::function<void()> changed);

  void link_up(Time now);
  void link_down();
  void interest_changed(Time now);
  // Something did not fit what is known: ask again soon.
  void doubt(Time now) { refresh_soon(now, limits_.refresh_after_change); }
  // `wanted`: there are messages to send. Without, a hub that was heard is not asked again.
  void tick(Time now, bool wanted);
  Time deadline(bool wanted) const { return wanted || state_ == State::kUnknown ? due_ : kNever; }

  State state() const { return state_; }
  // It is known, or will not be; from an answer, or the want of one, to what was asked at `when` or
  // later.
  bool told_since(Time when) const {
    return state_ == State::kUnreachable || (state_ == State::kKnown && told_at_ >= when);
  }
  // The hub has answered what was asked at `when` or later.
  bool heard_since(Time when) const { return heard_at_ >= when; }
  // The hub tells what its streams are, and lets us look into each.
  bool tells_all() const;
  bool partial() const { return partial_; }
  // The stream that captures `subject` and answers; null: none. `former`: another that did so
  // before, or the same while it kept it under another subject.
  const std::string* stream_of(std::string_view subject, bool former = false) const;
  // Under which that stream keeps what comes on `subject`: it may transform subjects.
  std::string kept_as(std::string_view subject, bool former = false) const;
  // It was among the streams that the hub told of.
  bool lists(std::string_view stream) const;
  // The sequence of its newest message, as it was told; UINT64_MAX: not known.
  std::uint64_t last_of(std::string_view stream) const;
  // Differs for streams of one name that were made at different times, and is another number for
  // one that has come since the hub was asked; 0: not known.
  std::uint64_t made_of(std::string_view stream) const;
  // kUnknown while the first answer is awaited.
  Route route_of(std::string_view subject) const;
  void learn(std::string_view subject, Route route);
  void forget(std::string_view pattern);  // No PubAck came for long.

 private:
  struct Stream {
    std::string name;
    std::vector<std::string> subjects;
    std::uint64_t made = 0;
    SubjectTransform transform{};  // Its source is empty: there is none.
    std::uint64_t last = UINT64_MAX;
    bool same_as(const Stream& other) const;   // But for `last`.
    bool keeps_as(const Stream& other) const;  // Its namesake, under the same subjects.
  };
  static bool has_name(const std::vector<Stream>& streams, std::string_view name);
  static const Stream* first_with(const std::vector<Stream>& streams, std::string_view subject,
                                  const Stream* except = nullptr);
  const Stream* find_stream(std::string_view subject, bool former) const;
  void remember();
  void refresh_soon(Time now, Duration pause);
  void settle_pause();
  void pause_longer();
  void ask(Time now);
  void ask_page(std::size_t pattern, std::int64_t offset, Time now);
  void answered(std::size_t pattern, std::int64_t offset, Result<json::object> answer);
  std::int64_t add_streams(const json::object& answer);
  std::int64_t add_missing(const json::object& answer, const std::string& pattern);
  void miss(std::string_view name, const std::string& pattern);
  void add(Stream stream);
  void finish(bool good);
  void forget_barriers();

  ApiClient& api_;
  const MirrorLimits& limits_;
  std::vector<std::string> patterns_;
  std::function<void()> told_;
  State state_ = State::kUnknown;
  bool asking_ = false, failed_ = false;
  bool many_ = false;                              // Subjects of streams: found_ is used.
  bool partial_ = false, coming_partial_ = false;  // There are more streams than are remembered.
  bool stale_ = false;    // Interest has changed since that was asked which is known:
  bool changed_ = false;  // and since it was asked last.
  std::size_t open_ = 0;  // Pages awaited.
  std::uint64_t generation_ = 0;
  bool for_change_ = false;  // That was why it was asked.
  Time asked_{}, told_at_{}, heard_at_{}, due_ = kNever;
  Time changed_at_{};    // Interest.
  Duration pause_{};     // From one question to the next while interest changes.
  Time patient_from_{};  // The link's begin, or when the hub last said that it cannot answer now.
  Duration silence_{};   // Of a hub that has never answered, over all links so far.
  std::vector<Stream> streams_, coming_;
  std::vector<Stream> former_;   // As they were before, the newest first.
  std::vector<Stream> missing_;  // Of those that are coming: streams that do not answer the hub.
  std::size_t coming_subjects_ = 0;  // Of all in `coming_`.
  // Of `streams_`, by subject; null: none. Many streams are not looked through for each message.
  mutable std::unordered_map<std::string, const Stream*, TokenHash, std::equal_to<>> found_;
  std::unordered_map<std::string, Route, TokenHash, std::equal_to<>> learned_;
};

}  // namespace petiole
