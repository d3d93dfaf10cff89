#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dns/name.h"
#include "zones/change_set.h"
#include "zones/ids.h"
#include "zones/zone_table.h"

namespace zones {

// What the column families other than `nodes` hold, with its stored form. `parse` gives nothing
// for octets that are damaged. README.md lists the keys.

/// `zones`: one zone.
struct ZoneRecord {
    dns::Name apex;  // in the case in which it was entered
    ZoneId base = 0;
    std::vector<ZoneEntry::Variant> variants;
    std::string soa_edit;
    std::string comment;
    Revision revision = 0;  // of the last change of anything in the zone
    Revision replaced = 0;  // of the last creation or replacement of the base

    [[nodiscard]] std::string pack() const;
    [[nodiscard]] static std::optional<ZoneRecord> parse(std::string_view value);

    [[nodiscard]] ZoneId id_of(ViewId view) const;
    /// The view whose data has apex, SOA and NS: the default one unless the zone has no base.
    [[nodiscard]] ViewId own_view() const;
    [[nodiscard]] ZoneId own_id() const { return id_of(own_view()); }
    /// What a Zone effect keeps: {"soa_edit": ..., "comment": ...}.
    [[nodiscard]] std::string properties_json() const;
    [[nodiscard]] ZoneRow row() const { return {apex, base, variants}; }
    [[nodiscard]] static std::string key(dns::NameView apex);
};

/// `config`: a document.
struct DocumentRecord {
    Revision revision = 0;
    std::uint32_t number = 0;  // a view's ViewId
    std::string json;

    [[nodiscard]] std::string pack() const;
    [[nodiscard]] static std::optional<DocumentRecord> parse(std::string_view value);
    [[nodiscard]] static std::string key(std::string_view kind, std::string_view id);
    [[nodiscard]] static std::string prefix(std::string_view kind);
};

/// `config`: a policy.
struct PolicyRecord {
    Revision revision = 0;
    dns::Name apex, name;
    ViewId view = kDefaultView;
    std::string type;
    std::string json;

    [[nodiscard]] std::string pack() const;
    [[nodiscard]] static std::optional<PolicyRecord> parse(std::string_view value);
    [[nodiscard]] std::string key() const;
    [[nodiscard]] static std::string prefix();  // of all
    [[nodiscard]] static std::string prefix(dns::NameView apex);
};

/// `default`: the numbers given so far.
struct Counters {
    Revision revision = 0;
    ZoneId next_zone = 1;
    ViewId next_view = 1;

    [[nodiscard]] std::string pack() const;
    [[nodiscard]] static std::optional<Counters> parse(std::string_view value);
    [[nodiscard]] bool operator==(const Counters&) const = default;
};

/// `default`: a zone that a ZoneLoader has written and no ReplaceZone has taken.
struct LoadRecord {
    dns::Name apex;
    std::uint64_t records = 0;  // 0: being written
    ZoneId ids = 1;             // being written: this many ids from the key's on (BulkLoad)

    [[nodiscard]] std::string pack() const;
    [[nodiscard]] static std::optional<LoadRecord> parse(std::string_view value);
    [[nodiscard]] static std::string key(ZoneId id);
    [[nodiscard]] static std::optional<ZoneId> parse_key(std::string_view key);
};

/// `default`: a zone id that is served no more, but kept, because a journal entry may need it. It
/// goes with the entry of the revision that let it go. Two keys lead to it: by id, and by revision.
struct RetainedRecord {
    Revision revision = 0;     // that let it go
    std::uint64_t octets = 0;  // about

    [[nodiscard]] std::string pack() const;
    [[nodiscard]] static std::optional<RetainedRecord> parse(std::string_view value);
    [[nodiscard]] static std::string key(ZoneId id);
    [[nodiscard]] static std::string order_key(Revision revision, ZoneId id);
    struct Order {
        Revision revision;
        ZoneId id;
    };
    [[nodiscard]] static std::optional<Order> parse_order_key(std::string_view key);
};

/// `default`: about how much history takes, journal and retained zone ids, and a revision below
/// which no journal entry is kept.
struct HistoryRecord {
    std::uint64_t octets = 0;
    Revision oldest = 0;

    [[nodiscard]] std::string pack() const;
    /// Of a store that has no record yet, or a damaged one: nothing is known.
    [[nodiscard]] static HistoryRecord of(const std::optional<std::string>& value);
};
inline constexpr std::string_view kHistoryKey = "history";
inline constexpr std::string_view kRetainedPrefix = "retained/";
inline constexpr std::string_view kRetainedOrderPrefix = "retained-by/";

inline constexpr std::string_view kFormatKey = "format";
inline constexpr std::string_view kFormat = "1";
inline constexpr std::string_view kCountersKey = "counters";
inline constexpr std::string_view kLoadPrefix = "load/";

/// One thing a change set did, with what stood there before and after: the diff, and what a
/// revert puts back.
struct Effect {
    enum class Kind : std::uint8_t { Zone = 1, Data = 2, RRset = 3, Policy = 4, Document = 5 };
    Kind kind = Kind::Zone;
    dns::Name zone, name;
    dns::RRType type{};
    std::string view;
    // Policy: its type; document: its kind; data: kOverlayLabel where an overlay came or went with
    // its first or last RRset.
    std::string label;
    std::string id;  // document: its id
    // RRset: a node's entry as NodeParts packs it. Zone, Data, Policy, Document: JSON.
    std::optional<std::string> before, after;
};

inline constexpr std::string_view kOverlayLabel = "overlay";

/// `journal`: one change set that was committed.
struct JournalRecord {
    std::string author, request_id, message;
    base::WallTime time{};
    std::vector<std::string> zones;  // apexes
    std::vector<Effect> effects;

    [[nodiscard]] std::string pack() const;
    [[nodiscard]] static std::optional<JournalRecord> parse(std::string_view value);
    [[nodiscard]] static std::string key(Revision revision);
    [[nodiscard]] static std::string zone_key(dns::NameView apex, Revision revision);
    /// The revision at the end of either key.
    [[nodiscard]] static Revision revision_of(std::string_view key);
};

/// An array of objects with "op", what it is about, "before" and "after" (null: was or is not
/// there); RRsets in presentation form. Contents of keys and tokens are secret and left out.
[[nodiscard]] std::string effects_json(const std::vector<Effect>& effects);
/// A JSON string with its quotes. Octets that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace zones
