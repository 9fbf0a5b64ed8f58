// One service import: a request that is published in the importer goes to the exporter, the answer
// comes back. nats-server client.go, processServiceImport.
//
// It is a subscription of the importer to the local subject. The reply subject that the responder
// sees is made by the exporter's Responses. Loop thread.
#pragma once

#include <memory>
#include <string>

#include "agent/config/access.h"
#include "agent/routing/account.h"
#include "agent/routing/latency.h"
#include "agent/routing/responses.h"
#include "agent/routing/stream_import.h"
#include "platform/host.h"

namespace petiole {

// Who offers and who uses a service; all outlive the import.
struct ServiceParties {
  Account& importer;
  Account& exporter;
  Responses& importer_responses;
  Responses& exporter_responses;
};

class ServiceImport final : public Subscriber {
 public:
  // `service` and `import` are copied. `server` outlives it. Neither account publishes while it is
  // made or destroyed. With `system` the requestor's server is told too.
  ServiceImport(const ServiceParties& parties, ImportPath path, const ExportConfig& service,
                const ImportConfig& import, const Host& host, const ServerNames& server,
                bool system);
  ~ServiceImport() override;
  ServiceImport(const ServiceImport&) = delete;
  ServiceImport& operator=(const ServiceImport&) = delete;

  PeerKind kind() const override { return PeerKind::kSystem; }
  bool is_import() const override { return true; }
  bool deliver(Subscription& subscription, const Message& message) override;
  bool has_taker(const Subscription& subscription, std::string_view subject,
                 bool imported) const override;

  // Of Responses.
  ResponseQueue& waiting(bool back) { return waiting_[back ? 1 : 0]; }
  Account& importer() const { return parties_.importer; }
  ResponseType response_type() const { return service_.response; }
  Duration threshold() const { return service_.response_threshold; }
  // Hands an answer to who waits for it on `to`.
  bool answer(bool back, std::string_view to, const Message& message,
              const Account::Origin& origin);
  // Publishes a sample in the exporter. `responder` may be null.
  void report(const LatencySample& sample, int status, std::string_view description,
              const Subscriber* responder);

 private:
  std::string_view foreign_subject(std::string_view subject, SubjectBuffer& path,
                                   SubjectBuffer& mapped) const;
  std::string_view request_header(const Message& message, const Account::Origin& origin);
  bool publish(const Account::Origin& origin, const Message& request, std::string_view from);
  bool publish_traced(Account::Origin origin, Message request, std::string_view from);
  std::unique_ptr<LatencySample> sample(const Message& message, const Account::Origin& origin);
  bool wants_sample(const Message& message, std::string& header);
  void report_bad_request(const Message& message, const Account::Origin& origin);

  const ServiceParties parties_;
  const ImportPath path_;
  const ExportConfig service_;
  const bool share_, system_;
  const Host host_;
  const ServerNames& server_;
  Subscription* subscription_;
  ResponseQueue waiting_[2];
  std::string info_, header_;  // Of the request under way.
  std::uint64_t random_;
  bool busy_ = false;  // A request of it is under way: another one is a cycle.
};

}  // namespace petiole
