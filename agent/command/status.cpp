#include "agent/command/status.h"

#include <array>
#include <utility>

#include "agent/config/units.h"

namespace petiole {
namespace {

constexpr std::size_t kBodyBytesMax = 4 << 20;
constexpr std::array<const char*, 3> kPaths = {"/varz", "/linkz", "/mirrorz"};

// One round of requests after the other; lives as long as a callback of its own may come.
class Run : public std::enable_shared_from_this<Run> {
 public:
  Run(StatusOptions options, Host host, std::function<void(std::string_view)> print,
      std::function<void(int)> done)
      : options_(std::move(options)),
        host_(host),
        print_(std::move(print)),
        done_(std::move(done)) {}

  void fetch(std::size_t index) {
    DialOptions dial;
    dial.host = options_.host;
    dial.port = options_.port;
    dial.timeout = std::chrono::seconds(5);
    auto self = shared_from_this();
    dial_ =
        host_.network.dial(dial, make_http_get(options_.host, options_.path + kPaths[index],
                                               kBodyBytesMax, [self, index](HttpResponse response) {
                                                 self->fetched(index, std::move(response));
                                               }));
  }

 private:
  void fetched(std::size_t index, HttpResponse response) {
    if (response.status != 200) return failed(index, response);
    bodies_[index] = std::move(response.body);
    if (index + 1 < kPaths.size()) {
      // Not from inside the callback of the wire that is about to be closed.
      host_.loop.post([self = shared_from_this(), index] { self->fetch(index + 1); });
      return;
    }
    const StatusBodies bodies{bodies_[0], bodies_[1], bodies_[2]};
    const StatusScreen screen = options_.json ? render_status_json(bodies) : render_status(bodies);
    show(screen.text);
    finish(screen.exit_code);
  }

  void failed(std::size_t index, const HttpResponse& response) {
    const std::string url = "http://" + options_.host + ":" + std::to_string(options_.port) +
                            options_.path + kPaths[index];
    const std::string why =
        response.status == 0 ? response.body : "HTTP status " + std::to_string(response.status);
    show("no answer from " + url + ": " + why +
         "\nIs petiole running there, with -m or \"http\" in its configuration?\n");
    finish(2);
  }

  void show(const std::string& text) {
    print_(options_.watch && !options_.json ? "\x1b[H\x1b[2J" + text : text);
  }

  void finish(int exit_code) {
    if (!options_.watch) return host_.loop.post([done = done_, exit_code] { done(exit_code); });
    timer_ = host_.loop.make_timer([self = shared_from_this()] { self->fetch(0); });
    timer_->arm(host_.clock.now() + options_.interval);
  }

  StatusOptions options_;
  Host host_;
  std::function<void(std::string_view)> print_;
  std::function<void(int)> done_;
  std::array<std::string, kPaths.size()> bodies_;
  std::unique_ptr<Dial> dial_;
  std::unique_ptr<Timer> timer_;
};

std::string parse_target(std::string text, StatusOptions& options) {
  if (text.starts_with("http://")) text.erase(0, 7);
  if (text.find("://") != std::string::npos) return "the URL must be http://host:port";
  const std::size_t slash = text.find('/');
  if (slash != std::string::npos) {
    options.path = text.substr(slash);
    text.resize(slash);
    while (options.path.ends_with('/')) options.path.pop_back();
  }
  const auto target = parse_host_port(text);
  if (target && target->port != 0 && !target->host.empty()) {
    options.host = target->host;
    options.port = target->port;
    return {};
  }
  if (text.empty() || text.find(':') != std::string::npos)
    return "the URL must be http://host:port";
  options.host = text;
  return {};
}

}  // namespace

std::string parse_status_arguments(std::span<const std::string> arguments, StatusOptions& options) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string word = arguments[i];
    if (word.starts_with("--")) word.erase(0, 1);
    if (word == "-json") {
      options.json = true;
    } else if (word == "-watch") {
      options.watch = true;
    } else if (word == "-m" || word == "-http_port") {
      const auto port = i + 1 < arguments.size() ? parse_port(arguments[++i]) : std::nullopt;
      if (!port || *port == 0) return "-m needs a port from 1 to 65535";
      options.port = *port;
    } else if (word.starts_with('-')) {
      return "unknown flag " + arguments[i] + "; allowed here: --json, --watch, -m port, URL";
    } else if (std::string wrong = parse_target(word, options); !wrong.empty()) {
      return wrong;
    }
  }
  return {};
}

void run_status(std::span<const std::string> arguments, Host host,
                std::function<void(std::string_view)> print, std::function<void(int)> done) {
  StatusOptions options;
  const std::string wrong = parse_status_arguments(arguments, options);
  if (!wrong.empty()) {
    print("petiole status: " + wrong + "\n");
    host.loop.post([done = std::move(done)] { done(2); });
    return;
  }
  std::make_shared<Run>(std::move(options), host, std::move(print), std::move(done))->fetch(0);
}

}  // namespace petiole
