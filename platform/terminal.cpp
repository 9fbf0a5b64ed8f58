#include "platform/terminal.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace petiole {

bool redraws_lines(int columns) {
  if (isatty(STDOUT_FILENO) != 1) return false;
  const char* const kind = getenv("TERM");
  if (kind && strcmp(kind, "dumb") == 0) return false;
  winsize size{};
  const bool told = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0;
  return (told ? size.ws_col : 80) >= columns;
}

TemporaryDirectory::TemporaryDirectory(const char* prefix) {
  const char* const parent = getenv("TMPDIR");
  std::string path = std::string(parent && *parent ? parent : "/tmp") + "/" + prefix + "-XXXXXX";
  if (mkdtemp(path.data())) path_ = path;
}

TemporaryDirectory::~TemporaryDirectory() {
  if (path_.empty()) return;
  const auto remove = [](const char* path, const struct stat*, int, FTW*) {
    return ::remove(path);
  };
  (void)::nftw(path_.c_str(), remove, 8, FTW_DEPTH | FTW_PHYS);
}

}  // namespace petiole
