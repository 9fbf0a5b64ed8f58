// The last reports of connections that are gone, for /connz: ten thousand by default, so each takes
// few bytes.
//
// Numbers are kept as varints in one queue of bytes, about 40 for a record; the words of a record
// (name, language, address, reason and so on), which many connections share, are kept once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/connection_report.h"

namespace petiole {

class ClosedConnections {
 public:
  // Remembers the last `count_max`.
  explicit ClosedConnections(std::size_t count_max) : count_max_(count_max) {}
  ClosedConnections(const ClosedConnections&) = delete;
  ClosedConnections& operator=(const ClosedConnections&) = delete;

  void add(const ConnectionReport& report);
  // Oldest first. The report lives as long as the call.
  void for_each(const std::function<void(const ConnectionReport&)>& visit) const;
  ConnectionReport back() const;  // The newest; there is one.
  std::size_t size() const { return count_; }
  // Different sets of words that are kept now.
  std::size_t word_sets() const { return uses_.size(); }

 private:
  struct Use {
    std::uint32_t number = 0, records = 0;
  };
  using Uses = std::unordered_map<std::string, Use>;  // By the packed words.

  std::uint32_t intern(std::string words);
  void forget_oldest();

  std::size_t count_max_, count_ = 0;
  std::deque<unsigned char> bytes_;
  Uses uses_;
  std::vector<Uses::value_type*> words_;  // By number; null: free. Nodes of a map stay in place.
  std::vector<std::uint32_t> free_;
};

}  // namespace petiole
