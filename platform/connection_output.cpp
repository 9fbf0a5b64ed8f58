// From the protocol to the socket: one writev a turn; the rest when the socket takes it.
#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <span>
#include <utility>

#include "platform/connection.h"

namespace petiole {

namespace {
constexpr std::size_t kPiecesPerWrite = 64;  // Asio passes at most 64 to writev.
constexpr int kWritesPerTurn = 4;
constexpr std::size_t kSealBytes = 16 * 1024;  // A TLS record.
constexpr int kReadsAfterWriteError = 4;
}  // namespace

void Connection::write_out() {
  if (write_waiting_) return;
  for (int i = 0; i < kWritesPerTurn; ++i) {
    seal();
    Output& from = layered_ ? layered_->sealed : output_;
    if (state_ == State::kFinished) return;
    if (from.empty()) {
      blocked_since_ = kNever;
      return;
    }
    if (!write_once(from)) return;
  }
  mark();  // More than is fair: the next turn goes on.
}

// True when the socket took all of one writev.
bool Connection::write_once(Output& from) {
  if (limit_unsent_ && !takes_more(socket_)) {
    if (blocked_since_ == kNever) note_blocked();
    wait_writable();
    return false;
  }
  std::size_t offered = 0;
  std::error_code error;
  const std::size_t written = write_some(from, offered, error);
  if (error && error != asio::error::would_block) return write_failed(error), false;
  from.consume(written);
  stats_.bytes_written += written;
  const bool blocked = blocked_since_ != kNever;
  if (written == offered && !blocked) return true;
  if (written != 0 || !blocked) note_blocked();
  if (written == offered) return true;
  wait_writable();
  return false;
}

Connection::AckMark Connection::ack_mark(const Acknowledged& known) const {
  return {stats_.bytes_written - known.unacknowledged, known.out_of_order};
}

void Connection::note_blocked() {
  blocked_since_ = now();
  const auto known = limit_unsent_ ? acknowledged(socket_) : std::nullopt;
  if (known) acked_ = ack_mark(*known);
}

// After losses on a slow way the kernel may take nothing for long while what it has gets through.
void Connection::note_acknowledged() {
  const auto known = blocked_since_ != kNever ? acknowledged(socket_) : std::nullopt;
  if (!known || std::exchange(acked_, ack_mark(*known)) == ack_mark(*known)) return;
  blocked_since_ = std::max(blocked_since_, now() - known->ago);
}

std::size_t Connection::write_some(const Output& from, std::size_t& offered,
                                   std::error_code& error) {
  std::array<std::string_view, 1> first;
  from.gather(first);
  offered = first[0].size();
  // One piece goes by send(), which costs the kernel less than sendmsg().
  if (offered == from.size()) return socket_.write_some(asio::buffer(first[0]), error);
  std::array<std::string_view, kPiecesPerWrite> pieces;
  std::array<asio::const_buffer, kPiecesPerWrite> buffers;
  const std::size_t count = from.gather(pieces);
  offered = 0;
  for (std::size_t i = 0; i < count; ++i) {
    buffers[i] = asio::buffer(pieces[i]);
    offered += pieces[i].size();
  }
  return socket_.write_some(std::span<const asio::const_buffer>(buffers.data(), count), error);
}

// Encodes what the protocol wrote, but never far ahead of the socket.
void Connection::seal() {
  if (!layered_ || !layered_->stack.open() || layered_->shut_down) return;
  if (layered_->peer_end) output_.clear();  // Nobody reads it any more.
  while (layered_->sealed.size() < layered_->sealed_bytes_max && seal_piece()) continue;
  if (state_ != State::kFlushing || !output_.empty()) return;
  layered_->shut_down = true;
  core_.wire.clear();
  layered_->stack.shut_down(*reason_, core_.wire);
  layered_->sealed.append(core_.wire);
}

void Connection::seal_all() {
  while (seal_piece()) continue;
}

// False: nothing is left, or that was the end of the connection.
bool Connection::seal_piece() {
  std::array<std::string_view, 1> piece;
  if (output_.gather(piece) == 0) return false;
  const std::string_view bytes = piece[0].substr(0, kSealBytes);
  core_.wire.clear();
  const Status status = layered_->stack.send(bytes, core_.wire);
  if (!status.ok()) {
    finish({status.code(), Stage::kOpen, layered_->stack.error()});
    return false;
  }
  output_.consume(bytes.size());
  layered_->sealed.append(core_.wire);
  return true;
}

void Connection::wait_writable() {
  write_waiting_ = true;
  socket_.async_wait(Socket::wait_write, [self = shared_from_this()](std::error_code error) {
    self->on_writable(error);
  });
}

void Connection::on_writable(std::error_code error) {
  write_waiting_ = false;
  if (error && state_ < State::kLingering) return write_failed(error);
  mark();
}

// A peer that says why and closes may be cut off while we still write: what it said is waiting.
void Connection::write_failed(std::error_code error) {
  output_.clear();
  if (layered_) layered_->sealed.clear();
  for (int i = 0; i < kReadsAfterWriteError && state_ <= State::kOpen && !paused_; ++i) {
    if (handed_off() || !read_once()) break;
  }
  finish({Errc::kNetwork, stage(), words(error)});
}

std::size_t Connection::unsent() const {
  return output_.size() + (layered_ ? layered_->sealed.size() : 0);
}

// Without open layers there is no way out for the rest of the output.
bool Connection::all_sent() const { return securing() ? layered_->sealed.empty() : unsent() == 0; }

void Connection::tell_drained() {
  if (state_ != State::kOpen || notify_below_ == 0 || unsent() >= notify_below_) return;
  notify_below_ = 0;
  protocol_->drained(now());
}

void Connection::notify_below(std::size_t bytes) {
  notify_below_ = bytes;
  mark();  // It may be below already: then it is told at the end of this turn.
}

}  // namespace petiole
