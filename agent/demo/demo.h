// `petiole demo`: the main job in under 30 seconds, on one machine, with nothing else installed.
//
// Two real agents on real sockets, a real database, ordinary clients and a cable that is cut. The
// figures are counted by the subscriber at the hub, message by message.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "platform/host.h"
#include "storage/store.h"

namespace petiole {

class Demo {
 public:
  static constexpr int kColumns = 79;  // Of its widest line.
  struct Options {
    bool terminal = false;  // Redraw one line in place; else one line a second.
    std::string store_dir;  // Named in the text.
  };
  using Print = std::function<void(std::string_view)>;
  using Done = std::function<void(int exit_status)>;  // 0: nothing lost, nothing doubled.

  Demo(Options options, Host host, Store& store, Print print, Done done);
  ~Demo();
  void start();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace petiole
