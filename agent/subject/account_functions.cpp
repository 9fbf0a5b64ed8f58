#include "agent/subject/account_functions.h"

#include <array>

#include "agent/subject/mapping_call.h"
#include "agent/subject/subject.h"
#include "platform/crypto.h"

namespace petiole {

namespace {

enum class Which { kNone, kAccount, kExporter, kLeafRemote };

struct Call {
  Which which = Which::kNone;
  bool has_arguments = false;
};

Call read_call(std::string_view token) {
  std::string_view name;
  std::vector<std::string_view> arguments;
  if (!is_call(token) || !take_apart(token, name, arguments)) return {};
  const bool given = arguments.size() > 1 || !trimmed(arguments[0]).empty();
  if (is_named(name, "account-hash", {0, 8})) return {Which::kAccount, given};
  if (is_named(name, "account-hash-import", {0, 8, 13})) return {Which::kExporter, given};
  if (is_named(name, "account-hash-leaf-remote", {0, 8, 13, 18})) {
    return {Which::kLeafRemote, given};
  }
  return {};
}

std::string_view value_of(Which which, const AccountNames& names) {
  if (which == Which::kAccount) return names.account;
  return which == Which::kExporter ? names.exporter : names.leaf_remote;
}

}  // namespace

std::string account_hash(std::string_view account) {
  constexpr std::string_view kDigits =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const std::array<unsigned char, 32> sum = sha256(account);
  std::string hash(8, ' ');
  for (std::size_t i = 0; i < hash.size(); ++i) hash[i] = kDigits[sum[i] % kDigits.size()];
  return hash;
}

bool is_account_function(std::string_view token) { return read_call(token).which != Which::kNone; }

std::string fill_in_accounts(std::string& subject, const AccountNames& names) {
  if (subject.find("{{") == subject.npos) return {};
  std::string filled;
  for (Tokens tokens{subject}; tokens.more;) {
    const std::string_view token = tokens.next();
    const Call call = read_call(token);
    if (call.has_arguments && call.which != Which::kNone) {
      return wrong("too many arguments passed to the function", token);
    }
    const std::string_view name = value_of(call.which, names);
    const bool pending = call.which == Which::kLeafRemote && names.leaf_remote_pending;
    if (call.which != Which::kNone && name.empty() && !pending) {
      return wrong("function is not available in this context", token);
    }
    filled += call.which == Which::kNone || name.empty() ? std::string(token) : account_hash(name);
    if (tokens.more) filled += '.';
  }
  subject = std::move(filled);
  return {};
}

std::string fill_in_accounts(std::initializer_list<std::string*> subjects,
                             const AccountNames& names) {
  for (std::string* const each : subjects) {
    if (std::string error = fill_in_accounts(*each, names); !error.empty()) return error;
  }
  return {};
}

}  // namespace petiole
