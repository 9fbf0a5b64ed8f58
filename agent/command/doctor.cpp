#include "agent/command/doctor.h"

#include "agent/auth/nkey.h"
#include "agent/command/doctor_link.h"
#include "agent/config/units.h"
#include "agent/config/url.h"
#include "agent/leaf/creds.h"

namespace petiole {
namespace {

// The seed's line of a credentials file; parse_creds has checked that it is there.
std::string seed_text(const std::string& file) {
  const std::size_t begin = file.find("\nSU");
  if (begin == std::string::npos) return {};
  return file.substr(begin + 1, file.find_first_of("\r\n", begin + 1) - begin - 1);
}

// Returns what is wrong, empty when nothing is.
std::string read_credentials(const RemoteConfig& remote, const ConfigSources& sources,
                             DoctorLogin& login) {
  if (remote.credentials.empty()) return {};
  const Result<std::string> file = sources.read_file(remote.credentials);
  if (!file.ok()) return remote.credentials + ": " + std::string(file.status().text());
  const Result<Creds> creds = parse_creds(*file);
  if (!creds.ok()) return remote.credentials + ": " + std::string(creds.status().text());
  login.jwt = creds->jwt;
  login.seed = seed_text(*file);
  return {};
}

const char* stage_name(Stage stage) {
  switch (stage) {
    case Stage::kResolve:
      return "DNS";
    case Stage::kConnect:
      return "TCP";
    case Stage::kProxy:
      return "proxy";
    case Stage::kTls:
      return "TLS";
    case Stage::kWebSocket:
      return "WebSocket";
    case Stage::kOpen:
      return nullptr;
  }
  return nullptr;
}

// What is wrong with the files for TLS; empty: nothing.
std::string check_tls_files(const RemoteConfig& remote, const ConfigSources& sources) {
  if (!remote.tls || !sources.check_tls) return {};
  std::string wrong = sources.check_tls(*remote.tls);
  return wrong.starts_with("tls: ") ? wrong.substr(5) : wrong;
}

TlsOptions tls_options(const RemoteConfig& remote) {
  TlsOptions tls = remote.tls.value_or(TlsOptions{});
  if (tls.server_name.empty()) tls.server_name = remote.urls[0].host;
  return tls;
}

DialOptions dial_options(const RemoteConfig& remote) {
  const RemoteUrl& url = remote.urls[0];
  DialOptions options;
  options.host = url.host;
  options.port = url.port;
  if (!remote.proxy_url.empty()) {
    RemoteUrl proxy;
    (void)parse_proxy_url(remote.proxy_url, proxy);  // Checked with the arguments.
    options.proxy.emplace();
    options.proxy->host = proxy.host;
    options.proxy->port = proxy.port;
    options.proxy->user = proxy.user;
    options.proxy->password = proxy.password;
  }
  const bool secure_websocket = uses_websocket(url) && (uses_tls(url) || remote.tls);
  if (secure_websocket || remote.tls_handshake_first) {
    options.tls = tls_options(remote);
  }
  if (uses_websocket(url)) {
    options.websocket.emplace();
    options.websocket->host = join_host_port(url.host, url.port);
    options.websocket->path = url.path + "/leafnode";
  }
  return options;
}

}  // namespace

void examine(const RemoteConfig& remote, const ConfigSources& sources, Host host,
             std::function<void(const DoctorStep&)> step, std::function<void(bool)> done) {
  // `done` ends the program's loop or the test: never from inside a call of ours.
  auto record = std::make_shared<DoctorRecord>(
      host.clock, std::move(step), [&loop = host.loop, done = std::move(done)](bool ok) {
        loop.post([done, ok] { done(ok); });
      });
  DoctorLogin login;
  const std::string wrong = read_credentials(remote, sources, login);
  if (!wrong.empty()) return record->fail("credentials", wrong);
  const std::string bad_file = check_tls_files(remote, sources);
  if (!bad_file.empty()) return record->fail("TLS", bad_file);
  DialOptions options = dial_options(remote);
  options.reached = [record](Stage stage) {
    if (const char* name = stage_name(stage)) record->pass(name);
  };
  const RemoteUrl& url = remote.urls[0];
  login.user = url.user;
  login.password = url.password;
  login.tls = tls_options(remote);
  login.tls_wanted = uses_tls(url) || remote.tls.has_value();
  login.tls_done = options.tls.has_value() || options.websocket.has_value();
  login.by_proxy = options.proxy.has_value();
  login.name = "petiole-doctor-" + std::to_string(host.entropy.number() % 1'000'000'000);
  auto dial = host.network.dial(options, std::make_unique<DoctorLink>(std::move(login), record));
}

}  // namespace petiole
