#include "platform/time_zone.h"

#include <cstdint>
#include <ctime>
#include <string_view>

#include "platform/files.h"

namespace petiole {

namespace {

using std::chrono::seconds;

constexpr std::size_t kFileBytesMax = 64 * 1024;
constexpr std::size_t kHeaderBytes = 44;

// Big-endian fields of a time zone file; reads behind the end are zero and fail it.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : bytes_(bytes) {}
  std::int64_t number(std::size_t at, std::size_t width) {
    if (at + width > bytes_.size()) return ok_ = false, 0;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i) {
      value = value << 8 | static_cast<unsigned char>(bytes_[at + i]);
    }
    if (width == 4) return static_cast<std::int32_t>(value);
    return static_cast<std::int64_t>(value);
  }
  bool ok() const { return ok_; }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

struct Counts {
  std::size_t utc, standard, leaps, times, types, chars;
  std::size_t bytes(std::size_t width) const {
    return times * (width + 1) + types * 6 + chars + leaps * (width + 4) + standard + utc;
  }
};

Counts read_counts(Fields& fields, std::size_t header) {
  const auto count = [&](std::size_t i) {
    const std::int64_t value = fields.number(header + 20 + i * 4, 4);
    return static_cast<std::size_t>(value < 0 ? 0 : value);
  };
  return {count(0), count(1), count(2), count(3), count(4), count(5)};
}

// The second part of the file, with times of 64 bits, is what counts.
std::optional<seconds> offset_in(std::string_view file, std::int64_t when) {
  if (!file.starts_with("TZif") || file.size() < kHeaderBytes || file[4] < '2') return std::nullopt;
  Fields fields(file);
  const std::size_t second = kHeaderBytes + read_counts(fields, 0).bytes(4);
  const Counts counts = read_counts(fields, second);
  const std::size_t times = second + kHeaderBytes;
  if (!fields.ok() || times + counts.bytes(8) > file.size()) return std::nullopt;
  std::size_t passed = 0;
  while (passed < counts.times && fields.number(times + passed * 8, 8) <= when) ++passed;
  // Behind the last change a rule applies, which is text; without a comma it is no rule but a name.
  const std::string_view rule = file.substr(times + counts.bytes(8));
  if (passed == counts.times && rule.find(',') != rule.npos) return std::nullopt;
  const std::size_t kinds = times + counts.times * 8;
  const auto kind =
      passed == 0 ? 0 : static_cast<std::size_t>(fields.number(kinds + passed - 1, 1) & 0xff);
  const std::int64_t offset = fields.number(kinds + counts.times + kind * 6, 4);
  if (!fields.ok() || kind >= counts.types) return std::nullopt;
  return seconds(offset);
}

bool is_name(std::string_view zone) {
  return zone.find("..") == zone.npos && !zone.starts_with('/') && zone.size() < 64 &&
         zone.find('\0') == zone.npos;
}

}  // namespace

std::optional<seconds> utc_offset(const std::string& zone, WallTime when) {
  const std::int64_t since = std::chrono::floor<seconds>(when).time_since_epoch().count();
  if (zone == "UTC") return seconds(0);
  if (zone.empty() || zone == "Local") {
    const auto time = static_cast<std::time_t>(since);
    std::tm local{};
    if (!localtime_r(&time, &local)) return std::nullopt;
    return seconds(local.tm_gmtoff);
  }
  if (!is_name(zone)) return std::nullopt;
  const FileText file = read_file("/usr/share/zoneinfo/" + zone, kFileBytesMax);
  if (!file.status.ok()) return std::nullopt;
  return offset_in(file.text, since);
}

}  // namespace petiole
