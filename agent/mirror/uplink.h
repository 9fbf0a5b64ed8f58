// What the mirror needs of the link to a hub, and what it is told. The leaf session of a remote
// implements Uplink; a test has a model of it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "agent/protocol/mirror_mark.h"
#include "agent/routing/message.h"
#include "platform/time.h"

namespace petiole {

// Subjects of the answers to the mirror begin so.
inline constexpr std::string_view kMirrorInbox = "_PETIOLE.";

// What is known of the hub at the other end.
struct HubInfo {
  std::string server_id, server_name, version;
  std::string domain;  // JetStream domain; empty: none, then its API cannot be reached.
  bool jetstream = false;
  bool headers = false;
  bool drops_repeats = false;  // A petiole: what arrived once is not delivered again.
  std::size_t payload_bytes_max = 0;
};

// One established link. All calls on the loop's thread; valid between Mirror::link_up and
// link_down.
class Uplink {
 public:
  virtual ~Uplink() = default;
  virtual const HubInfo& hub() const = 0;

  // The hub has interest that covers `subject`, and permissions let us send it.
  virtual bool wants(std::string_view subject) const = 0;
  // Permissions let us send `subject`, with or without interest.
  virtual bool may_publish(std::string_view subject) const = 0;
  // They let the hub send us `subject`.
  virtual bool may_hear(std::string_view subject) const { return (void)subject, true; }

  // Queues the message behind all that was published before. Replies come by the account's own
  // subscriptions.
  virtual void publish(const Message& message) = 0;
  // The same to a hub that drops repeats, which is told what may be one.
  virtual void publish_marked(const Message& message, const MirrorMark& mark) {
    (void)mark;
    publish(message);
  }

  // `passed` is called once the hub has processed all that was published before (a PONG behind it).
  // Never called when the link breaks first.
  virtual void barrier(std::function<void()> passed) = 0;

  // The hub ended the link because a message was larger than it takes, and INFO did not say so: an
  // account's limit. Bytes of the largest that went over this link, header and payload: it was one
  // of those. 0: it did not.
  virtual std::size_t payload_refused() const { return 0; }

  // Bytes accepted by publish() and not yet written to the socket: pacing looks at it.
  virtual std::size_t queued_bytes() const = 0;
  virtual Duration round_trip() const = 0;  // Last measured; zero: unknown.
};

// The mirror's side. Called by the remote that owns the link.
class UplinkObserver {
 public:
  virtual ~UplinkObserver() = default;
  virtual void link_up(Uplink& link) = 0;  // Handshake done, first interest may still come.
  virtual void link_doubted(
      Uplink& link) = 0;  // A heartbeat is unanswered: no longer proven healthy.
  virtual void link_proven(Uplink& link) = 0;  // It answered after all.
  // Last use of `link`, which answers as before it broke; what is published now is lost.
  virtual void link_down(Uplink& link) = 0;
  virtual void interest_changed(Uplink& link) = 0;  // LS+, LS- or permissions.
  // It is to be told of a change that is of this subject alone.
  virtual bool cares_for(std::string_view subject) const { return (void)subject, true; }
  // Before interest_changed: nobody there may want what matches `subject` any more.
  virtual void interest_lost(Uplink& link, std::string_view subject) { (void)link, (void)subject; }
  virtual void link_drained(Uplink& link) = 0;  // queued_bytes() fell below the low-water mark.
};

}  // namespace petiole
