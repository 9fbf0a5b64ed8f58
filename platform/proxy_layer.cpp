#include "platform/proxy_layer.h"

#include <utility>

namespace petiole {

namespace {

// RFC 4648 section 4, padded.
std::string base64(std::string_view bytes) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t at) {
      return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0U;
    };
    const unsigned group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (unsigned j = 0; j < 4; ++j) {
      const bool pad = i + j > bytes.size();
      text += pad ? '=' : kAlphabet[group >> (18 - 6 * j) & 63U];
    }
  }
  return text;
}

std::string connect_request(const ProxyOptions& proxy, const std::string& host,
                            std::uint16_t port) {
  const bool ipv6 = host.find(':') != host.npos;
  std::string target(ipv6 ? "[" : "");
  target.append(host).append(ipv6 ? "]:" : ":").append(std::to_string(port));
  std::string request("CONNECT ");
  request.append(target).append(" HTTP/1.1\r\nHost: ").append(target).append("\r\n");
  if (!proxy.user.empty()) {
    request += "Proxy-Authorization: Basic " + base64(proxy.user + ':' + proxy.password) + "\r\n";
  }
  return request + "\r\n";
}

class ProxyLayer final : public Layer {
 public:
  explicit ProxyLayer(std::string request) : request_(std::move(request)) {}

  void start(std::string& wire) override { wire += std::exchange(request_, {}); }

  Status receive(std::string_view bytes, std::string& plain, std::string&) override {
    if (open_) return plain.append(bytes), Status();
    // The end of the header may lie across the bytes before and these.
    const std::size_t from = answer_.size() < 3 ? 0 : answer_.size() - 3;
    answer_.append(bytes);
    const std::size_t end = answer_.find("\r\n\r\n", from);
    const std::size_t header = end == answer_.npos ? answer_.size() : end + 4;
    if (header > kProxyAnswerBytesMax) return fail("the proxy's answer is too long");
    if (end == answer_.npos) return {};
    if (!is_success()) return fail(status_line());
    open_ = true;
    plain.append(answer_, header);
    answer_ = {};
    return {};
  }

  Status send(std::string_view plain, std::string& wire) override {
    return wire.append(plain), Status();
  }
  void shut_down(const CloseReason&, std::string&) override {}
  bool open() const override { return open_; }
  void describe(PeerInfo&) const override {}
  std::string error() const override { return error_; }

 private:
  // "HTTP/1.x 2xx …"
  bool is_success() const {
    return answer_.starts_with("HTTP/1.") && answer_.size() > 12 && answer_[8] == ' ' &&
           answer_[9] == '2';
  }

  // The peer's text ends up in a log line: shortened, and without control characters.
  std::string status_line() const {
    std::string line = answer_.substr(0, std::min<std::size_t>(answer_.find('\r'), 200));
    for (char& c : line) {
      if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
    }
    return "the proxy refused: " + line;
  }

  Status fail(std::string text) {
    error_ = std::move(text);
    return {Errc::kNetwork, "the proxy refused"};
  }

  std::string request_;
  std::string answer_;
  std::string error_;
  bool open_ = false;
};

}  // namespace

std::unique_ptr<Layer> make_proxy_layer(const ProxyOptions& proxy, const std::string& host,
                                        std::uint16_t port) {
  return std::make_unique<ProxyLayer>(connect_request(proxy, host, port));
}

}  // namespace petiole
