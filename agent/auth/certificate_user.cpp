#include "agent/auth/certificate_user.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace petiole {
namespace {

using Attribute = std::pair<std::string, std::string>;

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return result;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char small = static_cast<char>(c | 32);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

// Takes the text up to an unescaped `end` or the end of all. RFC 4514: `\,` and `\2c`.
std::string take_part(std::string_view& rest, std::string_view ends) {
  std::string part;
  std::size_t i = 0;
  for (; i < rest.size() && ends.find(rest[i]) == ends.npos; ++i) {
    if (rest[i] != '\\' || i + 1 == rest.size()) {
      part += rest[i];
    } else if (i + 2 < rest.size() && digit(rest[i + 1]) >= 0 && digit(rest[i + 2]) >= 0) {
      part += static_cast<char>(digit(rest[i + 1]) * 16 + digit(rest[i + 2]));
      i += 2;
    } else {
      part += rest[++i];
    }
  }
  rest.remove_prefix(std::min(rest.size(), i));
  return std::string(trimmed(part));
}

// The attributes of "CN=box, O=plant"; empty: it is no distinguished name.
std::vector<Attribute> parse_name(std::string_view text) {
  std::vector<Attribute> name;
  while (!text.empty()) {
    const std::size_t equals = text.find('=');
    if (equals == text.npos) return {};
    const std::string type = upper(trimmed(text.substr(0, equals)));
    if (type.empty()) return {};
    text.remove_prefix(equals + 1);
    name.emplace_back(type, take_part(text, ",;+"));
    if (!text.empty()) text.remove_prefix(1);
  }
  return name;
}

std::vector<Attribute> subject_of(const PeerCertificate& certificate) {
  std::vector<Attribute> subject;
  for (const auto& [type, value] : certificate.subject) subject.emplace_back(upper(type), value);
  std::reverse(subject.begin(), subject.end());  // A name is written from its last attribute on.
  return subject;
}

template <class Match>
std::optional<std::string> first_user(const std::vector<std::string>& users, const Match& match) {
  const auto found = std::find_if(users.begin(), users.end(), match);
  return found == users.end() ? std::nullopt : std::optional(*found);
}

std::optional<std::string> by_name(const PeerCertificate& certificate,
                                   const std::vector<std::string>& users) {
  for (const auto* names : {&certificate.emails, &certificate.dns_names, &certificate.uris}) {
    for (const std::string& name : *names) {
      const auto user = first_user(users, [&](const std::string& each) { return each == name; });
      if (user) return user;
    }
  }
  return std::nullopt;
}

std::optional<std::string> by_subject(const PeerCertificate& certificate,
                                      const std::vector<std::string>& users) {
  std::vector<Attribute> subject = subject_of(certificate);
  if (subject.empty()) return std::nullopt;
  const auto exact =
      first_user(users, [&](const std::string& user) { return parse_name(user) == subject; });
  if (exact) return exact;
  std::sort(subject.begin(), subject.end());
  return first_user(users, [&](const std::string& user) {
    std::vector<Attribute> name = parse_name(user);
    std::sort(name.begin(), name.end());
    return name == subject;
  });
}

}  // namespace

std::string subject_text(const PeerCertificate& certificate) {
  std::string text;
  for (auto each = certificate.subject.rbegin(); each != certificate.subject.rend(); ++each) {
    text += (text.empty() ? "" : ",") + each->first + "=";
    for (const char c : each->second) {
      if (std::string_view(",+\"\\<>;").find(c) != std::string_view::npos) text += '\\';
      text += c;
    }
  }
  return text;
}

std::optional<std::string> certificate_user(const PeerCertificate& certificate,
                                            const std::vector<std::string>& users) {
  if (const auto user = by_name(certificate, users)) return user;
  if (const auto user = by_subject(certificate, users)) return user;
  const std::string text = subject_text(certificate);
  return first_user(users, [&](const std::string& each) { return !text.empty() && each == text; });
}

}  // namespace petiole
