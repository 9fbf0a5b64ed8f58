// Whole small files: configuration, credentials, state. Blocking; not for the hot path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

// The same, but a device, a pipe or what a link leads to is written over, and so is a file in a
// directory that may not be written to. For small notes of a process, its id; never waits.
Status place_file(const std::string& path, std::string_view text);

void remove_file(const std::string& path);  // Fine when it is not there.
Status rename_file(const std::string& from, const std::string& to);
bool file_exists(const std::string& path);
std::optional<WallTime> file_modified(const std::string& path);
std::optional<std::uint64_t> file_bytes(const std::string& path);  // Of a regular file.
// Of an errno: there is no room, on the disk, in this user's quota, or in a file of this size.
bool is_no_room(int error);
// Whether what could not be opened could not be made for want of room: by open(2), or what stands
// for it.
bool has_no_room_for(const std::string& path, int (*open)(const char*, int, int));
// Makes an empty file that not everybody on this machine may read, by open(2) or what stands for
// it; one that is there stays as it is. Where none can be made, whoever opens it next is told why.
void make_private_file(const std::string& path, int (*open)(const char*, int, int));
// What the disk of `path`, which exists, has left for this user.
std::optional<std::uint64_t> free_bytes(const std::string& path);
// The largest that a file in `dir` may be, for this process and on its kind of disk.
std::uint64_t file_bytes_max(const std::string& dir);
// One level; fine when it is there already. A new one survives a power cut.
Status make_directory(const std::string& path);

// All names in `dir`, in order.
Result<std::vector<std::string>> list_names(const std::string& dir);
// Those that end with `ending` and are longer.
Result<std::vector<std::string>> list_files(const std::string& dir, std::string_view ending);

// The same as an interface, for what must be tested without a disk. Any thread; blocks.
class Files {
 public:
  virtual ~Files() = default;
  virtual Result<std::string> read(const std::string& path) = 0;  // At most 1 MiB.
  virtual Status write(const std::string& path, std::string_view text) = 0;
  virtual void remove(const std::string& path) = 0;
  virtual Status make_directory(const std::string& path) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& dir,
                                                std::string_view ending) = 0;
};

class SystemFiles final : public Files {
 public:
  Result<std::string> read(const std::string& path) override;
  Status write(const std::string& path, std::string_view text) override;
  void remove(const std::string& path) override;
  Status make_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& dir, std::string_view ending) override;
};

}  // namespace petiole
