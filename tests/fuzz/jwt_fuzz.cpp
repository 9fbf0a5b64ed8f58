// Properties of tokens that hold for any bytes: they are refused without a signature; what is read
// of claims, signed or not, is within its types.
#include <cstdint>
#include <cstdlib>

#include "agent/auth/jwt.h"
#include "agent/auth/jwt_reader.h"
#include "agent/auth/scope.h"
#include "agent/auth/validity.h"

namespace {

void read_as_signed(std::string_view text) {
  const petiole::Result<petiole::json::value> value = petiole::parse_json(text);
  if (!value.ok() || !value->is_object()) return;
  petiole::JwtReader reader;
  petiole::UserClaims user;
  petiole::AccountClaims account;
  petiole::read_grant(reader, value->get_object(), user.grant);
  petiole::read_account(reader, value->get_object(), account);
  if (!reader.ok()) return;
  for (const petiole::TimeRange& range : user.grant.times) {
    if (range.start < 0 || range.start >= 86400 || range.end < 0 || range.end >= 86400)
      std::abort();
  }
  user.name = "a.b";
  user.tags = {"t:1", "t:2"};
  const auto scoped = petiole::apply_scope(user.grant, user, account);
  if (scoped.ok() && scoped->permissions.publish.allow) {
    for (const std::string& each : *scoped->permissions.publish.allow) {
      if (each.find("{{name()}}") != each.npos) std::abort();
    }
  }
  (void)petiole::source_allowed(user.grant, "10.0.0.1");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)petiole::decode_user(text);
  (void)petiole::decode_account(text);
  (void)petiole::decode_operator(text);
  (void)petiole::decode_delete(petiole::find_token(text));
  read_as_signed(text);
  return 0;
}
