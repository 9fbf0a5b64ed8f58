// What may cross a leaf link, in each direction: the hub's import and export lists, our own
// deny_imports and deny_exports, and JetStream's API. Wire: client-and-leaf 3.2, 3.5, 3.8.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/auth/permissions.h"
#include "agent/protocol/info.h"
#include "agent/subject/account_functions.h"

namespace petiole {

// Of this end.
struct LeafPermissions {
  SubjectFilter send;     // INFO "export" for the soliciting side.
  SubjectFilter receive;  // INFO "import".
};

inline SubjectFilter compile(const SubjectPermissions& lists) { return {lists.allow, lists.deny}; }

// Adds to what is denied a remote's list, its functions of accounts worked out; what is wrong with
// one goes to `wrong`, and it is denied as it stands.
void deny(SubjectPermissions& permission, const std::vector<std::string>& subjects,
          const AccountNames& names, const std::function<void(const std::string&)>& wrong);

// Subjects of a JetStream API that never cross a link without a domain (wire 3.8).
void deny_jetstream(SubjectPermissions& permission);

// Whether a message on `subject` may pass.
bool message_allowed(const SubjectFilter& filter, std::string_view subject);

// Whether interest in `subject` may pass: wildcards broader than a denied subject may, and what is
// denied is then filtered message by message.
bool interest_allowed(const SubjectFilter& filter, std::string_view subject,
                      std::string_view queue);

// `$LDS.`, `$GR.` and `_GR_.` interest is never checked.
bool is_unchecked_interest(std::string_view subject);
// `_R_.` messages are never checked. From 2.15.3 on `$JS.ACK.` ones are.
bool is_unchecked_message(std::string_view subject);

}  // namespace petiole
