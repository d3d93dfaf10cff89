#include "zones/answer_proof.h"

#include <algorithm>

namespace zones {

Look Proofs::add(NodeSource& nodes, const ZoneEntry& zone, const ZoneLayers& layers,
                 base::Octets relative_owner) noexcept {
    // A zone that was signed elsewhere has one layer: overlays are refused.
    const ZoneId id = layers.base != 0 ? layers.base : layers.overlay;
    const NodeFound found = nodes.predecessor(id, relative_owner, dns::RRType::NSEC);
    switch (found.presence) {
        case Presence::Present:
            add_own(zone, found.node);
            return Look::Found;
        case Presence::Absent:
            return Look::Missing;
        case Presence::WouldBlock:
            return Look::Blocked;
        case Presence::Failed:
            break;
    }
    return Look::Failed;
}

Look Proofs::add_wildcard_of(NodeSource& nodes, const ZoneEntry& zone, const ZoneLayers& layers,
                             base::Octets encloser) noexcept {
    std::array<std::uint8_t, dns::kMaxNameOctets> wildcard;
    // The encloser has a name below it, so there is room for the shortest of labels.
    if (encloser.size() + 2 > wildcard.size()) return Look::Missing;
    wildcard[0] = 1;
    wildcard[1] = '*';
    std::copy(encloser.begin(), encloser.end(), wildcard.begin() + 2);
    return add(nodes, zone, layers, base::Octets(wildcard.data(), encloser.size() + 2));
}

void Proofs::add_own(const ZoneEntry& zone, NodeView node) noexcept {
    if (!node || !node.find(dns::RRType::NSEC) || count_ == proofs_.size()) return;
    const base::Octets owner = node.relative_owner();
    for (const Proof& proof : *this) {
        const base::Octets other = proof.node.relative_owner();
        if (proof.zone == &zone &&
            std::equal(owner.begin(), owner.end(), other.begin(), other.end())) {
            return;
        }
    }
    proofs_[count_].zone = &zone;
    proofs_[count_].node = node;
    ++count_;
}

}  // namespace zones
