// CONNECT: what a client, or the soliciting side of a leaf link, says of itself.
//
// Fields and defaults: wire/client-and-leaf.md sections 1.3 and 3.3. Unknown fields are ignored.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "platform/status.h"

namespace petiole {

struct ConnectOptions {
  bool verbose = true, pedantic = true, echo = true;  // True also before any CONNECT.
  bool headers = false, no_responders = false;
  std::int64_t protocol = 0;  // 1: takes INFO at any time.
  std::string user, password, token, nkey, jwt, signature;
  std::string name, lang, version;
  std::string account;  // With new_account a relic: refused when used.
  bool new_account = false;

  // Of leafs.
  std::string server_id, cluster, domain, remote_account, compression;
  std::string petiole_leaf;  // Ours: the leaf id in the message ids of its mirror.
  std::string gateway;       // Of a gateway that came to the wrong port.
  bool jetstream = false, is_hub = false, isolate = false;
  std::vector<std::string> deny_publish;
};

// Sets in `options` what `text` names and leaves the rest as it is: a second CONNECT adds to the
// first. kProtocol: no JSON object, or a field of another type.
Status parse_connect(std::string_view text, ConnectOptions& options);

// `CONNECT {…}CRLF` as the soliciting side of a leaf link sends it.
std::string leaf_connect_line(const ConnectOptions& options);

}  // namespace petiole
