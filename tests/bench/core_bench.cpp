// The way of a message through memory: parse, match, publish; and the size of a subscription.
#include <malloc.h>

#include <cstring>
#include <string>
#include <vector>

#include "agent/routing/match_cache.h"
#include "agent/subject/subject_index.h"
#include "tests/agent/session/clients.h"
#include "tests/bench/bench.h"

namespace petiole::test {
namespace {

// `count` times the same publish: what one read of a busy socket holds.
std::string repeated(const std::string& line, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += line;
  return text;
}

void bench_parse(const char* name, const std::string& line, std::size_t n) {
  const std::string input = repeated(line, 64);
  const Limits limits;
  bench(name, n, [&](std::size_t count) {
    std::size_t at = 0, sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
      Op op;
      at += parse(std::string_view(input).substr(at), kClient, limits, true, op).used;
      sum += op.payload.size();
      if (at == input.size()) at = 0;
    }
    if (sum == 1) std::puts("");
  });
}

// Publishes through sessions; the outputs are emptied every batch, as a flush does.
void bench_publish(const char* name, const std::vector<std::string>& subscriptions,
                   const std::vector<std::string>& subjects, std::size_t n,
                   std::optional<PermissionsConfig> permissions = {}) {
  ServerFixture fixture;
  if (permissions) {
    fixture.config.auth.users = {
        {.user = "u", .password = "p", .nkey = {}, .permissions = std::move(permissions)}};
    fixture.config.auth.no_auth_user = "u";
  }
  std::vector<std::unique_ptr<Client>> subscribers;
  for (const std::string& subscription : subscriptions) {
    subscribers.push_back(fixture.connect());
    subscribers.back()->say("SUB " + subscription + " 1\r\n");
  }
  auto publisher = fixture.connect();
  std::string batch;
  constexpr std::size_t kBatch = 256;
  for (std::size_t i = 0; i < kBatch; ++i) {
    batch += "PUB " + subjects[i % subjects.size()] + " 16\r\n0123456789abcdef\r\n";
  }
  const Time now = fixture.machine.clock.now();
  bench(name, n, [&](std::size_t count) {
    for (std::size_t done = 0; done < count; done += kBatch) {
      (void)publisher->session->receive(batch, now);
      for (const auto& each : subscribers) each->wire.output().clear();
    }
  });
}

void bench_match(std::size_t n) {
  ServerFixture fixture;
  auto client = fixture.connect();
  std::vector<std::string> subjects;
  for (int i = 0; i < 1000; ++i) {
    client->say("SUB plant.line" + std::to_string(i) + ".* " + std::to_string(i) + "\r\n");
    subjects.push_back("plant.line" + std::to_string(i) + ".temperature");
  }
  std::vector<Subscription*> plain, queued;
  bench("index match, 1,000 patterns", n, [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      plain.clear();
      fixture.server().global().index().match(subjects[i % subjects.size()], plain, queued);
    }
  });
  MatchCache cache(Limits{}, 1);
  bench("cache hit, 1,000 subjects", n, [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      MatchEntry& entry = cache.pin(subjects[i % subjects.size()]);
      if (!entry.filled) cache.fill_done(entry);
      cache.unpin(entry);
    }
  });
}

// All included: subscription, index, the client's own table.
void bench_memory(const char* name, std::size_t n, std::size_t per_subject) {
  ServerFixture fixture;
  auto client = fixture.connect();
  const std::size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  for (std::size_t i = 0; i < n; ++i) {
    client->say("SUB device." + std::to_string(i / per_subject) + ".temperature " +
                std::to_string(i) + "\r\n");
  }
  const std::size_t bytes = mallinfo2().uordblks + mallinfo2().hblkhd - before;
  std::printf("%-34s %10.1f bytes each\n", name,
              static_cast<double>(bytes) / static_cast<double>(n));
}

void run(std::size_t n) {
  bench_parse("parse PUB 16 B", "PUB plant.line1 16\r\n0123456789abcdef\r\n", n);
  bench_parse("parse PUB 128 B", "PUB plant.line1 128\r\n" + std::string(128, 'x') + "\r\n", n);
  bench_parse("parse PING", "PING\r\n", n);
  bench_match(n);
  bench_publish("publish 16 B, nobody listens", {}, {"plant.line1"}, n);
  bench_publish("publish 16 B, 1 to 1", {"plant.line1"}, {"plant.line1"}, n);
  bench_publish("publish 16 B, 1 to 10", std::vector<std::string>(10, "plant.line1"),
                {"plant.line1"}, n / 10);
  bench_publish("publish 16 B, queue of 4", std::vector<std::string>(4, "plant.line1 workers"),
                {"plant.line1"}, n);
  std::vector<std::string> subjects;
  for (int i = 0; i < 1000; ++i) subjects.push_back("plant.line" + std::to_string(i));
  bench_publish("publish 16 B, > of 256 subjects", {"plant.>"}, subjects, n);
  // The same under permissions, which are to cost a tenth at most.
  const PermissionsConfig lists{
      .publish = {.allow = {{"plant.>", "other.*.x", "third"}}, .deny = {"plant.secret"}},
      .subscribe = {.allow = {}, .deny = {"plant.secret"}}};
  bench_publish("permissions: nobody listens", {}, {"plant.line1"}, n, lists);
  bench_publish("permissions: 1 to 1", {"plant.line1"}, {"plant.line1"}, n, lists);
  bench_publish("permissions: 1 to 1, filtered", {"plant.>"}, {"plant.line1"}, n, lists);
  bench_publish("permissions: > of 256 subjects", {"plant.>"}, subjects, n, lists);
  bench_memory("subscription, own subject", n, 1);
  bench_memory("subscription, two a subject", n, 2);
}

}  // namespace
}  // namespace petiole::test

int main(int argc, char** argv) {
  const bool small = argc > 1 && std::strcmp(argv[1], "--small") == 0;
  petiole::test::run(small ? 2'560 : 1'000'000);
}
