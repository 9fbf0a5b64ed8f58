#include "agent/system/internal_trace.h"

#include "agent/session/trace.h"

namespace petiole {

void trace_internal(Logger& log, const LogConfig& config, bool system, const Message& message) {
  if (!config.trace || (system && !config.trace_verbose)) return;
  const std::string name = system ? "SYSTEM - " : "ACCOUNT - ";
  // Without a reply two blanks follow each other, as there.
  std::string operation = "PUB " + std::string(message.subject) + ' ';
  operation += std::string(message.reply) + ' ' + std::to_string(message.payload.size());
  log.write(LogLevel::kTrace, name + trace_operation(Way::kIn, operation));
  const std::string payload = trace_message(Way::kIn, message.header, message.payload, config);
  if (!payload.empty()) log.write(LogLevel::kTrace, name + payload);
}

}  // namespace petiole
