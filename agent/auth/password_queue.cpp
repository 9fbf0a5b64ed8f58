#include "agent/auth/password_queue.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "platform/crypto.h"

namespace petiole {

PasswordQueue::PasswordQueue(Loop& loop, Worker& worker)
    : loop_(loop), worker_(worker), self_(std::make_shared<PasswordQueue*>(this)) {}

bool PasswordQueue::ask(std::string password, std::string hash, std::weak_ptr<const void> whose,
                        Done done) {
  if (waiting_.size() >= kWaitingMax) drop_gone();
  if (waiting_.size() >= kWaitingMax) return false;
  waiting_.push_back({std::move(password), std::move(hash), std::move(whose), std::move(done)});
  if (!busy_) start();
  return true;
}

// The first one stays while the worker has it.
void PasswordQueue::drop_gone() {
  const auto first = waiting_.begin() + (busy_ ? 1 : 0);
  waiting_.erase(std::remove_if(first, waiting_.end(),
                                [](const Question& each) { return each.whose.expired(); }),
                 waiting_.end());
}

void PasswordQueue::start() {
  while (!waiting_.empty() && waiting_.front().whose.expired()) waiting_.pop_front();
  if (waiting_.empty()) return;
  busy_ = true;
  const Question& next = waiting_.front();
  const std::weak_ptr<PasswordQueue*> self = self_;
  worker_.run([self, &loop = loop_, password = next.password, hash = next.hash] {
    const bool matches = bcrypt_matches(password, hash);
    loop.post([self, matches] {
      if (const auto queue = self.lock()) (*queue)->answer(matches);
    });
  });
}

// Whoever asks the same is answered, too: after a restart all clients of one user come at once.
void PasswordQueue::answer(bool matches) {
  busy_ = false;
  std::vector<Question> answered;
  answered.push_back(std::move(waiting_.front()));
  waiting_.pop_front();
  const auto same = [&](const Question& each) {
    return each.hash == answered[0].hash && each.password == answered[0].password;
  };
  const auto rest = std::stable_partition(waiting_.begin(), waiting_.end(),
                                          [&](const Question& each) { return !same(each); });
  std::move(rest, waiting_.end(), std::back_inserter(answered));
  waiting_.erase(rest, waiting_.end());
  start();
  for (const Question& each : answered) {
    if (!each.whose.expired()) each.done(matches);
  }
}

}  // namespace petiole
