// How a question reaches a service that listens somewhere in an account, and its answer comes back.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "platform/time.h"

namespace petiole {

class CalloutLine {
 public:
  virtual ~CalloutLine() = default;

  struct Question {
    std::string account;
    std::string header;  // A whole NATS/1.0 block, or empty.
    std::string payload;
    Duration patience{};
  };
  // Calls `done` in a later turn, with the answer, or with nothing when none came in time; or
  // never, when `whose` has expired. False: too many wait, or there is no such account; nothing is
  // called.
  using Done = std::function<void(std::optional<std::string>)>;
  virtual bool ask(const Question& question, std::weak_ptr<const void> whose, Done done) = 0;
};

}  // namespace petiole
