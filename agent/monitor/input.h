// What the endpoints are made from: a snapshot of the agent, gathered for each request.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/leaf/remote.h"
#include "agent/mirror/mirror.h"
#include "agent/server.h"

namespace petiole {

class CertificateEnds;
using RequestCounts = std::map<std::string, std::uint64_t, std::less<>>;

// From the operating system; see platform/process.h.
struct ProcessFigures {
  std::uint64_t resident_bytes = 0;
  double cpu_percent = 0;
  int cores = 0;
};

struct MonitorInput {
  const Server& server;
  std::vector<RemoteReport> links{};  // Every configured remote, up or down.
  std::optional<MirrorReport> mirror{};
  ProcessFigures process{};
  // As bound; 0: not listening.
  std::uint16_t client_port = 0, leaf_port = 0, monitor_port = 0, websocket_port = 0;
  Time now{};
  WallTime wall{};
  const RequestCounts* requests = nullptr;  // Of the monitoring port, by path; null: none.
  CertificateEnds* certificates = nullptr;  // Null: they are not told.
};

}  // namespace petiole
