#include "agent/leaf/remote.h"

#include <algorithm>

#include "agent/config/units.h"

namespace petiole {

namespace {

void add(LinkBytes& sum, const LinkBytes& bytes) {
  sum.handshake += bytes.handshake;
  sum.keepalive += bytes.keepalive;
  sum.interest += bytes.interest;
  sum.data += bytes.data;
  sum.wire += bytes.wire;
}

const char* stage_name(Stage stage) {
  static constexpr const char* kNames[] = {"resolve", "connect",   "proxy",
                                           "TLS",     "WebSocket", "link"};
  return kNames[static_cast<int>(stage)];
}

std::string seconds(Duration span) {
  const auto tenths = std::chrono::duration_cast<std::chrono::milliseconds>(span).count() / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

}  // namespace

Remote::Remote(Server& server, LeafRegister& links, const RemoteConfig& config,
               FileReader read_file, UplinkObserver* observer)
    : server_(server),
      links_(links),
      config_(config),
      read_file_(std::move(read_file)),
      observer_(observer),
      urls_(config_, server.host().entropy),
      reconnect_(server.config().link, server.host().entropy),
      timer_(server.host().loop.make_timer([this] { dial(); })) {}

Remote::~Remote() {
  if (link_) link_->disown();
  if (dial_) dial_->cancel();
}

void Remote::start() {
  if (state_ != State::kStopped || urls_.size() == 0) return;
  Account* const account = server_.account(config_.account);
  if (account == nullptr) {
    shown_.last_error = "the account " + config_.account + " does not exist";
    return;
  }
  offer_ = std::make_shared<OfferedInterest>(*account, links_);
  wait(Duration{});
}

void Remote::stop() {
  timer_->cancel();
  const bool opened = state_ >= State::kHandshake;
  move_to(State::kStopped);
  if (link_ && opened) {
    link_->close();
  } else if (dial_) {
    dial_->cancel();
  }
  offer_.reset();  // The account may go as soon as the link is gone.
}

void Remote::set_observer(UplinkObserver* observer) {
  if (observer == observer_) return;
  const bool told = link_ && link_->account() != nullptr && state_ != State::kHandshake;
  if (observer_ && told) observer_->link_down(*link_);
  observer_ = observer;
  if (!observer_ || !up()) return;
  observer_->link_up(*link_);
  if (state_ == State::kDoubtful) observer_->link_doubted(*link_);
}

void Remote::kick() {
  const Clock& clock = server_.host().clock;
  if (state_ == State::kWaiting) {
    const Time when = std::max(clock.now(), not_before_);
    shown_.next_retry = clock.wall() + (when - clock.now());
    timer_->arm(when);
  }
  if (up()) link_->probe_now();
}

void Remote::move_to(State state) {
  state_ = state;
  shown_.since = server_.host().clock.wall();
  const bool up = state == State::kUp || state == State::kDoubtful;
  if (up)
    shown_.down_since = kNever;
  else if (shown_.down_since == kNever)
    shown_.down_since = server_.host().clock.now();
}

void Remote::wait(Duration span) {
  move_to(State::kWaiting);
  shown_.next_retry = server_.host().clock.wall() + span;
  timer_->arm(server_.host().clock.now() + span);
}

// TLS before any word. Over WebSocket there is no other moment for it: a tls {} block means it
// with ws:// too.
bool Remote::secure_first(const RemoteUrl& url) const {
  if (!is_websocket(url)) return config_.tls_handshake_first;
  return url.scheme == RemoteUrl::Scheme::kWss || config_.tls.has_value();
}

DialOptions Remote::dial_options(const RemoteUrl& url) const {
  const LinkLimits& limits = server_.config().link;
  DialOptions options;
  options.host = url.host;
  options.port = url.port;
  options.timeout = config_.dial_timeout.value_or(limits.dial_timeout);
  options.turn = reconnect_.attempt() / urls_.size();
  options.proxy = parse_proxy(config_);
  options.unsent_bytes_max = limits.unsent_bytes_max;
  if (secure_first(url)) options.tls = solicit_options(url).tls;
  if (is_websocket(url)) {
    options.websocket = WebSocketOptions{.host = join_host_port(url.host, url.port),
                                         .path = url.path + "/leafnode",
                                         .compression = config_.ws_compression,
                                         .headers = {}};
  }
  return options;
}

SolicitOptions Remote::solicit_options(const RemoteUrl& url) const {
  SolicitOptions options;
  options.url = url;
  options.tls = config_.tls.value_or(TlsOptions{});
  // A block that says nothing of it has the default; the links' own tls_timeout is for those.
  if (options.tls->timeout == TlsOptions{}.timeout)
    options.tls->timeout = server_.config().link.tls_timeout;
  if (options.tls->server_name.empty()) options.tls->server_name = urls_.tls_name(url);
  options.tls_wanted = config_.tls.has_value() || url.scheme == RemoteUrl::Scheme::kTls;
  options.tls_done = is_websocket(url) || config_.tls_handshake_first;
  return options;
}

void Remote::dial() {
  if (state_ != State::kWaiting) return;
  const RemoteUrl& url = urls_.current();
  move_to(State::kDialling);
  shown_.url = shown_url(url);
  shown_.next_retry = {};
  stage_ = Stage::kResolve;
  resolved_ = false;
  server_.host().log.debug("Trying to connect as leafnode to remote server on \"" + url.host + ":" +
                           std::to_string(url.port) + "\"");
  DialOptions options = dial_options(url);
  const std::uint64_t number = ++dials_;
  options.reached = [handle = std::weak_ptr<Remote*>(handle_), number](Stage done) {
    const auto self = handle.lock();
    if (!self || (*self)->dials_ != number) return;
    (*self)->stage_ = done;
    (*self)->resolved_ = true;
  };
  LinkOwner& owner = *this;
  auto link = std::make_unique<SolicitingLeaf>(server_, links_, config_, solicit_options(url),
                                               offer_, read_file_, owner);
  link_ = link.get();
  dial_ = server_.host().network.dial(options, std::move(link));
}

void Remote::link_opened(SolicitingLeaf&) { move_to(State::kHandshake); }

void Remote::link_info(const ServerInfo& info) { urls_.discover(info); }

void Remote::link_established(SolicitingLeaf& link) {
  up_since_ = server_.host().clock.now();
  urls_.restart_round();
  ++shown_.links;
  shown_.hub = link.hub();
  move_to(State::kUp);
  server_.host().log.info("leaf: connected to " + link.hub().server_name + " (" + shown_.url +
                          ", nats-server " + link.hub().version + ")");
  if (observer_) observer_->link_up(link);
}

void Remote::link_heartbeat(SolicitingLeaf& link, bool proven) {
  move_to(proven ? State::kUp : State::kDoubtful);
  if (observer_ == nullptr) return;
  proven ? observer_->link_proven(link) : observer_->link_doubted(link);
}

void Remote::link_interest(SolicitingLeaf& link, std::string_view subject) {
  const bool up = state_ == State::kUp || state_ == State::kDoubtful;
  if (observer_ && up && observer_->cares_for(subject)) {
    observer_->interest_changed(link);
  }
}

void Remote::link_interest_lost(SolicitingLeaf& link, std::string_view subject) {
  if (observer_ && (state_ == State::kUp || state_ == State::kDoubtful)) {
    observer_->interest_lost(link, subject);
  }
}

void Remote::link_drained(SolicitingLeaf& link) {
  if (observer_ && (state_ == State::kUp || state_ == State::kDoubtful)) {
    observer_->link_drained(link);
  }
}

void Remote::link_lost(SolicitingLeaf& link) {
  if (observer_) observer_->link_down(link);
}

void Remote::link_closed(SolicitingLeaf& link, const CloseReason& reason) {
  const bool was_up = link.account() != nullptr;
  const bool stopped = state_ == State::kStopped;
  add(shown_.in, link.bytes_in());
  add(shown_.out, link.bytes_out());
  shown_.dropped += link.dropped();
  link_ = nullptr;
  dial_.reset();
  if (stopped) return;
  if (link.wait() > Duration{}) {
    reconnect_.at_least(link.wait());
    not_before_ = server_.host().clock.now() + link.wait();
  }
  fail(reason, link);
  const bool round_over = urls_.next();
  const Duration up = server_.host().clock.now() - up_since_;
  const Duration span = was_up ? reconnect_.lost(up) : reconnect_.failed(round_over);
  wait(span);
  server_.host().log.write(was_up || reports_failure() ? LogLevel::kWarning : LogLevel::kDebug,
                           "leaf: " + shown_.url + (was_up ? " lost (" : " failed (") +
                               shown_.last_error + "); retry in " + seconds(span));
  shown_.url = shown_url(urls_.current());
}

// nats-server server.go, shouldReportConnectErr.
bool Remote::reports_failure() const {
  const LinkLimits& limits = server_.config().link;
  const auto every = static_cast<std::uint64_t>(shown_.links == 0 ? limits.connect_error_reports
                                                                  : limits.reconnect_error_reports);
  return reconnect_.attempt() == 1 || reconnect_.attempt() % every == 0;
}

// What people should read first: the hub's own words, then ours, then the connection's.
void Remote::fail(const CloseReason& reason, const SolicitingLeaf& link) {
  shown_.last_error_at = server_.host().clock.wall();
  if (!link.hub_error().empty()) {
    shown_.last_error = "the hub says: " + link.hub_error();
  } else if (!link.detail().empty()) {
    shown_.last_error = link.detail();
  } else if (reason.stage != Stage::kOpen) {
    shown_.last_error = std::string(stage_name(reason.stage)) + ": " + reason.text;
  } else {
    shown_.last_error = reason.text;
  }
}

// `stage_` is the last step that is done.
const char* Remote::dialling_step() const {
  const RemoteUrl& url = urls_.current();
  if (stage_ == Stage::kResolve) return resolved_ ? "connecting" : "resolving";
  if (stage_ == Stage::kConnect && !config_.proxy_url.empty()) return "proxy";
  if (stage_ <= Stage::kProxy && secure_first(url)) return "tls";
  return is_websocket(url) ? "websocket" : "connecting";
}

RemoteReport Remote::report() const {
  static constexpr const char* kStates[] = {"stopped",   "waiting", "dialling",
                                            "handshake", "up",      "doubtful"};
  RemoteReport report = shown_;
  report.state = kStates[static_cast<int>(state_)];
  if (state_ == State::kDialling) report.step = dialling_step();
  report.attempt = reconnect_.attempt();
  report.account = config_.account;
  for (const RemoteUrl& each : config_.urls) report.urls.push_back(shown_url(each));
  if (link_ == nullptr) return report;
  add(report.in, link_->bytes_in());
  add(report.out, link_->bytes_out());
  report.dropped += link_->dropped();
  report.rtt = link_->rtt();
  report.subscriptions = link_->subscription_count();
  if (link_->established()) report.cid = link_->cid();
  return report;
}

}  // namespace petiole
