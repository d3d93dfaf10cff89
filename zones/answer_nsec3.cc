// Proofs by hashes (RFC 5155, 7.2): which records match or cover a name, and the closest encloser.
#include <algorithm>

#include "zones/answer_proof.h"

namespace zones {

using dns::RRType;

namespace {

// A hash of so many rounds takes some 20 us. Zones with more are answered by a thread that nobody
// else waits for, as if their hashes had to be read from disk.
constexpr std::uint16_t kMaxIterationsOfWorker = 100;

bool is_owner(NodeView node, const dns::Nsec3Label& label) noexcept {
    const base::Octets owner = node.relative_owner();
    return std::equal(owner.begin(), owner.end(), label.begin(), label.end(),
                      [](std::uint8_t a, std::uint8_t b) { return base::to_lower(a) == b; });
}

bool takes_long(const Denied& denied) noexcept {
    return denied.denial.nsec3.iterations > kMaxIterationsOfWorker && !denied.nodes.may_wait();
}

}  // namespace

Look Proofs::matching(const Denied& denied, dns::NameView name) noexcept {
    if (takes_long(denied)) return Look::Blocked;
    const auto hash = dns::nsec3_hash(name, denied.denial.nsec3);
    if (!hash) return Look::Failed;
    const dns::Nsec3Label label = dns::nsec3_label(*hash);
    const NodeFound found = denied.nodes.find(hashed_id(denied.id), label);
    if (found.presence == Presence::Present && !found.node.find(RRType::NSEC3)) {
        return Look::Missing;
    }
    return take(denied, RRType::NSEC3, found);
}

Look Proofs::covering(const Denied& denied, dns::NameView name) noexcept {
    if (takes_long(denied)) return Look::Blocked;
    const auto hash = dns::nsec3_hash(name, denied.denial.nsec3);
    if (!hash) return Look::Failed;
    const dns::Nsec3Label label = dns::nsec3_label(*hash);
    const ZoneId id = hashed_id(denied.id);
    const dns::Nsec3Parameters* chain = &denied.denial.nsec3;
    NodeFound found = denied.nodes.predecessor(id, label, RRType::NSEC3, chain);
    if (found.presence == Presence::Present) {
        if (is_owner(found.node, label)) return Look::Missing;
    }
    if (found.presence == Presence::Absent) {
        // Before the first hash: the last one covers it, as the chain is a ring (RFC 5155, 3.1.7).
        dns::Nsec3Hash greatest;
        greatest.fill(0xff);
        found = denied.nodes.predecessor(id, dns::nsec3_label(greatest), RRType::NSEC3, chain);
    }
    const Look look = take(denied, RRType::NSEC3, found);
    return look == Look::Missing ? Look::Found : look;
}

Look Proofs::closest_encloser(const Denied& denied, std::size_t& labels) noexcept {
    const std::size_t apex_labels = denied.zone.apex().label_count();
    for (;; --labels) {
        const Look match = matching(denied, denied.ancestor(labels));
        if (match == Look::Found) {
            return no_collision(covering(denied, denied.ancestor(labels + 1)));
        }
        if (match != Look::Missing) return match;
        // A zone without an NSEC3 for its apex has no chain.
        if (labels == apex_labels) return Look::Found;
    }
}

}  // namespace zones
