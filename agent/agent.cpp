#include "agent/agent.h"

#include <algorithm>
#include <utility>

#include "agent/agent_parts.h"

namespace petiole {

namespace {

constexpr std::string_view kLeafIdKey = "leaf-id";

// Names this leaf in message ids: made once, kept with the store, so that a box keeps its identity
// when its name or address changes.
std::string leaf_id(Store& store, Entropy& entropy) {
  if (const auto known = store.state(kLeafIdKey)) return *known;
  constexpr std::string_view kDigits =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string id;
  for (int i = 0; i < 12; ++i) id += kDigits[entropy.number() % kDigits.size()];
  store.set_state(kLeafIdKey, id);
  return id;
}

}  // namespace

Agent::Agent(const Config& config, Host host, Store* store, FileReader read_file)
    : parts_(std::make_unique<Parts>(config, host, std::move(read_file))) {
  if (store && config.mirror.enabled) {
    parts_->links.leaf_id = leaf_id(*store, host.entropy);
    parts_->mirror = std::make_unique<Mirrors>(parts_->server, *store, parts_->links.leaf_id);
    parts_->links.captured = [&mirrors = *parts_->mirror](const Account& account) {
      const Mirror* const mirror = mirrors.of(account.name());
      return mirror != nullptr ? mirror->patterns() : std::vector<std::string>();
    };
  }
  parts_->serve_claims();
  for (const RemoteConfig& remote : parts_->server.config().remotes) {
    parts_->remotes.push_back(parts_->make_remote(remote));
  }
  parts_->serve_mirrors();
}

Agent::~Agent() = default;

Agent::Started Agent::start(const std::string& own_address) {
  Parts& parts = *parts_;
  const Config& config = parts.server.config();
  parts.introduce();
  Started started =
      parts.listen(parts.client_listener, {"client", "Listening for client connections on "},
                   {.host = config.host, .port = config.port}, accept_clients(parts.server));
  if (started.status.ok() && config.tls.enabled) {
    parts.server.host().log.info(config.allow_non_tls ? "TLS available for client connections"
                                                      : "TLS required for client connections");
  }
  if (started.status.ok() && config.websocket.enabled) started = parts.listen_websocket();
  if (started.status.ok() && config.leaf_listen.enabled) {
    started =
        parts.listen(parts.leaf_listener, {"leafnode", "Listening for leafnode connections on "},
                     {.host = config.leaf_listen.host,
                      .port = config.leaf_listen.port,
                      .unsent_bytes_max = config.link.unsent_bytes_max},
                     make_leaf_accept(parts.server, parts.links));
  }
  if (started.status.ok() && config.monitor.enabled) started = parts.listen_monitor();
  if (!started.status.ok()) return started;
  parts.server.listening_at({.client = client_port(),
                             .websocket = websocket_port(),
                             .leaf = leaf_port(),
                             .own_address = own_address});
  if (!config.leaf_listen.advertise.empty()) {
    const HostPort address = parts.server.leaf_address();
    parts.server.host().log.info("Advertise address for leafnode is set to " +
                                 join_host_port(address.host, address.port));
  }
  for (const auto& remote : parts.remotes) remote->start();
  return {};
}

void Agent::stop(std::function<void()> done) {
  Parts& parts = *parts_;
  parts.stopping = true;
  parts.probation.reset();
  parts.stop_listening();
  parts.monitor_listener.reset();
  if (parts.system) parts.system->events().shut_down();
  for (const auto& remote : parts.remotes) remote->stop();
  parts.close_all();
  if (!parts.mirror) return parts.server.host().loop.post(std::move(done));
  parts.mirror->stop(std::move(done));
}

void Agent::lame_duck(std::function<void()> done) {
  Parts& parts = *parts_;
  parts.stop_listening();
  if (parts.system) parts.system->events().lame_duck();
  if (parts.server.client_count() == 0) return parts.server.host().loop.post(std::move(done));
  for (const auto& [cid, session] : parts.server.open()) session->announce_lame_duck();
  parts.lame_duck = std::make_unique<LameDuck>(parts.server, std::move(done));
}

void Agent::kick_links() {
  for (const auto& remote : parts_->remotes) remote->kick();
}

std::uint16_t Agent::client_port() const { return Parts::port(parts_->client_listener); }
std::uint16_t Agent::websocket_port() const { return Parts::port(parts_->websocket_listener); }
std::uint16_t Agent::leaf_port() const { return Parts::port(parts_->leaf_listener); }
std::uint16_t Agent::monitor_port() const { return Parts::port(parts_->monitor_listener); }

std::string Agent::monitor(std::string_view target) { return parts_->answer(target); }

bool Agent::links_up() const {
  return std::all_of(parts_->remotes.begin(), parts_->remotes.end(),
                     [](const auto& remote) { return remote->up(); });
}

std::string Agent::status_line() const {
  if (parts_->remotes.empty()) return "serving, no hub configured";
  std::string line;
  for (const auto& remote : parts_->remotes) {
    const RemoteReport report = remote->report();
    line += (line.empty() ? "hub " : "; hub ") + report.url + ": " + report.state;
    if (!remote->up() && !report.last_error.empty()) line += " (" + report.last_error + ")";
  }
  if (parts_->mirror) {
    std::uint64_t backlog = 0;
    const MirrorReport report = parts_->mirror->report();
    for (const RuleReport& rule : report.rules) backlog += rule.messages;
    line += "; mirror: " + report.state + ", backlog " + std::to_string(backlog);
  }
  return line;
}

Account* Agent::account(std::string_view name) { return parts_->server.account(name); }

}  // namespace petiole
