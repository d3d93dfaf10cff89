#include "dns/rdata.h"
#include "zones/documents.h"
#include "zones/key.h"
#include "zones/node_rules.h"
#include "zones/proposal.h"

namespace zones {

using dns::RRType;

std::optional<std::uint32_t> Proposal::serial_of(const ZoneRecord& zone) {
    auto apex = node(zone.own_id(), {});
    const NodeParts::Entry* soa = apex ? apex->find(RRType::SOA) : nullptr;
    if (soa == nullptr || soa->rrset.count() != 1) return std::nullopt;
    return dns::soa_numbers(*soa->rrset.view().begin()).serial;
}

/// A change of the data makes the serial newer (RFC 1982), so that secondaries see it, unless the
/// change itself did.
void Proposal::advance_serial(Zone& zone) {
    if (!zone.exists || zone.created || !zone.data_changed) return;
    const auto current = serial_of(zone.record);
    if (!current || dns::serial_newer(*current, zone.serial_before)) return;
    const std::string was = "the serial " + std::to_string(*current) + " of " +
                            zone.record.apex.to_text() + " is not newer than the one served, " +
                            std::to_string(zone.serial_before);
    const bool keep = zone.record.soa_edit == "keep";
    // What a revert puts back may be older than what was served: a serial that is kept stays where
    // it is, it does not go back.
    const bool stays = keep && zone.reverted && *current != zone.serial_before;
    if ((keep && !stays) || zone.sealed) {
        warn(was + ": secondaries will not see this change");
        return;
    }
    const std::uint32_t serial =
        stays ? zone.serial_before
              : next_serial(zone.serial_before, zone.record.soa_edit, changes_.time);
    if (!zone.reverted && (zone.replaced || *current != zone.serial_before)) {
        warn(was + ": advanced to " + std::to_string(serial));
    }
    const Target apex{&zone, zone.record.own_view(), zone.record.apex};
    const auto before = entry_of(apex, RRType::SOA);
    if (!before) return;
    const Octets old = *before->rrset.view().begin();
    std::vector<std::uint8_t> rdata(old.begin(), old.end());
    base::store_be32(&rdata[rdata.size() - 20], serial);
    NodeParts::Entry after{dns::RRset(RRType::SOA, before->rrset.view().ttl()), 0, 0, {}};
    if (!after.rrset.add(rdata)) return;
    write(apex, RRType::SOA, after);
}

/// An overlay without nodes is none: its view can be deleted.
void Proposal::drop_empty_overlays(Zone& zone) {
    if (zone.record.base == 0) return;
    std::vector<ZoneEntry::Variant> kept;
    for (const ZoneEntry::Variant& variant : zone.record.variants) {
        const std::string prefix = zone_prefix(variant.id);
        if (draft_.first(Family::Nodes, prefix, prefix)) {
            kept.push_back(variant);
        } else {
            drop(variant.id);
            tell_data(zone, variant.view, variant.id, 0, kOverlayLabel);
        }
    }
    zone.record.variants = std::move(kept);
}

void Proposal::settle_zones() {
    for (auto& item : zones_) {
        Zone& zone = item.second;
        if (!zone.changed) continue;
        outcome_.zones.push_back(zone.record.apex);
        if (!zone.exists) {
            draft_.erase(Family::Zones, item.first);
            continue;
        }
        advance_serial(zone);
        drop_empty_overlays(zone);
        zone.record.revision = revision_;
        draft_.put(Family::Zones, item.first, zone.record.pack());
    }
}

void Proposal::settle_views() {
    if (!views_changed_) return;
    ViewDocuments views = read_views(draft_);
    for (const ViewDocuments::Orphan& orphan : views.orphans) {
        const auto network = documents_.find({"networks", orphan.network});
        const auto view = documents_.find({"views", orphan.view});
        if (network != documents_.end()) {
            operation_ = network->second;
            fault(ChangeFault::Kind::Invalid, "/view", "there is no view " + orphan.view);
        } else if (view != documents_.end()) {
            operation_ = view->second;
            fault(ChangeFault::Kind::Exists, "",
                  "the view " + orphan.view + " is in use by the network " + orphan.network);
        }
    }
    for (const auto& document : documents_) {
        if (document.first.first != "views") continue;
        const std::string key = DocumentRecord::key("views", document.first.second);
        if (draft_.get(Family::Config, key)) continue;
        const auto before = draft_.before(Family::Config, key);
        const auto record = before ? DocumentRecord::parse(*before) : std::nullopt;
        operation_ = document.second;
        if (record) check_deleted_view(document.first.second, record->number);
    }
    outcome_.views =
        std::make_shared<const ViewTable>(std::move(views.views), std::move(views.networks));
}

void Proposal::check_deleted_view(const std::string& name, ViewId id) {
    draft_.walk(Family::Zones, "", [&](std::string_view, std::string_view value) {
        const auto zone = ZoneRecord::parse(value);
        if (!zone || zone->id_of(id) == 0) return true;
        fault(ChangeFault::Kind::Exists, "",
              "the view " + name + " is in use by the zone " + zone->apex.to_text());
        return false;
    });
}

void Proposal::compile() {
    if (!steering_ || !faults_.empty()) return;
    auto policies = compile_policies(draft_, geo_);
    if (policies) {
        outcome_.policies = std::move(*policies);
        return;
    }
    operation_ = *steering_;
    fault(ChangeFault::Kind::Invalid, "", policies.error().message);
}

}  // namespace zones
