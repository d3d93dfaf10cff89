#include "zones/answer_proof.h"

#include <algorithm>

#include "zones/key.h"

namespace zones {

using dns::RRType;

Denial denial_of(const OwnerNode& apex) noexcept {
    // While a zone goes from one to the other both may be there. An NSEC3PARAM comes after the last
    // NSEC3 of its chain and goes before the first (RFC 5155, 10.4 and 10.5), so it decides.
    const NodeEntry chains = apex.find(RRType::NSEC3PARAM);
    if (chains.rrset) {
        for (const base::Octets rdata : chains.rrset) {
            const auto nsec3 = dns::Nsec3Parameters::read(rdata);
            // Flags that nobody knows: not ours to use (RFC 5155, 4.1.2).
            if (nsec3 && nsec3->flags == 0 && nsec3->computable()) {
                return {Denial::Kind::Nsec3, *nsec3};
            }
        }
    }
    if (apex.find(RRType::NSEC).rrset) return {Denial::Kind::Nsec, {}};
    return {};
}

Look Proofs::take(const Denied& denied, RRType type, const NodeFound& found) noexcept {
    switch (found.presence) {
        case Presence::Present:
            add(denied.zone, type, found.node);
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

void Proofs::add(const ZoneEntry& zone, RRType type, NodeView node) noexcept {
    if (!node || !node.find(type) || count_ == proofs_.size()) return;
    const base::Octets owner = node.relative_owner();
    for (const Proof& proof : *this) {
        const base::Octets other = proof.node.relative_owner();
        if (proof.zone == &zone && proof.type == type &&
            std::equal(owner.begin(), owner.end(), other.begin(), other.end())) {
            return;
        }
    }
    proofs_[count_++] = {&zone, node, type};
}

Look Proofs::nsec(const Denied& denied, base::Octets owner) noexcept {
    const Look found = take(denied, RRType::NSEC,
                            denied.nodes.predecessor(denied.id, owner, RRType::NSEC, nullptr));
    return found == Look::Missing ? Look::Found : found;
}

Look Proofs::name_error(const Denied& denied) noexcept {
    switch (denied.denial.kind) {
        case Denial::Kind::None:
            return Look::Found;
        case Denial::Kind::Nsec: {
            const Look name = nsec(denied, relative_owner(denied.qname, denied.zone.apex()));
            const auto wildcard = denied.wildcard_at(denied.encloser_labels);
            if (name != Look::Found || !wildcard) return name;
            return nsec(denied, relative_owner(*wildcard, denied.zone.apex()));
        }
        case Denial::Kind::Nsec3:
            break;
    }
    std::size_t provable = denied.encloser_labels;
    const Look name = closest_encloser(denied, provable);
    const auto wildcard = denied.wildcard_at(provable);
    if (name != Look::Found || !wildcard) return name;
    const Look cover = covering(denied, *wildcard);
    if (cover != Look::Missing || provable == denied.encloser_labels) return no_collision(cover);
    // A wildcard at the encloser that can be proven may well exist: it is not the closest one. Of
    // that one's it can be shown that it does not, although opt-out leaves open what is below.
    const auto closest = denied.wildcard_at(denied.encloser_labels);
    return closest ? no_collision(covering(denied, *closest)) : Look::Found;
}

Look Proofs::no_data(const Denied& denied, NodeView own) noexcept {
    switch (denied.denial.kind) {
        case Denial::Kind::None:
            return Look::Found;
        case Denial::Kind::Nsec:
            // An empty non-terminal has no NSEC: the one that covers it names what is below.
            if (own && own.find(RRType::NSEC)) {
                add(denied.zone, RRType::NSEC, own);
                return Look::Found;
            }
            return nsec(denied, relative_owner(denied.qname, denied.zone.apex()));
        case Denial::Kind::Nsec3:
            break;
    }
    const Look match = matching(denied, denied.qname);
    if (match != Look::Missing) return match;
    const std::size_t labels = denied.qname.label_count();
    if (labels == denied.zone.apex().label_count()) return Look::Found;
    // A cut that is not signed, or an empty non-terminal that leads to nothing but such: an opt-out
    // span covers it (RFC 5155, 7.2.4; errata 3441).
    std::size_t provable = labels - 1;
    return closest_encloser(denied, provable);
}

Look Proofs::wildcard_no_data(const Denied& denied, NodeView own) noexcept {
    const auto wildcard = denied.wildcard_at(denied.encloser_labels);
    if (!wildcard) return Look::Failed;  // it exists
    switch (denied.denial.kind) {
        case Denial::Kind::None:
            return Look::Found;
        case Denial::Kind::Nsec: {
            const Look name = nsec(denied, relative_owner(denied.qname, denied.zone.apex()));
            if (name != Look::Found) return name;
            if (own && own.find(RRType::NSEC)) {
                add(denied.zone, RRType::NSEC, own);
                return Look::Found;
            }
            // A wildcard too may be an empty non-terminal.
            return nsec(denied, relative_owner(*wildcard, denied.zone.apex()));
        }
        case Denial::Kind::Nsec3:
            break;
    }
    std::size_t provable = denied.encloser_labels;
    const Look encloser = closest_encloser(denied, provable);
    if (encloser != Look::Found) return encloser;
    const Look match = matching(denied, *wildcard);
    return match == Look::Missing ? Look::Found : match;
}

Look Proofs::expansion(const Denied& denied) noexcept {
    switch (denied.denial.kind) {
        case Denial::Kind::None:
            return Look::Found;
        case Denial::Kind::Nsec:
            return nsec(denied, relative_owner(denied.qname, denied.zone.apex()));
        case Denial::Kind::Nsec3:
            break;
    }
    // The signature tells which encloser is meant: the next closer name is enough.
    return no_collision(covering(denied, denied.ancestor(denied.encloser_labels + 1)));
}

}  // namespace zones
