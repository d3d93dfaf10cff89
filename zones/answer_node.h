#pragma once

#include <cstdint>

#include "base/octets.h"
#include "dns/types.h"
#include "zones/ids.h"
#include "zones/node_source.h"

namespace zones {

/// The data one client sees of a zone: a view's overlay above the base, or one of them alone.
struct ZoneLayers {
    ZoneId overlay = 0;  // 0: none
    ZoneId base = 0;     // 0: none
    // A walk down the tree has seen where a layer ends: nothing of it is at or below the owner.
    bool overlay_ended = false;
    bool base_ended = false;
};

/// What one owner holds through the layers. An overlay's RRset replaces the base's of its type; a
/// hidden one hides it. CNAME keeps its exclusiveness (RFC 1034, 3.6.2): an overlay's CNAME
/// covers all the base holds at the name, and other data of an overlay cover the base's CNAME.
struct OwnerNode {
    NodeView overlay;  // either may be null
    NodeView base;

    [[nodiscard]] bool has(NodeFlag flag) const noexcept {
        return (overlay && overlay.has(flag)) || (base && base.has(flag));
    }
    /// The visible entry of a type; its rrset is null if there is none.
    [[nodiscard]] NodeEntry find(dns::RRType type) const noexcept;
    /// The visible entry of the lowest type, RRSIG and NSEC after all others; its rrset is null if
    /// there is none.
    [[nodiscard]] NodeEntry first() const noexcept;
};

/// The entries that decide what happens at an owner, found in one pass. Null rrsets: not there.
struct OwnerSurvey {
    NodeEntry wanted;  // of the type asked
    NodeEntry cname, ns, dname;
};
void survey(const OwnerNode& node, dns::RRType wanted, OwnerSurvey& out) noexcept;

enum class Look : std::uint8_t {
    Found,
    Missing,  // the owner does not exist
    Blocked,  // only the disk could tell
    Failed,   // the stored data are corrupt
};

/// Looks an owner up. It exists if it holds a visible RRset or a policy, or if it is an empty
/// non-terminal (RFC 4592, 2.2.2) of either layer. A name whose every RRset is hidden exists only
/// through its descendants.
[[nodiscard]] Look look(NodeSource& nodes, const ZoneLayers& layers, base::Octets relative_owner,
                        OwnerNode& out) noexcept;

}  // namespace zones
