// `petiole status`: one screen of what a running petiole is doing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "agent/config/source.h"
#include "platform/host.h"
#include "platform/http.h"
#include "platform/json.h"
#include "platform/tls.h"

namespace petiole {

// Bodies of the endpoints, as they came.
struct StatusBodies {
  std::string varz, linkz, mirrorz;
};

struct StatusScreen {
  std::string text;
  int exit_code = 0;  // 0: healthy. 1: a link is down, or the mirror cannot store. 2: not JSON.
};

StatusScreen render_status(const StatusBodies& bodies);
// The same as one JSON object: {"healthy": …, "varz": …, "linkz": …, "mirrorz": …}.
StatusScreen render_status_json(const StatusBodies& bodies);

struct StatusOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8222;
  std::string path;               // http_base_path.
  std::optional<TlsOptions> tls;  // https.
  bool json = false, watch = false;
  Duration interval = std::chrono::seconds(2);
};
// [--json] [--watch] [-c FILE] [-m port | -ms port | URL] [--tlsca FILE | --insecure]. Returns what
// is wrong, empty when nothing is.
//
// FILE is the configuration of the one that is asked: where it is to be found, and over https who
// it is, by the key of its own certificate; no name and no authority is needed for that. Without
// FILE the certificate must be for the URL's host, and of `--tlsca` or one that the system trusts.
std::string parse_status_arguments(std::span<const std::string> arguments,
                                   const ConfigSources& sources, StatusOptions& options);

// Fetches and prints; with --watch again and again, until the process is ended or `print` says that
// nobody reads it. `done` gets the exit code: as StatusScreen, or 2 when there is no answer.
void run_status(std::span<const std::string> arguments, const ConfigSources& sources, Host host,
                std::function<bool(std::string_view)> print, std::function<void(int)> done);

}  // namespace petiole
