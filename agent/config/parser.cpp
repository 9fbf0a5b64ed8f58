#include "agent/config/parser.h"

#include <algorithm>
#include <utility>

#include "agent/config/scanner.h"
#include "agent/config/word.h"

namespace petiole {
namespace {

// What the parsers of one configuration share: the first file, those included, the environment.
struct Shared {
  const ConfigSources& sources;
  const ConfigParseLimits& limits;
  ConfigTree& tree;
  std::size_t values = 0;
  std::vector<std::string> environment_names;  // Being looked up: a name within itself is a cycle.
};

std::size_t count_values(const ConfigValue& value) {
  std::size_t count = 1;
  for (const ConfigValue& item : value.items) count += count_values(item);
  for (const ConfigEntry& entry : value.entries) count += count_values(entry.value);
  return count;
}

// `path` as the file `from` means it.
std::string beside(const std::string& from, const std::string& path) {
  const std::size_t slash = from.rfind('/');
  if (path.starts_with('/') || slash == std::string::npos) return path;
  return from.substr(0, slash + 1) + path;
}

void set_entry(ConfigValue& map, ConfigEntry entry) {
  if (ConfigEntry* old = map.find(entry.key)) {
    *old = std::move(entry);  // The last one wins.
  } else {
    map.entries.push_back(std::move(entry));
  }
}

class Parser {
 public:
  Parser(Shared& shared, std::string_view text, std::uint32_t file, int include_depth)
      : shared_(shared), in_(text, file), file_(file), include_depth_(include_depth) {}

  bool parse_file(ConfigValue& root);
  const Scanner& scanner() const { return in_; }

 private:
  bool parse_entries(ConfigValue& map, bool braced);
  bool parse_entry(ConfigValue& map, bool braced);
  bool end_entry(bool braced);
  bool parse_value(ConfigValue& value);
  bool parse_array(ConfigValue& value);
  bool end_item();
  bool parse_word(ConfigValue& value);
  bool parse_include(ConfigValue& map);
  bool include(const ConfigPlace& place, const std::string& path, ConfigValue& map);
  bool look_up(const std::string& name, ConfigValue& value);
  bool look_up_environment(const std::string& name, ConfigValue& value);
  bool count(std::size_t values, const ConfigPlace& place);

  Shared& shared_;
  Scanner in_;
  std::uint32_t file_;
  int include_depth_;
  int depth_ = 0;
  std::vector<ConfigValue*> maps_;  // Open ones, the innermost last: where variables are looked up.
};

bool Parser::parse_file(ConfigValue& root) {
  root.kind = ConfigValue::Kind::kMap;
  return parse_entries(root, false);
}

bool Parser::parse_entries(ConfigValue& map, bool braced) {
  const ConfigPlace begin = in_.place();
  maps_.push_back(&map);
  while (true) {
    in_.skip_space();
    if (in_.at_end()) break;
    if (braced && in_.take('}')) return maps_.pop_back(), true;
    if (!parse_entry(map, braced)) return false;
  }
  maps_.pop_back();
  return !braced || in_.fail_at(begin, "this '{' has no closing '}'");
}

bool Parser::parse_entry(ConfigValue& map, bool braced) {
  // The whole file may stand in braces, as JSON does.
  if (!braced && depth_ == 0 && in_.take('{')) {
    ++depth_;
    const bool parsed = parse_entries(map, true);
    --depth_;
    return parsed;
  }
  ConfigEntry entry;
  entry.place = in_.place();
  bool quoted = false;
  if (!in_.read_key(entry.key, quoted)) return false;
  const std::string_view key = entry.key;
  const bool keyword = key.size() == 7 && std::equal(key.begin(), key.end(), "include",
                                                     [](char a, char b) { return (a | 32) == b; });
  if (!quoted && keyword && (in_.peek() == ' ' || in_.peek() == '\t')) {
    return parse_include(map) && end_entry(braced);
  }
  // On the key's own line a '#' begins a value: "password: #1x".
  in_.skip_blanks();
  if (in_.at_line_end()) in_.skip_space();
  if (in_.take('=') || in_.take(':')) {
    in_.skip_blanks();
    if (in_.at_line_end() && !braced) {
      return in_.fail("expected a value, found the end of the line");
    }
    if (in_.at_line_end()) in_.skip_space();
  }
  if (in_.at_end()) return in_.fail_at(entry.place, "\"" + entry.key + "\" has no value");
  if (!parse_value(entry.value)) return false;
  set_entry(map, std::move(entry));
  return end_entry(braced);
}

bool Parser::end_entry(bool braced) {
  in_.skip_to_line_end();
  if (in_.at_end() || in_.take(',') || in_.take(';') || in_.at_line_end()) return true;
  if (braced && in_.peek() == '}') return true;
  return in_.fail(std::string("expected the end of the line, ',' or ';'") +
                  (braced ? " or '}'" : "") + " after a value, found " + shown(in_.peek()));
}

bool Parser::parse_value(ConfigValue& value) {
  value.place = in_.place();
  if (!count(1, value.place)) return false;
  if (depth_ >= shared_.limits.depth_max) return in_.fail("too many levels of '{' and '['");
  value.kind = ConfigValue::Kind::kString;
  if (in_.take('"')) return in_.read_double_quoted(value.text);
  if (in_.take('\'')) return in_.read_single_quoted(value.text);
  if (in_.take('(')) return in_.read_block(value.text);
  if (in_.take('[')) return parse_array(value);
  if (!in_.take('{')) return parse_word(value);
  value.kind = ConfigValue::Kind::kMap;
  ++depth_;
  const bool parsed = parse_entries(value, true);
  --depth_;
  return parsed;
}

bool Parser::parse_array(ConfigValue& value) {
  value.kind = ConfigValue::Kind::kArray;
  ++depth_;
  while (true) {
    in_.skip_space();
    if (in_.at_end()) return in_.fail_at(value.place, "this '[' has no closing ']'");
    if (in_.take(']')) break;
    if (in_.peek() == ',') return in_.fail("unexpected ',' in an array");
    ConfigValue item;
    if (!parse_value(item)) return false;
    value.items.push_back(std::move(item));
    if (!end_item()) return false;
  }
  --depth_;
  return true;
}

bool Parser::end_item() {
  in_.skip_to_line_end();
  if (in_.at_end() || in_.peek() == ']' || in_.take(',') || in_.at_line_end()) return true;
  return in_.fail("expected ',', the end of the line or ']' in an array, found " +
                  shown(in_.peek()));
}

bool Parser::parse_word(ConfigValue& value) {
  std::string word;
  bool escaped = false;
  if (!in_.read_bare(word, escaped)) return false;
  if (word.empty() && !escaped) return in_.fail("expected a value, found " + shown(in_.peek()));
  if (escaped || word.starts_with("$2a$")) {  // A bcrypt hash needs no quotes in this one form.
    value.text = std::move(word);
    return true;
  }
  if (word.starts_with('$')) return look_up(word.substr(1), value);
  const std::string wrong = classify_word(word, value);
  return wrong.empty() || in_.fail_at(value.place, wrong);
}

bool Parser::look_up(const std::string& name, ConfigValue& value) {
  const ConfigPlace place = value.place;
  for (auto map = maps_.rbegin(); map != maps_.rend(); ++map) {
    ConfigEntry* entry = (*map)->find(name);
    if (entry == nullptr) continue;
    entry->is_variable = true;
    if (!count(count_values(entry->value), place)) return false;
    value = entry->value;
    value.place = place;
    return true;
  }
  return look_up_environment(name, value);
}

bool Parser::look_up_environment(const std::string& name, ConfigValue& value) {
  const ConfigPlace place = value.place;
  auto& names = shared_.environment_names;
  if (std::find(names.begin(), names.end(), name) != names.end()) {
    return in_.fail_at(place, "variable $" + name + " refers to itself");
  }
  const auto text = shared_.sources.environment ? shared_.sources.environment(name) : std::nullopt;
  if (!text) {
    return in_.fail_at(place, "variable $" + name + " is neither a key above nor in the " +
                                  "environment; quote a text that starts with '$'");
  }
  names.push_back(name);
  ConfigValue map;
  Parser parser(shared_, *text, file_, include_depth_);
  ConfigEntry entry;
  parser.in_.skip_blanks();
  const bool parsed = parser.in_.at_end() || parser.parse_value(entry.value);
  names.pop_back();
  if (!parsed) {
    return in_.fail_at(place, "variable $" + name + " of the environment: " + parser.in_.error());
  }
  parser.in_.skip_space();
  if (!parser.in_.at_end()) {  // Several words are one text.
    entry.value = ConfigValue();
    entry.value.text = *text;
  }
  value = std::move(entry.value);
  value.place = place;
  return true;
}

bool Parser::parse_include(ConfigValue& map) {
  in_.skip_blanks();
  const ConfigPlace place = in_.place();
  std::string path;
  bool escaped = false;
  bool read = false;
  if (in_.take('"')) {
    read = in_.read_double_quoted(path);
  } else if (in_.take('\'')) {
    read = in_.read_single_quoted(path);
  } else {
    read = in_.read_bare(path, escaped);
  }
  if (!read) return false;
  if (path.empty()) return in_.fail_at(place, "include needs the path of a file");
  return include(place, path, map);
}

std::string too_large(const ConfigParseLimits& limits) {
  return "larger than " + std::to_string(limits.file_bytes_max) +
         " bytes, which is what a configuration may have";
}

bool Parser::include(const ConfigPlace& place, const std::string& path, ConfigValue& map) {
  const std::string file = beside(shared_.tree.files[file_], path);
  if (include_depth_ >= shared_.limits.include_depth_max) {
    return in_.fail_at(place, "too many levels of include; does " + file + " include itself?");
  }
  const Result<std::string> text = shared_.sources.read_file(file);
  if (!text.ok()) {
    return in_.fail_at(place, "cannot read " + file + ": " + std::string(text.status().text()));
  }
  if (text->size() > shared_.limits.file_bytes_max) {
    return in_.fail_at(place, file + " is " + too_large(shared_.limits));
  }
  shared_.tree.files.push_back(file);
  const auto index = static_cast<std::uint32_t>(shared_.tree.files.size() - 1);
  Parser parser(shared_, *text, index, include_depth_ + 1);
  ConfigValue root;
  if (!parser.parse_file(root)) return in_.fail_at(parser.in_.error_place(), parser.in_.error());
  for (ConfigEntry& entry : root.entries) set_entry(map, std::move(entry));
  return true;
}

bool Parser::count(std::size_t values, const ConfigPlace& place) {
  shared_.values += values;
  return shared_.values <= shared_.limits.values_max ||
         in_.fail_at(place, "the configuration has too many values");
}

}  // namespace

ParsedConfig parse_config(std::string_view text, const std::string& file,
                          const ConfigSources& sources, const ConfigParseLimits& limits) {
  ParsedConfig result;
  result.tree.files.push_back(file);
  if (text.size() > limits.file_bytes_max) {
    result.error = {file, "the file is " + too_large(limits)};
    return result;
  }
  Shared shared{sources, limits, result.tree, 0, {}};
  Parser parser(shared, text, 0, 0);
  if (!parser.parse_file(result.tree.root)) {
    const Scanner& scanner = parser.scanner();
    result.error = {result.tree.place_text(scanner.error_place()), scanner.error()};
  }
  return result;
}

ParsedConfig parse_config_file(const std::string& file, const ConfigSources& sources,
                               const ConfigParseLimits& limits) {
  const Result<std::string> text = sources.read_file(file);
  if (text.ok()) return parse_config(*text, file, sources, limits);
  ParsedConfig result;
  result.tree.files.push_back(file);
  result.error = {file, "cannot read the file: " + std::string(text.status().text())};
  return result;
}

}  // namespace petiole
