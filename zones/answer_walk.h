#pragma once

#include <cstdint>

#include "dns/name.h"
#include "zones/answer_node.h"
#include "zones/apex_memo.h"
#include "zones/zone_table.h"

namespace zones {

/// Where a walk from the apex down to a qname ends (RFC 1034, 4.3.2, step 3).
enum class WalkEnd : std::uint8_t {
    Exact,     // the qname's own node
    Cut,       // a delegation at or above the qname
    Dname,     // a DNAME above the qname (RFC 6672, 3.2)
    Wildcard,  // the source of synthesis below the closest encloser (RFC 4592, 3.3.1)
    Absent,    // neither the name nor a wildcard that covers it
    Blocked,
    Failed,
};

struct Walk {
    WalkEnd end = WalkEnd::Absent;
    OwnerNode node;
    base::Octets relative_owner;  // of `node`, a slice of the qname; a wildcard's is its encloser's
    std::size_t owner_labels = 0;  // of `node`, or of the closest encloser (Wildcard, Absent)
    OwnerSurvey survey;            // of `node`, for the qtype
};

/// Walks one zone as one view sees it. At most one failing look-up in each of the two layers,
/// however many labels: the first name that a layer does not hold ends it there, empty
/// non-terminals being stored, and a wildcard is looked for only where it is.
///
/// With `at_parent_side` a cut at the qname itself does not count: DS is the parent's (RFC 4035,
/// 3.1.4.1).
///
/// `labels` are those of the qname; `apexes` may be null. Fills `out`, which is new.
void walk_zone(NodeSource& nodes, const ZoneEntry& zone, const ZoneLayers& layers,
               dns::NameView qname, const dns::LabelOffsets& labels, dns::RRType qtype,
               bool at_parent_side, ApexMemo* apexes, Walk& out) noexcept;

/// The layers of a zone in a view.
[[nodiscard]] ZoneLayers layers_of(const ZoneEntry& zone, ViewId view) noexcept;

}  // namespace zones
