// Takes values of the tree in their wanted type, and collects what is wrong with them.
//
// Each call names in its error the key, what is allowed and what stands there instead. A value that
// is refused leaves its target as it was.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/source.h"
#include "agent/config/value.h"

namespace petiole {

class Reader {
 public:
  explicit Reader(const ConfigTree& tree) : tree_(tree) {}

  void boolean(const ConfigEntry& entry, bool& target);
  void text(const ConfigEntry& entry, std::string& target);  // Numbers are taken as written.
  void texts(const ConfigEntry& entry, std::vector<std::string>& target);  // One, or a list.
  void port(const ConfigEntry& entry, std::uint16_t& target);
  // A number of seconds, or a text like "2m".
  void duration(const ConfigEntry& entry, Duration& target, Duration least = Duration::zero());
  // The same, of an option for which nats-server wants the text.
  void quoted_duration(const ConfigEntry& entry, Duration& target,
                       Duration least = Duration::zero());
  void bytes(const ConfigEntry& entry, std::uint64_t& target, std::uint64_t least,
             std::uint64_t most);
  void percent(const ConfigEntry& entry, int& target);
  // "host:port" or a port alone, which leaves the host. Returns whether there is to be a listener:
  // to nats-server 0 says that there is none, -1 any free port.
  bool listen(const ConfigEntry& entry, std::string& host, std::uint16_t& port);

  template <class T>
  void number(const ConfigEntry& entry, T& target, std::int64_t least, std::int64_t most) {
    std::int64_t value = 0;
    if (take_number(entry, value, least, most)) target = static_cast<T>(value);
  }
  // A size in bytes with a suffix, for a target of any width.
  template <class T>
  void size(const ConfigEntry& entry, T& target, std::uint64_t least, std::uint64_t most) {
    std::uint64_t value = target;
    bytes(entry, value, least, most);
    target = static_cast<T>(value);
  }
  // One of the words; returns its place among them, or -1.
  int one_of(const ConfigEntry& entry, std::initializer_list<std::string_view> words);

  // A list of maps; calls `each(map, place)` for every one. One map alone is a list of one.
  template <class F>
  void maps(const ConfigEntry& entry, F each) {
    if (entry.value.is(ConfigValue::Kind::kMap)) return each(entry.value);
    if (!is_list(entry)) return;
    for (const ConfigValue& item : entry.value.items) {
      if (is_map(entry, item)) each(item);
    }
  }
  bool is_map(const ConfigEntry& entry, const ConfigValue& value);

  void error(const ConfigPlace& place, std::string text);
  void warning(const ConfigPlace& place, std::string text);
  // Works, but a check (-t) does not let it pass.
  void misuse(const ConfigPlace& place, std::string text);
  const std::vector<ConfigError>& errors() const { return errors_; }
  const std::vector<ConfigError>& warnings() const { return warnings_; }
  const std::vector<ConfigError>& misuses() const { return misuses_; }
  const ConfigTree& tree() const { return tree_; }

 private:
  bool take_number(const ConfigEntry& entry, std::int64_t& target, std::int64_t least,
                   std::int64_t most);
  bool is_list(const ConfigEntry& entry);
  void wrong(const ConfigEntry& entry, const ConfigValue& value, std::string_view wanted);

  const ConfigTree& tree_;
  std::vector<ConfigError> errors_, warnings_, misuses_;
};

}  // namespace petiole
