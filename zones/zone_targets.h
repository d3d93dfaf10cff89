#pragma once

#include <functional>
#include <string>
#include <unordered_map>

#include "zones/node_rules.h"

namespace zones {

/// Finds the node of an owner below the apex, as the clients of one view see it; null: there is
/// none. What it gives is used before the next call. A failed read is the caller's to remember.
using NodeLookup = std::function<NodeView(Octets relative_owner)>;

/// What a name in the zone, to which a NS, MX or SRV points, turns out to be.
enum class TargetState : std::uint8_t {
    Fine,        // has an address, is below a cut (another's business), or a wildcard gives one
    NoAddress,   // is not there, or has other types only
    Alias,       // a CNAME
    BelowDname,  // redirected
    NoGlue,      // below a cut, without an address here
    Glue,        // below a cut, with an address
};

/// Looks at the targets of NS, MX and SRV that lie in the zone. Each costs one look-up per label
/// below the apex, and one for a wildcard; the latest are remembered. Not for several threads.
class TargetCheck {
  public:
    /// The apex outlives this.
    TargetCheck(dns::NameView apex, NodeLookup lookup) : apex_(apex), lookup_(std::move(lookup)) {}

    [[nodiscard]] TargetState look(dns::NameView target);

    /// One target in the zone of a record at `owner`. `severity` is that of a name server of the
    /// zone itself: without an address nobody finds the zone. All else is a warning.
    void check(dns::NameView owner, dns::RRType type, dns::NameView target,
               Finding::Severity severity, std::uint32_t line, const FindingReport& report);

  private:
    static constexpr std::size_t kMaxRemembered = 4096;

    [[nodiscard]] TargetState walk(Octets relative_target);

    dns::NameView apex_;
    NodeLookup lookup_;
    std::unordered_map<std::string, TargetState> remembered_;  // by canonical key
};

/// Calls `each(type, target)` for every target of NS, MX and SRV of a node that lies in the zone.
void each_target(dns::NameView apex, NodeView node,
                 const std::function<void(std::size_t entry, dns::RRType, dns::NameView)>& each);

}  // namespace zones
