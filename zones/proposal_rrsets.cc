#include <algorithm>

#include "dns/rdata.h"
#include "zones/key.h"
#include "zones/node_rules.h"
#include "zones/proposal.h"

namespace zones {

namespace {

// The first key that can belong to a name below the one with this key.
std::string below(const std::string& key) {
    return key + '\0';
}

constexpr const char* kOfChain =
    "NSEC3 records and their signatures come and go with the whole signed zone (RFC 5155, 3)";

}  // namespace

std::optional<NodeParts> Proposal::node(ZoneId id, Octets owner) {
    if (id == 0) return std::nullopt;
    const auto octets = draft_.node(id, owner);
    if (!octets) return std::nullopt;
    const auto view = NodeView::check(base::as_octets(*octets));
    if (!view) {
        damaged_ = true;
        return std::nullopt;
    }
    return NodeParts(*view);
}

void Proposal::save(ZoneId id, NodeParts& parts) {
    const std::vector<std::uint8_t> octets = parts.pack();
    draft_.put(Family::Nodes, node_key(id, parts.relative_owner),
               std::string(base::as_text(octets)));
}

bool Proposal::has_descendant(ZoneId id, Octets owner) {
    if (id == 0) return false;
    const std::string key = node_key(id, owner);
    return draft_.first(Family::Nodes, below(key), key).has_value();
}

/// Empty non-terminals up to the apex (RFC 8499), and the mark of a wildcard on its parent.
void Proposal::make_parents(ZoneId id, Octets owner) {
    while (!owner.empty()) {
        const bool wildcard = is_wildcard_owner(owner);
        const Octets above = parent_owner(owner);
        auto parent = node(id, above);
        const bool made = !parent;
        if (made) {
            parent.emplace();
            parent->relative_owner.assign(above.begin(), above.end());
        }
        const bool marked = (parent->flags & kNodeWildcardChild) != 0;
        if (wildcard) parent->flags |= kNodeWildcardChild;
        if (made || (wildcard && !marked)) save(id, *parent);
        if (!made) return;
        owner = above;
    }
}

/// Removes a node that holds nothing and has nothing below it, then its parents likewise. The
/// apex of a zone's own data stays.
void Proposal::prune(const Target& target, Octets owner) {
    const ZoneId id = target.id();
    const bool own = target.view == target.zone->record.own_view();
    for (;;) {
        if (owner.empty() && own) return;
        const auto parts = node(id, owner);
        if (!parts || !parts->entries.empty() || (parts->flags & kNodePolicy) != 0 ||
            has_descendant(id, owner)) {
            return;
        }
        draft_.erase(Family::Nodes, node_key(id, owner));
        if (owner.empty()) return;
        const bool wildcard = is_wildcard_owner(owner);
        owner = parent_owner(owner);
        if (!wildcard) continue;
        auto parent = node(id, owner);
        if (!parent) return;
        parent->flags = static_cast<std::uint8_t>(parent->flags & ~kNodeWildcardChild);
        save(id, *parent);
    }
}

void Proposal::make_variant(const Target& target) {
    if (target.id() != 0) return;
    const ZoneId id = outcome_.counters.next_zone++;
    target.zone->record.variants.push_back({target.view, id});
    tell_data(*target.zone, target.view, 0, id, kOverlayLabel);
}

/// A name whose RRset of this type was changed; without a type: its policy.
void Proposal::touch(const Target& target, dns::RRType type) {
    Touched& touched =
        touched_
            .try_emplace(node_key(target.id(), target.owner()),
                         Touched{operation_, target.zone, target.view, target.name, {}, false})
            .first->second;
    if (type != dns::RRType{} && !touched.concerns(type)) touched.types.push_back(type);
    target.zone->changed = true;
}

bool Proposal::Touched::concerns(dns::RRType type) const {
    return all_types || std::find(types.begin(), types.end(), type) != types.end();
}

void Proposal::set_policy_flag(const Target& target, bool on) {
    auto parts = node(target.id(), target.owner());
    if (!parts) {
        if (!on) return;
        parts.emplace();
        parts->relative_owner.assign(target.owner().begin(), target.owner().end());
        make_parents(target.id(), target.owner());
    }
    parts->flags =
        static_cast<std::uint8_t>(on ? parts->flags | kNodePolicy : parts->flags & ~kNodePolicy);
    save(target.id(), *parts);
    if (!on) prune(target, target.owner());
}

std::optional<NodeParts::Entry> Proposal::entry_of(const Target& target, dns::RRType type) {
    auto parts = node(target.id(), target.owner());
    if (!parts) return std::nullopt;
    const NodeParts::Entry* entry = parts->find(type);
    if (entry == nullptr) return std::nullopt;
    return *entry;
}

void Proposal::write(const Target& target, dns::RRType type,
                     const std::optional<NodeParts::Entry>& after) {
    const auto before = entry_of(target, type);
    Effect effect;
    effect.kind = Effect::Kind::RRset;
    if (before) effect.before = pack_entry(*before);
    if (after) effect.after = pack_entry(*after);
    if (effect.before == effect.after) return;

    make_variant(target);
    const ZoneId id = target.id();
    const std::string key = node_key(id, target.owner());
    auto parts = node(id, target.owner());
    if (!parts) {
        parts.emplace();
        parts->relative_owner.assign(target.owner().begin(), target.owner().end());
        make_parents(id, target.owner());
    }
    parts->erase(type);
    if (after) parts->entries.push_back(*after);
    save(id, *parts);
    if (after) {
        std::string revision;
        base::append_be64(revision, revision_);
        draft_.put(Family::Meta, rrset_key(key, type), std::move(revision));
    } else {
        draft_.erase(Family::Meta, rrset_key(key, type));
        prune(target, target.owner());
    }

    effect.zone = target.zone->record.apex;
    effect.name = target.name;
    effect.type = type;
    effect.view = view_name(target.view);
    tell_rrset(key, std::move(effect));
    touch(target, type);
    target.zone->data_changed = true;
}

/// An RRset that is changed again and again by one change set is told of once: thousands of copies
/// of a large one would fill memory and journal.
void Proposal::tell_rrset(const std::string& key, Effect effect) {
    const auto told = told_.try_emplace({key, effect.type}, outcome_.effects.size());
    if (told.second) {
        outcome_.effects.push_back(std::move(effect));
    } else {
        outcome_.effects[told.first->second].after = std::move(effect.after);
    }
}

/// What was changed back is no change.
void Proposal::drop_void_effects() {
    std::erase_if(outcome_.effects, [](const Effect& effect) {
        return effect.kind == Effect::Kind::RRset && effect.before == effect.after;
    });
    told_.clear();
}

bool Proposal::check_records(const Target& target, dns::RRType type, std::uint32_t ttl,
                             const std::vector<std::vector<std::uint8_t>>& records) {
    bool good = true;
    for (std::size_t i = 0; i < records.size(); ++i) {
        auto message = check_record(target.zone->record.apex, target.name, type, ttl, records[i]);
        if (!message && is_of_nsec3_chain(target.owner(), type, records[i])) message = kOfChain;
        if (!message) continue;
        fault(ChangeFault::Kind::Invalid, "/records/" + std::to_string(i), *message);
        good = false;
    }
    return good;
}

bool Proposal::refuse_chain(const Target& target, dns::RRType type) {
    if (!is_of_nsec3_chain(target.owner(), type, {})) return false;
    fault(ChangeFault::Kind::Invalid, "/type", kOfChain);
    return true;
}

void Proposal::perform(const PutRRset& put) {
    const auto where = target(put.zone, put.name, put.view);
    if (!where) return;
    const RRsetValue& value = put.value;
    if (value.hidden) {
        if (where->view == where->zone->record.own_view()) {
            fault(ChangeFault::Kind::Invalid, "/hidden", "only a view can hide an RRset");
            return;
        }
        if (dns::is_meta(put.type)) {
            fault(ChangeFault::Kind::Invalid, "/type",
                  "a type that cannot be stored (RFC 6895, 3.1)");
            return;
        }
        write(*where, put.type, make_entry(put.type, value));
        return;
    }
    if (value.records.empty()) {
        fault(ChangeFault::Kind::Invalid, "/records", "an RRset has at least one record");
        return;
    }
    if (!value.weights.empty() && value.weights.size() != value.records.size()) {
        fault(ChangeFault::Kind::Invalid, "/records",
              "either every record has a weight or none has");
        return;
    }
    if (!check_records(*where, put.type, value.ttl, value.records)) return;
    NodeParts::Entry entry = make_entry(put.type, value);
    if (entry.rrset.count() < value.records.size()) {
        warn(put.name.to_text() + " " + dns::to_text(put.type) +
             ": a record stands twice and is kept once (RFC 2181, 5)");
    }
    if (const auto message = check_rrset(entry)) {
        fault(ChangeFault::Kind::Invalid, "/records", *message);
        return;
    }
    write(*where, put.type, entry);
}

void Proposal::perform(const AddRecords& add) {
    const auto where = target(add.zone, add.name, add.view);
    if (!where) return;
    if (add.records.empty()) {
        fault(ChangeFault::Kind::Invalid, "/records", "there is no record to add");
        return;
    }
    auto entry = entry_of(*where, add.type);
    const RRsetValue fresh;
    if (!entry || (entry->flags & kEntryHidden) != 0) entry = make_entry(add.type, fresh);
    if (add.ttl) entry->rrset.set_ttl(*add.ttl);
    if (!check_records(*where, add.type, entry->rrset.view().ttl(), add.records)) return;
    (void)entry->rrset.add_each(add.records);
    // A record of a weighted RRset that comes without a weight weighs as little as it can.
    if (!entry->weights.empty()) entry->weights.resize(entry->rrset.count(), 1);
    if (const auto message = check_rrset(*entry)) {
        fault(ChangeFault::Kind::Invalid, "/records", *message);
        return;
    }
    write(*where, add.type, entry);
}

void Proposal::perform(const RemoveRecords& remove) {
    const auto where = target(remove.zone, remove.name, remove.view);
    if (!where) return;
    auto entry = entry_of(*where, remove.type);
    if (!entry || (entry->flags & kEntryHidden) != 0) {
        if (refuse_chain(*where, remove.type)) return;
        fault(ChangeFault::Kind::NotFound, "",
              "there is no RRset " + remove.name.to_text() + " " + dns::to_text(remove.type));
        return;
    }
    const std::vector<bool> gone = entry->rrset.remove_each(remove.records);
    if (gone.size() - entry->rrset.count() < remove.records.size()) {
        warn(remove.name.to_text() + " " + dns::to_text(remove.type) +
             ": a record to remove was not there");
    }
    if (!entry->weights.empty()) {
        std::vector<std::uint16_t> kept;
        for (std::size_t i = 0; i < gone.size(); ++i) {
            if (!gone[i]) kept.push_back(entry->weights[i]);
        }
        entry->weights = std::move(kept);
    }
    if (entry->rrset.count() == 0) {
        write(*where, remove.type, std::nullopt);
        return;
    }
    entry->answer_count = std::min(entry->answer_count, entry->rrset.count());
    write(*where, remove.type, entry);
}

void Proposal::perform(const DeleteRRset& remove) {
    const auto where = target(remove.zone, remove.name, remove.view);
    if (!where) return;
    if (!entry_of(*where, remove.type)) {
        if (refuse_chain(*where, remove.type)) return;
        fault(ChangeFault::Kind::NotFound, "",
              "there is no RRset " + remove.name.to_text() + " " + dns::to_text(remove.type));
        return;
    }
    write(*where, remove.type, std::nullopt);
}

}  // namespace zones
