// The life of a connection: opening, turns, deadlines, the ways to end.
#include "platform/connection.h"

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

namespace petiole {

namespace {
constexpr Duration kFlushTime = std::chrono::seconds(5);   // For a peer to take our last bytes.
constexpr Duration kLingerTime = std::chrono::seconds(1);  // For it to close after that.
}  // namespace

Connection::Connection(NetworkCore& core, Socket socket, std::unique_ptr<Protocol> protocol,
                       PeerInfo peer, bool limit_unsent)
    : Deadline(core.loop.deadlines),
      core_(core),
      socket_(std::move(socket)),
      protocol_(std::move(protocol)),
      output_(core.chunks),
      peer_(std::move(peer)),
      limit_unsent_(limit_unsent) {}

void Connection::enter() { set_place(core_.open.add(shared_from_this())); }

void Connection::open() {
  enter();
  state_ = State::kOpen;
  protocol_->opened(*this, now());
  mark();
  wait_readable();
}

void Connection::open_through(std::vector<LayerStack::Entry> entries,
                              std::function<void(Stage)> reached) {
  enter();
  start_layers(std::move(entries), std::move(reached));
  wait_readable();
}

void Connection::mark() {
  if (listed_ || state_ >= State::kLingering) return;
  listed_ = true;
  core_.loop.flush_list.add(shared_from_this());
}

// The end of a turn in which anything happened here.
void Connection::flush() {
  listed_ = false;
  if (state_ >= State::kLingering) return;
  write_out();
  tell_drained();
  if (state_ == State::kFlushing && all_sent()) end_stream();
  // In kFlushing nothing is read: the peer's bytes are thrown away later, in kLingering.
  if (state_ <= State::kOpen) wait_readable();
  watch_deadline();
}

// A deadline that moved back is left where it is: when it comes, nothing is due and the new one is
// set. So a session may move its deadline with every message.
void Connection::watch_deadline() {
  if (state_ == State::kFinished) return;
  Time next = stage_deadline_;
  if (state_ == State::kOpen) next = std::min(next, protocol_->deadline());
  if (next < due_at()) arm(next);
}

void Connection::due(Time now) {
  const auto hold = shared_from_this();
  if (stage_deadline_ <= now) {
    stage_timed_out();
  } else if (state_ == State::kOpen && protocol_->deadline() <= now) {
    if (limit_unsent_) note_acknowledged();
    const Status status = protocol_->tick(now);
    if (!status.ok()) close(status);
    mark();
  }
  watch_deadline();
}

void Connection::stage_timed_out() {
  stage_deadline_ = kNever;
  if (state_ == State::kOpening || securing()) {
    return finish({Errc::kTimeout, stage(), "no answer in time"});
  }
  if (state_ == State::kFlushing) set_reset_on_close(socket_);  // It takes no bytes.
  finish({});
}

Stage Connection::stage() const {
  return securing() ? layered_->stack.entry(layered_->stack.opened()).stage : Stage::kOpen;
}

void Connection::close(Status why) { end({why.code(), stage(), std::string(why.text())}); }

void Connection::abort(Status why) {
  if (state_ == State::kFinished) return;
  set_reset_on_close(socket_);
  finish({why.code(), stage(), std::string(why.text())});
}

void Connection::end(CloseReason reason) {
  if (state_ >= State::kFlushing) return;
  reason_ = std::make_unique<CloseReason>(std::move(reason));
  state_ = State::kFlushing;
  if (!receiving_) held_.keep({});  // Inside receive() the protocol may still look at it.
  limit_stage(kFlushTime);
  mark();
}

// Our end of the stream goes out, but the socket stays for a moment and reads what still comes: a
// socket that is closed with bytes unread sends a reset, which may take the last -ERR with it.
void Connection::end_stream() {
  std::error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  if (error || peer_ended_) return finish({});
  state_ = State::kLingering;
  limit_stage(kLingerTime);
  if (!std::exchange(telling_, true)) {
    asio::post(core_.loop.io, [self = shared_from_this()] { self->tell_closed(); });
  }
  wait_readable();
}

void Connection::finish(CloseReason reason) {
  if (state_ == State::kFinished) return;
  state_ = State::kFinished;
  if (!reason_) reason_ = std::make_unique<CloseReason>(std::move(reason));
  std::error_code ignored;
  socket_.close(ignored);
  disarm();
  output_.clear();
  if (layered_) layered_->sealed.clear();
  if (handed_off()) layered_->step->abandoned = true;
  if (!receiving_) held_.keep({});
  blocked_since_ = kNever;
  if (!protocol_) return leave();
  if (std::exchange(telling_, true)) return;
  asio::post(core_.loop.io, [self = shared_from_this()] { self->tell_closed(); });
}

void Connection::tell_closed() {
  if (!protocol_) return;
  protocol_->closed(*reason_, now());
  protocol_.reset();
  if (state_ == State::kFinished) leave();
}

void Connection::leave() { core_.open.remove(place_); }

void Connection::drop() {
  state_ = State::kFinished;
  std::error_code ignored;
  socket_.close(ignored);
  disarm();
  if (!handed_off()) layered_.reset();
  protocol_.reset();
}

std::size_t ConnectionRegister::add(std::shared_ptr<Connection> connection) {
  connections_.push_back(std::move(connection));
  return connections_.size() - 1;
}

// The last one takes the free place.
void ConnectionRegister::remove(std::size_t place) {
  const std::shared_ptr<Connection> hold = std::move(connections_[place]);
  if (place + 1 != connections_.size()) {
    connections_[place] = std::move(connections_.back());
    connections_[place]->set_place(place);
  }
  connections_.pop_back();
}

}  // namespace petiole
