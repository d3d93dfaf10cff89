#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dns/name.h"
#include "zones/node.h"
#include "zones/node_rules.h"
#include "zones/record_sorter.h"
#include "zones/store.h"

namespace zones {

/// Records of one zone in any order, put together to its nodes in canonical order: records of one
/// owner joined, duplicates left out, empty non-terminals added, marks of wildcards set. Holds
/// what the sorter's budget allows and one node. One thread.
class ZoneAssembly {
  public:
    /// More at one name is refused, because a node is held whole.
    static constexpr std::size_t kMaxNodeOctets = std::size_t{16} << 20;

    /// The sorter is empty and outlives this; a failure of it is told by `next`.
    ZoneAssembly(const dns::Name& apex, RecordSorter& sorter) : apex_(apex), sorter_(sorter) {}

    /// A record that check_record accepts. False after a failure: nothing more needs to be added.
    bool add(const dns::Name& owner, dns::RRType type, std::uint32_t ttl, Octets rdata,
             const ZoneLoader::Place& place);

    /// A node as it is stored, good until the next call, and for each of its RRsets the place.
    struct Item {
        std::string_view key;         // below the apex
        bool of_nsec3_chain = false;  // to be kept under the zone's hashed_id
        Octets node;
        std::vector<std::uint32_t> places;
    };
    /// After the last record: the nodes one by one, the apex first whether it has records or not,
    /// then those of the NSEC3 chain, then all names. Null after the last one. `report` is told of
    /// duplicates, TTLs that differ, RRsets that are too large.
    [[nodiscard]] base::Result<const Item*> next(const FindingReport& report);
    /// From the first node again, without reports.
    [[nodiscard]] base::Result<void> rewind();

    /// Records without duplicates, when all nodes have been read.
    [[nodiscard]] std::uint64_t records() const noexcept { return records_; }
    /// "zone.db:17: " for the number of a place, or nothing where it is not known.
    [[nodiscard]] std::string where(std::uint32_t place) const;

  private:
    struct Part {
        dns::RRType type{};
        std::uint32_t ttl = 0;
        std::uint32_t place = 0;
        std::size_t at = 0, size = 0;  // the rdata in rdata_
    };

    [[nodiscard]] std::uint16_t file_number(std::string_view file);
    [[nodiscard]] bool mark_wildcards(Octets owner, std::size_t key_octets);
    [[nodiscard]] base::Result<void> begin();
    [[nodiscard]] base::Result<void> read_ahead();
    /// All records of the owner that is read ahead.
    [[nodiscard]] base::Result<void> gather(const FindingReport& report);
    void pack(const FindingReport& report);
    /// Joins parts_[first, last), which have one type. False: nothing was written.
    bool pack_rrset(std::size_t first, std::size_t last, const FindingReport& report);
    void pack_empty(Octets owner);
    void tell(const FindingReport& report, Finding::Severity severity, dns::RRType type,
              std::string message, std::uint32_t place) const;

    const dns::Name apex_;
    RecordSorter& sorter_;
    std::string failure_;
    std::vector<std::string> files_;
    std::string add_key_;  // scratch of `add`
    std::optional<std::string> last_mark_;

    bool begun_ = false;
    SortRecord ahead_;  // the next record, if has_ahead_
    bool has_ahead_ = false;
    std::string key_;                  // of the owner that is gathered
    std::vector<std::uint8_t> owner_;  // the same in wire form
    std::uint8_t flags_ = 0;
    std::vector<Part> parts_;
    std::vector<std::uint8_t> rdata_;
    std::string last_key_;         // of the node given out last
    bool given_ = false;           // any node
    bool gathered_ = false;        // key_ waits behind its ancestors
    std::size_t ancestor_at_ = 0;  // octets of key_ that the last ancestor looked at has
    std::size_t labels_left_ = 0;  // of key_ below that ancestor
    std::size_t common_ = 0;       // octets that key_ has in common with last_key_
    std::vector<std::uint8_t> packed_;
    Item item_;
    std::uint64_t records_ = 0;
};

}  // namespace zones
