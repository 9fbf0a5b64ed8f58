// One stream import: what is published in the exporter reaches subscriptions of the importer.
//
// For each subscription of the importer that the import can serve, the exporter holds a shadow of
// it, so that its match cache, its queue groups and its leaf links know of the wish like of any
// other. Delivery shows the local subject. Imports do not chain, and what came by a service import
// is not passed on: as nats-server (client.go, addShadowSubscriptions). Loop thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/routing/account.h"
#include "agent/subject/transform.h"

namespace petiole {

// Subjects on both sides of an import. The way in is from exporter to importer for a stream, and
// from importer to exporter for a service.
struct ImportPath {
  std::string from{}, to{};  // Patterns of the exporter and of the importer.
  SubjectTransform local{};  // From `from` to `to`; not used while `same`.
  SubjectTransform foreign{};
  bool same = false;   // The subject stays as it is.
  bool fixed = false;  // `from` is literal: it is what the exporter sees, whatever `to` matched.

  // Fills this in; returns what is wrong, in nats-server's words, or nothing.
  std::string compile(std::string_view exported, std::string_view local_subject);
  std::string_view to_local(std::string_view subject, SubjectBuffer& buffer) const;
  std::string_view to_foreign(std::string_view subject, SubjectBuffer& buffer) const;
};

class StreamImport final : public Subscriber, private InterestListener {
 public:
  // Both accounts outlive it, and neither publishes while it is made or destroyed.
  // With `allow_trace` traces of messages go on in the importer.
  StreamImport(Account& importer, Account& exporter, ImportPath path, bool allow_trace = false);
  ~StreamImport() override;
  StreamImport(const StreamImport&) = delete;
  StreamImport& operator=(const StreamImport&) = delete;

  PeerKind kind() const override { return PeerKind::kSystem; }
  bool is_import() const override { return true; }
  bool deliver(Subscription& shadow, const Message& message) override;
  bool has_taker(const Subscription&, std::string_view, bool imported) const override {
    return !imported;
  }

  // The shadows of what leafs of the importer wish.
  void for_each_of_leafs(const std::function<void(const Subscription&)>& visit) const;

 private:
  class Leaf;  // Stands in the exporter for a leaf of the importer.

  void added(const Subscription& subscription) override;
  void removed(const Subscription& subscription) override;
  void reweighed(const Subscription& subscription, std::uint32_t before) override;
  // The message as the importer sees it; false: it is not for it.
  bool localize(const Message& message, Message& local, SubjectBuffer& buffer) const;
  bool deliver_traced(Subscription& original, const Subscription& shadow, const Message& local,
                      const Account::Origin& origin) const;
  Subscriber& owner_for(const Subscription& original);
  void leave(Subscriber& leaf);

  Account& importer_;
  Account& exporter_;
  ImportPath path_;
  const bool allow_trace_;
  std::unordered_map<const Subscription*, Subscription*> shadows_;
  std::unordered_map<const Subscriber*, std::unique_ptr<Leaf>> leafs_;
  std::vector<std::unique_ptr<Leaf>> gone_;  // Until nothing that the exporter delivers needs them.
};

}  // namespace petiole
