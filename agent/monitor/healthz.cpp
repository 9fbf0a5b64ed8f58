// /healthz: all of nats-server's forms; red for a link that has been down for too long, or for a
// mirror that cannot store any more.
#include "agent/monitor/endpoints.h"
#include "agent/monitor/text.h"

namespace petiole {
namespace {

struct Fault {
  const char* type;
  std::string text;
};

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
  }
  return faults;
}

HttpResponse respond(int status, const json::object& body) {
  return {status, "application/json", to_text(json::value(body))};
}

HttpResponse bad_request(const std::string& text) {
  return respond(400, {{"status", "error"}, {"error", text}});
}

}  // namespace

HttpResponse healthz(const MonitorInput& input, Query& query) {
  for (const char* name : {"js-enabled", "js-enabled-only", "js-server-only", "js-meta-only"}) {
    query.flag(name);  // Without JetStream they change nothing, as in nats-server without it.
  }
  const bool details = query.flag("details");
  if (!query.ok()) return {400, "text/plain; charset=utf-8", query.error()};
  if (!query.text("stream").empty() && query.text("account").empty()) {
    return bad_request("\"account\" must not be empty when checking stream health");
  }
  if (!query.text("consumer").empty() && query.text("stream").empty()) {
    return bad_request("\"stream\" must not be empty when checking consumer health");
  }
  const std::vector<Fault> faults = find_faults(input);
  if (faults.empty()) return respond(200, {{"status", "ok"}});
  json::object body;
  body["status"] = "unavailable";
  if (!details) {
    body["error"] = faults[0].text;
    return respond(503, body);
  }
  json::array list;
  for (const Fault& fault : faults) {
    list.emplace_back(json::object{{"type", fault.type}, {"error", fault.text}});
  }
  body["errors"] = std::move(list);
  return respond(503, body);
}

}  // namespace petiole
