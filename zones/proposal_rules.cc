// What a change set must leave behind: every name it touched, and what hangs on it, checked as the
// clients of each view will see it, by the rules of a whole zone (zone_check.h).
#include <algorithm>

#include "zones/key.h"
#include "zones/node_rules.h"
#include "zones/proposal.h"
#include "zones/zone_targets.h"

namespace zones {

using dns::RRType;

namespace {

// How many names below a new delegation are looked at to see what it hides.
constexpr int kMaxHiddenLooks = 8;
// How many names of an overlay are checked again when the data below it is replaced.
constexpr std::size_t kMaxOverlayLooks = 10000;
constexpr std::size_t kMaxWarnings = 100;  // of one change set

bool names_target(NodeView node, dns::NameView target) {
    const auto servers = node.find(RRType::NS);
    if (!servers) return false;
    for (const Octets rdata : servers->rrset) {
        if (dns::NameView(rdata).equals(target)) return true;
    }
    return false;
}

}  // namespace

std::optional<NodeParts> Proposal::seen(const ZoneRecord& zone, ViewId view, Octets owner) {
    auto own = node(zone.own_id(), owner);
    if (view == zone.own_view()) return own;
    auto overlay = node(zone.id_of(view), owner);
    if (!own && !overlay) return std::nullopt;
    NodeParts merged = merge_nodes(own, overlay);
    if (overlay) merged.flags = static_cast<std::uint8_t>(merged.flags | overlay->flags);
    merged.relative_owner.assign(owner.begin(), owner.end());
    return merged;
}

/// Each is told once, and of very many only the first: a change set may be large.
void Proposal::warn(std::string message) {
    const auto& said = outcome_.warnings;
    if (std::find(said.begin(), said.end(), message) != said.end()) return;
    if (said.size() < kMaxWarnings) {
        outcome_.warnings.push_back(std::move(message));
    } else {
        ++more_warnings_;
    }
}

void Proposal::finish_warnings() {
    if (more_warnings_ == 0) return;
    outcome_.warnings.push_back("and " + std::to_string(more_warnings_) + " more warnings");
}

void Proposal::check_touched() {
    for (const auto& item : touched_) {
        const Touched& touched = item.second;
        const ZoneRecord& zone = touched.zone->record;
        if (!touched.zone->exists) continue;
        operation_ = touched.operation;
        check_name(touched, touched.view);
        if (touched.view != zone.own_view()) continue;
        for (const ZoneEntry::Variant& variant : zone.variants) {
            if (variant.view != zone.own_view()) check_name(touched, variant.view);
        }
    }
}

/// The base was replaced: what views lay over it is checked against the new one.
void Proposal::touch_overlays(Zone& zone) {
    for (const ZoneEntry::Variant& variant : zone.record.variants) {
        if (variant.view == zone.record.own_view()) continue;
        const std::string prefix = zone_prefix(variant.id);
        std::string at = prefix;
        std::size_t looks = 0;
        for (auto row = draft_.first(Family::Nodes, at, prefix); row;
             row = draft_.first(Family::Nodes, at, prefix)) {
            if (++looks > kMaxOverlayLooks) {
                warn(zone.record.apex.to_text() + " in the view " + view_name(variant.view) +
                     ": only the first " + std::to_string(kMaxOverlayLooks) +
                     " names were checked against the new data");
                break;
            }
            const auto view = NodeView::check(base::as_octets(row->second));
            const auto name =
                view ? absolute_owner(view->relative_owner(), zone.record.apex) : std::nullopt;
            if (!name) {
                damaged_ = true;
                return;
            }
            const Target target{&zone, variant.view, *name};
            touch(target);
            touched_.at(row->first).all_types = true;
            at = row->first;
            at.push_back('\0');
        }
    }
}

/// Costs one look-up per label above the name and per target that lies in the zone, and a few
/// names below it. What is not looked for: other delegations that use this name as their server.
void Proposal::check_name(const Touched& touched, ViewId view) {
    const ZoneRecord& zone = touched.zone->record;
    const Octets owner = relative_owner(touched.name, zone.apex);
    const std::string in_view = view == zone.own_view() ? "" : " in the view " + view_name(view);
    const std::string where = touched.name.to_text() + in_view;
    auto here = seen(zone, view, owner);

    const FindingReport report = [&](const Finding& finding) {
        std::string text = finding.owner.to_text() + in_view;
        if (finding.type != RRType{}) text += " " + dns::to_text(finding.type);
        text += ": " + finding.message;
        if (finding.severity == Finding::Severity::Error) {
            fault(ChangeFault::Kind::Invalid, "", std::move(text));
        } else if (finding.type == RRType{} || touched.concerns(finding.type) ||
                   !(finding.owner == touched.name)) {
            warn(std::move(text));
        }
    };
    std::vector<std::uint8_t> found;
    const auto lookup = [&](Octets wanted) {
        auto parts = seen(zone, view, wanted);
        if (!parts) return NodeView();
        found = parts->pack();
        return NodeView(found.data());
    };
    TargetCheck targets(zone.apex, lookup);
    std::vector<std::uint8_t> packed;
    NodeView node;
    if (here) {
        packed = here->pack();
        node = NodeView(packed.data());
        check_node(zone.apex, touched.name, node, report);
        check_policies(touched, view, *here);
        check_below(touched, view, node, where);
    }
    const bool hidden = check_above(touched, view, node, where, targets, report);
    if (!node || hidden) return;
    // A zone is made in steps, so that here a server without an address is no error.
    each_target(zone.apex, node, [&](std::size_t, RRType type, dns::NameView target) {
        if (!touched.concerns(type)) return;
        targets.check(touched.name, type, target, Finding::Severity::Warning, 0, report);
    });
}

/// What stands above the name: a DNAME, a delegation that hides it, servers that need its address.
/// True when it is below a cut.
bool Proposal::check_above(const Touched& touched, ViewId view, NodeView node,
                           const std::string& where, TargetCheck& targets,
                           const FindingReport& report) {
    const ZoneRecord& zone = touched.zone->record;
    const Octets owner = relative_owner(touched.name, zone.apex);
    std::optional<dns::Name> cut;
    bool below_dname = false;
    std::vector<std::uint8_t> octets;
    for (Octets above = owner; !above.empty();) {
        above = parent_owner(above);
        auto parent = seen(zone, view, above);
        if (!parent) continue;
        octets = parent->pack();
        const NodeView parent_node(octets.data());
        const auto name = absolute_owner(above, zone.apex);
        if (!name) continue;
        below_dname = below_dname || parent_node.find(RRType::DNAME).has_value();
        if (!above.empty() && parent_node.find(RRType::NS)) cut = *name;
        const bool lost = touched.concerns(RRType::A) || touched.concerns(RRType::AAAA) ||
                          touched.concerns(RRType::CNAME);
        if (lost && names_target(parent_node, touched.name)) {
            targets.check(*name, RRType::NS, touched.name, Finding::Severity::Warning, 0, report);
        }
    }
    if (!node || node.empty()) return cut.has_value();
    if (below_dname && !cut) {
        fault(ChangeFault::Kind::Invalid, "", where + ": stands below a DNAME (RFC 6672, 2.4)");
    }
    const auto hidden = cut ? hidden_by_cut(node) : std::nullopt;
    if (hidden && touched.concerns(*hidden)) {
        warn(where + " " + dns::to_text(*hidden) +
             ": is never answered: it is below the delegation of " + cut->to_text() +
             " (RFC 1034, 4.2.1)");
    }
    return cut.has_value();
}

/// What stands below the name when it gets a DNAME or becomes a delegation.
void Proposal::check_below(const Touched& touched, ViewId view, NodeView node,
                           const std::string& where) {
    const ZoneRecord& zone = touched.zone->record;
    const Octets owner = relative_owner(touched.name, zone.apex);
    const ZoneId overlay = view == zone.own_view() ? 0 : zone.id_of(view);
    if (node.find(RRType::DNAME) &&
        (has_descendant(zone.own_id(), owner) || has_descendant(overlay, owner))) {
        fault(ChangeFault::Kind::Invalid, "",
              where + ": a DNAME, and names below it (RFC 6672, 2.4)");
    }
    if (owner.empty() || !node.find(RRType::NS) || !touched.concerns(RRType::NS)) return;
    for (const ZoneId id : {zone.own_id(), overlay}) {
        if (id == 0) continue;
        const std::string prefix = node_key(id, owner);
        std::string at = prefix + '\0';
        for (int looks = 0; looks < kMaxHiddenLooks; ++looks) {
            const auto row = draft_.first(Family::Nodes, at, prefix);
            if (!row) break;
            const auto below = NodeView::check(base::as_octets(row->second));
            if (!below) {
                damaged_ = true;
                return;
            }
            const auto type = hidden_by_cut(*below);
            if (type) {
                warn(where + " NS: hides what is below, such as " +
                     owner_of(*below, zone.apex).to_text() + " " + dns::to_text(*type) +
                     " (RFC 1034, 4.2.1)");
                return;
            }
            at = row->first + '\0';
        }
    }
}

void Proposal::check_policies(const Touched& touched, ViewId view, const NodeParts& seen_node) {
    // Most names have none, and the node says so without a look-up of each kind.
    if ((seen_node.flags & kNodePolicy) == 0) return;
    const ZoneRecord& zone = touched.zone->record;
    bool address = false;
    bool cname = false;
    for (const ViewId where : {zone.own_view(), view}) {
        PolicyRecord policy{0, zone.apex, touched.name, where, "ADDRESS", ""};
        address = address || draft_.get(Family::Config, policy.key()).has_value();
        policy.type = "CNAME";
        cname = cname || draft_.get(Family::Config, policy.key()).has_value();
    }
    if (!address && !cname) return;
    const std::string name = touched.name.to_text();
    NodeParts parts = seen_node;
    if (address && cname) {
        fault(ChangeFault::Kind::Invalid, "/type",
              name + ": an ADDRESS and a CNAME policy on one name");
    }
    if (cname && !parts.entries.empty()) {
        fault(ChangeFault::Kind::Invalid, "/type",
              name + ": a CNAME policy and other data: " +
                  dns::to_text(parts.entries.front().rrset.type()) +
                  " (RFC 1034, 3.6.2; RFC 2181, 10.1)");
    }
    if (address && parts.find(RRType::CNAME) != nullptr) {
        fault(ChangeFault::Kind::Invalid, "/type",
              name + ": an ADDRESS policy and a CNAME (RFC 1034, 3.6.2)");
    }
    for (const RRType type : {RRType::A, RRType::AAAA}) {
        if (!address || parts.find(type) == nullptr) continue;
        warn(name + " " + dns::to_text(type) + " is not served while a policy stands there");
    }
}

}  // namespace zones
