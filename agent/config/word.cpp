#include "agent/config/word.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>

namespace petiole {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

// The factor of a suffix, 0 when there is no such suffix.
std::int64_t suffix_factor(std::string_view suffix) {
  constexpr std::string_view kPowers = "kmgtpe";
  if (suffix.empty()) return 1;
  const std::string name = lower(suffix);
  const std::size_t power = kPowers.find(name[0]);
  if (power == std::string_view::npos) return 0;
  const std::string_view unit = std::string_view(name).substr(1);
  const bool binary = unit == "b" || unit == "i" || unit == "ib";
  if (!unit.empty() && !binary) return 0;
  std::int64_t factor = 1;
  for (std::size_t i = 0; i <= power; ++i) factor *= binary ? 1024 : 1000;
  return factor;
}

std::size_t digits_at(std::string_view word, std::size_t position) {
  std::size_t count = 0;
  while (position + count < word.size() && is_digit(word[position + count])) ++count;
  return count;
}

bool looks_like_float(std::string_view word) {
  const std::size_t sign = word.starts_with('-') ? 1 : 0;
  const std::size_t whole = digits_at(word, sign);
  if (whole == 0 || sign + whole >= word.size() || word[sign + whole] != '.') return false;
  const std::size_t part = digits_at(word, sign + whole + 1);
  return part > 0 && sign + whole + 1 + part == word.size();
}

int number_at(std::string_view word, std::size_t position, std::size_t count) {
  int number = 0;
  for (const char c : word.substr(position, count)) number = number * 10 + (c - '0');
  return number;
}

// YYYY-MM-DDTHH:MM:SSZ
bool parse_date(std::string_view word, WallTime& date) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00Z";
  if (word.size() != kShape.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const bool fits = kShape[i] == '0' ? is_digit(word[i]) : kShape[i] == word[i];
    if (!fits) return false;
  }
  const std::chrono::year_month_day day{
      std::chrono::year(number_at(word, 0, 4)),
      std::chrono::month(static_cast<unsigned>(number_at(word, 5, 2))),
      std::chrono::day(static_cast<unsigned>(number_at(word, 8, 2)))};
  const int hours = number_at(word, 11, 2), minutes = number_at(word, 14, 2),
            seconds = number_at(word, 17, 2);
  if (!day.ok() || hours > 23 || minutes > 59 || seconds > 59) return false;
  // 64-bit nanoseconds reach from 1678 to 2262.
  if (day.year() < std::chrono::year(1678) || day.year() > std::chrono::year(2261)) return false;
  date = std::chrono::sys_days(day) + std::chrono::hours(hours) + std::chrono::minutes(minutes) +
         std::chrono::seconds(seconds);
  return true;
}

bool parse_boolean(std::string_view word, bool& boolean) {
  const std::string name = lower(word);
  boolean = name == "true" || name == "yes" || name == "on";
  return boolean || name == "false" || name == "no" || name == "off";
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

bool parse_integer(std::string_view word, std::int64_t& number) {
  const std::size_t sign = word.starts_with('-') ? 1 : 0;
  const std::size_t digits = digits_at(word, sign);
  if (digits == 0) return false;
  const char* end = word.data() + sign + digits;
  if (std::from_chars(word.data(), end, number).ec != std::errc()) return false;
  const std::int64_t factor = suffix_factor(word.substr(sign + digits));
  return factor != 0 && !__builtin_mul_overflow(number, factor, &number);
}

std::string classify_word(std::string_view word, ConfigValue& value) {
  using Kind = ConfigValue::Kind;
  value.text = word;
  value.kind = Kind::kString;
  if (word.starts_with('.')) return "a number must start with a digit, not '.'";
  if (word.starts_with('-') && digits_at(word, 1) == 0) {
    return "expected a digit after '-'; quote a text that starts with it";
  }
  if (parse_boolean(word, value.boolean)) {
    value.kind = Kind::kBool;
  } else if (parse_integer(word, value.integer)) {
    value.kind = Kind::kInteger;
  } else if (looks_like_float(word)) {
    value.kind = Kind::kFloat;
    value.real = std::strtod(value.text.c_str(), nullptr);
  } else if (parse_date(word, value.date)) {
    value.kind = Kind::kDate;
  } else if (digits_at(word, 0) == 4 && word.size() > 4 && word[4] == '-') {
    return "a date must be written YYYY-MM-DDTHH:MM:SSZ; quote any other text that starts so";
  } else if (digits_at(word, 0) + (word.starts_with('-') ? 1 : 0) == word.size() ||
             (word.starts_with('-') && digits_at(word, 1) + 1 == word.size())) {
    return "integer " + value.text + " is out of range";
  }
  return {};
}

}  // namespace petiole
