#pragma once

#include <map>

#include "protocol/base/abort.h"

namespace quorate {

/// One complete, authenticated message per other participant, keyed by sender.
template <class Msg>
using Inbox = std::map<PartyId, Msg>;

/// One message per other participant, keyed by receiver. A broadcast is the same message to everyone.
template <class Msg>
using Outbox = std::map<PartyId, Msg>;

/// What a round's step leaves behind: the next round, and what to send for it.
template <class Next, class Msg>
struct Sent {
  Next next;
  Outbox<Msg> messages;
};

/// Checks that the inbox holds exactly the expected senders. A gap is the caller's bug.
template <class Msg>
bool inbox_from(const Inbox<Msg>& inbox, const std::vector<PartyId>& members, PartyId me) {
  if (inbox.size() + 1 != members.size()) return false;
  for (auto id : members)
    if (id != me && !inbox.contains(id)) return false;
  return true;
}

}  // namespace quorate
