#include "agent/leaf/staging.h"

#include <algorithm>
#include <array>

namespace petiole {

namespace {

constexpr std::size_t kWindowBytesMin = 4 * 1024;  // 0.7 s at 50 kbit/s.
constexpr std::size_t kGroupBytes = 2 * 1024;      // Smaller messages move together.
constexpr Duration kFast = std::chrono::milliseconds(25);
constexpr Duration kSlow = std::chrono::milliseconds(400);

}  // namespace

Staging::Staging(ChunkPool& pool, std::size_t window_max)
    : held_(pool), window_(window_max), window_max_(window_max) {}

void Staging::control(std::string_view bytes) {
  wire_->output().append(bytes);
  wire_->wake();
}

Output& Staging::open(bool hold) {
  holding_ = hold || !held_.empty() || !room();
  if (!holding_) return wire_->output();
  before_ = held_.size();
  return held_;
}

void Staging::written() {
  if (!holding_) return;
  const std::size_t bytes = held_.size() - before_;
  held_total_ += bytes;
  if (groups_.empty() || groups_.back() >= kGroupBytes) groups_.push_back(0);
  groups_.back() += static_cast<std::uint32_t>(bytes);
}

bool Staging::mark() {
  if (!holding_) return true;
  marks_.push_back(held_total_);
  return false;
}

void Staging::move_to_wire(std::size_t bytes) {
  moved_total_ += bytes;
  if (bytes == held_.size()) return wire_->output().append_all(held_);
  std::array<std::string_view, 8> pieces;
  while (bytes != 0) {
    std::size_t moved = 0;
    const std::size_t count = held_.gather(pieces);
    for (std::size_t i = 0; i < count && moved < bytes; ++i) {
      const std::string_view piece = pieces[i].substr(0, bytes - moved);
      wire_->output().append(piece);
      moved += piece.size();
    }
    held_.consume(moved);
    bytes -= moved;
  }
}

std::size_t Staging::pump() {
  while (!groups_.empty() && room()) {
    move_to_wire(groups_.front());
    groups_.pop_front();
  }
  std::size_t passed = 0;
  for (; !marks_.empty() && marks_.front() <= moved_total_; ++passed) marks_.pop_front();
  return passed;
}

void Staging::watch(const Clock& clock) {
  if (watching_ || wire_->output().size() < window_ / 2) return;
  watching_ = true;
  watched_ = clock.now();
  wire_->notify_below(window_ / 2);
}

void Staging::drained(Time now) {
  watching_ = false;
  const Duration took = now - watched_;
  if (took > kSlow) window_ = std::max(window_ / 2, std::min(kWindowBytesMin, window_max_));
  if (took < kFast) window_ = std::min(window_ * 2, window_max_);
}

}  // namespace petiole
