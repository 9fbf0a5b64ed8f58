// What monitoring shows of one connection, open or closed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/routing/message.h"
#include "platform/time.h"

namespace petiole {

struct PeerCertificate;
struct Subscription;

struct ConnectionCounters {
  std::uint64_t messages_in = 0, bytes_in = 0, messages_out = 0, bytes_out = 0;
};

// What /connz and /leafz show of one connection. A session fills it when asked.
struct ConnectionReport {
  std::uint64_t cid = 0;
  PeerKind kind = PeerKind::kClient;
  std::string type;  // "nats", "websocket".
  std::string ip;
  std::uint16_t port = 0;
  WallTime start{}, last_activity{}, stop{};
  Duration uptime{};   // The clock on the wall may have been set since `start`.
  std::string reason;  // Closed ones; wire 1.11.
  Duration rtt{};
  std::uint64_t pending_bytes = 0;
  ConnectionCounters counters;
  std::size_t subscriptions = 0;
  std::string name, lang, version, tls_version, tls_cipher, user, account;
  std::string jwt;                                     // Of the user; open ones only.
  std::string issuer;                                  // Who let it in: a key, an account.
  std::vector<std::string> tags;                       // Of a user JWT.
  std::string name_tag;                                // Of the account's JWT.
  bool is_spoke = false;                               // Leafs.
  std::string_view compression;                        // Leafs: "off", "s2_fast".
  bool tls_first = false;                              // TLS before any word.
  std::shared_ptr<const PeerCertificate> certificate;  // Open ones; null: none was shown.
  std::vector<const Subscription*> subscription_list;  // Only when asked for; open ones only.
};

}  // namespace petiole
