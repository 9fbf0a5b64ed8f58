#include "platform/websocket.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "platform/websocket_stream.h"
#include "platform/websocket_upgrade.h"

namespace petiole {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using memory::Error;

constexpr std::size_t kReadBytes = 4096;  // One copy from Beast; larger gains nothing measurable.
constexpr std::size_t kUpgradeBytesMax = 16 * 1024;  // Of an upgrade request, with its cookies.
// nats-server compresses payloads of more than 64 bytes (websocket.go: wsCompressThreshold).
constexpr std::size_t kCompressThreshold = 65;
// One call may inflate to this many times its input beyond one message of the largest size. NATS
// traffic compresses 3 to 30 times, a deflate bomb 1,000 times.
constexpr std::size_t kInflateRatioMax = 128;
constexpr const char* kDeflateOffer =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

websocket::permessage_deflate deflate_options(bool on) {
  websocket::permessage_deflate options;
  options.client_enable = options.server_enable = on;
  options.client_no_context_takeover = options.server_no_context_takeover = true;
  options.memLevel = 4;   // 2^(4+7) hash entries: a tenth of the default's memory.
  options.compLevel = 1;  // The links gain little from more, a small processor pays for it.
  options.msg_size_threshold = kCompressThreshold;
  return options;
}

Errc errc_of(const Error& error) {
  if (error == websocket::error::closed) return Errc::kClosed;
  if (error == websocket::error::message_too_big) return Errc::kTooLarge;
  if (error == websocket::error::buffer_overflow) return Errc::kTooLarge;
  return Errc::kProtocol;
}

bool is_safe(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
}

// What both roles share: the stream, the read loop, sending and closing.
class Session : public WebSocketSession {
 public:
  Session(bool compression, std::size_t message_bytes_max)
      : message_bytes_max_(message_bytes_max), stream_(memory::Stream(machine_)) {
    stream_.set_option(deflate_options(compression));
    stream_.read_message_max(message_bytes_max);
    stream_.binary(true);
    stream_.auto_fragment(false);  // One frame a send.
  }

  Status receive(std::string_view bytes, std::string& plain, std::string& wire) override {
    if (!status_.ok()) return status_;
    machine_.wire = &wire;
    machine_.input = bytes;
    plain_ = &plain;
    plain_bytes_max_ = plain.size() + message_bytes_max_ + kInflateRatioMax * bytes.size();
    take_input();
    machine_.drain();
    machine_.input = {};
    plain_ = nullptr;
    return status_;
  }

  Status send(std::string_view payload, std::string& wire) override {
    if (!status_.ok()) return status_;
    if (!open_) return {Errc::kProtocol, "websocket: not open yet"};
    machine_.wire = &wire;
    Error failure;
    stream_.async_write(boost::asio::buffer(payload.data(), payload.size()),
                        [&failure](Error error, std::size_t) { failure = error; });
    machine_.drain();
    if (failure) fail(failure);
    return status_;
  }

  void shut_down(const CloseReason& why, std::string& wire) override {
    if (!open_ || closing_ || !status_.ok()) return;
    closing_ = true;
    machine_.wire = &wire;
    stream_.async_close(close_reason(why), [this](Error error) {
      if (!error) fail(Errc::kClosed, "websocket: closed");
    });
    machine_.drain();
  }

  bool open() const override { return open_; }
  std::string error() const override { return error_; }

 protected:
  // A role's upgrade may take the front of the input before Beast sees it.
  virtual void take_input() {}
  virtual websocket::close_reason close_reason(const CloseReason& why) const = 0;

  void opened(Error error) {
    if (error) return fail(error);
    open_ = true;
    read();
  }

  void fail(Errc code, const char* text) {
    if (!status_.ok()) return;
    status_ = {code, text};
    if (error_.empty()) error_ = text;
  }

  void fail(Error error) {
    if (!status_.ok() || error == boost::asio::error::operation_aborted) return;
    if (error == websocket::error::closed) {
      const websocket::close_reason& reason = stream_.reason();
      error_ = "closed by the peer: " + std::to_string(reason.code);
      if (!reason.reason.empty())
        error_.append(" ").append(reason.reason.data(), reason.reason.size());
    } else {
      error_ = "websocket: " + error.message();
    }
    status_ = {errc_of(error), text_of(error)};
  }

  virtual const char* text_of(Error error) const {
    if (error == websocket::error::closed) return "websocket: closed by the peer";
    if (errc_of(error) == Errc::kTooLarge) return "websocket: message too large";
    return "websocket: protocol error";
  }

  memory::Machine& machine() { return machine_; }
  websocket::stream<memory::Stream>& stream() { return stream_; }
  std::string error_;

 private:
  void read() {
    stream_.async_read_some(boost::asio::buffer(buffer_, sizeof buffer_),
                            [this](Error error, std::size_t bytes) { on_read(error, bytes); });
  }

  void on_read(Error error, std::size_t bytes) {
    if (plain_ != nullptr) plain_->append(buffer_, bytes);
    if (error) return fail(error);
    if (plain_ != nullptr && plain_->size() > plain_bytes_max_) {
      return fail(Errc::kTooLarge, "websocket: too much inflated data");
    }
    read();
  }

  std::size_t message_bytes_max_;
  memory::Machine machine_;  // Before the stream, whose operations live in it.
  websocket::stream<memory::Stream> stream_;
  std::string* plain_ = nullptr;  // For the time of receive().
  std::size_t plain_bytes_max_ = 0;
  Status status_;
  bool open_ = false;
  bool closing_ = false;
  char buffer_[kReadBytes];
};

class ClientSession : public Session {
 public:
  explicit ClientSession(const WebSocketOptions& options)
      : Session(options.compression, options.message_bytes_max), options_(options) {}

  void describe(PeerInfo& peer) const override { peer.websocket = true; }

  void start(std::string& wire) override {
    if (!check_options()) return;
    stream().set_option(websocket::stream_base::decorator(
        [this](websocket::request_type& request) { decorate(request); }));
    machine().wire = &wire;
    stream().async_handshake(response_, options().host, options().path,
                             [this](Error error) { answered(error); });
    machine().drain();
  }

 protected:
  const char* text_of(Error error) const override {
    if (error == websocket::error::upgrade_declined) return "websocket: upgrade refused";
    return open() ? Session::text_of(error) : "websocket: not a WebSocket answer";
  }
  websocket::close_reason close_reason(const CloseReason&) const override {
    return websocket::close_code::normal;
  }

 private:
  const WebSocketOptions& options() const { return options_; }

  bool check_options() {
    bool safe = is_safe(options().host) && is_safe(options().path);
    for (const auto& [name, value] : options().headers)
      safe = safe && is_safe(name) && is_safe(value);
    if (!safe) fail(Errc::kConfig, "websocket: a line break in the host, path or a header");
    return safe;
  }

  void decorate(websocket::request_type& request) const {
    request.set(http::field::user_agent, "petiole");
    if (options().compression) request.set(http::field::sec_websocket_extensions, kDeflateOffer);
    for (const auto& [name, value] : options().headers) request.set(name, value);
  }

  void answered(Error error) {
    if (error == websocket::error::upgrade_declined) {
      error_ = "the server answered " + std::to_string(response_.result_int());
      error_.append(" ").append(response_.reason().data(), response_.reason().size());
      return fail(errc_of(error), text_of(error));
    }
    opened(error);
  }

  WebSocketOptions options_;
  websocket::response_type response_;
};

class ServerSession : public Session {
 public:
  explicit ServerSession(std::shared_ptr<const WebSocketListenOptions> options)
      : Session(options->compression, options->message_bytes_max), options_(std::move(options)) {}

  void start(std::string&) override {}  // The client speaks first.
  void describe(PeerInfo& peer) const override {
    peer.websocket = true;
    peer.upgrade = request_;
  }

 protected:
  // Gathers the request's head; what follows it is left for Beast.
  void take_input() override {
    if (accepting_) return;
    const std::string_view input = machine().input;
    const std::size_t before = head_.size();
    head_.append(input.substr(0, kUpgradeBytesMax + 4));
    const std::size_t end = head_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
    if (end == head_.npos) {
      machine().input = {};
      if (head_.size() > kUpgradeBytesMax) refuse(431, "websocket: upgrade request too large");
      return;
    }
    machine().input.remove_prefix(end + 4 - before);
    head_.resize(end + 4);
    accept();
  }

  const char* text_of(Error error) const override {
    return open() ? Session::text_of(error) : "websocket: not an upgrade request";
  }
  // A close frame holds at most 123 bytes of text.
  websocket::close_reason close_reason(const CloseReason& why) const override {
    return {static_cast<websocket::close_code>(websocket_close_code(why.code)),
            beast::string_view(why.text.data(), std::min<std::size_t>(why.text.size(), 123))};
  }

 private:
  void accept() {
    accepting_ = true;
    Error error;
    http::request_parser<http::empty_body> parser;
    parser.header_limit(kUpgradeBytesMax + 4);
    parser.put(boost::asio::buffer(head_), error);
    head_ = {};
    if (error || !parser.is_header_done()) return refuse(400, "websocket: bad upgrade request");
    if (parser.get().version() < 11) return refuse(400, "older than HTTP/1.1");  // RFC 6455, 4.1.
    const UpgradeFields fields = fields_of(parser.get());
    const UpgradeVerdict verdict = judge_upgrade(fields, *options_);
    if (verdict.status != 0) return refuse(verdict.status, verdict.text);
    request_ = std::make_shared<UpgradeRequest>(read_upgrade(fields, *options_));
    stream().set_option(
        websocket::stream_base::decorator([options = options_](websocket::response_type& response) {
          response.set(http::field::server, "petiole");
          for (const auto& [name, value] : options->headers) response.set(name, value);
        }));
    stream().async_accept(parser.get(), [this](Error accepted) { opened(accepted); });
  }

  static UpgradeFields fields_of(const http::request<http::empty_body>& request) {
    const auto view = [](beast::string_view text) {
      return std::string_view(text.data(), text.size());
    };
    UpgradeFields fields{
        .method = view(request.method_string()), .target = view(request.target()), .headers = {}};
    for (const auto& field : request) {
      fields.headers.emplace_back(view(field.name_string()), view(field.value()));
    }
    return fields;
  }

  void refuse(int status, const char* text) {
    machine().wire->append(upgrade_refusal(status));
    machine().input = {};
    fail(Errc::kProtocol, text);
  }

  std::shared_ptr<const WebSocketListenOptions> options_;
  std::shared_ptr<const UpgradeRequest> request_;
  std::string head_;
  bool accepting_ = false;
};

}  // namespace

std::unique_ptr<WebSocketSession> make_websocket_client(const WebSocketOptions& options) {
  return std::make_unique<ClientSession>(options);
}

std::unique_ptr<WebSocketSession> make_websocket_server(
    std::shared_ptr<const WebSocketListenOptions> options) {
  return std::make_unique<ServerSession>(std::move(options));
}

}  // namespace petiole
