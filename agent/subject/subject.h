// Subjects: tokens between dots, `*` for one token, `>` for all that follow.
//
// Only a whole token is a wildcard: `a*.b` is literal. Rules: wire/client-and-leaf.md section 1.7.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace petiole {

// A subscription's subject: no empty token, nothing behind `>`.
bool is_valid_subject(std::string_view subject);
// The same and without wildcards.
bool is_valid_literal(std::string_view subject);
// The same and without white space: what this server publishes on at the wish of a peer.
bool is_valid_destination(std::string_view subject);
// No empty token. What is published is matched as it is, wildcards in it are plain text.
bool is_valid_published(std::string_view subject);
bool has_wildcard(std::string_view subject);

// Whether `subject`, as published, is received by a subscription to `pattern`.
bool matches(std::string_view pattern, std::string_view subject);
// Whether `pattern` receives everything that `other`, a pattern too, receives.
bool covers(std::string_view pattern, std::string_view other);
// Whether some literal subject is received by both patterns.
bool overlaps(std::string_view a, std::string_view b);

// The token that begins at `position`.
inline std::string_view token_at(std::string_view subject, std::size_t position) {
  const std::size_t end = subject.find('.', position);
  return subject.substr(position, end == subject.npos ? end : end - position);
}

// Takes the first token off `rest`; its dot too. False when `rest` held nothing more.
struct Tokens {
  std::string_view rest;
  bool more = true;
  std::string_view next() {
    const std::string_view token = token_at(rest, 0);
    more = token.size() != rest.size();
    rest.remove_prefix(more ? token.size() + 1 : token.size());
    return token;
  }
};

}  // namespace petiole
