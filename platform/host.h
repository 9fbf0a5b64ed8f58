// What an agent stands on. Real in main.cpp, simulated in a scenario.
#pragma once

#include "platform/entropy.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/network.h"
#include "platform/time.h"

namespace petiole {

class Calendar;
class Files;

struct Host {
  Loop& loop;
  Clock& clock;
  Network& network;
  Entropy& entropy;
  Logger& log;
  Worker& worker;  // Slow pure functions: bcrypt.
  ChunkPool& chunks;
  Files* files = nullptr;              // For JWTs of accounts; null: there are none.
  const Calendar* calendar = nullptr;  // Null: the clock is right.
};

}  // namespace petiole
