// What the TLS sources share. Included by them alone: it shows wolfSSL.
#pragma once

#include <wolfssl/options.h>
// The options come first.
#include <wolfssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "platform/calendar.h"
#include "platform/tls.h"

namespace petiole {

struct WolfsslFree {
  void operator()(WOLFSSL_CTX* context) const { wolfSSL_CTX_free(context); }
  void operator()(WOLFSSL* session) const { wolfSSL_free(session); }
};

class TlsContext {
 public:
  TlsContext(WOLFSSL_CTX* context, bool server, bool verify, const Calendar* calendar)
      : context_(context), calendar_(calendar), server_(server), verify_(verify) {}
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  WOLFSSL_CTX* get() const { return context_.get(); }
  bool server() const { return server_; }
  bool verify() const { return verify_; }
  const Calendar* calendar() const { return calendar_; }  // Null: the clock is right.
  const std::vector<std::string>& pinned() const { return pinned_; }
  void pin(std::vector<std::string> pinned) { pinned_ = std::move(pinned); }
  // Server: the suites for a client that prefers ChaCha20, as wolfSSL lists them. Empty: those of
  // all.
  const std::string& suites_for_chacha() const { return suites_for_chacha_; }
  void set_suites_for_chacha(std::string list) { suites_for_chacha_ = std::move(list); }

  // Another certificate of this server, for clients that ask for its name.
  void add(WOLFSSL_CTX* other);

 private:
  using Context = std::unique_ptr<WOLFSSL_CTX, WolfsslFree>;
  static int choose(WOLFSSL* session, int* alert, void* self);

  Context context_;
  const Calendar* calendar_;
  std::vector<Context> others_;
  std::vector<std::string> pinned_;
  std::string suites_for_chacha_;
  bool server_;
  bool verify_;
};

// Of an open session: what the peer's certificate says; null when it showed none.
std::shared_ptr<const PeerCertificate> read_peer_certificate(WOLFSSL* session);
// SHA-256 of the SubjectPublicKeyInfo in a certificate's DER, in lower-case hexadecimal; empty when
// the bytes are no certificate.
std::string public_key_digest(std::string_view der);
// Of an open session: false when a certificate that the peer sent is too old or too new, or of
// dates that cannot be read.
bool peer_is_of_time(WOLFSSL* session, WallTime now);
// Whether the peer's certificate is for `name`, a host name or an address as wolfSSL writes it.
bool peer_is_named(WOLFSSL* session, const std::string& name, bool is_address);
std::string peer_key_digest(WOLFSSL* session);  // Empty: the peer showed none.

// Words for an error of wolfSSL; its own text where we have no better ones.
std::string tls_error_text(int error);
// Words for an alert that the peer sent; null for one that tells a user nothing.
const char* tls_alert_text(int alert);

}  // namespace petiole
