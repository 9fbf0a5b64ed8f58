// Standard output as people see it, and a directory that lives as long as a command.
#pragma once

#include <string>

namespace petiole {

// Standard output is a terminal that takes escape sequences and has so many columns: a line that
// is drawn over itself stays one. A terminal that does not say how wide it is has 80.
bool redraws_lines(int columns);

// Made under TMPDIR or /tmp, removed with all that is in it.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const char* prefix);
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }  // Empty: it could not be made.

 private:
  std::string path_;
};

}  // namespace petiole
