// What certificates say: which of ours is for a name, and who a peer is.
#include "platform/crypto.h"
#include "platform/tls_wolfssl.h"
// The options come first.
#include <wolfssl/openssl/x509v3.h>

namespace petiole {
namespace {

struct Free {
  void operator()(WOLFSSL_X509* cert) const { wolfSSL_X509_free(cert); }
  void operator()(WOLFSSL_STACK* names) const { wolfSSL_sk_GENERAL_NAME_pop_free(names, nullptr); }
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

void read_names(WOLFSSL_X509* cert, PeerCertificate& to) {
  const Owned<WOLFSSL_STACK> names(static_cast<WOLFSSL_STACK*>(
      wolfSSL_X509_get_ext_d2i(cert, NID_subject_alt_name, nullptr, nullptr)));
  const int count = names ? wolfSSL_sk_GENERAL_NAME_num(names.get()) : 0;
  for (int i = 0; i < count; ++i) {
    const WOLFSSL_GENERAL_NAME* const name = wolfSSL_sk_GENERAL_NAME_value(names.get(), i);
    if (name == nullptr) continue;
    if (name->type == GEN_EMAIL) to.emails.push_back(to_string(name->d.rfc822Name));
    if (name->type == GEN_DNS) to.dns_names.push_back(to_string(name->d.dNSName));
    if (name->type == GEN_URI) to.uris.push_back(to_string(name->d.uniformResourceIdentifier));
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

}  // namespace

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
  read_names(cert.get(), *said);
  return said;
}

// RFC 5280, section 4.1: Certificate { TBSCertificate { [0] version, serial, signature, issuer,
// validity, subject, subjectPublicKeyInfo, … } … }.
std::string public_key_digest(std::string_view der) {
  std::string_view rest = take_element(der).inside;
  rest = take_element(rest).inside;
  if (!rest.empty() && static_cast<unsigned char>(rest[0]) == 0xa0) take_element(rest);
  for (int i = 0; i < 5; ++i) take_element(rest);
  const Element key = take_element(rest);
  if (key.tag != 0x30 || key.bytes.empty()) return {};
  std::string digest;
  for (const unsigned char byte : sha256(key.bytes)) {
    digest += "0123456789abcdef"[byte >> 4];
    digest += "0123456789abcdef"[byte & 15];
  }
  return digest;
}

std::string peer_key_digest(WOLFSSL* session) {
  const Owned<WOLFSSL_X509> cert(wolfSSL_get_peer_certificate(session));
  int bytes = 0;
  const unsigned char* const der = cert ? wolfSSL_X509_get_der(cert.get(), &bytes) : nullptr;
  if (der == nullptr || bytes <= 0) return {};
  return public_key_digest({reinterpret_cast<const char*>(der), static_cast<std::size_t>(bytes)});
}

}  // namespace petiole
