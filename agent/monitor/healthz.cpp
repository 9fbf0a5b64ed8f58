// /healthz: all of nats-server's forms; red for a link that has been down for too long, or for a
// mirror that cannot store any more, or refuses messages at this moment.
#include "agent/monitor/endpoints.h"
#include "agent/monitor/text.h"
#include "agent/protocol/writer.h"

namespace petiole {
namespace {

struct Fault {
  const char* type;
  std::string text;
};

// nats-server's leaf-remotes-connected, in its words: at once, and with the configured addresses.
void add_disconnected(std::vector<Fault>& faults, const MonitorInput& input) {
  for (const RemoteReport& link : input.links) {
    if (is_up(link)) continue;
    std::string urls;
    for (const std::string& url : link.urls) urls += (urls.empty() ? "" : " ") + go_quoted(url);
    faults.push_back({"CONNECTION", "leafnode remote for account " + go_quoted(link.account) +
                                        " (urls=[" + urls + "]) is not connected"});
  }
}

std::vector<Fault> find_faults(const MonitorInput& input) {
  std::vector<Fault> faults;
  const Duration grace = input.server.config().monitor.link_down_grace;
  for (const RemoteReport& link : input.links) {
    if (is_up(link) || link.down_since == kNever || input.now - link.down_since <= grace) continue;
    std::string text =
        "link to " + link.url + " is down for " + uptime_text(input.now - link.down_since);
    if (!link.last_error.empty()) text += ": " + link.last_error;
    faults.push_back({"LINK", std::move(text)});
  }
  if (input.mirror && input.mirror->state == "storage failed") {
    faults.push_back({"STORAGE", "the mirror cannot write to its disk"});
    return faults;
  }
  if (!input.mirror) return faults;
  if (input.mirror->state == "disk hangs") {
    faults.push_back({"STORAGE", "the disk of the mirror does not answer"});
  }
  for (const RuleReport& rule : input.mirror->rules) {
    if (rule.refusing.empty() || rule.subjects.empty()) continue;
    faults.push_back({"STORAGE", "the mirror refuses " + rule.subjects[0] + ": " + rule.refusing});
  }
  return faults;
}

Health bad_request(const char* text, bool details) {
  if (!details) return {400, {{"status", "error"}, {"error", text}}};
  json::array list{json::object{{"type", "BAD_REQUEST"}, {"error", text}}};
  return {400, {{"status", "error"}, {"errors", std::move(list)}}};
}

}  // namespace

Health healthz(const MonitorInput& input, Query& query) {
  for (const char* name : {"js-enabled", "js-enabled-only", "js-server-only", "js-meta-only"}) {
    query.flag(name);  // Without JetStream they change nothing, as in nats-server without it.
  }
  const bool connected = query.flag("leaf-remotes-connected");
  const bool details = query.flag("details");
  if (!query.text("stream").empty() && query.text("account").empty()) {
    return bad_request("\"account\" must not be empty when checking stream health", details);
  }
  if (!query.text("consumer").empty() && query.text("stream").empty()) {
    return bad_request("\"stream\" must not be empty when checking consumer health", details);
  }
  std::vector<Fault> faults;
  if (connected) add_disconnected(faults, input);
  if (faults.empty()) faults = find_faults(input);
  if (faults.empty()) return {200, {{"status", "ok"}}};
  if (!details) return {503, {{"status", "unavailable"}, {"error", faults[0].text}}};
  json::array list;
  for (const Fault& fault : faults) {
    list.emplace_back(json::object{{"type", fault.type}, {"error", fault.text}});
  }
  return {503, {{"status", "error"}, {"errors", std::move(list)}}};
}

}  // namespace petiole
