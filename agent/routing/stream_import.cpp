#include "agent/routing/stream_import.h"

#include <utility>

#include "agent/routing/delivery.h"
#include "agent/routing/message_trace.h"
#include "agent/subject/subject.h"

namespace petiole {

namespace {

// A shadow keeps what it stands for where other subscriptions keep their maximum.
void set_original(Subscription& shadow, const Subscription& original) {
  shadow.max = reinterpret_cast<std::uintptr_t>(&original);
}

Subscription& original_of(const Subscription& shadow) {
  return *reinterpret_cast<Subscription*>(static_cast<std::uintptr_t>(shadow.max));
}

}  // namespace

std::string ImportPath::compile(std::string_view exported, std::string_view local_subject) {
  from = exported;
  to = local_subject.empty() ? exported : local_subject;
  same = from == to;
  fixed = !same && !has_wildcard(from);
  if (fixed) to = pattern_of(to);
  if (same || fixed) return {};
  if (std::string error =
          local.compile(from, number_wildcards(to), SubjectTransform::Kind::kReversible);
      !error.empty()) {
    return error;
  }
  to = pattern_of(number_wildcards(to));
  foreign = local.inverse();
  return {};
}

std::string_view ImportPath::to_local(std::string_view subject, SubjectBuffer& buffer) const {
  return same ? subject : fixed ? std::string_view(to) : local.apply(subject, buffer);
}

std::string_view ImportPath::to_foreign(std::string_view subject, SubjectBuffer& buffer) const {
  return same ? subject : fixed ? std::string_view(from) : foreign.apply(subject, buffer);
}

// The exporter takes it for a leaf like its own: each once for all of its shadows. What the
// exporter's mirror captured it gets all the same: its link is another account's.
class StreamImport::Leaf final : public Subscriber {
 public:
  Leaf(const StreamImport& import, Subscriber& leaf) : import_(import), leaf_(leaf) {}

  PeerKind kind() const override { return PeerKind::kLeaf; }
  bool is_import() const override { return true; }
  const Subscriber& party() const override { return leaf_; }
  std::string_view origin_cluster() const override { return leaf_.origin_cluster(); }
  bool deliver(Subscription&, const Message&) override { return false; }
  bool deliver_leaf(const Message& message, bool plain, const std::string_view* queues,
                    std::size_t queue_count) override {
    Message local;
    SubjectBuffer buffer;
    return import_.localize(message, local, buffer) &&
           leaf_.deliver_leaf(local, plain, queues, queue_count);
  }

  const char* refusal(const Message& message, std::string_view queue) const override {
    Message local;
    SubjectBuffer buffer;
    return import_.localize(message, local, buffer) ? leaf_.refusal(local, queue) : nullptr;
  }
  bool takes_traces() const override { return leaf_.takes_traces(); }

  std::size_t shadows = 0;

 private:
  const StreamImport& import_;
  Subscriber& leaf_;
};

StreamImport::StreamImport(Account& importer, Account& exporter, ImportPath path, bool allow_trace)
    : importer_(importer), exporter_(exporter), path_(std::move(path)), allow_trace_(allow_trace) {
  importer_.for_each([this](const Subscription& each) { added(each); });
  importer_.listen(*this);
  exporter_.exports_to(*this);
}

StreamImport::~StreamImport() {
  exporter_.exports_no_more_to(*this);
  importer_.unlisten(*this);
  while (!shadows_.empty()) removed(*shadows_.begin()->first);
}

Subscriber& StreamImport::owner_for(const Subscription& original) {
  if (original.owner->kind() != PeerKind::kLeaf) return *this;
  std::unique_ptr<Leaf>& leaf = leafs_[original.owner];
  if (!leaf) leaf = std::make_unique<Leaf>(*this, *original.owner);
  ++leaf->shadows;
  return *leaf;
}

void StreamImport::leave(Subscriber& leaf) {
  const auto found = leafs_.find(&leaf);
  if (found == leafs_.end() || --found->second->shadows != 0) return;
  gone_.push_back(std::move(found->second));
  leafs_.erase(found);
}

void StreamImport::added(const Subscription& subscription) {
  if (subscription.owner->is_import()) return;
  SubjectBuffer common, foreign;
  const std::string_view wanted = intersect(subscription.subject(), path_.to, common);
  if (wanted.empty()) return;
  const std::string_view subject = path_.to_foreign(wanted, foreign);
  if (subject.empty()) return;
  if (!exporter_.publishing()) gone_.clear();
  Subscription* const shadow =
      make_subscription(owner_for(subscription), subject, subscription.queue(), subscription.sid());
  shadow->weight = subscription.weight;
  set_original(*shadow, subscription);
  shadows_.emplace(&subscription, shadow);
  exporter_.add(*shadow);
}

void StreamImport::removed(const Subscription& subscription) {
  const auto found = shadows_.find(&subscription);
  if (found == shadows_.end()) return;
  Subscription* const shadow = found->second;
  shadows_.erase(found);
  exporter_.retire(shadow);
  leave(*subscription.owner);
}

void StreamImport::reweighed(const Subscription& subscription, std::uint32_t) {
  const auto found = shadows_.find(&subscription);
  if (found != shadows_.end()) exporter_.reweigh(*found->second, subscription.weight);
}

bool StreamImport::localize(const Message& message, Message& local, SubjectBuffer& buffer) const {
  const Account::Origin* const origin = exporter_.origin();
  if (origin != nullptr && origin->imported) return false;
  local = message;
  // What a consumer delivers over a leaf link shows the subject of its stream, here as there.
  if (!path_.same && matches(path_.from, message.subject)) {
    local.subject = path_.to_local(message.subject, buffer);
  }
  return !local.subject.empty();
}

bool StreamImport::deliver(Subscription& shadow, const Message& message) {
  Subscription& original = original_of(shadow);
  const Account::Origin* const origin = exporter_.origin();
  Message shown = message, local;
  if (origin->leaf) restore_subject(shown);
  SubjectBuffer buffer;
  if (origin->trace) [[unlikely]] {
    return localize(shown, local, buffer) && deliver_traced(original, shadow, local, *origin);
  }
  if (original.closed || (!origin->echo && origin->from == original.owner)) return false;
  return localize(shown, local, buffer) && original.owner->deliver(original, local);
}

// nats-server client.go, processMsgResults. What is told of a target is the exporter's subject.
bool StreamImport::deliver_traced(Subscription& original, const Subscription& shadow,
                                  const Message& local, const Account::Origin& origin) const {
  MessageTrace& trace = *origin.trace;
  trace.add_stream_export(importer_.name(), local.subject);
  if (allow_trace_) return trace.give(origin, original, local, shadow.subject());
  if (trace.only()) return true;  // Somebody is there: that much is known.
  if (original.closed || (!origin.echo && origin.from == original.owner)) return false;
  return original.owner->deliver(original, local);
}

void StreamImport::for_each_of_leafs(const std::function<void(const Subscription&)>& visit) const {
  for (const auto& [original, shadow] : shadows_) {
    if (shadow->owner != this && !shadow->closed) visit(*shadow);
  }
}

}  // namespace petiole
