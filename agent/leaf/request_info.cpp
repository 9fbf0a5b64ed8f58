#include "agent/leaf/request_info.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "agent/protocol/go_json.h"
#include "agent/protocol/headers.h"
#include "platform/json.h"

namespace petiole {

namespace {

constexpr std::string_view kInfoHeader = "Nats-Request-Info";

enum class Kind : std::uint8_t { kText, kNumber, kTexts };

struct Field {
  std::string_view name;
  Kind kind = Kind::kText;
};

// In the order in which Go writes them. nats-server events.go, ClientInfo.
constexpr Field kFields[] = {
    {"start"},
    {"host"},
    {"id", Kind::kNumber},
    {"acc"},
    {"svc"},
    {"user"},
    {"name"},
    {"lang"},
    {"ver"},
    {"rtt", Kind::kNumber},
    {"server"},
    {"cluster"},
    {"alts", Kind::kTexts},
    {"stop"},
    {"jwt"},
    {"issuer_key"},
    {"name_tag"},
    {"tags", Kind::kTexts},
    {"kind"},
    {"client_type"},
    {"client_id"},
    {"nonce"},
    {"reply"},
};
constexpr std::size_t kFieldCount = std::size(kFields);
constexpr std::size_t kAccount = 3;
static_assert(kFields[kAccount].name == "acc");

using Values = std::array<std::string, kFieldCount>;  // As JSON; empty: not given.

std::string_view view(json::string_view text) { return {text.data(), text.size()}; }

std::string quoted(std::string_view text) {
  std::string json;
  append_go_text(json, text);
  return json;
}

// As Go reads names: whatever their case.
std::size_t find_field(std::string_view name) {
  const auto same = [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b); };
  const auto found = std::find_if(std::begin(kFields), std::end(kFields), [&](const Field& each) {
    return std::equal(each.name.begin(), each.name.end(), name.begin(), name.end(), same);
  });
  return static_cast<std::size_t>(found - std::begin(kFields));
}

// None: of another kind. Empty: what Go leaves out.
std::optional<std::string> text_of(const json::value& value, Kind kind) {
  switch (kind) {
    case Kind::kText:
      if (!value.is_string()) return std::nullopt;
      return value.get_string().empty() ? std::string() : quoted(view(value.get_string()));
    case Kind::kNumber:
      if (!value.is_int64() && !value.is_uint64()) return std::nullopt;
      return to_text(value) == "0" ? std::string() : to_text(value);
    case Kind::kTexts:
      break;
  }
  if (!value.is_array()) return std::nullopt;
  std::string list;
  for (const json::value& each : value.get_array()) {
    if (!each.is_string()) return std::nullopt;
    list += (list.empty() ? "[" : ",") + quoted(view(each.get_string()));
  }
  return list.empty() ? list : list + "]";
}

// False: nobody can read it. What Go can read and we cannot, as bad UTF-8, must not go on as it is.
bool read(std::string_view text, Values& values) {
  const Result<json::value> parsed = parse_json(text);
  if (!parsed.ok()) return text.starts_with("{");
  if (parsed->is_null()) return true;
  if (!parsed->is_object()) return false;
  for (const json::key_value_pair& member : parsed->get_object()) {
    const std::size_t field = find_field(view(member.key()));
    if (field == kFieldCount || member.value().is_null()) continue;
    auto value = text_of(member.value(), kFields[field].kind);
    if (!value) return false;
    values[field] = std::move(*value);
  }
  return true;
}

}  // namespace

std::string_view bind_request_info(std::string_view header, std::string_view account,
                                   std::string& out) {
  const auto text = find_header(header, kInfoHeader);
  Values values;
  if (!text || text->empty() || !read(*text, values)) return header;
  std::string own = quoted(account);
  if (values[kAccount] == own) return header;
  values[kAccount] = std::move(own);
  GoJson json;
  for (std::size_t i = 0; i < kFieldCount; ++i) {
    if (!values[i].empty()) json.raw(kFields[i].name, values[i]);
  }
  replace_header(out, header, kInfoHeader, json.take());
  return out;
}

}  // namespace petiole
