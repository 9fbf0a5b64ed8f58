// The body of a request to the system account: JSON with the options of an endpoint, in
// nats-server's words for them, and filters that say whether this server is meant.
//
// Remote input: a body that is too long or not as it should be is an error, in Go's words.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/monitor/query.h"
#include "agent/system/identity.h"

namespace petiole {

inline constexpr std::size_t kOptionsBytesMax = 16 * 1024;  // Ours: nats-server has no limit.

enum class OptionType : std::uint8_t { kBool, kDetail, kInt, kState, kText, kTexts };

// An option as requests name it, and as the endpoint's query does.
struct OptionKey {
  const char* name;
  const char* query;
  OptionType type;
};

struct OptionTable {
  const char* owner;  // For error texts: Go's name of the options.
  std::span<const OptionKey> keys;
};

struct RequestFilter {
  std::string name, cluster, host, domain;
  std::vector<std::string> tags;
  bool exact = false;

  bool accepts(const ServerIdentity& identity) const;
};

struct RequestOptions {
  RequestFilter filter;
  QueryItems items;
};

// Returns what is wrong, empty: nothing. An empty body holds no options.
std::string read_options(std::string_view body, const OptionTable& table, RequestOptions& options);

}  // namespace petiole
