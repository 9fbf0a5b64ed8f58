#include "tests/bench/load_options.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace petiole::bench {
namespace {

[[noreturn]] void usage() {
  std::fputs(
      "usage: load messages|request|hold --port PORT [--subscribe-port PORT] [--size BYTES]\n"
      "       [--count N] [--publishers N] [--subscribers N] [--subjects N] [--queue] [--pid PID]\n"
      "       [--publish-user NAME] [--subscribe-user NAME]: the name is the password, too\n"
      "       [--door plain|tls|websocket]: how all of them come in\n"
      "messages: publishers to subscribers, or to nobody. request: one at a time, latency.\n"
      "hold: opens --subscribers connections with --count subscriptions in all, until stdin "
      "ends.\n",
      stderr);
  std::exit(2);
}

std::size_t number(std::string_view text) {
  char* end = nullptr;
  const unsigned long long value = std::strtoull(text.data(), &end, 10);
  if (end == text.data() || *end != '\0') usage();
  return static_cast<std::size_t>(value);
}

Door door(std::string_view name) {
  if (name == "tls") return Door::kTls;
  if (name == "websocket") return Door::kWebSocket;
  if (name != "plain") usage();
  return Door::kPlain;
}

}  // namespace

Options parse_options(int argc, char** argv) {
  if (argc < 2) usage();
  Options options;
  options.mode = argv[1];
  if (options.mode != "messages" && options.mode != "request" && options.mode != "hold") usage();
  std::size_t port = 4222, subscribe_port = 0;
  for (int i = 2; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--queue") {
      options.queue = true;
      continue;
    }
    if (++i == argc) usage();
    if (name == "--publish-user" || name == "--subscribe-user") {
      (name == "--publish-user" ? options.publish_at : options.subscribe_at).user = argv[i];
      continue;
    }
    if (name == "--door") {
      options.publish_at.door = options.subscribe_at.door = door(argv[i]);
      continue;
    }
    const std::size_t value = number(argv[i]);
    if (name == "--port")
      port = value;
    else if (name == "--subscribe-port")
      subscribe_port = value;
    else if (name == "--size")
      options.size = value;
    else if (name == "--count")
      options.count = value;
    else if (name == "--publishers")
      options.publishers = value;
    else if (name == "--subscribers")
      options.subscribers = value;
    else if (name == "--subjects")
      options.subjects = value;
    else if (name == "--pid")
      options.pid = static_cast<int>(value);
    else
      usage();
  }
  options.publish_at.port = static_cast<std::uint16_t>(port);
  options.subscribe_at.port =
      static_cast<std::uint16_t>(subscribe_port != 0 ? subscribe_port : port);
  return options;
}

}  // namespace petiole::bench
