#include "agent/session/trace.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "agent/protocol/writer.h"

namespace petiole {

namespace {

constexpr std::string_view kArrows[] = {"<<- ", "->> ", "<-> "};  // As in Way.
constexpr std::string_view kRedacted = "[REDACTED]";
constexpr std::size_t kSnippetBytes = 32;  // nats-server const.go: PROTO_SNIPPET_SIZE.
constexpr std::string_view kBlanks = " \t";

std::string_view first_line(std::string_view bytes) {
  std::string_view line = bytes.substr(0, bytes.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view without_blanks(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text;
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::size_t skip_spaces(std::string_view text, std::size_t at) {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

// Behind a name: `"?\s*[:=]\s*"?`. Where the value begins, or npos.
std::size_t value_at(std::string_view text, std::size_t at) {
  if (at < text.size() && text[at] == '"') ++at;
  at = skip_spaces(text, at);
  if (at >= text.size() || (text[at] != ':' && text[at] != '=')) return text.npos;
  at = skip_spaces(text, at + 1);
  return at < text.size() && text[at] == '"' ? at + 1 : at;
}

// The name may go on behind its beginning.
std::size_t value_behind_prefix(std::string_view text, std::size_t at) {
  while (true) {
    const std::size_t value = value_at(text, at);
    if (value != text.npos || at >= text.size() || is_space(text[at])) return value;
    ++at;
  }
}

// As the names of CONNECT are read: whatever their case.
bool is_name_at(std::string_view text, std::size_t at, std::string_view name) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; };
  const std::string_view there = text.substr(at, name.size());
  return std::equal(there.begin(), there.end(), name.begin(), name.end(),
                    [&](char a, char b) { return lower(a) == b; });
}

// Where the value of a secret begins whose name begins at `at`; npos: there is none.
std::size_t secret_at(std::string_view text, std::size_t at) {
  for (const std::string_view name : {"auth_token", "pass"}) {
    if (is_name_at(text, at, name)) return value_behind_prefix(text, at + name.size());
  }
  if (at > 0 && is_word(text[at - 1])) return text.npos;
  for (const std::string_view name : {"proxy_sig", "nkey", "sig"}) {
    if (is_name_at(text, at, name)) return value_at(text, at + name.size());
  }
  return text.npos;
}

// Where it ends. The reference shows what follows a comma or a brace inside of a text.
std::size_t secret_end(std::string_view text, std::size_t value) {
  if (text[value - 1] != '"') return std::min(text.find_first_of("\",\r\n}", value), text.size());
  for (std::size_t at = value; at < text.size(); ++at) {
    if (text[at] == '"') return at;
    if (text[at] == '\\') ++at;
  }
  return text.size();
}

std::size_t count_words(std::string_view text) {
  std::size_t count = 0;
  for (text = without_blanks(text); !text.empty(); text = without_blanks(text)) {
    text.remove_prefix(std::min(text.find_first_of(kBlanks), text.size()));
    ++count;
  }
  return count;
}

// nats-server client.go, processPub, processHeaderPub, processSub, processUnsub.
std::string argument_error(std::string_view verb, std::string_view argument) {
  const std::size_t words = count_words(argument);
  const std::string quoted = go_quoted(argument);
  if (verb == "PUB") {
    const bool counted = words == 2 || words == 3;
    return (counted ? "processPub Bad or Missing Size: " : "processPub Parse Error: ") + quoted;
  }
  if (verb == "HPUB") {
    const bool counted = words == 3 || words == 4;
    return (counted ? "processHeaderPub Bad or Missing Header Size: "
                    : "processHeaderPub Parse Error: ") +
           quoted;
  }
  if (verb == "SUB") return "processSub Parse Error: " + quoted;
  if (verb == "UNSUB") return "processUnsub Parse Error: " + quoted;
  if (verb == "LS+" || verb == "LS-") {
    return "processLeafSub Parse Error: '" + std::string(argument) + "'";
  }
  return "processLeafMsgArgs Parse Error: '" + std::string(argument) + "'";
}

}  // namespace

std::string trace_operation(Way way, std::string_view operation, std::string_view argument) {
  std::string text(kArrows[static_cast<int>(way)]);
  text.append(1, '[').append(operation);
  if (!argument.empty()) text.append(1, ' ').append(argument);
  return text += ']';
}

std::string trace_message(Way way, std::string_view header, std::string_view payload,
                          const LogConfig& log) {
  std::string shown(header);
  if (log.trace_headers) {
    if (shown.ends_with("\r\n\r\n")) shown.resize(shown.size() - 4);
  } else {
    shown += payload;
  }
  if (shown.empty()) return {};
  const bool cut = log.traced_bytes_max != 0 && shown.size() > log.traced_bytes_max;
  if (cut) shown.resize(log.traced_bytes_max);
  std::string quoted = go_quoted(shown);
  if (cut) quoted.insert(quoted.size() - 1, "...");
  return std::string(kArrows[static_cast<int>(way)]) + "MSG_PAYLOAD: [" + quoted + ']';
}

TracedLine trace_line(std::string_view bytes) {
  const std::string_view line = first_line(bytes);
  const std::size_t end = std::min(line.find_first_of(kBlanks), line.size());
  TracedLine traced{std::string(line.substr(0, end)), {}};
  std::transform(traced.verb.begin(), traced.verb.end(), traced.verb.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (traced.verb == "PING" || traced.verb == "PONG") return traced;
  const std::string_view argument = without_blanks(line.substr(end));
  traced.argument = traced.verb == "CONNECT" ? redact_secrets(argument) : std::string(argument);
  return traced;
}

std::string message_line(std::string_view verb, std::string_view subject, std::string_view middle,
                         const Message& message, bool headers) {
  const std::size_t header_bytes = headers ? message.header.size() : 0;
  std::string line(header_bytes == 0 ? verb : "HMSG");
  line.append(1, ' ').append(subject);
  for (const std::string_view word : {middle, message.reply}) {
    if (!word.empty()) line.append(1, ' ').append(word);
  }
  if (header_bytes != 0) line += ' ' + std::to_string(header_bytes);
  return line += ' ' + std::to_string(header_bytes + message.payload.size());
}

std::string redact_secrets(std::string_view connect) {
  std::string text;
  std::size_t done = 0;
  for (std::size_t at = 0; at < connect.size();) {
    const std::size_t value = secret_at(connect, at);
    if (value == connect.npos) {
      ++at;
      continue;
    }
    text.append(connect.substr(done, value - done)).append(kRedacted);
    done = at = secret_end(connect, value);
  }
  return text.append(connect.substr(done));
}

std::string refusal_text(ParseError error, std::string_view bytes, std::string_view sender,
                         const Limits& limits) {
  const TracedLine line = trace_line(bytes);
  switch (error) {
    case ParseError::kUnknownOperation:
      return std::string(sender) + " parser ERROR, state=0, i=0: proto='" +
             go_quoted(bytes.substr(0, std::min(bytes.size() - 1, kSnippetBytes))) + "...'";
    case ParseError::kControlLine:
      return "maximum control line exceeded";
    case ParseError::kPayloadTooLarge:
      return "maximum payload exceeded: " +
             line.argument.substr(line.argument.find_last_of(kBlanks) + 1) + " vs " +
             std::to_string(limits.payload_bytes_max);
    case ParseError::kClientError:
      return std::string(sender) + " Error " + line.argument;
    case ParseError::kArguments:
      return argument_error(line.verb, line.argument);
    case ParseError::kNone:
      break;
  }
  return {};
}

}  // namespace petiole
