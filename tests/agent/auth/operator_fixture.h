// A server in operator mode on simulated time, its resolver's files in a map, and users with
// tokens.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "agent/auth/claim_service.h"
#include "agent/auth/gate.h"
#include "platform/files.h"
#include "tests/agent/auth/tokens.h"
#include "tests/agent/session/clients.h"

namespace petiole::test {

// A disk that is a map.
struct MapFiles : Files {
  std::map<std::string, std::string> files;
  Result<std::string> read(const std::string& path) override {
    const auto found = files.find(path);
    if (found == files.end()) return {Errc::kNotFound, "no such file"};
    return found->second;
  }
  Status write(const std::string& path, std::string_view text) override {
    files[path] = std::string(text);
    return {};
  }
  void remove(const std::string& path) override { files.erase(path); }
  Status make_directory(const std::string&) override { return {}; }
  Result<std::vector<std::string>> list(const std::string& dir, std::string_view ending) override {
    std::vector<std::string> names;
    for (const auto& [path, text] : files) {
      if (path.starts_with(dir + "/") && path.ends_with(ending)) {
        names.push_back(path.substr(dir.size() + 1));
      }
    }
    return names;
  }
};

inline std::string field(const std::string& text, const std::string& name) {
  const std::size_t at = text.find("\"" + name + "\":\"") + name.size() + 4;
  return text.substr(at, text.find('"', at) - at);
}

struct OperatorFixture {
  Machine machine;
  MapFiles disk;
  Config config;
  std::unique_ptr<Server> server_;
  std::unique_ptr<ClaimService> claims;

  OperatorFixture() {
    machine.host.files = &disk;
    machine.clock.set_wall_offset(std::chrono::seconds(9000));  // 02:46:40 of 1970's first day.
    config.auth.trust.keys = {kOp.text, kOpSigner.text};
    config.auth.trust.resolver.kind = ResolverConfig::Kind::kMemory;
    config.system_account = kSys.text;
  }
  void preload(const std::string& account) {
    config.auth.trust.resolver.preload.emplace_back(kAcc.text, account);
  }
  void keep_files() {
    config.auth.trust.resolver.kind = ResolverConfig::Kind::kFull;
    config.auth.trust.resolver.dir = "jwt";
  }
  void put(const std::string& account, const Key& key = kAcc) {
    disk.files["jwt/" + key.text + ".jwt"] = account;
  }
  Server& server() {
    if (!server_) server_ = std::make_unique<Server>(config, machine.host);
    return *server_;
  }
  void serve_claims() {
    claims = std::make_unique<ClaimService>(*server().gate().book(), *server().account(kSys.text),
                                            machine.host, ClaimService::Self{"n", "h", "N", "2"});
  }
  std::unique_ptr<Client> arrive() { return std::make_unique<Client>(machine, server()); }
  std::string hello(const Client& client, const std::string& jwt, const Key& user = kJoe) {
    return "CONNECT {\"verbose\":true,\"pedantic\":false,\"jwt\":\"" + jwt + "\",\"sig\":\"" +
           user.sign(field(client.info, "nonce")) + "\"}\r\n";
  }
  // What the server says to a user with this token.
  std::string login(const std::string& jwt, const Key& user = kJoe) {
    auto client = arrive();
    const std::string said = client->say(hello(*client, jwt, user));
    return said.empty() ? client->wait(100ms) : said;
  }
};

}  // namespace petiole::test
