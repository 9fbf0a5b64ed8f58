// The layout of the tree, as a test: who may include whom, which library is seen where, how long a
// file may be, where preprocessor conditions and READMEs stand. The rules are the tables below; bad
// samples prove that each of them can fail.
#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace petiole {
namespace {

using Breaches = std::vector<std::string>;
using Tree = std::map<std::string, std::string>;  // Path from the root -> text.

constexpr int kFileLinesMax = 500;
constexpr int kReadmeLinesMax = 60;

// Rooms and those below them. A file includes only its own room and these.
struct Room {
  std::string_view name;
  std::vector<std::string_view> may_include;
};
const Room kRooms[] = {
    {"platform", {"platform"}},
    {"storage", {"storage", "platform"}},
    {"agent", {"agent", "storage", "platform"}},
    {"tests", {"tests", "agent", "storage", "platform"}},
};

// Where a library's headers may be seen: by files whose path starts so. The first row that matches
// an include decides.
struct Library {
  std::string_view name;
  std::vector<std::string_view> headers;  // Beginnings of what stands in <…>.
  std::vector<std::string_view> seen_by;  // Beginnings of paths.
};
const Library kLibraries[] = {
    {"Boost.JSON", {"boost/json"}, {"platform/json.h", "platform/json.cpp"}},
    {"Boost",
     {"boost/"},
     {"platform/websocket", "platform/http", "tests/platform/websocket", "tests/platform/http"}},
    {"Asio", {"asio.hpp", "asio/"}, {"platform/", "tests/platform/"}},
    {"wolfSSL",
     {"wolfssl/", "wolfcrypt/"},
     {"platform/tls", "platform/crypto", "platform/box", "platform/wolfssl", "tests/platform/tls",
      "tests/platform/crypto"}},
    {"libsodium", {"sodium"}, {"platform/crypto"}},
    {"SQLite", {"sqlite3"}, {"storage/", "tests/storage/", "tests/support/sim_disk"}},
    {"sockets",
     {"sys/socket.h", "sys/epoll.h", "sys/un.h", "sys/eventfd.h", "sys/select.h", "netinet/",
      "arpa/", "netdb.h", "net/", "poll.h", "ifaddrs.h"},
     {"platform/", "tests/"}},
    {"files",
     {"unistd.h", "fcntl.h", "sys/stat.h", "sys/statvfs.h", "sys/file.h", "sys/types.h"},
     {"platform/", "storage/", "tests/"}},
    {"doctest", {"doctest/"}, {"tests/"}},
    {"libnats", {"nats/"}, {"tests/interop/"}},
    {"threads",
     {"thread", "mutex", "shared_mutex", "condition_variable", "future", "semaphore", "barrier",
      "latch"},
     {"platform/", "storage/", "tests/"}},
};

struct Include {
  std::string path;
  bool angle = false;
};

bool starts_with_any(std::string_view text, const std::vector<std::string_view>& beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [&](std::string_view beginning) { return text.starts_with(beginning); });
}

bool is_header(std::string_view path) { return path.ends_with(".h"); }
bool is_code(std::string_view path) { return is_header(path) || path.ends_with(".cpp"); }
std::string room_of(std::string_view path) { return std::string(path.substr(0, path.find('/'))); }

// A standard header has neither a dot nor a slash in its name.
bool is_standard(std::string_view header) {
  return header.find('.') == header.npos && header.find('/') == header.npos;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<Include> includes_of(const std::string& text) {
  std::vector<Include> includes;
  for (const std::string& line : lines_of(text)) {
    const std::size_t hash = line.find_first_not_of(" \t");
    if (hash == line.npos || line[hash] != '#') continue;
    const std::size_t word = line.find_first_not_of(" \t", hash + 1);
    if (word == line.npos || line.compare(word, 7, "include") != 0) continue;
    const std::size_t open = line.find_first_of("<\"", word);
    if (open == line.npos) continue;
    const bool angle = line[open] == '<';
    const std::size_t close = line.find(angle ? '>' : '"', open + 1);
    if (close == line.npos) continue;
    includes.push_back({line.substr(open + 1, close - open - 1), angle});
  }
  return includes;
}

const Library* library_of(std::string_view header) {
  for (const Library& library : kLibraries) {
    for (std::string_view name : library.headers) {
      // A name with a slash or without a dot and slash at its end is a beginning or a whole name.
      const bool whole = is_standard(name) && name != "sqlite3";
      if (whole ? header == name : header.starts_with(name)) return &library;
    }
  }
  return nullptr;
}

// Arrows between rooms point down, and every include is a path from the root.
void check_rooms(const std::string& path, const std::string& text, Breaches& found) {
  const auto room = std::find_if(std::begin(kRooms), std::end(kRooms),
                                 [&](const Room& r) { return r.name == room_of(path); });
  if (room == std::end(kRooms)) return;
  for (const Include& include : includes_of(text)) {
    if (include.angle) continue;
    const std::string target = room_of(include.path);
    const bool known = std::any_of(std::begin(kRooms), std::end(kRooms),
                                   [&](const Room& r) { return r.name == target; });
    if (!known || include.path.find('/') == std::string::npos) {
      found.push_back(path + ": \"" + include.path + "\" is not a path from the root");
    } else if (std::find(room->may_include.begin(), room->may_include.end(), target) ==
               room->may_include.end()) {
      found.push_back(path + ": " + std::string(room->name) + " may not include " + include.path);
    }
  }
}

// Each library is seen in its room alone. agent/ sees none at all.
void check_libraries(const std::string& path, const std::string& text, Breaches& found) {
  bool asio = false, boost_asio = false;
  for (const Include& include : includes_of(text)) {
    if (!include.angle) continue;
    asio |= include.path.starts_with("asio");
    boost_asio |= include.path.starts_with("boost/asio") || include.path.starts_with("boost/beast");
    const Library* library = library_of(include.path);
    if (library != nullptr && !starts_with_any(path, library->seen_by)) {
      found.push_back(path + ": <" + include.path + "> (" + std::string(library->name) +
                      ") belongs elsewhere");
    } else if (library == nullptr && room_of(path) == "agent" && !is_standard(include.path)) {
      found.push_back(path + ": <" + include.path + ">: agent/ includes no library");
    }
  }
  if (asio && boost_asio) found.push_back(path + ": Asio and Boost.Asio in one file");
}

// What a file of a higher room sees of the rooms below names no library, however deep. JSON, which
// does no I/O, is excepted.
void check_reach(const std::string& path, const Tree& tree, Breaches& found) {
  const std::string room = room_of(path);
  if (room != "agent" && room != "storage") return;
  std::vector<std::string> todo = {path};
  std::set<std::string> seen;
  while (!todo.empty()) {
    const std::string at = todo.back();
    todo.pop_back();
    const auto file = tree.find(at);
    if (file == tree.end() || !seen.insert(at).second || at == "platform/json.h") continue;
    for (const Include& include : includes_of(file->second)) {
      if (!include.angle) {
        todo.push_back(include.path);
      } else if (room_of(at) != room && !is_standard(include.path)) {
        found.push_back(path + ": sees <" + include.path + "> through " + at);
      }
    }
  }
}

// The text without comments, strings and character constants; lines stay lines.
std::string bare(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    if (text.compare(i, 2, "//") == 0) {
      end = std::min(text.find('\n', i), text.size());
    } else if (text.compare(i, 2, "/*") == 0) {
      end = std::min(text.find("*/", i + 2), text.size() - 2) + 2;
    } else if (text.compare(i, 2, "R\"") == 0) {
      const std::size_t open = std::min(text.find('(', i), text.size() - 1);
      const std::string close = ")" + text.substr(i + 2, open - i - 2) + "\"";
      end = std::min(text.find(close, open), text.size() - close.size()) + close.size();
    } else if (text[i] == '"' ||
               (text[i] == '\'' &&
                (i == 0 || !std::isalnum(static_cast<unsigned char>(text[i - 1]))))) {
      for (end = i + 1; end < text.size() && text[end] != text[i] && text[end] != '\n'; ++end) {
        if (text[end] == '\\') ++end;
      }
      end = std::min(end + 1, text.size());
    }
    if (end == i) {
      out += text[i++];
    } else {
      out += ' ';
      out.append(static_cast<std::size_t>(std::count(text.begin() + static_cast<long>(i),
                                                     text.begin() + static_cast<long>(end), '\n')),
                 '\n');
      i = end;
    }
  }
  return out;
}

// A brace opens a namespace, a type (both may hold conditions) or code.
bool opens_code(std::string_view before) {
  const std::size_t start = before.find_first_not_of(" \t\n");
  const std::string_view words = start == before.npos ? std::string_view() : before.substr(start);
  static const std::vector<std::string_view> kOthers = {
      "namespace", "inline namespace", "extern", "struct", "class", "union", "enum", "export"};
  return !starts_with_any(words, kOthers) || words.find('(') != words.npos;
}

// `#if` stands outside functions: a feature is a file, not a branch of the preprocessor.
void check_conditions(const std::string& path, const std::string& text, Breaches& found) {
  std::vector<bool> code;  // One entry an open brace.
  std::string statement;   // Since the last ; { or }.
  int number = 0;
  for (const std::string& line : lines_of(bare(text))) {
    ++number;
    const std::size_t first = line.find_first_not_of(" \t");
    if (first != line.npos && line[first] == '#') {
      const std::string word = line.substr(line.find_first_not_of(" \t", first + 1));
      const bool inside = std::find(code.begin(), code.end(), true) != code.end();
      if (word.starts_with("if") && inside) {
        found.push_back(path + ":" + std::to_string(number) + ": #if inside a function");
      }
      continue;
    }
    for (const char c : line) {
      if (c == '{') code.push_back(opens_code(statement));
      if (c == '}' && !code.empty()) code.pop_back();
      if (c == '{' || c == '}' || c == ';') {
        statement.clear();
      } else {
        statement += c;
      }
    }
    statement += ' ';
  }
}

void check_shape(const std::string& path, const std::string& text, Breaches& found) {
  const auto lines = static_cast<int>(lines_of(text).size());
  const bool readme = path.ends_with("README.md") && path.find('/') != path.npos;
  const int most = readme ? kReadmeLinesMax : kFileLinesMax;
  if (lines > most && (readme || !path.ends_with(".md"))) {
    found.push_back(path + ": " + std::to_string(lines) + " lines, " + std::to_string(most) +
                    " allowed");
  }
  if (is_header(path) && text.find("#pragma once") == text.npos) {
    found.push_back(path + ": no #pragma once");
  }
}

// Folders that say what lives in them: rooms, their parts, and the parts of tests/ that are not
// mirrors of the sources.
bool wants_readme(const std::string& folder) {
  static const std::set<std::string> kTestParts = {"tests/interop", "tests/bench", "tests/fuzz",
                                                   "tests/scenario", "tests/support"};
  if (folder == "agent" || folder.starts_with("agent/")) return true;
  return folder == "platform" || folder == "storage" || folder == "cmake" ||
         folder == "toolchains" || folder == "tests" || kTestParts.contains(folder);
}

void check_readmes(const Tree& tree, Breaches& found) {
  std::set<std::string> folders;
  for (const auto& [path, text] : tree) {
    if (path.find('/') != path.npos) folders.insert(path.substr(0, path.rfind('/')));
  }
  for (const std::string& folder : folders) {
    if (wants_readme(folder) && !tree.contains(folder + "/README.md")) {
      found.push_back(folder + ": no README.md");
    }
  }
}

Breaches check(const Tree& tree) {
  Breaches found;
  for (const auto& [path, text] : tree) {
    check_shape(path, text, found);
    if (!is_code(path)) continue;
    check_rooms(path, text, found);
    check_libraries(path, text, found);
    check_reach(path, tree, found);
    check_conditions(path, text, found);
  }
  check_readmes(tree, found);
  return found;
}

Tree read_tree(const std::filesystem::path& root) {
  Tree tree;
  for (const char* part : {"agent", "storage", "platform", "tests", "cmake", "toolchains"}) {
    if (!std::filesystem::exists(root / part)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / part)) {
      const std::string path = std::filesystem::relative(entry.path(), root).generic_string();
      if (!entry.is_regular_file() || path.starts_with("tests/data/")) continue;
      if (path.find("__pycache__") != path.npos) continue;
      std::ostringstream text;
      text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
      tree.emplace(path, text.str());
    }
  }
  return tree;
}

TEST_CASE("layout: the tree keeps its rules") {
  const Tree tree = read_tree(PETIOLE_SOURCE_DIR);
  REQUIRE(tree.size() > 20);
  REQUIRE(tree.contains("agent/limits.h"));
  for (const std::string& breach : check(tree)) FAIL_CHECK(breach);
}

struct Sample {
  const char* name;
  Tree tree;
  const char* breach;  // Part of the one breach expected; empty: none.
};

// Rooms want a README each; samples bring them, so that only the sample's own breach is seen.
Breaches check_sample(const Sample& sample) {
  Tree tree = sample.tree;
  for (const auto& [path, text] : sample.tree) {
    const std::string folder = path.substr(0, path.rfind('/'));
    if (wants_readme(folder)) tree.emplace(folder + "/README.md", "What lives here.\n");
  }
  return check(tree);
}

std::string lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "\n";
  return text;
}

void run_samples(const std::vector<Sample>& samples) {
  for (const Sample& sample : samples) {
    CAPTURE(sample.name);
    const Breaches found = check_sample(sample);
    if (*sample.breach == '\0') {
      CHECK(found == Breaches{});
    } else {
      REQUIRE(found.size() == 1);
      CHECK_MESSAGE(found[0].find(sample.breach) != std::string::npos, found[0]);
    }
  }
}

TEST_CASE("layout: rooms include only what lies below them") {
  run_samples({
      {"down is fine", {{"agent/a.cpp", "#include \"storage/log.h\"\n#include <map>\n"}}, ""},
      {"platform up", {{"platform/a.cpp", "#include \"agent/x.h\"\n"}}, "platform may not include"},
      {"storage up", {{"storage/a.cpp", "#include \"agent/x.h\"\n"}}, "storage may not include"},
      {"agent into tests", {{"agent/a.cpp", "#include \"tests/x.h\"\n"}}, "agent may not include"},
      {"no path", {{"agent/a.cpp", "#include \"x.h\"\n"}}, "not a path from the root"},
      {"relative", {{"agent/a.cpp", "#include \"../agent/x.h\"\n"}}, "not a path from the root"},
      {"spaced", {{"platform/a.cpp", " #  include  \"agent/x.h\"\n"}}, "platform may not include"},
  });
}

TEST_CASE("layout: libraries stay in their room") {
  run_samples({
      {"asio in platform", {{"platform/a.cpp", "#include <asio.hpp>\n"}}, ""},
      {"asio in storage", {{"storage/a.cpp", "#include <asio/post.hpp>\n"}}, "Asio"},
      {"beast in websocket", {{"platform/websocket.cpp", "#include <boost/beast.hpp>\n"}}, ""},
      {"beast elsewhere", {{"platform/tls.cpp", "#include <boost/beast.hpp>\n"}}, "Boost"},
      {"json behind its header", {{"agent/a.cpp", "#include <boost/json.hpp>\n"}}, "Boost.JSON"},
      {"wolfSSL in tls", {{"platform/tls.cpp", "#include <wolfssl/ssl.h>\n"}}, ""},
      {"wolfSSL in net", {{"platform/net.cpp", "#include <wolfssl/ssl.h>\n"}}, "wolfSSL"},
      {"sqlite in storage", {{"storage/a.cpp", "#include <sqlite3.h>\n"}}, ""},
      {"sqlite in platform", {{"platform/a.cpp", "#include <sqlite3.h>\n"}}, "SQLite"},
      {"socket in storage", {{"storage/a.cpp", "#include <sys/socket.h>\n"}}, "sockets"},
      {"files in agent", {{"agent/a.cpp", "#include <fcntl.h>\n"}}, "files"},
      {"threads in agent", {{"agent/a.cpp", "#include <mutex>\n"}}, "threads"},
      {"unknown in agent", {{"agent/a.cpp", "#include <zlib.h>\n"}}, "agent/ includes no library"},
      {"two Asios",
       {{"platform/http.cpp", "#include <asio.hpp>\n#include <boost/asio.hpp>\n"}},
       "Asio and Boost.Asio"},
  });
}

TEST_CASE("layout: headers of lower rooms hide their libraries") {
  const std::string once = "#pragma once\n";
  run_samples({
      {"a private header of platform",
       {{"platform/tcp.h", once + "#include <asio.hpp>\n"},
        {"platform/tcp.cpp", "#include \"platform/tcp.h\"\n"}},
       ""},
      {"seen from agent, two deep",
       {{"platform/tcp.h", once + "#include <asio.hpp>\n"},
        {"platform/net.h", once + "#include \"platform/tcp.h\"\n"},
        {"agent/a.cpp", "#include \"platform/net.h\"\n"}},
       "sees <asio.hpp> through platform/tcp.h"},
      {"storage's own",
       {{"storage/handle.h", once + "#include <sqlite3.h>\n"},
        {"storage/log.cpp", "#include \"storage/handle.h\"\n"}},
       ""},
      {"storage's from agent",
       {{"storage/handle.h", once + "#include <sqlite3.h>\n"},
        {"agent/a.cpp", "#include \"storage/handle.h\"\n"}},
       "sees <sqlite3.h>"},
      {"JSON is excepted",
       {{"platform/json.h", once + "#include <boost/json.hpp>\n"},
        {"agent/a.cpp", "#include \"platform/json.h\"\n"}},
       ""},
  });
}

TEST_CASE("layout: conditions stand outside functions") {
  run_samples({
      {"at file level", {{"platform/a.cpp", "#ifdef X\nint f() { return 1; }\n#endif\n"}}, ""},
      {"in a namespace", {{"platform/a.cpp", "namespace a {\n#if X\nint i;\n#endif\n}\n"}}, ""},
      {"in a class", {{"platform/a.cpp", "class A {\n#if X\nint i;\n#endif\n};\n"}}, ""},
      {"in a function", {{"platform/a.cpp", "int f() {\n#if X\nreturn 1;\n#endif\n}\n"}}, ":2:"},
      {"in a method",
       {{"platform/a.cpp", "class A {\nint f() {\n # ifdef X\n#endif\n}\n};\n"}},
       ":3:"},
      {"a brace in a string",
       {{"platform/a.cpp", "char c = '{'; auto s = \"{\";\n#if X\n#endif\n"}},
       ""},
      {"a brace in a comment", {{"platform/a.cpp", "/* {\n{ */ // {\n#if X\n#endif\n"}}, ""},
      {"digit separators",
       {{"platform/a.cpp", "int i = 1'000;\nint f() {\n#if X\n#endif\n}\n"}},
       ":3:"},
      {"a returned struct", {{"platform/a.cpp", "struct A f(int) {\n#if X\n#endif\n}\n"}}, ":2:"},
  });
}

TEST_CASE("layout: files have a shape") {
  run_samples({
      {"500 lines", {{"agent/a.cpp", lines(500)}}, ""},
      {"501 lines", {{"agent/a.cpp", lines(501)}}, "501 lines, 500 allowed"},
      {"61 lines of README", {{"agent/a/README.md", lines(61)}}, "61 lines, 60 allowed"},
      {"a bare header", {{"agent/a.h", "int f();\n"}}, "no #pragma once"},
  });
  CHECK(check({{"agent/new/a.cpp", "\n"}}) == Breaches{"agent/new: no README.md"});
  CHECK(check({{"tests/agent/new/a.cpp", "\n"}}) == Breaches{});
}

}  // namespace
}  // namespace petiole
