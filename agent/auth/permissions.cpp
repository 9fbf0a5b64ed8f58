#include "agent/auth/permissions.h"

#include <algorithm>

#include "agent/subject/subject.h"

namespace petiole {

namespace {

constexpr std::uint8_t kDeniedPlain = 1, kDeniedSomeQueue = 2;

PatternSet make_set(const std::vector<std::string>& entries, bool denies) {
  std::vector<std::string_view> fit;
  for (const std::string& entry : entries) {
    if (PatternSet::is_fit(entry)) {
      fit.push_back(entry);
    } else if (denies) {
      fit.push_back(">");
    }
  }
  return PatternSet(std::move(fit));
}

std::string_view subject_of(std::string_view entry) {
  entry.remove_prefix(std::min(entry.find_first_not_of(" \t"), entry.size()));
  return entry.substr(0, entry.find_first_of(" \t"));
}

bool has_queue(std::string_view entry) {
  if (!PatternSet::is_fit(entry)) return false;
  const std::string_view subject = subject_of(entry);
  const std::size_t behind =
      static_cast<std::size_t>(subject.data() - entry.data()) + subject.size();
  return entry.find_first_not_of(" \t", behind) != entry.npos;
}

// A queue that entries speak of is judged by them alone, where they allow: wire 2.4.
bool allowed_by(const PatternSet::Hits& hits, std::string_view queue) {
  return !queue.empty() && hits.queued ? hits.queue : hits.plain;
}

// A queue has no meaning where one publishes: what it allows is nothing, what it denies is the
// subject. Who may answer, and is told nothing else, may publish nothing else.
std::optional<std::vector<std::string>> publish_allow(const PermissionsConfig& config) {
  if (!config.publish.allow) {
    if (!config.responses) return std::nullopt;
    return std::vector<std::string>();
  }
  std::vector<std::string> allow = *config.publish.allow;
  std::erase_if(allow, [](const std::string& entry) { return has_queue(entry); });
  return allow;
}

std::vector<std::string> publish_deny(const PermissionsConfig& config) {
  std::vector<std::string> deny = config.publish.deny;
  for (std::string& entry : deny) {
    if (has_queue(entry)) entry = std::string(subject_of(entry));
  }
  return deny;
}

bool denied_by(const PatternSet::Hits& hits) { return hits.plain || hits.queue; }

}  // namespace

SubjectFilter::SubjectFilter(const std::optional<std::vector<std::string>>& allow,
                             const std::vector<std::string>& deny)
    : deny_(make_set(deny, true)) {
  if (allow) {
    allow_ = make_set(*allow, false);
    for (const std::string& entry : *allow) {
      if (PatternSet::is_fit(entry)) allowed_.emplace_back(subject_of(entry));
    }
  }
  for (const std::string& entry : deny) {
    denied_.emplace_back(PatternSet::is_fit(entry) ? subject_of(entry) : ">");
  }
}

bool SubjectFilter::ask_message(std::string_view subject) const {
  if (!is_valid_published(subject)) return !allow_;  // No list has what is no subject.
  if (allow_) {
    const PatternSet::Hits hits = allow_->match(subject);
    if (!hits.plain && !hits.queued) return false;
  }
  return !deny_.match(subject).plain;
}

bool SubjectFilter::interest(std::string_view subject, std::string_view queue) const {
  if (!is_valid_published(subject)) return !allow_;
  if (allow_ && !allowed_by(allow_->cover(subject, queue), queue)) return false;
  return deny_.empty() || !denied_by(deny_.cover(subject, queue));
}

bool SubjectFilter::overlaps_allowed(std::string_view subject, std::string_view queue) const {
  const bool any =
      !allow_ || std::any_of(allowed_.begin(), allowed_.end(),
                             [&](const std::string& each) { return overlaps(each, subject); });
  return any && (deny_.empty() || !denied_by(deny_.cover(subject, queue)));
}

bool SubjectFilter::may_deny(std::string_view subject, std::string_view queue) const {
  if (denied_.empty() || (queue.empty() && !has_wildcard(subject))) return false;
  return std::any_of(denied_.begin(), denied_.end(),
                     [&](const std::string& each) { return overlaps(each, subject); });
}

bool SubjectFilter::denies(std::string_view subject, std::string_view queue) const {
  if (deny_.empty()) return false;
  const std::uint8_t verdict = denials_.get(subject, [this](std::string_view text) -> std::uint8_t {
    const PatternSet::Hits hits = deny_.match(text);
    return static_cast<std::uint8_t>((hits.plain ? kDeniedPlain : 0) |
                                     (hits.queued ? kDeniedSomeQueue : 0));
  });
  if (verdict == 0) return false;
  if ((verdict & kDeniedPlain) != 0) return true;
  return !queue.empty() && deny_.match(subject, queue).queue;
}

Permissions::Permissions(PermissionsConfig config)
    : config_(std::move(config)),
      publish_(publish_allow(config_), publish_deny(config_)),
      subscribe_(config_.subscribe.allow, config_.subscribe.deny) {}

std::uint8_t connection_bit(std::string_view name) {
  struct Type {
    std::string_view name;
    std::uint8_t bit;
  };
  constexpr Type kTypes[] = {{"standard", kStandardConnection},
                             {"websocket", kWebSocketConnection},
                             {"leafnode", kLeafConnection},
                             {"leafnode_ws", kLeafWebSocketConnection}};
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; };
  for (const Type& type : kTypes) {
    if (std::equal(name.begin(), name.end(), type.name.begin(), type.name.end(), same)) {
      return type.bit;
    }
  }
  return 0;
}

std::shared_ptr<const Permissions> compile(const std::optional<PermissionsConfig>& config) {
  return config ? std::make_shared<const Permissions>(*config) : nullptr;
}

}  // namespace petiole
