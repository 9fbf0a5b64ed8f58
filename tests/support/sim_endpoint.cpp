#include "tests/support/sim_endpoint.h"

#include <algorithm>
#include <array>

namespace petiole::test {

namespace {

constexpr std::size_t kSegmentBytes = 1460;
constexpr Duration kFlushLimit = std::chrono::seconds(5);

std::string take_front(Output& output, std::size_t bytes) {
  std::string text;
  std::array<std::string_view, 8> pieces;
  while (text.size() < bytes) {
    const std::size_t before = text.size();
    const std::size_t count = output.gather(pieces);
    for (std::size_t i = 0; i < count && text.size() < bytes; ++i) {
      text.append(pieces[i].substr(0, bytes - text.size()));
    }
    output.consume(text.size() - before);
  }
  return text;
}

}  // namespace

SimEndpoint::SimEndpoint(SimNetwork& network, std::string host, std::string peer_host,
                         std::unique_ptr<Protocol> protocol, PeerInfo peer)
    : network_(network),
      host_(std::move(host)),
      peer_host_(std::move(peer_host)),
      protocol_(std::move(protocol)),
      peer_(std::move(peer)),
      output_(network.chunks_),
      timer_(network.loop_.make_timer([this] { due(); })),
      limit_(network.loop_.make_timer([this] {
        if (state_ == State::kFlushing) return finish(reason_);
        if (securing_) finish({Errc::kTls, Stage::kTls, "TLS handshake timed out"});
      })) {}

void SimEndpoint::open() {
  if (state_ != State::kOpening) return;
  state_ = State::kOpen;
  protocol_->opened(*this, network_.loop_.clock().now());
  watch();
  offer();
}

void SimEndpoint::finish(CloseReason reason) {
  if (state_ == State::kFinished) return;
  state_ = State::kFinished;
  timer_->cancel();
  limit_->cancel();
  network_.loop_.post([self = shared_from_this(), reason = std::move(reason)] {
    if (self->protocol_) self->protocol_->closed(reason, self->network_.loop_.clock().now());
    self->protocol_.reset();
    self->output_.clear();
  });
}

void SimEndpoint::drop() {
  state_ = State::kFinished;
  timer_->cancel();
  limit_->cancel();
  protocol_.reset();
  output_.clear();
}

void SimEndpoint::wake() {
  if (flush_planned_ || !is_open()) return;
  flush_planned_ = true;
  network_.loop_.at_turn_end([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->flush_planned_ = false;
    if (!self->is_open()) return;
    self->flush();
    self->watch();
  });
}

std::size_t SimEndpoint::sendable() const {
  const std::size_t buffer = network_.send_buffer_bytes;
  const std::size_t room = buffer > in_flight_ ? buffer - in_flight_ : 0;
  return std::min(room, securing_ ? clear_bytes_ : output_.size());
}

void SimEndpoint::flush() {
  const std::size_t bytes = sendable();
  if (bytes != 0) {
    clear_bytes_ -= std::min(clear_bytes_, bytes);
    blocked_since_ = kNever;
    send(bytes);
  }
  if (output_.empty()) {
    blocked_since_ = kNever;
  } else if (blocked_since_ == kNever) {
    blocked_since_ = network_.loop_.clock().now();
  }
  drain_notice();
  if (state_ == State::kFlushing && output_.empty()) end_stream();
}

void SimEndpoint::send(std::size_t bytes) {
  const bool ragged = network_.path(host_, peer_host_).ragged;
  stats_.bytes_written += bytes;
  in_flight_ += bytes;
  while (bytes != 0) {
    std::size_t size = std::min(bytes, kSegmentBytes);
    if (ragged) size = 1 + network_.random(size);
    bytes -= size;
    network_.carry(host_, peer_host_, size, order_,
                   [weak = other_, text = take_front(output_, size)]() mutable {
                     if (const auto other = weak.lock()) other->arrived(std::move(text));
                   });
  }
}

void SimEndpoint::arrived(std::string bytes) {
  if (state_ == State::kFinished) return;
  SimNetwork::Way& way = network_.way(peer_host_, host_);
  const bool cut = way.cut != 0 && way.cut <= bytes.size();
  if (cut) bytes.resize(way.cut);
  way.cut -= std::min(way.cut, bytes.size());
  stats_.bytes_read += bytes.size();
  network_.stats_.bytes += bytes.size();
  held_ += bytes;
  paused_ || securing_ ? void(unacknowledged_ += bytes.size()) : acknowledge(bytes.size());
  offer();
  if (!cut) return;
  ++network_.stats_.resets;
  const CloseReason reset{Errc::kNetwork, Stage::kOpen, "connection reset"};
  if (const auto other = other_.lock()) other->finish(reset);
  finish(reset);
}

void SimEndpoint::acknowledge(std::size_t bytes) {
  Time unordered{};
  network_.carry(host_, peer_host_, 0, unordered, [weak = other_, bytes] {
    if (const auto other = weak.lock()) other->acknowledged(bytes);
  });
}

void SimEndpoint::acknowledged(std::size_t bytes) {
  in_flight_ -= std::min(in_flight_, bytes);
  if (is_open()) flush();
}

// As a connection does: whole operations are taken, what is torn is offered again with more.
void SimEndpoint::offer() {
  if (offering_) return;
  offering_ = true;
  while (state_ == State::kOpen && !paused_ && !securing_ && !held_.empty()) {
    const Result<std::size_t> used = protocol_->receive(held_, network_.loop_.clock().now());
    if (!used.ok()) {
      told(used.status());
      break;
    }
    held_.erase(0, *used);
    if (*used == 0) break;
  }
  offering_ = false;
  wake();
}

void SimEndpoint::told(Status status) {
  if (!status.ok()) close(status);
}

void SimEndpoint::watch() {
  if (state_ != State::kOpen) return;
  const Time deadline = protocol_->deadline();
  deadline == kNever ? timer_->cancel() : timer_->arm(deadline);
}

void SimEndpoint::due() {
  if (state_ != State::kOpen) return;
  const Time now = network_.loop_.clock().now();
  if (now >= protocol_->deadline()) told(protocol_->tick(now));
  wake();
  watch();
}

void SimEndpoint::close(Status why) {
  if (state_ != State::kOpen) return;
  state_ = State::kFlushing;
  timer_->cancel();
  reason_ = {why.code(), Stage::kOpen, std::string(why.text())};
  limit_->arm(network_.loop_.clock().now() + kFlushLimit);
  flush_planned_ = false;
  wake();
}

// All is in the send buffer: the end of the stream follows it.
void SimEndpoint::end_stream() {
  if (std::exchange(ended_, true)) return;
  network_.carry(host_, peer_host_, 0, order_, [weak = other_] {
    const CloseReason ended{Errc::kClosed, Stage::kOpen, "closed by the peer"};
    if (const auto other = weak.lock()) other->peer_ended(ended);
  });
  finish(reason_);
}

void SimEndpoint::abort(Status why) {
  if (!is_open()) return;
  network_.carry(host_, peer_host_, 0, order_, [weak = other_] {
    const CloseReason reset{Errc::kNetwork, Stage::kOpen, "connection reset"};
    if (const auto other = weak.lock()) other->peer_ended(reset);
  });
  finish({why.code(), Stage::kOpen, std::string(why.text())});
}

void SimEndpoint::peer_ended(CloseReason reason) { finish(std::move(reason)); }

void SimEndpoint::resume_reading() {
  if (!std::exchange(paused_, false)) return;
  acknowledge(std::exchange(unacknowledged_, 0));
  network_.loop_.post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->offer();
  });
}

void SimEndpoint::notify_below(std::size_t bytes) {
  notify_ = bytes;
  wake();
}

void SimEndpoint::drain_notice() {
  if (notify_ == 0 || output_.size() >= notify_) return;
  notify_ = 0;
  network_.loop_.post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->state_ != State::kOpen) return;
    self->protocol_->drained(self->network_.loop_.clock().now());
    self->wake();
  });
}

Status SimEndpoint::start_tls(const TlsOptions& options) {
  securing_ = true;
  clear_bytes_ = output_.size();
  limit_->arm(network_.loop_.clock().now() + options.timeout);
  wake();
  const auto other = other_.lock();
  if (!other || !other->securing_) return {};
  const Time done = network_.loop_.clock().now() + 2 * network_.round_trip(host_, peer_host_);
  for (const auto& end : {shared_from_this(), other}) {
    network_.loop_.at(done, [weak = std::weak_ptr(end)] {
      if (const auto self = weak.lock()) self->secured();
    });
  }
  return {};
}

void SimEndpoint::secured() {
  if (!is_open()) return;
  securing_ = false;
  clear_bytes_ = 0;
  if (state_ == State::kOpen) limit_->cancel();
  peer_.tls_version = "TLSv1.3";
  peer_.tls_cipher = "TLS_AES_128_GCM_SHA256";
  acknowledge(std::exchange(unacknowledged_, 0));
  offer();
}

}  // namespace petiole::test
