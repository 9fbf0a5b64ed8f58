#include "platform/client_hello.h"

#include <cstddef>

namespace petiole {

namespace {

// The big-endian number in the first `count` bytes, which are taken off; npos when they are not
// there.
std::size_t take_number(std::string_view& bytes, std::size_t count) {
  if (bytes.size() < count) return bytes.npos;
  std::size_t number = 0;
  for (const char byte : bytes.substr(0, count))
    number = number << 8 | static_cast<unsigned char>(byte);
  bytes.remove_prefix(count);
  return number;
}

bool skip(std::string_view& bytes, std::size_t count) {
  if (bytes.size() < count) return false;
  bytes.remove_prefix(count);
  return true;
}

// Numbers of IANA's registry of TLS cipher suites.
bool is_chacha(std::size_t suite) { return suite == 0x1303 || suite == 0xcca8 || suite == 0xcca9; }

bool is_aes_gcm(std::size_t suite) {
  return suite == 0x1301 || suite == 0x1302 || (suite >= 0xc02b && suite <= 0xc030);
}

}  // namespace

bool prefers_chacha(std::string_view record) {
  constexpr std::size_t kHandshakeRecord = 22, kClientHello = 1;
  constexpr std::size_t kVersionAndLength = 4, kLengthVersionAndRandom = 3 + 2 + 32;
  if (take_number(record, 1) != kHandshakeRecord || !skip(record, kVersionAndLength)) return false;
  if (take_number(record, 1) != kClientHello || !skip(record, kLengthVersionAndRandom))
    return false;
  const std::size_t session_id = take_number(record, 1);
  if (session_id == record.npos || !skip(record, session_id)) return false;
  const std::size_t suites_bytes = take_number(record, 2);
  if (suites_bytes == record.npos) return false;
  std::string_view suites = record.substr(0, suites_bytes);
  while (suites.size() >= 2) {
    const std::size_t suite = take_number(suites, 2);
    if (is_chacha(suite)) return true;
    if (is_aes_gcm(suite)) return false;
  }
  return false;
}

}  // namespace petiole
