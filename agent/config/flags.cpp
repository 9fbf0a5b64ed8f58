#include "agent/config/flags.h"

#include <algorithm>
#include <utility>

#include "agent/config/features.h"
#include "agent/config/flag_table.h"
#include "agent/config/url.h"
#include "agent/config/word.h"
#include "agent/server.h"

namespace petiole {
namespace {

bool names(const Flag& flag, std::string_view name) {
  std::string_view rest = flag.names;
  while (!rest.empty()) {
    const std::size_t bar = rest.find('|');
    if (rest.substr(0, bar) == name) return true;
    rest = bar == std::string_view::npos ? "" : rest.substr(bar + 1);
  }
  return false;
}

const Flag* find_flag(std::string_view name) {
  for (const Flag& flag : flag_table()) {
    if (names(flag, name)) return &flag;
  }
  return nullptr;
}

const char* value_of(bool value) { return value ? "true" : "false"; }

// Go's strconv.ParseBool.
bool parse_flag_bool(std::string_view text, bool& value) {
  value = text == "1" || text == "t" || text == "T" || text == "true" || text == "TRUE" ||
          text == "True";
  return value || text == "0" || text == "f" || text == "F" || text == "false" || text == "FALSE" ||
         text == "False";
}

void take_signal(ParsedFlags& flags, const std::string& value) {
  const std::size_t equal = value.find('=');
  flags.signal = value.substr(0, equal);
  if (equal != std::string::npos) flags.signal_target = value.substr(equal + 1);
  constexpr std::string_view kSignals[] = {"ldm", "stop", "quit", "term", "reopen", "reload"};
  if (std::find(std::begin(kSignals), std::end(kSignals), flags.signal) == std::end(kSignals)) {
    flags.errors.push_back(
        {"--signal", "unknown signal \"" + flags.signal +
                         "\"; allowed here: ldm, stop, quit, term, reopen, reload"});
  }
  flags.action = StartAction::kSignal;
}

// An action that prints and ends wins over those that come after it.
void take_action(ParsedFlags& flags, const Flag& flag, const std::string& name,
                 const std::string& value) {
  if (flags.action == StartAction::kVersion || flags.action == StartAction::kHelp) return;
  switch (flag.kind) {
    case Flag::Kind::kFile:
      flags.file = value;
      return;
    case Flag::Kind::kReloadFile:
      flags.reload_file = value;
      return;
    case Flag::Kind::kCheck:
      flags.action = StartAction::kCheck;
      return;
    case Flag::Kind::kSignal:
      return take_signal(flags, value);
    case Flag::Kind::kVersion:
      flags.action = StartAction::kVersion;
      flags.text = name == "version" ? "petiole " + std::string(kPetioleVersion)
                                     : "nats-server: v" + std::string(kNatsVersion);
      return;
    case Flag::Kind::kHelp:
      flags.action = StartAction::kHelp;
      flags.text = usage_text();
      return;
    case Flag::Kind::kBool:
    case Flag::Kind::kBoolOrOptional:
    case Flag::Kind::kValue:
      flags.options.emplace_back(&flag, value);
      return;
    case Flag::Kind::kNoEffect:
      flags.warnings.push_back({"--" + name, "without effect: " + std::string(flag.help)});
      return;
    case Flag::Kind::kRefused:
      flags.errors.push_back(
          {"--" + name, "not supported by this build: " + std::string(flag.help)});
      return;
  }
}

// As people write it: -p, --port.
std::string dashed(const std::string& name) { return (name.size() == 1 ? "-" : "--") + name; }

bool takes_value(const Flag& flag) {
  return flag.kind == Flag::Kind::kValue || flag.kind == Flag::Kind::kFile ||
         flag.kind == Flag::Kind::kReloadFile || flag.kind == Flag::Kind::kSignal ||
         flag.kind == Flag::Kind::kNoEffect;
}

// Of a flag that may stand alone; false: there is nothing to do.
bool take_bool(ParsedFlags& flags, const Flag& flag, const std::string& name, bool given,
               std::string& value) {
  const bool may_be_optional = flag.kind == Flag::Kind::kBoolOrOptional;
  if (may_be_optional && equal_ignoring_case(value, "optional")) return value = "optional", true;
  bool on = true;
  if (given && !parse_flag_bool(value, on)) {
    flags.errors.push_back(
        {dashed(name), std::string("must be true") +
                           (may_be_optional ? ", false or optional" : " or false") + ", not \"" +
                           value + "\""});
    return false;
  }
  value = value_of(on);
  return on || flag.kind == Flag::Kind::kBool || may_be_optional;
}

// The word after a flag that is refused is most likely its value, and no command.
void skip_value(std::span<const std::string> arguments, std::size_t& i) {
  if (i + 1 < arguments.size() && !arguments[i + 1].starts_with('-')) ++i;
}

// Reads the flag at arguments[i]; leaves i at its last word.
void take_flag(ParsedFlags& flags, std::span<const std::string> arguments, std::size_t& i) {
  std::string name = arguments[i].substr(arguments[i].starts_with("--") ? 2 : 1);
  const std::size_t equal = name.find('=');
  const bool inline_value = equal != std::string::npos;
  std::string value = inline_value ? name.substr(equal + 1) : "";
  name.resize(std::min(name.size(), equal));
  const Flag* flag = find_flag(name);
  if (flag == nullptr) {
    flags.errors.push_back({dashed(name), "unknown flag; see --help"});
    if (!inline_value) skip_value(arguments, i);
    return;
  }
  if (takes_value(*flag) && !inline_value) {
    if (i + 1 == arguments.size()) {
      flags.errors.push_back({dashed(name), "this flag needs a value"});
      return;
    }
    value = arguments[++i];
  }
  if (flag->kind == Flag::Kind::kRefused && !inline_value) skip_value(arguments, i);
  if (!takes_value(*flag) && flag->kind != Flag::Kind::kRefused) {
    if (!take_bool(flags, *flag, name, inline_value, value)) return;
  }
  take_action(flags, *flag, name, value);
}

void take_word(ParsedFlags& flags, const std::string& word) {
  if (word == "version") return take_action(flags, *find_flag("v"), "v", "true");
  if (word == "help") return take_action(flags, *find_flag("h"), "h", "true");
  flags.errors.push_back({"", "unknown command \"" + word +
                                  "\"; allowed here: status, doctor, demo, "
                                  "version, help, or flags"});
}

std::string first_name(const Flag& flag) {
  // The longest reads best: "--port", not "--p".
  std::string_view best, rest = flag.names;
  while (!rest.empty()) {
    const std::size_t bar = rest.find('|');
    if (rest.substr(0, bar).size() > best.size()) best = rest.substr(0, bar);
    rest = bar == std::string_view::npos ? "" : rest.substr(bar + 1);
  }
  return "--" + std::string(best);
}

// --hub and --creds make the one remote; they replace those of the file.
void finish_remote(FlagDraft& draft) {
  if (draft.remote.urls.empty() && draft.remote.credentials.empty()) return;
  auto& remotes = draft.config.remotes;
  if (!draft.remote.urls.empty()) {
    remotes.assign(1, draft.remote);
  } else if (remotes.size() == 1) {
    remotes[0].credentials = draft.remote.credentials;
  } else {
    draft.errors.push_back({"--creds", "needs --hub, or a file with one remote"});
  }
}

// --tls and what goes with it, over the file's tls {}.
void finish_tls(FlagDraft& draft) {
  TlsListenConfig& tls = draft.config.tls;
  if (draft.tls_off) tls.enabled = false;
  if (!draft.tls_given || draft.tls_off) return;
  tls.enabled = true;
  if (tls.options.cert_file.empty()) draft.errors.push_back({"--tls", "needs --tlscert FILE"});
  if (tls.options.key_file.empty()) draft.errors.push_back({"--tls", "needs --tlskey FILE"});
}

// --store and --forward.
void finish_mirror(FlagDraft& draft) {
  MirrorConfig& mirror = draft.config.mirror;
  const bool had_dir = mirror.enabled;
  if (!draft.store_dir.empty()) mirror.dir = draft.store_dir;
  if (draft.forward.empty()) {
    if (!had_dir && !draft.store_dir.empty()) {
      draft.errors.push_back({"--store",
                              "keeps nothing without --forward SUBJECT, or rules in a "
                              "file's store_and_forward {}"});
    }
    return;
  }
  if (!had_dir && draft.store_dir.empty()) {
    draft.errors.push_back({"--forward", "needs --store DIR, where messages are kept"});
    return;
  }
  mirror.enabled = true;
  RuleConfig rule;
  rule.subjects = draft.forward;
  mirror.rules.push_back(std::move(rule));
}

}  // namespace

ParsedFlags parse_flags(std::span<const std::string> arguments) {
  ParsedFlags flags;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") {
      if (i + 1 < arguments.size()) take_word(flags, arguments[i + 1]);
      break;
    }
    if (argument.size() < 2 || argument[0] != '-') {
      take_word(flags, argument);
      break;
    }
    take_flag(flags, arguments, i);
  }
  return flags;
}

void apply_flags(const ParsedFlags& flags, Config& config, std::vector<ConfigError>& errors) {
  FlagDraft draft{config, errors, {}, {}, {}, false, false};
  for (const auto& [flag, value] : flags.options) {
    const std::string wrong = flag->apply(value, draft);
    if (!wrong.empty()) errors.push_back({first_name(*flag), wrong});
  }
  finish_remote(draft);
  finish_mirror(draft);
  finish_tls(draft);
}

std::string usage_text() {
  std::string text =
      "Usage: petiole [options]\n"
      "           Serves clients, with the options below or a file (-c), until it is stopped.\n"
      "       petiole status [--json] [--watch] [-c FILE | -m PORT | -ms PORT | URL]\n"
      "                          [--tlsca FILE | --insecure]\n"
      "           Shows links, backlog and clients of one that runs with -m or \"http\" (default: "
      "8222).\n"
      "           FILE: its configuration, which says where, and over https who it is.\n"
      "           URL: http:// or https://host[:port][/base_path]\n"
      "           Exit status: 0 healthy, 1 a link is down or the disk takes nothing, 2 no "
      "answer.\n"
      "       petiole doctor URL [--creds FILE] [--tlsca FILE] [--tlscert FILE --tlskey FILE]\n"
      "                          [--proxy URL] [--insecure] [--handshake_first]\n"
      "           Goes to a hub step by step and says which step fails, and what to do.\n"
      "           URL: nats-leaf://, tls://, ws:// or wss://[user:password@]host[:port]\n"
      "       petiole demo\n"
      "           Shows in half a minute how a link is lost and no message is.\n";
  std::string_view section;
  for (const Flag& flag : flag_table()) {
    if (flag.kind == Flag::Kind::kRefused || flag.kind == Flag::Kind::kNoEffect) continue;
    if (flag.section != section) text += "\n" + std::string(flag.section) + ":\n";
    section = flag.section;
    std::string line = "    ";
    std::string_view rest = flag.names;
    while (!rest.empty()) {
      const std::size_t bar = rest.find('|');
      const std::string_view name = rest.substr(0, bar);
      const bool brief = name.size() <= 2 || name[0] == 'D';
      line += (line.size() > 4 ? ", " : "") + std::string(brief ? "-" : "--");
      line += name;
      rest = bar == std::string_view::npos ? "" : rest.substr(bar + 1);
    }
    if (!flag.value.empty()) line += " <" + std::string(flag.value) + ">";
    line.resize(std::max<std::size_t>(line.size() + 1, 41), ' ');
    text += line + std::string(flag.help) + "\n";
  }
  return text;
}

}  // namespace petiole
