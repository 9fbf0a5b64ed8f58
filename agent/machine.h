// The real machine under an agent: clock, entropy, loop, sockets, threads, log. Built by main.cpp.
#pragma once

#include <memory>

#include "agent/config/source.h"
#include "platform/asio_loop.h"
#include "platform/asio_network.h"
#include "platform/calendar.h"
#include "platform/codec_layers.h"
#include "platform/files.h"
#include "platform/host.h"
#include "platform/log_writer.h"
#include "platform/system.h"
#include "platform/thread_worker.h"

namespace petiole {

class Machine {
 public:
  explicit Machine(const LogOptions& log_options);

  Host host();

  SystemClock clock;
  Calendar calendar{clock};  // Set anew, if at all, before there are connections.
  SystemEntropy entropy;
  ChunkPool chunks;
  LogWriter log;
  SystemFiles files;
  AsioLoop loop{clock};
  std::unique_ptr<LayerFactory> layers =
      make_codec_layers([this](const std::string& line) { log.warning(line); }, &calendar);
  AsioNetwork network{loop, chunks, *layers};
  ThreadWorker worker{"petiole-helper"};  // The last: what it has under way ends with an answer.
};

// Files and environment of the process.
ConfigSources system_sources();

}  // namespace petiole
