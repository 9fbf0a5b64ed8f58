#include "agent/closed_connections.h"

#include <iterator>
#include <string_view>
#include <type_traits>
#include <utility>

namespace petiole {

namespace {

template <class Out>
void put(Out out, std::uint64_t value) {
  using Byte = typename Out::container_type::value_type;
  for (; value >= 0x80; value >>= 7) *out++ = static_cast<Byte>(value | 0x80);
  *out = static_cast<Byte>(value);
}

template <class In>
std::uint64_t take(In& in) {
  std::uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(*in++);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

// A difference of times: small, of either sign.
std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

// The plain numbers of a report, in the order of the bytes.
template <class Report, class Visit>
void visit_numbers(Report& report, Visit visit) {
  visit(report.cid), visit(report.port), visit(report.pending_bytes), visit(report.subscriptions);
  visit(report.counters.messages_in), visit(report.counters.bytes_in);
  visit(report.counters.messages_out), visit(report.counters.bytes_out);
}

template <class Report, class Visit>
void visit_words(Report& report, Visit visit) {
  visit(report.type), visit(report.ip), visit(report.reason), visit(report.name);
  visit(report.lang), visit(report.version), visit(report.tls_version), visit(report.tls_cipher);
  visit(report.user), visit(report.account), visit(report.issuer), visit(report.name_tag);
}

std::string pack_words(const ConnectionReport& report) {
  std::string text;
  text += static_cast<char>(report.kind);
  text += report.is_spoke ? '\1' : '\0';
  visit_words(report, [&](const std::string& word) {
    put(std::back_inserter(text), word.size());
    text += word;
  });
  for (const std::string& tag : report.tags) {
    put(std::back_inserter(text), tag.size());
    text += tag;
  }
  return text;
}

void unpack_words(std::string_view text, ConnectionReport& report) {
  report.kind = static_cast<PeerKind>(text[0]);
  report.is_spoke = text[1] != '\0';
  auto at = text.begin() + 2;
  const auto take_word = [&at](std::string& word) {
    const auto bytes = static_cast<std::ptrdiff_t>(take(at));
    word.assign(at, at + bytes);
    at += bytes;
  };
  visit_words(report, take_word);
  while (at != text.end()) take_word(report.tags.emplace_back());
}

// Times are told from the end: `stop` whole, the others as what was before it.
void put_times(std::deque<unsigned char>& bytes, const ConnectionReport& report) {
  const auto out = std::back_inserter(bytes);
  put(out, zigzag(report.stop.time_since_epoch().count()));
  put(out, zigzag((report.stop - report.start).count()));
  put(out, zigzag((report.uptime - (report.stop - report.start)).count()));  // Mostly next to none.
  put(out, zigzag((report.stop - report.last_activity).count()));
  put(out, zigzag(report.rtt.count()));
}

template <class In>
void take_times(In& in, ConnectionReport& report) {
  report.stop = WallTime(Duration(unzigzag(take(in))));
  report.uptime = Duration(unzigzag(take(in)));
  report.start = report.stop - report.uptime;
  report.uptime += Duration(unzigzag(take(in)));
  report.last_activity = report.stop - Duration(unzigzag(take(in)));
  report.rtt = Duration(unzigzag(take(in)));
}

// Returns the number of the record's words.
template <class In>
std::uint64_t take_record(In& in, ConnectionReport& report) {
  const std::uint64_t words = take(in);
  visit_numbers(report, [&](auto& number) {
    number = static_cast<std::remove_reference_t<decltype(number)>>(take(in));
  });
  take_times(in, report);
  return words;
}

}  // namespace

void ClosedConnections::add(const ConnectionReport& report) {
  if (count_max_ == 0) return;
  if (count_ == count_max_) forget_oldest();
  put(std::back_inserter(bytes_), intern(pack_words(report)));
  visit_numbers(report, [&](auto number) { put(std::back_inserter(bytes_), number); });
  put_times(bytes_, report);
  ++count_;
}

std::uint32_t ClosedConnections::intern(std::string words) {
  const auto [at, fresh] = uses_.try_emplace(std::move(words));
  Use& use = at->second;
  ++use.records;
  if (!fresh) return use.number;
  if (free_.empty()) {
    use.number = static_cast<std::uint32_t>(words_.size());
    words_.push_back(&*at);
  } else {
    use.number = free_.back();
    free_.pop_back();
    words_[use.number] = &*at;
  }
  return use.number;
}

void ClosedConnections::forget_oldest() {
  auto at = bytes_.begin();
  ConnectionReport oldest;
  const auto number = static_cast<std::size_t>(take_record(at, oldest));
  bytes_.erase(bytes_.begin(), at);
  --count_;
  if (--words_[number]->second.records != 0) return;
  uses_.erase(uses_.find(words_[number]->first));
  words_[number] = nullptr;
  free_.push_back(static_cast<std::uint32_t>(number));
}

void ClosedConnections::for_each(const std::function<void(const ConnectionReport&)>& visit) const {
  auto at = bytes_.begin();
  for (std::size_t i = 0; i < count_; ++i) {
    ConnectionReport report;
    unpack_words(words_[take_record(at, report)]->first, report);
    visit(report);
  }
}

ConnectionReport ClosedConnections::back() const {
  ConnectionReport newest;
  for_each([&](const ConnectionReport& each) { newest = each; });
  return newest;
}

}  // namespace petiole
