// Loaded keys and certificates, shared by the connections whose options agree, and renewed when the
// files change.
//
// The files are looked at with each handshake: a few system calls. New ones that cannot be used,
// half of them written perhaps, leave the old ones in service until they change again.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "platform/tls.h"

namespace petiole {

class TlsContexts {
 public:
  using Report = std::function<void(const std::string&)>;
  // `calendar` outlives it; null: the clock is right.
  explicit TlsContexts(Report report, const Calendar* calendar = nullptr)
      : report_(std::move(report)), calendar_(calendar) {}

  // Loading the system's certificates takes tens of milliseconds on a small device; what is loaded
  // costs a look-up.
  TlsContextResult get(const TlsOptions& options);

 private:
  static constexpr std::size_t kContextsMax = 8;  // A device has one or two remotes and listeners.

  struct Loaded {
    std::string key;      // What the options say.
    std::string stamp;    // Of the files as they were loaded.
    std::string refused;  // Of files that could not be used.
    std::shared_ptr<TlsContext> context;
  };

  TlsContextResult renew(Loaded& loaded, const TlsOptions& options, std::string stamp);

  Report report_;
  const Calendar* calendar_;
  std::vector<Loaded> loaded_;  // Oldest first.
};

}  // namespace petiole
