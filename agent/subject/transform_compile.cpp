// Reading of transforms: nats-server subject_transform.go, NewSubjectTransformWithStrict and
// indexPlaceHolders.
#include <algorithm>
#include <array>
#include <bitset>
#include <charconv>
#include <optional>

#include "agent/subject/account_functions.h"
#include "agent/subject/mapping_call.h"
#include "agent/subject/subject.h"
#include "agent/subject/transform.h"

namespace petiole {

struct SubjectTransform::Call {
  std::string_view token, name;
  std::vector<std::string_view> arguments;
};

namespace {

constexpr std::string_view kBadSubject = "invalid subject";

constexpr std::string_view kNotEnough = "not enough arguments passed to the function";
constexpr std::string_view kTooMany = "too many arguments passed to the function";
constexpr std::string_view kInvalid = "function argument is invalid or in the wrong format";
constexpr std::string_view kOutOfRange = "wildcard index out of range";
constexpr std::string_view kUnknown = "unknown function";
constexpr std::string_view kNotHere = "function is not available in this context";

// As Go's Atoi, after blanks are taken off.
std::optional<std::int64_t> to_number(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Any index that is no wildcard's means the first token there: here it is 0.
std::uint16_t to_index(std::int64_t value) {
  return static_cast<std::uint16_t>(std::clamp<std::int64_t>(value, 0, UINT16_MAX));
}

std::optional<std::int64_t> dollar_index(std::string_view token) {
  if (token.size() < 2 || token[0] != '$' || token[1] == '+') return std::nullopt;
  return to_number(token.substr(1));
}

// `$n` or {{wildcard(n)}}. The reference goes by looks: for it "$2x" is one too, but nothing fills
// it.
bool is_placeholder(std::string_view token) {
  if (dollar_index(token)) return true;
  std::string_view name;
  std::vector<std::string_view> arguments;
  return is_call(token) && take_apart(token, name, arguments) && is_named(name, "wildcard", {0}) &&
         arguments.size() == 1 && !arguments[0].empty();
}

// The way back of such a source would take its own words for placeholders.
bool has_placeholder(std::string_view pattern) {
  for (Tokens tokens{pattern}; tokens.more;) {
    const std::string_view token = tokens.next();
    if (dollar_index(token) || is_call(token)) return true;
  }
  return false;
}

}  // namespace

// `least` to `most` numbers: the first wildcards, the last one the step's own number.
std::string SubjectTransform::read_numbers(const Call& call, std::size_t least, std::size_t most,
                                           Step& step) {
  if (call.arguments.size() < least) return wrong(kNotEnough, call.token);
  if (call.arguments.size() > most) return wrong(kTooMany, call.token);
  const auto index = to_number(call.arguments[0]);
  const auto number = to_number(call.arguments[1]);
  if (!index || !number || *number > INT32_MAX || *number < INT32_MIN) {
    return wrong(kInvalid, call.token);
  }
  step.wildcards = {to_index(*index)};
  step.number = static_cast<std::int32_t>(*number);
  return {};
}

std::string SubjectTransform::read_split(const Call& call, Step& step) {
  if (call.arguments.size() < 2) return wrong(kNotEnough, call.token);
  if (call.arguments.size() > 2) return wrong(kTooMany, call.token);
  const auto index = to_number(call.arguments[0]);
  if (!index || call.arguments[1].find_first_of(" .") != std::string_view::npos) {
    return wrong(kInvalid, call.token);
  }
  step.function = Function::kSplit;
  step.wildcards = {to_index(*index)};
  step.text = call.arguments[1];
  return {};
}

std::string SubjectTransform::read_call(const Call& call, Step& step) {
  const auto& arguments = call.arguments;
  if (is_named(call.name, "wildcard", {0})) {
    if (arguments.size() == 1 && arguments[0].empty()) return wrong(kNotEnough, call.token);
    if (arguments.size() != 1) return wrong(kTooMany, call.token);
    const auto index = to_number(arguments[0]);
    if (!index) return wrong(kInvalid, call.token);
    step.function = Function::kWildcard;
    step.wildcards = {to_index(*index)};
    return {};
  }
  if (is_named(call.name, "partition", {0}) || is_named(call.name, "random", {0})) {
    step.function = call.name.size() == 6 ? Function::kRandom : Function::kPartition;
    if (step.function == Function::kRandom && arguments.size() != 1) {
      return wrong(kNotEnough, call.token);
    }
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const auto number = to_number(arguments[i]);
      if (!number || (i == 0 && *number > INT32_MAX)) return wrong(kInvalid, call.token);
      if (i == 0) step.number = static_cast<std::int32_t>(*number);
      if (i != 0) step.wildcards.push_back(to_index(*number));
    }
    return {};
  }
  if (is_named(call.name, "split", {0})) return read_split(call, step);
  struct Named {
    std::string_view name;
    std::size_t second, third;  // Where its other words begin.
    Function function;
  };
  static constexpr Named kTwoNumbers[] = {
      {"splitfromleft", 5, 9, Function::kSplitFromLeft},
      {"splitfromright", 5, 9, Function::kSplitFromRight},
      {"slicefromleft", 5, 9, Function::kSliceFromLeft},
      {"slicefromright", 5, 9, Function::kSliceFromRight},
      {"left", 0, 0, Function::kLeft},
      {"right", 0, 0, Function::kRight},
  };
  for (const Named& named : kTwoNumbers) {
    if (!is_named(call.name, named.name, {0, named.second, named.third})) continue;
    step.function = named.function;
    return read_numbers(call, 2, 2, step);
  }
  return wrong(is_account_function(call.token) ? kNotHere : kUnknown, call.token);
}

std::string SubjectTransform::read_step(std::string_view token, Step& step) {
  step.text = token;
  if (const auto index = dollar_index(token)) {
    step.function = Function::kWildcard;
    step.wildcards = {to_index(*index)};
    return {};
  }
  if (!is_call(token)) return {};
  Call call{token, {}, {}};
  if (!take_apart(token, call.name, call.arguments)) return wrong(kUnknown, token);
  return read_call(call, step);
}

std::string SubjectTransform::check_step(const Step& step, std::string_view token,
                                         std::size_t wildcards, bool literal, Kind kind) {
  const bool plain = step.function == Function::kText;
  if (literal) {
    const bool free = step.function == Function::kRandom || step.function == Function::kPartition;
    return plain || free ? std::string() : wrong(kOutOfRange, token);
  }
  if (kind == Kind::kReversible && !plain && step.function != Function::kWildcard) {
    return wrong("the only mapping function allowed for import transforms is {{Wildcard()}}",
                 token);
  }
  for (const std::uint16_t each : step.wildcards) {
    if (each > wildcards) {
      return wrong(kOutOfRange, std::string(token) + ": [" + std::to_string(each) + "]");
    }
  }
  return {};
}

// Different ones. The reference adds up uses: for "a.*.*" it takes "b.$1.$1", and the way back
// leads elsewhere.
std::size_t SubjectTransform::wildcards_used() const {
  std::bitset<kTransformWildcardsMax + 1> used;
  for (const Step& step : steps_) {
    for (const std::uint16_t each : step.wildcards) used.set(each);
  }
  return used.reset(0).count();
}

std::string SubjectTransform::compile(std::string_view source, std::string_view destination,
                                      Kind kind) {
  if (source.empty()) source = ">";
  if (!is_valid_subject(source) || destination.empty() || !is_valid_subject(destination)) {
    return std::string(kBadSubject);
  }
  if (kind == Kind::kReversible && has_placeholder(source)) return std::string(kBadSubject);
  SubjectTransform made;
  made.source_ = source;
  made.destination_ = destination;
  std::size_t wildcards = 0;
  for (petiole::Tokens tokens{source}; tokens.more; ++made.source_tokens_) {
    const std::string_view token = tokens.next();
    wildcards += token == "*" ? 1 : 0;
    if (token != ">") continue;
    made.tail_ = true;
    made.tail_token_ = made.source_tokens_;
  }
  if (wildcards > kTransformWildcardsMax) return wrong("too many wildcards", source);
  bool tail = false;
  for (petiole::Tokens tokens{destination}; tokens.more;) {
    const std::string_view token = tokens.next();
    tail = token == ">";
    if (tail) break;
    if (token == "*") return std::string(kBadSubject);
    Step step;
    std::string error = read_step(token, step);
    const bool literal = wildcards == 0 && !made.tail_;
    if (error.empty()) error = check_step(step, token, wildcards, literal, kind);
    if (!error.empty()) return error;
    if (literal) step.wildcards.clear();
    made.steps_.push_back(std::move(step));
  }
  if (tail != made.tail_) return std::string(kBadSubject);
  if (kind == Kind::kReversible && made.wildcards_used() < wildcards) {
    return wrong("not using all of the token wildcard(s)", destination);
  }
  *this = std::move(made);
  return {};
}

std::string check_mapping(std::string_view source, std::string_view destination) {
  if (destination.empty()) return {};
  bool tail = false;
  for (Tokens tokens{destination}; tokens.more;) {
    const std::string_view token = tokens.next();
    if (token.empty() || tail) {
      return "invalid mapping destination: invalid transform" +
             (token.empty() ? std::string() : " in " + std::string(token));
    }
    tail = token == ">";
    if (!is_call(token) && token.find_first_of("\t\n\f\r ") != token.npos) {
      return "invalid mapping destination: invalid transform";
    }
  }
  SubjectTransform unused;
  return unused.compile(source, destination);
}

std::string number_wildcards(std::string_view pattern) {
  std::string out;
  int number = 0;
  for (Tokens tokens{pattern}; tokens.more;) {
    const std::string_view token = tokens.next();
    if (!out.empty()) out += '.';
    out += token == "*" ? "$" + std::to_string(++number) : std::string(token);
  }
  return out;
}

std::string pattern_of(std::string_view destination) {
  std::string out;
  for (Tokens tokens{destination}; tokens.more;) {
    const std::string_view token = tokens.next();
    if (!out.empty()) out += '.';
    out += is_placeholder(token) ? "*" : token;
  }
  return out;
}

// Which `*` of the new source stands for the wildcard that the old source has at each place: the
// first one, when a wildcard is used twice.
SubjectTransform SubjectTransform::inverse() const {
  std::vector<std::size_t> place(kTransformWildcardsMax + 1, 0);
  std::size_t seen = 0;
  for (const Step& step : steps_) {
    if (step.function != Function::kWildcard) continue;
    std::size_t& at = place[step.wildcards[0]];
    ++seen;
    if (at == 0) at = seen;
  }
  std::string back;
  std::size_t number = 0;
  for (petiole::Tokens tokens{source_}; tokens.more;) {
    const std::string_view token = tokens.next();
    if (!back.empty()) back += '.';
    back += token == "*" ? "$" + std::to_string(place[++number]) : std::string(token);
  }
  SubjectTransform made;
  (void)made.compile(pattern_of(destination_), back, Kind::kAny);
  return made;
}

}  // namespace petiole
