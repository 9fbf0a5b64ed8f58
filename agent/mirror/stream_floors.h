// How far into each stream of the hub a rule's cursor has come: what may have arrived since is
// looked for behind that.
//
// One that was deleted and made anew under its name is another stream, whose sequences begin below:
// beside each floor is when its stream was made. Of more streams than `max` the one that was silent
// for longest is forgotten, and is looked at from its first message on. Loop thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace petiole {

struct StreamFloor {
  std::string stream;
  std::uint64_t sequence = 0;  // Of the newest message that the cursor has passed.
  std::uint64_t made = 0;      // See HubDirectory::made_of; 0: not known.
  std::uint64_t heard = 0;     // Higher: later.
  std::uint32_t life = 0;      // Of its place in the list, which another may have taken.
};

class StreamFloors {
 public:
  // Of the stream that has a message, until that is passed.
  struct Place {
    std::uint32_t number = 0;  // Plus one; 0: none.
    std::uint32_t life = 0;
  };

  // A PubAck came from it. `fresh`: there was no floor for it.
  Place hear(std::string_view stream, std::uint64_t made, std::size_t max, bool& fresh);
  // What comes later in the rule's order is later in the stream too; but not with `holes`, when the
  // lowest counts.
  void raise(Place place, std::uint64_t sequence, bool holes);
  // A stream has nothing behind `last`: it was put back from an older copy. False: as was known.
  bool put_back(std::size_t index, std::uint64_t last);
  // 0: there is none, or it is that of another stream of this name.
  std::uint64_t of(std::string_view stream, std::uint64_t made) const;

  bool empty() const { return floors_.empty(); }
  const std::vector<StreamFloor>& list() const { return floors_; }
  void load(std::string_view stream, std::uint64_t sequence);
  void load_made(std::size_t index, std::uint64_t made);  // Of that loaded so many before it.

 private:
  std::vector<StreamFloor> floors_;
  std::uint64_t heard_ = 0;
};

}  // namespace petiole
