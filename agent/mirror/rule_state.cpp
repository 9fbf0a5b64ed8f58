#include "agent/mirror/rule_state.h"

#include <algorithm>
#include <initializer_list>

#include "agent/mirror/ids.h"

namespace petiole {

namespace {

// The numbers of a state, in the order of the text. A later version may add to the end.
template <class State, class Visit>
void visit_numbers(State& state, Visit visit) {
  visit(state.cursor), visit(state.settled), visit(state.sent_limit);
  visit(state.captured), visit(state.confirmed), visit(state.duplicates);
  visit(state.losses.age), visit(state.losses.limit), visit(state.losses.refused);
  visit(state.losses.superseded), visit(state.losses.rejected), visit(state.losses.corrupt);
}

}  // namespace

// "1 <numbers> <0|1> <0..3> <number> <number> <number> <made>...\n", the last four in later
// versions, and a line "<sequence> <stream>\n" for each floor, whose stream was made when one of
// those says.
std::string encode_state(const RuleState& state) {
  std::string text = "1";
  visit_numbers(state, [&](std::uint64_t number) {
    text += ' ';
    append_number(text, number);
  });
  text += state.own_ids ? " 1" : " 0";
  text += ' ';
  append_number(text, (state.holes ? 1u : 0u) + (state.order_unknown ? 2u : 0u));
  text += ' ';
  append_number(text, state.losses.uncounted);
  text += ' ';
  append_number(text, state.passed);
  text += ' ';
  append_number(text, state.last_upto);
  for (const StreamFloor& floor : state.floors.list()) {
    text += ' ';
    append_number(text, floor.made);
  }
  text += '\n';
  for (const StreamFloor& floor : state.floors.list()) {
    append_number(text, floor.sequence);
    text += ' ';
    text += floor.stream;
    text += '\n';
  }
  return text;
}

std::optional<RuleState> decode_state(std::string_view text) {
  std::string_view first = take_word(text, '\n');
  if (take_word(first, ' ') != "1") return std::nullopt;
  RuleState state;
  bool good = true;
  visit_numbers(state, [&](std::uint64_t& number) {
    const auto value = parse_number(take_word(first, ' '));
    good = good && value.has_value();
    number = value.value_or(0);
  });
  const std::string_view own_ids = take_word(first, ' ');
  if (!good || (own_ids != "0" && own_ids != "1")) return std::nullopt;
  state.own_ids = own_ids == "1";
  const std::uint64_t order = parse_number(take_word(first, ' ')).value_or(0);
  state.holes = (order & 1) != 0;
  state.order_unknown = (order & 2) != 0;
  state.losses.uncounted = parse_number(take_word(first, ' ')).value_or(0);
  state.passed = parse_number(take_word(first, ' ')).value_or(0);
  state.last_upto = parse_number(take_word(first, ' ')).value_or(0);
  while (!text.empty()) {
    std::string_view line = take_word(text, '\n');
    const auto sequence = parse_number(take_word(line, ' '));
    if (!sequence || line.empty()) return std::nullopt;
    state.floors.load(line, *sequence);
  }
  for (std::size_t i = 0; !first.empty(); ++i) {
    state.floors.load_made(i, parse_number(take_word(first, ' ')).value_or(0));
  }
  return state;
}

}  // namespace petiole
