// The figures of STATSZ: nats-server events.go, ServerStats.
#pragma once

#include "agent/monitor/input.h"
#include "platform/json.h"

namespace petiole {

json::object statsz(const MonitorInput& input);

}  // namespace petiole
