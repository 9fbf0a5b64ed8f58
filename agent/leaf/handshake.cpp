#include "agent/leaf/handshake.h"

#include <algorithm>

#include "platform/json.h"

namespace petiole {

namespace {

std::vector<std::string> read_strings(const json::object& object, std::string_view name) {
  std::vector<std::string> texts;
  const json::value* value = find(object, name);
  if (value == nullptr || !value->is_array()) return texts;
  for (const json::value& item : value->get_array()) {
    if (item.is_string()) texts.emplace_back(item.get_string());
  }
  return texts;
}

std::optional<SubjectPermission> read_permission(const json::object& object, std::string_view name) {
  const json::value* value = find(object, name);
  if (value == nullptr || !value->is_object()) return std::nullopt;
  SubjectPermission permission;
  const json::value* allow = find(value->get_object(), "allow");
  permission.restricted = allow != nullptr && allow->is_array();
  permission.allow = read_strings(value->get_object(), "allow");
  permission.deny = read_strings(value->get_object(), "deny");
  return permission;
}

std::string read_string(const json::object& object, std::string_view name) {
  return std::string(get_string(object, name));
}

Result<json::value> parse_object(std::string_view text) {
  Result<json::value> value = parse_json(text);
  if (!value.ok()) return value;
  if (!value->is_object()) return {Errc::kProtocol, "not a JSON object"};
  return value;
}

void put(json::object& object, std::string_view name, const std::string& text) {
  if (!text.empty()) object[name] = text;
}

void put_flag(json::object& object, std::string_view name, bool flag) {
  if (flag) object[name] = true;
}

json::array to_array(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

void put(json::object& object, std::string_view name,
         const std::optional<SubjectPermission>& permission) {
  if (!permission || (!permission->restricted && permission->deny.empty())) return;
  json::object value;
  if (permission->restricted) value["allow"] = to_array(permission->allow);
  if (!permission->deny.empty()) value["deny"] = to_array(permission->deny);
  object[name] = std::move(value);
}

}  // namespace

Result<LeafInfo> parse_leaf_info(std::string_view text) {
  const Result<json::value> value = parse_object(text);
  if (!value.ok()) return {Errc::kProtocol, "INFO is not JSON"};
  const json::object& object = value->get_object();
  LeafInfo info;
  info.server_id = read_string(object, "server_id");
  info.server_name = read_string(object, "server_name");
  info.version = read_string(object, "version");
  info.host = read_string(object, "host");
  info.cluster = read_string(object, "cluster");
  info.domain = read_string(object, "domain");
  info.nonce = read_string(object, "nonce");
  info.remote_account = read_string(object, "remote_account");
  info.port = static_cast<std::uint16_t>(get_int(object, "port"));
  info.client_id = static_cast<std::uint64_t>(get_int(object, "client_id"));
  info.payload_bytes_max = static_cast<std::size_t>(std::max<std::int64_t>(0, get_int(object, "max_payload")));
  info.headers = get_bool(object, "headers");
  info.tls_required = get_bool(object, "tls_required");
  info.jetstream = get_bool(object, "jetstream");
  info.info_on_connect = get_bool(object, "info_on_connect");
  info.connect_info = get_bool(object, "connect_info");
  const json::value* urls = find(object, "leafnode_urls");
  info.has_leafnode_urls = urls != nullptr && urls->is_array();
  info.leafnode_urls = read_strings(object, "leafnode_urls");
  info.ws_connect_urls = read_strings(object, "ws_connect_urls");
  info.import_permission = read_permission(object, "import");
  info.export_permission = read_permission(object, "export");
  return info;
}

Result<LeafConnect> parse_leaf_connect(std::string_view text) {
  const Result<json::value> value = parse_object(text);
  if (!value.ok()) return {Errc::kProtocol, "CONNECT is not JSON"};
  const json::object& object = value->get_object();
  LeafConnect connect;
  connect.version = read_string(object, "version");
  connect.server_id = read_string(object, "server_id");
  connect.name = read_string(object, "name");
  connect.cluster = read_string(object, "cluster");
  connect.domain = read_string(object, "domain");
  connect.remote_account = read_string(object, "remote_account");
  connect.user = read_string(object, "user");
  connect.password = read_string(object, "pass");
  connect.token = read_string(object, "auth_token");
  connect.nkey = read_string(object, "nkey");
  connect.jwt = read_string(object, "jwt");
  connect.signature = read_string(object, "sig");
  connect.lang = read_string(object, "lang");
  connect.gateway = read_string(object, "gateway");
  connect.headers = get_bool(object, "headers");
  connect.jetstream = get_bool(object, "jetstream");
  connect.is_hub = get_bool(object, "is_hub");
  connect.deny_pub = read_strings(object, "deny_pub");
  return connect;
}

std::string leaf_info_line(const LeafInfo& info) {
  json::object object;
  object["server_id"] = info.server_id;
  object["server_name"] = info.server_name;
  object["version"] = info.version;
  object["proto"] = 1;
  put(object, "cluster", info.cluster);
  object["host"] = info.host;
  object["port"] = info.port;
  object["headers"] = info.headers;
  object["auth_required"] = true;  // The reference says so on this port always.
  put_flag(object, "tls_required", info.tls_required);
  object["max_payload"] = info.payload_bytes_max;
  put_flag(object, "jetstream", info.jetstream);
  put(object, "domain", info.domain);
  object["client_id"] = info.client_id;
  put(object, "nonce", info.nonce);
  object["leafnode_urls"] = to_array(info.leafnode_urls);
  put_flag(object, "info_on_connect", info.info_on_connect);
  put_flag(object, "connect_info", info.connect_info);
  put(object, "remote_account", info.remote_account);
  put(object, "import", info.import_permission);
  put(object, "export", info.export_permission);
  return "INFO " + to_text(object) + " \r\n";
}

std::string leaf_connect_line(const LeafConnect& connect) {
  json::object object;
  object["version"] = connect.version;
  put(object, "nkey", connect.nkey);
  put(object, "jwt", connect.jwt);
  put(object, "sig", connect.signature);
  put(object, "user", connect.user);
  put(object, "pass", connect.password);
  put(object, "auth_token", connect.token);
  object["tls_required"] = false;
  object["server_id"] = connect.server_id;
  put(object, "domain", connect.domain);
  object["name"] = connect.name;
  put_flag(object, "is_hub", connect.is_hub);
  put(object, "cluster", connect.cluster);
  put_flag(object, "headers", connect.headers);
  put_flag(object, "jetstream", connect.jetstream);
  if (!connect.deny_pub.empty()) object["deny_pub"] = to_array(connect.deny_pub);
  put(object, "remote_account", connect.remote_account);
  object["protocol"] = 1;
  return "CONNECT " + to_text(object) + "\r\n";
}

}  // namespace petiole
