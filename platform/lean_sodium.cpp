// Stands in for parts of libsodium that AES-256-GCM asks for, in a self-contained binary: 200 KB of
// other ciphers and of password hashing come with sodium_init, which chooses among them.
//
// Weak, as in lean_wolfssl.cpp: where a member of the archive comes in for another function, its
// own hold.
#include <cstddef>
#include <cstdlib>
#include <cstring>

extern "C" {
[[gnu::weak]] int sodium_init() {
  __builtin_cpu_init();
  return 0;
}
[[gnu::weak]] int sodium_runtime_has_aesni() { return __builtin_cpu_supports("aes") ? 1 : 0; }
[[gnu::weak]] int sodium_runtime_has_pclmul() { return __builtin_cpu_supports("pclmul") ? 1 : 0; }
[[gnu::weak]] int sodium_runtime_has_avx() { return __builtin_cpu_supports("avx") ? 1 : 0; }
[[gnu::weak]] void sodium_memzero(void* bytes, std::size_t count) {
  ::explicit_bzero(bytes, count);
}
[[gnu::weak]] void sodium_misuse() { std::abort(); }
[[gnu::weak]] void randombytes_buf(void*, std::size_t) {
  std::abort();
}  // Makes keys; none is made.
}
