// Monitoring by HTTP.
#include "agent/agent_parts.h"

namespace petiole {

namespace {

constexpr Duration kSlice = std::chrono::milliseconds(1);  // Spent on answers: then others go on.
constexpr int kShare = 10;                                 // Answers take a tenth of the time.

// Of all connections together: whoever may ask has as many as he likes.
class Pace {
 public:
  void note(Time begin, Time end) {
    spent_ += end - begin;
    if (spent_ < kSlice) return;
    next_ = end + (kShare - 1) * spent_;
    spent_ = {};
  }
  Time next() const { return next_; }

 private:
  Duration spent_{};
  Time next_{};
};

}  // namespace

Network::Accept Agent::Parts::accept_monitor() {
  return [this, pace = std::make_shared<Pace>()](const PeerInfo&) {
    const auto answer = [this, pace](const HttpRequest& request) {
      const Clock& clock = server.host().clock;
      const Time begin = clock.now();
      HttpResponse response = monitor.answer(request);
      pace->note(begin, clock.now());
      return response;
    };
    return make_http_server(answer, [pace] { return pace->next(); });
  };
}

std::string Agent::Parts::answer(std::string_view target) {
  HttpRequest request{
      .method = "GET", .path = std::string(target.substr(0, target.find('?'))), .query = {}};
  if (const std::size_t at = target.find('?'); at != target.npos) {
    std::string_view rest = target.substr(at + 1);
    while (!rest.empty()) {
      const std::string_view pair = rest.substr(0, rest.find('&'));
      rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
      const std::size_t equals = pair.find('=');
      request.query.emplace_back(pair.substr(0, equals),
                                 equals == pair.npos ? "" : pair.substr(equals + 1));
    }
  }
  return monitor.answer(request).body;
}

}  // namespace petiole
