#include "agent/protocol/writer.h"

#include <cstring>

namespace petiole {

namespace {

constexpr std::size_t kNumberBytesMax = 20;
// A message up to this size is written in one go; a larger one fills chunks piece by piece.
constexpr std::size_t kWholeBytesMax = 2048;

std::size_t count_digits(std::uint64_t value) {
  std::size_t count = 1;
  while (value >= 10) {
    value /= 10;
    ++count;
  }
  return count;
}

// Writes to memory that is known to be large enough.
class Pen {
 public:
  explicit Pen(char* to) : to_(to) {}
  void put(std::string_view text) {
    if (text.empty()) return;  // Its data() may be null, which memcpy does not take.
    std::memcpy(to_, text.data(), text.size());
    to_ += text.size();
  }
  void put(char c) { *to_++ = c; }
  void put_number(std::uint64_t value) { to_ = write_number(to_, value); }
  char* end() const { return to_; }

 private:
  char* to_;
};

// Appends a line of any length: `fill` writes at most `bytes` bytes through a Pen.
template <class Fill>
void append_line(Output& output, std::size_t bytes, const Fill& fill) {
  if (bytes <= kChunkBytes) {
    char* const begin = output.reserve(bytes);
    Pen pen(begin);
    fill(pen);
    output.commit(static_cast<std::size_t>(pen.end() - begin));
    return;
  }
  std::string line(bytes, '\0');  // A leaf's line may be longer than a chunk.
  Pen pen(line.data());
  fill(pen);
  output.append({line.data(), static_cast<std::size_t>(pen.end() - line.data())});
}

// What a message line says behind its middle: sizes, CRLF, header, payload, CRLF.
struct Body {
  const Message& message;
  std::string_view header;  // Empty when the peer does not take headers.

  std::size_t size() const { return header.size() + message.payload.size(); }
  bool shareable() const { return message.shared && message.shared->size() == size(); }

  void put_sizes(Pen& pen) const {
    if (!header.empty()) {
      pen.put_number(header.size());
      pen.put(' ');
    }
    pen.put_number(size());
    pen.put("\r\n");
  }
};

// `line` writes verb and words, with a blank at the end; `line_bytes` bounds what it writes.
template <class Line>
void append_message(Output& output, std::size_t line_bytes, const Line& line, const Body& body) {
  const std::size_t bound = line_bytes + 2 * kNumberBytesMax + 3;
  if (!body.shareable() && bound + body.size() + 2 <= kWholeBytesMax) {
    append_line(output, bound + body.size() + 2, [&](Pen& pen) {
      line(pen);
      body.put_sizes(pen);
      pen.put(body.header);
      pen.put(body.message.payload);
      pen.put("\r\n");
    });
    return;
  }
  append_line(output, bound, [&](Pen& pen) {
    line(pen);
    body.put_sizes(pen);
  });
  if (body.shareable()) {
    output.append_shared(body.message.shared);
  } else {
    output.append(body.header);
    output.append(body.message.payload);
  }
  output.append("\r\n");
}

std::string_view header_for(const Message& message, bool headers) {
  return headers ? message.header : std::string_view();
}

}  // namespace

char* write_number(char* to, std::uint64_t value) {
  char* const end = to + count_digits(value);
  char* at = end;
  do {
    *--at = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  return end;
}

void write_msg(Output& output, std::string_view subject, std::string_view sid,
               const Message& message, bool headers) {
  const Body body{message, header_for(message, headers)};
  const std::size_t bytes = 5 + subject.size() + 1 + sid.size() + 1 + message.reply.size() + 1;
  append_message(
      output, bytes,
      [&](Pen& pen) {
        if (!body.header.empty()) pen.put('H');
        pen.put("MSG ");
        pen.put(subject);
        pen.put(' ');
        pen.put(sid);
        pen.put(' ');
        if (!message.reply.empty()) {
          pen.put(message.reply);
          pen.put(' ');
        }
      },
      body);
}

void write_leaf_msg(Output& output, const Message& message, const std::string_view* queues,
                    std::size_t queue_count, bool headers) {
  const Body body{message, header_for(message, headers)};
  std::size_t bytes = 5 + message.subject.size() + 1 + 2 + message.reply.size() + 1;
  for (std::size_t i = 0; i < queue_count; ++i) bytes += queues[i].size() + 1;
  append_message(
      output, bytes,
      [&](Pen& pen) {
        pen.put(body.header.empty() ? "LMSG " : "HMSG ");
        pen.put(message.subject);
        pen.put(' ');
        if (queue_count != 0) pen.put(message.reply.empty() ? "| " : "+ ");
        if (!message.reply.empty()) {
          pen.put(message.reply);
          pen.put(' ');
        }
        for (std::size_t i = 0; i < queue_count; ++i) {
          pen.put(queues[i]);
          pen.put(' ');
        }
      },
      body);
}

void write_pub(Output& output, const Message& message) {
  const Body body{message, message.header};
  const std::size_t bytes = 5 + message.subject.size() + 1 + message.reply.size() + 1;
  append_message(
      output, bytes,
      [&](Pen& pen) {
        if (!body.header.empty()) pen.put('H');
        pen.put("PUB ");
        pen.put(message.subject);
        pen.put(' ');
        if (!message.reply.empty()) {
          pen.put(message.reply);
          pen.put(' ');
        }
      },
      body);
}

void write_err(Output& output, std::string_view prefix, std::string_view quoted) {
  output.append("-ERR '");
  output.append(prefix);
  if (!quoted.empty()) output.append(go_quoted(quoted));
  output.append("'\r\n");
}

}  // namespace petiole
