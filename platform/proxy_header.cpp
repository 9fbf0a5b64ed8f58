#include "platform/proxy_header.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace petiole {
namespace {

using Verdict = ProxyHeader::Verdict;

constexpr std::string_view kStart1 = "PROXY ";
constexpr std::string_view kStart2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kLineBytesMax = 107;  // Of version 1, with CRLF.
constexpr std::size_t kFixedBytes = 16;     // Of version 2: signature, command, family, length.
constexpr std::size_t kInetBytes = 12, kInet6Bytes = 36;

ProxyHeader broken(const char* error) {
  ProxyHeader header;
  header.verdict = Verdict::kBroken;
  header.error = error;
  return header;
}

// Empty unless `text` is an address of the family, in a form that inet_pton reads.
bool is_address(int family, std::string_view text) {
  unsigned char bytes[16];
  return ::inet_pton(family, std::string(text).c_str(), bytes) == 1;
}

bool read_port(std::string_view text, std::uint16_t& port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size();
}

// "TCP4 192.0.2.1 192.0.2.2 50000 4222".
ProxyHeader read_line(std::string_view line, std::size_t used) {
  ProxyHeader header;
  header.verdict = Verdict::kHeader;
  header.used = used;
  std::array<std::string_view, 5> word;
  std::size_t count = 0;
  while (!line.empty()) {
    const std::size_t blank = std::min(line.find(' '), line.size());
    if (blank != 0) {
      if (count == word.size()) return broken("too many words");
      word[count++] = line.substr(0, blank);
    }
    line.remove_prefix(std::min(line.size(), blank + 1));
    if (count == 1 && word[0] == "UNKNOWN") return header;  // What follows means nothing.
  }
  if (count != word.size()) return broken("words are missing");
  if (word[0] != "TCP4" && word[0] != "TCP6") return broken("neither TCP4 nor TCP6");
  const int family = word[0] == "TCP4" ? AF_INET : AF_INET6;
  std::uint16_t to_port = 0;
  if (!is_address(family, word[1]) || !is_address(family, word[2])) return broken("a bad address");
  if (!read_port(word[3], header.port) || !read_port(word[4], to_port)) return broken("a bad port");
  header.address = word[1];
  return header;
}

ProxyHeader read_version_1(std::string_view bytes) {
  const std::string_view front = bytes.substr(0, kLineBytesMax);
  const std::size_t end = front.find("\r\n");
  if (end != front.npos) {
    return read_line(front.substr(kStart1.size(), end - kStart1.size()), end + 2);
  }
  return front.size() == kLineBytesMax ? broken("the line is too long") : ProxyHeader{};
}

std::string address_text(int family, std::string_view bytes) {
  char text[INET6_ADDRSTRLEN] = {};
  return ::inet_ntop(family, bytes.data(), text, sizeof text) ? text : "";
}

std::uint16_t number(std::string_view two) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(two[0]) << 8 |
                                    static_cast<unsigned char>(two[1]));
}

ProxyHeader read_version_2(std::string_view bytes) {
  if (bytes.size() < kFixedBytes) return {};
  const auto version = static_cast<unsigned char>(bytes[12]);
  const auto family = static_cast<unsigned char>(bytes[13]);
  const std::size_t length = number(bytes.substr(14, 2));
  if (version >> 4 != 2) return broken("neither version 1 nor 2");
  if ((version & 15) > 1) return broken("an unknown command");
  const bool proxied = (version & 15) == 1;
  if (proxied && (family & 15) != 1) return broken("not TCP");
  if (proxied && family >> 4 > 2) return broken("an unknown family of addresses");
  const bool inet = proxied && family >> 4 == 1, inet6 = proxied && family >> 4 == 2;
  if ((inet && length < kInetBytes) || (inet6 && length < kInet6Bytes)) {
    return broken("the addresses are too short");
  }
  if (length > kProxyHeaderBytesMax - kFixedBytes) return broken("it is too long");
  if (bytes.size() < kFixedBytes + length) return {};
  ProxyHeader header;
  header.verdict = Verdict::kHeader;
  header.used = kFixedBytes + length;
  if (inet) {
    header.address = address_text(AF_INET, bytes.substr(16, 4));
    header.port = number(bytes.substr(24, 2));
  } else if (inet6) {
    header.address = address_text(AF_INET6, bytes.substr(16, 16));
    header.port = number(bytes.substr(48, 2));
  }
  return header;
}

}  // namespace

ProxyHeader parse_proxy_header(std::string_view bytes) {
  for (const std::string_view start : {kStart1, kStart2}) {
    if (bytes.size() < start.size() ? !start.starts_with(bytes) : !bytes.starts_with(start)) {
      continue;
    }
    if (bytes.size() < start.size()) return {};
    return start == kStart1 ? read_version_1(bytes) : read_version_2(bytes);
  }
  ProxyHeader none;
  none.verdict = Verdict::kNone;
  return none;
}

}  // namespace petiole
