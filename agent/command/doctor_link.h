// The doctor's leaf link: INFO, TLS, CONNECT, and what the hub says then. No sockets, no clock.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/command/doctor.h"
#include "agent/protocol/info.h"
#include "agent/protocol/parser.h"

namespace petiole {

// The steps in the order in which they end. Shared by the dial's callback and the link, which is
// destroyed by its connection.
class DoctorRecord {
 public:
  DoctorRecord(Clock& clock, std::function<void(const DoctorStep&)> step,
               std::function<void(bool)> done)
      : clock_(clock), step_(std::move(step)), done_(std::move(done)), last_(clock.now()) {}

  void pass(std::string name, std::string detail = {});
  void fail(std::string name, std::string error);  // The last call that counts.
  void finish();                                   // The same, when all went well.
  bool finished() const { return finished_; }

 private:
  Clock& clock_;
  std::function<void(const DoctorStep&)> step_;
  std::function<void(bool)> done_;
  Time last_;
  bool finished_ = false;
};

struct DoctorLogin {
  std::string jwt, seed;  // Of the credentials file.
  std::string user, password;
  TlsOptions tls;           // For hubs that ask for TLS in their INFO.
  bool tls_wanted = false;  // The user says TLS: no login without.
  bool tls_done = false;    // Before anything else: wss://, handshake_first.
  bool by_proxy = false;    // What is dialled is the proxy.
  std::string name;         // Of this leaf, for the hub's log.
};

class DoctorLink : public Protocol {
 public:
  DoctorLink(DoctorLogin login, std::shared_ptr<DoctorRecord> record)
      : login_(std::move(login)), record_(std::move(record)) {}

  void opened(Wire& wire, Time now) override;
  Result<std::size_t> receive(std::string_view input, Time now) override;
  Status tick(Time now) override;
  Time deadline() const override { return deadline_; }
  void closed(const CloseReason& reason, Time now) override;

 private:
  enum class State { kInfo, kLogin, kBarrier, kDone };

  void handle(const Op& op);
  void take_info(const ServerInfo& info);
  bool start_tls(const ServerInfo& info);
  void send_connect(const ServerInfo& info);
  void accepted(const ServerInfo* info);
  void conclude();
  std::string forbidden() const;
  void fail(std::string error);
  const char* step() const;
  void send(std::string_view text);

  DoctorLogin login_;
  std::shared_ptr<DoctorRecord> record_;
  Wire* wire_ = nullptr;
  State state_ = State::kInfo;
  bool tls_pending_ = false;
  ServerInfo hub_;
  std::string permissions_;  // In words.
  std::optional<SubjectPermissions> may_send_, may_receive_;
  std::size_t interest_ = 0;
  Time deadline_ = kNever;
};

}  // namespace petiole
