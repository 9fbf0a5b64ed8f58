// A connection's way through its layers: handshakes, decoding, start_tls.
#include <algorithm>
#include <string>

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
                              std::function<void(Stage)> reached) {
  layered_ = std::make_unique<Layered>(core_, std::move(entries));
  layered_->reached = std::move(reached);
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

void Connection::decode(std::string_view bytes) {
  while (!bytes.empty() && state_ <= State::kOpen) {
    const std::string_view slice = bytes.substr(0, kSliceBytes);
    bytes.remove_prefix(slice.size());
    if (!decode_slice(slice)) return;
  }
}

bool Connection::decode_slice(std::string_view bytes) {
  std::string& plain = core_.plain;
  std::string& wire = core_.wire;
  plain.clear();
  wire.clear();
  const std::size_t opened = layered_->stack.opened();
  const Status status = layered_->stack.receive(bytes, plain, wire);
  layered_->sealed.append(wire);
  on_opened(opened);
  if (!plain.empty() && held_.empty()) {
    offer(plain);
  } else if (!plain.empty()) {
    held_.append(plain);
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
  state_ = State::kOpen;
  protocol_->opened(*this, now());
}

void Connection::layer_failed(Status status) {
  const bool handshake = securing();
  std::string text = layered_->stack.error();
  if (text.empty()) text = status.text();
  // A peer's orderly end is told by its layer: close_notify, a close frame.
  if (status.code() == Errc::kClosed && !handshake) {
    return end({Errc::kClosed, Stage::kOpen, text.empty() ? "the peer closed" : text});
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
  if (!receiving_ && !held_.empty()) begin_tls(held_.view());
  return {};
}

// `rest` came behind the last operation in clear: the handshake's first bytes.
void Connection::begin_tls(std::string_view rest) {
  const std::string bytes(rest);
  held_.keep({});
  decode(bytes);
}

}  // namespace petiole
