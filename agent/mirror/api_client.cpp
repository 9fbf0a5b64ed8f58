#include "agent/mirror/api_client.h"

#include <algorithm>
#include <utility>

namespace petiole {

void ApiClient::link_up(Uplink& link) {
  link_down();
  link_ = &link;
  room_ = limits_.requests_max;
  fastest_ = Duration::max();
}

void ApiClient::link_down() {
  link_ = nullptr;
  sent_.clear();
  waiting_.clear();
}

bool ApiClient::reachable() const {
  return link_ != nullptr && !link_->hub().domain.empty() && allows("STREAM.LIST") && hears();
}

bool ApiClient::hears() const { return link_ != nullptr && link_->may_hear(inbox_.example()); }

bool ApiClient::allows(std::string_view verb) const {
  return link_ != nullptr && link_->may_publish(subject_of(verb));
}

std::string ApiClient::subject_of(std::string_view verb) const {
  std::string subject = "$JS." + link_->hub().domain + ".API.";
  subject += verb;
  return subject;
}

void ApiClient::request(std::string_view verb, std::string body, Done done, Time now) {
  if (link_ == nullptr) return;
  waiting_.push_back({subject_of(verb), std::move(body), std::move(done), {}, {}});
  send_waiting(now);
}

void ApiClient::send_waiting(Time now) {
  while (!waiting_.empty() && sent_.size() < room_) {
    Request next = std::move(waiting_.front());
    waiting_.pop_front();
    send(std::move(next), now);
  }
}

void ApiClient::send(Request request, Time now) {
  const std::uint64_t number = ++last_number_;
  request.sent = now;
  request.due = now + limits_.request_timeout + 2 * link_->round_trip();
  const std::string_view reply = inbox_.reply_subject({.kind = 'q', .a = 0, .b = number});
  link_->publish({request.subject, reply, {}, request.body, {}});
  sent_.emplace(number, std::move(request));
}

void ApiClient::answered(std::uint64_t number, const Message& message, Time now) {
  const auto at = sent_.find(number);
  if (at == sent_.end()) return;
  const Done done = std::move(at->second.done);
  const Duration took = now - at->second.sent;
  fastest_ = std::min(fastest_, took);
  if (took <= fastest_ + fastest_ / 4 && room_ < limits_.requests_most) ++room_;
  sent_.erase(at);
  Result<json::value> value = parse_json(message.payload);
  if (!value.ok() || !value->is_object()) {
    done(Errc::kProtocol);
  } else {
    done(std::move(value->get_object()));
  }
  if (link_ != nullptr) send_waiting(now);
}

void ApiClient::tick(Time now) {
  // Numbers are given in order of time; a due time may differ by a change of the round trip.
  while (!sent_.empty() && sent_.begin()->second.due <= now) {
    room_ = limits_.requests_max;
    const Done done = std::move(sent_.begin()->second.done);
    sent_.erase(sent_.begin());
    done(Errc::kTimeout);
  }
  if (link_ != nullptr) send_waiting(now);
}

Time ApiClient::deadline() const { return sent_.empty() ? kNever : sent_.begin()->second.due; }

std::int64_t api_error(const json::object& answer) {
  const json::value* error = find(answer, "error");
  if (error == nullptr || !error->is_object()) return 0;
  const std::int64_t code = get_int(error->get_object(), "err_code");
  return code != 0 ? code : get_int(error->get_object(), "code", -1);
}

}  // namespace petiole
