// Rules: wire/client-and-leaf.md section 2.4.
#include "agent/auth/permissions.h"

#include <doctest/doctest.h>

namespace petiole {
namespace {

using Lists = std::vector<std::string>;

struct PublishCase {
  const char* what;
  PermissionsConfig config;
  const char* subject;
  bool allowed;
};

PermissionsConfig publish(std::optional<Lists> allow, Lists deny = {}) {
  return {.publish = {.allow = std::move(allow), .deny = std::move(deny)}};
}
PermissionsConfig subscribe(std::optional<Lists> allow, Lists deny = {}) {
  return {.subscribe = {.allow = std::move(allow), .deny = std::move(deny)}};
}

TEST_CASE("permissions: publishing") {
  const PublishCase cases[] = {
      {"no list allows all", publish({}), "a.b", true},
      {"an empty list allows nothing", publish(Lists{}), "a", false},
      {"literal", publish({{"a.b"}}), "a.b", true},
      {"another literal", publish({{"a.b"}}), "a.c", false},
      {"a prefix is not enough", publish({{"a.b"}}), "a", false},
      {"longer is too much", publish({{"a.b"}}), "a.b.c", false},
      {"one token", publish({{"a.*"}}), "a.b", true},
      {"one token, not two", publish({{"a.*"}}), "a.b.c", false},
      {"all behind", publish({{"a.>"}}), "a.b.c", true},
      {"all behind is at least one", publish({{"a.>"}}), "a", false},
      {"a wildcard in the middle", publish({{"a.*.c"}}), "a.b.c", true},
      {"everything", publish({{">"}}), "x", true},
      {"two ways to the same end", publish({{"a.*.x", "a.b.y"}}), "a.b.x", true},
      {"deny wins", publish({{"a.>"}}, {"a.b"}), "a.b", false},
      {"deny alone leaves the rest", publish({}, {"a.*"}), "b", true},
      {"deny by wildcard", publish({}, {"a.*"}), "a.b", false},
      {"published wildcards are text", publish({{"a.*"}}), "a.>", true},
      {"published wildcards are text, in lists too", publish({{"a.b"}}), "a.*", false},
      {"a queue allows nothing", publish({{"a q"}}), "a", false},
      {"a queue denies its subject", publish({}, {"a q"}), "a", false},
      {"no list has what is no subject", publish({{"a.>", ">"}}), "a..b", false},
      {"where there is no list it goes to nobody", publish({}, {"a.*"}), "a.", true},
      {"what is unfit allows nothing", publish({{"a..b"}}), "a..b", false},
      {"what is unfit denies all", publish({}, {"a..b"}), "x", false},
      {"responses alone", {.responses = ResponseRule{}}, "a", false},
      {"responses and a list",
       {.publish = {.allow = {{"a"}}}, .responses = ResponseRule{}},
       "a",
       true},
      {"responses and a deny",
       {.publish = {.deny = {"b"}}, .responses = ResponseRule{}},
       "a",
       false},
  };
  for (const PublishCase& each : cases) {
    CAPTURE(each.what);
    const Permissions permissions(each.config);
    for (int again = 0; again < 2; ++again) {
      CHECK(permissions.publish().message(each.subject) == each.allowed);
    }
  }
}

struct SubscribeCase {
  const char* what;
  PermissionsConfig config;
  const char *subject, *queue;
  bool allowed, filtered;
};

TEST_CASE("permissions: subscribing") {
  const SubscribeCase cases[] = {
      {"no list", subscribe({}), "a.>", "", true, false},
      {"covered wildcard", subscribe({{"foo.>"}}), "foo.*", "", true, false},
      {"strict: a narrower allow does not pass a broader request", subscribe({{"foo.*"}}), "foo.>",
       "", false, false},
      {"strict: one token", subscribe({{"foo.a"}}), "foo.*", "", false, false},
      {"equal", subscribe({{"foo.*"}}), "foo.*", "", true, false},
      {"denied", subscribe({}, {"foo.bar"}), "foo.bar", "", false, false},
      {"denied by wildcard", subscribe({}, {"foo.*"}), "foo.bar", "", false, false},
      {"deny covers a wildcard request", subscribe({}, {"foo.>"}), "foo.*", "", false, false},
      {"broader than denied: accepted, filtered", subscribe({}, {"foo.bar"}), "foo.*", "", true,
       true},
      {"broader, overlapping", subscribe({}, {"*.bar"}), "foo.>", "", true, true},
      {"a wildcard that meets nothing denied", subscribe({}, {"foo.bar"}), "baz.*", "", true,
       false},
      {"allow \"foo v1\": no plain", subscribe({{"foo v1"}}), "foo", "", false, false},
      {"allow \"foo v1\": v1", subscribe({{"foo v1"}}), "foo", "v1", true, false},
      {"allow \"foo v1\": not v2", subscribe({{"foo v1"}}), "foo", "v2", false, false},
      {"allow \"foo\": any queue", subscribe({{"foo"}}), "foo", "v2", true, false},
      {"both: plain", subscribe({{"foo", "foo v1"}}), "foo", "", true, false},
      {"both: v1", subscribe({{"foo", "foo v1"}}), "foo", "v1", true, false},
      {"both: not v2", subscribe({{"foo", "foo v1"}}), "foo", "v2", false, false},
      {"queue patterns", subscribe({{"foo *.dev"}}), "foo", "q.dev", true, false},
      {"queue patterns, not all", subscribe({{"foo *.dev"}}), "foo", "q.prod", false, false},
      {"a queue that is called like a pattern", subscribe({{"foo v1.*"}}), "foo", "v1.*", true,
       false},
      {"deny \"foo v1\": plain", subscribe({}, {"foo v1"}), "foo", "", true, false},
      {"deny \"foo v1\": v1", subscribe({}, {"foo v1"}), "foo", "v1", false, false},
      {"deny \"foo v1\": v2", subscribe({}, {"foo v1"}), "foo", "v2", true, true},
      {"deny wins", subscribe({{"foo"}}, {"foo"}), "foo", "", false, false},
      {"deny for any queue", subscribe({{">"}}, {"> *.prod", "> prod"}), "foo", "prod", false,
       false},
  };
  for (const SubscribeCase& each : cases) {
    CAPTURE(each.what);
    const Permissions permissions(each.config);
    const bool allowed = permissions.subscribe().interest(each.subject, each.queue);
    CHECK(allowed == each.allowed);
    if (!allowed) continue;
    CHECK(permissions.subscribe().may_deny(each.subject, each.queue) == each.filtered);
  }
}

TEST_CASE("permissions: what is denied at delivery") {
  const Permissions permissions(subscribe({}, {"foo.bar", "queue.> v1"}));
  const SubjectFilter& filter = permissions.subscribe();
  for (int again = 0; again < 2; ++again) {
    CHECK(filter.denies("foo.bar", ""));
    CHECK(filter.denies("foo.bar", "q"));
    CHECK_FALSE(filter.denies("foo.baz", ""));
    CHECK_FALSE(filter.denies("queue.a", ""));
    CHECK_FALSE(filter.denies("queue.a", "v2"));
    CHECK(filter.denies("queue.a", "v1"));
  }
}

TEST_CASE("permissions: thousands of entries, some of them the same") {
  Lists allow;
  for (int i = 0; i < 20000; ++i) allow.push_back("device." + std::to_string(i % 10000) + ".>");
  const Permissions permissions(publish(allow));
  CHECK(permissions.publish().message("device.9999.t"));
  CHECK_FALSE(permissions.publish().message("device.10000.t"));
  CHECK_FALSE(permissions.publish().message("device.1"));
}

TEST_CASE("permissions: which entries are fit") {
  for (const char* fit : {"a", "a.b", ">", "*", "a q", " a  q.* ", "$SYS.>"}) {
    CAPTURE(fit);
    CHECK(PatternSet::is_fit(fit));
  }
  for (const char* unfit : {"", " ", "a..b", ".a", "a.", "a.>.b", "a q r", "a q..r", "a\nb"}) {
    CAPTURE(unfit);
    CHECK_FALSE(PatternSet::is_fit(unfit));
  }
  CHECK_FALSE(PatternSet::is_fit(std::string(PatternSet::kPatternBytesMax + 1, 'a')));
}

}  // namespace
}  // namespace petiole
