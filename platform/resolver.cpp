#include "platform/resolver.h"

#include <netdb.h>
#include <pthread.h>

#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <csignal>
#include <cstring>
#include <map>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace petiole {

struct HostResolver::State {
  std::mutex mutex;  // Guards loop alone: a look-up may end while the loop goes away.
  Loop* loop;        // Null once the resolver is gone.
  Lookup lookup;
  std::map<std::string, std::vector<Done>> waiting;  // Loop thread. One entry a look-up.
  // Answers that nobody waited for any more: a DNS server may take longer than a dial may, each
  // time. Loop thread.
  std::map<std::string, LookupResult> late;

  void deliver(const std::string& host, const LookupResult& result) {
    auto found = waiting.extract(host);
    if (found.empty()) return;
    bool taken = false;
    for (const Done& done : found.mapped()) taken = done(result) || taken;
    if (taken || result.addresses.empty() || late.size() == kLookupsMax) return;
    late[host] = result;
  }
};

namespace {

asio::ip::address to_address(const addrinfo& info) {
  asio::ip::tcp::endpoint endpoint;
  std::memcpy(endpoint.data(), info.ai_addr, info.ai_addrlen);
  return endpoint.address();
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

// Runs `work` on a thread that nobody waits for and that takes no signals.
bool start_detached(std::function<void()> work) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = true;
  try {
    std::thread(std::move(work)).detach();
  } catch (const std::system_error&) {
    started = false;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

// This machine, also where no /etc/hosts says so; no DNS server is asked (RFC 6761, 6.3).
bool names_loopback(std::string_view host) { return host == "localhost" || host == "localhost."; }

}  // namespace

HostResolver::HostResolver(Loop& loop, Lookup lookup) : state_(std::make_shared<State>()) {
  state_->loop = &loop;
  state_->lookup = std::move(lookup);
}

HostResolver::~HostResolver() {
  const std::lock_guard lock(state_->mutex);
  state_->loop = nullptr;
  state_->waiting.clear();
}

void HostResolver::resolve(const std::string& host, Done done) {
  std::error_code error;
  const asio::ip::address address = asio::ip::make_address(host, error);
  if (!error) {
    return state_->loop->post([done = std::move(done), address] { done({{address}, {}}); });
  }
  if (const auto found = state_->waiting.find(host); found != state_->waiting.end()) {
    return found->second.push_back(std::move(done));
  }
  if (auto late = state_->late.extract(host); !late.empty()) {
    return state_->loop->post(
        [done = std::move(done), result = std::move(late.mapped())] { done(result); });
  }
  if (state_->waiting.size() == kLookupsMax) {
    return state_->loop->post([done = std::move(done)] {
      done({{}, "too many names are being looked up"});
    });
  }
  state_->waiting[host].push_back(std::move(done));
  look_up(host);
}

void HostResolver::look_up(const std::string& host) {
  const auto state = state_;
  const auto answer = [state, host](LookupResult result) {
    const std::lock_guard lock(state->mutex);
    if (state->loop == nullptr) return;
    state->loop->post([state, host, result = std::move(result)] { state->deliver(host, result); });
  };
  if (!start_detached([state, host, answer] { answer(state->lookup(host)); })) {
    answer({{}, "no thread for a look-up"});
  }
}

LookupResult HostResolver::lookup_by_system(const std::string& host) {
  if (names_loopback(host)) {
    return {{asio::ip::address_v4::loopback(), asio::ip::address_v6::loopback()}, {}};
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error != 0) return {{}, ::gai_strerror(error)};
  const std::unique_ptr<addrinfo, FreeAddresses> owner(list);
  LookupResult result;
  for (const addrinfo* info = list; info != nullptr; info = info->ai_next) {
    if (info->ai_family == AF_INET || info->ai_family == AF_INET6) {
      result.addresses.push_back(to_address(*info));
    }
  }
  if (result.addresses.empty()) result.error = "the name has no address";
  return result;
}

}  // namespace petiole
