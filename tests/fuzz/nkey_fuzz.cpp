// Property: what is read as a key, written again, is the same text.
#include <cstdint>
#include <cstdlib>

#include "agent/auth/nkey.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const unsigned char prefix :
       {petiole::kUserKey, petiole::kAccountKey, petiole::kOperatorKey, petiole::kServerKey}) {
    const auto key = petiole::decode_nkey_public(text, prefix);
    if (key && petiole::encode_nkey_public(prefix, *key) != text.substr(0, text.find('='))) {
      std::abort();
    }
  }
  (void)petiole::decode_nkey_seed(text);
  (void)petiole::is_signed_by(text, text, text);
  return 0;
}
