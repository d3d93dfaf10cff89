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
    if (after.properties_json() == zone.record.properties_json()) return;
    Effect effect;
    effect.zone = zone.record.apex;
    effect.before = zone.record.properties_json();
    effect.after = after.properties_json();
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
    effect.after = zone.record.properties_json();
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

/// An id that is served no more: its data stays until no journal entry needs it.
void Proposal::drop(ZoneId id) {
    if (id == 0) return;
    RetainedRecord record;
    record.revision = revision_;
    for (const KeyRange& range : zone_ranges(id, id + 1)) {
        for (const Family family : {Family::Nodes, Family::Meta}) {
            record.octets += draft_.approximate_octets(family, range.from, range.to);
        }
    }
    draft_.put(Family::Default, RetainedRecord::key(id), record.pack());
    draft_.put(Family::Default, RetainedRecord::order_key(revision_, id), "");
    count_history(static_cast<std::int64_t>(record.octets));
    std::erase(outcome_.attached, id);
    outcome_.dropped.push_back(id);
}

/// Tells of data that came (`before` 0), went (`after` 0) or was swapped.
void Proposal::tell_data(const Zone& zone, ViewId view, ZoneId before, ZoneId after,
                         std::string_view label) {
    Effect effect;
    effect.kind = Effect::Kind::Data;
    effect.zone = zone.record.apex;
    effect.view = view_name(view);
    effect.label = label;
    if (before != 0) effect.before = "{\"zone_id\":" + std::to_string(before) + "}";
    if (after != 0) effect.after = "{\"zone_id\":" + std::to_string(after) + "}";
    outcome_.effects.push_back(std::move(effect));
}

/// The marks of a view's policies on the nodes of its data. Data that is kept carries none: it may
/// be served again beside other policies.
void Proposal::mark_policies(Zone& zone, ViewId view, bool on) {
    for (const PolicyRecord& policy : policies_of(zone.record.apex)) {
        if (policy.view != view) continue;
        steering_ = steering_.value_or(operation_);
        const Target target{&zone, view, policy.name};
        set_policy_flag(target, on);
        if (on) touch(target);
    }
}

void Proposal::perform(const DeleteZone& remove) {
    Zone* zone = existing(remove.apex);
    if (zone != nullptr) erase_zone(*zone);
}

void Proposal::erase_zone(Zone& zone) {
    for (const PolicyRecord& policy : policies_of(zone.record.apex)) {
        erase_policy(policy);
        set_policy_flag(Target{&zone, policy.view, policy.name}, false);
    }
    Effect effect;
    effect.zone = zone.record.apex;
    effect.view = view_name(zone.record.own_view());
    effect.before = zone.record.properties_json();
    const auto let_go = [&](ViewId view, ZoneId id) {
        if (id == 0) return;
        drop(id);
        tell_data(zone, view, id, 0);
    };
    let_go(kDefaultView, zone.record.base);
    for (const ZoneEntry::Variant& variant : zone.record.variants) {
        let_go(variant.view, variant.id);
    }
    outcome_.effects.push_back(std::move(effect));

    // Nothing of it is left to be checked.
    for (auto touched = touched_.begin(); touched != touched_.end();) {
        touched = touched->second.zone == &zone ? touched_.erase(touched) : std::next(touched);
    }
    const dns::Name apex = zone.record.apex;
    zone.record = ZoneRecord{};
    zone.record.apex = apex;
    zone.exists = false;
    zone.restored = false;
    zone.emptied = false;
    zone.sealed = false;
    zone.created = false;
    zone.data_changed = false;
    zone.changed = true;
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
        mark_policies(zone, zone.record.own_view(), false);
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

    mark_policies(zone, zone.record.own_view(), true);
    check_replaced(zone);
}

/// Other data stands below overlays and policies than when they were made.
void Proposal::check_replaced(Zone& zone) {
    zone.sealed = is_sealed(zone.record);
    const bool overlaid =
        zone.record.base != 0 &&
        std::any_of(zone.record.variants.begin(), zone.record.variants.end(),
                    [&](const auto& variant) { return variant.view != zone.record.own_view(); });
    const std::string name = zone.record.apex.to_text();
    if (zone.sealed && (overlaid || !policies_of(zone.record.apex).empty())) {
        fault(ChangeFault::Kind::Invalid, "",
              "the new data of " + name + " is signed, and the zone has " +
                  (overlaid ? "RRsets of views" : "policies") +
                  ", whose answers no signature would cover (RFC 4035, 2.2): delete them first, or "
                  "import it unsigned");
        return;
    }
    touch_overlays(zone);
}

}  // namespace zones
