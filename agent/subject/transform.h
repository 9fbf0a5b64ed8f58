// Subject transforms: what arrives on `orders.*.*` goes out on `orders.{{wildcard(2)}}.$1`.
//
// Compiled once from configuration, then applied to each message without allocation. Functions,
// their spelling, their quirks and the texts of errors are those of nats-server
// (server/subject_transform.go); what each one does is in docs.nats.io, "Subject Mapping".
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace petiole {

// Wildcards of one source, and bytes of one result. The reference bounds neither.
inline constexpr std::size_t kTransformWildcardsMax = 64;
inline constexpr std::size_t kMappedSubjectBytesMax = 4096;

// Room for one result, on the caller's stack; not initialized on purpose.
struct SubjectBuffer {
  char bytes[kMappedSubjectBytesMax];
};

class SubjectTransform {
 public:
  enum class Kind : std::uint8_t {
    kAny,         // All functions.
    kReversible,  // For imports: only wildcards, and all of them.
  };

  // Makes this the transform from `source` to `destination`; an empty source means ">". Returns
  // what is wrong, in nats-server's words; empty: nothing, else this is left as it was.
  std::string compile(std::string_view source, std::string_view destination,
                      Kind kind = Kind::kAny);

  // The transform of `subject`, which `source` matches: a message's subject, or a pattern that the
  // source covers. A view into `buffer`; empty when it does not fit. `random` decides random().
  std::string_view apply(std::string_view subject, std::span<char> buffer,
                         std::uint32_t random = 0) const;
  std::string_view apply(std::string_view subject, SubjectBuffer& buffer,
                         std::uint32_t random = 0) const {
    return apply(subject, std::span<char>(buffer.bytes), random);
  }

  // The way back; this must be reversible.
  SubjectTransform inverse() const;

  const std::string& source() const { return source_; }
  const std::string& destination() const { return destination_; }

 private:
  enum class Function : std::uint8_t {
    kText,
    kWildcard,
    kPartition,
    kSplitFromLeft,
    kSplitFromRight,
    kSliceFromLeft,
    kSliceFromRight,
    kSplit,
    kLeft,
    kRight,
    kRandom,
  };
  struct Step {  // One token of the destination.
    Function function = Function::kText;
    std::int32_t number = 0;
    std::string text{};                      // kText: the token. kSplit: the delimiter.
    std::vector<std::uint16_t> wildcards{};  // From 1; 0: the first token, a quirk that is kept.
  };
  struct Call;  // `{{name(arguments)}}`, taken apart.
  class Pen;
  struct Tokens;

  static std::string read_step(std::string_view token, Step& step);
  static std::string read_call(const Call& call, Step& step);
  static std::string read_numbers(const Call& call, std::size_t least, std::size_t most,
                                  Step& step);
  static std::string read_split(const Call& call, Step& step);
  static std::string check_step(const Step& step, std::string_view token, std::size_t wildcards,
                                bool literal, Kind kind);
  std::size_t wildcards_used() const;
  void write(const Step& step, const Tokens& tokens, std::string_view subject, std::uint32_t random,
             Pen& pen) const;

  std::string source_, destination_;
  std::vector<Step> steps_;
  std::size_t tail_token_ = 0;  // Where in the source `>` stands, if tail_.
  std::size_t source_tokens_ = 0;
  bool tail_ = false;
};

// What is wrong with a mapping from `source` to `destination`, in nats-server's words
// (server/sublist.go, ValidateMapping); empty: nothing. left() and right() pass here.
std::string check_mapping(std::string_view source, std::string_view destination);

// "a.*.*" as a destination: "a.$1.$2".
std::string number_wildcards(std::string_view pattern);
// The pattern of what a destination makes: "a.$2.{{wildcard(1)}}" gives "a.*.*".
std::string pattern_of(std::string_view destination);

// The pattern that matches just what both match, into `buffer`; empty: there is no such subject, or
// no room.
std::string_view intersect(std::string_view a, std::string_view b, SubjectBuffer& buffer);

}  // namespace petiole
