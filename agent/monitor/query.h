// The parameters of a monitoring request, checked as nats-server checks them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "platform/http.h"

namespace petiole {

class Query {
 public:
  explicit Query(const HttpRequest& request) : request_(request) {}

  std::string_view text(std::string_view name) const;  // The first of that name; empty: none.
  bool flag(std::string_view name);                    // 1, t, true, 0, f, false.
  std::int64_t number(std::string_view name, std::int64_t otherwise);
  void fail(std::string text);

  bool ok() const { return error_.empty(); }
  const std::string& error() const { return error_; }

 private:
  const HttpRequest& request_;
  std::string error_;
};

}  // namespace petiole
