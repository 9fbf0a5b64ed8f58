#include "agent/serve.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "agent/agent.h"
#include "agent/clock_floor.h"
#include "agent/config/units.h"
#include "agent/machine.h"
#include "agent/server.h"
#include "platform/files.h"
#include "platform/json.h"
#include "platform/machine_watch.h"
#include "platform/process.h"
#include "platform/service_notify.h"
#include "platform/signals.h"
#include "platform/startup_code.h"

namespace petiole {

namespace {

using namespace std::chrono_literals;

constexpr int kStartError = 2;
constexpr Duration kGoodbyeMax = 2s;  // For peers to take what was sent to them last.
constexpr Duration kStatusBeat = 1s;  // Of the status text; written only when it changes.

LogOptions log_options(const LogConfig& config) {
  LogOptions options;
  options.debug = config.debug;
  options.trace = config.trace;
  options.time = config.time;
  options.utc = config.time_utc;
  options.to_stderr = config.file.empty() && !config.syslog;
  options.file = config.file;
  options.file_bytes_max = config.size_limit;
  options.files_max = config.files_max;
  options.syslog = config.syslog && config.file.empty();  // A file is preferred, as there.
  options.remote_syslog = config.remote_syslog;
  return options;
}

// As Go prints them.
std::string_view name_of(Signal signal) {
  static constexpr std::string_view kNames[] = {"interrupt", "terminated", "hangup",
                                                "user defined signal 1", "user defined signal 2"};
  return kNames[static_cast<int>(signal)];
}

// Of a listener on every address one for each address of this machine, as nats-server writes them.
std::vector<std::string> urls_of(const char* scheme, const std::string& host, std::uint16_t port) {
  const bool any = host.empty() || host == "0.0.0.0" || host == "::";
  std::vector<std::string> urls;
  for (const std::string& address : any ? interface_addresses() : std::vector{host}) {
    urls.push_back(std::string(scheme) + "://" + join_host_port(address, port));
  }
  return urls;
}

// One run of the server: start, signals, service notification, the end in order.
class Run {
 public:
  Run(std::string name, Config config, std::function<LoadedConfig()> load_again)
      : name_(std::move(name)),
        config_(std::move(config)),
        load_again_(std::move(load_again)),
        machine_(log_options(config_.log)),
        disk_("petiole-store", ThreadWorker::Niceness::kMuch) {}

  int run();

 private:
  bool open_mirror();
  void set_calendar();
  void report_recovery(const StoreRecovery& recovery);
  void on_signal(Signal signal);
  void on_machine(MachineEvent event);
  void reopen_log();
  std::string reload();
  std::string reload_now();
  void take_over(const Config& config);
  void begin_stop();
  void beat();
  void write_files();
  void remove_files();
  void say_goodbye();

  std::string name_;  // Of the program, as it was called.
  Config config_;
  std::function<LoadedConfig()> load_again_;
  Machine machine_;
  ThreadWorker disk_;
  std::unique_ptr<Store> store_;
  std::optional<ClockFloor> floor_;
  std::optional<Agent> agent_;
  ServiceNotify notify_;
  std::unique_ptr<Timer> timer_;
  std::string status_;
  std::string ports_file_;  // Empty: none was written.
  Time next_watchdog_{};
  bool leaving_ = false;  // Lame duck.
  bool stopping_ = false;
};

int Run::run() {
  raise_file_limit();
  Logger& log = machine_.log;
  log.info("Starting nats-server (petiole " + std::string(kPetioleVersion) + ")");
  log.info("  Version:  " + std::string(kNatsVersion));
  if (!machine_.log.file_error().empty()) log.error(machine_.log.file_error());
  if (config_.mirror.enabled && !open_mirror()) return kStartError;
  set_calendar();
  agent_.emplace(config_, machine_.host(), store_.get(), system_sources().read_file);
  agent_->on_reload([this] { return reload(); });
  // Before anyone can see that it is up: what is told from then on is acted on, by the loop.
  Signals signals(machine_.loop, [this](Signal signal) { on_signal(signal); });
  if (const Agent::Started started = agent_->start(own_address()); !started.status.ok()) {
    log.write(LogLevel::kFatal, started.error);
    return kStartError;
  }
  write_files();
  MachineWatch watch(machine_.loop, [this](MachineEvent event) { on_machine(event); });
  timer_ = machine_.loop.make_timer([this] { beat(); });
  log.info("Server is ready");
  release_startup_code();
  notify_.ready();
  if (notify_.active()) beat();
  machine_.loop.run();
  say_goodbye();
  remove_files();
  agent_.reset();
  floor_.reset();
  store_.reset();
  log.info("Server Exiting..");
  return 0;
}

// Once the store can say what time has passed.
void Run::set_calendar() {
  floor_.emplace(machine_.loop, store_.get(), build_time());
  machine_.calendar = Calendar(machine_.clock, config_.clock.trust, floor_->time());
  floor_->keep(machine_.calendar);
  if (!machine_.calendar.is_set()) machine_.log.warning(describe_unset(machine_.calendar));
}

bool Run::open_mirror() {
  StoreOptions options;
  options.dir = config_.mirror.dir;
  options.bytes_max = config_.mirror.max_bytes;
  StoreResult opened =
      open_store(options, machine_.loop, disk_, machine_.clock, machine_.entropy.number());
  if (!opened.store) {
    machine_.log.write(LogLevel::kFatal, opened.error);
    return false;
  }
  store_ = std::move(opened.store);
  report_recovery(store_->recovery());
  return true;
}

void Run::report_recovery(const StoreRecovery& recovery) {
  Logger& log = machine_.log;
  if (recovery.created) log.info("mirror: new store in " + config_.mirror.dir);
  if (recovery.unclean && recovery.quarantined.empty())
    log.info("mirror: the last run ended without a stop; all that was on disk is here");
  if (recovery.quarantined.empty()) return;
  log.error(
      "mirror: the store was damaged or not readable and is set aside as " + recovery.quarantined +
      "; " + std::to_string(recovery.salvaged_messages) + " messages salvaged, " +
      std::to_string(recovery.lost_messages) + " lost and entered in the ledger" +
      (recovery.lost_uncounted ? ", and an unknown number more: part of it was not readable" : ""));
}

// nats-server signal.go, handleSignal.
void Run::on_signal(Signal signal) {
  machine_.log.info("Trapped \"" + std::string(name_of(signal)) + "\" signal");
  switch (signal) {
    case Signal::kInterrupt:
    case Signal::kTerminate:
      if (stopping_) return machine_.loop.stop();
      if (signal == Signal::kTerminate && leaving_) return;  // It goes in order already.
      return begin_stop();
    case Signal::kUser1:
      return reopen_log();
    case Signal::kUser2:
      if (stopping_ || std::exchange(leaving_, true)) return;
      machine_.log.info("Entering lame duck mode, stop accepting new clients");
      return agent_->lame_duck([this] { begin_stop(); });
    case Signal::kHangUp:
      (void)reload();
      return;
  }
}

// What cannot be opened, on a full disk perhaps, leaves the old file in use.
void Run::reopen_log() {
  LogWriter& log = machine_.log;
  log.reopen();
  if (!log.file_error().empty()) return log.error("File log not re-opened: " + log.file_error());
  log.info(config_.log.file.empty() ? "File log re-open ignored, not a file logger"
                                    : "File log re-opened");
}

// Whatever it was, a link may be dead or a way to the hub open again: the links look at once.
void Run::on_machine(MachineEvent event) {
  switch (event) {
    case MachineEvent::kNetworkChanged:
      machine_.log.debug("the network changed: hub links dial or ask at once");
      break;
    case MachineEvent::kClockSet:
      machine_.log.warning(machine_.calendar.is_set() ? "the clock was set"
                                                      : describe_unset(machine_.calendar));
      break;
    case MachineEvent::kWokeUp:
      machine_.log.info("the machine slept: hub links dial or ask at once");
      break;
  }
  agent_->kick_links();
}

// All of a changed configuration, or nothing of it. Returns what is wrong; empty: nothing.
std::string Run::reload() {
  if (stopping_) return reload_now();  // Nothing is taken over, and systemd knows that it ends.
  notify_.reloading(machine_.clock.now());
  std::string wrong = reload_now();
  notify_.ready();
  return wrong;
}

std::string Run::reload_now() {
  Logger& log = machine_.log;
  const LoadedConfig loaded = load_again_();
  for (const ConfigError& warning : loaded.warnings) log.warning(to_text(warning));
  std::vector<std::string> errors;
  for (const ConfigError& error : loaded.errors) errors.push_back(to_text(error));
  Agent::Reloaded result;
  if (errors.empty()) {
    result = agent_->reload(loaded.config);
    errors = result.errors;
  }
  for (const std::string& error : errors) {
    log.error("Failed to reload server configuration: " + error);
  }
  if (!errors.empty()) {
    log.error("reload: the configuration in force stays as it is");
    return errors.front();
  }
  take_over(loaded.config);
  for (const std::string& line : result.lines) log.info(line);
  log.info(result.lines.empty() ? "Reloaded: nothing has changed"
                                : "Reloaded server configuration (" + loaded.config.digest + ")");
  agent_->kick_links();
  return {};
}

// What of the configuration is the process's own: the log, the files that tell of it.
void Run::take_over(const Config& config) {
  machine_.log.configure(log_options(config.log));
  if (!machine_.log.file_error().empty()) machine_.log.error(machine_.log.file_error());
  const bool other_files =
      config.pid_file != config_.pid_file || config.ports_file_dir != config_.ports_file_dir;
  if (other_files) remove_files();
  config_ = config;
  if (other_files) write_files();
}

void Run::begin_stop() {
  if (std::exchange(stopping_, true)) return;  // The lame duck's last client may be gone too.
  machine_.log.info("Initiating Shutdown...");
  notify_.stopping();
  (void)floor_->note();
  agent_->stop([this] { machine_.loop.stop(); });
}

// Runs under systemd only: status text and watchdog. An idle server without it sleeps.
void Run::beat() {
  const Time now = machine_.clock.now();
  if (std::string status = agent_->status_line(); status != status_) {
    status_ = std::move(status);
    notify_.status(status_);
  }
  if (const auto interval = notify_.watchdog_interval(); interval && now >= next_watchdog_) {
    notify_.watchdog();
    next_watchdog_ = now + *interval;
  }
  timer_->arm(now +
              std::min<Duration>(kStatusBeat, notify_.watchdog_interval().value_or(kStatusBeat)));
}

// What tells other programs of this process: its id, and the ports that it found free.
void Run::write_files() {
  const std::string pid = std::to_string(process_id());
  const auto write = [this](const std::string& path, const std::string& text) {
    if (const Status written = place_file(path, text); !written.ok()) {
      machine_.log.error(path + ": " + std::string(written.text()));
    }
  };
  if (!config_.pid_file.empty()) write(config_.pid_file, pid);
  if (config_.ports_file_dir.empty()) return;
  ports_file_ = config_.ports_file_dir + "/" + name_ + "_" + pid + ".ports";
  json::object ports;
  const auto add = [&ports](const char* name, const char* scheme, const std::string& host,
                            std::uint16_t port) {
    if (port != 0) ports[name] = json::value_from(urls_of(scheme, host, port));
  };
  const bool tls = config_.tls.enabled && !config_.allow_non_tls;
  add("nats", tls ? "tls" : "nats", config_.host, agent_->client_port());
  add("monitoring", config_.monitor.secure ? "https" : "http", config_.monitor.host,
      agent_->monitor_port());
  add("websocket", config_.websocket.tls.enabled ? "wss" : "ws", config_.websocket.host,
      agent_->websocket_port());
  add("leafnodes", config_.leaf_listen.tls.enabled ? "tls" : "nats", config_.leaf_listen.host,
      agent_->leaf_port());
  write(ports_file_, to_text(json::value(ports)));
}

void Run::remove_files() {
  if (!ports_file_.empty()) remove_file(ports_file_);
  ports_file_.clear();
}

void Run::say_goodbye() {
  const Time until = machine_.clock.now() + kGoodbyeMax;
  const auto timer = machine_.loop.make_timer([] {});
  while (machine_.network.open_connections() != 0 && machine_.clock.now() < until) {
    timer->arm(machine_.clock.now() + 50ms);
    machine_.loop.turn();
  }
  machine_.network.drop_connections();
}

}  // namespace

int run_server(std::string name, const LoadedConfig& loaded,
               std::function<LoadedConfig()> load_again) {
  return Run(std::move(name), loaded.config, std::move(load_again)).run();
}

}  // namespace petiole
