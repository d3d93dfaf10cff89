#include "zones/zone_serial.h"

#include "dns/rdata.h"
#include "zones/answer_walk.h"

namespace zones {

Look zone_serial(NodeSource& nodes, const ZoneEntry& zone, ViewId view,
                 std::optional<std::uint32_t>& serial) noexcept {
    OwnerNode apex;
    const Look found = look(nodes, layers_of(zone, view), base::Octets(), apex);
    if (found != Look::Found) return found;
    const NodeEntry soa = apex.find(dns::RRType::SOA);
    if (!soa.rrset || soa.rrset.count() == 0) return Look::Missing;
    serial = dns::soa_numbers(*soa.rrset.begin()).serial;
    return Look::Found;
}

}  // namespace zones
