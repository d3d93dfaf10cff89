#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/qsbr.h"
#include "zones/ids.h"
#include "zones/node.h"

namespace zones {

/// The nodes of the store as they were last read or written, with their revisions (MVCC): a
/// read-mostly hash table from (zone, owner) to the newest version of a node.
///
/// Readers are lock-free and must be online in the Qsbr (or stand alone); what `find` gives is
/// good until the reader's next quiescent state. Writers, that is the committer and the readers'
/// fills, take a mutex; a fill that does not get it at once is left out.
///
/// Why a reader never sees what is not of its revision r:
/// - A commit R `insert`s every owner it touched (deletions as tombstones) before it publishes R.
///   A version carries the revision it was inserted under, and a reader takes the newest version
///   not above r. Until R is published and `settle`d, the version before it hangs below it.
/// - `settle`, after the publication, unlinks those older versions and retires them. A reader
///   still at an older revision then finds nothing and reads the store at its own snapshot.
/// - A `fill` brings what a reader at r read from its snapshot. It is refused unless r is the
///   revision of the newest `insert`, under the same mutex: then no commit can have touched the
///   owner since the snapshot. It is refused too where a version stands already. So a fill never
///   hides a change, and carries a revision at which its content was true; readers below r do
///   not see it. This holds whatever has been dropped from the table in between.
///
/// There is no eviction: when the budget is reached fills are refused, and a commit leaves only
/// what it must until it is settled. Zone ids that are gone are swept out (`drop_zone`).
class NodeCache {
  public:
    /// The Qsbr must outlive the cache. `newest` is the revision of the store at start.
    NodeCache(base::Qsbr& qsbr, Revision newest, std::size_t budget_octets);
    ~NodeCache();
    NodeCache(const NodeCache&) = delete;
    NodeCache& operator=(const NodeCache&) = delete;

    enum class Hit : std::uint8_t { Miss, Present, Absent };
    struct Found {
        Hit hit = Hit::Miss;
        NodeView node;
    };
    /// Owners are compared without case. No allocation.
    [[nodiscard]] Found find(ZoneId zone, Octets relative_owner, Revision revision) const noexcept;

    /// One owner of a commit; an empty `node` says that it was deleted.
    struct Change {
        ZoneId zone = 0;
        std::vector<std::uint8_t> relative_owner;
        std::vector<std::uint8_t> node;
    };
    /// Before `revision` is published. Also without changes, so that fills keep up.
    void insert(Revision revision, const std::vector<Change>& changes);
    /// After it was published.
    void settle();
    /// A node read from the store at `revision`, as described above.
    void fill(Revision revision, ZoneId zone, NodeView node);
    /// After a revision without this zone id was published.
    void drop_zone(ZoneId zone);

    struct Size {
        std::size_t octets = 0;  // versions and table
        std::size_t nodes = 0;   // owners, tombstones included
    };
    [[nodiscard]] Size size() const;

  private:
    struct Version;
    struct Table;

    [[nodiscard]] std::uint64_t hash(ZoneId zone, Octets relative_owner) const noexcept;
    /// The slot that holds this owner, or the empty one where it would go. Writers only.
    [[nodiscard]] std::size_t slot_of(const Table& table, std::uint64_t hash, ZoneId zone,
                                      Octets relative_owner) const noexcept;
    void put(Revision revision, ZoneId zone, Octets relative_owner, Octets node, bool keep_older);
    void make_room();
    void remove(std::size_t slot);
    void retire(Version* version);

    base::Qsbr& qsbr_;
    const std::uint64_t seed_;
    const std::size_t budget_octets_;
    std::atomic<Table*> table_;

    mutable std::mutex mutex_;
    Revision newest_;                // guarded by mutex_
    std::size_t used_ = 0;           // slots not empty, dead ones included; guarded by mutex_
    Size size_;                      // guarded by mutex_
    std::vector<Version*> pending_;  // inserted, not settled; guarded by mutex_
};

}  // namespace zones
