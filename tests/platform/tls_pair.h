// Two TLS sessions in memory, with the certificates of tests/data/tls (make.sh there says what each
// is).
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "platform/tls.h"
#include "platform/tls_wolfssl.h"

namespace petiole::test {

inline std::string data(const char* name) { return std::string(PETIOLE_TEST_DATA "/tls/") + name; }

inline TlsOptions server_options() {
  TlsOptions options;
  options.server = true;
  options.verify = false;
  options.cert_file = data("server.pem");
  options.key_file = data("server-key.pem");
  return options;
}

inline TlsOptions client_options() {
  TlsOptions options;
  options.ca_file = data("ca.pem");
  return options;
}

inline TlsOptions mutual(TlsOptions options) {
  options.verify = true;
  options.ca_file = data("ca.pem");
  return options;
}

inline TlsOptions optional(TlsOptions options) {
  options.verify_optional = true;
  options.ca_file = data("ca.pem");
  return options;
}

inline TlsOptions with_cert(TlsOptions options, const char* name) {
  options.cert_file = data((std::string(name) + ".pem").c_str());
  options.key_file = data((std::string(name) + "-key.pem").c_str());
  return options;
}

inline std::unique_ptr<TlsSession> session(const TlsOptions& options, const std::string& name = {},
                                           TlsVersion version_max = TlsVersion::k13,
                                           const Calendar* calendar = nullptr) {
  TlsContextResult made = make_tls_context(options, calendar);
  REQUIRE_MESSAGE(made.context, made.error);
  if (version_max == TlsVersion::k12) {
    wolfSSL_CTX_set_max_proto_version(made.context->get(), TLS1_2_VERSION);
  }
  return make_tls_session(made.context, name);
}

// Two ends and the bytes between them. `step` bounds the bytes of one receive.
struct Pair {
  Pair(const TlsOptions& client_side, const TlsOptions& server_side,
       const std::string& name = "hub.example", std::size_t step_bytes = SIZE_MAX,
       TlsVersion version_max = TlsVersion::k13, const Calendar* calendar = nullptr)
      : client(session(client_side, name, version_max, calendar)),
        server(session(server_side, {}, TlsVersion::k13, calendar)),
        step(step_bytes) {}

  Status start() {
    Status status = client->start(to_server);
    if (status.ok()) status = server->start(to_client);
    return status;
  }

  // Moves what is on the way; a failure of an end is kept, and what it wrote still arrives.
  void run() {
    while (!to_server.empty() || !to_client.empty()) {
      move(to_server, *server, server_plain, to_client, server_status);
      move(to_client, *client, client_plain, to_server, client_status);
    }
  }
  void move(std::string& wire, TlsSession& end, std::string& plain, std::string& back,
            Status& status) {
    const std::string bytes = wire.substr(0, step);
    wire.erase(0, step);
    if (!status.ok() || bytes.empty()) return;
    status = end.receive(bytes, plain, back);
  }
  bool open() const { return client->open() && server->open(); }

  std::unique_ptr<TlsSession> client, server;
  std::size_t step;
  std::string to_server, to_client, server_plain, client_plain;
  Status client_status, server_status;
};

}  // namespace petiole::test
