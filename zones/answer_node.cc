#include "zones/answer_node.h"

namespace zones {

namespace {

bool is_data(const NodeEntry& entry) noexcept {
    return !entry.hidden() && entry.rrset.type() != dns::RRType::CNAME;
}

/// What the overlay does to the base at one name. Made only where both layers hold the name.
struct Cover {
    bool all = false;    // an overlay's CNAME stands alone
    bool cname = false;  // data of the overlay leave no room for the base's CNAME
    NodeView overlay;

    explicit Cover(NodeView above) noexcept : overlay(above) {
        for (const NodeEntry entry : overlay) {
            if (entry.hidden()) continue;
            if (entry.rrset.type() == dns::RRType::CNAME) all = true;
            if (is_data(entry)) cname = true;
        }
    }
    [[nodiscard]] bool covers(dns::RRType type) const noexcept {
        return all || (cname && type == dns::RRType::CNAME) || overlay.find(type).has_value();
    }
};

bool decides(dns::RRType type, dns::RRType wanted) noexcept {
    return type == wanted || type == dns::RRType::NS || type == dns::RRType::CNAME ||
           type == dns::RRType::DNAME;
}

void note(const NodeEntry& entry, dns::RRType wanted, OwnerSurvey& out) noexcept {
    const dns::RRType type = entry.rrset.type();
    if (type == wanted) out.wanted = entry;
    if (type == dns::RRType::NS) out.ns = entry;
    if (type == dns::RRType::CNAME) out.cname = entry;
    if (type == dns::RRType::DNAME) out.dname = entry;
}

Look to_look(Presence presence) noexcept {
    switch (presence) {
        case Presence::Present:
            return Look::Found;
        case Presence::Absent:
            return Look::Missing;
        case Presence::WouldBlock:
            return Look::Blocked;
        default:
            return Look::Failed;
    }
}

Look look_one(NodeSource& nodes, ZoneId zone, base::Octets relative_owner, NodeView& out) noexcept {
    const NodeFound found = nodes.find(zone, relative_owner);
    if (found.presence == Presence::Present) out = found.node;
    return to_look(found.presence);
}

/// Is the name there once the overlay has hidden what it hides?
bool visible(const OwnerNode& node) noexcept {
    if (node.has(kNodePolicy) || node.first().rrset) return true;
    // An empty node is stored because something stands below it. Where nothing was hidden at the
    // name itself, that is proof enough.
    if (node.overlay && node.overlay.empty()) return true;
    return node.base && node.base.empty();
}

}  // namespace

NodeEntry OwnerNode::find(dns::RRType type) const noexcept {
    if (overlay) {
        if (const auto entry = overlay.find(type)) return entry->hidden() ? NodeEntry{} : *entry;
        if (base && Cover(overlay).covers(type)) return {};
    }
    if (base) {
        if (const auto entry = base.find(type)) return *entry;
    }
    return {};
}

NodeEntry OwnerNode::first() const noexcept {
    NodeEntry of_dnssec;
    const auto is_data_type = [&of_dnssec](const NodeEntry& entry) {
        const dns::RRType type = entry.rrset.type();
        if (type != dns::RRType::RRSIG && type != dns::RRType::NSEC) return true;
        if (!of_dnssec.rrset) of_dnssec = entry;
        return false;
    };
    if (overlay) {
        for (const NodeEntry entry : overlay) {
            if (!entry.hidden() && is_data_type(entry)) return entry;
        }
    }
    if (!base) return of_dnssec;
    if (!overlay) {
        for (const NodeEntry entry : base) {
            if (is_data_type(entry)) return entry;
        }
        return of_dnssec;
    }
    const Cover cover(overlay);
    for (const NodeEntry entry : base) {
        if (!cover.covers(entry.rrset.type()) && is_data_type(entry)) return entry;
    }
    return of_dnssec;
}

void survey(const OwnerNode& node, dns::RRType wanted, OwnerSurvey& out) noexcept {
    out = {};
    if (!node.overlay) {
        if (!node.base) return;
        for (auto at = node.base.begin(); at != node.base.end(); ++at) {
            if (decides(at.type(), wanted)) note(*at, wanted, out);
        }
        return;
    }
    for (const NodeEntry entry : node.overlay) {
        if (!entry.hidden()) note(entry, wanted, out);
    }
    if (!node.base) return;
    const Cover cover(node.overlay);
    for (const NodeEntry entry : node.base) {
        if (!cover.covers(entry.rrset.type())) note(entry, wanted, out);
    }
}

Look look(NodeSource& nodes, const ZoneLayers& layers, base::Octets relative_owner,
          OwnerNode& out) noexcept {
    out = OwnerNode{};
    if (layers.overlay == 0) return look_one(nodes, layers.base, relative_owner, out.base);
    Look above = Look::Missing;
    if (!layers.overlay_ended) above = look_one(nodes, layers.overlay, relative_owner, out.overlay);
    if (layers.base == 0 || above == Look::Blocked || above == Look::Failed) return above;
    Look below = Look::Missing;
    if (!layers.base_ended) below = look_one(nodes, layers.base, relative_owner, out.base);
    if (below == Look::Blocked || below == Look::Failed) return below;
    if (above == Look::Missing && below == Look::Missing) return Look::Missing;
    if (above == Look::Missing || visible(out)) return Look::Found;
    if (below != Look::Missing) {
        const Look descendants = to_look(nodes.has_descendant(layers.base, relative_owner));
        if (descendants != Look::Missing) return descendants;
    }
    return to_look(nodes.has_descendant(layers.overlay, relative_owner));
}

}  // namespace zones
