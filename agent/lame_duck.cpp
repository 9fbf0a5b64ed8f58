#include "agent/lame_duck.h"

#include <algorithm>
#include <utility>

namespace petiole {

LameDuck::LameDuck(Server& server, std::function<void()> done)
    : server_(server), done_(std::move(done)), timer_(server.host().loop.make_timer([this] {
        if (!std::exchange(begun_, true)) server_.host().log.info("Closing existing clients");
        close_one();
      })) {
  const Config& config = server.config();
  const Duration remaining =
      std::max<Duration>(config.lame_duck_duration - config.lame_duck_grace, Duration::zero());
  const auto clients = static_cast<Duration::rep>(std::max<std::size_t>(1, server.client_count()));
  gap_ = std::min<Duration>(remaining / clients, std::chrono::seconds(1));
  timer_->arm(server.host().clock.now() + config.lame_duck_grace);
}

// One that does not take its last words stays in the register for a while; the others do not wait.
void LameDuck::close_one() {
  const auto& open = server_.open();
  const auto client = std::find_if(open.upper_bound(last_), open.end(), [](const auto& entry) {
    return entry.second->report(false).kind == PeerKind::kClient;
  });
  if (client == open.end()) return done_();
  last_ = client->first;
  client->second->shut_down("Server Shutdown");
  const auto half = static_cast<std::uint64_t>(gap_.count() / 2 + 1);
  const auto extra = static_cast<Duration::rep>(server_.host().entropy.number() % half);
  timer_->arm(server_.host().clock.now() + gap_ / 2 + Duration(extra));
}

}  // namespace petiole
