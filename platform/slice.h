// How the system shares a core between threads that all want it.
#pragma once

#include "platform/time.h"

namespace petiole {

// Asks for slices of about `length` for the calling thread, 0: of the system's own. The share of
// the core stays the same; but one that asks for short slices, and wakes up for a moment many times
// a second, as the loop does, then need not wait until another's slice of milliseconds is over. A
// wish, without privileges: Linux 6.12 and newer grant it. Threads that it starts inherit it.
void ask_for_slices(Duration length);

// Lets the calling thread give way by so much niceness more than the process does.
void give_way(int niceness);

}  // namespace petiole
