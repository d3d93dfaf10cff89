#include "zones/proposal.h"

#include <algorithm>
#include <set>

#include "zones/key.h"
#include "zones/node_rules.h"

namespace zones {

Proposal::Proposal(Draft& group, const Counters& counters, const ChangeSet& changes,
                   const GeoDatabases& geo)
    : draft_(group), changes_(changes), geo_(geo), revision_(counters.revision + 1) {
    outcome_.counters = counters;
}

base::Result<Proposal::Outcome, ChangeError> Proposal::apply() {
    if (changes_.operations.empty()) {
        fault(ChangeFault::Kind::Invalid, "", "the change set has no operations");
    }
    for (operation_ = 0; operation_ < changes_.operations.size(); ++operation_) {
        const Operation& operation = changes_.operations[operation_];
        const std::size_t faults_before = faults_.size();
        check_condition(operation.condition, revision_before(operation));
        if (faults_.size() > faults_before) continue;
        std::visit([this](const auto& what) { perform(what); }, operation.what);
    }
    settle_zones();
    if (reverts_) merge_effects(outcome_.effects);
    settle_views();
    check_touched();
    compile();
    finish_warnings();
    if (draft_.failed() || damaged_) {
        const std::string what =
            damaged_ ? "the store holds damaged data" : "the store cannot be read";
        return base::fail(ChangeError{{ChangeFault{ChangeFault::Kind::Unavailable, 0, "", what}}});
    }
    if (!faults_.empty()) return base::fail(ChangeError{std::move(faults_)});

    drop_void_effects();
    outcome_.changed = !outcome_.effects.empty();
    if (!outcome_.changed) return std::move(outcome_);
    if (changes_.dry_run) return std::move(outcome_);
    outcome_.counters.revision = revision_;
    write_journal();
    draft_.put(Family::Default, std::string(kCountersKey), outcome_.counters.pack());
    draft_.merge_down();
    return std::move(outcome_);
}

void Proposal::write_journal() {
    JournalRecord record;
    record.author = changes_.author;
    record.request_id = changes_.request_id;
    record.message = changes_.message;
    record.time = changes_.time;
    record.effects = outcome_.effects;
    for (const auto& zone : zones_) {
        if (!zone.second.changed) continue;
        record.zones.push_back(zone.second.record.apex.to_text());
        draft_.put(Family::Journal, JournalRecord::zone_key(zone.second.record.apex, revision_),
                   "");
    }
    std::string key = JournalRecord::key(revision_);
    std::string value = record.pack();
    count_history(static_cast<std::int64_t>(key.size() + value.size()));
    draft_.put(Family::Journal, std::move(key), std::move(value));
}

/// History has grown, or shrunk, by about so much.
void Proposal::count_history(std::int64_t octets) {
    const std::string key(kHistoryKey);
    HistoryRecord history = HistoryRecord::of(draft_.get(Family::Default, key));
    const bool below = octets < 0 && history.octets < static_cast<std::uint64_t>(-octets);
    history.octets = below ? 0 : history.octets + static_cast<std::uint64_t>(octets);
    draft_.put(Family::Default, key, history.pack());
}

void Proposal::fault(ChangeFault::Kind kind, std::string pointer, std::string message) {
    faults_.push_back({kind, operation_, std::move(pointer), std::move(message)});
}

Proposal::Zone& Proposal::load(const dns::Name& apex) {
    const std::string key = ZoneRecord::key(apex);
    const auto known = zones_.find(key);
    if (known != zones_.end()) return known->second;
    Zone zone;
    const auto value = draft_.get(Family::Zones, key);
    if (value) {
        auto record = ZoneRecord::parse(*value);
        if (record) {
            zone.record = std::move(*record);
            zone.exists = true;
            zone.serial_before = serial_of(zone.record).value_or(0);
            zone.sealed = is_sealed(zone.record);
        } else {
            damaged_ = true;
        }
    }
    if (!zone.exists) zone.record.apex = apex;
    return zones_.emplace(key, std::move(zone)).first->second;
}

Proposal::Zone* Proposal::existing(const dns::Name& apex) {
    Zone& zone = load(apex);
    if (zone.exists) return &zone;
    fault(ChangeFault::Kind::NotFound, "", "there is no zone " + apex.to_text());
    return nullptr;
}

std::optional<ViewId> Proposal::view_id(const std::string& name) {
    if (name == "default") return kDefaultView;
    const auto value = draft_.get(Family::Config, DocumentRecord::key("views", name));
    const auto record = value ? DocumentRecord::parse(*value) : std::nullopt;
    if (!record) return std::nullopt;
    return record->number;
}

std::string Proposal::view_name(ViewId id) {
    if (id == kDefaultView) return "";
    const std::string prefix = DocumentRecord::prefix("views");
    for (const Draft::Row& row : draft_.all(Family::Config, prefix)) {
        const auto record = DocumentRecord::parse(row.second);
        if (record && record->number == id) return row.first.substr(prefix.size());
    }
    return "#" + std::to_string(id);
}

bool Proposal::is_sealed(const ZoneRecord& zone) {
    auto apex = node(zone.own_id(), {});
    return apex && signed_elsewhere(NodeView(apex->pack().data()));
}

bool Proposal::refuse_sealed(const Zone& zone) {
    if (!zone.sealed) return false;
    fault(ChangeFault::Kind::Invalid, "",
          "the zone " + zone.record.apex.to_text() +
              " was signed elsewhere (it has DNSKEY and RRSIG at its apex): any change made here "
              "would break its signatures (RFC 4035, 2.2). Change it where it is signed and import "
              "it whole again, or import it unsigned");
    return true;
}

Octets Proposal::Target::owner() const {
    return relative_owner(name, zone->record.apex);
}

std::optional<Proposal::Target> Proposal::target(const dns::Name& apex, const dns::Name& name,
                                                 const std::string& view) {
    Zone* zone = existing(apex);
    if (zone == nullptr) return std::nullopt;
    if (!name.view().is_at_or_below(apex)) {
        fault(ChangeFault::Kind::Invalid, "/name",
              name.to_text() + " is out of the zone " + apex.to_text() + " (RFC 1035, 5.2)");
        return std::nullopt;
    }
    if (refuse_sealed(*zone)) return std::nullopt;
    Target target{zone, zone->record.own_view(), name};
    if (!view.empty()) {
        const auto id = view_id(view);
        if (!id) {
            fault(ChangeFault::Kind::NotFound, "/view", "there is no view " + view);
            return std::nullopt;
        }
        if (zone->record.base == 0 && *id != zone->record.own_view()) {
            fault(ChangeFault::Kind::Invalid, "/view",
                  "the zone " + apex.to_text() + " exists in the view " +
                      view_name(zone->record.own_view()) + " only");
            return std::nullopt;
        }
        target.view = *id;
    }
    return target;
}

namespace {

std::optional<Revision> document_revision(const std::optional<std::string>& value) {
    const auto record = value ? DocumentRecord::parse(*value) : std::nullopt;
    if (!record) return std::nullopt;
    return record->revision;
}

}  // namespace

std::optional<Revision> Proposal::rrset_revision_before(const dns::Name& apex,
                                                        const std::string& view,
                                                        const dns::Name& name, dns::RRType type) {
    const auto value = draft_.before(Family::Zones, ZoneRecord::key(apex));
    const auto zone = value ? ZoneRecord::parse(*value) : std::nullopt;
    if (!zone || !name.view().is_at_or_below(apex)) return std::nullopt;
    const auto id = view.empty() ? std::optional<ViewId>(zone->own_view()) : view_id(view);
    const ZoneId variant = id ? zone->id_of(*id) : 0;
    if (variant == 0) return std::nullopt;
    const std::string key = node_key(variant, relative_owner(name, apex));
    const auto stored = draft_.before(Family::Meta, rrset_key(key, type));
    if (stored && stored->size() == 8) {
        return base::load_be64(base::as_octets(*stored).data());
    }
    const auto octets = draft_.before(Family::Nodes, key);
    if (!octets) return std::nullopt;
    const auto node = NodeView::check(base::as_octets(*octets));
    if (!node) {
        damaged_ = true;
        return std::nullopt;
    }
    if (!node->find(type)) return std::nullopt;
    return zone->replaced;
}

std::optional<Revision> Proposal::revision_before(const Operation& operation) {
    if (!operation.condition.if_match && !operation.condition.if_none_match) return std::nullopt;
    struct Visitor {
        Proposal& self;

        std::optional<Revision> zone(const dns::Name& apex) const {
            const auto value = self.draft_.before(Family::Zones, ZoneRecord::key(apex));
            const auto record = value ? ZoneRecord::parse(*value) : std::nullopt;
            if (!record) return std::nullopt;
            return record->revision;
        }
        std::optional<Revision> document(const std::string& kind, const std::string& id) const {
            return document_revision(
                self.draft_.before(Family::Config, DocumentRecord::key(kind, id)));
        }
        std::optional<Revision> policy(const dns::Name& apex, const dns::Name& name,
                                       const std::string& view, const std::string& type) const {
            if (!name.view().is_at_or_below(apex)) return std::nullopt;
            const auto value = self.draft_.before(Family::Zones, ZoneRecord::key(apex));
            const auto zone = value ? ZoneRecord::parse(*value) : std::nullopt;
            if (!zone) return std::nullopt;
            const auto id =
                view.empty() ? std::optional<ViewId>(zone->own_view()) : self.view_id(view);
            if (!id) return std::nullopt;
            const PolicyRecord wanted{0, apex, name, *id, type, ""};
            const auto stored = self.draft_.before(Family::Config, wanted.key());
            const auto record = stored ? PolicyRecord::parse(*stored) : std::nullopt;
            if (!record) return std::nullopt;
            return record->revision;
        }

        std::optional<Revision> operator()(const PutZone& op) const { return zone(op.apex); }
        std::optional<Revision> operator()(const DeleteZone& op) const { return zone(op.apex); }
        std::optional<Revision> operator()(const ReplaceZone& op) const { return zone(op.apex); }
        std::optional<Revision> operator()(const PutRRset& op) const {
            return self.rrset_revision_before(op.zone, op.view, op.name, op.type);
        }
        std::optional<Revision> operator()(const AddRecords& op) const {
            return self.rrset_revision_before(op.zone, op.view, op.name, op.type);
        }
        std::optional<Revision> operator()(const RemoveRecords& op) const {
            return self.rrset_revision_before(op.zone, op.view, op.name, op.type);
        }
        std::optional<Revision> operator()(const DeleteRRset& op) const {
            return self.rrset_revision_before(op.zone, op.view, op.name, op.type);
        }
        std::optional<Revision> operator()(const PutPolicy& op) const {
            return policy(op.zone, op.name, op.view, op.type);
        }
        std::optional<Revision> operator()(const DeletePolicy& op) const {
            return policy(op.zone, op.name, op.view, op.type);
        }
        // A revert states its condition itself: what it changes is as its change set left it.
        std::optional<Revision> operator()(const RevertRevision&) const { return std::nullopt; }
        std::optional<Revision> operator()(const RevertZone& op) const { return zone(op.apex); }
        std::optional<Revision> operator()(const PutDocument& op) const {
            return document(op.kind, op.id);
        }
        std::optional<Revision> operator()(const DeleteDocument& op) const {
            return document(op.kind, op.id);
        }
    };
    return std::visit(Visitor{*this}, operation.what);
}

void Proposal::check_condition(const Precondition& condition,
                               const std::optional<Revision>& current) {
    if (condition.if_none_match && current) {
        fault(ChangeFault::Kind::Precondition, "",
              "it exists already, at revision " + std::to_string(*current));
    }
    if (!condition.if_match) return;
    const std::vector<Revision>& wanted = *condition.if_match;
    if (!current) {
        fault(ChangeFault::Kind::Precondition, "", "it does not exist");
    } else if (!wanted.empty() &&
               std::find(wanted.begin(), wanted.end(), *current) == wanted.end()) {
        fault(ChangeFault::Kind::Precondition, "",
              "it was changed in the meantime, at revision " + std::to_string(*current));
    }
}

}  // namespace zones
