#include "agent/protocol/info.h"

#include "agent/protocol/go_json.h"
#include "platform/json.h"

namespace petiole {

namespace {

void write_identity(GoJson& json, const ServerInfo& info) {
  json.text("server_id", info.server_id);
  json.text("server_name", info.server_name);
  json.text("version", info.version);
  json.number("proto", static_cast<std::uint64_t>(info.protocol));
  json.text_if("git_commit", info.git_commit);
  json.text("go", info.go);
  json.text("host", info.host);
  json.number("port", info.port);
  json.flag("headers", info.headers);
  json.flag_if("auth_required", info.auth_required);
  json.flag_if("tls_required", info.tls_required);
  json.flag_if("tls_verify", info.tls_verify);
  json.flag_if("tls_available", info.tls_available);
  json.number("max_payload", info.max_payload);
  json.flag_if("jetstream", info.jetstream);
  json.text_if("ip", info.ip);
  json.number_if("client_id", info.client_id);
  json.text_if("client_ip", info.client_ip);
  json.text_if("nonce", info.nonce);
  json.text_if("cluster", info.cluster);
  json.text_if("domain", info.domain);
  json.text_if("petiole", info.petiole);
  json.texts_if("connect_urls", info.connect_urls);
  json.texts_if("ws_connect_urls", info.ws_connect_urls);
  json.flag_if("ldm", info.lame_duck);
  json.flag_if("connect_info", info.connect_info);
  json.text_if("remote_account", info.remote_account);
  json.flag_if("acc_is_sys", info.is_system_account);
  json.number_if("api_lvl", static_cast<std::uint64_t>(info.api_level));
  json.text_if("xkey", info.xkey);
}

std::string permissions_text(const SubjectPermissions& permissions) {
  GoJson json;
  if (permissions.allow) json.texts("allow", *permissions.allow);
  json.texts_if("deny", permissions.deny);
  return json.take();
}

std::string line(GoJson& json) { return "INFO " + json.take() + " \r\n"; }

// Copies fields out of one JSON object and remembers whether a type was wrong.
class Reader {
 public:
  explicit Reader(const json::object& object) : object_(object) {}

  void text(std::string_view name, std::string& to) {
    const json::value* const value = given(name);
    if (!value) return;
    if (!value->is_string()) return fail();
    to.assign(value->get_string().data(), value->get_string().size());
  }
  void flag(std::string_view name, bool& to) {
    const json::value* const value = given(name);
    if (!value) return;
    if (!value->is_bool()) return fail();
    to = value->get_bool();
  }
  template <class Number>
  void number(std::string_view name, Number& to) {
    const json::value* const value = given(name);
    if (!value) return;
    if (value->is_uint64()) {
      to = static_cast<Number>(value->get_uint64());
    } else if (value->is_int64()) {
      to = static_cast<Number>(value->get_int64());
    } else {
      fail();
    }
  }
  bool texts(std::string_view name, std::vector<std::string>& to) {
    const json::value* const value = given(name);
    if (!value) return false;
    if (!value->is_array()) return fail(), false;
    for (const json::value& each : value->get_array()) {
      if (!each.is_string()) return fail(), false;
      to.emplace_back(each.get_string());
    }
    return true;
  }
  void permissions(std::string_view name, std::optional<SubjectPermissions>& to) {
    const json::value* const value = given(name);
    if (!value) return;
    if (!value->is_object()) return fail();
    Reader inner(value->get_object());
    SubjectPermissions permissions;
    std::vector<std::string> allow;
    if (inner.texts("allow", allow)) permissions.allow = std::move(allow);
    inner.texts("deny", permissions.deny);
    if (!inner.ok()) return fail();
    to = std::move(permissions);
  }
  bool ok() const { return ok_; }

 private:
  const json::value* given(std::string_view name) const {
    const json::value* const value = find(object_, name);
    return value && value->is_null() ? nullptr : value;
  }
  void fail() { ok_ = false; }

  const json::object& object_;
  bool ok_ = true;
};

void read_identity(Reader& reader, ServerInfo& info) {
  reader.text("server_id", info.server_id);
  reader.text("server_name", info.server_name);
  reader.text("version", info.version);
  reader.text("go", info.go);
  reader.text("git_commit", info.git_commit);
  reader.text("host", info.host);
  reader.number("port", info.port);
  reader.number("proto", info.protocol);
  reader.number("max_payload", info.max_payload);
  reader.number("client_id", info.client_id);
  reader.number("api_lvl", info.api_level);
  reader.text("client_ip", info.client_ip);
  reader.text("nonce", info.nonce);
  reader.text("cluster", info.cluster);
  reader.text("domain", info.domain);
  reader.text("petiole", info.petiole);
  reader.text("xkey", info.xkey);
  reader.text("remote_account", info.remote_account);
  reader.text("ip", info.ip);
  reader.text("compression", info.compression);
}

void read_flags(Reader& reader, ServerInfo& info) {
  info.headers = false;
  reader.flag("headers", info.headers);
  reader.flag("jetstream", info.jetstream);
  reader.flag("auth_required", info.auth_required);
  reader.flag("tls_required", info.tls_required);
  reader.flag("tls_verify", info.tls_verify);
  reader.flag("tls_available", info.tls_available);
  reader.flag("ldm", info.lame_duck);
  reader.flag("connect_info", info.connect_info);
  reader.flag("acc_is_sys", info.is_system_account);
  reader.flag("info_on_connect", info.info_on_connect);
}

}  // namespace

std::string client_info_line(const ServerInfo& info) {
  GoJson json;
  write_identity(json, info);
  return line(json);
}

std::string leaf_info_line(const ServerInfo& info) {
  GoJson json;
  write_identity(json, info);
  if (info.leafnode_urls) json.texts("leafnode_urls", *info.leafnode_urls);
  json.text_if("compression", info.compression);
  json.flag_if("info_on_connect", info.info_on_connect);
  if (info.import_permissions) json.raw("import", permissions_text(*info.import_permissions));
  if (info.export_permissions) json.raw("export", permissions_text(*info.export_permissions));
  return line(json);
}

Result<ServerInfo> parse_info(std::string_view text) {
  const Result<json::value> document = parse_json(text);
  if (!document.ok() || !document->is_object()) return {Errc::kProtocol, "INFO is no JSON object"};
  Reader reader(document->get_object());
  ServerInfo info;
  read_identity(reader, info);
  read_flags(reader, info);
  reader.texts("connect_urls", info.connect_urls);
  reader.texts("ws_connect_urls", info.ws_connect_urls);
  std::vector<std::string> leafnode_urls;
  if (reader.texts("leafnode_urls", leafnode_urls)) info.leafnode_urls = std::move(leafnode_urls);
  reader.permissions("import", info.import_permissions);
  reader.permissions("export", info.export_permissions);
  if (!reader.ok()) return {Errc::kProtocol, "a field of INFO has another type"};
  return info;
}

}  // namespace petiole
