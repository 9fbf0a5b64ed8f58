#include "agent/subject/subject_index.h"

#include <cassert>
#include <cstring>
#include <new>

#include "agent/subject/subject.h"
#include "agent/subject/token_hash.h"

namespace petiole {

namespace {

void link(Subscription*& head, Subscription& subscription) {
  subscription.next = head;
  subscription.previous = nullptr;
  if (head) head->previous = &subscription;
  head = &subscription;
}

void unlink(Subscription*& head, Subscription& subscription) {
  if (subscription.previous) {
    subscription.previous->next = subscription.next;
  } else {
    head = subscription.next;
  }
  if (subscription.next) subscription.next->previous = subscription.previous;
  subscription.next = subscription.previous = nullptr;
}

}  // namespace

std::string_view TokenSlot::token() const {
  return is_node() ? node()->token() : token_at(list()->subject(), offset);
}

SubjectIndex::~SubjectIndex() {
  std::vector<IndexNode*> nodes;
  const auto gather = [&](const IndexNode& node) {
    for (const TokenSlot& slot : node.children) {
      if (slot.used() && slot.is_node()) nodes.push_back(slot.node());
    }
  };
  gather(root_);
  while (!nodes.empty()) {
    IndexNode* const node = nodes.back();
    nodes.pop_back();
    gather(*node);
    free_node(node);
  }
}

std::uint32_t SubjectIndex::hash(std::string_view token) const { return token_hash(seed_, token); }

IndexNode* SubjectIndex::make_node(std::string_view token) {
  void* const memory = ::operator new(sizeof(IndexNode) + token.size());
  auto* const node = new (memory) IndexNode;
  std::memcpy(static_cast<char*>(memory) + sizeof(IndexNode), token.data(), token.size());
  node->token_bytes = static_cast<std::uint16_t>(token.size());
  ++nodes_;
  return node;
}

void SubjectIndex::free_node(IndexNode* node) {
  node->~IndexNode();
  ::operator delete(node);
  --nodes_;
}

TokenSlot& SubjectIndex::add_child(IndexNode& parent, std::string_view token) {
  if (token == "*") parent.star = true;
  if (token == ">") parent.tail = true;
  return parent.children.insert(hash(token));
}

void SubjectIndex::drop_child(IndexNode& parent, TokenSlot& slot) {
  if (parent.star || parent.tail) {
    const std::string_view token = slot.token();
    if (token == "*") parent.star = false;
    if (token == ">") parent.tail = false;
  }
  parent.children.erase(slot);
}

IndexNode& SubjectIndex::draw_out(TokenSlot& slot) {
  Subscription* const list = slot.list();
  const std::string_view token = slot.token();
  const std::size_t end = slot.offset + token.size();
  IndexNode* const node = make_node(token);
  slot.set_node(node);
  if (end == list->subject().size()) {
    node->here = list;
  } else {
    add_child(*node, token_at(list->subject(), end + 1)).set_list(list, end + 1);
  }
  return *node;
}

void SubjectIndex::insert(Subscription& subscription) {
  const std::string_view subject = subscription.subject();
  assert(is_valid_subject(subject));
  ++size_;
  IndexNode* node = &root_;
  for (std::size_t position = 0;;) {
    const std::string_view token = token_at(subject, position);
    const std::size_t end = position + token.size();
    TokenSlot* const slot = node->children.find(hash(token), token);
    if (!slot) {
      add_child(*node, token).set_list(&subscription, position);
      subscription.next = subscription.previous = nullptr;
      return;
    }
    if (!slot->is_node() && slot->list()->subject() == subject) {
      Subscription* head = slot->list();
      link(head, subscription);
      slot->set_list(head, position);
      return;
    }
    node = slot->is_node() ? slot->node() : &draw_out(*slot);
    if (end == subject.size()) return link(node->here, subscription);
    position = end + 1;
  }
}

void SubjectIndex::remove(Subscription& subscription) {
  const std::string_view subject = subscription.subject();
  --size_;
  path_.clear();
  IndexNode* node = &root_;
  for (std::size_t position = 0;;) {
    const std::string_view token = token_at(subject, position);
    TokenSlot* const slot = node->children.find(hash(token), token);
    assert(slot);
    if (!slot->is_node()) {
      Subscription* head = slot->list();
      if (head == &subscription && !subscription.next) {
        drop_child(*node, *slot);
      } else {
        unlink(head, subscription);
        slot->set_list(head, position);
      }
      break;
    }
    node = slot->node();
    path_.emplace_back(node, position);
    position += token.size() + 1;
    if (position > subject.size()) {
      unlink(node->here, subscription);
      break;
    }
  }
  fold_path(subject);
}

void SubjectIndex::fold_path(std::string_view subject) {
  while (!path_.empty()) {
    const auto [node, position] = path_.back();
    path_.pop_back();
    const std::size_t below = node->children.size();
    if (below > 1 || (below == 1 && node->here)) return;
    Subscription* list = node->here;
    for (const TokenSlot& child : node->children) {
      if (!child.used()) continue;
      if (child.is_node()) return;
      list = child.list();
    }
    IndexNode& parent = path_.empty() ? root_ : *path_.back().first;
    const std::string_view token = token_at(subject, position);
    TokenSlot* const slot = parent.children.find(hash(token), token);
    if (list) {
      slot->set_list(list, position);
    } else {
      drop_child(parent, *slot);
    }
    free_node(node);
  }
}

void SubjectIndex::emit(Subscription* list, Matches& matches) {
  for (; list; list = list->next) {
    (list->queue_bytes == 0 ? matches.plain : matches.queued).push_back(list);
  }
}

// `slot` receives the token of the subject that ends at `end`; looks at the tokens behind.
void SubjectIndex::visit(const TokenSlot& slot, std::size_t end, Matches& matches) const {
  const bool last = end == matches.subject.size();
  if (slot.is_node()) {
    if (last) return emit(slot.node()->here, matches);
    return pending_.push_back({slot.node(), end + 1});
  }
  const std::string_view pattern = slot.list()->subject();
  const std::size_t pattern_end = slot.offset + token_at(pattern, slot.offset).size();
  const bool pattern_last = pattern_end == pattern.size();
  if (last != pattern_last) return;
  if (last || petiole::matches(pattern.substr(pattern_end + 1), matches.subject.substr(end + 1))) {
    emit(slot.list(), matches);
  }
}

void SubjectIndex::match(std::string_view subject, std::vector<Subscription*>& plain,
                         std::vector<Subscription*>& queued) const {
  if (!is_valid_published(subject)) return;
  Matches matches{subject, plain, queued};
  pending_.push_back({&root_, 0});
  while (!pending_.empty()) {
    const Step step = pending_.back();
    pending_.pop_back();
    const TokenTable& children = step.node->children;
    const std::string_view token = token_at(subject, step.position);
    const std::size_t end = step.position + token.size();
    if (step.node->tail) emit(children.find(hash(">"), ">")->list(), matches);
    if (step.node->star) visit(*children.find(hash("*"), "*"), end, matches);
    if (token == "*" || token == ">") continue;  // Found above, as what they are.
    if (const TokenSlot* slot = children.find(hash(token), token)) visit(*slot, end, matches);
  }
}

void SubjectIndex::for_each(const std::function<void(const Subscription&)>& visit) const {
  std::vector<const IndexNode*> nodes{&root_};
  const auto all = [&](const Subscription* list) {
    for (; list; list = list->next) visit(*list);
  };
  while (!nodes.empty()) {
    const IndexNode* const node = nodes.back();
    nodes.pop_back();
    all(node->here);
    for (const TokenSlot& slot : node->children) {
      if (!slot.used()) continue;
      if (slot.is_node()) {
        nodes.push_back(slot.node());
      } else {
        all(slot.list());
      }
    }
  }
}

}  // namespace petiole
