#include "agent/auth/jwt_reader.h"

#include <algorithm>
#include <charconv>

#include "agent/auth/pattern_set.h"

namespace petiole {

const json::value* JwtReader::given(const json::object& object, std::string_view name) const {
  const json::value* const value = find(object, name);
  return value && !value->is_null() ? value : nullptr;
}

void JwtReader::text(const json::object& object, std::string_view name, std::string& to) {
  const json::value* const value = given(object, name);
  if (!value) return;
  if (!value->is_string()) return fail();
  to.assign(value->get_string().data(), value->get_string().size());
}

void JwtReader::number(const json::object& object, std::string_view name, std::int64_t& to) {
  const json::value* const value = given(object, name);
  if (!value) return;
  if (!value->is_int64()) return fail();
  to = value->get_int64();
}

void JwtReader::flag(const json::object& object, std::string_view name, bool& to) {
  const json::value* const value = given(object, name);
  if (!value) return;
  if (!value->is_bool()) return fail();
  to = value->get_bool();
}

void JwtReader::texts(const json::object& object, std::string_view name,
                      std::vector<std::string>& to) {
  const json::array* const list = array(object, name);
  if (!list) return;
  for (const json::value& each : *list) {
    if (!each.is_string()) return fail();
    to.emplace_back(each.get_string());
  }
}

void JwtReader::numbers(const json::object& object, std::string_view name,
                        std::map<std::string, std::int64_t>& to) {
  const json::object* const map = this->object(object, name);
  if (!map) return;
  for (const auto& [key, value] : *map) {
    if (!value.is_int64()) return fail();
    to[std::string(key)] = value.get_int64();
  }
}

const json::object* JwtReader::object(const json::object& object, std::string_view name) {
  const json::value* const value = given(object, name);
  if (value && !value->is_object()) fail();
  return value && value->is_object() ? &value->get_object() : nullptr;
}

const json::array* JwtReader::array(const json::object& object, std::string_view name) {
  const json::value* const value = given(object, name);
  if (value && !value->is_array()) fail();
  return value && value->is_array() ? &value->get_array() : nullptr;
}

namespace {

// Without an allow list everything is allowed: an empty one is not written.
void read_rules(JwtReader& reader, const json::object& object, std::string_view name,
                SubjectRules& to, bool& given) {
  const json::object* const rules = reader.object(object, name);
  if (!rules) return;
  std::vector<std::string> allow;
  reader.texts(*rules, "allow", allow);
  reader.texts(*rules, "deny", to.deny);
  if (!allow.empty()) to.allow = std::move(allow);
  given = given || to.allow || !to.deny.empty();
}

void read_responses(JwtReader& reader, const json::object& object, PermissionsConfig& to,
                    bool& given) {
  const json::object* const rule = reader.object(object, "resp");
  if (!rule) return;
  std::int64_t max = 0, expires = 0;
  reader.number(*rule, "max", max);
  reader.number(*rule, "ttl", expires);
  ResponseRule responses;  // 0 is the default.
  if (max != 0) responses.max = static_cast<int>(std::clamp<std::int64_t>(max, -1, INT32_MAX));
  if (expires != 0) responses.expires = std::chrono::nanoseconds(expires);
  to.responses = responses;
  given = true;
}

// "15:04:05"
bool parse_time(std::string_view text, std::int32_t& seconds) {
  if (text.size() != 8 || text[2] != ':' || text[5] != ':') return false;
  constexpr int kMost[] = {23, 59, 59};
  seconds = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    int part = 0;
    const char* const begin = text.data() + i * 3;
    const auto [end, error] = std::from_chars(begin, begin + 2, part);
    if (error != std::errc() || end != begin + 2 || part < 0 || part > kMost[i]) return false;
    seconds = seconds * 60 + part;
  }
  return true;
}

void read_times(JwtReader& reader, const json::object& object, UserGrant& to) {
  const json::array* const ranges = reader.array(object, "times");
  if (!ranges) return;
  for (const json::value& each : *ranges) {
    TimeRange range;
    std::string start, end;
    if (!each.is_object()) return reader.fail();
    reader.text(each.get_object(), "start", start);
    reader.text(each.get_object(), "end", end);
    if (!parse_time(start, range.start) || !parse_time(end, range.end)) return reader.fail();
    to.times.push_back(range);
  }
}

// A list, or one text with commas.
void read_sources(JwtReader& reader, const json::object& object, UserGrant& to) {
  const json::value* const value = reader.given(object, "src");
  if (!value) return;
  if (!value->is_string()) return reader.texts(object, "src", to.sources);
  std::string_view rest(value->get_string().data(), value->get_string().size());
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    std::string_view one = rest.substr(0, comma);
    one.remove_prefix(std::min(one.find_first_not_of(' '), one.size()));
    one = one.substr(0, one.find_last_not_of(' ') + 1);
    if (!one.empty()) to.sources.emplace_back(one);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
}

// As the jwt library sees it: '>' in the middle it lets pass.
bool is_subject(std::string_view text) {
  return !text.empty() && text.front() != '.' && text.back() != '.' &&
         text.find("..") == std::string_view::npos && text.find(' ') == std::string_view::npos;
}

bool is_empty(const UserGrant& grant) {
  return !grant.has_permissions && grant.subscriptions == 0 && grant.data == 0 &&
         grant.payload == 0 && grant.sources.empty() && grant.times.empty() &&
         grant.times_location.empty() && !grant.bearer && !grant.proxy_required &&
         grant.connection_types.empty();
}

}  // namespace

void read_permissions(JwtReader& reader, const json::object& object, PermissionsConfig& to,
                      bool& given) {
  read_rules(reader, object, "pub", to.publish, given);
  read_rules(reader, object, "sub", to.subscribe, given);
  read_responses(reader, object, to, given);
}

void check_permissions(JwtReader& reader, const PermissionsConfig& permissions) {
  const auto check = [&reader](const SubjectRules& rules, bool queues) {
    const auto good = [queues](std::string_view each) {
      const std::size_t blank = queues ? each.find(' ') : std::string_view::npos;
      return is_subject(each.substr(0, blank)) &&
             (blank == std::string_view::npos || is_subject(each.substr(blank + 1)));
    };
    const auto all_good = [&good](const std::vector<std::string>& list) {
      return std::all_of(list.begin(), list.end(), good);
    };
    if ((rules.allow && !all_good(*rules.allow)) || !all_good(rules.deny)) reader.fail();
  };
  check(permissions.publish, false);
  check(permissions.subscribe, true);
}

void read_grant(JwtReader& reader, const json::object& object, UserGrant& to) {
  read_permissions(reader, object, to.permissions, to.has_permissions);
  reader.number(object, "subs", to.subscriptions);
  reader.number(object, "data", to.data);
  reader.number(object, "payload", to.payload);
  read_sources(reader, object, to);
  read_times(reader, object, to);
  reader.text(object, "times_location", to.times_location);
  reader.flag(object, "bearer_token", to.bearer);
  reader.flag(object, "proxy_required", to.proxy_required);
  reader.texts(object, "allowed_connection_types", to.connection_types);
  to.empty = is_empty(to);
}

}  // namespace petiole
