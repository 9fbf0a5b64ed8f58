#include "platform/asio_network.h"

#include <utility>

#include "platform/asio_listener.h"
#include "platform/connection.h"
#include "platform/dial_work.h"
#include "platform/network_core.h"
#include "platform/resolver.h"

namespace petiole {

namespace {

class DialHandle final : public Dial {
 public:
  explicit DialHandle(std::shared_ptr<DialWork> work) : work_(std::move(work)) {}
  void cancel() override { work_->cancel(); }

 private:
  std::shared_ptr<DialWork> work_;
};

}  // namespace

AsioNetwork::AsioNetwork(AsioLoop& loop, ChunkPool& chunks, LayerFactory& layers)
    : AsioNetwork(loop, chunks, layers, std::make_unique<HostResolver>(loop)) {}

AsioNetwork::AsioNetwork(AsioLoop& loop, ChunkPool& chunks, LayerFactory& layers,
                         std::unique_ptr<HostResolver> resolver)
    : resolver_(std::move(resolver)),
      core_(std::make_unique<NetworkCore>(NetworkCore{loop.core(), chunks, layers, *resolver_})) {}

AsioNetwork::~AsioNetwork() { drop_connections(); }

void AsioNetwork::drop_connections() {
  core_->handshakes.stop();
  for (const auto& connection : core_->open.take_all()) connection->drop();
  for (const auto& dial : std::exchange(core_->dials, {})) dial->drop();
}

Result<std::unique_ptr<Listener>> AsioNetwork::listen(const ListenOptions& options, Accept accept) {
  return make_listener(*core_, options, std::move(accept));
}

std::unique_ptr<Dial> AsioNetwork::dial(const DialOptions& options,
                                        std::unique_ptr<Protocol> protocol) {
  auto work = std::make_shared<DialWork>(*core_, options, std::move(protocol));
  work->start();
  return std::make_unique<DialHandle>(std::move(work));
}

void AsioNetwork::report_to(std::function<void(const std::string&)> report) {
  core_->report = std::move(report);
}

std::size_t AsioNetwork::open_connections() const { return core_->open.size(); }

}  // namespace petiole
