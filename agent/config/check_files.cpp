#include "agent/config/check.h"

namespace petiole {
namespace {

void check_file(const Config& config, const ConfigSources& sources, const std::string& where,
                const std::string& path, std::vector<ConfigError>& errors) {
  if (path.empty()) return;
  const Result<std::string> text = sources.read_file(path);
  if (text.ok()) return;
  const std::string place = config.file.empty() ? where : config.file + ": " + where;
  errors.push_back({place, "cannot read \"" + path + "\": " + std::string(text.status().text())});
}

std::string place_of(const TlsListenConfig& tls, std::string_view option) {
  for (const auto& [name, place] : tls.places) {
    if (name == option) return place;
  }
  return {};
}

// What is wrong with it; begins with the option whose file it is about: "cert_file "a.pem": …".
std::string fault_of(const TlsOptions& options, const ConfigSources& sources) {
  if (!sources.check_tls) return {};
  std::string text = sources.check_tls(options);
  if (text.starts_with("tls: ")) text.erase(0, 5);
  return text;
}

// nats-server opens no listener for a "tls" alone, and then asks for no certificate.
bool is_unused(const TlsListenConfig& tls, bool listens) {
  return !listens && tls.options.cert_file.empty() && tls.options.key_file.empty();
}

void check_listener_tls(const Config& config, const ConfigSources& sources, const char* where,
                        const TlsListenConfig& tls, std::vector<ConfigError>& errors) {
  const std::string text = tls.enabled ? fault_of(tls.options, sources) : std::string();
  if (text.empty()) return;
  std::string place = place_of(tls, text.substr(0, text.find(' ')));
  if (place.empty()) place = place_of(tls, "certs");
  if (place.empty()) place = place_of(tls, "");
  if (place.empty()) place = config.file.empty() ? where : config.file + ": " + where;
  errors.push_back({place, text});
}

void check_remote_files(const Config& config, const ConfigSources& sources,
                        const std::string& where, const RemoteConfig& remote,
                        std::vector<ConfigError>& errors) {
  const std::size_t before = errors.size();
  check_file(config, sources, where + ".credentials", remote.credentials, errors);
  if (!remote.tls) return;
  check_file(config, sources, where + ".tls.cert_file", remote.tls->cert_file, errors);
  check_file(config, sources, where + ".tls.key_file", remote.tls->key_file, errors);
  check_file(config, sources, where + ".tls.ca_file", remote.tls->ca_file, errors);
  if (errors.size() != before) return;
  const std::string text = fault_of(*remote.tls, sources);
  const std::string place = where + ".tls";
  if (!text.empty()) {
    errors.push_back({config.file.empty() ? place : config.file + ": " + place, text});
  }
}

}  // namespace

void check_files(const Config& config, const ConfigSources& sources,
                 std::vector<ConfigError>& errors) {
  for (std::size_t i = 0; i < config.remotes.size(); ++i) {
    check_remote_files(config, sources, "leafnodes.remotes[" + std::to_string(i) + "]",
                       config.remotes[i], errors);
  }
  check_listener_tls(config, sources, "--tls", config.tls, errors);
  if (!is_unused(config.websocket.tls, config.websocket.enabled)) {
    check_listener_tls(config, sources, "websocket.tls", config.websocket.tls, errors);
  }
  if (!is_unused(config.leaf_listen.tls, config.leaf_listen.enabled)) {
    check_listener_tls(config, sources, "leafnodes.tls", config.leaf_listen.tls, errors);
  }
}

}  // namespace petiole
