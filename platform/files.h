// Whole small files: configuration, credentials, state. Blocking; not for the hot path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "platform/status.h"
#include "platform/time.h"

namespace petiole {

struct FileText {
  std::string text;
  Status status;      // kNotFound, kPermission, kTooLarge, kStorage.
  std::string error;  // One line with the path; empty on success.
};
FileText read_file(const std::string& path, std::size_t bytes_max);

// Replaces `path` as a whole: after a crash it holds the old or the new text, on disk when this
// returns. The mode is that of a new file; 0600 keeps secrets.
Status write_file(const std::string& path, std::string_view text, std::uint32_t mode = 0644);

void remove_file(const std::string& path);  // Fine when it is not there.
bool file_exists(const std::string& path);
std::optional<WallTime> file_modified(const std::string& path);
// One level; fine when it is there already.
Status make_directory(const std::string& path);

}  // namespace petiole
