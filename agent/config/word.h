// What a bare word of a configuration file is: a number with its suffix, a date, a boolean or text.
#pragma once

#include <string>
#include <string_view>

#include "agent/config/value.h"

namespace petiole {

// Fills kind and value of `value` from `word`. Returns what is wrong with it, empty when nothing
// is.
std::string classify_word(std::string_view word, ConfigValue& value);

// "512MB", "10k", "-3": k m g t p e are powers of 1000; kb ki kib and so on of 1024.
// Returns false when `word` is no such number or does not fit.
bool parse_integer(std::string_view word, std::int64_t& number);

// nats-server takes keys, and words such as FULL and Stream, in capitals or not. ASCII.
bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace petiole
