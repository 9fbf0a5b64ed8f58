// What a log says of a connection. The lines are those of a nats-server 2.15.2.
#include "agent/session/trace.h"

#include <doctest/doctest.h>

#include "agent/protocol/writer.h"

namespace petiole {
namespace {

TEST_CASE("trace: text is quoted as Go quotes it") {
  CHECK(go_quoted("a\"b\\c") == R"("a\"b\\c")");
  CHECK(go_quoted("\a\b\f\n\r\t\v") == R"("\a\b\f\n\r\t\v")");
  CHECK(go_quoted(std::string_view("\0\x1f\x7f", 3)) == R"("\x00\x1f\x7f")");
  CHECK(go_quoted("Grüße 日本 🙂") == "\"Grüße 日本 🙂\"");
  CHECK(go_quoted("\xff\xc3(\xe2\x82") == R"("\xff\xc3(\xe2\x82")");
  CHECK(go_quoted("\xc0\x80\xed\xa0\x80") ==
        R"("\xc0\x80\xed\xa0\x80")");  // Too long; a surrogate.
  CHECK(go_quoted("\xc2\x85\xc2\xa0\xe2\x80\xa8") == R"("\u0085\u00a0\u2028")");
}

TEST_CASE("trace: an operation") {
  CHECK(trace_operation(Way::kIn, "PING") == "<<- [PING]");
  CHECK(trace_operation(Way::kIn, "PUB", "a 5") == "<<- [PUB a 5]");
  CHECK(trace_operation(Way::kOut, "MSG a 1 5") == "->> [MSG a 1 5]");
  CHECK(trace_operation(Way::kNeither, "DELSUB", "1") == "<-> [DELSUB 1]");
}

TEST_CASE("trace: a message, cut where the configuration says so") {
  LogConfig log;
  const std::string_view header = "NATS/1.0\r\nA: b\r\n\r\n";
  CHECK(trace_message(Way::kIn, {}, "hello", log) == R"(<<- MSG_PAYLOAD: ["hello"])");
  CHECK(trace_message(Way::kOut, header, "x", log) ==
        R"(->> MSG_PAYLOAD: ["NATS/1.0\r\nA: b\r\n\r\nx"])");
  CHECK(trace_message(Way::kIn, {}, {}, log).empty());
  log.traced_bytes_max = 3;
  CHECK(trace_message(Way::kIn, {}, "hello", log) == R"(<<- MSG_PAYLOAD: ["hel..."])");
  CHECK(trace_message(Way::kIn, {}, "hel", log) == R"(<<- MSG_PAYLOAD: ["hel"])");
  log = LogConfig();
  log.trace_headers = true;
  CHECK(trace_message(Way::kIn, header, "x", log) == R"(<<- MSG_PAYLOAD: ["NATS/1.0\r\nA: b"])");
  CHECK(trace_message(Way::kIn, {}, "hello", log).empty());
}

TEST_CASE("trace: a line in two, its blanks as they are") {
  const auto traced = [](std::string_view bytes) {
    const TracedLine line = trace_line(bytes);
    return line.verb + "|" + line.argument;
  };
  CHECK(traced("pub  a   b 5\r\nhello\r\n") == "PUB|a   b 5");
  CHECK(traced("SUB\ta 1\n") == "SUB|a 1");
  CHECK(traced("PING ignored\r\n") == "PING|");
  CHECK(traced("UNSUB") == "UNSUB|");
  CHECK(traced("CONNECT {\"pass\":\"x\"}\r\n") == R"(CONNECT|{"pass":"[REDACTED]"})");
}

TEST_CASE("trace: the line of a delivery") {
  Message message;
  message.reply = "r";
  message.payload = "hello";
  CHECK(message_line("MSG", "a", "1", message, true) == "MSG a 1 r 5");
  message.header = "NATS/1.0\r\n\r\n";
  CHECK(message_line("MSG", "a", "1", message, true) == "HMSG a 1 r 12 17");
  CHECK(message_line("MSG", "a", "1", message, false) == "MSG a 1 r 5");
  CHECK(message_line("LMSG", "a", {}, message, true) == "HMSG a r 12 17");
}

struct Secret {
  std::string_view said, shown;
};

// nats-server client_test.go, TestRemoveSecretsFromTrace and its like.
constexpr Secret kSecrets[] = {
    {R"({"user":"a","pass":"s"})", R"({"user":"a","pass":"[REDACTED]"})"},
    {R"({"user":"pass","pass":"pass"})", R"({"user":"pass","pass":"[REDACTED]"})"},
    {R"({"auth_token":"s"})", R"({"auth_token":"[REDACTED]"})"},
    {R"({ "pass" : "s", "a":1})", R"({ "pass" : "[REDACTED]", "a":1})"},
    {R"({"password":"s"})", R"({"password":"[REDACTED]"})"},
    {R"({"pass":""})", R"({"pass":"[REDACTED]"})"},
    {R"({"pass":12,"b":3})", R"({"pass":[REDACTED],"b":3})"},
    {R"({"sig":"s","nkey":"k","proxy_sig":"p"})",
     R"({"sig":"[REDACTED]","nkey":"[REDACTED]","proxy_sig":"[REDACTED]"})"},
    {R"({"my_sig":"s"})", R"({"my_sig":"s"})"},
    {R"({"jwt":"j"})", R"({"jwt":"j"})"},
    {R"({"pass":"s,e}c\"r","user":"a"})", R"({"pass":"[REDACTED]","user":"a"})"},
    {R"({"pass":"s,e)", R"({"pass":"[REDACTED])"},
    {R"({"pass":"s\)", R"({"pass":"[REDACTED])"},
    {R"({"PASS":"s","Auth_Token":"t","Sig":"g"})",
     R"({"PASS":"[REDACTED]","Auth_Token":"[REDACTED]","Sig":"[REDACTED]"})"},
    {R"(pass=s,user=a)", R"(pass=[REDACTED],user=a)"},
    {R"({"user":"a"})", R"({"user":"a"})"},
    {R"({"pass)", R"({"pass)"},
    {R"({"pass":)", R"({"pass":[REDACTED])"},
    {"", ""},
};

TEST_CASE("trace: no secrets") {
  for (const Secret& secret : kSecrets) {
    CAPTURE(secret.said);
    CHECK(redact_secrets(secret.said) == secret.shown);
  }
}

TEST_CASE("trace: why an operation was refused") {
  const Limits limits{.payload_bytes_max = 10};
  const auto text = [&](ParseError error, std::string_view bytes) {
    return refusal_text(error, bytes, "Client", limits);
  };
  constexpr auto kArguments = ParseError::kArguments;
  CHECK(text(kArguments, "SUB a\r\n") == R"(processSub Parse Error: "a")");
  CHECK(text(kArguments, "UNSUB a b c\r\n") == R"(processUnsub Parse Error: "a b c")");
  CHECK(text(kArguments, "PUB a\r\n") == R"(processPub Parse Error: "a")");
  CHECK(text(kArguments, "PUB a x\r\n") == R"(processPub Bad or Missing Size: "a x")");
  CHECK(text(kArguments, "HPUB a 1\r\n") == R"(processHeaderPub Parse Error: "a 1")");
  CHECK(text(kArguments, "HPUB a x 1\r\n") ==
        R"(processHeaderPub Bad or Missing Header Size: "a x 1")");
  CHECK(text(kArguments, "LS+ a b\r\n") == "processLeafSub Parse Error: 'a b'");
  CHECK(text(ParseError::kPayloadTooLarge, "PUB a b 99\r\n") ==
        "maximum payload exceeded: 99 vs 10");
  CHECK(text(ParseError::kControlLine, "PUB") == "maximum control line exceeded");
  CHECK(text(ParseError::kClientError, "-ERR 'x'\r\n") == "Client Error 'x'");
  CHECK(text(ParseError::kUnknownOperation, "FOO\r\n") ==
        R"(Client parser ERROR, state=0, i=0: proto='"FOO\r"...')");
  CHECK(text(ParseError::kUnknownOperation, std::string(100, 'x')) ==
        "Client parser ERROR, state=0, i=0: proto='\"" + std::string(32, 'x') + "\"...'");
}

}  // namespace
}  // namespace petiole
