// INFO: what a server says of itself, to clients (wire 1.2) and on leaf links (wire 3.2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/status.h"

namespace petiole {

// Permissions of a leaf link, as the hub tells them.
struct SubjectPermissions {
  std::optional<std::vector<std::string>> allow;  // Absent: everything.
  std::vector<std::string> deny;
};

// Of leafs, in INFO and CONNECT: from here on a server knows of message traces, and delivers no
// message that is to be traced alone. nats-server server.go, MsgTraceProto.
inline constexpr std::int64_t kTraceProtocol = 3;

struct ServerInfo {
  std::string server_id, server_name, version, go, host;
  std::int64_t protocol = 1;
  std::uint16_t port = 0;
  bool headers = true;
  std::uint64_t max_payload = 0;
  std::uint64_t client_id = 0;
  std::string client_ip, git_commit, nonce, cluster, domain, xkey;
  std::string petiole;  // Ours, to leafs: the version of a petiole.
  std::int64_t api_level = 0;
  bool jetstream = false, auth_required = false;
  bool tls_required = false, tls_verify = false, tls_available = false;
  std::vector<std::string> connect_urls, ws_connect_urls;
  bool lame_duck = false, connect_info = false, is_system_account = false;
  std::string remote_account;

  // Of leafs.
  std::string ip, compression;
  std::optional<std::vector<std::string>> leafnode_urls;  // Present on a leaf port only.
  bool info_on_connect = false;
  std::optional<SubjectPermissions> import_permissions, export_permissions;
};

// `INFO {…} CRLF`, with the blank before CRLF that nats-server sends.
std::string client_info_line(const ServerInfo& info);
std::string leaf_info_line(const ServerInfo& info);

// Reads any server's INFO. kProtocol: no JSON object, or a field of another type.
Result<ServerInfo> parse_info(std::string_view text);

}  // namespace petiole
