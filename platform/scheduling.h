// What a thread asks of the scheduler: hints, which change nothing where they are refused.
#pragma once

#include "platform/time.h"

namespace petiole {

// How long the calling thread, once it runs, wants to go on; 0.1 to 100 ms. Of threads that want a
// core, one that asks for less comes first, also before one that is running: Linux 6.12, sched(7).
// It gets no larger share of the core. Threads that it starts later inherit it.
void ask_for_slices_of(Duration length);

}  // namespace petiole
