#include "net/tls_tickets.h"

#include <algorithm>

#include "base/random.h"

namespace net {

/// With mutex_ held. Afterwards there is a key to seal with.
void TlsTickets::rotate(base::MonoTime now) {
    while (!keys_.empty() && now - keys_.back().made >= kSealsFor + kTicketLifetime) {
        keys_.pop_back();
    }
    if (!keys_.empty() && now - keys_.front().made < kSealsFor) return;
    Dated fresh{{}, now};
    base::secure_fill(fresh.key.name);
    base::secure_fill(fresh.key.cipher);
    base::secure_fill(fresh.key.mac);
    keys_.push_front(fresh);
}

TlsTickets::Key TlsTickets::sealing(base::MonoTime now) {
    const std::lock_guard lock(mutex_);
    rotate(now);
    return keys_.front().key;
}

std::optional<TlsTickets::Opened> TlsTickets::opening(base::Octets name, base::MonoTime now) {
    const std::lock_guard lock(mutex_);
    rotate(now);
    for (const Dated& each : keys_) {
        if (!std::equal(name.begin(), name.end(), each.key.name.begin(), each.key.name.end())) {
            continue;
        }
        return Opened{each.key, &each == &keys_.front()};
    }
    return std::nullopt;
}

}  // namespace net
