#include "agent/auth/scope.h"

#include <algorithm>
#include <string_view>

#include "agent/subject/subject.h"

namespace petiole {

namespace {

// nats-server auth.go: maxPermTemplateSubjectExpansions.
constexpr std::size_t kSubjectsMax = 4096;

using Texts = std::vector<std::string>;

std::string lower(std::string_view text) {
  std::string low(text);
  for (char& c : low) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return low;
}

std::string_view trim(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

// `tag(x)` gives `x`, when it is such a call of `name`.
std::optional<std::string> argument_of(std::string_view call, std::string_view name) {
  const std::string low = lower(call);
  if (!low.starts_with(name) || !low.ends_with(")")) return std::nullopt;
  return low.substr(name.size(), low.size() - name.size() - 1);
}

Texts tagged(const Texts& tags, const std::string& name) {
  Texts values;
  for (const std::string& tag : tags) {
    if (tag.starts_with(name + ":")) values.push_back(tag.substr(name.size() + 1));
  }
  return values;
}

std::string replace_all(std::string text, std::string_view what, std::string_view by) {
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

// Replaces one call after the other in all texts that come of the ones before.
class Filler {
 public:
  Filler(const UserClaims& user, const AccountClaims& account) : user_(user), account_(account) {}

  // Appends what `text` becomes; false: a call is unknown, a value missing, or there are too many.
  bool fill(const std::string& text, bool must, Texts& out) {
    Texts made{text};
    while (made[0].find("{{") != std::string::npos) {
      if (!fill_next(made)) return false;
      if (made.empty()) return !must;
    }
    for (std::string& each : made) {
      if (is_subject(each)) {
        if (out.size() == kSubjectsMax) return false;
        out.push_back(std::move(each));
      } else if (must) {
        return false;
      }
    }
    return true;
  }

 private:
  static bool is_subject(std::string_view text) {
    return is_valid_subject(text) && text.find_first_of(" \t\r\n") == text.npos;
  }

  // All texts hold the same call first, as they differ only before it. One that is there twice has
  // the same value in both places.
  bool fill_next(Texts& texts) {
    const std::size_t begin = texts[0].find("{{");
    const std::size_t end = texts[0].find("}}", begin);
    if (end == std::string::npos) return false;
    const std::string call = texts[0].substr(begin, end + 2 - begin);
    const auto values = values_of(trim(std::string_view(call).substr(2, call.size() - 4)));
    if (!values || texts.size() * std::max<std::size_t>(values->size(), 1) > kSubjectsMax) {
      return false;
    }
    Texts filled;
    for (const std::string& text : texts) {
      for (const std::string& value : *values) {
        // A value is no template.
        if (value.find("{{") != std::string::npos || value.find("}}") != std::string::npos)
          continue;
        filled.push_back(replace_all(text, call, value));
      }
    }
    texts = std::move(filled);
    return true;
  }

  std::optional<Texts> values_of(std::string_view call) const {
    const std::string low = lower(call);
    if (low == "name()") return Texts{user_.name};
    if (low == "subject()") return Texts{user_.subject};
    if (low == "account-name()") return Texts{account_.name};
    if (low == "account-subject()") return Texts{user_.issuer_account};
    if (const auto tag = argument_of(call, "tag(")) return tagged(user_.tags, *tag);
    if (const auto tag = argument_of(call, "account-tag(")) return tagged(account_.tags, *tag);
    return std::nullopt;
  }

  const UserClaims& user_;
  const AccountClaims& account_;
};

// A list may name queues, where it has no templates.
bool fill_list(Filler& filler, bool must, Texts& list) {
  Texts filled;
  for (const std::string& text : list) {
    if (text.find("{{") == std::string::npos) {
      filled.push_back(text);
    } else if (!filler.fill(text, must, filled)) {
      return false;
    }
  }
  list = std::move(filled);
  return true;
}

bool fill_rules(Filler& filler, SubjectRules& rules) {
  if (!fill_list(filler, true, rules.deny)) return false;
  if (!rules.allow) return true;
  if (!fill_list(filler, false, *rules.allow)) return false;
  if (rules.allow->empty()) rules.deny.push_back(">");
  return true;
}

}  // namespace

Result<UserGrant> apply_scope(const UserGrant& scope, const UserClaims& user,
                              const AccountClaims& account) {
  UserGrant grant = scope;
  Filler filler(user, account);
  if (!fill_rules(filler, grant.permissions.publish) ||
      !fill_rules(filler, grant.permissions.subscribe)) {
    return {Errc::kConfig, "the scope's template makes no valid permissions for this user"};
  }
  return grant;
}

}  // namespace petiole
