// A TLS session over two strings. wolfSSL calls back for bytes and with bytes.
#include "platform/tls.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "platform/client_hello.h"
#include "platform/tls_wolfssl.h"
// The options come first.
#include <wolfssl/error-ssl.h>

namespace petiole {
namespace {

constexpr std::size_t kRecordBytes = 16 * 1024;              // RFC 8446, section 5.1.
constexpr std::size_t kSendBytesMax = std::size_t{1} << 30;  // wolfSSL counts in int.
constexpr std::size_t kNameBytesMax = 255;                   // RFC 1035, section 2.3.4.
constexpr unsigned char kHandshakeRecord = 22, kAlertRecord = 21;

// The form in which wolfSSL keeps the addresses of a certificate, `127.0.0.1` or
// `0000:…:0001`; empty for what is not an address.
std::string address_text(const std::string& name) {
  unsigned char bytes[16];
  if (::inet_pton(AF_INET, name.c_str(), bytes) == 1) return name;
  if (::inet_pton(AF_INET6, name.c_str(), bytes) != 1) return {};
  std::string text;
  for (std::size_t i = 0; i < sizeof bytes; ++i) {
    if (i > 0 && i % 2 == 0) text += ':';
    text += "0123456789ABCDEF"[bytes[i] >> 4];
    text += "0123456789ABCDEF"[bytes[i] & 15];
  }
  return text;
}

class Session : public TlsSession {
 public:
  Session(std::shared_ptr<TlsContext> context, const std::string& server_name)
      : context_(std::move(context)) {
    if (context_->server()) return;  // Made with the first byte: a silent peer costs nothing.
    create();
    if (session_ && !server_name.empty() && !set_name(server_name)) {
      (void)fail({Errc::kTls, "tls: the server's name cannot be checked"});
    }
  }

  Status start(std::string& wire) override {
    if (context_->server()) return {};
    if (!session_) return fail({Errc::kTls, "tls: out of memory"});
    if (!status_.ok()) return status_;
    wire_ = &wire;
    return handshake();
  }

  Status receive(std::string_view bytes, std::string& plain, std::string& wire) override {
    if (!status_.ok()) return status_;
    if (bytes.empty()) return {};
    if (!seen_ && !is_tls(bytes)) return fail({Errc::kTls, "tls: the peer does not speak TLS"});
    seen_ = true;
    if (!session_) {
      create();
      if (!session_) return fail({Errc::kTls, "tls: out of memory"});
      prefer_as(bytes);
    }
    input_ = bytes;
    wire_ = &wire;
    if (!open_) {
      if (const Status status = handshake(); !status.ok()) return status;
    }
    return open_ ? read(plain) : Status();
  }

  Status send(std::string_view plain, std::string& wire) override {
    if (!status_.ok()) return status_;
    if (!open_) return {Errc::kTls, "tls: not open yet"};
    wire_ = &wire;
    input_ = {};
    while (!plain.empty()) {
      const auto count = static_cast<int>(std::min(plain.size(), kSendBytesMax));
      const int written = wolfSSL_write(session_.get(), plain.data(), count);
      if (written <= 0) {
        // Nothing makes it wait, and bytes that were not sent must not be taken for sent.
        const Status status = failed(written);
        return status.ok() ? fail({Errc::kTls, "tls: broken session"}) : status;
      }
      plain.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  void shut_down(std::string& wire) override {
    if (!open_ || !status_.ok()) return;
    wire_ = &wire;
    input_ = {};
    wolfSSL_shutdown(session_.get());
  }

  bool open() const override { return open_; }
  std::string version() const override {
    return session_ ? wolfSSL_get_version(session_.get()) : "";
  }
  std::string cipher() const override {
    WOLFSSL_CIPHER* current = session_ ? wolfSSL_get_current_cipher(session_.get()) : nullptr;
    if (current == nullptr) return {};
    // The number of a suite is the last two bytes of OpenSSL's identifier of it.
    const word32 id = wolfSSL_CIPHER_get_id(current);
    const char* name = wolfSSL_get_cipher_name_iana_from_suite(static_cast<unsigned char>(id >> 8),
                                                               static_cast<unsigned char>(id));
    return name ? name : "";
  }
  std::string error() const override { return error_; }
  std::shared_ptr<const PeerCertificate> peer_certificate() const override {
    return open_ ? read_peer_certificate(session_.get()) : nullptr;
  }

 private:
  // Takes half a millisecond: a generator of random numbers is seeded.
  void create() {
    session_.reset(wolfSSL_new(context_->get()));
    if (!session_) return;
    wolfSSL_SSLSetIORecv(session_.get(), take);
    wolfSSL_SSLSetIOSend(session_.get(), put);
    wolfSSL_SetIOReadCtx(session_.get(), this);
    wolfSSL_SetIOWriteCtx(session_.get(), this);
  }

  // A client without instructions for AES is not made to do without them, if its hello came in one
  // read; nats-server does the same.
  void prefer_as(std::string_view hello) {
    const std::string& suites = context_->suites_for_chacha();
    if (suites.empty() || !prefers_chacha(hello)) return;
    wolfSSL_set_cipher_list(session_.get(), suites.c_str());
  }

  // wolfSSL wants `count` bytes.
  static int take(WOLFSSL*, char* buffer, int count, void* self) {
    std::string_view& input = static_cast<Session*>(self)->input_;
    if (input.empty()) return WOLFSSL_CBIO_ERR_WANT_READ;
    const std::size_t bytes = std::min(input.size(), static_cast<std::size_t>(count));
    std::memcpy(buffer, input.data(), bytes);
    input.remove_prefix(bytes);
    return static_cast<int>(bytes);
  }

  static int put(WOLFSSL*, char* bytes, int count, void* self) {
    static_cast<Session*>(self)->wire_->append(bytes, static_cast<std::size_t>(count));
    return count;
  }

  // The name goes to the server, and its certificate must be for it. An address is not sent. False:
  // it would not be checked, or another one would be; such a session must not open.
  bool set_name(const std::string& name) {
    if (const std::string address = address_text(name); !address.empty()) {
      if (!context_->verify()) return true;
      name_ = address;
      is_address_ = true;
      return wolfSSL_X509_VERIFY_PARAM_set1_ip_asc(wolfSSL_get0_param(session_.get()),
                                                   address.c_str()) == WOLFSSL_SUCCESS;
    }
    if (name.size() > kNameBytesMax || name.find('\0') != name.npos) return false;
    if (wolfSSL_UseSNI(session_.get(), WOLFSSL_SNI_HOST_NAME, name.data(),
                       static_cast<unsigned short>(name.size())) != WOLFSSL_SUCCESS) {
      return false;
    }
    if (!context_->verify()) return true;
    name_ = name;
    return wolfSSL_check_domain_name(session_.get(), name.c_str()) == WOLFSSL_SUCCESS;
  }

  static bool is_tls(std::string_view bytes) {
    const auto type = static_cast<unsigned char>(bytes.front());
    return type == kHandshakeRecord || type == kAlertRecord;
  }

  Status handshake() {
    const int result =
        context_->server() ? wolfSSL_accept(session_.get()) : wolfSSL_connect(session_.get());
    if (result != WOLFSSL_SUCCESS) return failed(result);
    if (Status wrong = check_dates(); !wrong.ok()) return fail(wrong);
    if (Status wrong = check_address(); !wrong.ok()) return fail(wrong);
    if (!is_pinned()) {
      error_ = "the peer's certificate is not among the pinned ones";
      return fail({Errc::kTls, "tls: the certificate is not pinned"});
    }
    open_ = true;
    return {};
  }

  // With a clock that is doubtful wolfSSL was told to pass over dates: here they are judged by the
  // calendar. The name is looked at again, lest the one error has hidden the other.
  Status check_dates() {
    const Calendar* const calendar = context_->calendar();
    if (calendar == nullptr || !context_->verify() || calendar->trust() == ClockTrust::kWall ||
        calendar->is_set()) {
      return {};
    }
    const Moment now = calendar->now();
    if (!now.lenient && !peer_is_of_time(session_.get(), now.time)) {
      error_ =
          "the certificate is not valid at the time that this device, whose clock is not set, "
          "takes for now";
      return {Errc::kTls, "tls: the certificate is out of date"};
    }
    if (!name_.empty() && !peer_is_named(session_.get(), name_, is_address_)) {
      error_ = "the certificate is for another host name";
      return {Errc::kTls, "tls: the certificate is for another name"};
    }
    return {};
  }

  // Where we are asked about errors (see judge), wolfSSL 5.5 passes over a wrong address.
  Status check_address() {
    if (!is_address_ || peer_is_named(session_.get(), name_, true)) return {};
    error_ = "the certificate is for another address";
    return {Errc::kTls, "tls: the certificate is for another address"};
  }

  bool is_pinned() const {
    const std::vector<std::string>& pinned = context_->pinned();
    return pinned.empty() ||
           std::find(pinned.begin(), pinned.end(), peer_key_digest(session_.get())) != pinned.end();
  }

  // A record at a time, into place at the end of `plain`.
  Status read(std::string& plain) {
    std::size_t end = plain.size();
    while (true) {
      // Room is filled with zeros: what one record leaves of it serves the next.
      if (plain.size() < end + kRecordBytes) plain.resize(end + kRecordBytes);
      const int count = wolfSSL_read(session_.get(), plain.data() + end, kRecordBytes);
      if (count <= 0) {
        plain.resize(end);
        return failed(count);
      }
      end += static_cast<std::size_t>(count);
    }
  }

  // Not every failure is one: mostly it says that the input is used up.
  Status failed(int result) {
    const int error = wolfSSL_get_error(session_.get(), result);
    if (error == WOLFSSL_ERROR_WANT_READ || error == WOLFSSL_ERROR_WANT_WRITE) return {};
    if (error == WOLFSSL_ERROR_ZERO_RETURN) {
      error_ = "closed by the peer";
      return fail({Errc::kClosed, "tls: closed by the peer"});
    }
    error_ = cause(error);
    return fail({Errc::kTls, open_ ? "tls: broken session" : "tls: handshake failed"});
  }

  std::string cause(int error) const {
    WOLFSSL_ALERT_HISTORY alerts{};
    wolfSSL_get_alert_history(session_.get(), &alerts);
    if (error == FATAL_ERROR && alerts.last_rx.level == alert_fatal) {
      const char* text = tls_alert_text(alerts.last_rx.code);
      return text ? text : "the peer sent the TLS alert " + std::to_string(alerts.last_rx.code);
    }
    return tls_error_text(error);
  }

  Status fail(Status status) {
    status_ = status;
    if (error_.empty()) error_ = std::string(status.text());
    return status;
  }

  std::shared_ptr<TlsContext> context_;
  std::unique_ptr<WOLFSSL, WolfsslFree> session_;
  std::string_view input_;       // For the time of a call.
  std::string* wire_ = nullptr;  // Likewise.
  Status status_;
  std::string error_;
  std::string name_;  // For which the peer's certificate must be; empty: any.
  bool is_address_ = false;
  bool open_ = false;
  bool seen_ = false;  // The first byte told TLS from clear text.
};

}  // namespace

std::unique_ptr<TlsSession> make_tls_session(const std::shared_ptr<TlsContext>& context,
                                             const std::string& server_name) {
  assert(context);
  return std::make_unique<Session>(context, server_name);
}

}  // namespace petiole
