// What can be asked of the system account: a table from subjects to what answers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "agent/monitor/endpoints.h"
#include "agent/system/identity.h"
#include "agent/system/options.h"
#include "agent/system/statsz.h"

namespace petiole {

// Performs a reload of the configuration; returns what is wrong, empty: nothing.
using Reload = std::function<std::string()>;

// One request, while it is answered.
struct CallContext {
  const MonitorInput& input;
  ServerIdentity& identity;
  const Reload& reload;
  std::string_view account;  // Of kAccount calls: the one asked about.
  std::string_view body;
  Account& from;           // Where the request was published.
  std::uint64_t from_cid;  // Who published it; 0: not a connection of ours.
  Query query;
};

// What a call gives back. An envelope is {"server":…,"data":…} or {"server":…,"error":…}.
struct Answer {
  enum class Form : std::uint8_t { kSilent, kEnvelope, kBare };
  Form form = Form::kEnvelope;
  json::value body{};        // Of an envelope: the data; null: none.
  const char* key = "data";  // Its name in the envelope; null: it is left out.
  int code = 0;              // Of an error, as in HTTP.
  std::string error{};
};

// Where a call is found: `$SYS.REQ.SERVER.<id>.<name>`, `$SYS.REQ.SERVER.PING.<name>`,
// `$SYS.REQ.ACCOUNT.<account>.<name>`, or the whole subject.
enum CallScope : std::uint8_t { kThisServer = 1, kAllServers = 2, kAccount = 4, kWhole = 8 };

struct Call {
  std::string_view name;
  std::uint8_t scope;
  const OptionTable* options;  // Null: the body is not looked at for options and filters.
  Answer (*answer)(CallContext&);
  bool without_reply = false;  // Means something even so: STATSZ.
};

struct FoundCall {
  const Call* call = nullptr;  // Null: nobody answers this subject.
  std::string_view account{};  // In the subject.
};

// A subject in the system account.
FoundCall find_call(std::string_view subject, std::string_view server_id);
// A subject in another account: of what each may ask for itself.
FoundCall find_account_call(std::string_view subject, std::string_view account);

// Reads the options, applies the filters, calls.
Answer run_call(const Call& call, CallContext& context);

// answers.cpp
Answer answer_idz(CallContext& context);
Answer answer_statsz(CallContext& context);
Answer answer_varz(CallContext& context);
Answer answer_subsz(CallContext& context);
Answer answer_connz(CallContext& context);
Answer answer_routez(CallContext& context);
Answer answer_gatewayz(CallContext& context);
Answer answer_leafz(CallContext& context);
Answer answer_accountz(CallContext& context);
Answer answer_jsz(CallContext& context);
Answer answer_healthz(CallContext& context);
Answer answer_profilez(CallContext& context);
Answer answer_expvarz(CallContext& context);
Answer answer_empty(CallContext& context);
Answer answer_account_jsz(CallContext& context);
Answer answer_account_info(CallContext& context);
Answer answer_account_statz(CallContext& context);
Answer answer_account_conns(CallContext& context);
// control.cpp
Answer answer_kick(CallContext& context);
Answer answer_lame_duck(CallContext& context);
Answer answer_reload(CallContext& context);
Answer answer_subscribers(CallContext& context);
Answer answer_user_info(CallContext& context);

}  // namespace petiole
