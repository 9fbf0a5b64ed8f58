#include "agent/leaf/register.h"

#include "agent/leaf/session.h"

namespace petiole {

const std::string& LeafRegister::loop_subject(const Account& account) {
  static constexpr std::string_view kLetters =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string& subject = loop_subjects_[account.name()];
  if (subject.empty()) {
    subject = "$LDS.";
    for (int i = 0; i < 22; ++i) {
      subject += kLetters[server_.host().entropy.number() % kLetters.size()];
    }
  }
  return subject;
}

std::string LeafRegister::cluster() const { return server_.cluster(); }

void LeafRegister::enter(LeafSession& session) { sessions_.emplace(&session, &session); }

void LeafRegister::leave(LeafSession& session) { sessions_.erase(&session); }

void LeafRegister::for_each(const Account& account,
                            const std::function<void(const LeafSession&)>& visit) const {
  for (const auto& [party, session] : sessions_) {
    if (session->account() == &account) visit(*session);
  }
}

bool LeafRegister::is_spoke(const Subscriber* party) const {
  const auto found = sessions_.find(party);
  return found != sessions_.end() && found->second->is_spoke();
}

LeafSession* LeafRegister::find_duplicate(const Account& account, const LeafPeer& peer,
                                          const LeafSession& except) const {
  if (peer.name.empty() || peer.remote_account.empty()) return nullptr;
  for (const auto& [party, session] : sessions_) {
    const LeafPeer& other = session->peer();
    if (session != &except && session->account() == &account && !session->solicited() &&
        !session->over() &&  // One that is ended takes up to five seconds for its last words.
        other.name == peer.name && other.cluster == peer.cluster &&
        other.remote_account == peer.remote_account) {
      return session;
    }
  }
  return nullptr;
}

bool LeafRegister::has_leaf_cluster(const Account& account, std::string_view cluster) const {
  for (const auto& [party, session] : sessions_) {
    if (!cluster.empty() && session->account() == &account && !session->is_spoke() &&
        session->peer().cluster == cluster) {
      return true;
    }
  }
  return false;
}

}  // namespace petiole
