#include "platform/s2_layer.h"

#include <algorithm>
#include <utility>

#include "platform/crc32c.h"

namespace petiole {

namespace {

// The stream's first chunk; Snappy's own is taken, too. It may come again.
constexpr std::string_view kBegin("\xff\x06\x00\x00S2sTwO", 10);
constexpr std::string_view kSnappyBegin("\xff\x06\x00\x00sNaPpY", 10);
constexpr std::size_t kHeadBytes = 4;  // Type, and three bytes of length.
constexpr std::size_t kSumBytes = 4;
constexpr unsigned kPacked = 0x00, kRaw = 0x01, kIgnored = 0x80, kStream = 0xff;
// A block that cannot be shortened is longer than its bytes by that at most (by far).
constexpr std::size_t kGrowthMax = 64 * 1024;
// So much comes out of one receive() and the rest of the next: a few bytes may stand for megabytes.
constexpr std::size_t kStepBytes = 256 * 1024;

std::uint32_t masked_sum(std::string_view plain) {
  const std::uint32_t sum = crc32c(0, plain);
  return ((sum >> 15) | (sum << 17)) + 0xa282ead8;
}

void put(std::string& to, std::uint32_t value, int bytes) {
  for (; bytes > 0; --bytes, value >>= 8) to.push_back(static_cast<char>(value & 0xff));
}

std::uint32_t number(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

class S2Layer final : public Layer {
 public:
  S2Layer(std::shared_ptr<S2Encoder> encoder, const CompressionOptions& options)
      : encoder_(std::move(encoder)), options_(options) {}

  void start(std::string&) override {}
  bool open() const override { return true; }
  void shut_down(const CloseReason&, std::string&) override {}
  void describe(PeerInfo&) const override {}
  std::string error() const override { return error_; }
  bool more() const override { return more_; }
  void adjust(const CompressionOptions& options) override { options_ = options; }

  Status receive(std::string_view bytes, std::string& plain, std::string&) override {
    if (!status_.ok()) return status_;
    const bool held = !held_.empty();
    if (held) held_.append(bytes);
    std::string_view rest = held ? std::string_view(held_).substr(taken_) : bytes;
    const std::size_t before = plain.size();
    more_ = false;
    if (!block_.empty()) give(plain);
    while (status_.ok() && block_.empty()) {
      const std::size_t size = chunk_size(rest);
      if (size == 0) break;
      more_ = plain.size() - before >= kStepBytes;
      if (more_) break;
      status_ = take(rest.substr(0, size), plain);
      rest.remove_prefix(size);
    }
    more_ = more_ || !block_.empty();
    if (!status_.ok() && error_.empty()) error_ = status_.text();
    keep(rest, held);
    return status_;
  }

  Status send(std::string_view plain, std::string& wire) override {
    if (!std::exchange(begun_, true)) wire.append(kBegin);
    while (!plain.empty()) {
      const std::string_view piece = plain.substr(0, S2Encoder::kBytesMax);
      plain.remove_prefix(piece.size());
      send_chunk(piece, wire);
    }
    return {};
  }

 private:
  // Of the chunk at the front of `rest`; 0: it has not come whole, or cannot be taken.
  std::size_t chunk_size(std::string_view rest) {
    if (rest.size() < kHeadBytes) return 0;
    const std::size_t length = number(rest.substr(1, 3));
    const bool first = !std::exchange(heard_, true);
    if (first && static_cast<unsigned char>(rest[0]) != kStream) {
      error_ = "not an S2 stream: " + shown(rest);
      status_ = {Errc::kProtocol, "not an S2 stream"};
      return 0;
    }
    if (length > options_.block_bytes_max + kGrowthMax) {
      status_ = {Errc::kTooLarge, "S2: chunk too large"};
      return 0;
    }
    return rest.size() < kHeadBytes + length ? 0 : kHeadBytes + length;
  }

  // What the peer said instead, in clear: an -ERR, mostly.
  static std::string shown(std::string_view bytes) {
    constexpr std::size_t kShown = 100;
    std::string text(bytes.substr(0, std::min(bytes.find('\r'), kShown)));
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return text;
  }

  Status take(std::string_view chunk, std::string& plain) {
    const unsigned type = static_cast<unsigned char>(chunk[0]);
    if (type == kStream) {
      const bool known = chunk == kBegin || chunk == kSnappyBegin;
      return known ? Status() : Status(Errc::kProtocol, "S2: not the beginning of a stream");
    }
    if (type >= kIgnored) return {};
    if (type > kRaw) return {Errc::kProtocol, "S2: unknown chunk"};
    if (chunk.size() < kHeadBytes + kSumBytes) return {Errc::kProtocol, "S2: chunk too short"};
    const std::uint32_t sum = number(chunk.substr(kHeadBytes, kSumBytes));
    const std::string_view body = chunk.substr(kHeadBytes + kSumBytes);
    const std::size_t before = plain.size();
    if (type == kPacked) {
      const Status status = decode_s2(body, options_.block_bytes_max, plain);
      if (!status.ok()) return plain.resize(before), status;
    } else {
      plain.append(body);
    }
    if (masked_sum(std::string_view(plain).substr(before)) != sum) {
      return plain.resize(before), Status(Errc::kProtocol, "S2: wrong checksum");
    }
    hold_back(plain, before + kStepBytes);
    return {};
  }

  // Of a large block what is beyond a step, for the next ones.
  void hold_back(std::string& plain, std::size_t from) {
    if (plain.size() <= from) return;
    block_.assign(plain, from);
    plain.resize(from);
  }

  void give(std::string& plain) {
    const std::size_t piece = std::min(kStepBytes, block_.size() - given_);
    plain.append(block_, given_, piece);
    given_ += piece;
    if (given_ < block_.size()) return;
    std::string().swap(block_);
    given_ = 0;
  }

  void keep(std::string_view rest, bool held) {
    if (rest.empty() || !status_.ok()) {
      std::string().swap(held_);
      taken_ = 0;
    } else if (!held) {
      held_.assign(rest);
    } else {
      taken_ = held_.size() - rest.size();
      // Moved seldom: what comes out in many steps is not moved at each.
      if (more_ || taken_ < held_.size() / 2) return;
      held_.erase(0, std::exchange(taken_, 0));
    }
  }

  void send_chunk(std::string_view plain, std::string& wire) {
    const std::size_t head = wire.size();
    wire.append(kHeadBytes, '\0');
    put(wire, masked_sum(plain), kSumBytes);
    const std::size_t body = wire.size();
    const bool pack = options_.level == CompressionLevel::kPacked;
    if (pack) encoder_->encode(plain, wire);
    const bool raw = !pack || wire.size() - body >= plain.size();
    if (raw) {
      wire.resize(body);
      wire.append(plain);
    }
    const std::size_t length = wire.size() - head - kHeadBytes;
    wire[head] = static_cast<char>(raw ? kRaw : kPacked);
    for (std::size_t i = 0; i < 3; ++i) {
      wire[head + 1 + i] = static_cast<char>(length >> (8 * i) & 0xff);
    }
  }

  std::shared_ptr<S2Encoder> encoder_;
  CompressionOptions options_;
  std::string held_;       // Of a chunk that has not come whole, and what waits behind a step;
  std::size_t taken_ = 0;  // but so much of its front is done.
  std::string block_;      // Of one that is larger than a step: what is still to be given.
  std::size_t given_ = 0;
  std::string error_;
  Status status_;
  bool begun_ = false, heard_ = false, more_ = false;
};

}  // namespace

std::unique_ptr<Layer> make_s2_layer(std::shared_ptr<S2Encoder> encoder,
                                     const CompressionOptions& options) {
  return std::make_unique<S2Layer>(std::move(encoder), options);
}

}  // namespace petiole
