// Properties of a monitoring request that hold for any path and parameters:
//  - it is answered with a status that the endpoints have, and a body;
//  - a 200 in JSON parses as JSON;
//  - a parameter that is shown again in an error is cut short.
#include <cstdlib>

#include "agent/monitor/monitor.h"
#include "platform/json.h"
#include "tests/support/sim.h"
#include "tests/support/sim_network.h"

using namespace petiole;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  test::SimClock clock;
  test::SimLoop loop{clock};
  test::SimEntropy entropy{1};
  test::SimLog log;
  test::SimWorker worker{loop, [] { return Duration::zero(); }};
  ChunkPool chunks;
  test::SimNetwork network{loop, chunks, 1};
  const Server server(Config{}, Host{loop, clock, network.host("a"), entropy, log, worker, chunks});
  Monitor monitor([&] {
    MonitorInput input{.server = server};
    input.now = clock.now();
    input.wall = clock.wall();
    return input;
  });
  // Lines: the path, then name and value in turn.
  std::vector<std::string> lines(1);
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += static_cast<char>(data[i]);
    }
  }
  HttpRequest request{"GET", lines[0], {}};
  for (std::size_t i = 1; i + 1 < lines.size(); i += 2) {
    request.query.emplace_back(lines[i], lines[i + 1]);
  }
  const HttpResponse response = monitor.answer(request);
  if (response.status != 200 && response.status != 400 && response.status != 404) std::abort();
  if (response.body.empty()) std::abort();
  const bool json = response.content_type == "application/json";
  if (json && response.status == 200 && !parse_json(response.body).ok()) std::abort();
  if (response.status == 400 && response.body.size() > 512) std::abort();
  return 0;
}
