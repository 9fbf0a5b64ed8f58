// A changed configuration while the agent runs: what is taken over, and the way back.
#include <algorithm>
#include <utility>

#include "agent/agent_parts.h"
#include "agent/config/changes.h"

namespace petiole {

namespace {

// Between the dial of a changed remote and the verdict. A satellite link needs the dial's own
// time-outs, one after the other.
Duration probation_of(const LinkLimits& limits) {
  return limits.dial_timeout + limits.first_info_timeout;
}

bool holds(const std::vector<RemoteConfig>& list, const RemoteConfig& remote) {
  return std::find(list.begin(), list.end(), remote) != list.end();
}

// Whether each remote has its account there still.
bool has_homes(const Config& config) {
  const auto is_account = [&config](const std::string& name) {
    return name == "$G" || name == config.system_account ||
           std::any_of(config.accounts.begin(), config.accounts.end(),
                       [&name](const AccountConfig& each) { return each.name == name; });
  };
  return config.auth.trust.enabled() ||
         std::all_of(config.remotes.begin(), config.remotes.end(),
                     [&](const RemoteConfig& each) { return is_account(each.account); });
}

bool lacks_one_of(const std::vector<RemoteConfig>& list, const std::vector<RemoteConfig>& wanted) {
  return std::any_of(wanted.begin(), wanted.end(),
                     [&](const RemoteConfig& remote) { return !holds(list, remote); });
}

// The mirror sends over it for want of a hub, and one comes: from then on it is a leaf behind us,
// which is told at the beginning of a link what we capture.
bool becomes_leaf(const Remote& remote, const std::vector<RemoteConfig>& wanted) {
  return remote.config().hub && remote.observer() != nullptr &&
         std::any_of(wanted.begin(), wanted.end(), [&](const RemoteConfig& other) {
           return !other.hub && other.account == remote.config().account;
         });
}

}  // namespace

Agent::Reloaded Agent::reload(const Config& config) {
  Parts& parts = *parts_;
  Reloaded result;
  if (parts.stopping) {  // New remotes would start, and nobody would end them.
    result.errors.push_back("the server is stopping");
    return result;
  }
  for (const ConfigChange& change : changes_between(parts.server.config(), config)) {
    if (change.needs_restart) {
      result.errors.push_back(refusal_of(change));
    } else {
      result.lines.push_back("Reloaded: " + change.name);
    }
  }
  // A file that only says the same otherwise is the one in force all the same.
  const bool same = result.lines.empty() && parts.server.config().digest == config.digest;
  if (!result.errors.empty() || same) return result;
  parts.change_to(config, links_up());
  return result;
}

void Agent::on_reload(std::function<std::string()> reload) { parts_->reload = std::move(reload); }

// A remote that takes the place of one that was up is on probation. What is accepted meanwhile
// stays accepted: the way back is then that of the remotes alone.
void Agent::Parts::change_to(const Config& config, bool were_up) {
  if (were_up) before.reset();
  Config back = before ? config : server.config();
  if (before) back.remotes = std::move(before->remotes);
  const bool links_change = config.remotes != server.config().remotes;
  take_over(config);
  if (!has_homes(back)) return before.reset();  // Better a link that may come up than none.
  if (links_change && (before || (were_up && lacks_one_of(config.remotes, back.remotes)))) {
    start_probation(std::move(back));
  } else if (before) {
    before = std::move(back);
  }
}

void Agent::Parts::take_over(const Config& config) {
  leaving.clear();
  server.replace(config);
  change_remotes(config.remotes);
  close_surplus();
}

// As nats-server: a lower max_connections ends connections; the newest, for they are missed least.
// Those that leave already are not counted. A session leaves the register later.
void Agent::Parts::close_surplus() {
  const std::size_t most = server.config().limits.connections_max;
  const std::size_t count = server.client_count();
  if (count <= most) return;
  for (auto each = server.open().rbegin();
       each != server.open().rend() && server.client_count() > most; ++each) {
    const bool client = each->second->report(false).kind == PeerKind::kClient;
    if (client) each->second->shut_down("Maximum Connections Exceeded");
  }
  server.host().log.info("Closed " + std::to_string(count - server.client_count()) +
                         " connections to fall within max_connections");
}

std::unique_ptr<Remote> Agent::Parts::make_remote(const RemoteConfig& config) {
  return std::make_unique<Remote>(server, links, config, read_file);
}

// Those that stay the same keep their links; the order is that of the file.
void Agent::Parts::change_remotes(const std::vector<RemoteConfig>& wanted) {
  std::vector<std::unique_ptr<Remote>> old = std::exchange(remotes, {});
  std::vector<Remote*> added;
  for (const RemoteConfig& config : wanted) {
    const auto same = std::find_if(old.begin(), old.end(), [&](const auto& remote) {
      return remote && remote->config() == config && !becomes_leaf(*remote, wanted);
    });
    if (same != old.end()) {
      remotes.push_back(std::move(*same));
      continue;
    }
    remotes.push_back(make_remote(config));
    added.push_back(remotes.back().get());
  }
  for (auto& remote : old) {
    if (!remote) continue;
    remote->set_observer(nullptr);
    remote->stop();
    leaving.push_back(std::move(remote));
  }
  serve_mirrors();
  for (Remote* const remote : added) remote->start();
}

// Each sends over the first remote of its account, and keeps to it while that is there. One to
// which we are the hub is a leaf behind us, where there is another.
void Agent::Parts::serve_mirrors() {
  if (!mirror) return;
  for (const bool hub : {false, true}) {
    for (const auto& remote : remotes) {
      if (remote->config().hub != hub) continue;
      Mirror* const own = mirror->of(remote->config().account);
      const bool served = std::any_of(remotes.begin(), remotes.end(), [own](const auto& other) {
        return other->observer() == own;
      });
      if (own && !served) remote->set_observer(own);
    }
  }
}

void Agent::Parts::start_probation(Config way_back) {
  before = std::move(way_back);
  probation = server.host().loop.make_timer([this] { end_probation(); });
  probation->arm(server.host().clock.now() + probation_of(server.config().link));
}

// A link that was up before the change and is not now: better the old way to the hub than none.
void Agent::Parts::end_probation() {
  if (!before) return;
  const Config back = *std::exchange(before, std::nullopt);
  const auto failed = std::find_if(remotes.begin(), remotes.end(), [&](const auto& remote) {
    return !remote->up() && !holds(back.remotes, remote->config());
  });
  if (failed == remotes.end()) return;
  const RemoteReport report = (*failed)->report();
  server.host().log.error("reload: " + report.url + " did not come up (" + report.last_error +
                          "); going back to the configuration from before");
  take_over(back);
}

}  // namespace petiole
