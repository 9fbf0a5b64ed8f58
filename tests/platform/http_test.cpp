#include "platform/http.h"

#include <doctest/doctest.h>

#include "platform/http_target.h"
#include "tests/support/sim.h"

namespace petiole {
namespace {

using namespace std::chrono_literals;
using test::FakeWire;

struct Site {
  Site()
      : wire(pool),
        server(make_http_server([this](const HttpRequest& r) { return on(r); },
                                [this] { return next; })) {
    server->opened(wire, now);
  }
  HttpResponse on(const HttpRequest& request) {
    seen.push_back(request);
    if (request.path == "/dear") next = now + 5s;
    if (request.path == "/big") return {200, "text/plain", std::string(600000, 'x')};
    return {request.path == "/missing" ? 404 : 200, "application/json",
            "{\"p\":\"" + request.path + "\"}"};
  }
  // Gives bytes as a connection does: what is not used is offered again.
  std::string give(std::string_view bytes) {
    held.append(bytes);
    const auto used = server->receive(held, now);
    REQUIRE(used.ok());
    REQUIRE(*used <= held.size());
    held.erase(0, *used);
    return wire.take();
  }

  Time now{1000s}, next{};
  ChunkPool pool;
  FakeWire wire;
  std::vector<HttpRequest> seen;
  std::unique_ptr<Protocol> server;
  std::string held;
};

constexpr std::string_view kGet = "GET /varz?subs=1&x=a%20b+c HTTP/1.1\r\nHost: h\r\n\r\n";

TEST_CASE("http: a request is answered, and the connection stays open") {
  Site site;
  const std::string answer = site.give(kGet);
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(answer.find("Access-Control-Allow-Origin: *\r\n") != answer.npos);
  CHECK(answer.find("Content-Type: application/json\r\n") != answer.npos);
  CHECK(answer.find("Content-Length: 13\r\n") != answer.npos);
  CHECK(answer.ends_with("\r\n\r\n{\"p\":\"/varz\"}"));
  CHECK(site.seen.at(0).query ==
        std::vector<std::pair<std::string, std::string>>{{"subs", "1"}, {"x", "a b c"}});
  CHECK(!site.wire.closed);
  CHECK(site.give(kGet) == answer);
}

TEST_CASE("http: any cut of the input gives the same result") {
  const std::string input =
      std::string(kGet) + "HEAD /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" +
      "POST / HTTP/1.1\r\nHost: h\r\n\r\n" + std::string(kGet) + "GET /last HTTP/1.0\r\n\r\n";
  Site whole;
  const std::string expected = whole.give(input);
  CHECK(whole.wire.closed);
  for (std::size_t cut = 0; cut <= input.size(); ++cut) {
    Site site;
    std::string got = site.give(input.substr(0, cut));
    got += site.give(input.substr(cut));
    CHECK(got == expected);
  }
  Site slow;
  std::string got;
  for (const char c : input) got += slow.give({&c, 1});
  CHECK(got == expected);
}

TEST_CASE("http: answers by what is asked") {
  struct Case {
    const char* name;
    std::string input;
    const char* answer;  // How it begins.
    bool closed;
  };
  const Case cases[] = {
      {"not there", "GET /missing HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 404 Not Found", false},
      {"close", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK", true},
      {"1.0", "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK", true},
      {"another method", "DELETE / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 405 Method Not Allowed",
       false},
      {"garbage", "\x16\x03\x01 hello\r\n\r\n", "HTTP/1.1 400 Bad Request", true},
      {"not a path", "GET varz HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 Bad Request", true},
      {"broken escape", "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 Bad Request", true},
      {"endless header", "GET / HTTP/1.1\r\nA: " + std::string(20000, 'a'), "HTTP/1.1 431 ", true},
      {"endless target", "GET /" + std::string(20000, 'a'), "HTTP/1.1 431 ", true},
      {"endless body", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 999999\r\n\r\n",
       "HTTP/1.1 413 ", true},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Site site;
    const std::string answer = site.give(c.input);
    CHECK_MESSAGE(answer.starts_with(c.answer), answer);
    CHECK(site.wire.closed == c.closed);
  }
}

TEST_CASE("http: a HEAD gets the header of the GET and no body") {
  Site site;
  const std::string get = site.give("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string head = site.give("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(head == get.substr(0, get.find("\r\n\r\n") + 4));
}

TEST_CASE("http: a request has ten seconds to be complete, an idle connection a minute") {
  Site site;
  site.give("GET / HT");
  CHECK(site.server->tick(site.now += 9s).ok());
  site.give("TP/1.1\r\nA: b");  // A drip does not win time.
  CHECK(!site.wire.closed);
  CHECK(site.server->deadline() == Time(1010s));
  CHECK(site.server->tick(site.now += 1s).ok());
  CHECK(site.wire.closed);
  CHECK(site.wire.take().starts_with("HTTP/1.1 408 Request Timeout"));

  Site idle;
  idle.give(kGet);
  CHECK(idle.server->deadline() == Time(1060s));
  CHECK(idle.server->tick(idle.now += 60s).ok());
  CHECK(idle.wire.closed);
}

TEST_CASE("http: a peer that sends requests and reads nothing is not answered without limit") {
  Site site;
  std::string input;
  for (int i = 0; i < 10; ++i) input += "GET /big HTTP/1.1\r\nHost: h\r\n\r\n";
  const auto used = site.server->receive(input, site.now);
  REQUIRE(used.ok());
  CHECK(*used < input.size());
  CHECK(site.seen.size() == 2);
  CHECK(site.wire.paused);
  CHECK(site.wire.notify > 0);
  site.wire.take();
  site.server->drained(site.now);
  CHECK(!site.wire.paused);
  CHECK(site.server->receive(std::string_view(input).substr(*used), site.now).ok());
  CHECK(site.seen.size() == 4);

  // Nor for ever: it must go on reading.
  CHECK(site.wire.paused);
  site.wire.blocked = site.now += 30s;
  CHECK(site.server->tick(site.now += 59s).ok());
  CHECK(!site.wire.closed);
  CHECK(site.server->deadline() == site.wire.blocked + 60s);
  CHECK(site.server->tick(site.now += 1s).ok());
  CHECK(site.wire.closed);
}

TEST_CASE("http: after a dear request the next one waits, and loses no time by it") {
  constexpr std::string_view kDear = "GET /dear HTTP/1.1\r\nHost: h\r\n\r\n";
  Site site;
  site.give(std::string(kDear) + std::string(kDear) + "GET /a HT");
  CHECK(site.seen.size() == 1);
  CHECK(site.wire.paused);
  CHECK(site.server->deadline() == Time(1005s));
  for (std::size_t answered = 2; answered <= 3; ++answered) {
    CHECK(site.server->tick(site.now += 5s).ok());
    CHECK_FALSE(site.wire.paused);
    site.give("");
    CHECK(site.seen.size() == 2);
    CHECK(site.wire.paused == (answered == 2));
  }
  CHECK(site.server->deadline() == Time(1020s));
  site.next = site.now + 30s;  // Another connection's.
  site.give("TP/1.1\r\nHost: h\r\n\r\n");
  CHECK(site.seen.size() == 2);
  CHECK(site.server->tick(site.now += 30s).ok());
  site.give("");
  CHECK(site.seen.size() == 3);
  CHECK_FALSE(site.wire.closed);
}

TEST_CASE("http target: path and query") {
  const auto target = parse_http_target("/a%2Fb/+?x=1&&y&z=%26%3D#end");
  REQUIRE(target);
  CHECK(target->path == "/a/b/+");
  CHECK(target->query ==
        std::vector<std::pair<std::string, std::string>>{{"x", "1"}, {"y", ""}, {"z", "&="}});
  CHECK(parse_http_target("http://h:8222/varz?a")->path == "/varz");
  CHECK(parse_http_target("http://h")->path == "/");
  for (const char* text : {"", "a", "*", "/%", "/%2", "/%g0", "/%00", "/?a=%"}) {
    CHECK_MESSAGE(!parse_http_target(text), text);
  }
}

struct Getter {
  explicit Getter(std::size_t limit = 1000)
      : wire(pool), get(make_http_get("h:8222", "/varz", limit, [this](HttpResponse r) {
          ++calls;
          answer = std::move(r);
        })) {
    get->opened(wire, now);
  }
  Time now{1000s}, next{};
  ChunkPool pool;
  FakeWire wire;
  int calls = 0;
  HttpResponse answer;
  std::unique_ptr<Protocol> get;
};

TEST_CASE("http get: any cut of an answer gives the same result") {
  const std::string answers[] = {
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
      "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello",
  };
  for (const std::string& input : answers) {
    for (std::size_t cut = 0; cut <= input.size(); ++cut) {
      Getter getter;
      CHECK(getter.wire.take().starts_with("GET /varz HTTP/1.1\r\nHost: h:8222\r\n"));
      std::string held = input.substr(0, cut);
      held.erase(0, *getter.get->receive(held, getter.now));
      held += input.substr(cut);
      CHECK(getter.get->receive(held, getter.now).ok());
      getter.get->closed({Errc::kClosed, Stage::kOpen, "end"}, getter.now);
      CHECK(getter.calls == 1);
      CHECK(getter.answer.status == 200);
      CHECK(getter.answer.body == "hello");
      CHECK(getter.answer.content_type == "text/plain");
    }
  }
}

TEST_CASE("http get: no answer is told once, with the reason") {
  Getter refused;
  refused.get->closed({Errc::kNetwork, Stage::kConnect, "connection refused"}, refused.now);
  CHECK(refused.calls == 1);
  CHECK(refused.answer.status == 0);
  CHECK(refused.answer.body == "connection refused");

  Getter late;
  CHECK(late.get->tick(late.get->deadline()).ok());
  CHECK(late.answer.body == "no answer in time");
  late.get->closed({}, late.now);
  CHECK(late.calls == 1);

  Getter large(3);
  CHECK(large.get->receive("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", large.now).ok());
  CHECK(large.calls == 1);
  CHECK(large.answer.status == 0);

  Getter garbage;
  CHECK(garbage.get->receive("INFO {}\r\n", garbage.now).ok());
  CHECK(garbage.calls == 1);
  CHECK(garbage.answer.status == 0);

  Getter cut;
  CHECK(cut.get->receive("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", cut.now).ok());
  cut.get->closed({Errc::kClosed, Stage::kOpen, ""}, cut.now);
  CHECK(cut.calls == 1);
  CHECK(cut.answer.status == 0);
}

}  // namespace
}  // namespace petiole
