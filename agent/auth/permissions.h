// What one user may publish and subscribe to, compiled from its lists. Wire: client-and-leaf 2.4.
//
// Shared by all connections of a user, and by both ends of a leaf link. Asking allocates nothing.
// Loop thread: the caches inside belong to no other.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/auth/pattern_set.h"
#include "agent/auth/verdict_cache.h"
#include "agent/config/access.h"

namespace petiole {

// Allow and deny lists of one direction. An entry is a subject pattern, or `pattern queue`, which
// speaks of subscriptions in that queue only; the queue may be a pattern, too. Deny wins. Entries
// that are not fit (PatternSet::is_fit) allow nothing, and denied ones deny everything.
class SubjectFilter {
 public:
  SubjectFilter() = default;  // Lets everything pass.
  SubjectFilter(const std::optional<std::vector<std::string>>& allow,
                const std::vector<std::string>& deny);

  bool passes_all() const { return !allow_ && deny_.empty(); }

  // Whether a message on `subject` passes. An entry for a queue allows, yet does not deny it.
  bool message(std::string_view subject) const {
    if (passes_all()) return true;
    return messages_.get(subject, [this](std::string_view text) { return ask_message(text); });
  }
  // Whether interest passes. Broader interest than is denied does: see may_deny.
  bool interest(std::string_view subject, std::string_view queue) const;
  // Whether some message that interest in the pattern `subject` receives may pass.
  bool overlaps_allowed(std::string_view subject, std::string_view queue) const;
  // Whether a message that such interest receives may be one that denies() is to hold back.
  bool may_deny(std::string_view subject, std::string_view queue) const;
  // Whether a message on `subject` is denied to a subscription in `queue`, which may be empty.
  bool denies(std::string_view subject, std::string_view queue) const;

 private:
  bool ask_message(std::string_view subject) const;

  std::optional<PatternSet> allow_;
  PatternSet deny_;
  std::vector<std::string> allowed_, denied_;  // The subjects of allow_ and deny_.
  mutable VerdictCache messages_, denials_;
};

class Permissions {
 public:
  explicit Permissions(PermissionsConfig config);

  const SubjectFilter& publish() const { return publish_; }
  const SubjectFilter& subscribe() const { return subscribe_; }
  const std::optional<ResponseRule>& responses() const { return config_.responses; }
  const PermissionsConfig& config() const { return config_; }

 private:
  PermissionsConfig config_;
  SubjectFilter publish_, subscribe_;
};

// The bit of one of allowed_connection_types, whatever its case; 0: another.
std::uint8_t connection_bit(std::string_view name);

// Null when there are none.
std::shared_ptr<const Permissions> compile(const std::optional<PermissionsConfig>& config);

}  // namespace petiole
