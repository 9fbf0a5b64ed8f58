#include "tests/scenario/model_stream.h"

#include <algorithm>

#include "agent/protocol/headers.h"
#include "platform/crypto.h"
#include "platform/json.h"

namespace petiole::test {

namespace {

constexpr std::string_view kApi = "$JS.hub.API.";
constexpr const char* kPatterns[] = {"d.>", "o.>", "k.>", "e.>"};

}  // namespace

ModelStream::ModelStream(const Plan& plan, SimLoop& loop, Trace& trace, Dice& dice)
    : plan_(plan), loop_(loop), trace_(trace), dice_(dice) {}

Subscription* ModelStream::subscribe(const std::string& subject) {
  Subscription* const subscription = make_subscription(*this, subject, {}, "1");
  account_->add(*subscription);
  return subscription;
}

void ModelStream::attach(Account& account) {
  account_ = &account;
  if (plan_.hub == HubKind::kPlain) account.set_capture(this);
  if (plan_.hub == HubKind::kStream) api_.push_back(subscribe(std::string(kApi) + ">"));
}

void ModelStream::detach() {
  ++generation_;
  if (account_ == nullptr) return;
  hide_interest();
  for (Subscription* each : api_) account_->retire(each);
  api_.clear();
  account_->set_capture(nullptr);
  account_ = nullptr;
}

void ModelStream::show_interest() {
  if (account_ == nullptr || !interest_.empty()) return;
  for (const char* pattern : kPatterns) interest_.push_back(subscribe(pattern));
}

void ModelStream::hide_interest() {
  if (account_ == nullptr) return;
  for (Subscription* each : interest_) account_->retire(each);
  interest_.clear();
}

void ModelStream::later(Duration least, Duration most, std::function<void()> task) {
  order_ = std::max(order_, loop_.clock().now() + dice_.span(least, most));
  loop_.at(order_, [this, generation = generation_, task = std::move(task)] {
    if (generation == generation_) task();
  });
}

bool ModelStream::deliver(Subscription&, const Message& message) {
  std::string subject(message.subject), reply(message.reply), header(message.header),
      payload(message.payload);
  if (subject.starts_with(kApi)) {
    if (silent_) return true;
    later({}, plan_.ack_delay, [this, subject, reply, payload] {
      answer(reply, api(std::string_view(subject).substr(kApi.size()), payload));
    });
    return true;
  }
  if (plan_.hub == HubKind::kPlain) {
    store(std::move(subject), {}, std::move(payload));
    return true;
  }
  // A stream takes from a queue; a killed process loses what is in there.
  later({}, plan_.store_delay,
        [this, subject, reply, header, payload] { take(subject, reply, header, payload); });
  return true;
}

bool ModelStream::capture(int, const Message& message) {
  if (!interest_.empty()) return false;
  const std::string name(message.payload.substr(0, message.payload.find(' ')));
  trace_.add("stream", "is not there for " + name);
  missed_.insert(name);
  return false;
}

void ModelStream::take(const std::string& subject, const std::string& reply,
                       const std::string& header, const std::string& payload) {
  if (refusing_) {
    refused_.insert(payload.substr(0, payload.find(' ')));
    trace_.add("stream", "refuses " + payload.substr(0, payload.find(' ')));
    return answer(
        reply, R"({"error":{"code":503,"err_code":10023,"description":"insufficient resources"}})");
  }
  const std::string id(find_header(header, "Nats-Msg-Id").value_or(""));
  const auto known = ids_.find(id);
  const bool duplicate = !id.empty() && known != ids_.end() &&
                         known->second.first + plan_.duplicate_window > loop_.clock().now();
  if (duplicate) {
    trace_.add("stream", "duplicate " + id + " " + payload);
  } else {
    store(subject, id, payload);
  }
  const std::uint64_t sequence = duplicate ? known->second.second : stored_.back().sequence;
  if (reply.empty()) return;
  std::string text = R"({"stream":"S","seq":)" + std::to_string(sequence) +
                     (duplicate ? R"(,"duplicate":true})" : "}");
  loop_.at(loop_.clock().now() + dice_.span({}, plan_.ack_delay),
           [this, generation = generation_, reply, text = std::move(text)] {
             if (generation == generation_) answer(reply, text);
           });
}

void ModelStream::store(std::string subject, std::string id, std::string payload) {
  const std::uint64_t sequence = stored_.size() + 1;
  if (!id.empty()) ids_[id] = {loop_.clock().now(), sequence};
  trace_.add("stream", "stores " + std::to_string(sequence) + " " + subject + " " + id + " " +
                           payload.substr(0, payload.find(' ')));
  stored_.push_back({std::move(subject), std::move(id), std::move(payload), sequence});
}

void ModelStream::answer(const std::string& reply, std::string text) {
  if (reply.empty() || account_ == nullptr) return;
  account_->publish({.from = this, .echo = false, .leaf = false, .queues = {}, .capture = false},
                    {reply, {}, {}, text, {}});
}

std::string ModelStream::api(std::string_view verb, std::string_view body) const {
  if (verb == "STREAM.MSG.GET.S") return message_answer(body);
  if (verb == "STREAM.INFO.S") return info_answer();
  if (verb != "STREAM.LIST") {
    return R"({"error":{"code":404,"err_code":10059,"description":"stream not found"}})";
  }
  std::string subjects;
  for (const char* pattern : kPatterns) {
    subjects += std::string(subjects.empty() ? "" : ",") + '"' + pattern + '"';
  }
  return R"({"total":1,"offset":0,"limit":256,"streams":[{"config":{"name":"S","subjects":[)" +
         subjects + "]}}]}";
}

std::string ModelStream::info_answer() const {
  const std::string count = std::to_string(stored_.size());
  return R"({"config":{"name":"S","duplicate_window":)" +
         std::to_string(plan_.duplicate_window.count()) + R"(},"state":{"messages":)" + count +
         R"(,"first_seq":1,"last_seq":)" + count + "}}";
}

std::string ModelStream::message_answer(std::string_view body) const {
  const Result<json::value> request = parse_json(body);
  if (!request.ok() || !request->is_object()) return R"({"error":{"code":400,"err_code":10025}})";
  const json::object& object = request->get_object();
  const std::string_view last = get_string(object, "last_by_subj");
  const std::string_view next = get_string(object, "next_by_subj");
  const auto from = static_cast<std::uint64_t>(get_int(object, "seq"));
  const Stored* found = nullptr;
  if (!last.empty()) {
    const auto at = std::find_if(stored_.rbegin(), stored_.rend(),
                                 [&](const Stored& each) { return each.subject == last; });
    if (at != stored_.rend()) found = &*at;
  } else {
    const auto at = std::find_if(stored_.begin(), stored_.end(), [&](const Stored& each) {
      return each.sequence >= from && each.subject == next;
    });
    if (at != stored_.end()) found = &*at;
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
