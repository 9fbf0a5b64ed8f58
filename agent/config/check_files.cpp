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

// The error begins with the option whose file it is about: "tls: cert_file "a.pem": …".
void check_listener_tls(const Config& config, const ConfigSources& sources, const char* where,
                        const TlsListenConfig& tls, std::vector<ConfigError>& errors) {
  if (!tls.enabled || !sources.check_tls) return;
  std::string text = sources.check_tls(tls.options);
  if (text.empty()) return;
  if (text.starts_with("tls: ")) text.erase(0, 5);
  std::string place = place_of(tls, text.substr(0, text.find(' ')));
  if (place.empty()) place = place_of(tls, "certs");
  if (place.empty()) place = place_of(tls, "");
  if (place.empty()) place = config.file.empty() ? where : config.file + ": " + where;
  errors.push_back({place, text});
}

}  // namespace

void check_files(const Config& config, const ConfigSources& sources,
                 std::vector<ConfigError>& errors) {
  for (std::size_t i = 0; i < config.remotes.size(); ++i) {
    const RemoteConfig& remote = config.remotes[i];
    const std::string where = "leafnodes.remotes[" + std::to_string(i) + "]";
    check_file(config, sources, where + ".credentials", remote.credentials, errors);
    if (!remote.tls) continue;
    check_file(config, sources, where + ".tls.cert_file", remote.tls->cert_file, errors);
    check_file(config, sources, where + ".tls.key_file", remote.tls->key_file, errors);
    check_file(config, sources, where + ".tls.ca_file", remote.tls->ca_file, errors);
  }
  check_listener_tls(config, sources, "--tls", config.tls, errors);
  check_listener_tls(config, sources, "websocket.tls", config.websocket.tls, errors);
  check_listener_tls(config, sources, "leafnodes.tls", config.leaf_listen.tls, errors);
}

}  // namespace petiole
