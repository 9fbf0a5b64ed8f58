// The monitoring port: requests to JSON, in nats-server's shape, and petiole's own /linkz, /mirrorz
// and /metrics.
//
// Knows no HTTP beyond platform/http.h's request and response. Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "agent/monitor/input.h"
#include "platform/http.h"

namespace petiole {

class Monitor {
 public:
  using Gather = std::function<MonitorInput()>;
  explicit Monitor(Gather gather) : gather_(std::move(gather)) {}

  HttpResponse answer(const HttpRequest& request);
  const RequestCounts& requests() const { return requests_; }

 private:
  Gather gather_;
  RequestCounts requests_;  // Of known paths only.
};

}  // namespace petiole
