#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "admin/document_set.h"
#include "admin/json.h"

namespace admin {

/// What has to be written so that a server has what documents say: made by comparing them with a
/// dump of the server. Each write carries the revision that the dump saw, so that what somebody
/// else changes meanwhile is not overwritten. A plain value.
struct ChangePlan {
    /// What POST /v1/changes takes in one body, with room for what stands around the writes.
    static constexpr std::size_t kMaxOctets = (std::size_t{4} << 20) - (std::size_t{64} << 10);
    static constexpr std::size_t kMaxWrites = 10000;

    /// Writes that belong together: of a zone, or of the documents beside the zones.
    struct Part {
        std::string subject;       // "pools fra", "example.com."
        std::string file;          // where the document stands; empty: in none
        std::vector<Json> writes;  // elements of "changes"
        std::size_t octets = 0;    // of them as JSON
        /// The zone's own data goes as a whole, by PUT of the zone, before the writes: it is signed
        /// elsewhere, or too large for a change set.
        const DocumentSet::Zone* whole = nullptr;
        const zones::RRsetValue* soa = nullptr;  // that the zone has, if the document has none
        std::optional<Json> before_whole = {};   // a write that has to be done before that
        zones::Revision revision = 0;            // of the zone; 0: there is none yet
    };
    std::vector<Part> parts;                            // in the order in which they can be done
    std::size_t created = 0, changed = 0, removed = 0;  // resources; an RRset is none of its own

    /// Does all of it fit into one change set?
    [[nodiscard]] bool is_one() const;
};

/// `prune`: what the documents do not name goes, of the kinds that they speak of. An error says
/// what cannot be made so. Both sets are borrowed by the plan.
[[nodiscard]] base::Result<ChangePlan> make_plan(const DocumentSet& wanted,
                                                 const DocumentSet& there, bool prune);

/// The `whole` of a part as the body of PUT /v1/zones/{zone} in JSON.
[[nodiscard]] std::string zone_body(const ChangePlan::Part& part);

}  // namespace admin
