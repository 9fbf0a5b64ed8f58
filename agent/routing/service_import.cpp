#include "agent/routing/service_import.h"

#include <utility>

#include "agent/protocol/headers.h"
#include "agent/routing/mapper.h"
#include "agent/routing/message_trace.h"
#include "agent/subject/reserved.h"
#include "agent/subject/subject.h"

namespace petiole {

namespace {

constexpr std::string_view kInfoHeader = "Nats-Request-Info";

// A consumer's acknowledgement is addressed to its stream, wherever that is.
bool is_mapped_reply(std::string_view reply) {
  return !reply.empty() && !reply.starts_with("$JS.ACK.");
}

// Whether `message`, which would go on to `to`, makes JetStream act in the name of somebody who did
// not ask it: an answer, whose subject the other side chose, or what the JetStream behind a leaf
// sends where it was told to. An import's other name hides that from them. nats-server client.go,
// isJSAliasRequestOnBehalf.
bool is_on_behalf(const Account::Origin& origin, const Message& message, std::string_view to) {
  if (!acts_on_jetstream(to)) return false;
  const std::string_view subject = origin.sent.empty() ? message.subject : origin.sent;
  const bool answers = origin.answers || subject.starts_with("_R_.");
  const bool client = origin.from != nullptr && origin.from->kind() == PeerKind::kClient;
  if ((client && !answers) || acts_on_jetstream(subject)) return false;
  return answers || message.reply.empty() || origin.jetstream_reply;
}

}  // namespace

ServiceImport::ServiceImport(const ServiceParties& parties, ImportPath path,
                             const ExportConfig& service, const ImportConfig& import,
                             const Host& host, const ServerNames& server, bool system)
    : parties_(parties),
      path_(std::move(path)),
      service_(service),
      share_(import.share),
      system_(system),
      host_(host),
      server_(server),
      subscription_(make_subscription(*this, path_.to, {}, "import")),
      random_(host.entropy.number() | 1) {
  parties_.importer.add(*subscription_);
}

ServiceImport::~ServiceImport() {
  parties_.importer.retire(subscription_);
  parties_.exporter_responses.forget(*this, false);
  parties_.importer_responses.forget(*this, true);
}

std::string_view ServiceImport::foreign_subject(std::string_view subject, SubjectBuffer& path,
                                                SubjectBuffer& mapped) const {
  const std::string_view foreign = path_.to_foreign(subject, path);
  Mapper* const mapper = parties_.exporter.mapper();
  return mapper && !foreign.empty() ? mapper->map(foreign, mapped) : foreign;
}

bool ServiceImport::deliver(Subscription&, const Message& message) {
  SubjectBuffer path, mapped;
  const std::string_view subject = foreign_subject(message.subject, path, mapped);
  if (subject.empty() || busy_) return false;
  Account::Origin origin = *parties_.importer.origin();
  if (is_jetstream_subject(without_gateway_prefix(message.reply))) origin.jetstream_reply = true;
  if (is_on_behalf(origin, message, subject)) return false;
  origin.sent = {};
  Message request{subject, message.reply, request_header(message, origin), message.payload, {}};
  ResponseSubject response;
  busy_ = true;
  bool possible = true;
  const bool only = origin.trace && origin.trace->only();
  if (is_mapped_reply(message.reply)) {
    request.reply = parties_.exporter_responses.enter(
        *this, false, message.reply, only ? nullptr : sample(message, origin), response);
    possible = !request.reply.empty();
  } else if (message.reply.empty() && service_.latency_sampling != 0) {
    report_bad_request(message, origin);
  }
  origin.imported = origin.all_queues = origin.echo = true;
  const bool delivered = possible && publish(origin, request, message.subject);
  if (possible && (only || !delivered) && request.reply != message.reply) {
    parties_.exporter_responses.undo(request.reply);
  }
  busy_ = false;
  if (delivered) parties_.importer.passed_on(message.header.size() + message.payload.size());
  return delivered;
}

bool ServiceImport::publish(const Account::Origin& origin, const Message& request,
                            std::string_view from) {
  if (origin.trace) [[unlikely]]
    return publish_traced(origin, request, from);
  return parties_.exporter.publish(origin, request).delivered != 0;
}

// Without leave to go on, the trace ends here, and the servers behind are told so. With it, their
// events come back as answers do, for as long as answers may take.
bool ServiceImport::publish_traced(Account::Origin origin, Message request, std::string_view from) {
  MessageTrace& trace = *origin.trace;
  trace.add_service_import(parties_.exporter.name(), from, request.subject);
  if (!service_.allow_trace && trace.only()) return false;
  ResponseSubject buffer;
  std::string_view dest;
  if (service_.allow_trace) {
    dest = parties_.exporter_responses.enter_trace(*this, trace.dest(), buffer);
  } else {
    origin.trace = nullptr;
  }
  std::string header;
  replace_header(header, request.header, kTraceDest, dest.empty() ? kTraceDisabled : dest);
  request.header = header;
  if (dest.empty()) return parties_.exporter.publish(origin, request).delivered != 0;
  const std::string before = trace.dest();
  const std::size_t hops = trace.hops();
  trace.set_dest(std::string(dest));
  const bool delivered = parties_.exporter.publish(origin, request).delivered != 0;
  trace.set_dest(before);
  if (trace.hops() == hops) parties_.exporter_responses.undo(dest);
  return delivered;
}

// Who asks is told by us alone: what the request says of itself does not count.
std::string_view ServiceImport::request_header(const Message& message,
                                               const Account::Origin& origin) {
  PartyInfo info;
  if (origin.from == nullptr || !origin.from->describe(info)) return message.header;
  info_.clear();
  append_party(info_, info, share_,
               origin.imported ? std::string_view(parties_.importer.name()) : std::string_view(),
               share_ || system_ ? &server_ : nullptr);
  replace_header(header_, message.header, kInfoHeader, info_);
  return header_;
}

bool ServiceImport::has_taker(const Subscription&, std::string_view subject, bool) const {
  SubjectBuffer path, mapped;
  const std::string_view foreign = foreign_subject(subject, path, mapped);
  return !foreign.empty() && !busy_ && parties_.exporter.has_interest(foreign, nullptr, true);
}

bool ServiceImport::answer(bool back, std::string_view to, const Message& message,
                           const Account::Origin& from) {
  Account& target = back ? parties_.exporter : parties_.importer;
  Responses& table = back ? parties_.exporter_responses : parties_.importer_responses;
  SubjectBuffer mapped;
  if (Mapper* const mapper = target.mapper()) to = mapper->map(to, mapped);
  if (to.empty()) return false;
  Message answer{to, message.reply, message.header, message.payload, message.shared};
  ResponseSubject response;
  if (is_mapped_reply(message.reply)) {
    answer.reply = table.enter(*this, !back, message.reply, nullptr, response);
    if (answer.reply.empty()) return false;
  }
  Account::Origin origin = from;
  origin.sent = message.subject;
  origin.imported = origin.all_queues = origin.echo = true;
  std::string header;
  if (origin.trace) [[unlikely]] {
    origin.trace->add_service_import(target.name(), message.subject, to);
    if (origin.trace->only()) return false;
    replace_header(header, message.header, kTraceDest, kTraceDisabled);
    answer.header = header;
    answer.shared = nullptr;
    origin.trace = nullptr;
  }
  const bool delivered = target.publish(origin, answer).delivered != 0;
  if (!delivered && answer.reply != message.reply) table.undo(answer.reply);
  return delivered;
}

// As nats-server: a percentage first, then what the headers ask for.
bool ServiceImport::wants_sample(const Message& message, std::string& header) {
  const int sampling = service_.latency_sampling;
  if (sampling == 0 || service_.response != ResponseType::kSingleton) return false;
  if (sampling >= 100) return true;
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  if (sampling > 0 && static_cast<int>(random_ % 100) < sampling) return true;
  return header_asks_for_sample(message.header, header);
}

std::unique_ptr<LatencySample> ServiceImport::sample(const Message& message,
                                                     const Account::Origin& origin) {
  std::string header;
  if (!wants_sample(message, header)) return nullptr;
  auto made = std::make_unique<LatencySample>();
  made->header = std::move(header);
  made->sent = host_.clock.now();
  made->sent_wall = host_.clock.wall();
  PartyInfo info;
  if (origin.from == nullptr || !origin.from->describe(info)) return made;
  made->requestor_round_trip = info.round_trip;
  append_party(made->requestor, info, share_, {}, share_ ? &server_ : nullptr);
  return made;
}

// Nobody could answer it.
void ServiceImport::report_bad_request(const Message& message, const Account::Origin& origin) {
  if (const auto made = sample(message, origin)) report(*made, 400, "Bad Request", nullptr);
}

void ServiceImport::report(const LatencySample& sample, int status, std::string_view description,
                           const Subscriber* responder) {
  LatencyResult result{.status = status, .description = description};
  std::string json;
  PartyInfo info;
  if (responder != nullptr && responder->describe(info)) {
    append_party(json, info, true, {}, &server_);
    result.responder = json;
    result.responder_round_trip = info.round_trip;
  }
  result.now = host_.clock.now();
  result.now_wall = host_.clock.wall();
  const std::string text = latency_json(sample, result, host_.entropy);
  Message message;
  message.subject = service_.latency_subject;
  message.payload = text;
  parties_.exporter.publish({.capture = false}, message);
}

}  // namespace petiole
