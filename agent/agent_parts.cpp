#include "agent/agent_parts.h"

#include <algorithm>

#include "agent/auth/gate.h"
#include "agent/config/units.h"
#include "platform/crypto.h"

namespace petiole {

namespace {

constexpr std::size_t kPayloadFine = 8 << 20;  // nats-server const.go: MAX_PAYLOAD_MAX_SIZE.

bool has_plain_secret(const AuthConfig& auth) {
  const auto plain = [](const std::string& kept) { return !kept.empty() && !is_bcrypt(kept); };
  return plain(auth.token) ||
         std::any_of(auth.users.begin(), auth.users.end(),
                     [&](const UserConfig& user) { return plain(user.password); });
}

}  // namespace

Agent::Parts::Parts(const Config& config, Host host, FileReader file_reader)
    : server(config, host),
      links(server),
      read_file(std::move(file_reader)),
      monitor([this] { return gather(); }) {
  if (server.config().system_account.empty()) return;
  system = std::make_unique<System>(
      server, [this] { return gather(); },
      [this] { return reload ? reload() : "no configuration to read again"; });
}

MonitorInput Agent::Parts::gather() {
  const Host& host = server.host();
  MonitorInput input{.server = server};
  for (const auto& remote : remotes) input.links.push_back(remote->report());
  if (mirror) input.mirror = mirror->report();
  input.process = {.resident_bytes = resident_bytes(),
                   .cpu_percent = cpu.percent(host.clock.now()),
                   .cores = cores()};
  input.client_port = port(client_listener);
  input.leaf_port = port(leaf_listener);
  input.monitor_port = port(monitor_listener);
  input.websocket_port = port(websocket_listener);
  input.now = host.clock.now();
  input.wall = host.clock.wall();
  input.requests = &monitor.requests();
  input.certificates = &certificates;
  return input;
}

// nats-server's lines behind its version; server.go, Start; auth.go, checkAuthforWarnings.
void Agent::Parts::introduce() {
  const Config& config = server.config();
  Logger& log = server.host().log;
  log.info("  Name:     " + server.name());
  log.info("  ID:       " + server.id());
  if (!config.file.empty()) {
    log.info("Using configuration file: " + config.file + " (" + config.digest + ")");
  }
  if (config.limits.payload_bytes_max > kPayloadFine) {
    log.warning(
        "Maximum payloads over 8.00 MB are generally discouraged and could lead to poor "
        "performance");
  }
  if (has_plain_secret(config.auth)) {
    log.warning("Plaintext passwords detected, use nkeys or bcrypt");
  }
  if (config.websocket.enabled && config.websocket.no_tls) {
    log.warning("Websocket not configured with TLS. DO NOT USE IN PRODUCTION!");
  }
}

Agent::Started Agent::Parts::listen(std::unique_ptr<Listener>& listener, const Words& words,
                                    const ListenOptions& options, Network::Accept accept) {
  auto bound = server.host().network.listen(options, std::move(accept));
  if (!bound.ok()) {
    return {bound.status(), "cannot listen for " + words.what + " connections on " +
                                join_host_port(options.host, options.port) + ": " +
                                std::string(bound.status().text())};
  }
  listener = std::move(*bound);
  server.host().log.info(words.said + join_host_port(options.host, listener->port()));
  return {};
}

void Agent::Parts::serve_claims() {
  AccountBook* const book = server.gate().book();
  Account* const account = server.account(server.config().system_account);
  if (!book || !book->store().keeps() || !account) return;
  claims =
      std::make_unique<ClaimService>(*book, *account, server.host(),
                                     ClaimService::Self{server.name(), server.config().host,
                                                        server.id(), std::string(kNatsVersion)});
}

// Clients and, on paths that end with /leafnode, leafs. nats-server websocket.go.
Agent::Started Agent::Parts::listen_websocket() {
  const WebSocketListenConfig& config = server.config().websocket;
  WebSocketListenOptions websocket;
  websocket.compression = config.compression;
  websocket.secure = config.tls.enabled;
  websocket.same_origin = config.same_origin;
  websocket.allowed_origins = config.allowed_origins;
  websocket.headers = config.headers;
  for (const std::string* cookie :
       {&config.jwt_cookie, &config.user_cookie, &config.pass_cookie, &config.token_cookie}) {
    if (!cookie->empty()) websocket.cookies.push_back(*cookie);
  }
  websocket.timeout = config.handshake_timeout;
  ListenOptions options{.host = config.host, .port = config.port};
  if (config.tls.enabled) options.tls = config.tls.options;
  options.websocket = std::move(websocket);
  auto accept = [this, clients = accept_clients(server), leafs = make_leaf_accept(server, links)](
                    const PeerInfo& peer) -> std::unique_ptr<Protocol> {
    if (!peer.upgrade || !peer.upgrade->path.ends_with("/leafnode")) return clients(peer);
    if (server.config().leaf_listen.enabled) return leafs(peer);
    server.host().log.error("Not configured to accept leaf node connections");
    return nullptr;
  };
  return listen(websocket_listener,
                {"websocket", config.tls.enabled ? "Listening for websocket clients on wss://"
                                                 : "Listening for websocket clients on ws://"},
                options, std::move(accept));
}

Agent::Started Agent::Parts::listen_monitor() {
  const Config& config = server.config();
  ListenOptions options{.host = config.monitor.host, .port = config.monitor.port};
  if (config.monitor.secure) {
    options.tls = config.tls.options;
    options.tls->verify = false;  // As nats-server: whoever may connect may look.
    options.tls->verify_optional = false;
    options.tls->pinned_certs.clear();
  }
  return listen(monitor_listener,
                {"monitor", config.monitor.secure ? "Starting https monitor on "
                                                  : "Starting http monitor on "},
                options, accept_monitor());
}

void Agent::Parts::stop_listening() {
  client_listener.reset();
  websocket_listener.reset();
  leaf_listener.reset();
}

void Agent::Parts::close_all() {
  // A session may leave the register while it ends.
  std::vector<Reportable*> sessions;
  for (const auto& [cid, session] : server.open()) sessions.push_back(session);
  for (Reportable* session : sessions) session->shut_down("Server Shutdown");
}

}  // namespace petiole
