// What the TLS sources share. Included by them alone: it shows wolfSSL.
#pragma once

#include <wolfssl/options.h>
// The options come first.
#include <wolfssl/ssl.h>

#include <memory>
#include <string>

#include "platform/tls.h"

namespace petiole {

struct WolfsslFree {
  void operator()(WOLFSSL_CTX* context) const { wolfSSL_CTX_free(context); }
  void operator()(WOLFSSL* session) const { wolfSSL_free(session); }
};

class TlsContext {
 public:
  TlsContext(WOLFSSL_CTX* context, bool server, bool verify)
      : context_(context), server_(server), verify_(verify) {}
  WOLFSSL_CTX* get() const { return context_.get(); }
  bool server() const { return server_; }
  bool verify() const { return verify_; }

 private:
  std::unique_ptr<WOLFSSL_CTX, WolfsslFree> context_;
  bool server_;
  bool verify_;
};

// Words for an error of wolfSSL; its own text where we have no better ones.
std::string tls_error_text(int error);
// Words for an alert that the peer sent; null for one that tells a user nothing.
const char* tls_alert_text(int alert);

}  // namespace petiole
