#include "tests/support/model_hub.h"

#include <algorithm>

#include "agent/protocol/headers.h"
#include "agent/subject/subject.h"
#include "agent/subject/transform.h"
#include "platform/crypto.h"
#include "platform/json.h"

namespace petiole::test {

namespace {

constexpr const char* kNoRoom =
    R"({"error":{"code":503,"err_code":10023,"description":"insufficient resources"}})";

}  // namespace

class ModelHub::Link : public Uplink {
 public:
  explicit Link(ModelHub& hub) : hub_(hub) {
    info_.domain = hub.options_.domain;
    info_.headers = info_.jetstream = true;
    info_.payload_bytes_max = hub.options_.payload_bytes_max;
    info_.drops_repeats = hub.options_.drops_repeats;
  }
  const HubInfo& hub() const override { return info_; }
  bool wants(std::string_view subject) const override {
    const auto& stream = hub_.options_.stream_subject;
    return (!stream.empty() && matches(stream, subject)) ||
           std::any_of(hub_.interest.begin(), hub_.interest.end(),
                       [&](const std::string& pattern) { return matches(pattern, subject); });
  }
  bool may_publish(std::string_view subject) const override {
    return hub_.options_.denied.empty() || !subject.starts_with(hub_.options_.denied);
  }
  bool may_hear(std::string_view) const override { return !hub_.options_.unheard; }
  void publish(const Message& message) override {
    if (!may_publish(message.subject)) ++hub_.violations;
    hub_.later(hub_.options_.latency,
               [this, packet = Packet{std::string(message.subject), std::string(message.reply),
                                      std::string(message.header), std::string(message.payload)}] {
                 hub_.receive(packet);
               });
  }
  void publish_marked(const Message& message, const MirrorMark& mark) override {
    hub_.marks.push_back(mark);
    publish(message);
  }
  void barrier(std::function<void()> passed) override {
    hub_.later(hub_.options_.latency,
               [this, passed = std::move(passed)] { hub_.later(hub_.options_.latency, passed); });
  }
  std::size_t payload_refused() const override { return hub_.payload_refused; }
  std::size_t queued_bytes() const override { return 0; }
  Duration round_trip() const override { return 2 * hub_.options_.latency; }

 private:
  ModelHub& hub_;
  HubInfo info_;
};

ModelHub::ModelHub(SimLoop& loop, HubOptions options) : loop_(loop), options_(std::move(options)) {}
ModelHub::~ModelHub() = default;

Uplink& ModelHub::connect(Account& account) {
  cut();
  account_ = &account;
  link_ = std::make_unique<Link>(*this);
  payload_refused = 0;
  return *link_;
}

void ModelHub::cut() {
  ++generation_;
  in_pipe_ = 0;
  link_.reset();
}

void ModelHub::later(Duration delay, std::function<void()> task) {
  ++in_pipe_;
  loop_.at(loop_.clock().now() + delay, [this, generation = generation_, task = std::move(task)] {
    if (generation != generation_) return;
    --in_pipe_;
    task();
  });
}

void ModelHub::receive(const Packet& packet) {
  const std::size_t bytes = packet.header.size() + packet.payload.size();
  if (bytes > options_.payload_taken_max) {
    payload_refused = std::max(payload_refused, bytes);
    return;
  }
  const std::string prefix = "$JS." + options_.domain + ".API.";
  if (!options_.domain.empty() && packet.subject.starts_with(prefix)) {
    ++api_requests;
    return answer(packet.reply,
                  api(std::string_view(packet.subject).substr(prefix.size()), packet.payload));
  }
  if (!link_->wants(packet.subject)) missed.insert(packet.payload);
  for (const std::string& pattern : interest) {
    if (matches(pattern, packet.subject)) {
      heard.push_back({packet.subject,
                       std::string(find_header(packet.header, "Nats-Msg-Id").value_or("")),
                       packet.payload, 0, false, packet.reply});
      if (!options_.service.empty()) answer(packet.reply, options_.service);
      break;
    }
  }
  if (!options_.stream_subject.empty() && matches(options_.stream_subject, packet.subject)) {
    answer(packet.reply, options_.beyond);
    capture(packet);
  }
}

void ModelHub::capture(const Packet& packet) {
  if (vanish_once.erase(packet.payload) != 0) return;
  if (!error.empty()) {
    refused.insert(packet.payload);
    return answer(packet.reply, error);
  }
  if (refuse_once.erase(packet.payload) != 0) {
    refused.insert(packet.payload);
    return answer(packet.reply, kNoRoom);
  }
  if (overrun()) {
    ++crowded;
    return answer(packet.reply,
                  R"({"error":{"code":429,"err_code":10167,"description":"too many requests"},)"
                  R"("stream":"S","seq":0})");
  }
  const std::string id(find_header(packet.header, "Nats-Msg-Id").value_or(""));
  const Time now = loop_.clock().now();
  const auto known = ids_.find(id);
  const bool duplicate =
      !id.empty() && known != ids_.end() && known->second.first + options_.duplicate_window > now;
  // As nats-server 2.15.2: the sequences before it looks for a repeat, the id behind that.
  const std::uint64_t code = wrong_sequence(packet) ? 10071 : duplicate ? 0 : wrong_id(packet);
  if (code != 0) {
    ++refusals;
    return answer(packet.reply, R"({"error":{"code":400,"err_code":)" + std::to_string(code) +
                                    R"(,"description":"wrong last"},"stream":"S","seq":0})");
  }
  if (!duplicate) {
    store(kept_as(packet.subject), id, packet.payload);
    roll_up(packet.header);
  }
  const std::uint64_t sequence = duplicate ? known->second.second : stored.back().sequence;
  if (packet.reply.empty()) return;
  replies.insert(packet.reply);
  if (acks_to_drop > 0 && acks_to_drop-- > 0) return;
  if (std::uniform_real_distribution<>(0, 1)(random) < drop_acks) return;
  answer(packet.reply, R"({"stream":")" + stream_ + R"(","seq":)" + std::to_string(sequence) +
                           (duplicate ? R"(,"duplicate":true})" : "}"));
}

std::string ModelHub::kept_as(const std::string& subject) const {
  SubjectTransform transform;
  SubjectBuffer buffer;
  if (options_.transform.empty()) return subject;
  (void)transform.compile("t.*", options_.transform);
  return std::string(transform.apply(subject, buffer));
}

bool ModelHub::overrun() {
  if (options_.waiting_max == 0) return false;
  constexpr Duration kEach = std::chrono::microseconds(100);
  const Time now = loop_.clock().now();
  taken_ = std::max(taken_, now);
  if (taken_ - now >= options_.waiting_max * kEach) return true;
  taken_ += kEach;
  return false;
}

bool ModelHub::wrong_sequence(const Packet& packet) const {
  std::uint64_t of_subject = 0;
  for (const Stored& each : stored) {
    if (each.subject == packet.subject && !each.consumed) of_subject = each.sequence;
  }
  const auto last = find_header(packet.header, "Nats-Expected-Last-Sequence");
  const auto same = find_header(packet.header, "Nats-Expected-Last-Subject-Sequence");
  return (last && *last != std::to_string(stored.size())) ||
         (same && *same != std::to_string(of_subject));
}

std::uint64_t ModelHub::wrong_id(const Packet& packet) const {
  const auto last = find_header(packet.header, "Nats-Expected-Last-Msg-Id");
  const std::string newest = stored.empty() ? std::string() : stored.back().id;
  return last && *last != newest ? 10070 : 0;
}

void ModelHub::store(std::string subject, std::string id, std::string payload) {
  const std::uint64_t sequence = stored.size() + 1;
  if (!id.empty()) ids_[id] = {loop_.clock().now(), sequence};
  std::size_t count = 1;
  for (auto each = stored.rbegin(); options_.per_subject != 0 && each != stored.rend(); ++each) {
    if (each->subject != subject || each->consumed) continue;
    each->consumed = ++count > options_.per_subject;
  }
  stored.push_back(
      {std::move(subject), std::move(id), std::move(payload), sequence, options_.work_queue, {}});
}

void ModelHub::roll_up(const std::string& header) {
  const auto rollup = find_header(header, "Nats-Rollup");
  for (std::size_t i = 0; rollup && i + 1 < stored.size(); ++i) {
    if (*rollup == "all" || stored[i].subject == stored.back().subject) stored[i].consumed = true;
  }
}

void ModelHub::forget_ids() {
  for (const Stored& each : stored) {
    if (each.consumed) ids_.erase(each.id);
  }
}

void ModelHub::make_anew(const std::string& name) {
  stream_ = name;
  stored.clear();
  ids_.clear();
  made_ = ++born_;
}

void ModelHub::answer(const std::string& reply, std::string text) {
  if (reply.empty() || text.empty() || link_ == nullptr || options_.unheard) return;
  later(options_.ack_delay + options_.latency, [this, reply, text = std::move(text)] {
    account_->publish(
        {.from = nullptr, .echo = true, .leaf = false, .queues = {}, .capture = false},
        {reply, {}, {}, text, {}});
  });
}

std::string ModelHub::api(std::string_view verb, std::string_view body) {
  if (api_says) {
    if (const auto said = api_says(verb)) return *said;
  }
  if (verb == "STREAM.LIST") return list_answer();
  if (verb == "STREAM.MSG.GET." + stream_) return message_answer(body);
  if (verb == "STREAM.INFO." + stream_)
    return info_answer(body.find("deleted_details") != body.npos);
  return R"({"error":{"code":404,"err_code":10059,"description":"stream not found"}})";
}

std::string ModelHub::list_answer() const {
  if (!options_.list.empty()) return options_.list;
  if (options_.stream_subject.empty()) return R"({"total":0,"offset":0,"limit":256,"streams":[]})";
  const std::string transform =
      options_.transform.empty()
          ? ""
          : R"(,"subject_transform":{"src":"t.*","dest":")" + options_.transform + R"("})";
  return R"({"total":1,"offset":0,"limit":256,"streams":[{"config":{"name":")" + stream_ +
         R"(","subjects":[")" + options_.stream_subject + R"("])" + transform +
         R"(},"created":"2026-03-01T12:00:00.)" + std::to_string(123456 + born_) +
         R"(Z","state":)" + state_text() + "}]}";
}

std::string ModelHub::state_text() const {
  const auto lives = [](const Stored& each) { return !each.consumed; };
  const auto first = std::find_if(stored.begin(), stored.end(), lives);
  const std::uint64_t sequence = first == stored.end() ? stored.size() + 1 : first->sequence;
  return R"({"messages":)" + std::to_string(std::count_if(stored.begin(), stored.end(), lives)) +
         R"(,"first_seq":)" + std::to_string(sequence) + R"(,"first_ts":"2026-03-01T12:00:00.)" +
         std::to_string(123456 + made_) + R"(5Z","last_seq":)" + std::to_string(stored.size()) +
         "}";
}

std::string ModelHub::info_answer(bool deleted) const {
  std::string list;
  bool behind_first = false;
  for (const Stored& each : stored) {
    behind_first = behind_first || !each.consumed;
    if (!behind_first || !each.consumed) continue;
    list += (list.empty() ? "" : ",") + std::to_string(each.sequence);
  }
  std::string state = state_text();
  if (deleted && options_.deleted_details && !list.empty()) {
    state.insert(state.size() - 1, R"(,"deleted":[)" + list + "]");
  }
  return R"({"config":{"name":"S","retention":"limits","max_msgs_per_subject":)" +
         std::to_string(options_.per_subject) + R"(,"duplicate_window":)" +
         std::to_string(options_.duplicate_window.count()) + R"(},"state":)" + state + "}";
}

std::string ModelHub::message_answer(std::string_view body) const {
  const Result<json::value> request = parse_json(body);
  const json::object& object = request->get_object();
  const std::string_view last = get_string(object, "last_by_subj");
  const std::string_view next = get_string(object, "next_by_subj");
  const std::int64_t from = get_int(object, "seq");
  const Stored* found = nullptr;
  for (const Stored& each : stored) {
    if (each.consumed) continue;
    if (!last.empty() && each.subject == last) found = &each;
    if (!next.empty() && each.subject == next && static_cast<std::int64_t>(each.sequence) >= from) {
      found = &each;
      break;
    }
  }
  if (found == nullptr) {
    return R"({"error":{"code":404,"err_code":10037,"description":"no message found"}})";
  }
  json::object message;
  message["subject"] = found->subject;
  message["seq"] = found->sequence;
  if (!found->id.empty()) message["hdrs"] = base64url(add_header({}, "Nats-Msg-Id", found->id));
  json::object answer;
  answer["message"] = std::move(message);
  return to_text(answer);
}

}  // namespace petiole::test
