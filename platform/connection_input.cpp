// From the socket to the protocol. Whole operations are read where they lie; a torn one is kept.
#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <chrono>
#include <cstring>
#include <utility>

#include "platform/connection.h"

namespace petiole {

namespace {
// Then it is the others' turn: a fast peer must not make one with a short question wait.
constexpr int kReadsPerTurn = 4;

// What one connection may read in a turn.
struct ReadShare {
  Duration time{};             // With what it makes us do.
  std::uint8_t shift_max = 0;  // One read is at least so many halvings of kReadBytes.
};
constexpr ReadShare kShare{std::chrono::microseconds(100), 3};
// Where another peer asks short questions: one that comes meanwhile waits for the end of this.
constexpr ReadShare kShareWhileAsked{std::chrono::microseconds(40), 4};
constexpr std::size_t kQuestionBytes = 1024;                   // Less in one turn is a question,
constexpr Duration kAskedFor = std::chrono::milliseconds(20);  // and so long another is expected.

// Held without the protocol saying what it wants: longer than the longest line of a leaf (64 KiB).
constexpr std::size_t kUnknownBytesMax = 256 * 1024;
// A peer whose pings or new keys make a layer answer, and which reads none of it, is not heard
// above this. What the protocol writes stays well below: see seal().
constexpr std::size_t kAnswersBytesMax = 256 * 1024;
constexpr std::size_t kLingerBytesMax = 8 << 20;  // Read and thrown away after our end.
}  // namespace

void Connection::wait_readable() {
  if (read_waiting_ || peer_ended_ || handed_off() || state_ == State::kFinished) return;
  if (inflating() && state_ == State::kOpen) return;
  if (paused_ && state_ == State::kOpen && !securing()) return;
  if (layered_ && write_waiting_ && layered_->sealed.size() > kAnswersBytesMax) return;
  read_waiting_ = true;
  socket_.async_wait(Socket::wait_read, ReadWait{shared_from_this()});
}

void Connection::on_readable(std::error_code error) {
  read_waiting_ = false;
  if (state_ == State::kFinished) return;
  if (error) return on_read_error(error);
  if (state_ == State::kLingering) return linger();
  read_share();
  mark();  // flush() waits for more: once a turn, or a fast peer would have all of it.
}

void Connection::read_share() {
  LoopCore& loop = core_.loop;
  const Time begin = now();
  const bool asked = loop.askers.other_than(this, begin - kAskedFor);
  // What one of this turn has caused does not wait for what we have.
  if (asked && std::exchange(loop.question, false)) loop.flush_list.flush();
  const ReadShare& share = asked ? kShareWhileAsked : kShare;
  const std::uint64_t before = stats_.bytes_read;
  Duration took{}, next{};
  int reads = 0;
  for (bool more = true;
       more && reads < kReadsPerTurn && state_ <= State::kOpen && took + next <= share.time;
       ++reads) {
    if ((paused_ && !securing()) || handed_off() || inflating()) break;
    more = read_once();
    took = now() - begin;  // Of a short read too: it may have been the dear one.
    if (asked) next = took / (reads + 1);
  }
  const std::uint64_t bytes = stats_.bytes_read - before;
  if (bytes != 0 && bytes < kQuestionBytes) {
    loop.askers.note(this, begin);
    loop.question = true;
  }
  // What costs much a byte, as messages that go to disk do, is read in smaller pieces.
  if (took > share.time && read_shift_ < share.shift_max) ++read_shift_;
  const bool cheap = took < share.time / 4 * reads && bytes != 0;
  if ((cheap || read_shift_ > share.shift_max) && read_shift_ > 0) --read_shift_;
}

// False when nothing more is to be had now.
bool Connection::read_once() {
  std::size_t front = 0;
  const std::span<char> room = read_room(front);
  std::error_code error;
  const std::size_t bytes = socket_.read_some(asio::buffer(room.data(), room.size()), error);
  if (error == asio::error::would_block || error == asio::error::interrupted) return false;
  if (error) return on_read_error(error), false;
  stats_.bytes_read += bytes;
  if (layered_) {
    decode({room.data(), bytes});
  } else if (room.data() == core_.loop.scratch.data() + front) {
    offer({core_.loop.scratch.data(), front + bytes});
  } else {
    held_.added(bytes);
    offer(held_.view());
  }
  return bytes == room.size();
}

// Where the next read goes: behind the `front` bytes of a torn operation that were copied to the
// front of the scratch, or, when a large operation is coming, straight to where it is held.
std::span<char> Connection::read_room(std::size_t& front) {
  std::span<char> scratch(core_.loop.scratch);
  const std::size_t read_bytes = kReadBytes >> read_shift_;
  if (layered_ || held_.empty()) return scratch.first(read_bytes);
  const std::size_t wanted = protocol_->wanted();
  if (held_.size() <= kFrontBytes && wanted <= scratch.size()) {
    front = held_.size();
    std::memcpy(scratch.data(), held_.view().data(), front);
    const std::size_t missing = wanted - std::min(wanted, front);
    return scratch.subspan(front, std::max(read_bytes, std::min(missing, kReadBytes)));
  }
  if (wanted > held_.size()) return held_.room(wanted);
  return held_.room(held_.size() + kReadBytes);
}

void Connection::on_read_error(std::error_code error) {
  if (error == asio::error::operation_aborted) return;
  peer_ended_ = true;
  if (error == asio::error::eof) {
    const bool open = state_ == State::kOpen && !securing();
    // What is in the output may still be wanted: `printf 'PING\r\n' | nc -N` ends its side first.
    if (open) return end({Errc::kClosed, Stage::kOpen, words(error)});
    return finish({Errc::kClosed, stage(), words(error)});
  }
  finish({Errc::kNetwork, stage(), words(error)});
}

void Connection::linger() {
  std::error_code error;
  std::span<char> scratch(core_.loop.scratch);
  const std::size_t bytes = socket_.read_some(asio::buffer(scratch.data(), scratch.size()), error);
  linger_bytes_ += static_cast<std::uint32_t>(bytes);
  if (error == asio::error::would_block) error.clear();
  if (error || linger_bytes_ > kLingerBytesMax) return finish({});
  wait_readable();
}

// Offers `input`, which is all that is held and what has come behind it, and keeps the rest.
void Connection::offer(std::string_view input) {
  if (state_ != State::kOpen || paused_) return held_.keep(input);
  const std::size_t layers_before = layers();
  receiving_ = true;
  const Result<std::size_t> used = protocol_->receive(input, now());
  receiving_ = false;
  if (!used.ok()) close(used.status());
  if (state_ != State::kOpen) return held_.keep({});
  input.remove_prefix(*used);
  if (layers() > layers_before) return begin_layer(input);
  held_.keep(input);
  if (held_.size() >= kUnknownBytesMax && protocol_->wanted() <= held_.size() && !paused_) {
    close({Errc::kTooLarge, "an operation without an end"});
  }
}

void Connection::resume_reading() {
  if (!paused_) return;
  paused_ = false;
  if (std::exchange(resuming_, true)) return;
  asio::post(core_.loop.io, [self = shared_from_this()] { self->offer_again(); });
}

void Connection::offer_again() {
  resuming_ = false;
  if (state_ != State::kOpen || paused_) return;
  if (!held_.empty() && !securing()) offer(held_.view());
  inflate();  // And the peer's end, if that has come.
  mark();
  wait_readable();
}

}  // namespace petiole
