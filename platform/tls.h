// TLS as configuration and as a codec: bytes in, bytes out, no socket. wolfSSL is seen by tls.cpp
// alone; tls_none.cpp stands in for it in a build without PETIOLE_TLS.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/calendar.h"
#include "platform/status.h"
#include "platform/time.h"

namespace petiole {

enum class TlsVersion : std::uint8_t { k12, k13 };

struct TlsKeyPair {
  std::string cert_file, key_file;  // PEM.
  bool operator==(const TlsKeyPair&) const = default;
};

// What a peer's certificate says of it.
struct PeerCertificate {
  std::vector<std::string> emails, dns_names, uris;  // Subject alternative names.
  // The subject's attributes in the certificate's order: {"O", "plant"}, {"CN", "box"}. A type
  // without a short name is its number: "1.2.840…".
  std::vector<std::pair<std::string, std::string>> subject;
  std::vector<std::string> chain;  // DER: its own, then what the peer sent of its issuers.
  std::string digest, key_digest;  // SHA-256 of all of it, and of its public key; hexadecimal.
};

struct TlsOptions {
  bool server = false;
  std::string server_name;             // Client: for SNI, and verified against the certificate.
  std::string cert_file, key_file;     // PEM. Optional for a client.
  std::vector<TlsKeyPair> more_certs;  // Server: taken when one is for the name that was asked for.
  std::string ca_file;                 // PEM; empty: the system's store.
  bool verify = true;                  // Client: check the chain and the name. Server: ask for one.
  bool verify_optional = false;        // Server: one that is shown is checked, none is needed.
  bool insecure = false;               // Client: `insecure: true` of the configuration.
  TlsVersion version_min = TlsVersion::k12;
  std::vector<std::string> cipher_suites;  // IANA names; empty: the library's.
  // The peer's public key must be one of these: SHA-256 of its SubjectPublicKeyInfo, in lower-case
  // hexadecimal. Empty: any.
  std::vector<std::string> pinned_certs;
  Duration timeout = std::chrono::seconds(15);
  bool operator==(const TlsOptions&) const = default;
};

// Keys and certificates, loaded and checked once, shared by the connections that use them.
class TlsContext;

struct TlsContextResult {
  std::shared_ptr<TlsContext> context;  // Null: see error.
  std::string error;                    // Names the file and what is wrong with it.
};
// `calendar` outlives the context; it says when certificates are judged. Null: by the clock.
TlsContextResult make_tls_context(const TlsOptions& options, const Calendar* calendar = nullptr);

// When the first certificate of a PEM file ends; none: it cannot be read, or there is no TLS.
std::optional<WallTime> certificate_end(const std::string& cert_file);

// One session. `receive` and `send` append wire bytes to `wire` and plain bytes to `plain`.
class TlsSession {
 public:
  virtual ~TlsSession() = default;
  virtual Status start(std::string& wire) = 0;  // A client's hello goes to `wire`.
  virtual Status receive(std::string_view bytes, std::string& plain, std::string& wire) = 0;
  virtual Status send(std::string_view plain, std::string& wire) = 0;
  virtual void shut_down(std::string& wire) = 0;  // close_notify.
  virtual bool open() const = 0;                  // The handshake is done.
  virtual std::string version() const = 0;
  virtual std::string cipher() const = 0;
  virtual std::string error() const = 0;  // The library's words for the last failure.
  // Null: the peer showed none. Once open.
  virtual std::shared_ptr<const PeerCertificate> peer_certificate() const = 0;
};
// Null in a build without TLS.
std::unique_ptr<TlsSession> make_tls_session(const std::shared_ptr<TlsContext>& context,
                                             const std::string& server_name);

}  // namespace petiole
