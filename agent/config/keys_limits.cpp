// The top level's limits and log options.
#include <algorithm>
#include <limits>

#include "agent/config/keys.h"
#include "platform/syslog.h"

namespace petiole {
namespace {

using E = const ConfigEntry&;

constexpr std::uint64_t kPendingMost = std::numeric_limits<std::int64_t>::max();

// nats-server takes -1 as "no limit".
void read_count(Reader& r, E entry, std::size_t& target) {
  std::int64_t count = 0;
  r.number(entry, count, -1, std::numeric_limits<std::int32_t>::max());
  if (entry.value.is(ConfigValue::Kind::kInteger)) {
    target = count < 0 ? 0 : static_cast<std::size_t>(count);
  }
}

void read_connections(Reader& r, E entry, Config& c) {
  if (is_zero(entry)) return;
  read_count(r, entry, c.limits.connections_max);
  // "None" as a number, because 0 connections would be none at all.
  if (c.limits.connections_max == 0) {
    c.limits.connections_max = std::numeric_limits<std::int32_t>::max();
  }
}

// nats-server takes what is negative as "no limit".
void read_payload(Reader& r, E entry, Config& c) {
  if (is_zero(entry)) return;
  if (!entry.value.is(ConfigValue::Kind::kInteger) || entry.value.integer > 0) {
    return r.size(entry, c.limits.payload_bytes_max, 1, kPayloadMost);
  }
  c.limits.payload_bytes_max = kNoPayloadLimit;
  r.warning(entry.place, "\"max_payload\" without a limit: 64MB, the most that petiole takes");
}

// What is negative is no limit, as 0 is.
void read_files_max(Reader& r, E entry, Config& c) {
  r.number(entry, c.log.files_max, INT32_MIN, INT32_MAX);
  c.log.files_max = std::max(c.log.files_max, 0);
}

void read_closed_clients(Reader& r, E entry, Config& c) {
  if (!is_zero(entry)) read_count(r, entry, c.limits.closed_connections_max);
}

void read_syslog_address(Reader& r, E entry, Config& c) {
  std::string url;
  r.text(entry, url);
  if (!parse_syslog(url)) return r.error(entry.value.place, '"' + url + "\" " + kNoSyslogUrl);
  c.log.remote_syslog = url;
  c.log.syslog = c.log.syslog || !url.empty();
}

void read_no_headers(Reader& r, E entry, Config& c) {
  bool off = !c.limits.headers;
  r.boolean(entry, off);
  c.limits.headers = !off;
}

// Where is_zero is asked, nats-server takes 0 for its default.
constexpr Key<Config> kLimitKeys[] = {
    {"max_connections|max_conn", read_connections},
    {"max_subscriptions|max_subs",
     [](Reader& r, E e, Config& c) { read_count(r, e, c.limits.subscriptions_max); }},
    {"max_control_line",
     [](Reader& r, E e, Config& c) {
       if (!is_zero(e)) r.size(e, c.limits.control_line_bytes_max, 64, 1 << 20);
     }},
    {"max_payload", read_payload},
    {"max_pending",
     [](Reader& r, E e, Config& c) {
       if (!is_zero(e)) r.size(e, c.limits.pending_bytes_max, 1, kPendingMost);
     }},
    {"no_header_support", read_no_headers},
    {"max_sub_tokens|max_subscription_tokens",
     [](Reader& r, E e, Config& c) { r.number(e, c.limits.subscription_tokens_max, 0, 255); }},
    {"max_closed_clients", read_closed_clients},
    {"ping_interval",
     [](Reader& r, E e, Config& c) {
       if (!is_zero(e)) r.quoted_duration(e, c.limits.ping_interval, 1ms);
     }},
    {"ping_max",
     [](Reader& r, E e, Config& c) {
       if (!is_zero(e)) r.number(e, c.limits.pings_out_max, 1, 1000);
     }},
    {"write_deadline",
     [](Reader& r, E e, Config& c) {
       if (!is_zero(e)) r.quoted_duration(e, c.limits.write_deadline, 1ms);
     }},

    {"debug", [](Reader& r, E e, Config& c) { r.boolean(e, c.log.debug); }},
    {"trace", [](Reader& r, E e, Config& c) { r.boolean(e, c.log.trace); }},
    {"trace_verbose", [](Reader& r, E e, Config& c) { r.boolean(e, c.log.trace_verbose); }},
    {"trace_headers", [](Reader& r, E e, Config& c) { r.boolean(e, c.log.trace_headers); }},
    {"max_traced_msg_len",
     [](Reader& r, E e, Config& c) { r.bytes(e, c.log.traced_bytes_max, 0, kPendingMost); }},
    {"logtime", [](Reader& r, E e, Config& c) { r.boolean(e, c.log.time); }},
    {"logtime_utc", [](Reader& r, E e, Config& c) { r.boolean(e, c.log.time_utc); }},
    {"log_file|logfile", [](Reader& r, E e, Config& c) { r.text(e, c.log.file); }},
    {"log_size_limit|logfile_size_limit",
     [](Reader& r, E e, Config& c) { r.bytes(e, c.log.size_limit, 0, kPendingMost); }},
    {"log_max_num|logfile_max_num", read_files_max},
    {"syslog", [](Reader& r, E e, Config& c) { r.boolean(e, c.log.syslog); }},
    {"remote_syslog", read_syslog_address},

    {"connect_error_reports",
     [](Reader& r, E e, Config& c) {
       if (!is_zero(e)) r.number(e, c.link.connect_error_reports, 1, INT32_MAX);
     }},
    {"reconnect_error_reports",
     [](Reader& r, E e, Config& c) {
       if (!is_zero(e)) r.number(e, c.link.reconnect_error_reports, 1, INT32_MAX);
     }},
    {"no_fast_producer_stall", KeyKind::kNoEffect,
     "publishers are not made to wait for slow subscribers"},
    {"disable_sublist_cache|no_sublist_cache", KeyKind::kNoEffect, "the match cache is always on"},
    {"write_timeout", KeyKind::kNoEffect, "a connection over write_deadline is closed"},
    {"feature_flags", KeyKind::kNoEffect, "nats-server's internal flags mean nothing here"},
    {"prof_port|prof_block_rate", KeyKind::kNoEffect, "Go's profiler is not part of petiole"},
};

}  // namespace

std::span<const Key<Config>> limit_keys() { return kLimitKeys; }

}  // namespace petiole
