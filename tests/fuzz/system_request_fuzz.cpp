// Properties of a request to the system account that hold for any subject and body:
//  - it finds the same call, or none, every time;
//  - a body is read, or told to be wrong in a short text;
//  - what was read is a query whose values are texts, and a second reading gives the same.
#include <cstdlib>
#include <string_view>

#include "agent/system/calls.h"

using namespace petiole;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(input.find('\n'), size);
  const std::string_view subject = input.substr(0, line);
  const std::string_view body = input.substr(std::min(line + 1, size));
  const FoundCall found = find_call(subject, "ME");
  const FoundCall own = find_account_call(subject, "A");
  if (own.call && own.account != "A" && !own.account.empty()) std::abort();
  if (!found.call || !found.call->options) return 0;
  RequestOptions options, again;
  const std::string error = read_options(body, *found.call->options, options);
  if (error.size() > 256) std::abort();
  if (read_options(body, *found.call->options, again) != error) std::abort();
  if (options.items != again.items) std::abort();
  if (body.size() > kOptionsBytesMax && error.empty()) std::abort();
  return 0;
}
