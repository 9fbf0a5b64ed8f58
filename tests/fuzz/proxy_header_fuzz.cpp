// Properties of the PROXY header's parser that hold for any bytes:
//  - it takes no more than it was given, and never more than the largest header;
//  - a header reads the same when bytes follow it, and a prefix of it is incomplete;
//  - a verdict on the front of the bytes stands whatever follows, but for "incomplete";
//  - it does not wait for more than the largest header.
#include <cstdint>
#include <cstdlib>

#include "platform/proxy_header.h"

namespace {

using petiole::ProxyHeader;
using Verdict = petiole::ProxyHeader::Verdict;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const ProxyHeader header = petiole::parse_proxy_header(input);
  require(header.used <= size && header.used <= petiole::kProxyHeaderBytesMax);
  require((header.verdict == Verdict::kHeader) == (header.used != 0));
  require(header.address.empty() || header.verdict == Verdict::kHeader);
  if (header.verdict == Verdict::kIncomplete) {
    require(size < petiole::kProxyHeaderBytesMax);
    return 0;
  }
  const std::string longer = std::string(input) + "PROXY \r\n";
  const ProxyHeader again = petiole::parse_proxy_header(longer);
  require(again.verdict == header.verdict && again.used == header.used &&
          again.address == header.address && again.port == header.port);
  if (header.verdict != Verdict::kHeader) return 0;
  require(petiole::parse_proxy_header(input.substr(0, header.used)).verdict == Verdict::kHeader);
  for (std::size_t cut = 0; cut < header.used; ++cut) {
    require(petiole::parse_proxy_header(input.substr(0, cut)).verdict == Verdict::kIncomplete);
  }
  return 0;
}
