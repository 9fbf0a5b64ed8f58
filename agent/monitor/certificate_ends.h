// When the certificates of the listeners end, read from their files once for each state of them:
// /varz tells it with every answer, and whoever may ask does so as often as he likes. Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "platform/tls.h"

namespace petiole {

class CertificateEnds {
 public:
  using Read = std::function<std::optional<WallTime>(const std::string& file)>;
  explicit CertificateEnds(Read read = certificate_end) : read_(std::move(read)) {}

  // Nothing: it cannot be read.
  std::optional<WallTime> of(const std::string& file);

 private:
  static constexpr std::size_t kFilesMax = 8;  // Three listeners, and what a reload leaves behind.

  struct Known {
    std::optional<WallTime> modified;
    std::optional<std::uint64_t> bytes;
    std::optional<WallTime> end;
  };

  Read read_;
  std::map<std::string, Known> known_;
};

}  // namespace petiole
