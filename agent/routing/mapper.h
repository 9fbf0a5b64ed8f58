// The mappings of an account: on which subject a message goes on, when it comes in on another.
//
// Applied once to what clients and leafs publish, before permissions are looked at, and to requests
// that enter by a service import. The first source that matches, in the order of the configuration,
// decides. Rules: wire/client-and-leaf.md section 2.5; nats-server accounts.go,
// AddWeightedMappings and selectMappedSubject. Loop thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/access.h"
#include "agent/subject/transform.h"

namespace petiole {

// What is wrong with a mapping, in nats-server's words; empty: nothing.
std::string check_mapping_config(const MappingConfig& config);

class Mapper {
 public:
  // Of mappings that check_mapping_config has passed; others are left out. `cluster` is this
  // server's own; empty: none. `seed` of the choice by weight.
  Mapper(const std::vector<MappingConfig>& mappings, std::string_view cluster, std::uint64_t seed);

  // Where a message on `subject` goes: `subject` itself when no source matches it, else a view into
  // `buffer`. Empty: nowhere, as the weights want some loss or the result has no room.
  std::string_view map(std::string_view subject, SubjectBuffer& buffer);

  struct Destination {
    SubjectTransform transform;
    int below = 0;  // Of a number from 0 to 99: this destination, if no earlier one is.
  };
  struct Mapping {
    std::string source;
    bool wildcard = false;
    std::vector<Destination> destinations;
  };
  const std::vector<Mapping>& mappings() const { return mappings_; }

 private:
  std::uint32_t random();

  std::vector<Mapping> mappings_;
  std::uint64_t state_;
};

}  // namespace petiole
