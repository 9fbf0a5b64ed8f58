#include "tests/scenario/plan.h"

namespace petiole::test {

namespace {

void plan_rules(Plan& plan, Dice& dice) {
  RuleConfig disk{.subjects = {"d.>"}};
  if (dice.one_in(6)) {
    disk.max_messages = 30;
    disk.discard = dice.one_in(2) ? Discard::kOld : Discard::kNew;
    if (plan.seed % 2 == 0) {  // About as many.
      disk.max_messages = 0;
      disk.max_bytes = 2000;
    }
  }
  if (dice.one_in(10)) disk.max_age = 20s;
  plan.rules.push_back(disk);
  if (dice.one_in(2)) {
    plan.rules.push_back({.subjects = {"o.>"}, .durability = Durability::kOutage, .priority = 2});
  }
  if (dice.one_in(3)) {
    plan.rules.push_back({.subjects = {"k.>"}, .keep_last = true, .priority = 0});
  }
  if (dice.one_in(4)) plan.rules.push_back({.subjects = {"e.*.x", "e.y.>"}, .priority = 1});
}

void plan_publishers(Plan& plan, Dice& dice) {
  const std::uint64_t count = 1 + dice.below(3);
  for (std::uint64_t i = 0; i < count; ++i) {
    PublisherPlan publisher;
    publisher.ids = dice.below(3) != 0;
    publisher.messages = static_cast<std::uint32_t>(30 + dice.below(dice.one_in(8) ? 2000 : 250));
    publisher.batch_max = static_cast<std::uint32_t>(1 + dice.below(40));
    publisher.pause_max = std::chrono::milliseconds(20 + dice.below(4000));
    for (std::size_t rule = 0; rule < plan.rules.size(); ++rule) {
      // A crash loses the memory of ids with the messages: a repeat is the hub's to recognise.
      const bool outage = plan.rules[rule].durability == Durability::kOutage;
      if (rule == 0 || (dice.below(3) != 0 && !(outage && publisher.ids))) {
        publisher.rules.push_back(rule);
      }
    }
    plan.publishers.push_back(publisher);
  }
}

}  // namespace

Plan make_plan(std::uint64_t seed, bool chain) {
  Dice dice(seed * 0x9e3779b97f4a7c15u + (chain ? 2 : 1));
  Plan plan;
  plan.seed = seed;
  const std::uint64_t kind = dice.below(8);
  plan.hub = kind < 5 ? HubKind::kStream : kind < 6 ? HubKind::kHiddenStream : HubKind::kPlain;
  plan.duplicate_window = dice.span(2s, 2min);
  if (plan.hub == HubKind::kHiddenStream) plan.duplicate_window = 24h;  // All that it can go by.
  plan.store_delay = std::chrono::milliseconds(dice.one_in(2) ? 0 : dice.below(100));
  plan.ack_delay = std::chrono::milliseconds(dice.below(200));
  plan.late_interest = dice.one_in(3);
  plan.others = dice.one_in(4);
  plan.crashes = dice.below(4) != 0;
  plan.io_errors = dice.one_in(8);
  plan.full_disk = dice.one_in(6);
  plan.wall_jumps = dice.one_in(6);
  plan.span = std::chrono::seconds(40 + dice.below(200));
  plan.fault_pause = std::chrono::milliseconds(500 + dice.below(20000));
  plan.drops_repeats = plan.hub == HubKind::kPlain && dice.one_in(2);
  plan_rules(plan, dice);
  plan_publishers(plan, dice);
  if (!chain) return plan;
  plan.chain = plan.crashes = true;
  plan.io_errors = false;  // A dead disk confirms what memory alone has: see the leaf's README.
  for (RuleConfig& rule : plan.rules) rule.durability = Durability::kDisk;
  plan.edge_crashes = dice.one_in(2);
  return plan;
}

std::string Plan::describe() const {
  static constexpr const char* kKinds[] = {"stream", "stream without domain", "plain subscriber"};
  const auto ms = [](std::chrono::nanoseconds time) { return std::to_string(time / 1ms) + " ms"; };
  std::string text =
      std::string("hub: ") + kKinds[static_cast<int>(hub)] + ", window " + ms(duplicate_window) +
      ", store " + ms(store_delay) + ", ack " + ms(ack_delay) +
      (chain ? ", a leaf behind the leaf" : "") + (edge_crashes ? " that crashes too" : "") +
      (drops_repeats ? ", drops repeats" : "") + (late_interest ? ", late interest" : "") +
      (others ? ", others" : "") + (crashes ? ", crashes" : "") +
      (io_errors ? ", I/O errors" : "") + (full_disk ? ", full disk" : "") +
      (wall_jumps ? ", wall clock jumps" : "") + "\nrules:";
  for (const RuleConfig& rule : rules) {
    text += " " + rule.subjects.front() +
            (rule.durability == Durability::kOutage ? " outage" : "") +
            (rule.keep_last ? " keep last" : "") +
            (rule.max_messages || rule.max_bytes
                 ? rule.discard == Discard::kOld ? " max (old)" : " max (new)"
                 : "") +
            (rule.max_bytes ? " in bytes" : "") + (rule.max_age.count() ? " max age" : "") + ";";
  }
  text += "\npublishers:";
  for (const PublisherPlan& each : publishers) {
    text += " " + std::to_string(each.messages) + (each.ids ? " with ids;" : " without ids;");
  }
  return text;
}

}  // namespace petiole::test
