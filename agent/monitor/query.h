// The parameters of a monitoring request, checked as nats-server checks them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace petiole {

// Name and value, in order. From a URL, or from the JSON of a request to the system account in the
// URL's words; see agent/system/options.h.
using QueryItems = std::vector<std::pair<std::string, std::string>>;

class Query {
 public:
  explicit Query(const QueryItems& items) : items_(items) {}  // Kept by reference.

  std::string_view text(std::string_view name) const;  // The first of that name; empty: none.
  std::vector<std::string_view> texts(std::string_view name) const;
  bool flag(std::string_view name);  // 1, t, true, 0, f, false.
  std::int64_t number(std::string_view name, std::int64_t otherwise);
  std::uint64_t identifier(std::string_view name);  // 0: none.
  std::size_t count(std::string_view name,
                    std::size_t otherwise);  // A number; `otherwise` below 1.
  void fail(std::string text);

  bool ok() const { return error_.empty(); }
  const std::string& error() const { return error_; }

 private:
  const QueryItems& items_;
  std::string error_;
};

}  // namespace petiole
