// The layers of one connection, from the socket up. Each starts when the one below is open.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/layer.h"

namespace petiole {

// Buffers between layers, shared by all connections of a loop: an idle one owns none.
struct LayerScratch {
  std::string up, up_next, down, down_next;
};

class LayerStack {
 public:
  struct Entry {
    std::unique_ptr<Layer> layer;
    Stage stage = Stage::kTls;
    Duration timeout{};  // For this layer to open.
  };

  LayerStack(LayerScratch& scratch, std::vector<Entry> entries)
      : scratch_(scratch), entries_(std::move(entries)) {}

  Status start(std::string& wire);
  // Takes all of `bytes`. `plain` gets what comes out at the top.
  Status receive(std::string_view bytes, std::string& plain, std::string& wire);
  // The lowest layer's receive() is slow and may be called elsewhere; see Layer::slow. What comes
  // of it is then given to received().
  bool slow() const { return opened_ == 0 && entries_[0].layer->slow(); }
  Layer& lowest() { return *entries_[0].layer; }
  Status received(Status status, std::string_view out, std::string_view answer, std::string& plain,
                  std::string& wire);
  Status send(std::string_view plain, std::string& wire);
  void shut_down(const CloseReason& why, std::string& wire);

  // A layer that is open when it starts goes on top of open ones.
  Status push(Entry entry, std::string& wire);
  // What follows the operation that called for push(): for the top layer.
  Status receive_top(std::string_view bytes, std::string& plain, std::string& wire) {
    return receive_from(entries_.size() - 1, bytes, plain, wire);
  }
  bool more() const { return open() && entries_.back().layer->more(); }

  std::size_t size() const { return entries_.size(); }
  bool open() const { return opened_ == entries_.size(); }
  std::size_t opened() const { return opened_; }  // Layers that are open, from the bottom.
  const Entry& entry(std::size_t index) const { return entries_[index]; }
  void describe(PeerInfo& peer, std::size_t from) const;  // By the open layers from `from` up.
  std::string error() const;                              // Of the layer that failed.

 private:
  Status receive_from(std::size_t index, std::string_view bytes, std::string& plain,
                      std::string& wire);
  Status send_through(std::size_t layers, std::string_view bytes, std::string& wire);
  Status start_layer(std::size_t index, std::string& wire);
  Status settle(std::size_t index, std::string& wire);

  LayerScratch& scratch_;
  std::vector<Entry> entries_;
  std::size_t opened_ = 0;
  std::size_t failed_ = 0;
};

}  // namespace petiole
