// verify_and_map: which user a client's certificate names. Wire 2.1; nats-server auth.go,
// checkClientTLSCertSubject.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/tls.h"

namespace petiole {

// The first of `users` that the certificate names: by an e-mail address, a DNS name or a URI, each
// exactly; then by its subject, compared attribute by attribute in the user's order, then in any;
// then by the subject's text. None: the certificate names no user.
std::optional<std::string> certificate_user(const PeerCertificate& certificate,
                                            const std::vector<std::string>& users);

// "CN=box,O=plant": the last attribute first, as Go's pkix and RFC 2253 write it.
std::string subject_text(const PeerCertificate& certificate);

}  // namespace petiole
