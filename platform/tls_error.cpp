// wolfSSL's error numbers and the alerts of TLS, in words that a user understands.
#include "platform/tls_wolfssl.h"
// The options come first.
#include <wolfssl/error-ssl.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

namespace petiole {
namespace {

struct Entry {
  int number;
  const char* text;
};

constexpr const char* kNoCommonVersion = "the two ends have no TLS version in common";
constexpr const char* kNoCommonCipher = "the two ends have no cipher suite in common";
constexpr const char* kUnknownCa =
    "the certificate is signed by an unknown authority (is ca_file right?)";

constexpr Entry kErrors[] = {
    {ASN_AFTER_DATE_E, "the certificate has expired (is this device's clock right?)"},
    {ASN_BEFORE_DATE_E, "the certificate is not valid yet (is this device's clock right?)"},
    {ASN_NO_SIGNER_E, kUnknownCa},
    {ASN_SELF_SIGNED_E, kUnknownCa},
    {ASN_SIG_CONFIRM_E, "the certificate's signature is wrong"},
    {ASN_PARSE_E, "the certificate cannot be read"},
    {DOMAIN_NAME_MISMATCH, "the certificate is for another host name"},
    {IPADDR_MISMATCH, "the certificate is for another address"},
    {NO_PEER_CERT, "the peer sent no certificate"},
    {VERSION_ERROR, kNoCommonVersion},
    {UNSUPPORTED_PROTO_VERSION, kNoCommonVersion},
    {MATCH_SUITE_ERROR, kNoCommonCipher},
    {UNSUPPORTED_SUITE, kNoCommonCipher},
    {UNKNOWN_RECORD_TYPE, "the peer does not speak TLS"},
    {EXTKEYUSE_AUTH_E, "the certificate is not meant for this use (extended key usage)"},
    {KEYUSE_SIGNATURE_E, "the certificate is not meant for this use (key usage)"},
    {CRL_CERT_REVOKED, "the certificate is revoked"},
    {RSA_KEY_SIZE_E, "the certificate's RSA key is too short"},
    {ECC_KEY_SIZE_E, "the certificate's elliptic key is too short"},
    {MAX_CHAIN_ERROR, "the certificate chain is too long"},
    {ZERO_RETURN, "closed by the peer"},
};

// RFC 8446, section 6.2.
constexpr Entry kAlerts[] = {
    {40, "the peer found no common parameters (version, cipher suite or certificate)"},
    {42, "the peer refused our certificate"},
    {43, "the peer does not support our certificate"},
    {44, "the peer says our certificate is revoked"},
    {45, "the peer says our certificate has expired"},
    {46, "the peer refused our certificate"},
    {48, "the peer does not know the authority that signed our certificate"},
    {49, "the peer denied access"},
    {70, kNoCommonVersion},
    {71, "the peer wants stronger cipher suites"},
    {80, "the peer has an internal error"},
    {112, "the peer does not know the host name that we asked for"},
    {116, "the peer wants a client certificate (cert_file, key_file)"},
};

template <std::size_t kCount>
const char* find_text(const Entry (&entries)[kCount], int number) {
  for (const Entry& entry : entries) {
    if (entry.number == number) return entry.text;
  }
  return nullptr;
}

}  // namespace

std::string tls_error_text(int error) {
  if (const char* text = find_text(kErrors, error)) return text;
  char text[WOLFSSL_MAX_ERROR_SZ] = {};
  wolfSSL_ERR_error_string_n(static_cast<unsigned long>(error), text, sizeof text);
  return std::string(text) + " (wolfSSL " + std::to_string(error) + ")";
}

const char* tls_alert_text(int alert) { return find_text(kAlerts, alert); }

}  // namespace petiole
