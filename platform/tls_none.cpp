// Stands in for tls.cpp in a build without PETIOLE_TLS.
#include "platform/tls.h"

#include "platform/certificate_file.h"

namespace petiole {

class TlsContext {};

std::optional<WallTime> certificate_end(const std::string&) { return std::nullopt; }

std::optional<std::string> certificate_key(const std::string&) { return std::nullopt; }

TlsContextResult make_tls_context(const TlsOptions&, const Calendar*) {
  return {nullptr, "tls: this build has no TLS (PETIOLE_TLS)"};
}

std::unique_ptr<TlsSession> make_tls_session(const std::shared_ptr<TlsContext>&,
                                             const std::string&) {
  return nullptr;
}

}  // namespace petiole
