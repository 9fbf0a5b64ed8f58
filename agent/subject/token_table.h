// The children of one node of the subject index: a hash table from token to what is below it.
//
// Open addressing with linear probing; it grows at three quarters and shrinks at one eighth, so a
// table that subscriptions come to and leave keeps its size. An entry names its token by where the
// token stands in the text of what it points to: nothing is stored twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace petiole {

struct Subscription;
struct IndexNode;

// A child: either the list of all subscriptions below the token, which then have one and the same
// subject, or a node. 16 bytes.
struct TokenSlot {
  std::uintptr_t tagged = 0;  // 0: free. Bit 0: a node.
  std::uint32_t hash = 0;
  std::uint16_t offset = 0;  // List: where the token begins in the subject.

  bool used() const { return tagged != 0; }
  bool is_node() const { return (tagged & 1) != 0; }
  IndexNode* node() const { return reinterpret_cast<IndexNode*>(tagged & ~std::uintptr_t{1}); }
  Subscription* list() const { return reinterpret_cast<Subscription*>(tagged); }
  void set_node(IndexNode* node) { tagged = reinterpret_cast<std::uintptr_t>(node) | 1; }
  void set_list(Subscription* head, std::size_t token_offset) {
    tagged = reinterpret_cast<std::uintptr_t>(head);
    offset = static_cast<std::uint16_t>(token_offset);
  }
  std::string_view token() const;
};

class TokenTable {
 public:
  TokenSlot* find(std::uint32_t hash, std::string_view token) const;
  // A free slot for a token that is not in the table; the caller fills it in before anything else.
  TokenSlot& insert(std::uint32_t hash);
  void erase(TokenSlot& slot);

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return capacity() * sizeof(TokenSlot); }
  const TokenSlot* begin() const { return slots_.get(); }
  const TokenSlot* end() const { return slots_.get() + capacity(); }
  TokenSlot* begin() { return slots_.get(); }
  TokenSlot* end() { return slots_.get() + capacity(); }

 private:
  std::size_t capacity() const { return slots_ ? std::size_t{mask_} + 1 : 0; }
  void resize(std::size_t capacity);

  std::unique_ptr<TokenSlot[]> slots_;
  std::uint32_t size_ = 0;
  std::uint32_t mask_ = 0;
};

}  // namespace petiole
