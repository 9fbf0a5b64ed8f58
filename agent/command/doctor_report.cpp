#include <cstdio>

#include "agent/command/doctor.h"
#include "agent/command/figures.h"
#include "agent/config/features.h"
#include "agent/config/url.h"

namespace petiole {
namespace {

struct Advice {
  std::string_view step, error, text;  // `error`: a part of it; empty: any.
};

constexpr Advice kAdvice[] = {
    // The first one that fits.
    {"DNS", "", "Check the host name, /etc/resolv.conf, and whether this device has a network."},
    {"TCP", "refused", "Nothing listens there. Check the port: a hub's leaf port is usually 7422."},
    {"TCP", "", "The address does not answer. Check routes and firewalls on the way."},
    {"proxy", "", "The proxy did not open the way. Check its address, user and password."},
    {"TLS", "offers no TLS",
     "Turn TLS on in the hub's leafnodes {}, or use nats-leaf:// without --tls options."},
    {"TLS", "not speak TLS",
     "The port takes no TLS from the first byte. Check the port, or use the scheme without it."},
    {"TLS", "client certificate", "Give the certificate that it asks for: --tlscert, --tlskey."},
    {"TLS", "authority", "Give the authority that signed the hub's certificate: --tlsca FILE."},
    {"TLS", "on this system",
     "Give the authority that signed the hub's certificate: --tlsca FILE."},
    {"TLS", "_file", "Give files of PEM blocks that can be read, a certificate with its own key."},
    {"TLS", "", "Check the CA (--tlsca), the name in the certificate, and this device's clock."},
    {"WebSocket", "",
     "The answer was no WebSocket. Check port and path, and the hub's websocket {}."},
    {"INFO", "leaf", "This is not a leaf port. Use that of the hub's leafnodes {}, usually 7422."},
    {"INFO", "", "Whoever answers speaks no NATS, or wants TLS at once: --handshake_first."},
    {"authentication", "uthorization",
     "The hub refused the login. Check credentials (--creds, or user:password@ in the URL), their "
     "expiry, and the account at the hub."},
    {"authentication", "loop", "Two links connect the same two servers. Remove one."},
    {"authentication", "", "The hub closed the link. Its own log says why."},
    {"permissions", "minimum version",
     "The hub's leafnodes {} wants a newer NATS than the one that `petiole -v` names. Lower its "
     "min_version."},
    {"permissions", "", "The hub's log says what this user may do."},
    {"JetStream", "",
     "Allow it to the leaf's user at the hub. Without it the link works, but what is "
     "sent again is recognised within the stream's duplicate window alone."},
};

std::string milliseconds(Duration span) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f ms",
                std::chrono::duration<double, std::milli>(span).count());
  return text;
}

struct FileFlag {
  std::string_view name;
  void (*set)(RemoteConfig&, const std::string&);
};

void set_tls(RemoteConfig& remote, std::string TlsOptions::*member, const std::string& file) {
  if (!remote.tls) remote.tls.emplace();
  *remote.tls.*member = file;
}

constexpr FileFlag kFileFlags[] = {
    {"--creds", [](RemoteConfig& r, const std::string& v) { r.credentials = v; }},
    {"--tlsca", [](RemoteConfig& r, const std::string& v) { set_tls(r, &TlsOptions::ca_file, v); }},
    {"--tlscert",
     [](RemoteConfig& r, const std::string& v) { set_tls(r, &TlsOptions::cert_file, v); }},
    {"--tlskey",
     [](RemoteConfig& r, const std::string& v) { set_tls(r, &TlsOptions::key_file, v); }},
    {"--proxy", [](RemoteConfig& r, const std::string& v) { r.proxy_url = v; }},
};

std::string unknown_flag(const std::string& name) {
  std::string text = "unknown flag " + name + "; allowed here: ";
  for (const FileFlag& flag : kFileFlags) text.append(flag.name).append(", ");
  return text + "--insecure, --handshake_first, URL";
}

bool set_file(RemoteConfig& remote, const std::string& name, const std::string& value) {
  for (const FileFlag& flag : kFileFlags) {
    if (flag.name != name) continue;
    flag.set(remote, value);
    return true;
  }
  return false;
}

std::string check_remote(const RemoteConfig& remote) {
  if (remote.urls.empty()) return "needs the URL of a hub: nats-leaf://, tls://, ws:// or wss://";
  const RemoteUrl& url = remote.urls[0];
  if (!kHasTls && (uses_tls(url) || remote.tls || !remote.credentials.empty())) {
    return "TLS and credentials are not supported by this build";
  }
  if (!kHasWebSocket && uses_websocket(url)) return "WebSocket is not supported by this build";
  RemoteUrl proxy;
  return remote.proxy_url.empty() ? "" : parse_proxy_url(remote.proxy_url, proxy);
}

}  // namespace

std::string_view doctor_advice(std::string_view step, std::string_view error) {
  for (const Advice& advice : kAdvice) {
    if (advice.step == step && error.find(advice.error) != std::string_view::npos)
      return advice.text;
  }
  return {};
}

std::string to_text(const DoctorStep& step) {
  std::string name = step.name;
  if (name.size() < 16) name.append(16 - name.size(), ' ');
  std::string took = milliseconds(step.took);
  if (took.size() < 11) took.insert(0, 11 - took.size(), ' ');
  std::string text = (step.ok ? "ok    " : "FAIL  ") + name + took;
  if (!step.detail.empty()) text += "  " + printable(step.detail);
  text += "\n";
  return step.advice.empty() ? text : text + "      " + step.advice + "\n";
}

std::string parse_doctor_arguments(std::span<const std::string> arguments, RemoteConfig& remote) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string name = arguments[i];
    if (name == "--insecure" || name == "--handshake_first") {
      if (!remote.tls) remote.tls.emplace();
      (name == "--insecure" ? remote.tls->insecure : remote.tls_handshake_first) = true;
      continue;
    }
    if (name.starts_with('-')) {
      const std::size_t equal = name.find('=');
      std::string value = equal == std::string::npos ? "" : name.substr(equal + 1);
      name.resize(std::min(equal, name.size()));
      if (equal == std::string::npos && i + 1 < arguments.size()) value = arguments[++i];
      if (!set_file(remote, name, value)) return unknown_flag(name);
      if (value.empty()) return name + " needs a value";
      continue;
    }
    if (!remote.urls.empty()) return "takes one URL";
    RemoteUrl url;
    if (std::string wrong = parse_remote_url(arguments[i], url); !wrong.empty()) return wrong;
    remote.urls.push_back(std::move(url));
  }
  return check_remote(remote);
}

void run_doctor(std::span<const std::string> arguments, const ConfigSources& sources, Host host,
                std::function<void(std::string_view)> print, std::function<void(int)> done) {
  RemoteConfig remote;
  const std::string wrong = parse_doctor_arguments(arguments, remote);
  if (!wrong.empty()) {
    print("petiole doctor: " + wrong + "\n");
    return host.loop.post([done = std::move(done)] { done(2); });
  }
  print("petiole doctor " + to_text(remote.urls[0]) + "\n");
  examine(
      remote, sources, host, [print](const DoctorStep& step) { print(to_text(step)); },
      [done = std::move(done)](bool ok) { done(ok ? 0 : 1); });
}

}  // namespace petiole
