#include "agent/auth/pattern_set.h"

#include <algorithm>

#include "agent/subject/subject.h"

namespace petiole {

namespace {

constexpr std::uint32_t kEnd = UINT32_MAX;
constexpr std::string_view kBlanks = " \t";

struct Entry {
  std::string_view pattern, queue;
};

std::string_view take_word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks), rest.size()));
  const std::string_view word = rest.substr(0, rest.find_first_of(kBlanks));
  rest.remove_prefix(word.size());
  return word;
}

Entry split(std::string_view entry) {
  Entry parts;
  parts.pattern = take_word(entry);
  parts.queue = take_word(entry);
  return parts;
}

// Names of queues may hold wildcards, too, and then stand for themselves first.
bool queue_fits(std::string_view pattern, std::string_view queue) {
  return pattern == queue || covers(pattern, queue);
}

}  // namespace

bool PatternSet::is_fit(std::string_view entry) {
  if (entry.size() > kPatternBytesMax) return false;
  std::string_view rest = entry;
  const std::string_view pattern = take_word(rest), queue = take_word(rest);
  return take_word(rest).empty() && is_valid_subject(pattern) &&
         (queue.empty() || is_valid_subject(queue)) &&
         entry.find_first_of("\r\n\f\v") == entry.npos;
}

// In order, so that children are appended: a list of thousands takes no time by its square.
PatternSet::PatternSet(std::vector<std::string_view> entries) {
  std::sort(entries.begin(), entries.end());
  for (const std::string_view entry : entries) insert(entry);
}

std::uint32_t PatternSet::child(std::uint32_t node, std::string_view token) {
  const auto next = static_cast<std::uint32_t>(nodes_.size());
  Node& parent = nodes_[node];
  if (token == "*") {
    if (parent.star != 0) return parent.star;
    parent.star = next;
  } else {
    const auto at = std::lower_bound(
        parent.children.begin(), parent.children.end(), token,
        [](const auto& each, std::string_view wanted) { return each.first < wanted; });
    if (at != parent.children.end() && at->first == token) return at->second;
    parent.children.emplace(at, token, next);
  }
  nodes_.emplace_back();
  return next;
}

void PatternSet::insert(std::string_view entry) {
  const Entry parts = split(entry);
  Tokens tokens{parts.pattern};
  std::uint32_t node = 0;
  bool tail = false;
  while (tokens.more && !tail) {
    const std::string_view token = tokens.next();
    tail = token == ">";
    if (!tail) node = child(node, token);
  }
  // A list that holds `>` alone has one node too many, so that empty() tells it from no list.
  if (nodes_.size() == 1) nodes_.emplace_back();
  Ends& ends = tail ? nodes_[node].tail : nodes_[node].here;
  if (parts.queue.empty()) {
    ends.plain = true;
  } else {
    ends.queues.emplace_back(parts.queue);
  }
}

void PatternSet::note(const Ends& ends, std::string_view queue, Hits& hits) {
  hits.plain = hits.plain || ends.plain;
  if (ends.queues.empty()) return;
  hits.queued = true;
  if (queue.empty() || hits.queue) return;
  hits.queue = std::any_of(ends.queues.begin(), ends.queues.end(),
                           [&](const std::string& each) { return queue_fits(each, queue); });
}

PatternSet::Hits PatternSet::walk(std::string_view subject, std::string_view queue,
                                  bool as_pattern) const {
  Hits hits;
  pending_.clear();
  pending_.push_back({0, 0});
  while (!pending_.empty()) {
    const Step step = pending_.back();
    pending_.pop_back();
    const Node& node = nodes_[step.node];
    if (step.position == kEnd) {
      note(node.here, queue, hits);
      continue;
    }
    note(node.tail, queue, hits);
    const std::string_view token = token_at(subject, step.position);
    if (as_pattern && token == ">") continue;  // Only another `>` receives all of that.
    const std::size_t end = step.position + token.size();
    const std::uint32_t next = end == subject.size() ? kEnd : static_cast<std::uint32_t>(end + 1);
    if (node.star != 0) pending_.push_back({node.star, next});
    const auto at = std::lower_bound(
        node.children.begin(), node.children.end(), token,
        [](const auto& each, std::string_view wanted) { return each.first < wanted; });
    if (at != node.children.end() && at->first == token) pending_.push_back({at->second, next});
  }
  return hits;
}

}  // namespace petiole
