#include "agent/mirror/stream_floors.h"

#include <algorithm>

namespace petiole {

StreamFloors::Place StreamFloors::hear(std::string_view stream, std::uint64_t made, std::size_t max,
                                       bool& fresh) {
  auto at = std::find_if(floors_.begin(), floors_.end(),
                         [&](const StreamFloor& floor) { return floor.stream == stream; });
  fresh = at == floors_.end();
  if (fresh && floors_.size() < max) at = floors_.emplace(floors_.end());
  if (at == floors_.end()) {
    at = std::min_element(
        floors_.begin(), floors_.end(),
        [](const StreamFloor& a, const StreamFloor& b) { return a.heard < b.heard; });
  }
  if (at == floors_.end()) return {};
  if (fresh || (made != 0 && made != at->made)) {
    *at = {.stream = std::string(stream), .made = made, .life = at->life + 1};
  }
  at->heard = ++heard_;
  return {static_cast<std::uint32_t>(at - floors_.begin()) + 1, at->life};
}

void StreamFloors::raise(Place place, std::uint64_t sequence, bool holes) {
  if (place.number == 0) return;
  StreamFloor& floor = floors_[place.number - 1];
  if (floor.life != place.life) return;
  floor.sequence = holes ? std::min(floor.sequence, sequence) : sequence;
}

bool StreamFloors::put_back(std::size_t index, std::uint64_t last) {
  if (floors_[index].sequence <= last) return false;
  floors_[index].sequence = last;
  return true;
}

std::uint64_t StreamFloors::of(std::string_view stream, std::uint64_t made) const {
  for (const StreamFloor& floor : floors_) {
    if (floor.stream != stream) continue;
    const bool other = made != 0 && floor.made != 0 && made != floor.made;
    return other ? 0 : floor.sequence;
  }
  return 0;
}

void StreamFloors::load(std::string_view stream, std::uint64_t sequence) {
  floors_.push_back({.stream = std::string(stream), .sequence = sequence, .heard = ++heard_});
}

void StreamFloors::load_made(std::size_t index, std::uint64_t made) {
  if (index < floors_.size()) floors_[index].made = made;
}

}  // namespace petiole
