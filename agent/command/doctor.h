// `petiole doctor URL`: walks the way to a hub step by step, says which one fails and what to do.
//
// It opens a leaf link of its own, as petiole would, publishes nothing, and closes it again.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/config.h"
#include "agent/config/source.h"
#include "platform/host.h"

namespace petiole {

struct DoctorStep {
  std::string name;  // "DNS", "TCP", "proxy", "TLS", "WebSocket", "INFO", "authentication", …
  bool ok = false;
  Duration took{};
  std::string detail;  // What was found, or the error.
  std::string advice;  // When it failed.
};

// One line a step, and the advice of the one that failed.
std::string to_text(const DoctorStep& step);

// What to try when the step fails with that text.
std::string_view doctor_advice(std::string_view step, std::string_view error);

// URL [--creds FILE] [--tlsca FILE] [--tlscert FILE] [--tlskey FILE] [--proxy URL] [--insecure]
// [--handshake_first]. Returns what is wrong, empty when nothing is.
std::string parse_doctor_arguments(std::span<const std::string> arguments, RemoteConfig& remote);

// Runs the steps; `step` is told each as it ends, `done` whether all went well.
void examine(const RemoteConfig& remote, const ConfigSources& sources, Host host,
             std::function<void(const DoctorStep&)> step, std::function<void(bool)> done);

// The command. Exit codes: 0 all steps passed, 1 one failed, 2 wrong arguments.
void run_doctor(std::span<const std::string> arguments, const ConfigSources& sources, Host host,
                std::function<void(std::string_view)> print, std::function<void(int)> done);

}  // namespace petiole
