#include "platform/codec_layers.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "platform/tls.h"
#include "platform/websocket.h"

namespace petiole {

namespace {

class TlsLayer final : public Layer {
 public:
  explicit TlsLayer(std::unique_ptr<TlsSession> session) : session_(std::move(session)) {}

  void start(std::string& wire) override { started_ = session_->start(wire); }
  Status receive(std::string_view bytes, std::string& plain, std::string& wire) override {
    return started_.ok() ? session_->receive(bytes, plain, wire) : started_;
  }
  Status send(std::string_view plain, std::string& wire) override {
    return session_->send(plain, wire);
  }
  void shut_down(std::string& wire) override { session_->shut_down(wire); }
  bool open() const override { return session_->open(); }
  void describe(PeerInfo& peer) const override {
    peer.tls_version = session_->version();
    peer.tls_cipher = session_->cipher();
  }
  std::string error() const override { return session_->error(); }

 private:
  std::unique_ptr<TlsSession> session_;
  Status started_;
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
  void shut_down(std::string& wire) override { session_->shut_down(wire); }
  bool open() const override { return session_->open(); }
  void describe(PeerInfo& peer) const override { peer.websocket = true; }
  std::string error() const override { return session_->error(); }

 private:
  std::unique_ptr<WebSocketSession> session_;
};

// What decides whether two connections may share loaded keys and certificates: everything but the
// name and the time-out. The files' times are part, so that a renewed certificate is loaded.
std::string context_key(const TlsOptions& options) {
  std::string key;
  for (const std::string& file : {options.cert_file, options.key_file, options.ca_file}) {
    std::error_code none;
    const auto time = file.empty() ? std::filesystem::file_time_type()
                                   : std::filesystem::last_write_time(file, none);
    key += file + '\n' + std::to_string(time.time_since_epoch().count()) + '\n';
  }
  for (const std::string& suite : options.cipher_suites) key += suite + ',';
  key += options.server ? 's' : 'c';
  key += options.verify ? 'v' : '-';
  key += options.insecure ? 'i' : '-';
  return key + std::to_string(static_cast<int>(options.version_min));
}

class CodecLayers final : public LayerFactory {
 public:
  LayerResult tls(const TlsOptions& options) override {
    TlsContextResult loaded = context(options);
    if (!loaded.context) {
      return {nullptr, {Errc::kTls, "TLS cannot be set up"}, std::move(loaded.error)};
    }
    auto session = make_tls_session(loaded.context, options.server_name);
    if (!session) {
      return {nullptr, {Errc::kUnsupported, "this build holds no TLS"}, "this build holds no TLS"};
    }
    return {std::make_unique<TlsLayer>(std::move(session)), {}, {}};
  }

  LayerResult websocket(const WebSocketOptions& options) override {
    auto session = make_websocket_client(options);
    if (!session) {
      constexpr const char* kText = "this build holds no WebSocket";
      return {nullptr, {Errc::kUnsupported, kText}, kText};
    }
    return {std::make_unique<WebSocketLayer>(std::move(session)), {}, {}};
  }

 private:
  static constexpr std::size_t kContextsMax = 8;  // A device has one or two remotes.

  struct Loaded {
    std::string key;
    std::shared_ptr<TlsContext> context;
  };

  // Loading the system's certificates takes tens of milliseconds on a small device.
  TlsContextResult context(const TlsOptions& options) {
    const std::string key = context_key(options);
    const auto found = std::find_if(contexts_.begin(), contexts_.end(),
                                    [&](const Loaded& loaded) { return loaded.key == key; });
    if (found != contexts_.end()) return {found->context, {}};
    TlsContextResult result = make_tls_context(options);
    if (!result.context) return result;
    if (contexts_.size() == kContextsMax) contexts_.erase(contexts_.begin());
    contexts_.push_back({key, result.context});
    return result;
  }

  std::vector<Loaded> contexts_;  // Oldest first.
};

}  // namespace

std::unique_ptr<LayerFactory> make_codec_layers() { return std::make_unique<CodecLayers>(); }

}  // namespace petiole
