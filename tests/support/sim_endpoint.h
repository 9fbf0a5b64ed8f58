// One end of a simulated connection: a Wire over two paths of a SimNetwork.
#pragma once

#include <memory>
#include <string>

#include "tests/support/sim_network.h"

namespace petiole::test {

class SimEndpoint final : public Wire, public std::enable_shared_from_this<SimEndpoint> {
 public:
  SimEndpoint(SimNetwork& network, std::string host, std::string peer_host,
              std::unique_ptr<Protocol> protocol, PeerInfo peer);

  void connect(const std::shared_ptr<SimEndpoint>& other) { other_ = other; }
  void open();
  // The last call to the protocol, in a later turn.
  void finish(CloseReason reason);
  // Gone without a word to the protocol.
  void drop();
  bool is_open() const { return state_ == State::kOpen || state_ == State::kFlushing; }
  bool finished() const { return state_ == State::kFinished; }
  const std::string& host() const { return host_; }
  const std::string& peer_host() const { return peer_host_; }

  Output& output() override { return output_; }
  void wake() override;
  void close(Status why) override;
  void abort(Status why) override;
  void pause_reading() override { paused_ = true; }
  void resume_reading() override;
  void notify_below(std::size_t bytes) override;
  Time blocked_since() const override { return blocked_since_; }
  Status start_tls(const TlsOptions& options) override;
  Status compress(const CompressionOptions&) override { return {}; }  // Costs nothing here.
  const PeerInfo& peer() const override { return peer_; }
  void set_peer_address(std::string address, std::uint16_t port) override {
    peer_.address = std::move(address);
    peer_.port = port;
  }
  WireStats stats() const override { return stats_; }

  void arrived(std::string bytes);
  void acknowledged(std::size_t bytes);
  void peer_ended(CloseReason reason);

 private:
  enum class State { kOpening, kOpen, kFlushing, kFinished };

  void flush();
  void send(std::size_t bytes);
  void acknowledge(std::size_t bytes);
  void offer();
  void watch();
  void due();
  void told(Status status);
  void drain_notice();
  void end_stream();
  void secured();
  std::size_t sendable() const;

  SimNetwork& network_;
  std::string host_, peer_host_;
  std::unique_ptr<Protocol> protocol_;
  PeerInfo peer_;
  std::weak_ptr<SimEndpoint> other_;
  Output output_;
  std::string held_;  // Arrived, not taken by the protocol yet.
  std::unique_ptr<Timer> timer_;
  std::unique_ptr<Timer> limit_;  // Of a TLS handshake, of flushing at the end.
  State state_ = State::kOpening;
  CloseReason reason_;
  WireStats stats_;
  Time order_{};  // Of the last arrival at the other end.
  Time blocked_since_ = kNever;
  std::size_t in_flight_ = 0;       // Sent, not acknowledged.
  std::size_t unacknowledged_ = 0;  // Arrived while paused.
  std::size_t notify_ = 0;
  std::size_t clear_bytes_ = 0;  // Of the output, in clear before a TLS handshake.
  bool securing_ = false;
  bool paused_ = false, flush_planned_ = false, offering_ = false, ended_ = false;
};

}  // namespace petiole::test
