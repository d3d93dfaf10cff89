#pragma once

#include <string>

#include "base/ip.h"

namespace server {

/// Can this address be bound by us alone? Sockets of ours share their port (SO_REUSEPORT), so a
/// second server of the same user would be let in silently and take half the queries; this asks
/// first with a socket that shares nothing. Empty: free. Else a sentence: who holds it (from
/// /proc, as far as we may look) and what to do. Start-up only.
[[nodiscard]] std::string why_not_bindable(const base::Endpoint& address, bool udp);

}  // namespace server
