#include "agent/signal_command.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <vector>

#include "platform/files.h"
#include "platform/process.h"
#include "platform/signals.h"

namespace petiole {

namespace {

constexpr std::size_t kPidFileBytesMax = 64;

struct Command {
  const char* name;
  std::optional<Signal> signal;  // None: SIGKILL.
};

// nats-server signal.go, CommandToSignal.
constexpr Command kCommands[] = {
    {"stop", std::nullopt},     {"quit", Signal::kInterrupt}, {"term", Signal::kTerminate},
    {"reopen", Signal::kUser1}, {"reload", Signal::kHangUp},  {"ldm", Signal::kUser2},
};

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

std::optional<int> parse_pid(const std::string& text) {
  int pid = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error != std::errc() || rest != text.data() + text.size() || pid <= 0) return std::nullopt;
  return pid;
}

// Fills `pids`; returns what is wrong.
std::string find_processes(const std::string& target, std::vector<int>& pids) {
  const bool several = target.ends_with('*');
  const std::string number = several ? target.substr(0, target.size() - 1) : target;
  const std::optional<int> pid = parse_pid(number);
  if (!number.empty() && !pid) return "invalid pid: " + number;
  if (pid && !several) {
    pids.push_back(*pid);
    return {};
  }
  for (const int each : twin_processes()) {
    if (std::to_string(each).starts_with(number)) pids.push_back(each);
  }
  if (pids.empty()) return "no petiole processes running";
  if (several || pids.size() == 1) return {};
  std::string text = "multiple petiole processes running:";
  for (const int each : pids) text += ' ' + std::to_string(each);
  return text + "; name one: -sl command=pid";
}

}  // namespace

std::string run_signal(const std::string& command, std::string target,
                       const std::string& pid_file) {
  const auto* const found = std::find_if(std::begin(kCommands), std::end(kCommands),
                                         [&](const Command& each) { return each.name == command; });
  if (found == std::end(kCommands)) return "unknown signal \"" + command + '"';
  if (target.empty()) target = pid_file;
  if (const FileText file = read_file(target, kPidFileBytesMax); file.status.ok()) {
    target = trimmed(file.text);
  }
  std::vector<int> pids;
  if (std::string wrong = find_processes(target, pids); !wrong.empty()) return wrong;
  std::string failed;
  for (const int pid : pids) {
    const Status sent = found->signal ? send_signal(pid, *found->signal) : kill_process(pid);
    if (sent.ok()) continue;
    failed += failed.empty() ? "" : "; ";
    failed += "signal \"" + command + "\" " + std::to_string(pid) + ": " + std::string(sent.text());
  }
  return failed;
}

}  // namespace petiole
