// The parts of a process, and in which order they go.
#include "agent/machine.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <optional>
#include <random>
#include <string>

namespace petiole::test {
namespace {

using namespace std::chrono_literals;

// A password's hash is under way when the process ends: its answer is posted all the same.
TEST_CASE("machine: what the worker has under way ends before the loop goes") {
  LogOptions quiet;
  quiet.to_stderr = false;
  std::optional<Machine> machine(std::in_place, quiet);
  const auto gone = std::make_shared<std::promise<void>>();
  std::future<void> loop_gone = gone->get_future();
  std::shared_ptr<int> of_loop(new int, [gone](int* number) {
    gone->set_value();
    delete number;
  });
  machine->loop.post([of_loop] {});
  bool late = false;
  machine->worker.run([&] { late = loop_gone.wait_for(200ms) == std::future_status::ready; });
  of_loop.reset();
  machine.reset();
  CHECK_FALSE(late);
}

TEST_CASE("machine: of a file that is too large for us it says how large one may be") {
  namespace fs = std::filesystem;
  const fs::path path =
      fs::temp_directory_path() / ("petiole-large-" + std::to_string(std::random_device()()));
  std::ofstream(path).close();
  fs::resize_file(path, (16 << 20) + 1);
  const Result<std::string> text = system_sources().read_file(path.string());
  fs::remove(path);
  REQUIRE_FALSE(text.ok());
  CHECK(text.status().text() == "the file is larger than 16 MiB");
}

}  // namespace
}  // namespace petiole::test
