// Compares passwords with bcrypt hashes, one at a time, away from the loop.
//
// Bounded: a storm of logins holds at most kWaitingMax of them, and neither those that have gone
// meanwhile nor those that ask the same are computed. Loop thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "platform/loop.h"

namespace petiole {

class PasswordQueue {
 public:
  static constexpr std::size_t kWaitingMax = 1024;  // 4 KiB of password each at most.

  // Both outlive it.
  PasswordQueue(Loop& loop, Worker& worker);

  // Calls `done` in a later turn with whether `password` fits `hash`, unless `whose` has expired by
  // then. False: too many wait; nothing is called.
  using Done = std::function<void(bool)>;
  bool ask(std::string password, std::string hash, std::weak_ptr<const void> whose, Done done);

  std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Question {
    std::string password, hash;
    std::weak_ptr<const void> whose;
    Done done;
  };

  void drop_gone();
  void start();
  void answer(bool matches);

  Loop& loop_;
  Worker& worker_;
  std::deque<Question> waiting_;  // The first one is being computed while `busy_`.
  bool busy_ = false;
  std::shared_ptr<PasswordQueue*> self_;  // Held weakly by what comes back.
};

}  // namespace petiole
