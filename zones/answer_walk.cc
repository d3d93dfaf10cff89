#include "zones/answer_walk.h"

#include <array>
#include <cstring>

namespace zones {

namespace {

WalkEnd end_of(Look look) noexcept {
    switch (look) {
        case Look::Found:
            return WalkEnd::Exact;
        case Look::Missing:
            return WalkEnd::Absent;
        case Look::Blocked:
            return WalkEnd::Blocked;
        case Look::Failed:
            return WalkEnd::Failed;
    }
    return WalkEnd::Failed;
}

/// The wildcard below `encloser`, if it has one.
void look_for_wildcard(NodeSource& nodes, const ZoneLayers& layers, base::Octets encloser,
                       dns::RRType qtype, Walk& out) noexcept {
    std::array<std::uint8_t, dns::kMaxNameOctets> owner;
    owner[0] = 1;
    owner[1] = '*';
    if (encloser.size() + 2 >= owner.size()) return;
    if (!encloser.empty()) std::memcpy(&owner[2], encloser.data(), encloser.size());
    const Look source =
        look(nodes, layers, base::Octets(owner.data(), 2 + encloser.size()), out.node);
    if (source == Look::Missing) return;
    out.end = source == Look::Found ? WalkEnd::Wildcard : end_of(source);
    if (source == Look::Found) survey(out.node, qtype, out.survey);
}

}  // namespace

ZoneLayers layers_of(const ZoneEntry& zone, ViewId view) noexcept {
    return ZoneLayers{zone.variant(view), zone.base()};
}

void walk_zone(NodeSource& nodes, const ZoneEntry& zone, const ZoneLayers& layers,
               dns::NameView qname, const dns::LabelOffsets& labels, dns::RRType qtype,
               bool at_parent_side, ApexMemo* apexes, Walk& out) noexcept {
    const base::Octets below_apex = qname.octets().first(qname.size() - zone.apex().size());
    const std::size_t depth = zone.depth_of(qname, labels);
    const std::size_t apex_labels = labels.count - depth;

    OwnerNode encloser;
    bool encloser_known = false;
    ZoneLayers below = layers;
    for (std::size_t step = 1; step <= depth; ++step) {
        const base::Octets owner = below_apex.subspan(labels.offset[depth - step]);
        const Look found = look(nodes, below, owner, out.node);
        if (found == Look::Missing) {
            const base::Octets above =
                step == 1 ? base::Octets() : below_apex.subspan(labels.offset[depth - step + 1]);
            out.end = WalkEnd::Absent;
            out.relative_owner = above;
            out.owner_labels = apex_labels + step - 1;
            // Only in the layers that have a wildcard: this look-up does not fail.
            ZoneLayers with = layers;
            const ApexNotes* notes = nullptr;
            if (!encloser_known && apexes != nullptr) notes = apexes->of(nodes, zone, layers);
            if (notes != nullptr) {
                if (notes->dname) break;
                with.overlay_ended = !notes->wildcard_in_overlay;
                with.base_ended = !notes->wildcard_in_base;
            } else {
                if (!encloser_known) {
                    const Look apex = look(nodes, layers, base::Octets(), encloser);
                    if (apex != Look::Found) {
                        out.end = apex == Look::Blocked ? WalkEnd::Blocked : WalkEnd::Failed;
                        return;
                    }
                    // A DNAME at the apex redirects everything below it (RFC 6672, 2.3).
                    if (encloser.find(dns::RRType::DNAME).rrset) break;
                }
                with.overlay_ended = !encloser.overlay || !encloser.overlay.has(kNodeWildcardChild);
                with.base_ended = !encloser.base || !encloser.base.has(kNodeWildcardChild);
            }
            if (with.overlay_ended && with.base_ended) return;
            look_for_wildcard(nodes, with, above, qtype, out);
            return;
        }
        if (found != Look::Found) {
            out.end = end_of(found);
            return;
        }
        survey(out.node, qtype, out.survey);
        out.relative_owner = owner;
        out.owner_labels = apex_labels + step;
        const bool is_qname = step == depth;
        if (out.survey.ns.rrset && !(is_qname && at_parent_side)) {
            out.end = WalkEnd::Cut;
            return;
        }
        if (out.survey.dname.rrset && !is_qname) {
            out.end = WalkEnd::Dname;
            return;
        }
        encloser = out.node;
        encloser_known = true;
        // Empty non-terminals are stored in each layer: where one misses a name it ends.
        below.overlay_ended = !out.node.overlay;
        below.base_ended = !out.node.base;
        if (is_qname) {
            out.end = WalkEnd::Exact;
            return;
        }
    }
    // The apex itself: asked for, or holding a DNAME for what is below.
    out.relative_owner = base::Octets();
    out.owner_labels = apex_labels;
    const Look apex = look(nodes, layers, base::Octets(), out.node);
    out.end = apex == Look::Missing ? WalkEnd::Failed : end_of(apex);
    if (apex == Look::Found) {
        survey(out.node, qtype, out.survey);
        if (depth > 0) out.end = WalkEnd::Dname;
    }
    return;
}

}  // namespace zones
