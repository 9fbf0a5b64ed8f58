// What certificates say: which of ours is for a name, and who a peer is.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>

#include "platform/certificate_file.h"
#include "platform/crypto.h"
#include "platform/files.h"
#include "platform/tls_wolfssl.h"
// The options come first.
#include <wolfssl/openssl/x509v3.h>

namespace petiole {
namespace {

struct Free {
  void operator()(WOLFSSL_X509* cert) const { wolfSSL_X509_free(cert); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

bool is_for(WOLFSSL_CTX* context, const char* name, std::size_t bytes) {
  WOLFSSL_X509* const cert = wolfSSL_CTX_get0_certificate(context);
  return cert != nullptr &&
         wolfSSL_X509_check_host(cert, name, bytes, 0, nullptr) == WOLFSSL_SUCCESS;
}

std::string to_string(WOLFSSL_ASN1_STRING* text) {
  const int bytes = text == nullptr ? 0 : wolfSSL_ASN1_STRING_length(text);
  if (bytes <= 0) return {};
  return {reinterpret_cast<const char*>(wolfSSL_ASN1_STRING_data(text)),
          static_cast<std::size_t>(bytes)};
}

// "CN", or the number of a type that has no short name.
std::string type_of(WOLFSSL_X509_NAME_ENTRY* entry) {
  WOLFSSL_ASN1_OBJECT* const object = wolfSSL_X509_NAME_ENTRY_get_object(entry);
  if (object == nullptr) return {};
  const int nid = wolfSSL_OBJ_obj2nid(object);
  const char* const name = nid > 0 ? wolfSSL_OBJ_nid2sn(nid) : nullptr;
  if (name != nullptr) return name;
  char number[64] = {};
  wolfSSL_OBJ_obj2txt(number, sizeof number, object, 1);
  return number;
}

void read_subject(WOLFSSL_X509* cert, PeerCertificate& to) {
  WOLFSSL_X509_NAME* const name = wolfSSL_X509_get_subject_name(cert);
  const int count = name == nullptr ? 0 : wolfSSL_X509_NAME_entry_count(name);
  for (int i = 0; i < count; ++i) {
    WOLFSSL_X509_NAME_ENTRY* const entry = wolfSSL_X509_NAME_get_entry(name, i);
    if (entry == nullptr) continue;
    to.subject.emplace_back(type_of(entry), to_string(wolfSSL_X509_NAME_ENTRY_get_data(entry)));
  }
}

// One element of DER: its tag, all its bytes and what is inside. Empty bytes: not one.
struct Element {
  unsigned char tag = 0;
  std::string_view bytes, inside;
};

Element take_element(std::string_view& rest) {
  if (rest.size() < 2) return {};
  Element element{.tag = static_cast<unsigned char>(rest[0]), .bytes = {}, .inside = {}};
  std::size_t length = static_cast<unsigned char>(rest[1]);
  std::size_t head = 2;
  if (length > 0x80) {
    const std::size_t digits = length & 0x7f;
    if (digits > 3 || rest.size() < 2 + digits) return {};
    length = 0;
    for (; head < 2 + digits; ++head) length = length << 8 | static_cast<unsigned char>(rest[head]);
  }
  if (rest.size() - head < length) return {};
  element.inside = rest.substr(head, length);
  element.bytes = rest.substr(0, head + length);
  rest.remove_prefix(head + length);
  return element;
}

std::string_view der_of(WOLFSSL_X509* cert) {
  int bytes = 0;
  const unsigned char* const der = cert ? wolfSSL_X509_get_der(cert, &bytes) : nullptr;
  if (der == nullptr || bytes <= 0) return {};
  return {reinterpret_cast<const char*>(der), static_cast<std::size_t>(bytes)};
}

std::string hex(const auto& bytes) {
  std::string text;
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

// RFC 5280, section 4.1: Certificate { TBSCertificate { [0] version, serial, signature, issuer,
// validity, subject, subjectPublicKeyInfo, … } … }. What begins with the public key.
std::string_view from_public_key(std::string_view der) {
  std::string_view rest = take_element(der).inside;
  rest = take_element(rest).inside;
  if (!rest.empty() && static_cast<unsigned char>(rest[0]) == 0xa0) take_element(rest);
  for (int i = 0; i < 5; ++i) take_element(rest);
  return rest;
}

// Section 4.2.1.6: SEQUENCE OF [1] e-mail, [2] DNS, [6] URI. Read here because wolfSSL's order of
// them is another one in each version.
void read_names(std::string_view der, PeerCertificate& to) {
  constexpr std::string_view kSubjectAltName("\x55\x1d\x11", 3);
  std::string_view rest = from_public_key(der);
  Element part;
  do {
    part = take_element(rest);
  } while (!part.bytes.empty() && part.tag != 0xa3);
  std::string_view extensions = take_element(part.inside).inside;
  while (!extensions.empty()) {
    std::string_view extension = take_element(extensions).inside;
    if (extension.empty()) return;
    if (take_element(extension).inside != kSubjectAltName) continue;
    Element value = take_element(extension);
    if (value.tag == 0x01) value = take_element(extension);  // "critical".
    std::string_view names = take_element(value.inside).inside;
    while (!names.empty()) {
      const Element name = take_element(names);
      if (name.bytes.empty()) return;
      if (name.tag == 0x81) to.emails.emplace_back(name.inside);
      if (name.tag == 0x82) to.dns_names.emplace_back(name.inside);
      if (name.tag == 0x86) to.uris.emplace_back(name.inside);
    }
  }
}

void read_chain(WOLFSSL* session, PeerCertificate& to) {
  WOLFSSL_X509_CHAIN* const chain = wolfSSL_get_peer_chain(session);
  const int count = chain == nullptr ? 0 : wolfSSL_get_chain_count(chain);
  for (int i = 0; i < count; ++i) {
    const unsigned char* const der = wolfSSL_get_chain_cert(chain, i);
    const int bytes = wolfSSL_get_chain_length(chain, i);
    if (der == nullptr || bytes <= 0) continue;
    to.chain.emplace_back(reinterpret_cast<const char*>(der), static_cast<std::size_t>(bytes));
  }
}

// Two or four digits of a year, then MMDDhhmmss and `Z`: RFC 5280, section 4.1.2.5.
std::optional<WallTime> read_time(const Element& element) {
  const std::size_t year_digits = element.tag == 0x18 ? 4 : 2;
  std::string_view text = element.inside;
  if ((element.tag != 0x17 && element.tag != 0x18) || text.size() != year_digits + 11 ||
      text.back() != 'Z') {
    return std::nullopt;
  }
  int parts[6] = {};
  for (int i = 0; i < 6; ++i) {
    const std::size_t digits = i == 0 ? year_digits : 2;
    const auto [end, error] = std::from_chars(text.data(), text.data() + digits, parts[i]);
    if (error != std::errc() || end != text.data() + digits || parts[i] < 0) return std::nullopt;
    text.remove_prefix(digits);
  }
  using namespace std::chrono;
  if (element.tag == 0x17) parts[0] += parts[0] < 50 ? 2000 : 1900;
  const year_month_day date{year(parts[0]), month(static_cast<unsigned>(parts[1])),
                            day(static_cast<unsigned>(parts[2]))};
  if (!date.ok() || parts[3] > 23 || parts[4] > 59 || parts[5] > 60) return std::nullopt;
  // Nanoseconds go from 1677 to 2262: what is beyond is as good as always or never.
  if (parts[0] < 1700) return WallTime::min();
  if (parts[0] > 2250) return WallTime::max();
  return WallTime(sys_days(date)) + hours(parts[3]) + minutes(parts[4]) + seconds(parts[5]);
}

// From when and until when a certificate is good.
using Validity = std::pair<std::optional<WallTime>, std::optional<WallTime>>;

Validity validity_of(std::string_view der) {
  std::string_view rest = take_element(der).inside;
  rest = take_element(rest).inside;
  if (!rest.empty() && static_cast<unsigned char>(rest[0]) == 0xa0) take_element(rest);
  for (int i = 0; i < 3; ++i) take_element(rest);
  std::string_view validity = take_element(rest).inside;
  const auto from = read_time(take_element(validity));
  return {from, read_time(take_element(validity))};
}

bool is_of_time(std::string_view der, WallTime now) {
  const auto [from, until] = validity_of(der);
  return from && until && now >= *from && now <= *until;
}

// DER of the first certificate of a PEM file.
std::optional<std::string> first_certificate(const std::string& cert_file) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----", kEnd = "-----END ";
  constexpr std::size_t kFileBytesMax = 256 << 10;
  const FileText file = read_file(cert_file, kFileBytesMax);
  const std::size_t begin = file.text.find(kBegin);
  if (!file.status.ok() || begin == file.text.npos) return std::nullopt;
  std::string body = file.text.substr(begin + kBegin.size());
  body.resize(std::min(body.find(kEnd), body.size()));
  std::erase_if(body, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  return base64_decode(body);
}

}  // namespace

std::optional<WallTime> certificate_end(const std::string& cert_file) {
  const auto der = first_certificate(cert_file);
  return der ? validity_of(*der).second : std::nullopt;
}

std::optional<std::string> certificate_key(const std::string& cert_file) {
  const auto der = first_certificate(cert_file);
  std::string digest = der ? public_key_digest(*der) : std::string();
  return digest.empty() ? std::nullopt : std::optional(std::move(digest));
}

bool peer_is_of_time(WOLFSSL* session, WallTime now) {
  PeerCertificate peer;
  read_chain(session, peer);
  return std::all_of(peer.chain.begin(), peer.chain.end(),
                     [now](const std::string& der) { return is_of_time(der, now); });
}

bool peer_is_named(WOLFSSL* session, const std::string& name, bool is_address) {
  const Owned<WOLFSSL_X509> cert(wolfSSL_get_peer_certificate(session));
  if (!cert) return false;
  return (is_address ? wolfSSL_X509_check_ip_asc(cert.get(), name.c_str(), 0)
                     : wolfSSL_X509_check_host(cert.get(), name.c_str(), name.size(), 0,
                                               nullptr)) == WOLFSSL_SUCCESS;
}

void TlsContext::add(WOLFSSL_CTX* other) {
  others_.emplace_back(other);
  wolfSSL_CTX_set_servername_callback(get(), choose);
  wolfSSL_CTX_set_servername_arg(get(), this);
}

// As Go's crypto/tls: the first certificate that is for the name, else the first of all.
int TlsContext::choose(WOLFSSL* session, int*, void* self) {
  const TlsContext& context = *static_cast<TlsContext*>(self);
  void* data = nullptr;
  const unsigned short bytes = wolfSSL_SNI_GetRequest(session, WOLFSSL_SNI_HOST_NAME, &data);
  const char* const name = static_cast<const char*>(data);
  if (name == nullptr || bytes == 0 || is_for(context.get(), name, bytes)) return 0;
  for (const Context& other : context.others_) {
    if (!is_for(other.get(), name, bytes)) continue;
    wolfSSL_set_SSL_CTX(session, other.get());
    break;
  }
  return 0;
}

std::shared_ptr<const PeerCertificate> read_peer_certificate(WOLFSSL* session) {
  const Owned<WOLFSSL_X509> cert(wolfSSL_get_peer_certificate(session));
  if (!cert) return nullptr;
  auto said = std::make_shared<PeerCertificate>();
  read_subject(cert.get(), *said);
  const std::string_view der = der_of(cert.get());
  read_names(der, *said);
  said->digest = hex(sha256(der));
  said->key_digest = public_key_digest(der);
  read_chain(session, *said);
  return said;
}

std::string public_key_digest(std::string_view der) {
  std::string_view rest = from_public_key(der);
  const Element key = take_element(rest);
  if (key.tag != 0x30 || key.bytes.empty()) return {};
  return hex(sha256(key.bytes));
}

std::string peer_key_digest(WOLFSSL* session) {
  const Owned<WOLFSSL_X509> cert(wolfSSL_get_peer_certificate(session));
  return public_key_digest(der_of(cert.get()));
}

}  // namespace petiole
