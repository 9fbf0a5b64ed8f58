// /metrics: Prometheus text format 0.0.4.
#include <cstdio>

#include "agent/monitor/endpoints.h"

namespace petiole {
namespace {

class MetricsText {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_.append("# HELP petiole_").append(name).append(" ").append(help).append("\n");
    text_.append("# TYPE petiole_").append(name).append(" ").append(type).append("\n");
  }
  void add(double value, const std::string& labels = {}) {
    char number[40];
    std::snprintf(number, sizeof number, "%.15g", value);
    text_.append("petiole_").append(name_);
    if (!labels.empty()) text_.append("{").append(labels).append("}");
    text_.append(" ").append(number).append("\n");
  }
  void add(std::uint64_t value, const std::string& labels = {}) {
    add(static_cast<double>(value), labels);
  }
  void one(std::string_view name, std::string_view type, std::string_view help, double value) {
    family(name, type, help);
    add(value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string_view name_;
  std::string text_;
};

std::string label(std::string_view name, std::string_view value) {
  std::string text(name);
  text += "=\"";
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + "\"";
}

double number(std::uint64_t value) { return static_cast<double>(value); }

void add_server(MetricsText& out, const MonitorInput& input) {
  const ServerStats& stats = input.server.stats();
  out.family("info", "gauge", "Versions, as labels.");
  out.add(1.0, label("version", kPetioleVersion) + "," + label("nats_version", kNatsVersion) + "," +
                   label("server_name", input.server.name()));
  out.one("uptime_seconds", "gauge", "Time since start.",
          std::chrono::duration<double>(input.now - input.server.began()).count());
  out.one("resident_memory_bytes", "gauge", "Memory in use.", number(input.process.resident_bytes));
  out.one("cpu_percent", "gauge", "Processor time, in percent of one core.",
          input.process.cpu_percent);
  out.one("connections", "gauge", "Client connections.", number(input.server.client_count()));
  out.one("connections_total", "counter", "Connections since start.",
          number(stats.connections_total));
  out.one("subscriptions", "gauge", "Subscriptions.", number(subscription_count(input)));
  out.family("messages_total", "counter", "Messages, by direction.");
  out.add(stats.traffic.messages_in, label("direction", "in"));
  out.add(stats.traffic.messages_out, label("direction", "out"));
  out.family("bytes_total", "counter", "Payload bytes, by direction.");
  out.add(stats.traffic.bytes_in, label("direction", "in"));
  out.add(stats.traffic.bytes_out, label("direction", "out"));
  out.one("slow_consumers_total", "counter", "Connections closed for being slow.",
          number(stats.slow_consumers));
  out.one("stale_connections_total", "counter", "Connections closed for not answering.",
          number(stats.stale_connections));
}

void add_traffic(MetricsText& out, const std::string& link, const char* direction,
                 const LinkBytes& bytes) {
  const std::string labels = link + "," + label("direction", direction) + ",";
  out.add(bytes.handshake, labels + label("cause", "handshake"));
  out.add(bytes.keepalive, labels + label("cause", "keepalive"));
  out.add(bytes.interest, labels + label("cause", "interest"));
  out.add(bytes.data, labels + label("cause", "data"));
}

// Labels stay the same over reconnects: the number of the remote, not the URL in use.
std::string link_label(std::size_t index) { return label("remote", std::to_string(index)); }

void add_links(MetricsText& out, const MonitorInput& input) {
  const auto& links = input.links;
  out.family("link_info", "gauge", "What the numbers of remotes stand for, as labels.");
  for (std::size_t i = 0; i < links.size(); ++i) {
    out.add(1.0, link_label(i) + "," + label("url", links[i].url) + "," +
                     label("account", links[i].account));
  }
  out.family("link_up", "gauge", "1 while the remote's link is up.");
  for (std::size_t i = 0; i < links.size(); ++i)
    out.add(is_up(links[i]) ? 1.0 : 0.0, link_label(i));
  out.family("link_rtt_seconds", "gauge", "Round trip, last measured.");
  for (std::size_t i = 0; i < links.size(); ++i) {
    out.add(std::chrono::duration<double>(links[i].rtt).count(), link_label(i));
  }
  out.family("link_established_total", "counter", "Links made since start.");
  for (std::size_t i = 0; i < links.size(); ++i) out.add(links[i].links, link_label(i));
  out.family("link_attempts", "gauge", "Failed attempts since the last stable link.");
  for (std::size_t i = 0; i < links.size(); ++i) out.add(links[i].attempt, link_label(i));
  out.family("link_dropped_total", "counter", "Messages that the link was too slow for.");
  for (std::size_t i = 0; i < links.size(); ++i) out.add(links[i].dropped, link_label(i));
  out.family("link_bytes_total", "counter",
             "Bytes of the link, by direction and cause, before compression and TLS.");
  for (std::size_t i = 0; i < links.size(); ++i) {
    add_traffic(out, link_label(i), "in", links[i].in);
    add_traffic(out, link_label(i), "out", links[i].out);
  }
  out.family("link_wire_bytes_total", "counter", "Bytes on the link's socket, by direction.");
  for (std::size_t i = 0; i < links.size(); ++i) {
    out.add(links[i].in.wire, link_label(i) + "," + label("direction", "in"));
    out.add(links[i].out.wire, link_label(i) + "," + label("direction", "out"));
  }
}

void add_losses(MetricsText& out, const std::string& rule, const LossCounts& losses) {
  out.add(losses.age, rule + "," + label("cause", "age"));
  out.add(losses.limit, rule + "," + label("cause", "limit"));
  out.add(losses.refused, rule + "," + label("cause", "refused"));
  out.add(losses.superseded, rule + "," + label("cause", "superseded"));
  out.add(losses.rejected, rule + "," + label("cause", "rejected"));
  out.add(losses.corrupt, rule + "," + label("cause", "corrupt"));
}

struct RuleFigure {
  const char* name;
  const char* type;
  const char* help;
  double (*value)(const RuleReport&, WallTime);
};

constexpr RuleFigure kRuleFigures[] = {
    {"mirror_messages", "gauge", "Backlog: captured, not confirmed.",
     [](const RuleReport& r, WallTime) { return number(r.messages); }},
    {"mirror_bytes", "gauge", "Bytes of the backlog.",
     [](const RuleReport& r, WallTime) { return number(r.bytes); }},
    {"mirror_oldest_age_seconds", "gauge", "Age of the oldest message of the backlog.",
     [](const RuleReport& r, WallTime now) {
       return r.messages == 0 ? 0 : std::chrono::duration<double>(now - r.oldest).count();
     }},
    {"mirror_drain_rate", "gauge", "Messages a second that leave the backlog.",
     [](const RuleReport& r, WallTime) { return r.drain_rate; }},
    {"mirror_captured_total", "counter", "Messages captured.",
     [](const RuleReport& r, WallTime) { return number(r.captured); }},
    {"mirror_uncounted_losses_total", "counter",
     "Times that damage of the store took messages whose number nobody knows.",
     [](const RuleReport& r, WallTime) { return number(r.losses.uncounted); }},
    {"mirror_confirmed_total", "counter", "Messages that the hub confirmed.",
     [](const RuleReport& r, WallTime) { return number(r.confirmed); }},
    {"mirror_refusing", "gauge", "1 while new messages are refused.",
     [](const RuleReport& r, WallTime) { return r.refusing.empty() ? 0.0 : 1.0; }},
    {"mirror_hub_refuses", "gauge", "1 while the hub takes none of what waits.",
     [](const RuleReport& r, WallTime) { return r.hub_refuses.empty() ? 0.0 : 1.0; }},
};

void add_rules(MetricsText& out, const std::vector<std::string>& labels,
               const std::vector<RuleReport>& rules) {
  out.family("mirror_rule_info", "gauge", "What the numbers of rules stand for, as labels.");
  for (std::size_t i = 0; i < labels.size(); ++i) {
    std::string subjects;
    for (const std::string& each : rules[i].subjects) {
      subjects.append(subjects.empty() ? "" : " ").append(each);
    }
    out.add(1.0, labels[i] + "," + label("subjects", subjects) + "," +
                     label("account", rules[i].account));
  }
}

void add_mirror(MetricsText& out, const MonitorInput& input) {
  const MirrorReport& mirror = *input.mirror;
  std::vector<std::string> labels;
  for (std::size_t i = 0; i < mirror.rules.size(); ++i) {
    labels.push_back(label("rule", std::to_string(i)));
  }
  add_rules(out, labels, mirror.rules);
  for (const RuleFigure& figure : kRuleFigures) {
    out.family(figure.name, figure.type, figure.help);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      out.add(figure.value(mirror.rules[i], input.wall), labels[i]);
    }
  }
  out.family("mirror_lost_total", "counter", "The loss ledger, by cause.");
  for (std::size_t i = 0; i < labels.size(); ++i) {
    add_losses(out, labels[i], mirror.rules[i].losses);
  }
  out.one("mirror_storage_failed", "gauge", "1 when the store takes no more until a restart.",
          mirror.state == "storage failed" ? 1 : 0);
  out.one("store_file_bytes", "gauge", "Size of the database files.",
          number(mirror.usage.file_bytes));
  out.one("store_max_bytes", "gauge", "Their limit.", number(mirror.usage.bytes_max));
  out.one("store_written_bytes_total", "counter", "Written to disk since start.",
          number(mirror.usage.bytes_written));
  out.one("store_payload_bytes_total", "counter", "Given to the store since start.",
          number(mirror.usage.payload_bytes));
  out.one("store_commits_total", "counter", "Commits since start.", number(mirror.usage.commits));
}

}  // namespace

std::string metrics(const MonitorInput& input) {
  MetricsText out;
  add_server(out, input);
  if (!input.links.empty()) add_links(out, input);
  if (input.mirror) add_mirror(out, input);
  return out.take();
}

}  // namespace petiole
