#include "agent/config/parser.h"

#include <doctest/doctest.h>

#include "tests/agent/config/files.h"

namespace petiole {
namespace {

using Kind = ConfigValue::Kind;

// The tree as one line: strings quoted, the rest as read.
std::string shape(const ConfigValue& value) {
  std::string text;
  switch (value.kind) {
    case Kind::kString:
      return "'" + value.text + "'";
    case Kind::kBool:
      return value.boolean ? "yes" : "no";
    case Kind::kInteger:
      return std::to_string(value.integer);
    case Kind::kFloat:
      return "f" + std::to_string(value.real);
    case Kind::kDate:
      return "date " + value.text;
    case Kind::kArray:
      for (const ConfigValue& item : value.items) text += (text.empty() ? "" : " ") + shape(item);
      return "[" + text + "]";
    case Kind::kMap:
      for (const ConfigEntry& entry : value.entries) {
        text += (text.empty() ? "" : " ") + entry.key + "=" + shape(entry.value);
      }
      return "{" + text + "}";
  }
  return {};
}

std::string parsed(const std::string& text, const test::Files& files = {}) {
  const ParsedConfig result = parse_config(text, "f", files.sources());
  return result.error ? to_text(*result.error) : shape(result.tree.root);
}

struct Case {
  const char* name;
  const char* text;
  const char* wanted;
};

constexpr Case kGood[] = {
    {"empty", "", "{}"},
    {"a mark before UTF-8",
     "\xEF\xBB\xBF"
     "a 1",
     "{a=1}"},
    {"comment only", "# hi\n// there\n", "{}"},
    {"three separators", "a = 1\nb: 2\nc 3\n", "{a=1 b=2 c=3}"},
    {"block without separator", "a {b: 1}\n", "{a={b=1}}"},
    {"block on the next line", "a\n{\n b 1\n}\n", "{a={b=1}}"},
    {"brace right behind the key", "a{b: 1}", "{a={b=1}}"},
    {"semicolon and comma end entries", "a 1; b 2, c 3", "{a=1 b=2 c=3}"},
    {"a hash behind a key begins a value", "a: #b\nc //d\ne {f = #}\n",
     "{a='#b' c='//d' e={f='#'}}"},
    {"comment behind a value", "a 1 # x\nb 2 // y\n", "{a=1 b=2}"},
    {"quoted keys", "\"a b\": 1\n'c=d' 2", "{a b=1 c=d=2}"},
    {"last one wins", "a 1\na 2", "{a=2}"},
    {"case of keys is kept", "Ab 1", "{Ab=1}"},
    {"double quotes with escapes", R"(a "x\t\n\r\"\\\x41")", "{a='x\t\n\r\"\\A'}"},
    {"single quotes are raw", R"(a 'x\n')", "{a='x\\n'}"},
    {"quoted text with separators", "a \"x,y;z}]\"", "{a='x,y;z}]'}"},
    {"escape in a bare word", R"(a x\x41y)", "{a='xAy'}"},
    {"booleans", "a true;b YES;c On;d false;e no;f off", "{a=yes b=yes c=yes d=no e=no f=no}"},
    {"integers with suffixes", "a 1k;b 1kb;c 2KiB;d 1m;e 1MB;f 1g;g 1gi",
     "{a=1000 b=1024 c=2048 d=1000000 e=1048576 f=1000000000 g=1073741824}"},
    {"large suffixes", "a 1t;b 1tb;c 1p;d 1pb;e 1e;f 1eb",
     "{a=1000000000000 b=1099511627776 c=1000000000000000 d=1125899906842624 "
     "e=1000000000000000000 f=1152921504606846976}"},
    {"negative", "a -1", "{a=-1}"},
    {"float", "a 2.5;b -0.5", "{a=f2.500000 b=f-0.500000}"},
    {"date", "a 2026-01-02T03:04:05Z", "{a=date 2026-01-02T03:04:05Z}"},
    {"addresses are texts", "a 127.0.0.1:4222;b 10.0.0.1;c localhost:80",
     "{a='127.0.0.1:4222' b='10.0.0.1' c='localhost:80'}"},
    {"digit-led words are texts", "a 3xyz;b 7d;c 1h30m;d 1.5h;e 500ms;f 10MB/s",
     "{a='3xyz' b='7d' c='1h30m' d='1.5h' e='500ms' f='10MB/s'}"},
    {"block text", "a (\n one\n ) two\n)\nb 1", "{a='\n one\n ) two\n' b=1}"},
    {"array", "a [1, 2,3]", "{a=[1 2 3]}"},
    {"array over lines", "a [\n 1 # x\n 2\n\n // y\n 3\n]", "{a=[1 2 3]}"},
    {"array with a last comma", "a [1,]", "{a=[1]}"},
    {"empty array and block", "a []\nb {}", "{a=[] b={}}"},
    {"array of blocks", "a [{b 1},{b 2}\n{b 3}]", "{a=[{b=1} {b=2} {b=3}]}"},
    {"JSON", R"({"a": {"b": [1, "x", true]}, "c": 2.5})", "{a={b=[1 'x' yes]} c=f2.500000}"},
    {"JSON over lines", "{\n \"a\": 1,\n \"b\": {\n  \"c\": 2\n }\n}\n", "{a=1 b={c=2}}"},
    {"carriage returns", "a 1\r\nb {\r\n c 2\r\n}\r\n", "{a=1 b={c=2}}"},
    {"variable above", "X 5\na $X", "{X=5 a=5}"},
    {"inner scope first", "X 1\na { X 2; b $X }\nc $X", "{X=1 a={X=2 b=2} c=1}"},
    {"variable of a block", "X {a 1}\nb $X", "{X={a=1} b={a=1}}"},
    {"variable in an array", "X 1\na [$X, 2]", "{X=1 a=[1 2]}"},
    {"quoted is no variable", "a \"$X\"", "{a='$X'}"},
    {"bcrypt 2a needs no quotes", "a $2a$11$xyz", "{a='$2a$11$xyz'}"},
    {"environment is parsed", "a $NUMBER;b $WORD;c $LIST;d $QUOTED",
     "{a=42 b='word' c=[1 2] d='a b'}"},
    {"environment of several words", "a $TWO", "{a='two words'}"},
    {"environment that refers on", "a $INDIRECT", "{a=42}"},
    {"include merges", "a 1\ninclude 'b.conf'\nc 3", "{a=1 b=2 c=3}"},
    {"include inside a block", "x {\n include b.conf\n}", "{x={b=2}}"},
    {"include overrides", "b 1\ninclude \"b.conf\"", "{b=2}"},
    {"include beside the including file", "include dir/c.conf", "{c=4 d=5}"},
    {"key named include", "include: 5", "{include=5}"},
    {"tabs", "a\t=\t1", "{a=1}"},
};

constexpr Case kBad[] = {
    {"blank alone does not separate", "a {} b {}",
     "f:1:6: expected the end of the line, ',' or ';' after a value, found 'b'"},
    {"in a block", "a {\n  b 1 c 2\n}",
     "f:2:7: expected the end of the line, ',' or ';' or '}' after a value, found 'c'"},
    {"separator first", "= 1", "f:1:1: unexpected key separator '='"},
    {"value on the next line", "a:\n1", "f:1:3: expected a value, found the end of the line"},
    {"no value", "a 1\nb", "f:2:1: \"b\" has no value"},
    {"open block", "x 1\na {\n b 1\n", "f:2:4: this '{' has no closing '}'"},
    {"open array", "a [1,\n2", "f:1:3: this '[' has no closing ']'"},
    {"open double quote", "a \"xyz\nb 2", "f:1:4: this text has no closing \""},
    {"open single quote", "a 'xyz", "f:1:4: this text has no closing '"},
    {"open block text", "a (\nxyz", "f:1:4: this block has no closing line \")\""},
    {"bad escape", R"(a "x\q")",
     R"(f:1:5: invalid escape; allowed here: \xHH, \t, \n, \r, \", \\)"},
    {"bad hex", R"(a "\xg1")", R"(f:1:4: expected two hexadecimal digits after \x)"},
    {"comma in an array", "a [,1]", "f:1:4: unexpected ',' in an array"},
    {"blanks in an array", "a [1 2]",
     "f:1:6: expected ',', the end of the line or ']' in an array, found '2'"},
    {"stray brace", "a 1 }",
     "f:1:5: expected the end of the line, ',' or ';' after a value, found '}'"},
    {"number with a point first", "a .5", "f:1:3: a number must start with a digit, not '.'"},
    {"minus alone", "a -x", "f:1:3: expected a digit after '-'; quote a text that starts with it"},
    {"half a date", "a 2026-01-02",
     "f:1:3: a date must be written YYYY-MM-DDTHH:MM:SSZ; quote any other text that starts so"},
    {"integer too large", "a 99999999999999999999",
     "f:1:3: integer 99999999999999999999 is out of range"},
    {"unknown variable", "\na $NOPE",
     "f:2:3: variable $NOPE is neither a key above nor in the environment; quote a text that "
     "starts with '$'"},
    {"variable cycle", "a $LOOP",
     "f:1:3: variable $LOOP of the environment: variable $LOOP refers to itself"},
    {"no such include", "a 1\ninclude 'nope.conf'", "f:2:9: cannot read nope.conf: no such file"},
    {"error inside an include", "include 'bad.conf'", "bad.conf:2:1: unexpected key separator '='"},
    {"include of itself", "include 'self.conf'",
     "self.conf:1:9: too many levels of include; does self.conf include itself?"},
    {"columns count characters", "\"\xC3\xA4\" = 1 x",
     "f:1:9: expected the end of the line, ',' or ';' after a value, found 'x'"},
};

const test::Files kFiles{{{"b.conf", "b 2"},
                          {"dir/c.conf", "c 4\ninclude d.conf"},
                          {"dir/d.conf", "d 5"},
                          {"bad.conf", "a 1\n= 2"},
                          {"self.conf", "include self.conf"}},
                         {{"NUMBER", "42"},
                          {"WORD", "word"},
                          {"LIST", "[1, 2]"},
                          {"QUOTED", "\"a b\""},
                          {"TWO", "two words"},
                          {"INDIRECT", "$NUMBER"},
                          {"LOOP", "$LOOP"}}};

}  // namespace

TEST_CASE("config grammar: what is understood") {
  for (const Case& c : kGood) {
    CAPTURE(c.name);
    CHECK(parsed(c.text, kFiles) == c.wanted);
  }
}

TEST_CASE("config grammar: every error has its place") {
  for (const Case& c : kBad) {
    CAPTURE(c.name);
    CHECK(parsed(c.text, kFiles) == c.wanted);
  }
}

TEST_CASE("config grammar: keys and values know where they stand") {
  const ParsedConfig result = parse_config("a 1\n  b {\n    c: 'x'\n  }\n", "f", kFiles.sources());
  REQUIRE(!result.error);
  const ConfigEntry* b = result.tree.root.find("b");
  REQUIRE(b != nullptr);
  CHECK(result.tree.place_text(b->place) == "f:2:3");
  CHECK(result.tree.place_text(b->value.find("c")->place) == "f:3:5");
  CHECK(result.tree.place_text(b->value.find("c")->value.place) == "f:3:8");
}

TEST_CASE("config grammar: a variable's definition is marked, others are not") {
  const ParsedConfig result = parse_config("X 1\nY 2\na $X", "f", kFiles.sources());
  CHECK(result.tree.root.find("X")->is_variable);
  CHECK_FALSE(result.tree.root.find("Y")->is_variable);
}

TEST_CASE("config grammar: depth and copies are bounded") {
  CHECK(parsed("a " + std::string(1000, '[')).find("too many levels") != std::string::npos);
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "a {";
  CHECK(parsed(deep).find("too many levels") != std::string::npos);
  std::string laughs = "x0 [1,1,1,1,1,1,1,1,1,1]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "$x" + std::to_string(i - 1);
    laughs += "x" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 9; ++j) laughs += "," + before;
    laughs += "]\n";
  }
  CHECK(parsed(laughs).find("too many values") != std::string::npos);
}

TEST_CASE("config grammar: of a file that is too large it says how large one may be") {
  ConfigParseLimits limits;
  limits.file_bytes_max = 8;
  ConfigSources sources;
  sources.read_file = [](const std::string&) -> Result<std::string> {
    return std::string("port: 42222");
  };
  const std::string words = "larger than 8 bytes, which is what a configuration may have";
  CHECK(to_text(*parse_config("port: 4222", "a.conf", sources, limits).error) ==
        "a.conf: the file is " + words);
  limits.file_bytes_max = 10;
  const auto error = parse_config("include b", "a.conf", sources, limits).error;
  REQUIRE(error);
  CHECK(error->text.find("b is larger than 10 bytes") != std::string::npos);
}

TEST_CASE("config grammar: any cut of a file parses or fails, never hangs or crashes") {
  const std::string text =
      "a {b: [1, \"x\\n\", 'y'], c (\nz\n)\n}\nd 2026-01-02T03:04:05Z; e $X # f\ninclude 'b.conf'";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    CAPTURE(cut);
    const ParsedConfig result = parse_config(text.substr(0, cut), "f", kFiles.sources());
    if (result.error) CHECK_FALSE(result.error->place.empty());
  }
}

}  // namespace petiole
