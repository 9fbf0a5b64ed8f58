// A build without PETIOLE_STORE.
#include "storage/store.h"

namespace petiole {

StoreResult open_store(const StoreOptions& options, Loop&, Worker&, Clock&, std::uint64_t) {
  return {nullptr,
          {Errc::kUnsupported, "this build holds no store"},
          options.dir + ": this build of petiole holds no store (PETIOLE_STORE=OFF)"};
}

}  // namespace petiole
