// Compression on a connection: a layer that comes in mid-stream, and whose few bytes can stand for
// many. Those come out in steps, between which the loop and a protocol that pauses have their say.
#include <asio/post.hpp>
#include <utility>

#include "platform/connection.h"

namespace petiole {

namespace {
constexpr int kStepsPerTurn = 2;
}  // namespace

Status Connection::compress(const CompressionOptions& options) {
  if (state_ != State::kOpen || securing()) {
    return {Errc::kUnsupported, "compression on a wire that is not open"};
  }
  if (layered_ && layered_->compression) return layered_->compression->adjust(options), Status();
  LayerResult made = core_.layers.compression(options);
  if (!made.layer) return made.status;
  Layer* const layer = made.layer.get();
  LayerStack::Entry entry{std::move(made.layer), Stage::kOpen, {}};
  if (!layered_) {
    std::vector<LayerStack::Entry> entries;
    entries.push_back(std::move(entry));
    start_layers(std::move(entries), nullptr);
  } else {
    seal_all();  // What was said before goes out as it is.
    if (state_ != State::kOpen) return {Errc::kUnsupported, "the wire is closing"};
    core_.wire.clear();
    const Status status = layered_->stack.push(std::move(entry), core_.wire);
    if (!status.ok()) return status;
    layered_->sealed.append(core_.wire);
  }
  layered_->compression = layer;
  mark();
  return {};
}

// What is left in the top layer, step by step, and the peer's end behind it. Until then nothing
// more is read.
void Connection::inflate() {
  for (int i = 0; inflating() && !paused_ && state_ == State::kOpen; ++i) {
    if (i == kStepsPerTurn) return inflate_later();
    core_.plain.clear();
    core_.wire.clear();
    const std::size_t opened = layered_->stack.opened();
    if (!decoded(layered_->stack.receive_top({}, core_.plain, core_.wire), opened)) return;
  }
  if (state_ != State::kOpen || paused_ || resuming_ || inflating() || !layered_) return;
  if (layered_->peer_end) end(std::move(*layered_->peer_end));
}

void Connection::inflate_later() {
  if (std::exchange(inflating_later_, true)) return;
  const auto go_on = [self = shared_from_this()] {
    self->inflating_later_ = false;
    self->inflate();
    self->mark();
    if (self->state_ == State::kOpen) self->wait_readable();
  };
  // Not before the others' turn: what is posted now would still run in this one, and so again.
  core_.loop.turn_end.emplace_back([&io = core_.loop.io, go_on] { asio::post(io, go_on); });
}

}  // namespace petiole
