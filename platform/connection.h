// A connection moves bytes between a socket and a Protocol, and nothing else.
//
// One class for tcp, tls, ws and wss: layers, where there are any, turn bytes into bytes on the
// way. It reads into the loop's one scratch buffer and keeps only what is torn; it writes once a
// turn, from the loop's flush list. Lives in the network's register until its last call.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "platform/deadlines.h"
#include "platform/flush_list.h"
#include "platform/held_bytes.h"
#include "platform/layer_stack.h"
#include "platform/network_core.h"
#include "platform/protocol.h"
#include "platform/socket.h"
#include "platform/wait_memory.h"

namespace petiole {

class Connection final : public Wire,
                         public Flushable,
                         private Deadline,
                         public std::enable_shared_from_this<Connection> {
 public:
  Connection(NetworkCore& core, Socket socket, std::unique_ptr<Protocol> protocol, PeerInfo peer,
             bool limit_unsent);

  // Enters the register and calls opened(), at once or when all layers are open.
  void open();
  void open_through(std::vector<LayerStack::Entry> entries, std::function<void(Stage)> reached);
  // The same without a protocol, which is made when all layers are open; null ends the connection.
  void accept_through(std::vector<LayerStack::Entry> entries, Network::Accept accept);
  // The network goes away: no call is made any more.
  void drop();
  void set_place(std::size_t place) { place_ = static_cast<std::uint32_t>(place); }

  Output& output() override { return output_; }
  void wake() override { mark(); }
  void close(Status why) override;
  void abort(Status why) override;
  void pause_reading() override { paused_ = true; }
  void resume_reading() override;
  void notify_below(std::size_t bytes) override;
  Status start_tls(const TlsOptions& options) override;
  Status compress(const CompressionOptions& options) override;
  const PeerInfo& peer() const override { return peer_; }
  void set_peer_address(std::string address, std::uint16_t port) override {
    peer_.address = std::move(address);
    peer_.port = port;
  }
  WireStats stats() const override { return stats_; }
  Time blocked_since() const override { return blocked_since_; }

 private:
  enum class State : std::uint8_t {
    kOpening,  // Layers shake hands; the protocol knows of nothing.
    kOpen,
    kFlushing,   // Closed by us or by the peer: what is in the output still goes out.
    kLingering,  // All is sent, and our end of the stream; the peer's is awaited.
    kFinished,
  };

  struct AckMark {
    std::uint64_t in_order = 0;
    std::uint32_t out_of_order = 0;
    bool operator==(const AckMark&) const = default;
  };

  // Present only while there are layers.
  struct Layered {
    Layered(NetworkCore& core, std::vector<LayerStack::Entry> entries)
        : stack(core.scratch, std::move(entries)), sealed(core.chunks) {}
    LayerStack stack;
    Output sealed;  // For the socket.
    std::function<void(Stage)> reached;
    Network::Accept accept;               // Until the protocol is made.
    std::shared_ptr<HandshakeStep> step;  // On the handshakes' thread at present.
    Layer* compression = nullptr;         // On top of the stack, once there.
    std::size_t sealed_bytes_max = 0;     // Ahead of the socket: output().size() stays meaningful.
    std::optional<CloseReason> peer_end;  // Told behind what is held for a protocol that pauses.
    bool shut_down = false;
  };

  // connection.cpp: life.
  Time now() const { return core_.loop.now(); }
  void enter();
  void mark();
  void flush() override;
  void due(Time now) override;
  void watch_deadline();
  void limit_stage(Duration span) { stage_deadline_ = now() + span; }
  void stage_timed_out();
  Stage stage() const;
  void end(CloseReason reason);     // In order: flushes.
  void finish(CloseReason reason);  // At once.
  void end_stream();
  void tell_closed();
  void leave();

  // Goes on when the socket can be read.
  struct ReadWait {
    using allocator_type = WaitAllocator<void>;
    allocator_type get_allocator() const { return allocator_type(self->wait_memory_); }
    void operator()(std::error_code error) const { self->on_readable(error); }
    std::shared_ptr<Connection> self;
  };

  // connection_input.cpp: from the socket to the protocol.
  void wait_readable();
  void on_readable(std::error_code error);
  void read_share();
  bool read_once();
  std::span<char> read_room(std::size_t& front);
  void on_read_error(std::error_code error);
  void linger();
  void offer(std::string_view input);
  void offer_again();

  // connection_layers.cpp: the same with layers in between.
  void start_layers(std::vector<LayerStack::Entry> entries, std::function<void(Stage)> reached,
                    Network::Accept accept = nullptr);
  void decode(std::string_view bytes);
  bool decode_slice(std::string_view bytes);
  bool decoded(Status status, std::size_t opened);
  void hand_off(std::string_view bytes);
  void handed_back();
  bool handed_off() const { return layered_ && layered_->step; }
  void on_opened(std::size_t from);
  void layer_failed(Status status);
  void begin_layer(std::string_view rest);
  bool securing() const { return layered_ && !layered_->stack.open(); }

  // connection_compression.cpp: a layer that comes late, and makes much of little.
  bool inflating() const { return layered_ && layered_->stack.more(); }
  void inflate();
  void inflate_later();
  std::size_t layers() const { return layered_ ? layered_->stack.size() : 0; }

  // connection_output.cpp: from the protocol to the socket.
  void write_out();
  bool write_once(Output& from);
  std::size_t write_some(const Output& from, std::size_t& offered, std::error_code& error);
  void seal();
  void seal_all();
  bool seal_piece();
  AckMark ack_mark(const Acknowledged& known) const;
  void note_blocked();
  void note_acknowledged();
  void wait_writable();
  void on_writable(std::error_code error);
  void write_failed(std::error_code error);
  std::size_t unsent() const;
  bool all_sent() const;
  void tell_drained();

  NetworkCore& core_;
  Socket socket_;
  std::unique_ptr<Protocol> protocol_;
  std::unique_ptr<Layered> layered_;
  std::unique_ptr<CloseReason> reason_;  // Set once, by whatever ends the connection first.
  Output output_;
  HeldBytes held_;
  WaitMemory wait_memory_;
  PeerInfo peer_;
  WireStats stats_;
  Time blocked_since_ = kNever;
  AckMark acked_;                 // As last looked at, of an output that is stuck.
  Time stage_deadline_ = kNever;  // Of a handshake, the last flush, the linger.
  std::size_t notify_below_ = 0;  // 0: not asked for.
  std::uint32_t place_ = 0;       // In the register.
  std::uint32_t linger_bytes_ = 0;
  std::uint8_t read_shift_ = 0;  // Halvings of what one read takes.
  State state_ = State::kOpening;
  bool listed_ = false;        // On the flush list.
  bool read_waiting_ = false;  // An async_wait is under way.
  bool write_waiting_ = false;
  bool paused_ = false;
  bool resuming_ = false;         // offer_again is posted.
  bool inflating_later_ = false;  // inflate is posted.
  bool receiving_ = false;        // Inside Protocol::receive.
  bool peer_ended_ = false;       // No more to read.
  bool telling_ = false;          // tell_closed is posted.
  bool limit_unsent_ = false;     // A slow link: keep little between protocol and socket.
};

}  // namespace petiole
