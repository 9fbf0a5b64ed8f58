#include "agent/session/entrance.h"

#include <algorithm>

#include "platform/proxy_header.h"

namespace petiole {

namespace {

using Step = Entrance::Step;
using Then = Entrance::Step::Then;

constexpr Duration kHeaderTime = 5s;  // nats-server: proxyProtoReadTimeout.
constexpr char kHandshakeRecord = 0x16;
constexpr const char* kTlsFailed = "TLS Handshake Failure";

}  // namespace

bool HandshakeLimit::allow(Time now) {
  if (now >= until_) {
    until_ = now + 1s;
    count_ = 0;
  }
  if (count_ == most_) return false;
  ++count_;
  return true;
}

std::unique_ptr<Entrance> make_entrance(const EntranceOptions& options) {
  if (!options.tls && !options.proxy_header) return nullptr;
  return std::make_unique<Entrance>(options);
}

Step Entrance::greet(Step step) {
  step.greet = !greeted_;
  greeted_ = true;
  return step;
}

Step Entrance::opened(Time now) {
  header_seen_ = !options_.proxy_header;
  if (!header_seen_) due_ = now + kHeaderTime;
  if (options_.tls) tls_due_ = now + options_.tls->options.timeout;
  if (header_seen_ && options_.tls) {
    const bool falls_back = options_.tls->handshake_first && options_.tls->fallback.count() > 0;
    due_ = falls_back ? now + options_.tls->fallback : tls_due_;
  }
  const bool silent = options_.tls && options_.tls->handshake_first;
  return silent ? Step{} : greet({});
}

Step Entrance::receive(std::string_view input, Time now, Wire& wire) {
  if (securing_) {
    Step step = greet({});
    step.then = Then::kOpen;
    return step;
  }
  if (input.empty()) return {};
  if (header_seen_) return look(input, now);
  const ProxyHeader header = parse_proxy_header(input);
  if (header.verdict == ProxyHeader::Verdict::kIncomplete) return {};
  if (header.verdict == ProxyHeader::Verdict::kBroken) {
    Step step;
    step.then = Then::kEnd;
    step.reason = "Protocol Violation";
    return step;
  }
  header_seen_ = true;
  if (!header.address.empty()) wire.set_peer_address(header.address, header.port);
  if (options_.tls) {
    const bool falls_back = options_.tls->fallback.count() > 0 && !greeted_;
    due_ = falls_back ? now + options_.tls->fallback : tls_due_;
  }
  input.remove_prefix(header.used);
  Step step;
  if (!options_.tls) {
    step.then = Then::kOpen;
  } else if (!input.empty()) {
    step = look(input, now);
  }
  step.used = header.used;
  return step;
}

// The first byte after a PROXY header.
Step Entrance::look(std::string_view input, Time now) {
  if (!options_.tls) return {.then = Then::kOpen};
  if (!greeted_ || input.front() == kHandshakeRecord) return secure(now);
  return options_.allow_clear ? Step{.then = Then::kOpen} : refuse_clear();
}

Step Entrance::secure(Time now) {
  if (options_.limit && !options_.limit->allow(now)) {
    return {.then = Then::kEnd,
            .text = "Connection throttling is active. Please try again later.",
            .reason = "Maximum Connections Exceeded"};
  }
  securing_ = true;
  due_ = kNever;  // The connection watches the handshake.
  return {.then = Then::kSecure};
}

Step Entrance::refuse_clear() const {
  return {.then = Then::kEnd, .text = "Secure Connection - TLS Required", .reason = kTlsFailed};
}

Step Entrance::tick(Time now) {
  if (now < due_) return {};
  if (!header_seen_) return {.then = Then::kEnd, .reason = "Protocol Violation"};
  if (!greeted_ && now < tls_due_) {
    due_ = tls_due_;
    return greet({});
  }
  // A client that may come in clear and is silent gets what it would get without TLS.
  return options_.allow_clear && greeted_ ? Step{.then = Then::kOpen} : refuse_clear();
}

TlsOptions Entrance::tls_options(Time now) const {
  TlsOptions options = options_.tls->options;
  options.timeout = std::max<Duration>(tls_due_ - now, 1ms);
  return options;
}

}  // namespace petiole
