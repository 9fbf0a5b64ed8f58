// Who has something to write at the end of this turn.
//
// A message fanned out to n peers is n writes, and m messages to one peer are one. Loop thread
// only.
#pragma once

#include <memory>
#include <vector>

namespace petiole {

class Flushable {
 public:
  virtual void flush() = 0;

 protected:
  virtual ~Flushable() = default;
};

class FlushList {
 public:
  // The caller remembers that it is listed until its flush() is called.
  void add(std::shared_ptr<Flushable> peer) { dirty_.push_back(std::move(peer)); }
  bool empty() const { return dirty_.empty(); }

  // Flushes each once. What is added meanwhile waits for the next call.
  void flush() {
    flushing_.swap(dirty_);
    for (const auto& peer : flushing_) peer->flush();
    flushing_.clear();
  }

 private:
  std::vector<std::shared_ptr<Flushable>> dirty_;
  std::vector<std::shared_ptr<Flushable>> flushing_;  // Kept for its capacity.
};

}  // namespace petiole
