#include "platform/codec_layers.h"

#include <utility>

#include "platform/s2_layer.h"
#include "platform/tls.h"
#include "platform/tls_contexts.h"
#include "platform/websocket.h"

namespace petiole {

namespace {

class TlsLayer final : public Layer {
 public:
  TlsLayer(std::unique_ptr<TlsSession> session, bool server)
      : session_(std::move(session)), server_(server) {}

  void start(std::string& wire) override { started_ = session_->start(wire); }
  Status receive(std::string_view bytes, std::string& plain, std::string& wire) override {
    return started_.ok() ? session_->receive(bytes, plain, wire) : started_;
  }
  Status send(std::string_view plain, std::string& wire) override {
    return session_->send(plain, wire);
  }
  void shut_down(const CloseReason&, std::string& wire) override { session_->shut_down(wire); }
  bool open() const override { return session_->open(); }
  bool slow() const override { return server_ && !session_->open(); }
  void describe(PeerInfo& peer) const override {
    peer.tls_version = session_->version();
    if (peer.tls_version.starts_with("TLSv")) peer.tls_version.erase(0, 4);  // As Go says it.
    peer.tls_cipher = session_->cipher();
    peer.certificate = session_->peer_certificate();
  }
  std::string error() const override { return session_->error(); }

 private:
  std::unique_ptr<TlsSession> session_;
  Status started_;
  bool server_;
};

class WebSocketLayer final : public Layer {
 public:
  explicit WebSocketLayer(std::unique_ptr<WebSocketSession> session)
      : session_(std::move(session)) {}

  void start(std::string& wire) override { session_->start(wire); }
  Status receive(std::string_view bytes, std::string& plain, std::string& wire) override {
    return session_->receive(bytes, plain, wire);
  }
  Status send(std::string_view plain, std::string& wire) override {
    return session_->send(plain, wire);
  }
  void shut_down(const CloseReason& why, std::string& wire) override {
    session_->shut_down(why, wire);
  }
  bool open() const override { return session_->open(); }
  void describe(PeerInfo& peer) const override { session_->describe(peer); }
  std::string error() const override { return session_->error(); }

 private:
  std::unique_ptr<WebSocketSession> session_;
};

class CodecLayers final : public LayerFactory {
 public:
  CodecLayers(std::function<void(const std::string&)> report, const Calendar* calendar)
      : contexts_(std::move(report), calendar) {}

  LayerResult tls(const TlsOptions& options) override {
    TlsContextResult loaded = contexts_.get(options);
    if (!loaded.context) {
      return {nullptr, {Errc::kTls, "TLS cannot be set up"}, std::move(loaded.error)};
    }
    auto session = make_tls_session(loaded.context, options.server_name);
    if (!session) {
      return {nullptr, {Errc::kUnsupported, "this build holds no TLS"}, "this build holds no TLS"};
    }
    return {std::make_unique<TlsLayer>(std::move(session), options.server), {}, {}};
  }

  LayerResult websocket(const WebSocketOptions& options) override {
    return wrap(make_websocket_client(options));
  }
  LayerResult websocket(std::shared_ptr<const WebSocketListenOptions> options) override {
    return wrap(make_websocket_server(std::move(options)));
  }
  LayerResult compression(const CompressionOptions& options) override {
    if (!encoder_) encoder_ = std::make_shared<S2Encoder>();
    return {make_s2_layer(encoder_, options), {}, {}};
  }

 private:
  static LayerResult wrap(std::unique_ptr<WebSocketSession> session) {
    if (!session) {
      constexpr const char* kText = "this build holds no WebSocket";
      return {nullptr, {Errc::kUnsupported, kText}, kText};
    }
    return {std::make_unique<WebSocketLayer>(std::move(session)), {}, {}};
  }

  TlsContexts contexts_;
  std::shared_ptr<S2Encoder> encoder_;  // Null until a link compresses.
};

}  // namespace

std::unique_ptr<LayerFactory> make_codec_layers(std::function<void(const std::string&)> report,
                                                const Calendar* calendar) {
  return std::make_unique<CodecLayers>(std::move(report), calendar);
}

}  // namespace petiole
