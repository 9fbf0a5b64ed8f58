#include "agent/system/identity.h"

#include "agent/monitor/text.h"

namespace petiole {

namespace {

// As nats-server's nuid: 22 characters.
std::string make_event_id(Entropy& entropy) {
  constexpr std::string_view kDigits =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string id;
  for (int word = 0; word < 2; ++word) {
    std::uint64_t number = entropy.number();
    for (int i = 0; i < 11; ++i, number /= kDigits.size()) id += kDigits[number % kDigits.size()];
  }
  return id;
}

}  // namespace

// As nats-server: a server with leaf remotes is its own cluster.
std::string ServerIdentity::cluster() const {
  return server_.config().remotes.empty() ? std::string() : server_.name();
}

json::object ServerIdentity::id() const {
  json::object item;
  item["name"] = server_.name();
  item["host"] = server_.config().host;
  item["id"] = server_.id();
  return item;
}

json::object ServerIdentity::server() {
  const Config& config = server_.config();
  json::object item = id();
  if (const std::string name = cluster(); !name.empty()) item["cluster"] = name;
  if (!domain().empty()) item["domain"] = domain();
  item["ver"] = kNatsVersion;
  if (!config.server_tags.empty()) item["tags"] = json::value_from(config.server_tags);
  if (!config.server_metadata.empty()) {
    json::object metadata;
    for (const auto& [key, value] : config.server_metadata) metadata[key] = value;
    item["metadata"] = std::move(metadata);
  }
  item["jetstream"] = false;
  item["flags"] = 0;
  item["seq"] = ++sequence_;
  item["time"] = go_time(server_.host().clock.wall());
  return item;
}

json::object ServerIdentity::event(const char* type) {
  json::object body;
  body["type"] = std::string("io.nats.server.advisory.v1.") + type;
  body["id"] = make_event_id(server_.host().entropy);
  body["timestamp"] = go_time(server_.host().clock.wall());
  body["server"] = server();
  return body;
}

}  // namespace petiole
