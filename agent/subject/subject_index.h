// Which subscriptions receive a subject: a tree of tokens, made for a million subscriptions.
//
// A branch that holds only subscriptions to one subject is not drawn out into nodes: the parent's
// slot points at the list of them, and their own text says what the rest of the path is. It is
// drawn out when a second subject shares the token, and folded again when that leaves.
// Insert and remove take time by the number of tokens. Loop thread. Owns no subscription.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "agent/routing/subscription.h"
#include "agent/subject/token_table.h"

namespace petiole {

// A token that subscriptions to different subjects share. Its text follows it in memory.
struct IndexNode {
  TokenTable children;           // `*` and `>` among them.
  Subscription* here = nullptr;  // Those whose subject ends with this token.
  std::uint16_t token_bytes = 0;
  bool star = false, tail = false;  // There are children `*` and `>`.

  std::string_view token() const { return {reinterpret_cast<const char*>(this + 1), token_bytes}; }
};

class SubjectIndex {
 public:
  // `seed` keeps a peer from choosing tokens that share a hash.
  explicit SubjectIndex(std::uint64_t seed = 0) : seed_(seed) {}
  ~SubjectIndex();
  SubjectIndex(const SubjectIndex&) = delete;
  SubjectIndex& operator=(const SubjectIndex&) = delete;

  // The subject must be valid (is_valid_subject).
  void insert(Subscription& subscription);
  // The subscription must have been inserted.
  void remove(Subscription& subscription);

  // Appends all that receive `subject`: without a queue to `plain`, with one to `queued`.
  void match(std::string_view subject, std::vector<Subscription*>& plain,
             std::vector<Subscription*>& queued) const;

  void for_each(const std::function<void(const Subscription&)>& visit) const;

  std::uint64_t seed() const { return seed_; }
  std::size_t size() const { return size_; }
  std::size_t node_count() const { return nodes_; }

 private:
  struct Step {  // A node and where the next token begins.
    const IndexNode* node;
    std::size_t position;
  };
  struct Matches {
    std::string_view subject;
    std::vector<Subscription*>& plain;
    std::vector<Subscription*>& queued;
  };

  std::uint32_t hash(std::string_view token) const;
  IndexNode* make_node(std::string_view token);
  void free_node(IndexNode* node);
  TokenSlot& add_child(IndexNode& parent, std::string_view token);
  void drop_child(IndexNode& parent, TokenSlot& slot);
  // Puts a node in place of the list in `slot`; the list moves below it.
  IndexNode& draw_out(TokenSlot& slot);
  // Folds the nodes of path_ that have become superfluous, deepest first.
  void fold_path(std::string_view subject);
  void visit(const TokenSlot& slot, std::size_t end, Matches& matches) const;
  static void emit(Subscription* list, Matches& matches);

  std::uint64_t seed_;
  IndexNode root_;
  std::size_t size_ = 0;
  std::size_t nodes_ = 0;
  std::vector<std::pair<IndexNode*, std::size_t>>
      path_;                           // Of remove: nodes, their token's position.
  mutable std::vector<Step> pending_;  // Of match: no recursion a peer can deepen.
};

}  // namespace petiole
