#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "admin/documents.h"
#include "admin/json.h"
#include "base/result.h"
#include "dns/name.h"
#include "dns/types.h"
#include "zones/change_set.h"

namespace admin {

/// What a server is to have, or has: views, networks, maps, monitors, pools, and zones with their
/// RRsets and policies, in a form that can be compared. Read from the files of `meridian dump` (and
/// of who writes such files), or from GET /v1/dump. Tokens and keys are never part of it. A plain
/// value; all of it is held in memory.
///
/// A document is the whole of what it names: an RRset that a zone's `rrsets` do not have is not to
/// be there. What no document names is left alone: a zone without `rrsets`, `policies` or
/// `overlays` says nothing of them.
struct DocumentSet {
    /// The kinds beside zones, in the order in which they can be made.
    static constexpr std::string_view kKinds[] = {"views", "networks", "maps", "monitors", "pools"};

    struct Document {
        Json value;
        zones::Revision revision = 0;  // of a dump: that changed it last
        std::string file;              // where it was read, for messages
    };
    struct NameLess {
        bool operator()(const dns::Name& a, const dns::Name& b) const {
            return a.view().compare(b.view()) < 0;
        }
        template <class Type>
        bool operator()(const std::pair<dns::Name, Type>& a,
                        const std::pair<dns::Name, Type>& b) const {
            const int order = a.first.view().compare(b.first.view());
            return order != 0 ? order < 0 : a.second < b.second;
        }
    };
    using RRsetKey = std::pair<dns::Name, dns::RRType>;
    using PolicyKey = std::pair<dns::Name, std::string>;
    /// A zone's own data, or what a view lays over it. Nothing: not told.
    struct Layer {
        std::optional<std::map<RRsetKey, zones::RRsetValue, NameLess>> rrsets;
        std::optional<std::map<PolicyKey, Json, NameLess>> policies;
    };
    struct Zone {
        dns::Name apex;
        std::string view;  // not empty: it exists in this view alone
        std::optional<std::string> soa_edit, comment;
        Layer own;
        std::optional<std::map<std::string, Layer>> overlays;  // by view
        bool signed_elsewhere = false;
        zones::Revision revision = 0;
        std::string file;
    };

    /// By kind, then by id. A kind that no file speaks of is not there.
    std::map<std::string, std::map<std::string, Document>, std::less<>> documents;
    std::map<dns::Name, Zone, NameLess> zones;
    bool zones_told = false;
    zones::Revision revision = 0;  // of a dump

    /// Adds what one file says: an object with a list for each kind. Faults begin with the file's
    /// name; their pointers are into the file.
    void add_file(const Json& file, const std::string& name, Faults& faults);
    /// Adds a line of GET /v1/dump.
    [[nodiscard]] base::Result<void> add_line(std::string_view line);
};

/// Do two documents say the same? The order of members does not matter, nor how a number is
/// written.
[[nodiscard]] bool same_document(const Json& a, const Json& b);
/// The order of records does not matter, nor whether one stands twice.
[[nodiscard]] bool same_rrset(const zones::RRsetValue& a, const zones::RRsetValue& b);

/// The member that names a document of this kind: "name", "prefix" or "id"; empty: no such kind.
[[nodiscard]] std::string_view id_member(std::string_view kind);

}  // namespace admin
