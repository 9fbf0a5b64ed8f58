// The full list of nats-server's options (opts.go of 2.15.3), block by block: each is accepted,
// told to have no effect, or refused with a reason; none is unknown.
#include <doctest/doctest.h>

#include <sstream>

#include "agent/config/load.h"
#include "tests/agent/config/files.h"

namespace petiole {
namespace {

struct Block {
  const char* before;  // In the file, what stands before and behind `key: value`.
  const char* after;
  const char* keys;
};

constexpr Block kBlocks[] = {
    {"", "",
     "listen client_advertise port server_name host net debug trace trace_verbose trace_headers "
     "logtime logtime_utc mappings maps disable_sublist_cache no_sublist_cache accounts "
     "default_sentinel authorization http https http_port monitor_port https_port http_base_path "
     "cluster gateway leaf leafnodes store_dir storedir jetstream logfile log_file "
     "logfile_size_limit log_size_limit logfile_max_num log_max_num syslog remote_syslog pidfile "
     "pid_file ports_file_dir prof_port prof_block_rate max_control_line max_payload max_pending "
     "proxy_protocol max_connections max_conn max_traced_msg_len max_subscriptions max_subs "
     "max_sub_tokens max_subscription_tokens ping_interval ping_max tls ocsp allow_non_tls "
     "write_deadline write_timeout lame_duck_duration lame_duck_grace_period operator operators "
     "roots root root_operators root_operator resolver account_resolver accounts_resolver "
     "resolver_tls resolver_preload resolver_pinned_accounts no_auth_user system_account system "
     "no_system_account no_system no_sys_acc no_header_support trusted trusted_keys "
     "connect_error_reports reconnect_error_reports websocket ws mqtt server_tags server_metadata "
     "feature_flags default_js_domain ocsp_cache no_fast_producer_stall max_closed_clients "
     "proxies"},
    {"authorization { ", " }",
     "user username pass password token timeout users default_permission default_permissions "
     "permissions auth_callout auth_hook proxy_required"},
    {"authorization { users [ { ", " } ] }",
     "nkey user username pass password permission permissions authorization "
     "allowed_connection_types connection_types clients proxy_required"},
    {"authorization { users [ { user: a, password: b, permissions { ", " } } ] }",
     "pub publish import sub subscribe export publish_allow_responses allow_responses"},
    {"accounts { A { ", " } }",
     "nkey imports exports jetstream users default_permissions mappings maps limits msg_trace "
     "trace_dest"},
    {"accounts { A { limits { ", " } } }",
     "max_connections max_conn max_subscriptions max_subs max_payload max_pay max_leafnodes "
     "max_leafs"},
    {"accounts { A { exports [ { service: s, ", " } ] } }",
     "response response_type threshold response_threshold response_max_time response_time accounts "
     "latency account_token_position allow_trace"},
    {"accounts { A { imports [ { stream: {account: B, subject: s}, ", " } ] } }",
     "prefix to allow_trace"},
    {"accounts { A { imports [ { service: {account: B, subject: s}, ", " } ] } }",
     "to share allow_trace"},
    {"tls { ", " }",
     "cert_file key_file ca_file insecure verify verify_and_map verify_cert_and_check_known_urls "
     "allow_insecure_cipher_suites cipher_suites curve_preferences timeout connection_rate_limit "
     "pinned_certs cert_store cert_match_by cert_match ca_certs_match handshake_first first "
     "immediate cert_match_skip_invalid ocsp_peer certs certificates min_version"},
    {"websocket { ", " }",
     "listen port host net advertise no_tls tls same_origin allowed_origins allowed_origin "
     "allow_origins allow_origin origins origin handshake_timeout compress compression "
     "authorization authentication jwt_cookie user_cookie pass_cookie token_cookie no_auth_user "
     "headers ping_interval"},
    {"leafnodes { ", " }",
     "listen port host net authorization remotes reconnect reconnect_delay reconnect_interval "
     "dial_timeout tls leafnode_advertise advertise no_advertise min_version minimum_version "
     "compression isolate_leafnode_interest isolate write_deadline write_timeout ping_interval "
     "ping_max"},
    {"leafnodes { authorization { ", " } }",
     "user username pass password nkey timeout users account proxy_required"},
    {"leafnodes { authorization { users [ { ", " } ] } }",
     "user username pass password account proxy_required"},
    {"leafnodes { remotes [ { url: h, ", " } ] }",
     "no_randomize dont_randomize url urls account local creds credentials nkey seed tls hub "
     "deny_imports deny_import deny_exports deny_export ws_compress ws_compression "
     "websocket_compress websocket_compression ws_no_masking websocket_no_masking "
     "jetstream_cluster_migrate js_cluster_migrate isolate_leafnode_interest isolate "
     "request_isolation compression first_info_timeout dial_timeout disabled proxy "
     "ignore_discovered_servers"},
    {"leafnodes { remotes [ { url: h, proxy { ", " } } ] }", "url username password timeout"},
};

TEST_CASE("config: none of nats-server's options is unknown") {
  std::size_t count = 0;
  for (const Block& block : kBlocks) {
    std::istringstream keys(block.keys);
    for (std::string key; keys >> key; ++count) {
      const std::string text = block.before + key + ": x" + block.after;
      CAPTURE(text);
      const LoadedConfig loaded = read_config(text, "f", test::Files{}.sources());
      for (const ConfigError& error : loaded.errors) {
        const std::string said = to_text(error);
        CAPTURE(said);
        CHECK(said.find("unknown field") == said.npos);
      }
    }
  }
  CHECK(count > 250);
  // The test can fail: this is what it looks for.
  const LoadedConfig wrong = read_config("nonsense: x", "f", test::Files{}.sources());
  REQUIRE(wrong.errors.size() == 1);
  CHECK(to_text(wrong.errors[0]).find("unknown field") != std::string::npos);
}

}  // namespace
}  // namespace petiole
