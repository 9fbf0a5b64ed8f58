#include "agent/routing/exchange.h"

#include <algorithm>
#include <utility>

#include "agent/routing/mapper.h"
#include "agent/routing/responses.h"
#include "agent/routing/service_import.h"
#include "agent/routing/stream_import.h"

namespace petiole {

namespace {

// Holds the sources of mappings that links are told of; nothing is delivered to it.
class Advertiser final : public Subscriber {
 public:
  PeerKind kind() const override { return PeerKind::kSystem; }
  bool is_import() const override { return true; }
  bool deliver(Subscription&, const Message&) override { return false; }
};

bool equal(const ImportConfig& a, const ImportConfig& b) {
  return a.kind == b.kind && a.account == b.account && a.subject == b.subject && a.to == b.to &&
         a.prefix == b.prefix && a.share == b.share && a.allow_trace == b.allow_trace;
}

bool equal(const ExportConfig& a, const ExportConfig& b) {
  return a.response == b.response && a.response_threshold == b.response_threshold &&
         a.latency_sampling == b.latency_sampling && a.latency_subject == b.latency_subject &&
         a.allow_trace == b.allow_trace;
}

}  // namespace

struct Exchange::Import {
  ImportConfig config;
  ExportConfig offer;
  const Account* exporter = nullptr;
  std::unique_ptr<StreamImport> stream{};
  std::unique_ptr<ServiceImport> service{};
};

// In the order in which it is to be destroyed, backwards.
struct Exchange::Member {
  Member(Account& which, const Host& host) : account(which), responses(which, host) {}

  Account& account;
  AccountConfig config;
  Advertiser advertiser;
  std::vector<Subscription*> advertised;
  Responses responses;
  std::vector<Import> imports;
};

Exchange::Exchange(const Host& host, ServerNames names, std::string system)
    : host_(host),
      names_(std::move(names)),
      system_(std::move(system)),
      calendar_(host.calendar ? *host.calendar : Calendar(host.clock)) {}

Exchange::~Exchange() {
  for (const auto& [name, member] : members_) member->imports.clear();
  for (const auto& [name, member] : members_) withdraw_mappings(*member);
}

const AccountConfig* Exchange::config(std::string_view account) const {
  const auto found = members_.find(account);
  return found == members_.end() ? nullptr : &found->second->config;
}

void Exchange::set(Account& account, const AccountConfig& config) {
  std::unique_ptr<Member>& member = members_[account.name()];
  if (!member) member = std::make_unique<Member>(account, host_);
  member->config = config;
  set_mappings(*member);
}

void Exchange::remove(Account& account) {
  const auto found = members_.find(account.name());
  if (found == members_.end()) return;
  withdraw_mappings(*found->second);
  for (const auto& [name, member] : members_) {
    std::erase_if(member->imports,
                  [&](const Import& import) { return import.exporter == &account; });
  }
  members_.erase(found);
}

void Exchange::withdraw_mappings(Member& member) {
  for (Subscription* each : std::exchange(member.advertised, {})) {
    member.account.withdraw(*each);
    free_subscription(each);
  }
}

// Links are told of the sources, for without interest nothing would come to be mapped (wire 3.5).
void Exchange::set_mappings(Member& member) {
  auto mapper =
      std::make_unique<Mapper>(member.config.mappings, names_.cluster, host_.entropy.number());
  if (mapper->mappings().empty()) mapper.reset();
  std::vector<Subscription*> sources;
  for (std::size_t i = 0; mapper && i < mapper->mappings().size(); ++i) {
    const std::string& source = mapper->mappings()[i].source;
    sources.push_back(make_subscription(member.advertiser, source, {}, "mapping"));
    member.account.advertise(*sources.back());
  }
  withdraw_mappings(member);  // After: what stays must not go in between.
  member.advertised = std::move(sources);
  member.account.set_mapper(std::move(mapper));
}

bool Exchange::same(const Import& import, const ImportConfig& config, const ExportConfig& offer,
                    const Member& exporter) const {
  return import.exporter == &exporter.account && equal(import.config, config) &&
         equal(import.offer, offer);
}

void Exchange::make(Member& importer, const ImportConfig& config, ImportPath path, Member& exporter,
                    std::vector<Import>& kept) {
  const ExportConfig& offer = *find_export(exporter.config, config.kind, config.subject);
  const auto before =
      std::find_if(importer.imports.begin(), importer.imports.end(), [&](const Import& each) {
        return (each.stream || each.service) && same(each, config, offer, exporter);
      });
  if (before != importer.imports.end()) return kept.push_back(std::move(*before));
  Import made{config, offer, &exporter.account};
  if (config.kind == ExportConfig::Kind::kStream) {
    made.stream = std::make_unique<StreamImport>(importer.account, exporter.account,
                                                 std::move(path), config.allow_trace);
  } else {
    made.service = std::make_unique<ServiceImport>(
        ServiceParties{importer.account, exporter.account, importer.responses, exporter.responses},
        std::move(path), offer, config, host_, names_, exporter.account.name() == system_);
  }
  kept.push_back(std::move(made));
}

void Exchange::connect(Member& member) {
  std::vector<Import> kept;
  const AccountLookup lookup = [this](std::string_view name) { return config(name); };
  for (const ImportConfig& import : member.config.imports) {
    const bool twice = std::any_of(kept.begin(), kept.end(), [&](const Import& each) {
      const bool service = import.kind == ExportConfig::Kind::kService;
      return each.config.kind == import.kind && each.config.account == import.account &&
             (service ? local_subject(each.config) == local_subject(import)
                      : each.config.subject == import.subject);
    });
    ImportPath path;
    std::string error = check_import(member.config, import, lookup, true, path, calendar_.now());
    if (twice && error.empty()) error = "duplicate import of \"" + import.subject + '"';
    if (!error.empty()) {
      dangling_.push_back("account \"" + member.account.name() + "\": " + error);
      continue;
    }
    if (import.activation && import.activation->expires > 0) {
      next_end_ = std::min(next_end_, WallTime(std::chrono::seconds(import.activation->expires)));
    }
    make(member, import, std::move(path), *members_.find(import.account)->second, kept);
  }
  member.imports = std::move(kept);
}

void Exchange::connect() {
  dangling_.clear();
  next_end_ = WallTime::max();
  std::map<const Account*, std::size_t> users;
  for (const auto& [name, member] : members_) connect(*member);
  for (const auto& [name, member] : members_) {
    for (const Import& import : member->imports) users[import.exporter] += import.service ? 1 : 0;
  }
  for (const auto& [name, member] : members_) {
    member->responses.share_among(users[&member->account]);
  }
}

}  // namespace petiole
