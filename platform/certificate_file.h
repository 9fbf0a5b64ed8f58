// What a PEM file of a certificate says, without a session.
#pragma once

#include <optional>
#include <string>

namespace petiole {

// SHA-256 of the public key of the file's first certificate, as TlsOptions::pinned_certs has it;
// none: the file cannot be read, or there is no TLS.
std::optional<std::string> certificate_key(const std::string& cert_file);

}  // namespace petiole
