// Traces what this server publishes itself, as nats-server does: in the system account only with
// trace_verbose (-VV), in others with any trace.
#pragma once

#include <string_view>

#include "agent/config/config.h"
#include "agent/routing/message.h"
#include "platform/log.h"

namespace petiole {

void trace_internal(Logger& log, const LogConfig& config, bool system, const Message& message);

}  // namespace petiole
