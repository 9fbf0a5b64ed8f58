#include "agent/command/status.h"

#include <array>
#include <utility>

#include "agent/config/units.h"
#include "platform/terminal.h"

namespace petiole {
namespace {

constexpr std::size_t kBodyBytesMax = 4 << 20;
constexpr std::array<const char*, 3> kPaths = {"/varz", "/linkz", "/mirrorz"};

constexpr const char* kAdvice =
    "\nIs petiole running there, with -m or \"http\" in its configuration? With \"https\" give\n"
    "that configuration (-c FILE) or https://host:port.\n";
constexpr const char* kTlsAdvice =
    "\nIs petiole running there, with \"https\" in its configuration? A certificate that the\n"
    "system does not know needs that configuration (-c FILE), its authority (--tlsca FILE) or\n"
    "--insecure.\n";

// One round of requests after the other; lives as long as a callback of its own may come.
class Run : public std::enable_shared_from_this<Run> {
 public:
  Run(StatusOptions options, Host host, std::function<bool(std::string_view)> print,
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
    dial.tls = options_.tls;
    auto self = shared_from_this();
    dial_ =
        host_.network.dial(dial, make_http_get(address(), options_.path + kPaths[index],
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
    finish(show(screen.text), screen.exit_code);
  }

  void failed(std::size_t index, const HttpResponse& response) {
    const std::string url =
        (options_.tls ? "https://" : "http://") + address() + options_.path + kPaths[index];
    const std::string why =
        response.status == 0 ? response.body : "HTTP status " + std::to_string(response.status);
    finish(show("no answer from " + url + ": " + why + advice(response.status)), 2);
  }

  std::string address() const { return join_host_port(options_.host, options_.port); }

  // Of what helps, as far as can be told from here.
  const char* advice(int status) const {
    if (status == 404) return "\nIs that all of its \"http_base_path\"?\n";
    return options_.tls ? kTlsAdvice : kAdvice;
  }

  // A pipe or a dumb terminal gets one screen below the other.
  bool show(const std::string& text) {
    if (!options_.watch || options_.json) return print_(text);
    return print_(redraws_lines(1) ? "\x1b[H\x1b[2J" + text : text + '\n');
  }

  void finish(bool is_read, int exit_code) {
    if (!options_.watch || !is_read) {
      return host_.loop.post([done = done_, exit_code] { done(exit_code); });
    }
    timer_ = host_.loop.make_timer([self = shared_from_this()] { self->fetch(0); });
    timer_->arm(host_.clock.now() + options_.interval);
  }

  StatusOptions options_;
  Host host_;
  std::function<bool(std::string_view)> print_;
  std::function<void(int)> done_;
  std::array<std::string, kPaths.size()> bodies_;
  std::unique_ptr<Dial> dial_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace

void run_status(std::span<const std::string> arguments, const ConfigSources& sources, Host host,
                std::function<bool(std::string_view)> print, std::function<void(int)> done) {
  StatusOptions options;
  const std::string wrong = parse_status_arguments(arguments, sources, options);
  if (!wrong.empty()) {
    print("petiole status: " + wrong + "\n");
    host.loop.post([done = std::move(done)] { done(2); });
    return;
  }
  std::make_shared<Run>(std::move(options), host, std::move(print), std::move(done))->fetch(0);
}

}  // namespace petiole
