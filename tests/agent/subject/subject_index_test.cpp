#include "agent/subject/subject_index.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <unordered_set>

#include "agent/subject/subject.h"
#include "agent/subject/token_hash.h"

namespace petiole {
namespace {

class Nobody : public Subscriber {
 public:
  PeerKind kind() const override { return PeerKind::kClient; }
  bool deliver(Subscription&, const Message&) override { return true; }
};

using List = std::vector<Subscription*>;

List sorted(List list) {
  std::sort(list.begin(), list.end());
  return list;
}

// A random subject of few tokens over few words, so that much is shared.
std::string random_subject(std::mt19937& random, bool pattern) {
  static constexpr const char* kWords[] = {"a", "b", "longer-than-eight", "d", "*"};
  std::string subject;
  const unsigned long count = 1 + random() % 4;
  for (unsigned long i = 0; i < count; ++i) {
    if (i != 0) subject += '.';
    if (pattern && random() % 6 == 0 && i + 1 == count) return subject + ">";
    subject += kWords[random() % (pattern ? 5 : 4)];
  }
  return subject;
}

void check_same(const SubjectIndex& index, const List& all, const std::string& subject) {
  List plain, queued, plain_expected, queued_expected;
  index.match(subject, plain, queued);
  for (Subscription* each : all) {
    if (matches(each->subject(), subject)) {
      (each->queue().empty() ? plain_expected : queued_expected).push_back(each);
    }
  }
  CAPTURE(subject);
  REQUIRE(sorted(plain) == sorted(plain_expected));
  REQUIRE(sorted(queued) == sorted(queued_expected));
}

TEST_CASE("token hash: what collides without a seed does not with one") {
  // To libstdc++'s std::hash these two are one.
  constexpr std::string_view a = "ipniedko\xb4#-[Z\x01\x91L", b = "kcjemkma\x84\xc1"
                                                                  "f\x04\x7f"
                                                                  "c\xd0\x17";
  REQUIRE(a.size() == b.size());
  for (const std::uint64_t seed : {1u, 2u, 3u}) CHECK(TokenHash{seed}(a) != TokenHash{seed}(b));
  CHECK(TokenHash{1}(a) == TokenHash{1}(std::string(a)));
  CHECK(TokenHash{1}(a) != TokenHash{2}(a));
}

TEST_CASE("token hash: no change is taken back by another one, whatever the seed") {
  // Of eight blocks of two words each, the top bit of the first word and bits of the second.
  constexpr unsigned kBlocks = 8;
  for (const std::uint64_t seed : {std::uint64_t{1}, std::uint64_t{0x123456789abcdef0}}) {
    for (const int also : {-1, 3}) {  // A byte of the second word.
      std::unordered_set<std::size_t> hashes;
      for (unsigned changed = 0; changed < 1u << kBlocks; ++changed) {
        std::string token(16 * kBlocks, 'a');
        for (unsigned block = 0; block < kBlocks; ++block) {
          if ((changed >> block & 1) == 0) continue;
          token[16 * block + 7] ^= '\x80';
          token[16 * block + 15] ^= '\x80';
          if (also >= 0) token[16 * block + 8 + static_cast<unsigned>(also)] ^= '\x80';
        }
        hashes.insert(TokenHash{seed}(token));
      }
      CHECK(hashes.size() == 1u << kBlocks);
    }
  }
}

TEST_CASE("index: random operations agree with a list") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    Nobody owner;
    SubjectIndex index(seed);
    List all;
    for (int i = 0; i < 2000; ++i) {
      const bool grow = i < 1000 ? random() % 3 != 0 : random() % 3 == 0;
      if (grow || all.empty()) {
        const char* queue = random() % 4 == 0 ? "q" : "";
        all.push_back(make_subscription(owner, random_subject(random, true), queue, "1"));
        index.insert(*all.back());
      } else {
        std::swap(all[random() % all.size()], all.back());
        index.remove(*all.back());
        free_subscription(all.back());
        all.pop_back();
      }
      REQUIRE(index.size() == all.size());
      if (i % 4 == 0) check_same(index, all, random_subject(random, false));
      if (i % 64 == 0) check_same(index, all, random_subject(random, true));
    }
    List seen;
    index.for_each(
        [&](const Subscription& each) { seen.push_back(const_cast<Subscription*>(&each)); });
    CHECK(sorted(seen) == sorted(all));
    for (Subscription* each : all) {
      index.remove(*each);
      free_subscription(each);
    }
    CHECK(index.size() == 0);
    CHECK(index.node_count() == 0);
  }
}

struct Fixture {
  Nobody owner;
  SubjectIndex index;
  List made;
  ~Fixture() {
    for (Subscription* each : made) free_subscription(each);
  }
  Subscription& add(std::string_view subject, std::string_view queue = {}) {
    made.push_back(make_subscription(owner, subject, queue, "1"));
    index.insert(*made.back());
    return *made.back();
  }
  std::size_t count(std::string_view subject) {
    List plain, queued;
    index.match(subject, plain, queued);
    return plain.size() + queued.size();
  }
};

TEST_CASE_FIXTURE(Fixture, "index: what is published with wildcards is plain text") {
  add("foo.*");
  add("foo.>");
  add("foo.bar");
  CHECK(count("foo.*") == 2);
  CHECK(count("foo.>") == 2);
  CHECK(count("foo.bar") == 3);
}

TEST_CASE_FIXTURE(Fixture, "index: a published subject with an empty token reaches nobody") {
  add(">");
  add("*.*");
  for (const char* bad : {"", ".", "a.", ".a", "a..b"}) CHECK(count(bad) == 0);
  CHECK(count("a.b") == 2);
}

TEST_CASE_FIXTURE(Fixture, "index: one subject under a token needs no node, two share one") {
  Subscription& one = add("plant.line1.temperature");
  Subscription& again = add("plant.line1.temperature");
  CHECK(index.node_count() == 0);
  Subscription& other = add("plant.line2.temperature");
  CHECK(index.node_count() == 1);
  index.remove(other);
  CHECK(index.node_count() == 0);
  CHECK(count("plant.line1.temperature") == 2);
  index.remove(one);
  index.remove(again);
  CHECK(count("plant.line1.temperature") == 0);
}

TEST_CASE_FIXTURE(Fixture, "index: churn leaves no node behind") {
  add("a.b.c.d");
  for (int i = 0; i < 1000; ++i) {
    Subscription& churning = add("a.b." + std::to_string(i % 10) + ".x");
    Subscription& deeper = add("a.b." + std::to_string(i % 10) + ".y");
    index.remove(churning);
    index.remove(deeper);
  }
  CHECK(index.node_count() == 0);
}

TEST_CASE_FIXTURE(Fixture, "index: very deep subjects") {
  std::string deep = "a";
  for (int i = 0; i < 30000; ++i) deep += ".*";
  add(deep);
  add(deep + ".b");
  CHECK(index.node_count() == 30001);
  std::string literal = "a";
  for (int i = 0; i < 30000; ++i) literal += ".x";
  CHECK(count(literal) == 1);
  for (Subscription* each : made) index.remove(*each);
  CHECK(index.node_count() == 0);
}

}  // namespace
}  // namespace petiole
