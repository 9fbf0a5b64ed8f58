#include <algorithm>

#include "agent/command/figures.h"
#include "agent/command/status.h"

namespace petiole {
namespace {

double get_number(const json::object& object, std::string_view name) {
  const json::value* value = find(object, name);
  if (value == nullptr || !value->is_number()) return 0;
  return value->is_double()  ? value->get_double()
         : value->is_int64() ? static_cast<double>(value->get_int64())
                             : static_cast<double>(value->get_uint64());
}

json::object get_object(const json::object& object, std::string_view name) {
  const json::value* value = find(object, name);
  return value != nullptr && value->is_object() ? value->get_object() : json::object();
}

json::array get_array(const json::object& object, std::string_view name) {
  const json::value* value = find(object, name);
  return value != nullptr && value->is_array() ? value->get_array() : json::array();
}

std::string text_of(const json::object& object, std::string_view name) {
  return std::string(get_string(object, name));
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

std::string right(std::string text, std::size_t width) {
  if (text.size() < width) text.insert(0, width - text.size(), ' ');
  return text;
}

std::string row(const std::string& name, const std::string& value) {
  return "  " + padded(name, 14) + value + "\n";
}

bool is_up(const json::object& link) {
  const std::string state = text_of(link, "state");
  return state == "up" || state == "doubtful";
}

std::string server_part(const json::object& varz) {
  std::string text = "petiole " + text_of(varz, "petiole_version") + "  " +
                     text_of(varz, "server_name") + "  up " + text_of(varz, "uptime") + "\n\n";
  text += "Server\n";
  text += row("clients", count_text(get_number(varz, "connections")) + " (" +
                             count_text(get_number(varz, "total_connections")) + " since start)");
  text += row("subscriptions", count_text(get_number(varz, "subscriptions")));
  text += row("messages", "in " + count_text(get_number(varz, "in_msgs")) + ", out " +
                              count_text(get_number(varz, "out_msgs")));
  text += row("payload", "in " + size_text(get_number(varz, "in_bytes")) + ", out " +
                             size_text(get_number(varz, "out_bytes")));
  char cpu[32];
  std::snprintf(cpu, sizeof cpu, "%.1f", get_number(varz, "cpu"));
  text += row("memory, cpu", size_text(get_number(varz, "mem")) + ", " + cpu + " %");
  if (get_number(varz, "slow_consumers") > 0) {
    text += row("slow clients", count_text(get_number(varz, "slow_consumers")));
  }
  return text;
}

constexpr std::size_t kWholeSeconds = 19;  // Of a time in RFC 3339.

std::string milliseconds_text(double nanoseconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f ms", nanoseconds / 1e6);
  return text;
}

std::string link_part(const json::object& link) {
  std::string state = text_of(link, "state");
  if (const std::string step = text_of(link, "step"); !step.empty()) state += " (" + step + ")";
  std::string text = "  " + padded(text_of(link, "url"), 40) + " " + state + "\n";
  const json::object in = get_object(link, "in_bytes"), out = get_object(link, "out_bytes");
  if (is_up(link)) {
    const json::object hub = get_object(link, "hub");
    text += "    hub " + text_of(hub, "server_name") + " " + text_of(hub, "version") +
            ", round trip " + milliseconds_text(get_number(link, "rtt_ns")) + "\n";
  } else {
    text += "    down for " + span_text(get_int(link, "down_seconds")) + ", attempt " +
            std::to_string(get_int(link, "attempt"));
    if (const std::string retry = text_of(link, "next_retry"); !retry.empty()) {
      text += ", next at " + retry.substr(0, kWholeSeconds) + "Z";
    }
    text += "\n";
  }
  if (const std::string error = text_of(link, "last_error"); !error.empty()) {
    text += "    last error: " + error;
    const std::string at = text_of(link, "last_error_at").substr(0, kWholeSeconds);
    text += is_up(link) && !at.empty() ? ", at " + at + "Z\n" : "\n";
  }
  return text + "    bytes in " + size_text(get_number(in, "wire")) + ", out " +
         size_text(get_number(out, "wire")) + "\n";
}

std::string rule_row(const json::object& rule) {
  std::string subjects = text_of(rule, "account");  // Where there are several.
  if (!subjects.empty()) subjects += ": ";
  for (const json::value& subject : get_array(rule, "subjects")) {
    if (!subject.is_string()) continue;
    if (!subjects.empty() && subjects.back() != ' ') subjects += ',';
    subjects += subject.get_string().c_str();
  }
  if (subjects.size() > 23) subjects = subjects.substr(0, 20) + "...";
  const bool drains = find(rule, "time_to_drained") != nullptr;
  const bool empty = get_number(rule, "messages") == 0;
  const json::object losses = get_object(rule, "losses");
  double lost = 0;
  for (const auto& entry : losses) {
    if (entry.key() != "superseded" && entry.key() != "uncounted")
      lost += get_number(losses, entry.key());
  }
  return "  " + padded(subjects, 24) + padded(text_of(rule, "durability"), 8) +
         right(count_text(get_number(rule, "messages")), 11) +
         right(size_text(get_number(rule, "bytes")), 12) +
         right(empty ? "-" : span_text(get_int(rule, "oldest_age")), 9) +
         right(empty    ? "-"
               : drains ? span_text(static_cast<std::int64_t>(get_number(rule, "time_to_drained")))
                        : "not yet",
               9) +
         right(count_text(lost), 8) + "\n";
}

std::string first_subject(const json::object& rule) {
  const json::array subjects = get_array(rule, "subjects");
  return subjects.empty() || !subjects[0].is_string() ? "" : subjects[0].get_string().c_str();
}

// What publishers were refused, and whether they still are.
std::string refusals(const json::object& rule) {
  const double refused = get_number(get_object(rule, "losses"), "refused");
  const std::string now = text_of(rule, "refusing");
  if (refused == 0 && now.empty()) return {};
  std::string text = count_text(refused) + " of " + first_subject(rule);
  if (!now.empty()) text += ", and still: " + now;
  return row("refused", text);
}

// Why the hub takes nothing of what waits.
std::string hub_refusals(const json::object& rule) {
  const std::string words = text_of(rule, "hub_refuses");
  return words.empty() ? words : row("hub refuses", first_subject(rule) + ": " + words);
}

std::string mirror_part(const json::object& mirror) {
  if (!get_bool(mirror, "enabled")) return "\nStore and forward: not configured\n";
  const std::string state = text_of(mirror, "state");
  std::string text = "\nStore and forward: " + state + "\n";
  if (state == "waiting for interest") {
    text +=
        "  nobody at the hub takes what waits: make a stream of its subjects there, subscribe,\n"
        "  or allow the link's user to publish them\n";
  }
  if (const std::string guarantee = text_of(mirror, "guarantee"); !guarantee.empty()) {
    text += "  " + guarantee + "\n";
  }
  text += "  " + padded("subjects", 24) + padded("mode", 8) + right("waiting", 11) +
          right("bytes", 12) + right("oldest", 9) + right("drained", 9) + right("lost", 8) + "\n";
  for (const json::value& rule : get_array(mirror, "rules")) {
    if (rule.is_object()) text += rule_row(rule.get_object());
  }
  for (const json::value& rule : get_array(mirror, "rules")) {
    if (!rule.is_object()) continue;
    text += refusals(rule.get_object());
    text += hub_refusals(rule.get_object());
  }
  const json::object storage = get_object(mirror, "storage");
  text += row("disk", size_text(get_number(storage, "file_bytes")) + " of " +
                          size_text(get_number(storage, "max_bytes")));
  if (const std::string path = text_of(mirror, "quarantined"); !path.empty()) {
    text += row("quarantined", path);
  }
  if (get_number(get_object(mirror, "losses"), "uncounted") > 0) {
    text += row("damage", "messages were lost whose number nobody knows");
  }
  return text;
}

struct Parsed {
  bool ok = false;
  json::object varz, linkz, mirrorz;
  bool healthy = true;
};

bool parse_object(const std::string& text, json::object& object) {
  Result<json::value> value = parse_json(text);
  if (!value.ok() || !value->is_object()) return false;
  object = std::move(value->get_object());
  return true;
}

Parsed parse(const StatusBodies& bodies) {
  Parsed parsed;
  parsed.ok = parse_object(bodies.varz, parsed.varz) && parse_object(bodies.linkz, parsed.linkz) &&
              parse_object(bodies.mirrorz, parsed.mirrorz);
  for (const json::value& link : get_array(parsed.linkz, "links")) {
    if (link.is_object() && !is_up(link.get_object())) parsed.healthy = false;
  }
  const std::string state = text_of(parsed.mirrorz, "state");
  if (state == "storage failed" || state == "disk hangs") parsed.healthy = false;
  for (const json::value& rule : get_array(parsed.mirrorz, "rules")) {
    if (rule.is_object() && !text_of(rule.get_object(), "refusing").empty()) parsed.healthy = false;
  }
  return parsed;
}

const StatusScreen kNotPetiole{
    "this is no petiole: its answer is not what /varz, /linkz and "
    "/mirrorz say\n",
    2};

}  // namespace

StatusScreen render_status(const StatusBodies& bodies) {
  const Parsed parsed = parse(bodies);
  if (!parsed.ok) return kNotPetiole;
  std::string text = server_part(parsed.varz);
  const json::array links = get_array(parsed.linkz, "links");
  text += links.empty() ? "\nLinks: none configured\n" : "\nLinks\n";
  for (const json::value& link : links) {
    if (link.is_object()) text += link_part(link.get_object());
  }
  text += mirror_part(parsed.mirrorz);
  return {printable(std::move(text)), parsed.healthy ? 0 : 1};
}

StatusScreen render_status_json(const StatusBodies& bodies) {
  Parsed parsed = parse(bodies);
  if (!parsed.ok) return kNotPetiole;
  json::object body;
  body["healthy"] = parsed.healthy;
  body["varz"] = std::move(parsed.varz);
  body["linkz"] = std::move(parsed.linkz);
  body["mirrorz"] = std::move(parsed.mirrorz);
  return {to_pretty_text(json::value(std::move(body))) + "\n", parsed.healthy ? 0 : 1};
}

}  // namespace petiole
