#include "agent/server.h"

#include "platform/crypto.h"

namespace petiole {

namespace {

constexpr unsigned char kServerPrefix = 13 << 3;  // `N` in base32; wire 2.2.
constexpr std::size_t kKeyBytes = 32;

// CRC-16/XMODEM: polynomial 0x1021, start 0.
unsigned crc16(std::string_view bytes) {
  unsigned crc = 0;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
    }
    crc &= 0xffff;
  }
  return crc;
}

// Reads as the public key of a server; nothing is ever signed with it.
std::string make_id(Entropy& entropy) {
  std::string bytes(1 + kKeyBytes, '\0');
  entropy.fill(std::as_writable_bytes(std::span(bytes)).subspan(1));
  bytes[0] = static_cast<char>(kServerPrefix);
  const unsigned crc = crc16(bytes);
  bytes += static_cast<char>(crc & 0xff);
  bytes += static_cast<char>(crc >> 8);
  return base32(bytes);
}

}  // namespace

Server::Server(const Config& config, Host host)
    : config_(config),
      host_(host),
      id_(make_id(host.entropy)),
      name_(config.server_name.empty() ? id_ : config.server_name),
      started_(host.clock.wall()),
      closed_(config.limits.closed_connections_max) {
  const auto add = [this](const std::string& name) {
    if (accounts_.contains(name)) return;
    accounts_.emplace(name, std::make_unique<Account>(name, config_.limits, host_.entropy));
  };
  add("$G");
  for (const std::string& name : config_.accounts) add(name);
}

Server::~Server() = default;

Account* Server::account(std::string_view name) {
  const auto found = accounts_.find(name);
  return found == accounts_.end() ? nullptr : found->second.get();
}

void Server::enter(std::uint64_t cid, Reportable& session) { open_.emplace(cid, &session); }

void Server::leave(std::uint64_t cid, const ConnectionReport& last) {
  open_.erase(cid);
  closed_.add(last);
}

}  // namespace petiole
