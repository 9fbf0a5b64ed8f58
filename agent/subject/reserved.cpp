#include "agent/subject/reserved.h"

#include <algorithm>

namespace petiole {

namespace {

constexpr std::string_view kJetStream = "$JS.";
constexpr std::string_view kActed[] = {"ACK", "FC", "SNAPSHOT", "EVENT"};

// The first token of `rest`, which loses it.
std::string_view take_token(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('.'), rest.size());
  const std::string_view token = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return token;
}

}  // namespace

bool is_jetstream_subject(std::string_view subject) {
  return subject.starts_with(kJetStream) && subject.size() > kJetStream.size();
}

bool acts_on_jetstream(std::string_view subject) {
  if (!subject.starts_with(kJetStream)) return false;
  if (is_jetstream_request(subject)) return true;
  subject.remove_prefix(kJetStream.size());
  const std::string_view kind = take_token(subject);
  return std::find(std::begin(kActed), std::end(kActed), kind) != std::end(kActed);
}

bool is_jetstream_request(std::string_view subject) {
  if (!subject.starts_with(kJetStream)) return false;
  subject.remove_prefix(kJetStream.size());
  const std::string_view first = take_token(subject);
  if (first == "API") return true;
  const bool known = std::find(std::begin(kActed), std::end(kActed), first) != std::end(kActed);
  return !known && take_token(subject) == "API";
}

std::string_view without_gateway_prefix(std::string_view subject) {
  constexpr std::size_t kPrefix = 19;  // "_GR_." and two groups of six with their dots.
  if (!subject.starts_with("_GR_.") || subject.size() <= kPrefix) return subject;
  return subject.substr(kPrefix);
}

}  // namespace petiole
