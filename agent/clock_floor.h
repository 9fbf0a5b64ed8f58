// A time that has certainly passed: that of the build, or one that the store was told since.
//
// Told rarely: at a stop in order, and once a day if something else was written meanwhile, for an
// idle store writes nothing. Loop thread.
#pragma once

#include <memory>
#include <string>

#include "platform/calendar.h"
#include "platform/loop.h"
#include "storage/store.h"

namespace petiole {

WallTime build_time();

class ClockFloor {
 public:
  // `store` may be null: then there is the build's time alone. Both outlive it.
  ClockFloor(Loop& loop, Store* store, WallTime build);

  WallTime time() const { return floor_; }

  // From now on the store is told what `calendar`, which outlives this, says.
  void keep(const Calendar& calendar);
  // Tells it now; false: there is nothing to tell.
  bool note();

 private:
  void look();

  Loop& loop_;
  Store* store_;
  WallTime build_, floor_;
  const Calendar* calendar_ = nullptr;
  std::uint64_t commits_ = 0;
  Time looked_{};
  std::unique_ptr<Timer> timer_;
};

// For the log: what the clock says, and what is made of it.
std::string describe_unset(const Calendar& calendar);

}  // namespace petiole
