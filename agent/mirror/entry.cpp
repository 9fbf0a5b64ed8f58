#include "agent/mirror/entry.h"

#include <utility>

namespace petiole {

namespace {

constexpr std::size_t kSpareCapacityMax = 4096;  // A large buffer is not kept.

std::size_t memory_of(const std::string& text) { return text.capacity() + sizeof(std::string); }

}  // namespace

void Entry::set(std::string_view new_subject, std::string_view new_header,
                std::string_view new_payload) {
  std::string buffer = std::exchange(text, {});
  *this = Entry{};
  text = std::move(buffer);
  text.assign(new_subject);
  text.append(new_header);
  text.append(new_payload);
  subject_bytes = static_cast<std::uint32_t>(new_subject.size());
  header_bytes = static_cast<std::uint32_t>(new_header.size());
}

Entry& EntryRing::slot() {
  if (size_ == slots_.size()) {
    std::vector<Entry> larger(slots_.empty() ? 16 : slots_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move((*this)[i]);
    slots_ = std::move(larger);
    head_ = 0;
  }
  return (*this)[size_++];
}

Entry& EntryRing::push(std::string_view subject, std::string_view header,
                       std::string_view payload) {
  Entry& entry = slot();
  if (!spares_.empty()) entry.text = take_spare();
  entry.set(subject, header, payload);
  bytes_ += entry.text.size();
  return entry;
}

std::string EntryRing::take_spare() {
  spare_bytes_ -= memory_of(spares_.back());
  std::string spare = std::move(spares_.back());
  spares_.pop_back();
  return spare;
}

void EntryRing::keep_spare(std::string text) {
  const std::size_t memory = memory_of(text);
  if (text.capacity() > kSpareCapacityMax || spare_bytes_ + memory > kSpareBytesMax) return;
  spare_bytes_ += memory;
  spares_.push_back(std::move(text));
}

Entry& EntryRing::push_from(EntryRing& other) {
  Entry& entry = slot();
  std::swap(entry, other.front());
  bytes_ += entry.text.size();
  other.bytes_ -= entry.text.size();
  other.head_ = (other.head_ + 1) & (other.slots_.size() - 1);
  --other.size_;
  if (!spares_.empty()) other.keep_spare(take_spare());  // For one that took this one's way.
  return entry;
}

void EntryRing::pop_front() {
  bytes_ -= front().text.size();
  keep_spare(std::exchange(front().text, {}));
  head_ = (head_ + 1) & (slots_.size() - 1);
  --size_;
}

void EntryRing::pop_back() {
  bytes_ -= back().text.size();
  keep_spare(std::exchange(back().text, {}));
  --size_;
}

void EntryRing::clear() {
  while (!empty()) pop_back();
  std::vector<Entry>().swap(slots_);
  std::vector<std::string>().swap(spares_);
  head_ = spare_bytes_ = 0;
}

void EntryRing::rewrite_header(std::size_t index, std::string_view header) {
  Entry& entry = (*this)[index];
  bytes_ -= entry.text.size();
  entry.text.replace(entry.subject_bytes, entry.header_bytes, header);
  entry.header_bytes = static_cast<std::uint32_t>(header.size());
  bytes_ += entry.text.size();
}

std::size_t EntryRing::lower_bound(Sequence sequence) const {
  std::size_t low = 0, high = size_;
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    std::size_t at = middle;
    while (at < high && (*this)[at].sequence == 0) ++at;
    if (at < high && (*this)[at].sequence < sequence)
      low = at + 1;
    else
      high = middle;
  }
  return low;
}

}  // namespace petiole
