#include "platform/terminal.h"

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

namespace petiole {

bool is_terminal() { return isatty(STDOUT_FILENO) == 1; }

TemporaryDirectory::TemporaryDirectory(const char* prefix) {
  const char* const parent = getenv("TMPDIR");
  std::string path = std::string(parent && *parent ? parent : "/tmp") + "/" + prefix + "-XXXXXX";
  if (mkdtemp(path.data())) path_ = path;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace petiole
