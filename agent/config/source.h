// Where configuration text comes from, and how a fault in it is told. agent/ reads no files itself.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "platform/status.h"
#include "platform/tls.h"

namespace petiole {

struct ConfigSources {
  // The whole file, or a status whose text says why not ("no such file").
  std::function<Result<std::string>(const std::string& path)> read_file;
  // A variable of the environment.
  std::function<std::optional<std::string>(const std::string& name)> environment;
  // What is wrong with the keys and certificates that are named; empty: nothing. May be absent.
  std::function<std::string(const TlsOptions& options)> check_tls{};
};

// One fault: where it stands and what is wrong, with what is allowed.
struct ConfigError {
  std::string place;  // "petiole.conf:3:5", or the flag: "--port". Empty: the whole.
  std::string text;
};

// "petiole.conf:3:5: unknown field …".
inline std::string to_text(const ConfigError& error) {
  return error.place.empty() ? error.text : error.place + ": " + error.text;
}

}  // namespace petiole
