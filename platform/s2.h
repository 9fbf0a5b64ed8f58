// S2, the compressed form of leaf links (wire document, client-and-leaf 3.6): blocks of bytes as
// literals and copies of what stands before in the block. An extension of Snappy, whose blocks are
// S2 blocks too.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "platform/status.h"

namespace petiole {

inline constexpr std::size_t kS2BlockBytesMax = 4
                                                << 20;  // Of a block's plain bytes, by the format.

class S2Encoder {
 public:
  static constexpr std::size_t kBytesMax = 64 * 1024;

  // Appends `plain`, 1 to kBytesMax bytes, as a block. What repeats nothing grows by a few bytes.
  void encode(std::string_view plain, std::string& block);

 private:
  std::array<std::uint16_t, 1 << 14> seen_;  // Where four bytes of this hash stood last.
};

// Appends what `block` stands for. Error: kTooLarge: that is more than `bytes_max`; kProtocol: the
// block is damaged. What has been appended then has no meaning.
Status decode_s2(std::string_view block, std::size_t bytes_max, std::string& plain);

}  // namespace petiole
