// Operator mode: the subjects of the system account by which tools send, read and delete the JWTs
// of accounts. Wire: client-and-leaf 2.3.
//
// Answers come in later turns. Loop thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/auth/account_book.h"
#include "agent/routing/account.h"

namespace petiole {

class ClaimService final : public Subscriber {
 public:
  // Of the answers' `server` block.
  struct Self {
    std::string name, host, id, version;
  };
  // `book` keeps what it is given; both outlive it.
  ClaimService(AccountBook& book, Account& system, Host host, Self self);
  ~ClaimService() override;

  PeerKind kind() const override { return PeerKind::kSystem; }
  bool deliver(Subscription& subscription, const Message& message) override;

 private:
  // A message that has been copied, to be worked on in a later turn.
  struct Request {
    std::string subject, reply, body;
  };
  using Handler = void (ClaimService::*)(const Request&);
  struct Route {
    std::string_view subject, queue;
    Handler handler;
  };
  static const Route kRoutes[];

  void subscribe(const Route& route);
  void on_lookup(const Request& request);
  void on_update(const Request& request);
  void on_list(const Request& request);
  void on_delete(const Request& request);
  void on_pack(const Request& request);

  std::string refusal_of(const DeleteClaims& claims) const;
  void delete_all(const Request& request, std::vector<std::string> accounts);
  void updated(const std::string& reply, const std::string& account, const std::string& text);
  void failed(const std::string& reply, const std::string& account, const std::string& text);
  void answer(const std::string& reply, std::string_view body);
  std::string server_text();

  AccountBook& book_;
  Account& system_;
  Host host_;
  Self self_;
  std::uint64_t sequence_ = 0;
  std::vector<Subscription*> subscriptions_;
  std::shared_ptr<ClaimService*> handle_;  // Held weakly by callbacks.
};

}  // namespace petiole
