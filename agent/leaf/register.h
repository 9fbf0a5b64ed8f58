// What the leaf links of one agent know of each other: loop subjects, roles, duplicates, clusters.
//
// Owned by the agent; outlives its links. Loop thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/leaf/repeat_filter.h"
#include "agent/server.h"

namespace petiole {

class LeafSession;

// Who a link's other end is; the reference takes two links that agree in all for one that came
// back.
struct LeafPeer {
  std::string name, cluster, remote_account;
};

class LeafRegister {
 public:
  explicit LeafRegister(Server& server) : server_(server) {}

  std::string leaf_id;   // Of our own mirror; empty: there is none.
  RepeatFilter repeats;  // Of the mirrors of leafs behind us.
  // The patterns of our mirror's rules in an account; empty: there are none. Leafs behind us are
  // told of them, so that what they have comes here also while no one upstream can be heard to
  // want it.
  std::function<std::vector<std::string>(const Account&)> captured;
  LeafRegister(const LeafRegister&) = delete;
  LeafRegister& operator=(const LeafRegister&) = delete;

  // `$LDS.` and 22 characters, made once for each account: interest in it that comes back to us has
  // gone round a loop (wire 3.9).
  const std::string& loop_subject(const Account& account);

  // Our own cluster name for accepted leafs.
  std::string cluster() const;

  void enter(LeafSession& session);
  void leave(LeafSession& session);
  std::size_t size() const { return sessions_.size(); }

  void for_each(const Account& account, const std::function<void(const LeafSession&)>& visit) const;

  // Whether `party` is a link on which we are the spoke; false for whom the register does not know.
  bool is_spoke(const Subscriber* party) const;
  // An accepted link of `account` to the same peer that is not ended yet; null: none.
  LeafSession* find_duplicate(const Account& account, const LeafPeer& peer,
                              const LeafSession& except) const;
  // A leaf behind us, in `account`, belongs to `cluster`.
  bool has_leaf_cluster(const Account& account, std::string_view cluster) const;

 private:
  Server& server_;
  std::map<std::string, std::string, std::less<>> loop_subjects_;
  std::unordered_map<const Subscriber*, LeafSession*> sessions_;
};

}  // namespace petiole
