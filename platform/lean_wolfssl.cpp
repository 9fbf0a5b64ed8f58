// Stands in for parts of wolfSSL that no TLS connection uses, in a self-contained binary: PKCS#7,
// PKCS#12 and SRP.
//
// wolfSSL's main file calls these from functions of its OpenSSL-like interface that nothing here
// calls; from the archive they would bring 95 KB. The linker takes the first definition it meets,
// and this is it. They are weak: where a member of the archive comes in for another function, as
// it may with another version, its own hold.
namespace {
constexpr int kNotCompiledIn = -174;  // wolfssl/wolfcrypt/error-crypt.h.
}

extern "C" {
[[gnu::weak]] int wc_PKCS7_AddCertificate() { return kNotCompiledIn; }
[[gnu::weak]] int wc_PKCS7_EncodeSignedData() { return kNotCompiledIn; }
[[gnu::weak]] int wc_PKCS7_EncodeSignedData_ex() { return kNotCompiledIn; }
[[gnu::weak]] int wc_PKCS7_Init() { return kNotCompiledIn; }
[[gnu::weak]] int wc_PKCS7_InitWithCert() { return kNotCompiledIn; }
[[gnu::weak]] int wc_PKCS7_SetContentType() { return kNotCompiledIn; }
[[gnu::weak]] int wc_PKCS7_SetDetached() { return kNotCompiledIn; }
[[gnu::weak]] int wc_PKCS7_SetSignerIdentifierType() { return kNotCompiledIn; }
[[gnu::weak]] int wc_PKCS7_VerifySignedData() { return kNotCompiledIn; }
[[gnu::weak]] void wc_PKCS7_Free() {}

[[gnu::weak]] int wc_PKCS12_parse() { return kNotCompiledIn; }
[[gnu::weak]] int wc_PKCS12_verify_ex() { return kNotCompiledIn; }
[[gnu::weak]] int wc_d2i_PKCS12() { return kNotCompiledIn; }
[[gnu::weak]] int wc_i2d_PKCS12() { return kNotCompiledIn; }
[[gnu::weak]] void* wc_PKCS12_GetHeap() { return nullptr; }
[[gnu::weak]] void* wc_PKCS12_create() { return nullptr; }
[[gnu::weak]] void* wc_PKCS12_new() { return nullptr; }
[[gnu::weak]] void wc_PKCS12_free() {}
[[gnu::weak]] void wc_FreeCertList() {}

[[gnu::weak]] int wc_SrpInit() { return kNotCompiledIn; }
[[gnu::weak]] int wc_SrpSetParams() { return kNotCompiledIn; }
[[gnu::weak]] int wc_SrpSetPassword() { return kNotCompiledIn; }
[[gnu::weak]] int wc_SrpSetUsername() { return kNotCompiledIn; }
[[gnu::weak]] void wc_SrpTerm() {}
}
