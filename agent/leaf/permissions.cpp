#include "agent/leaf/permissions.h"

#include "agent/subject/reserved.h"
#include "agent/subject/subject.h"

namespace petiole {

void deny(SubjectPermissions& permission, const std::vector<std::string>& subjects,
          const AccountNames& names, const std::function<void(const std::string&)>& wrong) {
  for (std::string subject : subjects) {
    const std::string error = fill_in_accounts(subject, names);
    if (!error.empty()) wrong("permission subject \"" + subject + "\": " + error);
    permission.deny.push_back(std::move(subject));
  }
}

void deny_jetstream(SubjectPermissions& permission) {
  for (const char* subject : {"$JS.API.>", "$KV.>", "$OBJ.>"}) permission.deny.push_back(subject);
}

bool message_allowed(const SubjectFilter& filter, std::string_view subject) {
  return filter.passes_all() || filter.message(without_gateway_prefix(subject));
}

bool interest_allowed(const SubjectFilter& filter, std::string_view subject,
                      std::string_view queue) {
  if (is_unchecked_interest(subject) || filter.interest(subject, queue)) return true;
  // A pattern broader than what is allowed is told, and judged message by message.
  return has_wildcard(subject) && filter.overlaps_allowed(subject, queue);
}

bool is_unchecked_interest(std::string_view subject) {
  return subject.starts_with("$LDS.") || subject.starts_with("$GR.") ||
         subject.starts_with("_GR_.");
}

bool is_unchecked_message(std::string_view subject) { return subject.starts_with("_R_."); }

}  // namespace petiole
