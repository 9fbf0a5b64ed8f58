// A connection's way through its layers: handshakes, decoding, start_tls.
#include <algorithm>
#include <asio/post.hpp>
#include <string>
#include <utility>

#include "platform/connection.h"

namespace petiole {

namespace {
// Offered to the protocol slice by slice, so that what inflates does so in bounded steps.
constexpr std::size_t kSliceBytes = 16 * 1024;
constexpr std::size_t kSealedBytesMax = 64 * 1024;
constexpr std::size_t kSealedBytesMaxSlow = 8 * 1024;
// A shared buffer that one large message has grown goes back to this size.
constexpr std::size_t kSharedBytesMax = 256 * 1024;
}  // namespace

void Connection::start_layers(std::vector<LayerStack::Entry> entries,
                              std::function<void(Stage)> reached, Network::Accept accept) {
  layered_ = std::make_unique<Layered>(core_, std::move(entries));
  layered_->reached = std::move(reached);
  layered_->accept = std::move(accept);
  layered_->sealed_bytes_max = limit_unsent_ ? kSealedBytesMaxSlow : kSealedBytesMax;
  layered_->sealed.append_all(output_);  // What was said before goes out as it is.
  limit_stage(layered_->stack.entry(0).timeout);
  std::string first;
  const Status status = layered_->stack.start(first);
  layered_->sealed.append(first);
  if (!status.ok()) return layer_failed(status);
  on_opened(0);
  mark();
}

void Connection::accept_through(std::vector<LayerStack::Entry> entries, Network::Accept accept) {
  enter();
  start_layers(std::move(entries), nullptr, std::move(accept));
  wait_readable();
}

void Connection::decode(std::string_view bytes) {
  if (layered_->stack.slow()) return hand_off(bytes);
  while (!bytes.empty() && state_ <= State::kOpen) {
    const std::string_view slice = bytes.substr(0, kSliceBytes);
    bytes.remove_prefix(slice.size());
    if (!decode_slice(slice)) break;
  }
  inflate();
}

bool Connection::decode_slice(std::string_view bytes) {
  std::string& plain = core_.plain;
  std::string& wire = core_.wire;
  plain.clear();
  wire.clear();
  const std::size_t opened = layered_->stack.opened();
  return decoded(layered_->stack.receive(bytes, plain, wire), opened);
}

// Nothing is read until the thread is done with these bytes, and the peer's time stands still.
void Connection::hand_off(std::string_view bytes) {
  const auto step = std::make_shared<HandshakeStep>();
  step->layer = &layered_->stack.lowest();
  step->input = bytes;
  step->time_left = stage_deadline_ == kNever ? Duration{} : stage_deadline_ - now();
  stage_deadline_ = kNever;
  layered_->step = step;
  // The connection must not be destroyed on that thread: what holds it moves on to the loop.
  auto hold = std::make_shared<std::shared_ptr<Connection>>(shared_from_this());
  core_.handshakes.run(step, [&io = core_.loop.io, hold = std::move(hold)] {
    asio::post(io, [self = std::move(*hold)] { self->handed_back(); });
  });
}

void Connection::handed_back() {
  if (!layered_ || !layered_->step) return;
  const std::shared_ptr<HandshakeStep> step = std::move(layered_->step);
  layered_->step = nullptr;
  if (state_ > State::kOpen) return;
  limit_stage(std::max(step->time_left, Duration{}));
  core_.plain.clear();
  core_.wire.clear();
  const std::size_t opened = layered_->stack.opened();
  decoded(layered_->stack.received(step->status, step->plain, step->wire, core_.plain, core_.wire),
          opened);
  mark();
  if (state_ <= State::kOpen) wait_readable();
}

// What the stack made of some bytes is in core_.plain and core_.wire.
bool Connection::decoded(Status status, std::size_t opened) {
  std::string& plain = core_.plain;
  layered_->sealed.append(core_.wire);
  const bool kept = layered_->stack.open() && opened == layered_->stack.opened();
  on_opened(opened);
  if (!plain.empty() && held_.empty()) {
    offer(plain);
  } else if (!plain.empty()) {
    held_.append(plain);
    offer(held_.view());
  } else if (kept && status.ok()) {
    // Of a record or a block that is not all there, or a layer's own affair. On a slow link a
    // minute may pass until it is, and the peer's time must not run out meanwhile.
    offer(held_.view());
  }
  if (plain.capacity() > kSharedBytesMax) std::string().swap(plain);
  if (!status.ok()) layer_failed(status);
  return status.ok();
}

// Tells of the layers that have opened since there were `from` of them open.
void Connection::on_opened(std::size_t from) {
  LayerStack& stack = layered_->stack;
  if (from == stack.opened()) return;
  stack.describe(peer_, from);
  for (std::size_t i = from; i < stack.opened(); ++i) {
    if (layered_->reached) layered_->reached(stack.entry(i).stage);
  }
  if (state_ > State::kOpen) return;
  if (!stack.open()) return limit_stage(stack.entry(stack.opened()).timeout);
  stage_deadline_ = kNever;
  layered_->reached = nullptr;
  if (state_ == State::kOpen) return receiving_ ? void() : offer({});  // start_tls is done.
  if (!protocol_) protocol_ = std::exchange(layered_->accept, nullptr)(peer_);
  if (!protocol_) return end({Errc::kPermission, Stage::kOpen, "refused"});
  state_ = State::kOpen;
  protocol_->opened(*this, now());
}

void Connection::layer_failed(Status status) {
  const bool handshake = securing();
  std::string text = layered_->stack.error();
  if (text.empty()) text = status.text();
  // A peer's orderly end is told by its layer: close_notify, a close frame. What it sent before is
  // offered first, as on a bare socket, whose end is not read while the protocol pauses.
  if (status.code() == Errc::kClosed && !handshake) {
    CloseReason reason{Errc::kClosed, Stage::kOpen, text.empty() ? "the peer closed" : text};
    const bool held = (paused_ || resuming_) && !held_.empty();
    const bool waits = state_ == State::kOpen && (held || inflating());
    return waits ? void(layered_->peer_end = std::move(reason)) : end(std::move(reason));
  }
  end({status.code(), stage(), std::move(text)});
}

Status Connection::start_tls(const TlsOptions& options) {
  if (layered_ || state_ != State::kOpen) return {Errc::kUnsupported, "TLS on top of a layer"};
  LayerResult made = core_.layers.tls(options);
  if (!made.layer) {
    end({made.status.code(), Stage::kTls, std::move(made.error)});
    return made.status;
  }
  std::vector<LayerStack::Entry> entries;
  entries.push_back({std::move(made.layer), Stage::kTls, options.timeout});
  start_layers(std::move(entries), nullptr);
  if (!receiving_ && !held_.empty()) begin_layer(held_.view());
  return {};
}

// `rest` came behind the last operation without the new layer: the first bytes for that.
void Connection::begin_layer(std::string_view rest) {
  const std::string bytes(rest);
  held_.keep({});
  if (layers() == 1) return decode(bytes);
  core_.plain.clear();
  core_.wire.clear();
  const std::size_t opened = layered_->stack.opened();
  if (decoded(layered_->stack.receive_top(bytes, core_.plain, core_.wire), opened)) inflate();
}

}  // namespace petiole
