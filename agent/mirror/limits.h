// Every bound of the mirror, with unit and reason. All ours.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "platform/time.h"

namespace petiole {

struct MirrorLimits {
  std::size_t in_flight_messages_max = 4096;  // Sent, not confirmed; per rule.
  std::size_t in_flight_bytes_max = 4 << 20;
  std::size_t group_messages_max = 64;     // That share a reply subject; 1: none do.
  std::size_t group_after = 64;            // Answers to others, on this link, before the first do.
  std::size_t loaded_messages_max = 8192;  // In memory, sent or about to be; per rule.
  std::size_t loaded_bytes_max = 6 << 20;
  std::size_t tail_messages_max = 8192;  // The newest, kept so that live flow reads no disk.
  std::size_t tail_bytes_max = 2 << 20;
  std::size_t rules_in_full = 8;  // Of an account, with so much in memory each; of more, a share.
  std::size_t page_messages = 1024;  // Of one read,
  std::size_t load_messages = 256;   // and of one for the window: 50 us of a loop turn.
  std::size_t page_bytes = 512 << 10;
  std::size_t outage_messages_max = 4096;  // In memory only, while the link is healthy.
  std::size_t outage_bytes_max = 4 << 20;
  std::size_t held_bytes_max = 4 << 20;    // Captured while a log is still being opened.
  std::size_t queued_bytes_max = 8 << 20;  // On the way to the disk: publishers pause above.
  std::uint64_t sent_ahead = 8192;         // Sequences that one durable note allows to send.
  std::uint64_t note_messages = 4096;      // Confirmed before progress is noted on disk,
  Duration note_interval = std::chrono::milliseconds(250);  // or after so long, where a commit is
  Duration note_alone = std::chrono::seconds(5);  // due anyway; a commit of its own: this.
  std::size_t dedupe_ids_max = 65536;       // Publishers' own ids that are remembered; per rule.
  std::size_t suspects_max = 65536;         // Asked for after a crash; more than can be in flight.
  std::size_t last_subjects_max = 65536;    // keep: last; more subjects are kept in full.
  std::size_t parked_subjects_max = 1024;   // Remembered to see interest come; more: any change.
  std::size_t learned_subjects_max = 8192;  // Ways of confirmation found out by trying.
  std::size_t streams_max = 1024;           // Of the hub, that overlap our rules,
  std::size_t stream_subjects_max = 16384;  // and the subjects of all.
  std::size_t origins_max = 1024;     // Of leafs behind us, whose repeats are known; per rule.
  std::size_t floors_max = 64;        // Streams whose last confirmed sequence is noted; per rule.
  std::size_t requesters_max = 1024;  // Captured requests that answers are passed on to; per rule.
  std::size_t requests_max = 64;      // Outstanding at the hub's API; so many
  std::size_t requests_most = 512;    // while answers come as fast as the way allows.
  std::size_t walk_steps_max = 1024;  // Messages of others that are walked over.
  std::size_t removed_max = 8192;     // Of a stream, whose sequences are asked for.
  Duration request_timeout = std::chrono::seconds(5);
  Duration resolve_time_max = std::chrono::seconds(30);
  Duration ack_timeout = std::chrono::seconds(5);           // After the barrier behind it passed.
  Duration reprobe_grace = std::chrono::milliseconds(150);  // Where no PubAck came before.
  Duration probe_grace = std::chrono::milliseconds(750);    // For a first PubAck, the same.
  Duration stream_away_max = std::chrono::minutes(1);     // For a first one, where some came once.
  Duration backoff_min = std::chrono::milliseconds(500);  // After the hub refused for now.
  Duration backoff_max = std::chrono::seconds(30);
  Duration park_after = std::chrono::seconds(2);         // Without interest, others go ahead.
  Duration rescan_interval = std::chrono::seconds(5);    // Between looks at what was parked.
  Duration refresh_interval = std::chrono::seconds(60);  // Of what is known of the hub's streams.
  Duration refresh_after_change = std::chrono::seconds(1);
  int barriers_max = 4;             // PINGs under way.
  int evicted_per_turn_max = 2048;  // For want of room; the rest goes in the next turns.
};

}  // namespace petiole
