// Properties of a callout's answer that hold for any bytes: without a signature it is refused; of
// what an account has signed, whatever it says, no more passes than is whole; no box opens that was
// not made for us.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "agent/auth/callout_tokens.h"
#include "agent/auth/jwt.h"

namespace {

using namespace petiole;

struct FixedEntropy : Entropy {
  void fill(std::span<std::byte> bytes) override {
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(next_++);
  }
  unsigned char next_ = 0;
};

const ServerKeys& keys() {
  static const ServerKeys made = [] {
    FixedEntropy entropy;
    return make_server_keys(entropy);
  }();
  return made;
}

std::string sign(std::string_view payload) {
  Ed25519Seed seed{};
  seed.fill(11);
  const std::string text =
      base64url(R"({"typ":"JWT","alg":"ed25519-nkey"})") + "." + base64url(payload);
  const auto signature = ed25519_sign(seed, text);
  if (!signature.ok()) return text;
  return text + "." + base64url(std::string(signature->begin(), signature->end()));
}

void check(const Result<CalloutResponse>& response) {
  if (!response.ok()) return;
  if (!decode_nkey_public(response->issuer, kAccountKey)) std::abort();
  if (check_response(*response, WallTime{})) return;
  if (!decode_nkey_public(response->subject, kUserKey)) std::abort();
  if (!decode_nkey_public(response->audience, kServerKey)) std::abort();
  if (response->error.empty() == response->token.empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(decode_callout_response(text));
  check(decode_callout_response(sign(text)));
  (void)decode_activation(text);
  (void)decode_activation(sign(text));
  if (open_from(text, keys().xkey, keys()).ok()) std::abort();
  if (open_from("xkv1" + std::string(text), keys().xkey, keys()).ok()) std::abort();
  return 0;
}
