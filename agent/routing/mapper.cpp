#include "agent/routing/mapper.h"

#include <algorithm>
#include <map>
#include <set>

#include "agent/subject/subject.h"

namespace petiole {

namespace {

bool lists_source(const MappingConfig& config) {
  return std::any_of(config.destinations.begin(), config.destinations.end(),
                     [&](const auto& each) { return each.subject == config.source; });
}

// Those for `cluster`, or those for all when there are none of its own.
std::vector<const MappingConfig::Destination*> destinations_for(const MappingConfig& config,
                                                                std::string_view cluster) {
  std::vector<const MappingConfig::Destination*> own, common;
  for (const auto& each : config.destinations) {
    if (each.cluster.empty()) common.push_back(&each);
    if (!each.cluster.empty() && each.cluster == cluster) own.push_back(&each);
  }
  return own.empty() ? common : own;
}

// What is published may hold wildcards: as in the reference (isSubsetMatch) a source covers them or
// does not match, so that `*` does not stand for `>`.
bool is_mapped(const Mapper::Mapping& mapping, std::string_view subject) {
  if (!mapping.wildcard) return mapping.source == subject;
  return is_valid_published(subject) && covers(mapping.source, subject);
}

Mapper::Mapping compile(const MappingConfig& config, std::string_view cluster) {
  Mapper::Mapping mapping{config.source, has_wildcard(config.source), {}};
  int total = 0;
  for (const auto* each : destinations_for(config, cluster)) {
    Mapper::Destination made{{}, each->weight};
    (void)made.transform.compile(config.source, each->subject);
    total += each->weight;
    mapping.destinations.push_back(std::move(made));
  }
  // What is missing to 100 stays where it was; a source that is listed says that it is to be lost.
  if (total < 100 && !lists_source(config)) {
    Mapper::Destination rest{{}, 100 - total};
    (void)rest.transform.compile(config.source, number_wildcards(config.source));
    mapping.destinations.push_back(std::move(rest));
  }
  std::stable_sort(mapping.destinations.begin(), mapping.destinations.end(),
                   [](const auto& a, const auto& b) { return a.below < b.below; });
  int below = 0;
  for (Mapper::Destination& each : mapping.destinations) each.below = below += each.below;
  return mapping;
}

}  // namespace

std::string check_mapping_config(const MappingConfig& config) {
  if (!is_valid_subject(config.source) || config.source.empty()) {
    return "Subject \"" + config.source + "\" is not a valid subject";
  }
  std::set<std::string_view> seen;
  std::map<std::string_view, int> total;
  for (const auto& each : config.destinations) {
    if (!seen.insert(each.subject).second) return "duplicate entry for \"" + each.subject + '"';
    if (each.weight > 100 || each.weight < 0) return "individual weights need to be <= 100";
    if ((total[each.cluster] += each.weight) > 100) return "total weight needs to be <= 100";
    if (each.subject.empty()) return "a destination needs a subject";
    if (std::string error = check_mapping(config.source, each.subject); !error.empty()) {
      return error;
    }
  }
  return {};
}

Mapper::Mapper(const std::vector<MappingConfig>& mappings, std::string_view cluster,
               std::uint64_t seed)
    : state_(seed | 1) {
  for (const MappingConfig& each : mappings) {
    if (!check_mapping_config(each).empty()) continue;
    const auto same = std::find_if(mappings_.begin(), mappings_.end(), [&](const Mapping& other) {
      return other.source == each.source;
    });
    if (same != mappings_.end()) {
      *same = compile(each, cluster);  // The last one of a source counts.
    } else {
      mappings_.push_back(compile(each, cluster));
    }
  }
}

// xorshift64*.
std::uint32_t Mapper::random() {
  state_ ^= state_ >> 12;
  state_ ^= state_ << 25;
  state_ ^= state_ >> 27;
  return static_cast<std::uint32_t>((state_ * 0x2545f4914f6cdd1d) >> 32);
}

std::string_view Mapper::map(std::string_view subject, SubjectBuffer& buffer) {
  for (const Mapping& mapping : mappings_) {
    if (!is_mapped(mapping, subject)) continue;
    const auto& all = mapping.destinations;
    const Destination* chosen = all.size() == 1 && all[0].below == 100 ? &all[0] : nullptr;
    if (chosen == nullptr) {
      const int number = static_cast<int>(random() % 100);
      const auto found = std::find_if(all.begin(), all.end(), [number](const Destination& each) {
        return number < each.below;
      });
      if (found == all.end()) return {};
      chosen = &*found;
    }
    // To the reference a literal source has no tokens: all its partitions are that of nothing.
    return chosen->transform.apply(mapping.wildcard ? subject : "", buffer, random());
  }
  return subject;
}

}  // namespace petiole
