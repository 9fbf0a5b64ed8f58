// Keys, certificates and settings, checked when they are loaded, with errors that name the file.
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "platform/crypto_aes.h"
#include "platform/tls_wolfssl.h"
// The options come first.
#include <wolfssl/openssl/ec.h>
#include <wolfssl/openssl/evp.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

namespace petiole {
namespace {

// The clock is behind what has certainly passed: the library's look at it says nothing.
bool is_doubtful(const Calendar* calendar) {
  return calendar != nullptr && calendar->trust() != ClockTrust::kWall && !calendar->is_set();
}

// Called by wolfSSL for each certificate of a peer. Dates are looked at after the handshake when
// the clock is doubtful; see tls.cpp.
int judge(int good, WOLFSSL_X509_STORE_CTX* about) {
  // The library's own numbers, or OpenSSL's for the same: 9 and 10, 13 and 14 in Debian's.
  constexpr int kDates[] = {ASN_BEFORE_DATE_E, ASN_AFTER_DATE_E, 9, 10, 13, 14};
  const bool date =
      std::find(std::begin(kDates), std::end(kDates), about->error) != std::end(kDates);
  return good == 0 && date && is_doubtful(static_cast<const Calendar*>(about->userCtx)) ? 1 : good;
}

// Where distributions keep the certificates that they trust, as Go's crypto/x509 looks for them.
constexpr const char* kSystemStores[] = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, OpenWrt, Alpine.
    "/etc/pki/tls/certs/ca-bundle.crt",                   // Fedora.
    "/etc/ssl/ca-bundle.pem",                             // openSUSE.
    "/etc/pki/tls/cacert.pem",                            // OpenELEC.
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // RHEL.
    "/etc/ssl/cert.pem",                                  // Alpine, BSD.
};

struct Library {
  bool ready = wolfSSL_Init() == WOLFSSL_SUCCESS;
  int aes_device = ready ? register_aes_device() : kNoAesDevice;
};

const Library& library() {
  static const Library library;
  return library;
}

struct Suites {
  const char* newer;  // TLS 1.3, with a colon behind each.
  const char* older;
};

// Debian's wolfSSL does AES in plain C: ChaCha20 is then three times as fast, so it goes first.
constexpr Suites kChachaFirst = {
    "TLS13-CHACHA20-POLY1305-SHA256:TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384:",
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"};
constexpr Suites kDeviceFirst = {
    "TLS13-AES256-GCM-SHA384:TLS13-CHACHA20-POLY1305-SHA256:TLS13-AES128-GCM-SHA256:",
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"};

// A client offers ChaCha20 first in any case: a server in Go to which AES is offered first takes
// that of 128 bits, which the device does not have.
bool puts_device_first(const TlsOptions& options) {
  return options.server && library().aes_device != kNoAesDevice;
}

struct Free {
  void operator()(WOLFSSL_EVP_PKEY* key) const { wolfSSL_EVP_PKEY_free(key); }
  void operator()(WOLFSSL_EC_KEY* key) const { wolfSSL_EC_KEY_free(key); }
  void operator()(WOLFSSL_EC_POINT* point) const { wolfSSL_EC_POINT_free(point); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

using Error = std::string;  // Empty: none.

Error file_error(const char* option, const std::string& path, const std::string& cause) {
  return std::string("tls: ") + option + " \"" + path + "\": " + cause;
}

struct FileClose {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// Says why a file cannot be used at all, before wolfSSL's less plain words do.
Error check_file(const char* option, const std::string& path, const char* header) {
  const std::unique_ptr<std::FILE, FileClose> file(std::fopen(path.c_str(), "re"));
  if (!file) return file_error(option, path, std::strerror(errno));
  struct stat about {};
  if (::fstat(::fileno(file.get()), &about) == 0 && S_ISDIR(about.st_mode)) {
    return file_error(option, path, "is a directory, not a PEM file");
  }
  std::array<char, 512> line;
  while (std::fgets(line.data(), static_cast<int>(line.size()), file.get()) != nullptr) {
    if (std::strncmp(line.data(), "-----BEGIN ", 11) == 0 && std::strstr(line.data(), header)) {
      return {};
    }
  }
  return file_error(
      option, path,
      std::string("holds no PEM block of a ") + (header[0] == 'C' ? "certificate" : "private key"));
}

Error load_authorities(WOLFSSL_CTX* context, const std::string& path) {
  if (path.empty()) {
    for (const char* store : kSystemStores) {
      if (wolfSSL_CTX_load_verify_locations_ex(context, store, nullptr,
                                               WOLFSSL_LOAD_FLAG_IGNORE_ERR) == WOLFSSL_SUCCESS) {
        return {};
      }
    }
    return "tls: no trusted certificates on this system; install ca-certificates or set ca_file";
  }
  if (Error error = check_file("ca_file", path, "CERTIFICATE"); !error.empty()) return error;
  const int result =
      wolfSSL_CTX_load_verify_locations_ex(context, path.c_str(), nullptr, WOLFSSL_LOAD_FLAG_NONE);
  if (result == WOLFSSL_SUCCESS) return {};
  return file_error("ca_file", path, tls_error_text(result));
}

// wolfSSL 5.5 compares RSA keys with their certificates, but not those on elliptic curves.
bool curve_key_matches(WOLFSSL_CTX* context) {
  WOLFSSL_EVP_PKEY* key = wolfSSL_CTX_get0_privatekey(context);
  WOLFSSL_X509* cert = wolfSSL_CTX_get0_certificate(context);
  if (key == nullptr || cert == nullptr || wolfSSL_EVP_PKEY_base_id(key) != EVP_PKEY_EC)
    return true;
  const Owned<WOLFSSL_EVP_PKEY> open(wolfSSL_X509_get_pubkey(cert));
  if (!open || wolfSSL_EVP_PKEY_base_id(open.get()) != EVP_PKEY_EC) return false;
  const Owned<WOLFSSL_EC_KEY> ours(wolfSSL_EVP_PKEY_get1_EC_KEY(key));
  const Owned<WOLFSSL_EC_KEY> theirs(wolfSSL_EVP_PKEY_get1_EC_KEY(open.get()));
  if (!ours || !theirs) return false;
  const WOLFSSL_EC_GROUP* group = wolfSSL_EC_KEY_get0_group(theirs.get());
  const Owned<WOLFSSL_EC_POINT> point(wolfSSL_EC_POINT_new(group));
  return point &&
         wolfSSL_EC_POINT_mul(group, point.get(), wolfSSL_EC_KEY_get0_private_key(ours.get()),
                              nullptr, nullptr, nullptr) == WOLFSSL_SUCCESS &&
         wolfSSL_EC_POINT_cmp(group, point.get(), wolfSSL_EC_KEY_get0_public_key(theirs.get()),
                              nullptr) == 0;
}

Error load_certificate(WOLFSSL_CTX* context, const TlsOptions& options) {
  const std::string& cert = options.cert_file;
  const std::string& key = options.key_file;
  if (cert.empty() && key.empty()) {
    return options.server ? "tls: a server needs cert_file and key_file" : Error();
  }
  if (cert.empty()) return file_error("key_file", key, "is given without a cert_file");
  if (key.empty()) return file_error("cert_file", cert, "is given without a key_file");
  if (Error error = check_file("cert_file", cert, "CERTIFICATE"); !error.empty()) return error;
  if (Error error = check_file("key_file", key, "PRIVATE KEY"); !error.empty()) return error;
  int result = wolfSSL_CTX_use_certificate_chain_file(context, cert.c_str());
  if (result != WOLFSSL_SUCCESS) {
    return file_error("cert_file", cert, "holds no certificate that can be read");
  }
  result = wolfSSL_CTX_use_PrivateKey_file(context, key.c_str(), WOLFSSL_FILETYPE_PEM);
  if (result != WOLFSSL_SUCCESS) {
    return file_error("key_file", key, "holds no private key that can be read without a password");
  }
  if (wolfSSL_CTX_check_private_key(context) != WOLFSSL_SUCCESS || !curve_key_matches(context)) {
    return file_error("key_file", key, "does not belong to the certificate in \"" + cert + "\"");
  }
  return {};
}

// Turns an IANA name, or Go's shorter form of it, into wolfSSL's name; empty when unknown.
std::string library_name(const std::string& name) {
  const std::string longer = name + "_SHA256";
  for (const int first : {0x00, 0x13, 0xc0, 0xcc}) {
    for (int second = 0; second < 256; ++second) {
      const auto a = static_cast<unsigned char>(first), b = static_cast<unsigned char>(second);
      const char* iana = wolfSSL_get_cipher_name_iana_from_suite(a, b);
      if (iana != nullptr && (name == iana || longer == iana)) {
        return wolfSSL_get_cipher_name_from_suite(a, b);
      }
    }
  }
  return {};
}

Error set_cipher_suites(WOLFSSL_CTX* context, const TlsOptions& options) {
  const Suites& usual = puts_device_first(options) ? kDeviceFirst : kChachaFirst;
  std::string list = options.cipher_suites.empty() ? usual.older : "";
  bool names_new = false;
  for (const std::string& name : options.cipher_suites) {
    const std::string known = library_name(name);
    if (known.empty()) return "tls: unknown cipher suite \"" + name + "\"";
    names_new = names_new || known.starts_with("TLS13-");
    list += (list.empty() ? "" : ":") + known;
  }
  // A list for TLS 1.2 alone leaves TLS 1.3 as it is, as in nats-server.
  if (!names_new) list.insert(0, usual.newer);
  if (wolfSSL_CTX_set_cipher_list(context, list.c_str()) == WOLFSSL_SUCCESS) return {};
  return "tls: the library refuses the cipher suites " + list;
}

Error configure(WOLFSSL_CTX* context, const TlsOptions& options, bool verify,
                const Calendar* calendar) {
  const int version = options.version_min == TlsVersion::k13 ? WOLFSSL_TLSV1_3 : WOLFSSL_TLSV1_2;
  if (wolfSSL_CTX_SetMinVersion(context, version) != WOLFSSL_SUCCESS) {
    return "tls: the library does not support the minimum version";
  }
  // Sessions are long and few: neither a cache nor tickets for resumption.
  wolfSSL_CTX_set_session_cache_mode(context, WOLFSSL_SESS_CACHE_OFF);
  wolfSSL_CTX_NoTicketTLSv12(context);
  if (options.server) wolfSSL_CTX_no_ticket_TLSv13(context);
  const int needed = options.verify_optional ? 0 : WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  const int mode = !verify ? WOLFSSL_VERIFY_NONE : WOLFSSL_VERIFY_PEER | needed;
  if (Error error = set_cipher_suites(context, options); !error.empty()) return error;
  wolfSSL_CTX_SetDevId(context, library().aes_device);
  // wolfSSL takes an authority whose time has not come, or is over, only where nothing is verified.
  wolfSSL_CTX_set_verify(context, is_doubtful(calendar) ? WOLFSSL_VERIFY_NONE : mode, nullptr);
  if (verify) {
    if (Error error = load_authorities(context, options.ca_file); !error.empty()) return error;
  }
  wolfSSL_CTX_set_verify(context, mode, calendar ? judge : nullptr);
  wolfSSL_CTX_SetCertCbCtx(context, const_cast<Calendar*>(calendar));
  return load_certificate(context, options);
}

// wolfSSL keeps tables for points that it has met twice, 0.8 MB each, for each thread. Those that
// the check of the keys leaves are made again where a handshake wants them.
#ifdef FP_ECC
void drop_tables() { wc_ecc_fp_free(); }
#else
void drop_tables() {}
#endif

}  // namespace

TlsContextResult make_tls_context(const TlsOptions& options, const Calendar* calendar) {
  if (!library().ready) return {nullptr, "tls: wolfSSL does not start"};
  WOLFSSL_CTX* raw =
      wolfSSL_CTX_new(options.server ? wolfSSLv23_server_method() : wolfSSLv23_client_method());
  if (raw == nullptr) return {nullptr, "tls: out of memory"};
  const bool verify = options.server ? options.verify || options.verify_optional
                                     : options.verify && !options.insecure;
  auto context = std::make_shared<TlsContext>(raw, options.server, verify, calendar);
  context->pin(options.pinned_certs);
  if (puts_device_first(options) && options.cipher_suites.empty()) {
    context->set_suites_for_chacha(std::string(kChachaFirst.newer) + kChachaFirst.older);
  }
  Error error = configure(raw, options, verify, calendar);
  for (const TlsKeyPair& pair : options.more_certs) {
    if (!error.empty()) break;
    TlsOptions other = options;
    other.cert_file = pair.cert_file;
    other.key_file = pair.key_file;
    WOLFSSL_CTX* const more = wolfSSL_CTX_new(wolfSSLv23_server_method());
    if (more == nullptr) return {nullptr, "tls: out of memory"};
    context->add(more);
    error = configure(more, other, verify, calendar);
  }
  drop_tables();
  if (!error.empty()) return {nullptr, std::move(error)};
  return {std::move(context), {}};
}

}  // namespace petiole
