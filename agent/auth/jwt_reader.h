// The inside of jwt.h: fields of a token's JSON, in their wanted type. As Go reads them, a field of
// another type refuses the whole token, and null is absent.
#pragma once

#include <string>
#include <vector>

#include "agent/auth/claims.h"
#include "platform/json.h"

namespace petiole {

class JwtReader {
 public:
  void text(const json::object& object, std::string_view name, std::string& to);
  void number(const json::object& object, std::string_view name, std::int64_t& to);
  void flag(const json::object& object, std::string_view name, bool& to);
  void texts(const json::object& object, std::string_view name, std::vector<std::string>& to);
  void numbers(const json::object& object, std::string_view name,
               std::map<std::string, std::int64_t>& to);
  // Null when absent.
  const json::object* object(const json::object& object, std::string_view name);
  const json::array* array(const json::object& object, std::string_view name);
  const json::value* given(const json::object& object, std::string_view name) const;

  bool ok() const { return ok_; }
  void fail() { ok_ = false; }

 private:
  bool ok_ = true;
};

// Parts of a token; what is wrong fails `reader`.
void read_permissions(JwtReader& reader, const json::object& object, PermissionsConfig& to,
                      bool& given);
// Fails where a subject is none: nats-server does not take such a token. (A scope's template it
// does.)
void check_permissions(JwtReader& reader, const PermissionsConfig& permissions);
void read_grant(JwtReader& reader, const json::object& object, UserGrant& to);
void read_account(JwtReader& reader, const json::object& nats, AccountClaims& to);

}  // namespace petiole
