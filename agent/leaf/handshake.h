// INFO and CONNECT of a leaf link, as values and as lines. Wire: client-and-leaf 3.2, 3.3.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/leaf/permissions.h"
#include "platform/status.h"

namespace petiole {

struct LeafInfo {
  std::string server_id, server_name, version, host, cluster, domain, nonce, remote_account;
  std::uint16_t port = 0;
  std::uint64_t client_id = 0;
  std::size_t payload_bytes_max = 0;
  bool headers = false, tls_required = false, jetstream = false;
  bool info_on_connect = false, connect_info = false;
  bool has_leafnode_urls = false;  // The array is there, though it may be empty.
  std::vector<std::string> leafnode_urls, ws_connect_urls;  // host:port
  // What the soliciting side may receive (import) and send (export).
  std::optional<SubjectPermission> import_permission, export_permission;
};

struct LeafConnect {
  std::string version, server_id, name, cluster, domain, remote_account;
  std::string user, password, token, nkey, jwt, signature;
  std::string lang, gateway;  // A client's, a gateway's: not a leaf.
  bool headers = false, jetstream = false, is_hub = false;
  std::vector<std::string> deny_pub;
};

// Errors: kProtocol.
Result<LeafInfo> parse_leaf_info(std::string_view text);
Result<LeafConnect> parse_leaf_connect(std::string_view text);

// Whole lines. A field that is empty is left out where the reference leaves it out.
std::string leaf_info_line(const LeafInfo& info);
std::string leaf_connect_line(const LeafConnect& connect);

}  // namespace petiole
