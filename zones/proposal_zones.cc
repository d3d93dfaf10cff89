#include <algorithm>

#include "zones/key.h"
#include "zones/node_block.h"
#include "zones/node_rules.h"
#include "zones/proposal.h"

namespace zones {

namespace {

// Timers of a new zone: RFC 1912, 2.2, with the negative TTL of RFC 2308, 5.
constexpr std::uint32_t kSoaRefresh = 7200;
constexpr std::uint32_t kSoaRetry = 3600;
constexpr std::uint32_t kSoaExpire = 1209600;
constexpr std::uint32_t kSoaMinimum = 300;
constexpr std::string_view kHostmaster = "hostmaster";

std::string properties_json(const ZoneRecord& record) {
    return "{\"soa_edit\":" + json_string(record.soa_edit) +
           ",\"comment\":" + json_string(record.comment) + "}";
}

std::vector<std::uint8_t> rdata_of(dns::NameView name) {
    return {name.octets().begin(), name.octets().end()};
}

}  // namespace

void Proposal::perform(const PutZone& put) {
    if (put.soa_edit && !soa_edit_valid(*put.soa_edit)) {
        fault(ChangeFault::Kind::Invalid, "/soa_edit", "must be increment, date, epoch or keep");
        return;
    }
    Zone& zone = load(put.apex);
    if (!zone.exists) {
        create(zone, put);
        return;
    }
    if (!put.ns.empty() || put.soa_rdata) {
        fault(ChangeFault::Kind::Exists, "", "the zone " + put.apex.to_text() + " exists already");
        return;
    }
    if (!put.view.empty() && view_id(put.view) != zone.record.own_view()) {
        fault(ChangeFault::Kind::Invalid, "/view", "the view of a zone cannot be changed");
        return;
    }
    if (zone.sealed && put.soa_edit && *put.soa_edit != "keep") {
        fault(ChangeFault::Kind::Invalid, "/soa_edit",
              "the zone " + put.apex.to_text() +
                  " was signed elsewhere, its serial is part of what was signed: keep");
        return;
    }
    ZoneRecord after = zone.record;
    if (put.soa_edit) after.soa_edit = *put.soa_edit;
    if (put.comment) after.comment = *put.comment;
    if (properties_json(after) == properties_json(zone.record)) return;
    Effect effect;
    effect.zone = zone.record.apex;
    effect.before = properties_json(zone.record);
    effect.after = properties_json(after);
    outcome_.effects.push_back(std::move(effect));
    zone.record = std::move(after);
    zone.changed = true;
}

void Proposal::create(Zone& zone, const PutZone& put) {
    ViewId view = kDefaultView;
    if (!put.view.empty()) {
        const auto id = view_id(put.view);
        if (!id) {
            fault(ChangeFault::Kind::NotFound, "/view", "there is no view " + put.view);
            return;
        }
        view = *id;
    }
    if (put.ns.empty()) {
        fault(ChangeFault::Kind::Invalid, "/ns",
              "a new zone needs at least one name server (RFC 1034, 4.2.1)");
        return;
    }
    const std::string soa_edit = put.soa_edit.value_or("increment");
    std::vector<std::uint8_t> soa;
    if (put.soa_rdata) {
        soa = *put.soa_rdata;
    } else {
        const auto rname = dns::Name::prepend(base::as_octets(kHostmaster), put.apex);
        if (!rname) {
            fault(ChangeFault::Kind::Invalid, "/soa",
                  "the apex is too long for hostmaster below it: give a SOA");
            return;
        }
        soa = rdata_of(put.ns.front());
        soa.insert(soa.end(), rname->octets().begin(), rname->octets().end());
        const bool keep = soa_edit == "keep";
        base::append_be32(soa, keep ? 1 : next_serial(0, soa_edit, changes_.time));
        for (const std::uint32_t timer : {kSoaRefresh, kSoaRetry, kSoaExpire, kSoaMinimum}) {
            base::append_be32(soa, timer);
        }
    }

    ZoneRecord record;
    record.apex = put.apex;
    const ZoneId id = outcome_.counters.next_zone++;
    if (view == kDefaultView) {
        record.base = id;
    } else {
        record.variants.push_back({view, id});
    }
    record.soa_edit = soa_edit;
    record.comment = put.comment.value_or("");
    record.replaced = revision_;
    zone.record = std::move(record);
    zone.exists = true;
    zone.created = true;
    zone.changed = true;

    Effect effect;
    effect.zone = put.apex;
    effect.view = put.view;
    effect.after = properties_json(zone.record);
    outcome_.effects.push_back(std::move(effect));

    const Target apex{&zone, view, put.apex};
    RRsetValue value;
    value.records = {std::move(soa)};
    if (check_records(apex, dns::RRType::SOA, value.ttl, value.records)) {
        write(apex, dns::RRType::SOA, make_entry(dns::RRType::SOA, value));
    }
    value.records.clear();
    for (const dns::Name& server : put.ns) value.records.push_back(rdata_of(server));
    write(apex, dns::RRType::NS, make_entry(dns::RRType::NS, value));
}

std::vector<PolicyRecord> Proposal::policies_of(const dns::Name& apex) {
    std::vector<PolicyRecord> policies;
    for (const Draft::Row& row : draft_.all(Family::Config, PolicyRecord::prefix(apex))) {
        auto policy = PolicyRecord::parse(row.second);
        if (policy) {
            policies.push_back(std::move(*policy));
        } else {
            damaged_ = true;
        }
    }
    return policies;
}

/// The keys of an id; ids are never used again.
void Proposal::drop(ZoneId id) {
    if (id == 0) return;
    for (const KeyRange& range : zone_ranges(id, id + 1)) {
        draft_.erase_range(Family::Nodes, range.from, range.to);
        draft_.erase_range(Family::Meta, range.from, range.to);
    }
    outcome_.dropped.push_back(id);
}

void Proposal::perform(const DeleteZone& remove) {
    Zone* zone = existing(remove.apex);
    if (zone == nullptr) return;
    for (const PolicyRecord& policy : policies_of(remove.apex)) erase_policy(policy);
    Effect effect;
    effect.zone = zone->record.apex;
    effect.view = view_name(zone->record.own_view());
    effect.before = properties_json(zone->record);
    outcome_.effects.push_back(std::move(effect));

    drop(zone->record.base);
    for (const ZoneEntry::Variant& variant : zone->record.variants) drop(variant.id);
    // Nothing of it is left to be checked.
    for (auto touched = touched_.begin(); touched != touched_.end();) {
        touched = touched->second.zone == zone ? touched_.erase(touched) : std::next(touched);
    }
    zone->record = ZoneRecord{};
    zone->record.apex = remove.apex;
    zone->exists = false;
    zone->created = false;
    zone->data_changed = false;
    zone->changed = true;
}

/// The id of the new data, and how many records it has: written by a loader and taken over here, or
/// written by this change set.
std::optional<std::pair<ZoneId, std::uint64_t>> Proposal::take_loaded(const ReplaceZone& replace) {
    if (replace.small != nullptr) {
        const ZoneId id = outcome_.counters.next_zone++;
        const auto put = [this](const NodeBlock& block, const std::string& prefix) {
            for (std::size_t row = 0; row < block.size(); ++row) {
                std::string key = prefix;
                key += block.key(row).substr(prefix.size());
                draft_.put(Family::Nodes, std::move(key), std::string(block.value(row)));
            }
        };
        put(replace.small->names, zone_prefix(id));
        put(replace.small->chain, zone_prefix(hashed_id(id)));
        return std::pair(id, replace.records);
    }
    const std::string load_key = LoadRecord::key(replace.loaded);
    const auto value = draft_.get(Family::Default, load_key);
    const auto loaded = value ? LoadRecord::parse(*value) : std::nullopt;
    if (!loaded || loaded->records == 0 || !(loaded->apex == replace.apex)) {
        fault(ChangeFault::Kind::NotFound, "",
              "nothing was loaded for " + replace.apex.to_text() + " under this number");
        return std::nullopt;
    }
    draft_.erase(Family::Default, load_key);
    outcome_.attached.push_back(replace.loaded);
    return std::pair(replace.loaded, loaded->records);
}

void Proposal::perform(const ReplaceZone& replace) {
    const auto loaded = take_loaded(replace);
    if (!loaded) return;
    Zone& zone = load(replace.apex);
    Effect effect;
    effect.kind = Effect::Kind::Data;
    effect.zone = replace.apex;
    if (zone.exists) {
        effect.before = "{\"zone_id\":" + std::to_string(zone.record.own_id()) + "}";
        drop(zone.record.own_id());
    } else {
        zone.record.apex = replace.apex;
        zone.record.soa_edit = "increment";
        zone.exists = true;
        zone.created = true;
    }
    effect.after = "{\"zone_id\":" + std::to_string(loaded->first) +
                   ",\"records\":" + std::to_string(loaded->second) + "}";
    effect.view = view_name(zone.created ? kDefaultView : zone.record.own_view());
    outcome_.effects.push_back(std::move(effect));

    const bool in_base = zone.created || zone.record.base != 0;
    if (in_base) {
        zone.record.base = loaded->first;
    } else {
        zone.record.variants.front().id = loaded->first;
    }
    zone.record.replaced = revision_;
    zone.changed = true;
    zone.data_changed = true;
    zone.replaced = true;

    const std::vector<PolicyRecord> policies = policies_of(replace.apex);
    zone.sealed = is_sealed(zone.record);
    const bool overlaid =
        zone.record.base != 0 &&
        std::any_of(zone.record.variants.begin(), zone.record.variants.end(),
                    [&](const auto& variant) { return variant.view != zone.record.own_view(); });
    if (zone.sealed && (overlaid || !policies.empty())) {
        fault(ChangeFault::Kind::Invalid, "",
              "the new data of " + replace.apex.to_text() + " is signed, and the zone has " +
                  (overlaid ? "RRsets of views" : "policies") +
                  ", whose answers no signature would cover (RFC 4035, 2.2): delete them first, or "
                  "import it unsigned");
        return;
    }
    touch_overlays(zone);

    // Policies belong to names, not to the data that was replaced.
    for (const PolicyRecord& policy : policies) {
        steering_ = steering_.value_or(operation_);
        if (policy.view != zone.record.own_view()) continue;
        const Target target{&zone, policy.view, policy.name};
        set_policy_flag(target, true);
        touch(target);
    }
}

}  // namespace zones
