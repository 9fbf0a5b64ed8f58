#include "platform/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace petiole {

namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    const int error = errno;  // That of the call before is still to be looked at.
    close();
    errno = error;
  }
  int number() const { return number_; }
  bool close() { return number_ < 0 || ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

Status to_status(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return {Errc::kNotFound, "no such file"};
    case EACCES:
    case EPERM:
    case EROFS:
      return {Errc::kPermission, "not allowed"};
    case ENOSPC:
    case EDQUOT:
      return {Errc::kStorageFull, "the disk is full"};
    case EFBIG:
      return {Errc::kStorageFull, "no file may be as large"};
    case EISDIR:
      return {Errc::kStorage, "it is a directory"};
    case EMFILE:
    case ENFILE:
      return {Errc::kStorage, "too many open files"};
    case ENAMETOOLONG:
      return {Errc::kStorage, "the name is too long"};
    case EIO:
      return {Errc::kStorage, "the disk failed"};
    case ENXIO:
      return {Errc::kStorage, "nobody reads from the pipe"};
    default:
      return {Errc::kStorage, "the disk refused"};
  }
}

FileText failed(const std::string& path, Status status, std::string_view why) {
  return {{}, status, path + ": " + std::string(why)};
}

FileText failed(const std::string& path, int error) {
  return failed(path, to_status(error), std::strerror(error));
}

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) return false;
    if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A rename is on disk when the directory is. Some network file systems know no such thing.
bool sync_directory(const std::string& path) {
  const Descriptor directory(
      ::open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return directory.number() >= 0 && (::fsync(directory.number()) == 0 || errno == EINVAL);
}

bool write_synced(const std::string& path, std::string_view text, std::uint32_t mode) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  return file.number() >= 0 && ::fchmod(file.number(), mode) == 0 &&
         write_all(file.number(), text) && ::fsync(file.number()) == 0 && file.close();
}

}  // namespace

FileText read_file(const std::string& path, std::size_t bytes_max) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat state {};
  if (file.number() < 0 || ::fstat(file.number(), &state) != 0) return failed(path, errno);
  if (S_ISDIR(state.st_mode)) return failed(path, EISDIR);
  FileText result;
  char buffer[16 * 1024];
  while (true) {
    const ssize_t count = ::read(file.number(), buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(path, errno);
    if (count == 0) return result;
    result.text.append(buffer, static_cast<std::size_t>(count));
    if (result.text.size() > bytes_max) {
      return failed(path, {Errc::kTooLarge, "the file is too large"},
                    "larger than " + std::to_string(bytes_max) + " bytes");
    }
  }
}

Status write_file(const std::string& path, std::string_view text, std::uint32_t mode) {
  const std::string fresh = path + ".new." + std::to_string(::getpid());
  if (write_synced(fresh, text, mode) && ::rename(fresh.c_str(), path.c_str()) == 0) {
    return sync_directory(path) ? Status() : to_status(errno);
  }
  const int error = errno;
  ::unlink(fresh.c_str());
  return to_status(error);
}

Status place_file(const std::string& path, std::string_view text) {
  struct stat state {};
  const bool there = ::lstat(path.c_str(), &state) == 0;
  if (!there || S_ISREG(state.st_mode)) {
    const Status written = write_file(path, text);
    if (written.code() != Errc::kPermission || !there) return written;
  }
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  Descriptor file(::open(path.c_str(), kFlags, 0644));
  const bool done = file.number() >= 0 && write_all(file.number(), text) && file.close();
  return done ? Status() : to_status(errno);
}

void remove_file(const std::string& path) { unlink(path.c_str()); }

Status rename_file(const std::string& from, const std::string& to) {
  return ::rename(from.c_str(), to.c_str()) == 0 ? Status() : to_status(errno);
}

bool file_exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::optional<WallTime> file_modified(const std::string& path) {
  struct stat state {};
  if (::stat(path.c_str(), &state) != 0) return std::nullopt;
  return WallTime(std::chrono::seconds(state.st_mtim.tv_sec) +
                  std::chrono::nanoseconds(state.st_mtim.tv_nsec));
}

std::optional<std::uint64_t> file_bytes(const std::string& path) {
  struct stat state {};
  if (::stat(path.c_str(), &state) != 0 || !S_ISREG(state.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(state.st_size);
}

bool is_no_room(int error) { return to_status(error).code() == Errc::kStorageFull; }

bool has_no_room_for(const std::string& path, int (*open)(const char*, int, int)) {
  const Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.number() < 0) return is_no_room(errno);
  ::unlink(path.c_str());
  return false;
}

void make_private_file(const std::string& path, int (*open)(const char*, int, int)) {
  const Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
}

std::optional<std::uint64_t> free_bytes(const std::string& path) {
  struct statvfs disk {};
  if (::statvfs(path.c_str(), &disk) != 0) return std::nullopt;
  return std::uint64_t{disk.f_bavail} * disk.f_frsize;
}

std::uint64_t file_bytes_max(const std::string& dir) {
  std::uint64_t most = UINT64_MAX;
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    most = limit.rlim_cur;
  }
  struct statfs disk {};
  const bool fat = ::statfs(dir.c_str(), &disk) == 0 && disk.f_type == MSDOS_SUPER_MAGIC;
  return fat ? std::min<std::uint64_t>(most, UINT32_MAX) : most;
}

Status make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0750) == 0) {
    (void)sync_directory(path.substr(0, path.find_last_not_of('/') + 1));
    return {};
  }
  const int error = errno;
  struct stat state {};
  if (error == EEXIST && ::stat(path.c_str(), &state) == 0 && S_ISDIR(state.st_mode)) return {};
  return to_status(error);
}

Result<std::vector<std::string>> list_names(const std::string& dir) {
  DIR* const open = ::opendir(dir.c_str());
  if (!open) return to_status(errno);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* const entry = ::readdir(open)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  const int error = errno;
  ::closedir(open);
  if (error != 0) return to_status(error);
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::vector<std::string>> list_files(const std::string& dir, std::string_view ending) {
  auto names = list_names(dir);
  if (names.ok()) {
    std::erase_if(*names, [ending](const std::string& name) {
      return name.size() <= ending.size() || !name.ends_with(ending);
    });
  }
  return names;
}

Result<std::string> SystemFiles::read(const std::string& path) {
  FileText file = read_file(path, 1 << 20);
  if (!file.status.ok()) return file.status;
  return std::move(file.text);
}

Status SystemFiles::write(const std::string& path, std::string_view text) {
  return write_file(path, text);
}

void SystemFiles::remove(const std::string& path) { remove_file(path); }

Status SystemFiles::make_directory(const std::string& path) {
  return petiole::make_directory(path);
}

Result<std::vector<std::string>> SystemFiles::list(const std::string& dir,
                                                   std::string_view ending) {
  return list_files(dir, ending);
}

}  // namespace petiole
