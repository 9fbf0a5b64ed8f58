// Keys, certificates and settings, checked when they are loaded, with errors that name the file.
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "platform/tls_wolfssl.h"

namespace petiole {
namespace {

// Where distributions keep the certificates that they trust, as Go's crypto/x509 looks for them.
constexpr const char* kSystemStores[] = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, OpenWrt, Alpine.
    "/etc/pki/tls/certs/ca-bundle.crt",                   // Fedora.
    "/etc/ssl/ca-bundle.pem",                             // openSUSE.
    "/etc/pki/tls/cacert.pem",                            // OpenELEC.
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // RHEL.
    "/etc/ssl/cert.pem",                                  // Alpine, BSD.
};

bool library_ready() {
  static const bool ready = wolfSSL_Init() == WOLFSSL_SUCCESS;
  return ready;
}

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
  return file_error(option, path, std::string("holds no PEM block of a ") + (header[0] == 'C' ? "certificate" : "private key"));
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
  const int result = wolfSSL_CTX_load_verify_locations_ex(context, path.c_str(), nullptr,
                                                          WOLFSSL_LOAD_FLAG_NONE);
  if (result == WOLFSSL_SUCCESS) return {};
  return file_error("ca_file", path, tls_error_text(result));
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
  if (wolfSSL_CTX_check_private_key(context) != WOLFSSL_SUCCESS) {
    return file_error("key_file", key, "does not belong to the certificate in \"" + cert + "\"");
  }
  return {};
}

// Turns an IANA name, or Go's shorter form of it, into wolfSSL's name; empty when unknown.
std::string library_name(const std::string& name) {
  byte first = 0, second = 0;
  int flags = 0;
  for (const std::string& form : {name, name + "_SHA256"}) {
    if (wolfSSL_get_cipher_suite_from_name(form.c_str(), &first, &second, &flags) == 0) {
      if (const char* known = wolfSSL_get_cipher_name_from_suite(first, second)) return known;
    }
  }
  return {};
}

Error set_cipher_suites(WOLFSSL_CTX* context, const std::vector<std::string>& names) {
  if (names.empty()) return {};
  std::string list;
  for (const std::string& name : names) {
    const std::string known = library_name(name);
    if (known.empty() || known == "None") return "tls: unknown cipher suite \"" + name + "\"";
    list += (list.empty() ? "" : ":") + known;
  }
  if (wolfSSL_CTX_set_cipher_list(context, list.c_str()) == WOLFSSL_SUCCESS) return {};
  return "tls: the library refuses the cipher suites " + list;
}

Error configure(WOLFSSL_CTX* context, const TlsOptions& options, bool verify) {
  const int version = options.version_min == TlsVersion::k13 ? WOLFSSL_TLSV1_3 : WOLFSSL_TLSV1_2;
  if (wolfSSL_CTX_SetMinVersion(context, version) != WOLFSSL_SUCCESS) {
    return "tls: the library does not support the minimum version";
  }
  // Sessions are long and few: neither a cache nor tickets for resumption.
  wolfSSL_CTX_set_session_cache_mode(context, WOLFSSL_SESS_CACHE_OFF);
  wolfSSL_CTX_NoTicketTLSv12(context);
  if (options.server) wolfSSL_CTX_no_ticket_TLSv13(context);
  const int mode = !verify ? WOLFSSL_VERIFY_NONE
                           : WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  wolfSSL_CTX_set_verify(context, mode, nullptr);
  if (Error error = set_cipher_suites(context, options.cipher_suites); !error.empty()) return error;
  if (verify) {
    if (Error error = load_authorities(context, options.ca_file); !error.empty()) return error;
  }
  return load_certificate(context, options);
}

}  // namespace

TlsContextResult make_tls_context(const TlsOptions& options) {
  if (!library_ready()) return {nullptr, "tls: wolfSSL does not start"};
  WOLFSSL_CTX* raw = wolfSSL_CTX_new(options.server ? wolfSSLv23_server_method()
                                                    : wolfSSLv23_client_method());
  if (raw == nullptr) return {nullptr, "tls: out of memory"};
  const bool verify = options.verify && (options.server || !options.insecure);
  auto context = std::make_shared<TlsContext>(raw, options.server, verify);
  Error error = configure(raw, options, verify);
  if (!error.empty()) return {nullptr, std::move(error)};
  return {std::move(context), {}};
}

}  // namespace petiole
