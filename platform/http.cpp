#include "platform/http.h"

#include <algorithm>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>

#include "platform/http_target.h"

namespace petiole {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Error = boost::beast::error_code;
using Request = http::request_parser<http::string_body>;
using Response = http::response<http::string_body>;

constexpr std::uint32_t kHeaderBytesMax = 8 * 1024;
constexpr std::uint64_t kBodyBytesMax = 64 * 1024;     // Of a request. It is read and ignored.
constexpr std::size_t kPendingBytesMax = 1024 * 1024;  // Pipelined requests wait beyond it.
constexpr Duration kRequestTime = std::chrono::seconds(10);
constexpr Duration kIdleTime = std::chrono::seconds(60);  // Between requests.
constexpr Duration kGetTime = std::chrono::seconds(10);   // For a whole answer.

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

// Appends the serialized message; Beast leaves the body of a HEAD out by `split`.
template <bool kRequest, class Body>
void append(http::message<kRequest, Body>& message, bool head_only, Output& output) {
  http::serializer<kRequest, Body> serializer(message);
  serializer.split(head_only);
  Error error;
  while (!error && !(head_only ? serializer.is_header_done() : serializer.is_done())) {
    std::size_t bytes = 0;
    serializer.next(error, [&](Error&, const auto& buffers) {
      for (auto it = asio::buffer_sequence_begin(buffers); it != asio::buffer_sequence_end(buffers);
           ++it) {
        const asio::const_buffer piece(*it);
        output.append({static_cast<const char*>(piece.data()), piece.size()});
        bytes += piece.size();
      }
    });
    serializer.consume(bytes);
  }
}

class Server : public Protocol {
 public:
  Server(HttpHandler handler, HttpPace pace)
      : handler_(std::move(handler)), pace_(std::move(pace)) {
    begin();
  }

  void opened(Wire& wire, Time now) override {
    wire_ = &wire;
    due_ = now + kRequestTime;
  }

  Result<std::size_t> receive(std::string_view input, Time now) override {
    std::size_t used = 0;
    while (used < input.size() && !closing_) {
      if (wire_->output().size() > kPendingBytesMax) {
        wait_for_room(now);
        break;
      }
      if (const Time next = pace_ ? pace_() : now; now < next) {
        rest(now, next);
        break;
      }
      const Step step = take(input.substr(used), now);
      used += step.bytes;
      if (!step.done) break;
    }
    return closing_ ? input.size() : used;
  }

  Status tick(Time now) override {
    if (now < deadline() || closing_) return {};
    if (rest_end_ != kNever) {
      go_on(now);
    } else if (waiting_) {
      // A peer that takes some of it, however slowly, is served on.
      const Time stuck = wire_->blocked_since();
      if (stuck == kNever || now < stuck + kIdleTime) {
        due_ = (stuck == kNever ? now : stuck) + kIdleTime;
        return {};
      }
      close();
    } else if (started_) {
      answer_error(408);
    } else {
      close();
    }
    return {};
  }
  Time deadline() const override {
    if (closing_) return kNever;
    return rest_end_ != kNever ? rest_end_ : due_;
  }

  void drained(Time now) override {
    waiting_ = false;
    due_ = now + (started_ ? kRequestTime : kIdleTime);
    wire_->resume_reading();
  }
  void closed(const CloseReason&, Time) override { wire_ = nullptr; }

 private:
  struct Step {
    std::size_t bytes = 0;
    bool done = false;  // A whole request was answered.
  };

  void begin() {
    request_.emplace();
    request_->header_limit(kHeaderBytesMax);
    request_->body_limit(kBodyBytesMax);
    request_->eager(true);
    started_ = false;
  }

  Step take(std::string_view input, Time now) {
    if (!started_) due_ = now + kRequestTime;
    started_ = true;
    wire_->wake();
    std::size_t bytes = 0;
    if (!request_->is_header_done()) {
      // Beast sees a header when it is all there, and alone, so that where it was cut, and what
      // follows it, changes nothing.
      const std::size_t end = input.find("\r\n\r\n");
      if (end == input.npos) {
        if (input.size() > kHeaderBytesMax) answer_error(431);
        return {};
      }
      bytes = put(input.substr(0, end + 4));
      if (!closing_ && !request_->is_header_done()) answer_error(400);
    }
    if (!closing_ && !request_->is_done()) bytes += put(input.substr(bytes));
    if (closing_) return {bytes, false};
    if (!request_->is_done()) return {bytes, false};
    answer(request_->get());
    begin();
    due_ = now + kIdleTime;
    return {bytes, true};
  }

  std::size_t put(std::string_view input) {
    Error error;
    const std::size_t bytes = request_->put(asio::buffer(input.data(), input.size()), error);
    if (error && error != http::error::need_more) answer_error(status_of(error));
    return bytes;
  }

  static unsigned status_of(Error error) {
    if (error == http::error::header_limit || error == http::error::buffer_overflow) return 431;
    if (error == http::error::body_limit) return 413;
    return error == http::error::bad_version ? 505u : 400u;
  }

  void answer(const http::request<http::string_body>& request) {
    const bool keep = request.keep_alive();
    const bool head = request.method() == http::verb::head;
    if (!head && request.method() != http::verb::get) {
      return send({405, "text/plain", "405 Method Not Allowed\n"}, false, keep);
    }
    const std::optional<HttpTarget> target = parse_http_target(view(request.target()));
    if (!target) return answer_error(400);
    send(handler_({std::string(view(request.method_string())), target->path, target->query}), head,
         keep);
  }

  void answer_error(unsigned status) {
    const std::string_view reason = view(http::obsolete_reason(static_cast<http::status>(status)));
    send({static_cast<int>(status), "text/plain",
          std::to_string(status).append(" ").append(reason).append("\n")},
         false, false);
  }

  void send(HttpResponse&& answer, bool head, bool keep) {
    Response response(static_cast<http::status>(answer.status), 11, std::move(answer.body));
    response.set(http::field::content_type, answer.content_type);
    response.set(http::field::access_control_allow_origin, "*");
    if (answer.status == 405) response.set(http::field::allow, "GET, HEAD");
    response.keep_alive(keep);
    response.prepare_payload();
    append(response, head, wire_->output());
    wire_->wake();
    if (!keep) close();
  }

  void close() {
    closing_ = true;
    wire_->close({});
  }

  void wait_for_room(Time now) {
    waiting_ = true;
    wire_->pause_reading();
    wire_->notify_below(kPendingBytesMax / 2);
    due_ = now + kIdleTime;
  }

  // What is begun gets the time back that it waits for its turn.
  void rest(Time now, Time until) {
    wire_->pause_reading();
    rest_end_ = until;
    if (started_) due_ += until - now;
  }

  void go_on(Time now) {
    rest_end_ = kNever;
    if (!started_) due_ = now + kIdleTime;
    wire_->resume_reading();
  }

  HttpHandler handler_;
  HttpPace pace_;
  Wire* wire_ = nullptr;
  std::optional<Request> request_;
  Time due_ = kNever;
  Time rest_end_ = kNever;  // kNever: it does not wait for its turn.
  bool started_ = false;    // A byte of the current request is here.
  bool waiting_ = false;    // For the peer to read what it asked for.
  bool closing_ = false;
};

class Get : public Protocol {
 public:
  Get(std::string host, std::string target, std::size_t body_bytes_max, HttpDone done)
      : host_(std::move(host)), target_(std::move(target)), done_(std::move(done)) {
    answer_.header_limit(kHeaderBytesMax);
    answer_.body_limit(body_bytes_max);
    answer_.eager(true);
  }

  void opened(Wire& wire, Time now) override {
    wire_ = &wire;
    due_ = now + kGetTime;
    http::request<http::empty_body> request(http::verb::get, target_, 11);
    request.set(http::field::host, host_);
    request.set(http::field::user_agent, "petiole");
    request.keep_alive(false);
    append(request, false, wire.output());
    wire.wake();
  }

  Result<std::size_t> receive(std::string_view input, Time) override {
    if (!done_) return input.size();
    Error error;
    std::size_t used = 0;
    while (used < input.size() && !answer_.is_done() && !error) {
      const std::size_t bytes =
          answer_.put(asio::buffer(input.data() + used, input.size() - used), error);
      used += bytes;
    }
    if (error == http::error::need_more) error = {};
    if (!answer_.is_header_done() && input.size() - used > kHeaderBytesMax) {
      error = http::error::header_limit;
    }
    if (error) {
      finish({0, {}, "not a usable HTTP answer: " + error.message()});
    } else if (answer_.is_done()) {
      finish(result());
    }
    return done_ ? used : input.size();
  }

  Status tick(Time now) override {
    if (now >= due_) finish({0, {}, "no answer in time"});
    return {};
  }
  Time deadline() const override { return due_; }

  void closed(const CloseReason& reason, Time) override {
    wire_ = nullptr;
    if (!done_) return;
    Error error;
    if (reason.code == Errc::kClosed && answer_.is_header_done()) {
      answer_.put_eof(error);
      if (!error && answer_.is_done()) return finish(result());
    }
    finish({0, {}, reason.text.empty() ? "closed before an answer came" : reason.text});
  }

 private:
  HttpResponse result() {
    auto& answer = answer_.get();
    return {answer.result_int() > 0 ? static_cast<int>(answer.result_int()) : 0,
            std::string(view(answer[http::field::content_type])), std::move(answer.body())};
  }

  void finish(HttpResponse&& response) {
    due_ = kNever;
    if (wire_ != nullptr) wire_->close({});
    if (const HttpDone done = std::exchange(done_, nullptr)) done(std::move(response));
  }

  std::string host_, target_;
  HttpDone done_;
  Wire* wire_ = nullptr;
  http::response_parser<http::string_body> answer_;
  Time due_ = kNever;
};

}  // namespace

std::unique_ptr<Protocol> make_http_server(HttpHandler handler, HttpPace pace) {
  return std::make_unique<Server>(std::move(handler), std::move(pace));
}

std::unique_ptr<Protocol> make_http_get(std::string host, std::string target,
                                        std::size_t body_bytes_max, HttpDone done) {
  return std::make_unique<Get>(std::move(host), std::move(target), body_bytes_max, std::move(done));
}

}  // namespace petiole
