#include "agent/routing/subscription.h"

#include <algorithm>
#include <cassert>
#include <new>

namespace petiole {

Subscription* make_subscription(Subscriber& owner, std::string_view subject, std::string_view queue,
                                std::string_view sid) {
  assert(fits_subscription(subject, queue, sid));
  const std::size_t text_bytes = subject.size() + queue.size() + sid.size();
  void* const memory = ::operator new(sizeof(Subscription) + text_bytes);
  auto* const subscription = new (memory) Subscription;
  subscription->owner = &owner;
  subscription->subject_bytes = static_cast<std::uint16_t>(subject.size());
  subscription->queue_bytes = static_cast<std::uint16_t>(queue.size());
  subscription->sid_bytes = static_cast<std::uint16_t>(sid.size());
  char* text = static_cast<char*>(memory) + sizeof(Subscription);
  for (const std::string_view part : {subject, queue, sid}) {
    text = std::copy(part.begin(), part.end(), text);
  }
  return subscription;
}

void free_subscription(Subscription* subscription) {
  subscription->~Subscription();
  ::operator delete(subscription);
}

}  // namespace petiole
