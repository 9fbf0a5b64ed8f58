// When something is next due, for thousands of owners at once.
//
// A binary heap of pointers; each owner knows its place in it, so that moving and removing one
// costs a few swaps. Sans I/O: the loop asks next() and calls run(). Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "platform/time.h"

namespace petiole {

class Deadlines;

// Something that becomes due. Unlinks itself when it is destroyed.
class Deadline {
 public:
  explicit Deadline(Deadlines& deadlines) : deadlines_(&deadlines) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  Time due_at() const { return due_at_; }  // kNever: not armed.
  void arm(Time when);
  void disarm();

 protected:
  virtual ~Deadline() { disarm(); }
  // Called once for each arm(), disarmed. May arm, disarm or destroy any Deadline, this one too.
  virtual void due(Time now) = 0;

 private:
  friend class Deadlines;
  static constexpr std::uint32_t kNowhere = UINT32_MAX;

  Deadlines* deadlines_;
  Time due_at_ = kNever;
  std::uint32_t place_ = kNowhere;
};

class Deadlines {
 public:
  // The earliest time that anything is due; kNever: nothing.
  Time next() const { return heap_.empty() ? kNever : heap_.front()->due_at_; }
  // Calls what is due at `now`, as many times as there are deadlines at most: one that arms itself
  // for the past again and again does not hold it up.
  void run(Time now);
  std::size_t size() const { return heap_.size(); }

 private:
  friend class Deadline;
  void insert(Deadline& deadline);
  void remove(Deadline& deadline);
  void put(Deadline* deadline, std::size_t place);
  void sift_up(Deadline* deadline, std::size_t place);
  void sift_down(Deadline* deadline, std::size_t place);

  std::vector<Deadline*> heap_;
};

}  // namespace petiole
