#include "tests/agent/mirror/mirror_mix.h"

namespace petiole::test {

using namespace std::chrono_literals;

Mix make_mix(MixDice& dice) {
  Mix mix;
  mix.plain = dice.one_in(5);
  mix.api = !mix.plain && !dice.one_in(5);
  mix.ids = dice.one_in(2);
  mix.anew = mix.api && dice.one_in(3);
  mix.others = !mix.plain && dice.one_in(2);
  mix.refuses = !mix.plain && dice.one_in(3);
  mix.crashes = !dice.one_in(4);
  mix.full = dice.one_in(4);
  mix.fails = dice.one_in(4);
  mix.jumps = dice.one_in(3);
  mix.hubs = dice.one_in(4);
  mix.vanish = mix.api && !mix.anew && dice.one_in(4);
  mix.silent = mix.api && dice.one_in(4);
  // Where it keeps few, what comes behind says nothing unless it is known to be ours: of what went
  // from memory a restart knows nothing.
  const bool known = !mix.others && !mix.full && !mix.fails;
  mix.few = mix.api && known && !mix.refuses && !mix.vanish && dice.one_in(3);
  return mix;
}

MirrorConfig Mix::rules(MixDice& dice) const {
  MirrorConfig config;
  config.enabled = true;
  for (const char* name : kNames) {
    RuleConfig rule{.subjects = {std::string(name) + ".>"}};
    if (!few && dice.one_in(3)) rule.durability = Durability::kOutage;
    rule.keep_last = dice.one_in(3);
    if (dice.one_in(4)) rule.max_messages = 5 + dice.pick(20);
    if (dice.one_in(3)) rule.discard = Discard::kNew;
    if (dice.one_in(4)) rule.max_age = 20s;
    if (api && dice.one_in(6)) rule.confirm = Confirm::kPuback;
    rule.priority = static_cast<int>(dice.pick(3));
    config.rules.push_back(rule);
  }
  return config;
}

HubOptions Mix::hub(MixDice& dice) const {
  HubOptions options;
  options.latency = std::chrono::milliseconds(1 + dice.pick(30));
  options.ack_delay = std::chrono::milliseconds(dice.pick(100));
  if (!api) options.domain.clear();
  if (plain) options.stream_subject.clear();
  if (few) options.per_subject = 1 + dice.pick(3);
  const bool asks = api && !silent;
  options.duplicate_window = asks ? Duration(1ms) : Duration(24h);
  return options;
}

std::string Mix::describe(const MirrorConfig& config) const {
  std::string text = plain ? "plain" : api ? "api" : "no api";
  const std::pair<bool, const char*> flags[] = {
      {ids, "ids"},         {anew, "anew"},     {others, "others"}, {refuses, "refuses"},
      {crashes, "crashes"}, {full, "full"},     {fails, "fails"},   {jumps, "jumps"},
      {hubs, "hubs"},       {vanish, "vanish"}, {silent, "silent"}, {few, "few"},
      {purges, "purges"}};
  for (const auto& [on, name] : flags) text += on ? std::string(" ") + name : "";
  for (const RuleConfig& rule : config.rules) {
    text += "; " + rule.subjects.front();
    if (rule.durability == Durability::kOutage) text += " outage";
    if (rule.keep_last) text += " last";
    if (rule.max_messages) text += " max " + std::to_string(rule.max_messages);
    if (rule.discard == Discard::kNew) text += " new";
    if (rule.max_age.count()) text += " age";
    if (rule.confirm != Confirm::kAuto) text += " confirm";
  }
  return text;
}

}  // namespace petiole::test
