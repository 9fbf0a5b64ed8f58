// What may cross a leaf link, in each direction: the hub's import and export lists, our own
// deny_imports and deny_exports, and JetStream's API. Wire: client-and-leaf 3.2, 3.5, 3.8.
#pragma once

#include <string>
#include <string_view>

#include "agent/protocol/info.h"

namespace petiole {

// Of this end. An entry is a subject pattern, or `pattern queue`, where the queue may be a pattern
// too; such an entry speaks of subscriptions in that queue only (wire 2.4).
struct LeafPermissions {
  SubjectPermissions send;     // INFO "export" for the soliciting side.
  SubjectPermissions receive;  // INFO "import".
};

// Subjects of a JetStream API that never cross a link without a domain (wire 3.8).
void deny_jetstream(SubjectPermissions& permission);

// Whether a message on `subject` may pass.
bool message_allowed(const SubjectPermissions& permission, std::string_view subject);

// Whether interest in `subject` may pass: wildcards broader than a denied subject may, and what is
// denied is then filtered message by message.
bool interest_allowed(const SubjectPermissions& permission, std::string_view subject,
                      std::string_view queue);

// `$LDS.`, `$GR.` and `_GR_.` interest is never checked.
bool is_unchecked_interest(std::string_view subject);
// `_R_.` and `$JS.ACK.` messages are never checked.
bool is_unchecked_message(std::string_view subject);

}  // namespace petiole
