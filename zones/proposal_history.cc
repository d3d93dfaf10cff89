// Reverts: journal entries undone from their last effect to their first. Each effect is undone by
// the same steps as any other change, so that its rules, journal entry and serial are theirs too.
#include <algorithm>
#include <tuple>

#include "dns/rdata.h"
#include "zones/documents.h"
#include "zones/key.h"
#include "zones/node_rules.h"
#include "zones/proposal.h"
#include "zones/retention.h"

namespace zones {

using dns::RRType;

namespace {

// What one revert of a zone undoes at most: it is one change set, and held in memory.
constexpr std::size_t kMaxUndoneEffects = 500000;
constexpr std::size_t kSerialFromEnd = 20;  // octets of a SOA's rdata after its names

bool is_overlay(const Effect& effect) {
    return effect.kind == Effect::Kind::Data && effect.label == kOverlayLabel;
}

std::optional<NodeParts::Entry> unpack_entry(const std::string& packed) {
    const auto node = NodeView::check(base::as_octets(packed));
    if (!node || node->empty()) return std::nullopt;
    NodeParts parts(*node);
    return std::move(parts.entries.front());
}

/// A SOA with another serial; anything else as it is.
std::optional<NodeParts::Entry> with_serial(std::optional<NodeParts::Entry> entry,
                                            std::uint32_t serial) {
    if (!entry || entry->rrset.type() != RRType::SOA || entry->rrset.count() != 1) return entry;
    const Octets old = *entry->rrset.view().begin();
    std::vector<std::uint8_t> rdata(old.begin(), old.end());
    base::store_be32(&rdata[rdata.size() - kSerialFromEnd], serial);
    NodeParts::Entry out{dns::RRset(RRType::SOA, entry->rrset.view().ttl()), entry->flags,
                         entry->answer_count, entry->weights};
    if (!out.rrset.add(rdata)) return entry;
    return out;
}

std::optional<std::string> packed(const std::optional<NodeParts::Entry>& entry) {
    if (!entry) return std::nullopt;
    return pack_entry(*entry);
}

void set_id(ZoneRecord& record, ViewId view, ZoneId id) {
    if (view == kDefaultView) {
        record.base = id;
        return;
    }
    std::erase_if(record.variants, [view](const auto& variant) { return variant.view == view; });
    if (id != 0) record.variants.push_back({view, id});
}

}  // namespace

/// One journal entry while it is undone.
struct Proposal::Undo {
    const JournalRecord& record;
    Revision revision = 0;
    bool alone = false;  // later change sets stay, so that nothing of theirs may be in the way
    const dns::Name* only = nullptr;  // a zone: the rest of the entry stays
    std::size_t index = 0;            // of the effect
};

/// Where the effect being undone stands in the entry as it is shown (effects_json).
std::string Proposal::pointer_of(const Undo& entry) {
    const auto first = entry.record.effects.begin();
    const auto at = first + static_cast<std::ptrdiff_t>(entry.index);
    return "/operations/" +
           std::to_string(std::count_if(first, at, [](const Effect& e) { return !is_overlay(e); }));
}

void Proposal::conflict(const Undo& entry, std::string message) {
    fault(ChangeFault::Kind::Conflict, pointer_of(entry), std::move(message));
}

/// Are the entries from this revision on still here? A fault says if not.
bool Proposal::history_reaches(Revision revision) {
    const Revision oldest = oldest_kept(draft_);
    const Revision kept = oldest != 0 ? oldest : revision_;
    if (revision >= kept) return true;
    fault(ChangeFault::Kind::Gone, "",
          "the history before revision " + std::to_string(kept) + " is not kept any more");
    return false;
}

void Proposal::perform(const RevertRevision& revert) {
    reverts_ = true;
    if (revert.revision == 0 || revert.revision >= revision_) {
        fault(ChangeFault::Kind::NotFound, "",
              "there is no change with revision " + std::to_string(revert.revision));
        return;
    }
    if (!history_reaches(revert.revision)) return;
    const auto value = draft_.get(Family::Journal, JournalRecord::key(revert.revision));
    const auto record = value ? JournalRecord::parse(*value) : std::nullopt;
    if (!record) {
        damaged_ = true;
        return;
    }
    undo(Undo{*record, revert.revision, true, nullptr, 0});
    settle_reverted();
}

void Proposal::perform(const RevertZone& revert) {
    reverts_ = true;
    if (revert.to >= revision_) {
        fault(ChangeFault::Kind::NotFound, "",
              "there is no revision " + std::to_string(revert.to) + " yet");
        return;
    }
    const std::string any = JournalRecord::zone_key(revert.apex, 0);
    const std::string prefix = any.substr(0, any.size() - sizeof(Revision));
    if (!load(revert.apex).exists && !draft_.first(Family::Journal, any, prefix)) {
        fault(ChangeFault::Kind::NotFound, "",
              "there is no zone " + revert.apex.to_text() + ", and history knows of none");
        return;
    }
    if (!history_reaches(revert.to + 1)) return;
    std::vector<Revision> later;
    std::string at = JournalRecord::zone_key(revert.apex, revert.to + 1);
    while (const auto row = draft_.first(Family::Journal, at, prefix)) {
        later.push_back(JournalRecord::revision_of(row->first));
        at = row->first + '\0';
    }
    std::size_t effects = 0;
    for (auto revision = later.rbegin(); revision != later.rend(); ++revision) {
        const auto value = draft_.get(Family::Journal, JournalRecord::key(*revision));
        const auto record = value ? JournalRecord::parse(*value) : std::nullopt;
        if (!record) {
            damaged_ = true;
            return;
        }
        effects += record->effects.size();
        if (effects > kMaxUndoneEffects) {
            fault(ChangeFault::Kind::Invalid, "/to",
                  "more than " + std::to_string(kMaxUndoneEffects) +
                      " single changes lie between: revert to a later revision first");
            return;
        }
        undo(Undo{*record, *revision, false, &revert.apex, 0});
        if (!faults_.empty()) return;
    }
    settle_reverted();
}

void Proposal::undo(const Undo& entry) {
    // RRsets of a zone that was made by the same entry go with the zone.
    const std::vector<Effect>& effects = entry.record.effects;
    std::vector<bool> skipped(effects.size(), false);
    std::map<std::string, bool> made;
    for (std::size_t i = 0; i < effects.size(); ++i) {
        const Effect& effect = effects[i];
        if (effect.kind == Effect::Kind::Document) continue;
        if (entry.only != nullptr && !(effect.zone == *entry.only)) {
            skipped[i] = true;
            continue;
        }
        bool& fresh = made[ZoneRecord::key(effect.zone)];
        if (effect.kind == Effect::Kind::Zone) {
            if (!effect.before) fresh = true;
            if (!effect.after) fresh = false;
        } else if (effect.kind == Effect::Kind::Data && !is_overlay(effect)) {
            fresh = false;
        } else {
            skipped[i] = fresh;
        }
    }
    Undo step = entry;
    for (step.index = effects.size(); step.index-- > 0;) {
        const Effect& effect = effects[step.index];
        if (skipped[step.index]) continue;
        switch (effect.kind) {
            case Effect::Kind::Zone:
                undo_zone(step, effect);
                break;
            case Effect::Kind::Data:
                undo_data(step, effect);
                break;
            case Effect::Kind::RRset:
                undo_rrset(step, effect);
                break;
            case Effect::Kind::Policy:
                undo_policy(step, effect);
                break;
            case Effect::Kind::Document:
                if (entry.only == nullptr) undo_document(step, effect);
                break;
        }
    }
    // An import that makes a zone tells of its data alone.
    for (auto& item : zones_) {
        if (item.second.exists && item.second.emptied) erase_zone(item.second);
    }
}

/// A zone as a whole is as its change set left it if nothing in it was changed later.
bool Proposal::unchanged_since(const Undo& entry, const Zone& zone) {
    if (!entry.alone) return true;
    const auto value = draft_.before(Family::Zones, ZoneRecord::key(zone.record.apex));
    const auto record = value ? ZoneRecord::parse(*value) : std::nullopt;
    if (record && record->revision == entry.revision) return true;
    conflict(entry, "the zone " + zone.record.apex.to_text() + " was changed since" +
                        (record ? ", at revision " + std::to_string(record->revision) : "") +
                        ": revert the zone to a revision instead");
    return false;
}

void Proposal::undo_zone(const Undo& entry, const Effect& effect) {
    Zone& zone = load(effect.zone);
    const std::string name = effect.zone.to_text();
    if (!effect.before) {
        if (!zone.exists) return conflict(entry, "the zone " + name + " is not there any more");
        // What this change set has brought back itself, nobody else has changed.
        if (zone.restored || unchanged_since(entry, zone)) erase_zone(zone);
        return;
    }
    const auto properties = parse_zone_properties(*effect.before);
    if (!properties) {
        damaged_ = true;
        return;
    }
    if (effect.after) {
        if (!zone.exists || zone.record.properties_json() != *effect.after) {
            return conflict(entry, "the properties of " + name + " were changed since");
        }
    } else if (zone.exists) {
        return conflict(entry, "the zone " + name + " was made anew since");
    }
    Effect done;
    done.zone = effect.zone;
    done.view = effect.view;
    if (zone.exists) {
        done.before = zone.record.properties_json();
    } else {
        zone.record = ZoneRecord{};
        zone.record.apex = effect.zone;
        zone.exists = true;
        zone.restored = true;
        zone.reverted = true;
        restore_serial(zone);
    }
    zone.record.soa_edit = properties->soa_edit;
    zone.record.comment = properties->comment;
    zone.changed = true;
    done.after = zone.record.properties_json();
    outcome_.effects.push_back(std::move(done));
}

/// A zone that comes back must not be older than when it was last served: `serial_before` becomes
/// what it had then.
void Proposal::restore_serial(Zone& zone) {
    if (zone.serial_before != 0) return;  // it was there when this change set came
    const dns::Name& apex = zone.record.apex;
    const std::string any = JournalRecord::zone_key(apex, 0);
    const std::string prefix = any.substr(0, any.size() - sizeof(Revision));
    Revision last = 0;
    for (Revision low = 0, high = revision_; low < high;) {
        const Revision middle = low + (high - low + 1) / 2;
        const auto row =
            draft_.first(Family::Journal, JournalRecord::zone_key(apex, middle), prefix);
        if (row) {
            last = JournalRecord::revision_of(row->first);
            low = last;
        } else {
            high = middle - 1;
        }
    }
    const auto value = draft_.get(Family::Journal, JournalRecord::key(last));
    const auto record = value ? JournalRecord::parse(*value) : std::nullopt;
    if (!record) return;
    for (const Effect& effect : record->effects) {
        if (effect.kind != Effect::Kind::Data || effect.after || !effect.before ||
            is_overlay(effect) || !(effect.zone == apex)) {
            continue;
        }
        ZoneRecord then;
        then.base = parse_data_id(*effect.before);
        zone.serial_before = serial_of(then).value_or(0);
        return;
    }
}

/// Data that is kept is served again. Nothing else has ever been written under its id.
bool Proposal::attach(Zone& zone, ViewId view, ZoneId id) {
    const std::string key = RetainedRecord::key(id);
    const auto value = draft_.get(Family::Default, key);
    const auto record = value ? RetainedRecord::parse(*value) : std::nullopt;
    if (!record) return false;
    draft_.erase(Family::Default, key);
    draft_.erase(Family::Default, RetainedRecord::order_key(record->revision, id));
    count_history(-static_cast<std::int64_t>(record->octets));
    std::erase(outcome_.dropped, id);
    outcome_.attached.push_back(id);
    set_id(zone.record, view, id);
    zone.changed = true;
    return true;
}

void Proposal::undo_data(const Undo& entry, const Effect& effect) {
    Zone& zone = load(effect.zone);
    const std::string name = effect.zone.to_text();
    const ZoneId before = effect.before ? parse_data_id(*effect.before) : 0;
    const ZoneId after = effect.after ? parse_data_id(*effect.after) : 0;
    const auto view =
        effect.view.empty() ? std::optional<ViewId>(kDefaultView) : view_id(effect.view);
    if (!view) return conflict(entry, "the view " + effect.view + " is not there any more");
    if (!zone.exists) return conflict(entry, "the zone " + name + " is not there any more");
    const ZoneId present = zone.record.id_of(*view);
    if (is_overlay(effect)) {
        // Its RRsets say whether an overlay is there; the id matters to older entries only.
        if (before == 0 || present != 0) return;
        if (attach(zone, *view, before)) {
            tell_data(zone, *view, 0, before, kOverlayLabel);
            zone.reverted = true;
        }
        return;
    }
    if (present != after || (after != 0 && !zone.restored && !unchanged_since(entry, zone))) {
        if (present != after) conflict(entry, "the data of " + name + " was replaced since");
        return;
    }
    // Asked before anything goes: an overlay that is left alone would look like the zone's own
    // data.
    const bool own = *view == zone.record.own_view();
    if (present != 0) {
        mark_policies(zone, *view, false);
        drop(present);
    }
    if (before == 0) {
        set_id(zone.record, *view, 0);
        zone.emptied = zone.emptied || own;
    } else if (!attach(zone, *view, before)) {
        fault(ChangeFault::Kind::Gone, pointer_of(entry),
              "the data that " + name + " had before revision " + std::to_string(entry.revision) +
                  " is not kept any more");
        return;
    }
    tell_data(zone, *view, present, before);
    zone.reverted = true;
    zone.changed = true;
    if (before == 0) return;
    if (own) zone.emptied = false;
    zone.record.replaced = revision_;
    if (present != 0) zone.data_changed = true;
    zone.sealed = is_sealed(zone.record);
    mark_policies(zone, *view, true);
    zone.replaced = true;
}

void Proposal::undo_rrset(const Undo& entry, const Effect& effect) {
    const std::string what = effect.name.to_text() + " " + dns::to_text(effect.type) +
                             (effect.view.empty() ? "" : " in the view " + effect.view);
    if (!load(effect.zone).exists) {
        return conflict(entry, "the zone " + effect.zone.to_text() + " is not there any more");
    }
    if (!effect.view.empty() && !view_id(effect.view)) {
        return conflict(entry, "the view " + effect.view + " is not there any more");
    }
    const auto where = target(effect.zone, effect.name, effect.view);
    if (!where) return;
    const bool own_soa = effect.type == RRType::SOA && effect.name == effect.zone &&
                         where->view == where->zone->record.own_view();
    auto present = entry_of(*where, effect.type);
    auto left = effect.after ? unpack_entry(*effect.after) : std::nullopt;
    auto wanted = effect.before ? unpack_entry(*effect.before) : std::nullopt;
    if ((effect.after && !left) || (effect.before && !wanted)) {
        damaged_ = true;
        return;
    }
    if (own_soa && present && present->rrset.count() == 1) {
        // The serial goes on, whatever else is put back.
        const std::uint32_t serial = dns::soa_numbers(*present->rrset.view().begin()).serial;
        left = with_serial(std::move(left), serial);
        wanted = with_serial(std::move(wanted), serial);
        if (packed(left) == packed(wanted)) return;
    }
    if (packed(present) != packed(left)) {
        return conflict(entry, what + " was changed since");
    }
    where->zone->reverted = true;
    write(*where, effect.type, wanted);
}

void Proposal::undo_policy(const Undo& entry, const Effect& effect) {
    Zone& zone = load(effect.zone);
    const std::string what = "the policy " + effect.name.to_text() + " " + effect.label;
    const auto view =
        effect.view.empty() ? std::optional<ViewId>(kDefaultView) : view_id(effect.view);
    if (!zone.exists || !view) {
        return conflict(entry, what + " has lost its " + (view ? "zone" : "view"));
    }
    const PolicyRecord key{0, effect.zone, effect.name, *view, effect.label, ""};
    const auto value = draft_.get(Family::Config, key.key());
    const auto present = value ? PolicyRecord::parse(*value) : std::nullopt;
    const std::optional<std::string> json =
        present ? std::optional<std::string>(present->json) : std::nullopt;
    if (json != effect.after) return conflict(entry, what + " was changed since");
    if (effect.before) {
        perform(PutPolicy{effect.zone, effect.name, effect.label, effect.view, *effect.before});
    } else {
        perform(DeletePolicy{effect.zone, effect.name, effect.label, effect.view});
    }
}

void Proposal::undo_document(const Undo& entry, const Effect& effect) {
    const auto value = draft_.get(Family::Config, DocumentRecord::key(effect.label, effect.id));
    const auto present = value ? DocumentRecord::parse(*value) : std::nullopt;
    const std::optional<std::string> json =
        present ? std::optional<std::string>(present->json) : std::nullopt;
    if (json != effect.after) {
        return conflict(entry, effect.label + " " + effect.id + " was changed since");
    }
    if (effect.before) {
        perform(PutDocument{effect.label, effect.id, *effect.before});
    } else {
        perform(DeleteDocument{effect.label, effect.id});
    }
}

/// Once all is undone: zones that have come back, been swapped, or have nothing left.
void Proposal::settle_reverted() {
    for (auto& item : zones_) {
        Zone& zone = item.second;
        if (!zone.exists || !zone.reverted) continue;
        if (zone.record.own_id() == 0) {
            fault(ChangeFault::Kind::Gone, "",
                  "the data of " + zone.record.apex.to_text() + " is not kept any more");
            return;
        }
        if (zone.restored && serial_of(zone.record) != zone.serial_before) {
            zone.data_changed = true;
        }
        drop_empty_overlays(zone);
        if (zone.replaced) check_replaced(zone);
        touch(Target{&zone, zone.record.own_view(), zone.record.apex});
    }
}

/// What was done to one thing several times becomes one effect, and none if nothing has changed.
/// RRsets are not brought together across a change of the data they are in.
void merge_effects(std::vector<Effect>& effects) {
    using Key = std::tuple<Effect::Kind, std::string, std::string, std::string, RRType, std::string,
                           std::string>;
    std::map<Key, std::size_t> first;
    std::vector<Effect> merged;
    for (Effect& effect : effects) {
        const bool whole = effect.kind == Effect::Kind::Data ||
                           (effect.kind == Effect::Kind::Zone && (!effect.before || !effect.after));
        if (whole) {
            first.clear();
            merged.push_back(std::move(effect));
            continue;
        }
        Key key(effect.kind, ZoneRecord::key(effect.zone), effect.view, canonical_key(effect.name),
                effect.type, effect.label, effect.id);
        const auto known = first.try_emplace(std::move(key), merged.size());
        if (known.second) {
            merged.push_back(std::move(effect));
        } else {
            merged[known.first->second].after = std::move(effect.after);
        }
    }
    std::erase_if(merged, [](const Effect& effect) {
        return effect.kind != Effect::Kind::Data && effect.before == effect.after;
    });
    effects = std::move(merged);
}

}  // namespace zones
