// Functions that stand for an account: `$JS.FC._.{{account-hash()}}.>`.
//
// Unlike those of transforms they are worked out once, where a subject is taken over: in mappings,
// exports and imports of accounts, and in what a remote denies. nats-server 2.15.3,
// subject_transform.go, "Account scoped mapping functions".
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace petiole {

// Whose hashes are to be had; empty: not here.
struct AccountNames {
  std::string_view account{};        // {{account-hash()}}
  std::string_view exporter{};       // {{account-hash-import()}}
  std::string_view leaf_remote{};    // {{account-hash-leaf-remote()}}
  bool leaf_remote_pending = false;  // Not known yet: that one stays as it is.
};

// Eight letters and digits; nats-server's getHash.
std::string account_hash(std::string_view account);

// Whether `token` is one of the functions.
bool is_account_function(std::string_view token);

// Puts the hashes in. Returns what is wrong, in nats-server's words, and leaves `subject` then;
// empty: nothing.
std::string fill_in_accounts(std::string& subject, const AccountNames& names);
// Each in its turn, up to the first that is wrong.
std::string fill_in_accounts(std::initializer_list<std::string*> subjects,
                             const AccountNames& names);

}  // namespace petiole
