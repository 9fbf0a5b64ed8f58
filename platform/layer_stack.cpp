#include "platform/layer_stack.h"

namespace petiole {

namespace {

// Not the end that a peer announced: close_notify, a close frame.
bool is_failure(const Status& status) { return !status.ok() && status.code() != Errc::kClosed; }

}  // namespace

Status LayerStack::start(std::string& wire) { return start_layer(0, wire); }

// Some layers are open as soon as they start; the next one then starts too.
Status LayerStack::start_layer(std::size_t index, std::string& wire) {
  std::string first;
  entries_[index].layer->start(first);
  const Status sent = send_through(index, first, wire);
  return sent.ok() ? settle(index, wire) : sent;
}

// Starts the layer above `index` when that has just opened.
Status LayerStack::settle(std::size_t index, std::string& wire) {
  if (index != opened_ || !entries_[index].layer->open()) return {};
  ++opened_;
  return open() ? Status() : start_layer(opened_, wire);
}

Status LayerStack::push(Entry entry, std::string& wire) {
  entries_.push_back(std::move(entry));
  return start_layer(entries_.size() - 1, wire);
}

Status LayerStack::receive(std::string_view bytes, std::string& plain, std::string& wire) {
  return receive_from(0, bytes, plain, wire);
}

Status LayerStack::received(Status status, std::string_view out, std::string_view answer,
                            std::string& plain, std::string& wire) {
  failed_ = 0;
  const Status sent = send_through(0, answer, wire);
  if (is_failure(status) || !sent.ok()) return status.ok() ? sent : status;
  const Status settled = settle(0, wire);
  if (!settled.ok()) return settled;
  if (entries_.size() == 1) {
    plain.append(out);
  } else if (!out.empty()) {
    const Status above = receive_from(1, out, plain, wire);
    if (!above.ok()) return above;
  }
  failed_ = 0;
  return status;
}

// `bytes` are for the layer `index` and those above it. What stands before a layer's orderly end
// goes up first.
Status LayerStack::receive_from(std::size_t index, std::string_view bytes, std::string& plain,
                                std::string& wire) {
  Status end;
  std::size_t ended = 0;
  const auto with_end = [&](Status last) {
    if (!last.ok() || end.ok()) return last;
    failed_ = ended;
    return end;
  };
  for (std::size_t i = index; i < entries_.size(); ++i) {
    const bool top = i + 1 == entries_.size();
    std::string& out = top ? plain : scratch_.up_next;
    if (!top) out.clear();
    std::string answer;
    const Status status = entries_[i].layer->receive(bytes, out, answer);
    const Status sent = send_through(i, answer, wire);
    if (is_failure(status) || !sent.ok()) {
      failed_ = i;
      return status.ok() ? sent : status;
    }
    if (!status.ok()) {
      end = status;
      ended = i;
    }
    const Status settled = settle(i, wire);
    if (!settled.ok() || top || out.empty()) return with_end(settled);
    scratch_.up.swap(scratch_.up_next);
    bytes = scratch_.up;
  }
  return with_end({});
}

Status LayerStack::send(std::string_view plain, std::string& wire) {
  return send_through(entries_.size(), plain, wire);
}

// Sends `bytes` down through the lowest `layers` layers.
Status LayerStack::send_through(std::size_t layers, std::string_view bytes, std::string& wire) {
  if (bytes.empty()) return {};
  if (layers > 1) scratch_.down.assign(bytes);
  for (std::size_t i = layers; i-- > 1;) {
    scratch_.down_next.clear();
    const Status status = entries_[i].layer->send(scratch_.down, scratch_.down_next);
    if (!status.ok()) return failed_ = i, status;
    scratch_.down.swap(scratch_.down_next);
  }
  if (layers > 1) bytes = scratch_.down;
  if (layers == 0) return wire.append(bytes), Status();
  failed_ = 0;
  return entries_[0].layer->send(bytes, wire);
}

// From the top down: a close frame is data to the layer below it.
void LayerStack::shut_down(const CloseReason& why, std::string& wire) {
  for (std::size_t i = opened_; i-- > 0;) {
    std::string last;
    entries_[i].layer->shut_down(why, last);
    if (!send_through(i, last, wire).ok()) return;
  }
}

void LayerStack::describe(PeerInfo& peer, std::size_t from) const {
  for (std::size_t i = from; i < opened_; ++i) entries_[i].layer->describe(peer);
}

std::string LayerStack::error() const { return entries_[failed_].layer->error(); }

}  // namespace petiole
