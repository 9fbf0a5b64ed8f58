// How a call says that it failed: a value, never an exception.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace petiole {

enum class Errc : std::uint8_t {
  kOk,
  kProtocol,      // The peer broke the protocol; close.
  kTooLarge,      // A size over its limit; close or refuse.
  kPermission,    // Refused by configuration.
  kSlowConsumer,  // Output over its limit; close.
  kStorage,       // The disk refused.
  kStorageFull,   // No room within the configured limit, or on the disk.
  kCorrupt,       // Stored bytes fail their checksum.
  kBusy,          // Taken by another: a port, a lock.
  kNewerSchema,   // The database was written by a newer version.
  kNetwork,       // The network refused: connect, resolve, reset.
  kTimeout,       // Nothing came in time.
  kTls,           // Handshake or certificate.
  kConfig,        // The user's text is wrong.
  kUnsupported,   // A part that this build does not hold.
  kNotFound,      // No such file, key or record.
  kClosed,        // The other side is gone.
};

// An error code and a literal that says more. Copying is free; nothing is allocated.
class [[nodiscard]] Status {
 public:
  constexpr Status() = default;
  constexpr Status(Errc code, const char* text = "") : code_(code), text_(text) {}
  constexpr bool ok() const { return code_ == Errc::kOk; }
  constexpr Errc code() const { return code_; }
  constexpr std::string_view text() const { return text_; }

 private:
  Errc code_ = Errc::kOk;
  const char* text_ = "";
};

// A T, or the Status that says why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Status status) : status_(status) { assert(!status.ok()); }
  Result(Errc code, const char* text = "") : status_(code, text) {}

  bool ok() const { return value_.has_value(); }
  Status status() const { return status_; }
  Errc code() const { return status_.code(); }

  T& operator*() & {
    assert(ok());
    return *value_;
  }
  const T& operator*() const& {
    assert(ok());
    return *value_;
  }
  T&& operator*() && {
    assert(ok());
    return std::move(*value_);
  }
  T* operator->() {
    assert(ok());
    return &*value_;
  }
  const T* operator->() const {
    assert(ok());
    return &*value_;
  }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace petiole
