#include "platform/terminal.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

namespace petiole {

bool is_terminal() { return isatty(STDOUT_FILENO) == 1; }

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
