// Ids of what is on disk, where a store and a copy of it, each in a box of its own, are both in
// use.
#include <algorithm>
#include <utility>

#include "agent/mirror/backlog.h"

namespace petiole {

namespace {

constexpr std::size_t kEpochsMax = 16;

}  // namespace

const IdScheme& Backlog::disk_ids(Sequence sequence) const {
  std::size_t last = epochs_.size() - 1;
  while (epochs_[last].from > sequence) --last;
  return epochs_[last].ids;
}

void Backlog::load_epochs() {
  const std::string text = setup_.store.state(epochs_key_).value_or("");
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = take_word(rest, '\n');
    const auto from = parse_number(take_word(line, ' '));
    const auto epoch = parse_hex(line);
    if (from && epoch) epochs_.push_back({*from, {setup_.leaf_id, *epoch}});
  }
}

// What may have been sent keeps its id. On disk before anything goes under a new one.
void Backlog::renew_ids() {
  const Sequence from = std::max({last_sent_, sent_before_, state_.passed, maybe_upto_}) + 1;
  const std::uint64_t epoch = setup_.memory_epoch + epochs_.size();
  epochs_.push_back({from, {setup_.leaf_id, epoch}});
  std::string text = setup_.store.state(epochs_key_).value_or("");
  append_number(text, from);
  text += ' ';
  append_hex(text, epoch);
  text += '\n';
  setup_.store.set_state(epochs_key_, text);
  durable_sent_limit_ = 0;
  note(true, false);
}

void Backlog::send_anew(Entry& entry) {
  copied_ = true;
  const bool newest = entry.sequence >= epochs_.back().from;
  if (newest && epochs_.size() < kEpochsMax && !failed_) renew_ids();
  note_refusal();  // It comes behind those that the hub took.
  std::string header;
  keep_id(entry.order - first_order(), header, memory_ids_, entry.order);
  requeue(entry, false);
}

}  // namespace petiole
