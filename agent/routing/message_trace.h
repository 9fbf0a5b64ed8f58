// One message whose way is told: nats-server's message tracing (msgtrace.go, ADR-41).
//
// The session that takes the message opens a trace when its headers ask for one; what the message
// passes notes an event each; at the end the session hands the trace to the server, which publishes
// it (ServerEvents::traced). Nothing of this runs for other messages: who delivers asks once for
// each message whether there is a trace. Lives for one publish. Loop thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/protocol/trace_headers.h"
#include "agent/routing/account.h"
#include "platform/host.h"

namespace petiole {

// Why a target did not get the message, or the peer will not go on with the trace.
namespace trace_error {
inline constexpr const char* kOnlyNoSupport =
    "Not delivered because remote does not support message tracing";
inline constexpr const char* kNoSupport =
    "Message delivered but remote does not support message tracing so no trace event generated "
    "from there";
inline constexpr const char* kNoEcho = "Not delivered because of no echo";
inline constexpr const char* kPublishDenied =
    "Not delivered because publish denied for this subject";
inline constexpr const char* kSubscribeDenied =
    "Not delivered because subscription denies this subject";
inline constexpr const char* kSubscriptionClosed = "Not delivered because subscription is closed";
inline constexpr const char* kClosed = "Not delivered because client is closed";
inline constexpr const char* kSlowLink =  // Ours: the reference has no limit for leafs.
    "Not delivered because the link is too slow";
inline constexpr const char* kTooLarge = "maximum payload exceeded";
}  // namespace trace_error

class MessageTrace {
 public:
  enum class Encoding : std::uint8_t { kNone, kGzip, kSnappy, kIdentity };

  // Where the message came in; `bytes` of header and payload.
  MessageTrace(const TraceHeaders& headers, std::string_view dest, const Subscriber& from,
               std::string_view subject, std::size_t bytes, const Clock& clock);

  bool only() const { return only_; }  // Nothing is delivered; all else is done.
  const std::string& dest() const { return dest_; }
  Encoding encoding() const { return encoding_; }
  std::size_t hops() const { return hops_; }

  // While the message is in an account that imported it, events from behind come another way.
  void set_dest(std::string dest) { dest_ = std::move(dest); }

  void fail(std::string_view error) { error_ = error; }
  void add_mapping(std::string_view to);
  void add_stream_export(std::string_view account, std::string_view to);
  void add_service_import(std::string_view account, std::string_view from, std::string_view to);
  // The mirror keeps it, or says why it does not.
  void add_store(std::string_view subject, std::string_view error);

  // Gives the message to a subscription as Subscriber::deliver does, unless it is to be traced
  // alone; the result is the same. `shown` is the subject that the event names. Parts of the agent
  // are no targets, and get it always: what they hand on they tell themselves.
  bool give(const Account::Origin& origin, Subscription& subscription, const Message& message,
            std::string_view shown);

  // The same to a leaf, by `send`, which takes the message with its hop.
  template <class Send>
  bool give_leaf(Subscriber& leaf, const Message& message, Send send) {
    Message copy = message;
    return begin_hop(leaf, message, copy) && send(copy);
  }

  // The event as JSON. `server` is a JSON object.
  std::string json(std::string_view server) const;

 private:
  void begin_event(std::string_view type);
  void end_event() { events_ += '}'; }
  void field(std::string_view name, std::string_view value);
  void add_egress(const Subscriber& target, std::string_view subject, std::string_view queue,
                  std::string_view hop, const char* error);
  bool begin_hop(Subscriber& leaf, const Message& message, Message& copy);
  bool is_full() const;

  const Clock& clock_;
  std::string dest_;
  Encoding encoding_;
  bool only_;
  std::string request_;          // {"header":…,"msgsize":…}
  std::string ingress_, error_;  // The first event, up to its error.
  std::string account_;          // Where it came in.
  std::string events_;           // The others, each behind a comma.
  std::string hop_;              // Of this server in the whole way; empty: the first.
  std::string header_;           // Of the copy that goes to a leaf.
  std::size_t hops_ = 0;
};

// What a session is to do with a message that may ask for a trace.
enum class TraceStart : std::uint8_t {
  kNone,     // It does not, after all.
  kTraced,   // If the peer may publish on its destination.
  kDisable,  // No, and the message is to say so to others.
  kSkip,     // Nor is it delivered.
};

// The message came from `from` into `account`. `problem` is for the log; empty: there is none.
TraceStart start_trace(const Subscriber& from, const Account& account, std::string_view subject,
                       std::string_view header, std::size_t bytes, const Host& host,
                       std::unique_ptr<MessageTrace>& trace, std::string& problem);

}  // namespace petiole
