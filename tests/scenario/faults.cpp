// What goes wrong in a run, and how all of it is healed in the end.
#include "tests/scenario/world.h"

namespace petiole::test {

// Now and then two at once.
void World::next_fault() {
  after(dice_.span(100ms, plan_.fault_pause), [this] {
    if (healing_) return;
    const bool second = dice_.one_in(5);
    amid([this] { fault(); });
    if (second) amid([this] { fault(); });
    next_fault();
  });
}

// Or at the moment of what happens next, behind it and ahead of what follows from it.
void World::amid(std::function<void()> task) {
  if (dice_.one_in(2)) return task();
  loop_.at(loop_.next(), [this, task = std::move(task)] {
    if (!healing_) task();
  });
}

void World::fault() {
  switch (dice_.below(11)) {
    case 0:
    case 1:
      return cut_path();
    case 2:
    case 3:
    case 4:
      return worsen_path();
    case 5:
    case 6:
      return plan_.crashes ? strike_leaf() : cut_path();
    case 7:
    case 8:
      return strike_hub();
    case 9:
      return reload_leaf();
    default:
      return strike_disk();
  }
}

// Lower end and upper end.
World::Ends World::pick_path() {
  if (plan_.chain && dice_.one_in(2)) return {"edge", "leaf"};
  return {"leaf", "hub"};
}

void World::cut_client() {
  const std::string app = "app" + std::to_string(dice_.below(publishers_.size()));
  const std::string server = plan_.chain ? "edge" : "leaf";
  trace_.add("world", app + " is cut off");
  if (dice_.one_in(2)) return network_->reset(app, server);
  const bool up = dice_.one_in(2);
  const std::size_t bytes = 1 + dice_.below(2000);
  up ? network_->cut_after(app, server, bytes) : network_->cut_after(server, app, bytes / 40);
}

// A remote that differs in anything is closed, and another takes its place; now and then none does
// for a while.
void World::reload_leaf() {
  if (!leaf_ || !leaf_->agent || leaf_->stopping) return;
  if (!dice_.one_in(3)) return read_again(true);
  read_again(false);
  after(dice_.span(50ms, 20s), [this] {
    if (leaf_config_.remotes.empty()) read_again(true);
  });
}

void World::read_again(bool with_hub) {
  trace_.add("world", with_hub ? "another remote is configured" : "no remote is configured");
  leaf_config_.remotes.clear();
  if (with_hub) {
    leaf_config_.remotes = leaf_config().remotes;
    leaf_config_.remotes.front().deny_imports = {"nobody." + std::to_string(++reloads_)};
  }
  if (!leaf_ || !leaf_->agent || leaf_->stopping) return;
  const Agent::Reloaded reloaded = leaf_->agent->reload(leaf_config_);
  if (!reloaded.errors.empty()) broken_ = "no reload: " + reloaded.errors.front();
}

void World::cut_path() {
  if (dice_.one_in(5)) return cut_client();
  const auto [low, high] = pick_path();
  switch (dice_.below(4)) {
    case 0:
      trace_.add("world", "the link is reset");
      network_->reset(low, high);
      if (dice_.one_in(2)) return;
      trace_.add("world", "the next one as well, amid the first answers");
      return network_->cut_after(high, low, 400 + dice_.below(4000));
    case 1: {
      const bool up = dice_.one_in(3);
      const std::size_t bytes = 1 + dice_.below(dice_.one_in(2) ? 400 : 20'000);
      trace_.add("world", (up ? high + " to " + low : low + " to " + high) + ": cut after " +
                              std::to_string(bytes) + " bytes");
      return up ? network_->cut_after(high, low, bytes) : network_->cut_after(low, high, bytes);
    }
    case 2:
      trace_.add("world", "no DNS");
      network_->break_dns("leaf", true);
      network_->reset("leaf", "hub");
      return after(dice_.span(1s, 30s), [this] { network_->break_dns("leaf", false); });
    default:
      trace_.add("world", "the hub's port is refused");
      network_->refuse("hub", true);
      if (dice_.one_in(2)) network_->reset("leaf", "hub");
      return after(dice_.span(1s, 20s), [this] { network_->refuse("hub", false); });
  }
}

void World::worsen_path() {
  const auto [low, high] = pick_path();
  switch (dice_.below(4)) {
    case 0: {
      const Duration span = dice_.span(100ms, dice_.one_in(3) ? 60s : 8s);
      trace_.add("world", "the path stalls for " + std::to_string(span / 1ms) + " ms");
      network_->block_both(low, high);
      return after(span, [this, ends = Ends(low, high)] {
        network_->unblock_both(ends.first, ends.second);
      });
    }
    case 1: {
      const bool up = dice_.one_in(2);
      const std::string from = up ? high : low, to = up ? low : high;
      trace_.add("world", "black hole from " + from);
      network_->block(from, to);
      return after(dice_.span(1s, 40s), [this, from, to] { network_->unblock(from, to); });
    }
    case 2:
      trace_.add("world", "the path is slow");
      for (const auto& [from, to] : {Ends(low, high), Ends(high, low)}) {
        SimPath& path = network_->path(from, to);
        path.latency = dice_.span(1ms, 400ms);
        path.jitter = dice_.span({}, 50ms);
        path.bytes_per_second = 6250;
        path.ragged = dice_.one_in(2);
      }
      return;
    default:
      trace_.add("world", "the path is fast");
      for (const auto& [from, to] : {Ends(low, high), Ends(high, low)}) {
        SimPath& path = network_->path(from, to);
        path.latency = dice_.span(100us, 30ms);
        path.jitter = {};
        path.bytes_per_second = 0;
        path.ragged = dice_.one_in(3);
      }
  }
}

void World::strike_leaf() {
  if (plan_.edge_crashes && dice_.one_in(3)) return strike_edge();
  if (!leaf_) return;
  const bool power = dice_.one_in(2);
  if (dice_.one_in(2)) {  // In the middle of a commit, or of the next start.
    cut_power_next_ = power;
    return disk_.fail_after(1 + dice_.below(40));
  }
  if (leaf_->agent && !leaf_->stopping && dice_.one_in(3)) return stop_leaf();
  end_leaf(power);
  retry_leaf(dice_.span(100ms, 30s));
}

void World::strike_edge() {
  if (!edge_) return;
  const bool power = dice_.one_in(2);
  if (dice_.one_in(2)) {
    cut_edge_power_next_ = power;
    return edge_disk_.fail_after(1 + dice_.below(40));
  }
  end_edge(power);
  retry_edge(dice_.span(100ms, 30s));
}

void World::strike_hub() {
  switch (dice_.below(5)) {
    case 0:
    case 1:
      if (!hub_) return;
      end_hub();
      return after(dice_.span(100ms, dice_.one_in(4) ? 60s : 10s), [this] {
        if (!hub_) start_hub();
      });
    case 2:
      trace_.add("world", "the stream refuses");
      stream_.set_refusing(true);
      return after(dice_.span(50ms, 5s), [this] { stream_.set_refusing(false); });
    case 3:
      trace_.add("world", "the API is silent");
      stream_.set_silent(true);
      return after(dice_.span(100ms, 12s), [this] { stream_.set_silent(false); });
    default:
      if (plan_.others) return stream_.store(dice_.one_in(2) ? "d.a" : "d.b", "", "other");
      if (plan_.hub != HubKind::kPlain) return;
      trace_.add("world", "the subscriber goes");
      stream_.hide_interest();
      return after(dice_.span(100ms, 10s), [this] { stream_.show_interest(); });
  }
}

void World::strike_disk() {
  switch (dice_.below(3)) {
    case 0:
      if (!plan_.full_disk) return;
      trace_.add("world", "the disk is full");
      disk_hurt_ = true;
      disk_.set_capacity(disk_.used() + dice_.below(64 << 10));
      return after(dice_.span(500ms, 30s), [this] { disk_.set_capacity(UINT64_MAX); });
    case 1:
      if (!plan_.io_errors) return;
      trace_.add("world", "the disk fails");
      disk_hurt_ = true;
      switch (dice_.below(3)) {
        case 0:
          return disk_.fail_writes(1 + static_cast<int>(dice_.below(3)));
        case 1:
          return disk_.fail_syncs(1);
        default:
          return disk_.fail_reads(1 + static_cast<int>(dice_.below(3)));
      }
    default:
      if (!plan_.wall_jumps) return;
      trace_.add("world", "the wall clock jumps");
      const Duration offset = 24h * (365 * 56) + dice_.span(-2h, 2h);
      return clock_.set_wall_offset(offset);
  }
}

void World::heal_disk() {
  disk_.set_capacity(UINT64_MAX);
  disk_.fail_after(0);
  edge_disk_.fail_after(0);
  disk_.fail_writes(0);
  disk_.fail_syncs(0);
  disk_.fail_reads(0);
  // After a failed sync a store is no more trusted: whoever runs the box starts it anew.
  if (!leaf_ || !leaf_->agent) return;
  count_losses();
  if (!storage_failed_) return;
  end_leaf(false);
}

void World::heal() {
  trace_.add("world", "all is healed");
  healing_ = true;
  for (const auto& publisher : publishers_) publisher->hurry();
  heal_disk();
  for (const auto& [low, high] : {Ends("leaf", "hub"), Ends("edge", "leaf")}) {
    network_->cut_after(low, high, 0);
    network_->cut_after(high, low, 0);
    network_->unblock_both(low, high);
    network_->set_both(low, high, {.latency = 5ms});
  }
  for (std::size_t i = 0; i < publishers_.size(); ++i) {
    const std::string app = "app" + std::to_string(i), server = plan_.chain ? "edge" : "leaf";
    network_->cut_after(app, server, 0);
    network_->cut_after(server, app, 0);
  }
  network_->break_dns("leaf", false);
  network_->refuse("hub", false);
  stream_.set_refusing(false);
  stream_.set_silent(false);
  if (leaf_config_.remotes.empty()) read_again(true);
  if (!hub_) start_hub();
  stream_.show_interest();
  if (!leaf_) start_leaf();
  if (plan_.chain && !edge_) start_edge();
}

}  // namespace petiole::test
