// Message ids, and hashes that an outsider cannot steer.
//
// An id is `<leaf id>:<epoch>:<number>`. For what is on disk the epoch names the log's life and the
// number is the record's sequence, so nothing is stored for it; for what waits in memory the epoch
// is random for each start. Neither is ever used twice.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace petiole {

inline constexpr std::string_view kMessageIdHeader = "Nats-Msg-Id";

struct HashKey {
  std::uint64_t a = 0, b = 0;
};

// The id that a publisher gave a message; as to a nats-server, an empty one is none.
std::optional<std::string_view> message_id(std::string_view header);

// SipHash-1-3 of `text`.
std::uint64_t keyed_hash(const HashKey& key, std::string_view text);
// FNV-1a: stable over versions, for names on disk.
std::uint64_t stable_hash(std::string_view text);

// 16 lower-case hexadecimal digits.
void append_hex(std::string& out, std::uint64_t value);
std::optional<std::uint64_t> parse_hex(std::string_view digits);
void append_number(std::string& out, std::uint64_t value);
std::optional<std::uint64_t> parse_number(std::string_view digits);
// Cuts off what stands before `end`, and that.
std::string_view take_word(std::string_view& text, char end);

// What of an id names its epoch, `<leaf id>:<epoch>:`, as a number: see MirrorMark::origin.
std::uint64_t origin_of(std::string_view prefix);

// An id made by the mirror of this leaf, in whatever epoch; none: it is a publisher's, or
// another's.
struct MadeId {
  std::uint64_t origin, number;
};
std::optional<MadeId> made_id(std::string_view leaf_id, std::string_view id);

// Makes and recognises the ids of one epoch.
class IdScheme {
 public:
  IdScheme(std::string_view leaf_id, std::uint64_t epoch);
  void append(std::string& out, std::uint64_t number) const;
  // The number, when `id` is of this leaf and epoch.
  std::optional<std::uint64_t> number_of(std::string_view id) const;
  std::uint64_t origin() const { return origin_; }

 private:
  std::string prefix_;
  std::uint64_t origin_;
};

// Appends `header` with a message id as its last line to `out`; `id` writes the value.
void append_header_with_id(std::string& out, std::string_view header, const IdScheme& ids,
                           std::uint64_t number);
// The header as it was before that: none, if it has nothing else.
std::string without_message_id(std::string_view header);

}  // namespace petiole
