#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "zones/change_set.h"
#include "zones/draft.h"
#include "zones/geo.h"
#include "zones/node.h"
#include "zones/policy_table.h"
#include "zones/records.h"
#include "zones/zone_targets.h"

namespace zones {

/// One change set while it is validated: its operations are applied in order to a draft of its
/// own, then everything they touched is checked as it will be served, so that the order within a
/// change set does not matter to the rules. Either all of it is merged into the group's draft, or
/// nothing. The committer's thread.
class Proposal {
  public:
    Proposal(Draft& group, const Counters& counters, const ChangeSet& changes,
             const GeoDatabases& geo);

    struct Outcome {
        bool changed = false;  // false: nothing was merged
        Counters counters;
        std::vector<std::string> warnings;
        std::vector<Effect> effects;
        std::vector<dns::Name> zones;                 // whose record changed
        std::vector<ZoneId> dropped;                  // ids that are served no more
        std::vector<ZoneId> attached;                 // ids that came with data written before
        std::shared_ptr<const ViewTable> views;       // if views or networks changed
        std::shared_ptr<const PolicyTable> policies;  // null: as before
    };
    [[nodiscard]] base::Result<Outcome, ChangeError> apply();

  private:
    struct Zone {
        ZoneRecord record;
        bool exists = false;
        bool changed = false;       // anything
        bool data_changed = false;  // RRsets: the serial advances
        bool created = false;
        bool replaced = false;
        bool reverted = false;
        bool restored = false;  // it came back from history
        bool emptied = false;   // a revert took its data away
        bool sealed = false;    // signed elsewhere: nothing in it can be changed here
        std::uint32_t serial_before = 0;
    };
    struct Touched {
        std::size_t operation = 0;
        Zone* zone = nullptr;
        ViewId view = kDefaultView;
        dns::Name name;
        std::vector<dns::RRType> types;  // whose RRsets were changed
        bool all_types = false;          // what lies below them was replaced

        [[nodiscard]] bool concerns(dns::RRType type) const;
    };
    /// Where an operation on an RRset or policy goes.
    struct Target {
        Zone* zone = nullptr;
        ViewId view = kDefaultView;
        dns::Name name;

        [[nodiscard]] ZoneId id() const { return zone->record.id_of(view); }
        [[nodiscard]] Octets owner() const;
    };

    // proposal.cc: the order of things.
    void check_condition(const Precondition& condition, const std::optional<Revision>& current);
    [[nodiscard]] std::optional<Revision> revision_before(const Operation& operation);
    [[nodiscard]] std::optional<Revision> rrset_revision_before(const dns::Name& apex,
                                                                const std::string& view,
                                                                const dns::Name& name,
                                                                dns::RRType type);
    void write_journal();
    void count_history(std::int64_t octets);
    void fault(ChangeFault::Kind kind, std::string pointer, std::string message);
    [[nodiscard]] Zone& load(const dns::Name& apex);
    [[nodiscard]] Zone* existing(const dns::Name& apex);
    [[nodiscard]] std::optional<ViewId> view_id(const std::string& name);
    [[nodiscard]] std::string view_name(ViewId id);
    [[nodiscard]] std::optional<Target> target(const dns::Name& apex, const dns::Name& name,
                                               const std::string& view);

    [[nodiscard]] bool is_sealed(const ZoneRecord& zone);
    [[nodiscard]] bool refuse_sealed(const Zone& zone);

    // proposal_zones.cc
    void perform(const PutZone& put);
    void perform(const DeleteZone& remove);
    void perform(const ReplaceZone& replace);
    [[nodiscard]] std::optional<std::pair<ZoneId, std::uint64_t>> take_loaded(
        const ReplaceZone& replace);
    void create(Zone& zone, const PutZone& put);
    [[nodiscard]] std::vector<PolicyRecord> policies_of(const dns::Name& apex);
    void drop(ZoneId id);
    void tell_data(const Zone& zone, ViewId view, ZoneId before, ZoneId after,
                   std::string_view label = {});
    void mark_policies(Zone& zone, ViewId view, bool on);
    void erase_zone(Zone& zone);
    void check_replaced(Zone& zone);

    // proposal_rrsets.cc
    void perform(const PutRRset& put);
    void perform(const AddRecords& add);
    void perform(const RemoveRecords& remove);
    void perform(const DeleteRRset& remove);
    [[nodiscard]] bool refuse_chain(const Target& target, dns::RRType type);
    [[nodiscard]] bool check_records(const Target& target, dns::RRType type, std::uint32_t ttl,
                                     const std::vector<std::vector<std::uint8_t>>& records);
    [[nodiscard]] std::optional<NodeParts::Entry> entry_of(const Target& target, dns::RRType type);
    /// Puts or (nothing) deletes an RRset with all that hangs on it.
    void write(const Target& target, dns::RRType type,
               const std::optional<NodeParts::Entry>& after);
    void tell_rrset(const std::string& key, Effect effect);
    void drop_void_effects();
    void make_variant(const Target& target);
    [[nodiscard]] std::optional<NodeParts> node(ZoneId id, Octets owner);
    void save(ZoneId id, NodeParts& parts);
    void make_parents(ZoneId id, Octets owner);
    void prune(const Target& target, Octets owner);
    void set_policy_flag(const Target& target, bool on);
    [[nodiscard]] bool has_descendant(ZoneId id, Octets owner);
    void touch(const Target& target, dns::RRType type = {});

    // proposal_documents.cc
    void perform(const PutPolicy& put);
    void perform(const DeletePolicy& remove);
    void perform(const PutDocument& put);
    void perform(const DeleteDocument& remove);
    void erase_policy(const PolicyRecord& policy);

    // proposal_history.cc
    struct Undo;  // the entry being undone
    void perform(const RevertRevision& revert);
    void perform(const RevertZone& revert);
    [[nodiscard]] bool history_reaches(Revision revision);
    void undo(const Undo& entry);
    void undo_zone(const Undo& entry, const Effect& effect);
    void undo_data(const Undo& entry, const Effect& effect);
    void undo_rrset(const Undo& entry, const Effect& effect);
    void undo_policy(const Undo& entry, const Effect& effect);
    void undo_document(const Undo& entry, const Effect& effect);
    [[nodiscard]] bool unchanged_since(const Undo& entry, const Zone& zone);
    [[nodiscard]] bool attach(Zone& zone, ViewId view, ZoneId id);
    void restore_serial(Zone& zone);
    void settle_reverted();
    [[nodiscard]] static std::string pointer_of(const Undo& entry);
    void conflict(const Undo& entry, std::string message);

    // proposal_rules.cc
    void check_touched();
    void touch_overlays(Zone& zone);
    void check_name(const Touched& touched, ViewId view);
    bool check_above(const Touched& touched, ViewId view, NodeView node, const std::string& where,
                     TargetCheck& targets, const FindingReport& report);
    void check_below(const Touched& touched, ViewId view, NodeView node, const std::string& where);
    void check_policies(const Touched& touched, ViewId view, const NodeParts& seen_node);
    [[nodiscard]] std::optional<NodeParts> seen(const ZoneRecord& zone, ViewId view, Octets owner);
    void warn(std::string message);
    void finish_warnings();

    // proposal_finish.cc
    void settle_views();
    void check_deleted_view(const std::string& name, ViewId id);
    void settle_zones();
    void advance_serial(Zone& zone);
    void drop_empty_overlays(Zone& zone);
    void compile();
    [[nodiscard]] std::optional<std::uint32_t> serial_of(const ZoneRecord& zone);

    Draft draft_;
    const ChangeSet& changes_;
    const GeoDatabases& geo_;
    const Revision revision_;  // the one this change set will have
    std::size_t operation_ = 0;
    bool views_changed_ = false;  // or networks
    bool damaged_ = false;        // stored octets that make no sense
    std::vector<ChangeFault> faults_;
    std::size_t more_warnings_ = 0;  // than are kept
    Outcome outcome_;
    std::map<std::string, Zone> zones_;                                     // by canonical key
    std::map<std::string, Touched> touched_;                                // by node key
    std::map<std::pair<std::string, std::string>, std::size_t> documents_;  // touched: operation
    std::map<std::pair<std::string, dns::RRType>, std::size_t> told_;       // RRsets: their effect
    bool reverts_ = false;
    std::optional<std::size_t> steering_;  // the operation that made a new compilation necessary
};

/// In proposal_history.cc: what was done to one thing several times as one effect.
void merge_effects(std::vector<Effect>& effects);

}  // namespace zones
