#include "agent/protocol/parser.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace petiole {

namespace {

constexpr ParseResult kBadArguments{.error = ParseError::kArguments};
constexpr std::size_t kBadSize = ~std::size_t{0};

// A control line, and what the functions behind the verbs need to judge it.
struct Line {
  std::string_view input;      // From the verb on, to the end of what is there.
  std::string_view arguments;  // Behind the verb, without CRLF.
  std::size_t bytes;           // Of the line, with its LF.
  const Limits& limits;
  bool headers;

  ParseResult done() const { return {.used = bytes}; }
};

// `\r` separates too: nats-server splits arguments so.
bool blank(char c) { return c <= ' ' && (c == ' ' || c == '\t' || c == '\r'); }

// The next word of `text`, taken off its front; empty when there is none.
std::string_view take_word(std::string_view& text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end && blank(*at)) ++at;
  const char* const begin = at;
  while (at != end && !blank(*at)) ++at;
  text = {at, static_cast<std::size_t>(end - at)};
  return {begin, static_cast<std::size_t>(at - begin)};
}

struct Words {
  std::array<std::string_view, 6> word;
  std::size_t count = 0;  // word.size() + 1: there were more.
};

Words split(std::string_view text) {
  Words words;
  for (;;) {
    const std::string_view word = take_word(text);
    if (word.empty()) return words;
    if (words.count == words.word.size()) {
      ++words.count;
      return words;
    }
    words.word[words.count++] = word;
  }
}

// Where the first LF is; npos when there is none. Most lines are shorter than a call is long, so
// the first bytes are looked at eight at a time: a byte that is LF becomes 0, and the lowest byte
// that was 0 is the lowest whose top bit the subtraction sets.
std::size_t find_line_end(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kTops = 0x8080808080808080;
  constexpr std::size_t kNearBytes = 48;
  std::size_t at = 0;
  if constexpr (std::endian::native == std::endian::little) {
    for (; at < kNearBytes && at + sizeof(std::uint64_t) <= text.size();
         at += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data() + at, sizeof(word));
      word ^= kOnes * '\n';
      word = (word - kOnes) & ~word & kTops;
      if (word != 0) return at + static_cast<std::size_t>(std::countr_zero(word)) / 8;
    }
  }
  return text.find('\n', at);
}

// One to nine digits, as nats-server's parseSize; else kBadSize.
std::size_t parse_size(std::string_view text) {
  if (text.empty() || text.size() > 9) return kBadSize;
  std::size_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return kBadSize;
    value = value * 10 + static_cast<std::size_t>(c - '0');
  }
  return value;
}

// Reads header and payload behind a line that announced them.
ParseResult take_payload(const Line& line, std::size_t header, std::size_t total, Op& op) {
  if (total > line.limits.payload_bytes_max) return {.error = ParseError::kPayloadTooLarge};
  const std::size_t end = line.bytes + total;
  if (line.input.size() > end && line.input[end] != '\r') {
    return {.error = ParseError::kUnknownOperation};
  }
  if (line.input.size() < end + 2) return {.wanted = end + 2};
  if (line.input[end + 1] != '\n') return {.error = ParseError::kUnknownOperation};
  op.header = line.input.substr(line.bytes, header);
  op.payload = line.input.substr(line.bytes + header, total - header);
  return {.used = end + 2};
}

ParseResult take_plain(const Line& line, std::string_view size, Op& op) {
  const std::size_t total = parse_size(size);
  return total == kBadSize ? kBadArguments : take_payload(line, 0, total, op);
}

ParseResult take_headed(const Line& line, std::string_view header, std::string_view total, Op& op) {
  const std::size_t header_bytes = parse_size(header);
  const std::size_t total_bytes = parse_size(total);
  if (!line.headers || header_bytes == kBadSize || total_bytes == kBadSize) return kBadArguments;
  if (header_bytes > total_bytes) return kBadArguments;
  return take_payload(line, header_bytes, total_bytes, op);
}

// PUB <subject> [reply] <bytes>CRLF<payload>CRLF
ParseResult parse_pub(const Line& line, Op& op) {
  std::string_view rest = line.arguments;
  const std::string_view subject = take_word(rest), second = take_word(rest);
  if (second.empty()) return kBadArguments;
  const std::string_view third = rest.empty() ? rest : take_word(rest);
  if (!third.empty() && !take_word(rest).empty()) return kBadArguments;
  op = {.verb = Verb::kPub, .subject = subject};
  if (third.empty()) return take_plain(line, second, op);
  op.reply = second;
  return take_plain(line, third, op);
}

// HPUB <subject> [reply] <header bytes> <all bytes>CRLF<header><payload>CRLF
ParseResult parse_hpub(const Line& line, Op& op) {
  const auto [word, count] = split(line.arguments);
  if (count != 3 && count != 4) return kBadArguments;
  op = {.verb = Verb::kHpub, .subject = word[0]};
  if (count == 4) op.reply = word[1];
  return take_headed(line, word[count - 2], word[count - 1], op);
}

// MSG <subject> <sid> [reply] <bytes>CRLF<payload>CRLF
ParseResult parse_msg(const Line& line, Op& op) {
  const auto [word, count] = split(line.arguments);
  if (count != 3 && count != 4) return kBadArguments;
  op = {.verb = Verb::kMsg, .subject = word[0], .sid = word[1]};
  if (count == 4) op.reply = word[2];
  return take_plain(line, word[count - 1], op);
}

// HMSG <subject> <sid> [reply] <header bytes> <all bytes>CRLF<header><payload>CRLF
ParseResult parse_hmsg(const Line& line, Op& op) {
  const auto [word, count] = split(line.arguments);
  if (count != 4 && count != 5) return kBadArguments;
  op = {.verb = Verb::kHmsg, .subject = word[0], .sid = word[1]};
  if (count == 5) op.reply = word[2];
  return take_headed(line, word[count - 2], word[count - 1], op);
}

// SUB <subject> [queue] <sid>CRLF
ParseResult parse_sub(const Line& line, Op& op) {
  const auto [word, count] = split(line.arguments);
  if (count != 2 && count != 3) return kBadArguments;
  op = {.verb = Verb::kSub, .subject = word[0], .sid = word[count - 1]};
  if (count == 3) op.queue = word[1];
  return line.done();
}

// UNSUB <sid> [max]CRLF; a max that is no number means now.
ParseResult parse_unsub(const Line& line, Op& op) {
  const auto [word, count] = split(line.arguments);
  if (count != 1 && count != 2) return kBadArguments;
  op = {.verb = Verb::kUnsub, .sid = word[0]};
  const std::size_t max = count == 2 ? parse_size(word[1]) : 0;
  op.number = max == kBadSize ? 0 : max;
  return line.done();
}

// LS+ <subject> [queue weight]CRLF
ParseResult parse_leaf_sub(const Line& line, Op& op) {
  const auto [word, count] = split(line.arguments);
  if (count != 1 && count != 3) return kBadArguments;
  op = {.verb = Verb::kLeafSub, .subject = word[0], .number = 1};
  if (count == 1) return line.done();
  op.queue = word[1];
  op.number = parse_size(word[2]);
  return op.number == kBadSize ? kBadArguments : line.done();
}

// LS- <subject> [queue]CRLF
ParseResult parse_leaf_unsub(const Line& line, Op& op) {
  const auto [word, count] = split(line.arguments);
  if (count != 1 && count != 2) return kBadArguments;
  op = {.verb = Verb::kLeafUnsub, .subject = word[0]};
  if (count == 2) op.queue = word[1];
  return line.done();
}

// Takes the last word off `text`, with the blanks around it.
std::string_view take_last_word(std::string_view& text) {
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  std::size_t begin = text.size();
  while (begin > 0 && !blank(text[begin - 1])) --begin;
  const std::string_view word = text.substr(begin);
  text = text.substr(0, begin);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return word;
}

// Between subject and sizes of LMSG and HMSG: nothing, `reply`, `| queue…` or `+ reply queue…`.
bool take_leaf_targets(std::string_view middle, Op& op) {
  std::string_view rest = middle;
  const std::string_view first = take_word(rest);
  if (rest.find_first_not_of(" \t\r") == rest.npos) {
    op.reply = first;
    return true;
  }
  if (first == "+") {
    op.reply = take_word(rest);
  } else if (first != "|") {
    return false;
  }
  op.queues = rest;
  return true;
}

// LMSG <subject> [reply | `|` queue… | `+` reply queue…] <bytes>CRLF<payload>CRLF
ParseResult parse_leaf_msg(const Line& line, Op& op) {
  std::string_view rest = line.arguments;
  op = {.verb = Verb::kLeafMsg, .subject = take_word(rest)};
  const std::string_view total = take_last_word(rest);
  if (!take_leaf_targets(rest, op)) return kBadArguments;
  return take_plain(line, total, op);
}

// HMSG of a leaf: as LMSG, with the header bytes before the total.
ParseResult parse_leaf_hmsg(const Line& line, Op& op) {
  std::string_view rest = line.arguments;
  op = {.verb = Verb::kLeafHmsg, .subject = take_word(rest)};
  const std::string_view total = take_last_word(rest);
  const std::string_view header = take_last_word(rest);
  if (!take_leaf_targets(rest, op)) return kBadArguments;
  return take_headed(line, header, total, op);
}

ParseResult parse_ping(const Line& line, Op& op) {
  op = {.verb = Verb::kPing};
  return line.done();
}

ParseResult parse_pong(const Line& line, Op& op) {
  op = {.verb = Verb::kPong};
  return line.done();
}

ParseResult parse_ok(const Line& line, Op& op) {
  op = {.verb = Verb::kOk};
  return line.done();
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// -ERR '<text>'CRLF
ParseResult parse_err(const Line& line, Op& op) {
  std::string_view text = trimmed(line.arguments);
  if (text.size() >= 2 && text.front() == '\'' && text.back() == '\'') {
    text = text.substr(1, text.size() - 2);
  }
  op = {.verb = Verb::kErr, .argument = text};
  return line.done();
}

// nats-server ends a client that reports an error.
ParseResult refuse_err(const Line&, Op&) { return {.error = ParseError::kClientError}; }

ParseResult parse_info(const Line& line, Op& op) {
  op = {.verb = Verb::kInfo, .argument = trimmed(line.arguments)};
  return line.done();
}

ParseResult parse_connect(const Line& line, Op& op) {
  op = {.verb = Verb::kConnect, .argument = trimmed(line.arguments)};
  return line.done();
}

struct Entry {
  std::string_view name;
  int peers;
  bool arguments;  // A blank must follow the verb, as in the reference; else anything may.
  ParseResult (*parse)(const Line&, Op&);
};

constexpr Entry kVerbs[] = {
    // Most frequent first.
    {"PUB", kClient, true, parse_pub},
    {"LMSG", kLeaf, true, parse_leaf_msg},
    {"MSG", kServer, true, parse_msg},
    {"HPUB", kClient, true, parse_hpub},
    {"HMSG", kLeaf, true, parse_leaf_hmsg},
    {"HMSG", kServer, true, parse_hmsg},
    {"SUB", kClient, true, parse_sub},
    {"UNSUB", kClient, true, parse_unsub},
    {"LS+", kLeaf, true, parse_leaf_sub},
    {"LS-", kLeaf, true, parse_leaf_unsub},
    {"PING", kClient | kLeaf | kServer, false, parse_ping},
    {"PONG", kClient | kLeaf | kServer, false, parse_pong},
    {"+OK", kClient | kLeaf | kServer, false, parse_ok},
    {"CONNECT", kClient | kLeaf, false, parse_connect},
    {"INFO", kClient | kLeaf | kServer, false, parse_info},
    {"-ERR", kLeaf | kServer, true, parse_err},
    {"-ERR", kClient, true, refuse_err},
};

// How many of the first bytes of `input` are those of `name`, in either case.
std::size_t common_bytes(std::string_view input, std::string_view name) {
  const std::size_t count = std::min(input.size(), name.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (input[i] != name[i] && input[i] != (name[i] | 0x20)) return i;
  }
  return count;
}

// The verb at the front of `input`; null with `possible` when more bytes may make one.
const Entry* find_verb(std::string_view input, Peer peer, bool& possible) {
  possible = false;
  for (const Entry& entry : kVerbs) {
    if ((entry.peers & peer) == 0) continue;
    if ((input[0] | 0x20) != (entry.name[0] | 0x20)) continue;  // Most of them.
    const std::size_t common = common_bytes(input, entry.name);
    if (common == entry.name.size()) return &entry;
    if (common == input.size()) possible = true;
  }
  return nullptr;
}

}  // namespace

ParseResult parse(std::string_view input, Peer peer, const Limits& limits, bool headers, Op& op) {
  if (input.empty()) return {};
  bool possible = false;
  const Entry* const entry = find_verb(input, peer, possible);
  if (!entry) return {.error = possible ? ParseError::kNone : ParseError::kUnknownOperation};
  const std::size_t verb_bytes = entry->name.size();
  if (input.size() == verb_bytes) return {};
  if (entry->arguments && input[verb_bytes] != ' ' && input[verb_bytes] != '\t') {
    return {.error = ParseError::kUnknownOperation};
  }
  const std::size_t line_bytes_max =
      limits.control_line_bytes_max * (peer == kClient ? 1 : limits.leaf_line_factor);
  std::string_view rest = input.substr(verb_bytes);
  const std::size_t lf = find_line_end(rest);
  const std::size_t length = std::min(lf, rest.size());
  std::string_view arguments = rest.substr(0, length);
  if (arguments.ends_with('\r')) arguments.remove_suffix(1);
  if (arguments.size() > line_bytes_max + 1) {  // One more: the blank behind the verb.
    return {.error = ParseError::kControlLine};
  }
  if (lf == rest.npos) return {};
  return entry->parse({input, arguments, verb_bytes + length + 1, limits, headers}, op);
}

std::string_view next_queue(std::string_view& queues) { return take_word(queues); }

}  // namespace petiole
