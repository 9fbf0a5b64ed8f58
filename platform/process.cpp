#include "platform/process.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>

#include "platform/files.h"

namespace petiole {

namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Duration used_time() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto span = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return span(usage.ru_utime) + span(usage.ru_stime);
}

// The file's name alone; empty: of another user, or gone meanwhile.
std::string program_of(const std::string& process) {
  char path[PATH_MAX];
  const ssize_t bytes = ::readlink(("/proc/" + process + "/exe").c_str(), path, sizeof path);
  std::string_view text(path, bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
  constexpr std::string_view kReplaced = " (deleted)";
  if (text.ends_with(kReplaced)) text.remove_suffix(kReplaced.size());
  return std::string(text.substr(text.rfind('/') + 1));
}

constexpr Duration kSpanMin = std::chrono::milliseconds(100);  // A shorter one tells nothing.

}  // namespace

std::uint64_t resident_bytes() {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen("/proc/self/statm", "re"));
  unsigned long total = 0, resident = 0;
  if (!file || std::fscanf(file.get(), "%lu %lu", &total, &resident) != 2) return 0;
  return std::uint64_t{resident} * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// Those that this process may run on: a container may have fewer than the machine.
int cores() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
}

void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

int process_id() { return ::getpid(); }

std::vector<int> twin_processes() {
  const std::string own = program_of("self");
  const auto processes = list_names("/proc");
  std::vector<int> found;
  if (!processes.ok() || own.empty()) return found;
  for (const std::string& text : *processes) {
    int pid = 0;
    const auto [rest, wrong] = std::from_chars(text.data(), text.data() + text.size(), pid);
    if (wrong != std::errc() || rest != text.data() + text.size() || pid == ::getpid()) continue;
    if (program_of(text) == own) found.push_back(pid);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string program_name() { return ::program_invocation_short_name; }

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof(name) - 1) == 0 ? name : "localhost";
}

double CpuMeter::percent(Time now) {
  if (measured_ && now - last_time_ < kSpanMin) return last_percent_;
  const Duration used = used_time();
  const Duration used_before = std::exchange(last_used_, used);
  const Duration span = now - std::exchange(last_time_, now);
  if (!std::exchange(measured_, true) || span.count() <= 0) return 0;
  // To a tenth, as nats-server and ps say it.
  return last_percent_ = std::round(1000.0 * static_cast<double>((used - used_before).count()) /
                                    static_cast<double>(span.count())) /
                         10;
}

std::vector<std::string> interface_addresses() {
  std::vector<std::string> addresses;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return addresses;
  for (const ifaddrs* each = first; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || (each->ifa_flags & IFF_UP) == 0) continue;
    const int family = each->ifa_addr->sa_family;
    const void* bytes = nullptr;
    if (family == AF_INET) {
      bytes = &reinterpret_cast<const sockaddr_in*>(each->ifa_addr)->sin_addr;
    } else if (family == AF_INET6) {
      bytes = &reinterpret_cast<const sockaddr_in6*>(each->ifa_addr)->sin6_addr;
    }
    char text[INET6_ADDRSTRLEN] = {};
    if (bytes && ::inet_ntop(family, bytes, text, sizeof text)) addresses.push_back(text);
  }
  ::freeifaddrs(first);
  return addresses;
}

std::string own_address() {
  // Loopback and link-local ones are of no use elsewhere.
  constexpr std::string_view kNear[] = {"127.", "169.254.", "fe8", "fe9", "fea", "feb"};
  for (std::string& address : interface_addresses()) {
    const bool near = std::any_of(std::begin(kNear), std::end(kNear),
                                  [&](std::string_view each) { return address.starts_with(each); });
    if (!near && address != "::1") return std::move(address);
  }
  return {};
}

}  // namespace petiole
