// Properties of the configuration parser that hold for any bytes:
//  - it ends, with a tree or with one error that has a place;
//  - the same text gives the same answer;
//  - an accepted key or a refused one: reading the tree never crashes.
#include <cstdlib>

#include "agent/config/load.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const petiole::ConfigSources sources{
      [&](const std::string&) { return petiole::Result<std::string>(text.substr(size / 2)); },
      [&](const std::string& name) { return std::optional<std::string>("$" + name); }};
  const petiole::LoadedConfig once = petiole::read_config(text, "f", sources);
  const petiole::LoadedConfig again = petiole::read_config(text, "f", sources);
  if (once.errors.size() != again.errors.size()) std::abort();
  for (const petiole::ConfigError& error : once.errors) {
    if (error.place.empty() || error.text.empty()) std::abort();
  }
  return 0;
}
