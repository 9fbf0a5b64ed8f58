// Who waits for answers to requests that went through service imports: one table an account, for
// the subjects `_R_.<6>.<6>` that responders in it answer on.
//
// Tokens come from the host's entropy: nobody answers who was not asked. Bounded in number for each
// import, so that one importer cannot crowd out another, and in time by the export's threshold.
// Memory of what is answered is used again: none is asked for in the steady state. Loop thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/routing/account.h"
#include "platform/host.h"

namespace petiole {

class ServiceImport;
struct LatencySample;

// Those that wait in one table for one import, oldest first.
struct ResponseQueue {
  std::uint32_t first = 0, last = 0;  // Numbers of entries plus one; 0: none.
  std::size_t count = 0;
};

// Room for one `_R_.<6>.<6>`, with the caller.
struct ResponseSubject {
  char bytes[24];
};

class Responses final : public Subscriber {
 public:
  // Both outlive it. Subscribes in `account` when the first request is entered.
  Responses(Account& account, const Host& host);
  ~Responses() override;
  Responses(const Responses&) = delete;
  Responses& operator=(const Responses&) = delete;

  PeerKind kind() const override { return PeerKind::kSystem; }
  bool is_import() const override { return true; }
  bool deliver(Subscription& subscription, const Message& message) override;

  // A request went through `via`, whose requestor waits on `reply`. Returns where the responder is
  // to answer, a view into `subject`; empty: it cannot be kept. With `back` it is an answer that
  // wants an answer itself, so the roles are exchanged.
  std::string_view enter(ServiceImport& via, bool back, std::string_view reply,
                         std::unique_ptr<LatencySample> sample, ResponseSubject& subject);
  // Events of a trace come back the same way, as many as there are, to `dest`. Returns as above.
  std::string_view enter_trace(ServiceImport& via, std::string_view dest, ResponseSubject& subject);
  // The request found nobody; does nothing when it was answered meanwhile.
  void undo(std::string_view subject);
  // The import goes away.
  void forget(ServiceImport& via, bool back);

  std::size_t size() const { return used_; }
  void share_among(std::size_t imports);  // How many imports the table is for.

 private:
  struct Entry {
    std::uint64_t token = 0;  // 0: free.
    std::uint32_t before = 0, after = 0;
    ServiceImport* via = nullptr;
    bool back = false;
    bool trace = false;  // For events, which come until it is due.
    Time due{};
    std::string reply;
    std::unique_ptr<LatencySample> sample;
  };

  void subscribe();
  std::uint64_t new_token();
  std::uint32_t find(std::uint64_t token) const;
  std::uint32_t take_entry();
  void enlist(std::uint32_t number);
  void delist(std::uint32_t number);
  void grow();
  void append(ResponseQueue& queue, std::uint32_t number);
  void unlink(ResponseQueue& queue, std::uint32_t number);
  ResponseQueue& queue_of(const Entry& entry) const;
  void drop(std::uint32_t number);
  void expire();
  void time_out(std::uint32_t number);
  std::uint64_t token_of(std::string_view subject) const;

  Account& account_;
  const Host host_;
  std::string prefix_;  // "_R_.<6>."; empty: not subscribed yet.
  Subscription* subscription_ = nullptr;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;  // By token, open addressing; numbers plus one.
  std::uint32_t free_ = 0;            // Linked by `after`.
  std::size_t used_ = 0;
  std::size_t most_;                                     // For each import.
  std::vector<std::pair<ServiceImport*, bool>> in_use_;  // Whose queues are not empty.
  std::array<std::uint64_t, 32> entropy_{};
  std::size_t entropy_left_ = 0;
  std::unique_ptr<Timer> timer_;
  Time armed_ = kNever;  // When timer_ is due.
};

}  // namespace petiole
