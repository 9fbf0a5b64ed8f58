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
}

}  // namespace petiole
