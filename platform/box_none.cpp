// Stands in for box.cpp in a build without PETIOLE_TLS.
#include "platform/box.h"

namespace petiole {
namespace {

constexpr Status kNone{Errc::kUnsupported, "xkeys need a build with PETIOLE_TLS"};

}  // namespace

Result<BoxPublic> box_public(const BoxSecret&) { return kNone; }

Result<std::string> box_seal(std::string_view, const BoxNonce&, const BoxPublic&,
                             const BoxSecret&) {
  return kNone;
}

Result<std::string> box_open(std::string_view, const BoxNonce&, const BoxPublic&,
                             const BoxSecret&) {
  return kNone;
}

}  // namespace petiole
