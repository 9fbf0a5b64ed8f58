#include "agent/monitor/certificate_ends.h"

#include "platform/files.h"

namespace petiole {

std::optional<WallTime> CertificateEnds::of(const std::string& file) {
  const auto modified = file_modified(file);
  const auto bytes = file_bytes(file);
  const auto found = known_.find(file);
  if (found != known_.end() && found->second.modified == modified && found->second.bytes == bytes) {
    return found->second.end;
  }
  if (known_.size() >= kFilesMax) known_.clear();
  Known& known = known_[file] = {modified, bytes, read_(file)};
  return known.end;
}

}  // namespace petiole
