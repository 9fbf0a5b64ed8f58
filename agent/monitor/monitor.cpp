#include "agent/monitor/monitor.h"

#include "agent/monitor/endpoints.h"
#include "agent/monitor/status_page.h"

namespace petiole {
namespace {

struct Context {
  const MonitorInput& input;
  Query& query;
};

constexpr const char* kText = "text/plain; charset=utf-8";

HttpResponse page(Context& context, const json::object& body) {
  if (!context.query.ok()) return {400, kText, context.query.error()};
  return {200, "application/json", to_pretty_text(json::value(body))};
}

HttpResponse health_page(Context& context) {
  const Health health = healthz(context.input, context.query);
  if (!context.query.ok()) return {400, kText, context.query.error()};
  return {health.status, "application/json", to_text(json::value(health.body))};
}

struct Endpoint {
  const char* path;
  HttpResponse (*answer)(Context&);
};

constexpr Endpoint kEndpoints[] = {
    {"/varz", [](Context& c) { return page(c, varz(c.input)); }},
    {"/connz", [](Context& c) { return page(c, connz(c.input, c.query)); }},
    {"/leafz", [](Context& c) { return page(c, leafz(c.input, c.query)); }},
    {"/linkz", [](Context& c) { return page(c, linkz(c.input)); }},
    {"/mirrorz", [](Context& c) { return page(c, mirrorz(c.input)); }},
    {"/routez", [](Context& c) { return page(c, routez(c.input, c.query)); }},
    {"/gatewayz", [](Context& c) { return page(c, gatewayz(c.input, c.query)); }},
    {"/jsz", [](Context& c) { return page(c, jsz(c.input, c.query)); }},
    {"/subsz", [](Context& c) { return page(c, subsz(c.input, c.query)); }},
    {"/accountz", [](Context& c) { return page(c, accountz(c.input, c.query)); }},
    {"/accstatz", [](Context& c) { return page(c, accstatz(c.input, c.query)); }},
    {"/healthz", health_page},
    {"/metrics",
     [](Context& c) {
       return HttpResponse{200, "text/plain; version=0.0.4; charset=utf-8", metrics(c.input)};
     }},
};

const Endpoint* find_endpoint(std::string_view path) {
  if (path == "/subscriptionsz") path = "/subsz";  // nats-server's other name for it.
  for (const Endpoint& endpoint : kEndpoints) {
    if (path == endpoint.path) return &endpoint;
  }
  return nullptr;
}

}  // namespace

HttpResponse Monitor::answer(const HttpRequest& request) {
  MonitorInput input = gather_();
  input.requests = &requests_;
  // Comes from the configuration, where a path is what its owner wrote; see http_base_path.
  const std::string& base = input.server.config().monitor.base_path;
  std::string_view path = request.path;
  const HttpResponse missing{404, "text/plain; charset=utf-8", "404 page not found\n"};
  if (!path.starts_with(base)) return missing;
  path.remove_prefix(base.size());
  if (path.empty() || path == "/") {
    ++requests_["/"];
    return {200, "text/html; charset=utf-8", std::string(status_page())};
  }
  const Endpoint* endpoint = find_endpoint(path);
  if (endpoint == nullptr) return missing;
  ++requests_[endpoint->path];
  Query query(request.query);
  Context context{input, query};
  return endpoint->answer(context);
}

}  // namespace petiole
