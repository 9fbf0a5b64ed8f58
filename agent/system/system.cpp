#include "agent/system/system.h"

#include <algorithm>
#include <utility>

#include "agent/subject/subject.h"
#include "agent/system/internal_trace.h"

namespace petiole {

namespace {

// Beyond these nobody answers: the requestor gets a 503.
constexpr std::size_t kWaitingMax = 256;  // Of the system account; and of all others together,
constexpr std::size_t kOrdinaryMax = 32;  // of each of which so many; one has a place in any case.
constexpr Duration kSliceMax = 1ms;       // Of one turn; more waits.
constexpr int kShare = 10;                // Answers take a tenth of the time.

}  // namespace

System::Port::~Port() {
  for (Subscription* const each : subscriptions_) account_.retire(each);
}

void System::Port::subscribe(std::string_view subject) {
  const std::string sid = std::to_string(subscriptions_.size() + 1);
  subscriptions_.push_back(make_subscription(*this, subject, {}, sid));
  account_.add(*subscriptions_.back());
}

bool System::Port::deliver(Subscription&, const Message& message) {
  if (!system_.take(*this, message)) return false;
  // nats-server: an account has sent what its connections got, not what it asked of the system's.
  if (!system_.is_system(*this)) account_.passed_on(message.header.size() + message.payload.size());
  return true;
}

System::System(Server& server, Gather gather, Reload reload)
    : server_(server),
      gather_(std::move(gather)),
      reload_(std::move(reload)),
      identity_(server),
      timer_(server.host().loop.make_timer([this] { work(); })),
      self_(std::make_shared<System*>(this)),
      events_(server, *server.account(server.config().system_account), identity_,
              [this] { return gather_(); }) {
  open_ports();
  server_.watch_accounts(this);
}

System::~System() { server_.watch_accounts(nullptr); }

System::Port& System::add_port(Account& account, PeerKind kind) {
  ports_.push_back(std::make_unique<Port>(*this, account, kind));
  return *ports_.back();
}

// Few and wide, because a hub with 10,000 leafs in its system account keeps them for each; what
// nobody answers is not taken, so that the requestor is told.
void System::open_ports() {
  Account& system = *server_.account(server_.config().system_account);
  Port& wide = add_port(system, PeerKind::kSystem);
  wide.subscribe("$SYS.REQ.SERVER.PING");
  wide.subscribe("$SYS.REQ.SERVER.PING.*");
  wide.subscribe("$SYS.REQ.SERVER." + server_.id() + ".*");
  wide.subscribe("$SYS.REQ.ACCOUNT.*.*");
  Port& near = add_port(system, PeerKind::kInternal);
  near.subscribe("$SYS.REQ.USER.INFO");
  near.subscribe("$SYS.DEBUG.SUBSCRIBERS");
  for (const auto& [name, account] : server_.accounts()) {
    if (account.get() != &system) account_came(*account);
  }
}

// nats-server events.go, registerSystemImports.
void System::account_came(Account& account) {
  Port& port = add_port(account, PeerKind::kInternal);
  for (const char* subject : {"$SYS.REQ.ACCOUNT.PING.CONNZ", "$SYS.REQ.SERVER.PING.CONNZ",
                              "$SYS.REQ.ACCOUNT.PING.STATZ", "$SYS.REQ.USER.INFO"}) {
    port.subscribe(subject);
  }
}

void System::account_leaves(Account& account) {
  const auto of_account = [&](const auto& port) { return &port->account() == &account; };
  std::erase_if(turns_, of_account);
  std::erase_if(ports_, of_account);
}

bool System::is_system(Port& port) const {
  return port.account().name() == server_.config().system_account;
}

bool System::has_room(Port& port) const {
  if (is_system(port)) return port.waiting.size() < kWaitingMax;
  if (port.waiting.empty()) return true;
  if (port.waiting.size() >= kOrdinaryMax) return false;
  std::size_t all = 0;
  for (Port* each : turns_) all += is_system(*each) ? 0 : each->waiting.size();
  return all < kWaitingMax;
}

void System::line_up(Port& port) {
  const auto ordinary = [this](Port* each) { return !is_system(*each); };
  turns_.insert(
      is_system(port) ? std::find_if(turns_.begin(), turns_.end(), ordinary) : turns_.end(), &port);
}

bool System::take(Port& port, const Message& message) {
  const FoundCall found = is_system(port)
                              ? find_call(message.subject, server_.id())
                              : find_account_call(message.subject, port.account().name());
  if (!found.call || !has_room(port)) return false;
  if (message.reply.empty() && !found.call->without_reply) return true;
  if (!message.reply.empty() && !is_valid_literal(message.reply)) return true;
  const Account::Origin* const origin = port.account().origin();
  const Subscriber* const from = origin ? origin->from : nullptr;
  if (port.waiting.empty()) line_up(port);
  // One byte more than allowed is enough to be told of as too long.
  port.waiting.push_back({.call = found.call,
                          .account = std::string(found.account),
                          .reply = std::string(message.reply),
                          .body = std::string(message.payload.substr(0, kOptionsBytesMax + 1)),
                          .cid = from ? from->cid() : 0});
  schedule();
  return true;
}

void System::schedule() {
  if (std::exchange(scheduled_, true)) return;
  if (server_.host().clock.now() < not_before_) return timer_->arm(not_before_);
  server_.host().loop.at_turn_end([self = std::weak_ptr<System*>(self_)] {
    if (const auto system = self.lock()) (*system)->work();
  });
}

void System::work() {
  scheduled_ = false;
  const Clock& clock = server_.host().clock;
  const Time begin = clock.now();
  Time now = begin;
  while (!turns_.empty() && now - begin < kSliceMax) {
    Port& port = *turns_.front();
    turns_.pop_front();
    const Request request = std::move(port.waiting.front());
    port.waiting.pop_front();
    if (!port.waiting.empty()) line_up(port);
    answer(port, request);
    now = clock.now();
  }
  not_before_ = now - begin < kSliceMax ? now : now + (kShare - 1) * (now - begin);
  if (!turns_.empty()) schedule();
}

void System::answer(Port& port, const Request& request) {
  const MonitorInput input = gather_();
  const QueryItems none;
  CallContext context{input,        identity_,      reload_,     request.account,
                      request.body, port.account(), request.cid, Query(none)};
  Answer answer = run_call(*request.call, context);
  if (!request.reply.empty()) return send(port, request.reply, std::move(answer));
  if (answer.key && answer.key == std::string_view("statsz")) {
    send(port, events_.statsz_subject(), std::move(answer));
  }
}

void System::send(Port& port, const std::string& reply, Answer answer) {
  if (answer.form == Answer::Form::kSilent) return;
  json::value body = std::move(answer.body);
  if (answer.form == Answer::Form::kEnvelope) {
    json::object envelope;
    envelope["server"] = identity_.server();
    if (answer.key && (!body.is_null() || answer.code == 500))
      envelope[answer.key] = std::move(body);
    if (answer.code != 0) {
      envelope["error"] = {{"code", answer.code}, {"description", answer.error}};
    }
    body = std::move(envelope);
  }
  const std::string text = to_text(body);
  const Account::Origin origin{
      .from = &port, .echo = false, .capture = false, .imported = !is_system(port)};
  Message message;
  message.subject = reply;
  message.payload = text;
  trace_internal(server_.host().log, server_.config().log, true, message);
  port.account().publish(origin, message);
}

}  // namespace petiole
