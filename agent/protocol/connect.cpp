#include "agent/protocol/connect.h"

#include "agent/protocol/go_json.h"
#include "platform/json.h"

namespace petiole {

namespace {

struct TextField {
  std::string_view name;
  std::string ConnectOptions::*member;
};

constexpr TextField kTexts[] = {
    {"user", &ConnectOptions::user},
    {"pass", &ConnectOptions::password},
    {"auth_token", &ConnectOptions::token},
    {"nkey", &ConnectOptions::nkey},
    {"jwt", &ConnectOptions::jwt},
    {"sig", &ConnectOptions::signature},
    {"name", &ConnectOptions::name},
    {"lang", &ConnectOptions::lang},
    {"version", &ConnectOptions::version},
    {"account", &ConnectOptions::account},
    {"server_id", &ConnectOptions::server_id},
    {"cluster", &ConnectOptions::cluster},
    {"domain", &ConnectOptions::domain},
    {"remote_account", &ConnectOptions::remote_account},
    {"compress_mode", &ConnectOptions::compression},
    {"petiole_leaf", &ConnectOptions::petiole_leaf},
    {"gateway", &ConnectOptions::gateway},
};

struct FlagField {
  std::string_view name;
  bool ConnectOptions::*member;
};

constexpr FlagField kFlags[] = {
    {"verbose", &ConnectOptions::verbose},
    {"pedantic", &ConnectOptions::pedantic},
    {"echo", &ConnectOptions::echo},
    {"headers", &ConnectOptions::headers},
    {"no_responders", &ConnectOptions::no_responders},
    {"new_account", &ConnectOptions::new_account},
    {"jetstream", &ConnectOptions::jetstream},
    {"is_hub", &ConnectOptions::is_hub},
    {"isolate", &ConnectOptions::isolate},
};

constexpr Status kWrongType{Errc::kProtocol, "a field of CONNECT has another type"};

// Go leaves a field alone that is null.
const json::value* given(const json::object& object, std::string_view name) {
  const json::value* const value = find(object, name);
  return value && value->is_null() ? nullptr : value;
}

Status take_deny(const json::object& object, std::vector<std::string>& deny) {
  const json::value* const value = given(object, "deny_pub");
  if (!value) return {};
  if (!value->is_array()) return kWrongType;
  deny.clear();
  for (const json::value& each : value->get_array()) {
    if (!each.is_string()) return kWrongType;
    deny.emplace_back(each.get_string());
  }
  return {};
}

Status take_protocol(const json::object& object, std::int64_t& protocol) {
  const json::value* const value = given(object, "protocol");
  if (!value) return {};
  if (!value->is_int64()) return kWrongType;
  protocol = value->get_int64();
  return {};
}

}  // namespace

Status parse_connect(std::string_view text, ConnectOptions& options) {
  const Result<json::value> document = parse_json(text);
  if (document.ok() && document->is_null()) return {};  // As Go: nothing is said.
  if (!document.ok() || !document->is_object())
    return {Errc::kProtocol, "CONNECT is no JSON object"};
  const json::object& object = document->get_object();
  for (const TextField& field : kTexts) {
    const json::value* const value = given(object, field.name);
    if (!value) continue;
    if (!value->is_string()) return kWrongType;
    const json::string& string = value->get_string();
    (options.*field.member).assign(string.data(), string.size());
  }
  for (const FlagField& field : kFlags) {
    const json::value* const value = given(object, field.name);
    if (!value) continue;
    if (!value->is_bool()) return kWrongType;
    options.*field.member = value->get_bool();
  }
  const Status protocol = take_protocol(object, options.protocol);
  if (!protocol.ok()) return protocol;
  return take_deny(object, options.deny_publish);
}

std::string leaf_connect_line(const ConnectOptions& options) {
  GoJson json;
  json.text("version", options.version);
  for (const TextField& field : kTexts) {
    if (field.name == "version" || field.name == "lang" || field.name == "account") continue;
    json.text_if(field.name, options.*field.member);
  }
  json.flag_if("jetstream", options.jetstream);
  json.flag("headers", options.headers);
  json.flag_if("is_hub", options.is_hub);
  json.flag_if("isolate", options.isolate);
  json.texts_if("deny_pub", options.deny_publish);
  json.number("protocol", static_cast<std::uint64_t>(options.protocol));
  return "CONNECT " + json.take() + "\r\n";
}

}  // namespace petiole
