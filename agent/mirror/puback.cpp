#include "agent/mirror/puback.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "platform/json.h"

namespace petiole {

namespace {

constexpr std::int64_t kWrongSequence = 10071, kTooManyRequests = 10167;

// Errors that lie in the message itself, which would be refused each time again: its size, header,
// time to live, what it expects of the stream, counters, batches, schedules. See nats-server's
// errors.json.
constexpr std::int64_t kRejections[] = {
    10054, 10060, 10070, 10071, 10097, 10111, 10165, 10166, 10168, 10169, 10170, 10171,
    10172, 10174, 10175, 10176, 10177, 10179, 10188, 10189, 10190, 10191, 10192, 10193,
    10199, 10200, 10201, 10203, 10205, 10206, 10207, 10208, 10212, 10223, 10227};

PubAck error_of(const json::object& error) {
  const std::int64_t code = get_int(error, "err_code");
  const std::string_view text = get_string(error, "description");
  const bool rejected =
      std::find(std::begin(kRejections), std::end(kRejections), code) != std::end(kRejections) ||
      (code == 10077 && text == "message too large");
  return {.kind = rejected ? PubAck::Kind::kRejected : PubAck::Kind::kTemporary,
          .wrong_sequence = code == kWrongSequence,
          .crowded = code == kTooManyRequests,
          .stream = {},
          .error = std::string(text)};
}

// Reads {"stream":"S","domain":"D","seq":7,"duplicate":true}, as nats-server writes it: flat,
// nothing escaped, each name once. One comes for each message: this is a good part of what
// confirming costs.
class UsualAck {
 public:
  explicit UsualAck(std::string_view text) : text_(text) {}

  // Nothing: JSON may still make something of it.
  std::optional<PubAck> read() {
    PubAck ack{.kind = PubAck::Kind::kStored, .stream = {}, .error = {}};
    std::string_view stream;
    std::optional<std::string_view> domain;
    if (!take("{")) return std::nullopt;
    do {
      const std::optional<std::string_view> name = string();
      if (!name || !take(":")) return std::nullopt;
      bool good = false;
      if (*name == "stream" && stream.empty()) good = text_of(stream);
      if (*name == "seq" && ack.sequence == 0) good = number(ack.sequence);
      if (*name == "domain" && !domain) good = (domain = string()).has_value();
      if (*name == "duplicate" && !ack.duplicate) good = ack.duplicate = take("true");
      if (!good) return std::nullopt;
    } while (take(","));
    if (!take("}") || !text_.empty() || ack.sequence == 0 || !is_stream_name(stream)) {
      return std::nullopt;
    }
    ack.stream = stream;
    ack.domain = domain.value_or("");
    return ack;
  }

 private:
  bool take(std::string_view expected) {
    text_.remove_prefix(std::min(text_.find_first_not_of(' '), text_.size()));
    return text_.starts_with(expected) && (text_.remove_prefix(expected.size()), true);
  }

  std::optional<std::string_view> string() {
    if (!take("\"")) return std::nullopt;
    const std::size_t end = text_.find('"');
    if (end == text_.npos) return std::nullopt;
    const std::string_view content = text_.substr(0, end);
    const auto plain = [](char c) { return c >= ' ' && c <= '~' && c != '\\'; };
    if (!std::all_of(content.begin(), content.end(), plain)) return std::nullopt;
    text_.remove_prefix(end + 1);
    return content;
  }

  bool text_of(std::string_view& value) {
    const std::optional<std::string_view> content = string();
    if (content) value = *content;
    return content.has_value();
  }

  // At most 18 digits, so that it fits; no zero in front.
  bool number(std::uint64_t& value) {
    take("");
    const std::size_t digits = std::min(text_.find_first_not_of("0123456789"), text_.size());
    if (digits == 0 || digits > 18 || text_.front() == '0') return false;
    for (const char c : text_.substr(0, digits))
      value = value * 10 + static_cast<unsigned>(c - '0');
    text_.remove_prefix(digits);
    return true;
  }

  std::string_view text_;
};

}  // namespace

bool is_stream_name(std::string_view name) {
  constexpr std::size_t kBytesMax = 255;  // nats-server jetstream_api.go: JSMaxNameLen.
  const auto good = [](char c) {
    return static_cast<unsigned char>(c) > ' ' &&
           std::string_view(".*>/\\\x7f").find(c) == std::string_view::npos;
  };
  return !name.empty() && name.size() <= kBytesMax && std::all_of(name.begin(), name.end(), good);
}

PubAck parse_puback(std::string_view header, std::string_view payload) {
  if (header.starts_with("NATS/1.0 503")) {
    return {.kind = PubAck::Kind::kTemporary, .stream = {}, .error = "no responders"};
  }
  if (!payload.starts_with('{')) return {};
  if (std::optional<PubAck> usual = UsualAck(payload).read()) return *std::move(usual);
  return parse_puback_json(payload);
}

PubAck parse_puback_json(std::string_view payload) {
  const Result<json::value> value = parse_json(payload);
  if (!value.ok() || !value->is_object()) return {};
  const json::object& object = value->get_object();
  const json::value* error = find(object, "error");
  const std::string_view stream = get_string(object, "stream");
  if (error != nullptr && error->is_object()) {
    PubAck ack = error_of(error->get_object());
    if (is_stream_name(stream)) ack.stream = stream;
    return ack;
  }
  const std::int64_t sequence = get_int(object, "seq");
  if (!is_stream_name(stream) || sequence <= 0) return {};
  return {.kind = PubAck::Kind::kStored,
          .duplicate = get_bool(object, "duplicate"),
          .sequence = static_cast<std::uint64_t>(sequence),
          .stream = std::string(stream),
          .error = {},
          .domain = std::string(get_string(object, "domain"))};
}

}  // namespace petiole
