#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "agent/command/doctor.h"
#include "agent/command/status.h"
#include "agent/demo/demo.h"
#include "agent/machine.h"
#include "agent/serve.h"
#include "agent/signal_command.h"
#include "platform/files.h"
#include "platform/signals.h"
#include "platform/terminal.h"

namespace petiole {

namespace {

constexpr int kConfigError = 1;
constexpr int kStartError = 2;
constexpr int kRestartNeeded = 3;  // As nats-server's --test_reload.

// False: nobody reads it.
bool print(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
         std::fflush(stdout) == 0;
}

void complain(std::string_view text) {
  std::fprintf(stderr, "petiole: %.*s\n", static_cast<int>(text.size()), text.data());
}

LogOptions quiet_log() {
  LogOptions options;
  options.to_stderr = false;
  return options;
}

// Runs a command on a loop of its own until it says that it is done.
template <class Start>
int run_command(Start start) {
  Machine machine(quiet_log());
  int exit_status = kStartError;
  const auto done = [&](int status) {
    exit_status = status;
    machine.loop.stop();
  };
  Signals signals(machine.loop, [&](Signal) { machine.loop.stop(); });
  start(machine.host(), done);
  machine.loop.run();
  machine.network.drop_connections();
  return exit_status;
}

int run_demo() {
  const TemporaryDirectory directory("petiole-demo");
  if (directory.path().empty()) {
    complain("cannot make a temporary directory; TMPDIR names where it may be");
    return kStartError;
  }
  Machine machine(quiet_log());
  ThreadWorker disk("petiole-store", ThreadWorker::Niceness::kMuch);
  StoreOptions options;
  options.dir = directory.path();
  StoreResult opened =
      open_store(options, machine.loop, disk, machine.clock, machine.entropy.number());
  if (!opened.store) {
    complain(opened.error);
    return kStartError;
  }
  int exit_status = kStartError;
  Demo demo({.terminal = redraws_lines(Demo::kColumns), .store_dir = directory.path()},
            machine.host(), *opened.store, print, [&](int status) {
              exit_status = status;
              machine.loop.stop();
            });
  Signals signals(machine.loop, [&](Signal) { machine.loop.stop(); });
  demo.start();
  machine.loop.run();
  machine.network.drop_connections();
  return exit_status;
}

int run_start(const std::string& program, std::span<const std::string> arguments) {
  hold_signals();
  const LoadedStart start = load_start(arguments, system_sources());
  for (const ConfigError& warning : start.loaded.warnings) complain("warning: " + to_text(warning));
  for (const ConfigError& error : start.loaded.errors) complain(to_text(error));
  if (!start.loaded.ok()) return kConfigError;
  if (start.action == StartAction::kSignal) {
    const std::string wrong =
        run_signal(start.signal, start.signal_target, start.loaded.config.pid_file);
    if (!wrong.empty()) complain("-sl: " + wrong);
    return wrong.empty() ? 0 : kConfigError;
  }
  for (const std::string& reason : start.restarts) complain(reason);
  if (!start.restarts.empty()) return kRestartNeeded;
  if (start.action != StartAction::kRun) return print(start.text + '\n'), 0;
  const std::vector<std::string> kept(arguments.begin(), arguments.end());
  const std::string name = program.substr(program.rfind('/') + 1);
  return run_server(name, start.loaded,
                    [kept] { return load_start(kept, system_sources()).loaded; });
}

bool wants_help(std::span<const std::string> arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [](const std::string& word) {
    return word == "-h" || word == "-help" || word == "--help";
  });
}

}  // namespace

int run_program(std::span<const std::string> words) {
  const std::span<const std::string> arguments = words.subspan(1);
  const std::string command = arguments.empty() ? "" : arguments.front();
  const bool known = command == "status" || command == "doctor" || command == "demo";
  if (known && wants_help(arguments)) {
    return run_start(words.front(), std::vector<std::string>{"--help"});
  }
  if (command == "status") {
    return run_command([&](Host host, auto done) {
      run_status(arguments.subspan(1), system_sources(), host, print, done);
    });
  }
  if (command == "doctor") {
    return run_command([&](Host host, auto done) {
      run_doctor(arguments.subspan(1), system_sources(), host, print, done);
    });
  }
  if (command == "demo") {
    if (arguments.size() > 1) return complain("demo takes no arguments"), kConfigError;
    return run_demo();
  }
  return run_start(words.front(), arguments);
}

}  // namespace petiole
