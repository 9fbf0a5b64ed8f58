// The network of the product: sockets on an AsioLoop.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "platform/asio_loop.h"
#include "platform/layer.h"
#include "platform/network.h"
#include "platform/output.h"

namespace petiole {

struct NetworkCore;
class HostResolver;

class AsioNetwork final : public Network {
 public:
  // All outlive the network; its listeners are destroyed before it.
  AsioNetwork(AsioLoop& loop, ChunkPool& chunks, LayerFactory& layers);
  // With look-ups other than the system's.
  AsioNetwork(AsioLoop& loop, ChunkPool& chunks, LayerFactory& layers,
              std::unique_ptr<HostResolver> resolver);
  // What is still open is cut, its protocols are destroyed without a call. To end in order, close
  // the wires and run the loop until open_connections() is 0.
  ~AsioNetwork() override;

  Result<std::unique_ptr<Listener>> listen(const ListenOptions& options, Accept accept) override;
  std::unique_ptr<Dial> dial(const DialOptions& options,
                             std::unique_ptr<Protocol> protocol) override;

  // Whom to tell, in lines for people, what no connection can be told: that none can be accepted.
  void report_to(std::function<void(const std::string&)> report);

  // Cuts what is still open; the protocols are destroyed without a call. For the end of a process,
  // before what the protocols refer to is destroyed.
  void drop_connections();

  // Those that still say goodbye included: up to a second after closed().
  std::size_t open_connections() const;

 private:
  std::unique_ptr<HostResolver> resolver_;
  std::unique_ptr<NetworkCore> core_;
};

}  // namespace petiole
