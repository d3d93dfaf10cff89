#include "zones/apex_memo.h"

#include <algorithm>

#include "dns/rdata.h"

namespace zones {

std::size_t ApexMemo::place_of(const ZoneEntry& zone) noexcept {
    const auto address = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(&zone));
    return (address * 0x9e3779b97f4a7c15ULL) >> 57;
}

/// False where the answer has to be found, or refused, the long way.
bool ApexMemo::note(NodeSource& nodes, const ZoneEntry& zone, const ZoneLayers& layers,
                    ApexNotes& out) noexcept {
    OwnerNode apex;
    if (look(nodes, layers, base::Octets(), apex) != Look::Found) return false;
    const NodeEntry soa = apex.find(dns::RRType::SOA);
    if (!soa.rrset || soa.rrset.count() == 0) return false;
    const base::Octets rdata = *soa.rrset.begin();
    out.dname = static_cast<bool>(apex.find(dns::RRType::DNAME).rrset);
    out.wildcard_in_overlay = apex.overlay && apex.overlay.has(kNodeWildcardChild);
    out.wildcard_in_base = apex.base && apex.base.has(kNodeWildcardChild);
    out.denial = denial_of(apex).kind;
    const std::uint32_t ttl = std::min(soa.rrset.ttl(), dns::soa_numbers(rdata).minimum);
    if (!out.soa.prepare(zone.apex(), dns::RRType::SOA, ttl, rdata)) return false;
    out.signed_soa = out.soa;
    const NodeEntry signatures = apex.find(dns::RRType::RRSIG);
    if (!signatures.rrset) return true;
    for (const base::Octets signature : signatures.rrset) {
        if (dns::signature_head(signature).covered != dns::RRType::SOA) continue;
        // Their TTL is that of what they cover (RFC 4034, 3).
        if (out.signed_soa.append(dns::RRType::RRSIG, ttl, signature)) continue;
        out.signed_soa.clear();
        break;
    }
    return true;
}

const ApexNotes* ApexMemo::of(NodeSource& nodes, const ZoneEntry& zone,
                              const ZoneLayers& layers) noexcept {
    static_assert(kPlaces == 128);  // 7 bits: place_of
    Place& place = places_[place_of(zone)];
    const bool same =
        place.zone == &zone && place.overlay == layers.overlay && place.generation == generation_;
    if (same && place.noted && place.reliance.holds(*changes_, revision_)) {
        nodes.rely_on(place.reliance);
        return &place.notes;
    }
    if (same && note(nodes, zone, layers, place.notes)) {
        place.noted = true;
        place.reliance = {};
        place.reliance.revision = revision_;
        for (const ZoneId layer : {layers.overlay, layers.base}) {
            if (layer != 0) place.reliance.add(nodes.mark_of(layer, base::Octets()));
        }
        // Perhaps by what is below the apex.
        if (nodes.reliance().count > Reliance::kMost) place.reliance.add_all();
        return &place.notes;
    }
    place.zone = &zone;
    place.overlay = layers.overlay;
    place.generation = generation_;
    place.noted = false;
    return nullptr;
}

}  // namespace zones
