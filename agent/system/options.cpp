#include "agent/system/options.h"

#include <algorithm>

#include "platform/json.h"

namespace petiole {

namespace {

const char* go_type(OptionType type) {
  switch (type) {
    case OptionType::kBool:
    case OptionType::kDetail:
      return "bool";
    case OptionType::kInt:
      return "int";
    case OptionType::kState:
      return "server.ConnState";
    case OptionType::kText:
      return "string";
    case OptionType::kTexts:
      return "[]string";
  }
  return "";
}

const char* json_type(const json::value& value) {
  if (value.is_string()) return "string";
  if (value.is_bool()) return "bool";
  if (value.is_array()) return "array";
  return value.is_object() ? "object" : "number";
}

std::string mismatch(const OptionTable& table, const char* part, const char* name, OptionType type,
                     const json::value& value) {
  return std::string("json: cannot unmarshal ") + json_type(value) + " into Go struct field " +
         table.owner + "EventOptions." + part + "." + name + " of type " + go_type(type);
}

bool all_text(const json::array& list) {
  return std::all_of(list.begin(), list.end(), [](const json::value& v) { return v.is_string(); });
}

bool fits(OptionType type, const json::value& value) {
  switch (type) {
    case OptionType::kBool:
    case OptionType::kDetail:
      return value.is_bool();
    case OptionType::kInt:
    case OptionType::kState:
      return value.is_int64();
    case OptionType::kText:
      return value.is_string();
    case OptionType::kTexts:
      return value.is_array() && all_text(value.get_array());
  }
  return false;
}

std::string text_of(const json::value& value) {
  return {value.get_string().data(), value.get_string().size()};
}

void add(QueryItems& items, const OptionKey& key, const json::value& value) {
  constexpr const char* kStates[] = {"open", "closed", "any"};
  switch (key.type) {
    case OptionType::kBool:
      if (value.get_bool()) items.emplace_back(key.query, "1");
      break;
    case OptionType::kDetail:  // Goes before a plain `subs`: the first one counts.
      if (value.get_bool()) items.emplace(items.begin(), key.query, "detail");
      break;
    case OptionType::kInt:
      items.emplace_back(key.query, std::to_string(value.get_int64()));
      break;
    case OptionType::kState: {
      const std::int64_t state = value.get_int64();
      items.emplace_back(key.query,
                         state < 0 || state > 2 ? std::to_string(state) : kStates[state]);
      break;
    }
    case OptionType::kText:
      items.emplace_back(key.query, text_of(value));
      break;
    case OptionType::kTexts:
      for (const json::value& each : value.get_array()) {
        items.emplace_back(key.query, text_of(each));
      }
      break;
  }
}

struct FilterKey {
  const char* name;
  std::string RequestFilter::*text;
};

constexpr FilterKey kFilters[] = {
    {"server_name", &RequestFilter::name},
    {"cluster", &RequestFilter::cluster},
    {"host", &RequestFilter::host},
    {"domain", &RequestFilter::domain},
};

std::string read_filter(const json::object& body, const OptionTable& table, RequestFilter& filter) {
  const auto wrong = [&](const char* name, OptionType type, const json::value& value) {
    return mismatch(table, "EventFilterOptions", name, type, value);
  };
  for (const FilterKey& key : kFilters) {
    const json::value* const value = find(body, key.name);
    if (!value || value->is_null()) continue;
    if (!value->is_string()) return wrong(key.name, OptionType::kText, *value);
    filter.*key.text = text_of(*value);
  }
  if (const json::value* exact = find(body, "exact_match"); exact && !exact->is_null()) {
    if (!exact->is_bool()) return wrong("exact_match", OptionType::kBool, *exact);
    filter.exact = exact->get_bool();
  }
  if (const json::value* tags = find(body, "tags"); tags && !tags->is_null()) {
    if (!fits(OptionType::kTexts, *tags)) return wrong("tags", OptionType::kTexts, *tags);
    for (const json::value& tag : tags->get_array()) filter.tags.push_back(text_of(tag));
  }
  return {};
}

bool same_tag(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : +c; };
    return lower(x) == lower(y);
  });
}

}  // namespace

// nats-server events.go, filterRequest.
bool RequestFilter::accepts(const ServerIdentity& identity) const {
  const auto fits_text = [this](const std::string& wanted, const std::string& ours) {
    if (wanted.empty()) return true;
    return exact ? wanted == ours : ours.find(wanted) != ours.npos;
  };
  const Config& config = identity.of().config();
  if (!fits_text(name, identity.of().name()) || !fits_text(host, config.host) ||
      !fits_text(cluster, identity.cluster())) {
    return false;
  }
  const auto has = [&](const std::string& tag) {
    return std::any_of(config.server_tags.begin(), config.server_tags.end(),
                       [&](const std::string& ours) { return same_tag(ours, tag); });
  };
  if (!std::all_of(tags.begin(), tags.end(), has)) return false;
  return domain.empty() || domain == identity.domain();
}

std::string read_options(std::string_view body, const OptionTable& table, RequestOptions& options) {
  if (body.empty()) return {};
  if (body.size() > kOptionsBytesMax) return "request body is too long";
  const Result<json::value> parsed = parse_json(body);
  if (!parsed.ok()) return "invalid JSON";
  if (!parsed->is_object()) {
    if (parsed->is_null()) return {};
    return std::string("json: cannot unmarshal ") + json_type(*parsed) +
           " into Go value of type server." + table.owner + "EventOptions";
  }
  const json::object& object = parsed->get_object();
  if (std::string error = read_filter(object, table, options.filter); !error.empty()) return error;
  for (const OptionKey& key : table.keys) {
    const json::value* const value = find(object, key.name);
    if (!value || value->is_null()) continue;
    if (!fits(key.type, *value)) {
      return mismatch(table, (std::string(table.owner) + "Options").c_str(), key.name, key.type,
                      *value);
    }
    add(options.items, key, *value);
  }
  return {};
}

}  // namespace petiole
