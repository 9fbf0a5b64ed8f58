// Go's texts for times and durations, and JSON values as Go writes them.
#pragma once

#include <cstdint>
#include <string>

#include "agent/protocol/go_json.h"  // go_time.
#include "platform/json.h"
#include "platform/time.h"

namespace petiole {

std::string go_duration(Duration duration);    // "1.5ms", "2m3s".
std::string uptime_text(Duration duration);    // nats-server's "1d2h3m4s".
json::value seconds_value(Duration duration);  // 2 or 2.5.
json::value number_value(double number);       // Without an exponent where there is no fraction.

}  // namespace petiole
