#include "agent/mirror/puback.h"

#include <algorithm>
#include <iterator>

#include "platform/json.h"

namespace petiole {

namespace {

constexpr std::int64_t kWrongSequence = 10071;

// Errors that lie in the message itself, which would be refused each time again: its size, header,
// time to live, what it expects of the stream, counters, batches, schedules. See nats-server's
// errors.json.
constexpr std::int64_t kRejections[] = {
    10054, 10060, 10070, 10071, 10097, 10111, 10165, 10166, 10168, 10169, 10170, 10171,
    10172, 10174, 10175, 10176, 10177, 10179, 10188, 10189, 10190, 10191, 10192, 10193,
    10199, 10200, 10201, 10203, 10205, 10206, 10207, 10208, 10212, 10223};

PubAck error_of(const json::object& error) {
  const std::int64_t code = get_int(error, "err_code");
  const std::string_view text = get_string(error, "description");
  const bool rejected =
      std::find(std::begin(kRejections), std::end(kRejections), code) != std::end(kRejections) ||
      (code == 10077 && text == "message too large");
  return {.kind = rejected ? PubAck::Kind::kRejected : PubAck::Kind::kTemporary,
          .wrong_sequence = code == kWrongSequence,
          .stream = {},
          .error = std::string(text)};
}

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
  const Result<json::value> value = parse_json(payload);
  if (!value.ok() || !value->is_object()) return {};
  const json::object& object = value->get_object();
  const json::value* error = find(object, "error");
  if (error != nullptr && error->is_object()) return error_of(error->get_object());
  const std::string_view stream = get_string(object, "stream");
  const std::int64_t sequence = get_int(object, "seq");
  if (!is_stream_name(stream) || sequence <= 0) return {};
  return {.kind = PubAck::Kind::kStored,
          .duplicate = get_bool(object, "duplicate"),
          .sequence = static_cast<std::uint64_t>(sequence),
          .stream = std::string(stream),
          .error = {}};
}

}  // namespace petiole
