// A captured message in memory, and the ring that holds those of a rule in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/mirror/stream_floors.h"
#include "agent/protocol/mirror_mark.h"
#include "agent/routing/message.h"
#include "platform/time.h"
#include "storage/log.h"

namespace petiole {

// How the hub's confirmation of a message is recognised.
enum class Route : std::uint8_t {
  kUnknown,  // Not known yet: wait.
  kPuback,   // A stream answers.
  kBarrier,  // The PONG behind it.
  kProbe,    // Sent as if for a stream; if no PubAck comes a while after the PONG, it is plain.
  kReprobe,  // The same where none came before: the while is short.
};

struct Entry {
  enum class State : std::uint8_t {
    kQueued,     // To be sent.
    kSent,       // May be at the hub.
    kConfirmed,  // Is at the hub.
    kGone,       // Given up, and counted.
    kParked,     // Nobody upstream wants it for now; stays in the log.
  };

  std::uint64_t order = 0;  // Counts up in the window by one.
  Sequence sequence = 0;    // 0: in memory only.
  Sequence after = 0;       // The newest record of the log before this one.
  WallTime time{};
  Time sent{};
  std::uint64_t barrier = 0;     // The first one asked for after it was sent; 0: it passed.
  std::uint64_t stream_seq = 0;  // Of the PubAck,
  StreamFloors::Place stream;    // and the stream.
  std::uint32_t subject_bytes = 0, header_bytes = 0;
  std::uint32_t more_bytes = 0;  // That its record takes beside the text.
  State state = State::kQueued;
  Route route = Route::kUnknown;
  bool own_id = false;   // The header has a Nats-Msg-Id,
  bool made = false;     // and it is one that we gave it ourselves while it was in memory.
  bool maybe = false;    // Queued again, and the hub may have it all the same.
  bool doubted = false;  // It was `maybe` before: a refusal now says nothing of the copy sent then.
  bool missed = false;   // While it was on its way nobody there wanted it: its PONG says nothing.
  bool forgotten = false;  // In memory only, and no longer counted there.
  bool claimed = false;    // About to be sent, once removal `behind` is on disk: not given up now.
  std::uint64_t behind = 0;
  bool again = false;    // Sent, and perhaps not for the first time.
  bool strange = false;  // Never sent before, and in a group of which the hub had some.
  // In its flight nobody may have wanted it: where it goes again it is behind others.
  bool late = false;
  MirrorMark mark{};  // Of the leaf behind us that it came from.
  // That it was sent with from memory, under a publisher's id: on disk it keeps it.
  MirrorMark sent_as{};
  std::string text;  // Subject, header, payload.
  // Of a captured request, for as long as it waits in memory: who asks is not there for longer.
  std::unique_ptr<std::string> reply;
  // What the hub said when it was sent again: from then on it goes as a question (Sender::asks).
  std::unique_ptr<std::string> refusal;

  std::string_view subject() const { return std::string_view(text).substr(0, subject_bytes); }
  std::string_view header() const {
    return std::string_view(text).substr(subject_bytes, header_bytes);
  }
  std::string_view payload() const {
    return std::string_view(text).substr(subject_bytes + header_bytes);
  }
  std::uint64_t bytes() const { return text.size() + more_bytes; }
  // Sent, or its fate comes first: not ours to give up.
  bool pinned() const {
    return state == State::kSent || (state == State::kConfirmed && sequence != 0) ||
           (state == State::kQueued && (maybe || claimed));
  }
  RecordView record() const { return {0, time, subject(), header(), payload()}; }
  std::string_view reply_subject() const { return reply ? *reply : std::string_view(); }
  void set_reply(std::string_view subject) {
    if (!subject.empty()) reply = std::make_unique<std::string>(subject);
  }
  void set(std::string_view new_subject, std::string_view new_header, std::string_view new_payload);
};

// A queue whose slots are used again and again, and the buffers of their texts, up to a MiB.
class EntryRing {
 public:
  static constexpr std::size_t kSpareBytesMax = 1 << 20;

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::size_t bytes() const { return bytes_; }

  Entry& operator[](std::size_t index) { return slots_[(head_ + index) & (slots_.size() - 1)]; }
  const Entry& operator[](std::size_t index) const {
    return slots_[(head_ + index) & (slots_.size() - 1)];
  }
  Entry& front() { return (*this)[0]; }
  const Entry& front() const { return (*this)[0]; }
  Entry& back() { return (*this)[size_ - 1]; }
  const Entry& back() const { return (*this)[size_ - 1]; }

  // Makes room at the end for a fresh entry with this text.
  Entry& push(std::string_view subject, std::string_view header, std::string_view payload);
  // Moves the first entry of `other` to the end of this ring.
  Entry& push_from(EntryRing& other);
  void pop_front();
  void pop_back();
  void clear();  // And gives its memory back.
  bool has_memory() const { return !slots_.empty() || !spares_.empty(); }
  std::size_t spare_bytes() const { return spare_bytes_; }
  // Replaces the header of one entry.
  void rewrite_header(std::size_t index, std::string_view header);
  // The first index from which on no entry has a sequence below `sequence`. Those in memory only
  // are at the end, or decided.
  std::size_t lower_bound(Sequence sequence) const;

 private:
  Entry& slot();
  std::string take_spare();
  void keep_spare(std::string text);

  std::vector<Entry> slots_;
  std::vector<std::string> spares_;  // Of entries that are gone; the last is used first.
  std::size_t spare_bytes_ = 0;
  std::size_t head_ = 0, size_ = 0, bytes_ = 0;
};

}  // namespace petiole
