#include "agent/leaf/permissions.h"

#include <algorithm>

#include "agent/subject/subject.h"

namespace petiole {

namespace {

struct Entry {
  std::string_view subject, queue;
};

Entry split_entry(std::string_view entry) {
  const std::size_t blank = entry.find(' ');
  if (blank == entry.npos) return {entry, {}};
  const std::size_t queue = entry.find_first_not_of(' ', blank);
  return {entry.substr(0, blank), queue == entry.npos ? std::string_view() : entry.substr(queue)};
}

// An entry for a queue says nothing of plain interest; one without speaks of both.
bool entry_covers(std::string_view text, std::string_view subject, std::string_view queue) {
  const Entry entry = split_entry(text);
  if (!entry.queue.empty() && (queue.empty() || !covers(entry.queue, queue))) return false;
  return covers(entry.subject, subject);
}

// The part of `_GR_.<6>.<6>.<subject>` that permissions speak of.
std::string_view without_gateway_prefix(std::string_view subject) {
  constexpr std::size_t kPrefix = 19;  // "_GR_." and two groups of six with their dots.
  if (!subject.starts_with("_GR_.") || subject.size() <= kPrefix) return subject;
  return subject.substr(kPrefix);
}

}  // namespace

void deny_jetstream(SubjectPermissions& permission) {
  for (const char* subject : {"$JS.API.>", "$KV.>", "$OBJ.>"}) permission.deny.push_back(subject);
}

bool message_allowed(const SubjectPermissions& permission, std::string_view subject) {
  if (!permission.allow && permission.deny.empty()) return true;
  subject = without_gateway_prefix(subject);
  const auto hits = [subject](const std::string& entry) {
    return covers(split_entry(entry).subject, subject);
  };
  if (permission.allow && std::none_of(permission.allow->begin(), permission.allow->end(), hits)) {
    return false;
  }
  return std::none_of(
      permission.deny.begin(), permission.deny.end(),
      [&](const std::string& entry) { return split_entry(entry).queue.empty() && hits(entry); });
}

bool interest_allowed(const SubjectPermissions& permission, std::string_view subject,
                      std::string_view queue) {
  if (is_unchecked_interest(subject)) return true;
  const auto hits = [&](const std::string& entry) { return entry_covers(entry, subject, queue); };
  if (permission.allow && std::none_of(permission.allow->begin(), permission.allow->end(), hits)) {
    return false;
  }
  return std::none_of(permission.deny.begin(), permission.deny.end(), hits);
}

bool is_unchecked_interest(std::string_view subject) {
  return subject.starts_with("$LDS.") || subject.starts_with("$GR.") ||
         subject.starts_with("_GR_.");
}

bool is_unchecked_message(std::string_view subject) {
  return subject.starts_with("_R_.") || subject.starts_with("$JS.ACK.");
}

}  // namespace petiole
