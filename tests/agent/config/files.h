// Files and an environment that exist in a test's memory.
#pragma once

#include <map>
#include <string>

#include "agent/config/source.h"

namespace petiole::test {

struct Files {
  std::map<std::string, std::string> files;
  std::map<std::string, std::string> environment;

  ConfigSources sources() const {
    return {[this](const std::string& path) -> Result<std::string> {
              const auto file = files.find(path);
              if (file == files.end()) return {Errc::kNotFound, "no such file"};
              return file->second;
            },
            [this](const std::string& name) -> std::optional<std::string> {
              const auto variable = environment.find(name);
              if (variable == environment.end()) return std::nullopt;
              return variable->second;
            }};
  }
};

}  // namespace petiole::test
