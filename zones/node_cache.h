#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "base/qsbr.h"
#include "zones/change_marks.h"
#include "zones/ids.h"
#include "zones/node.h"

namespace zones {

class CacheVersion;

/// The nodes of the store as they were last read or written, with their revisions (MVCC): a
/// read-mostly hash table from (zone, owner) to the newest version of a node, bounded in octets.
///
/// Readers are lock-free and must be online in the Qsbr (or stand alone); what `find` gives is
/// good until the reader's next quiescent state. `insert` and `settle` belong to the committer's
/// thread; everything else may be called from any. The table is cut into shards by hash; a writer
/// locks one shard at a time, and a shard grows alone, so that no growth stalls a commit.
///
/// Why a reader never sees what is not of its revision p:
/// - A commit R `insert`s every owner it touched (deletions as tombstones) before it publishes R.
///   A version carries the revision it was inserted under, and a reader takes the newest version
///   not above p. Until R is published and `settle`d, the version before it hangs below it.
/// - `settle`, after the publication, unlinks those older versions and retires them. A reader
///   still at an older revision then finds only what is too new: a Miss, and it reads the store at
///   its own snapshot.
/// - A `fill` brings what was read from the snapshot of revision r, perhaps long ago. It is
///   refused where a version stands, and in a shard from which a version newer than r was removed.
///   Had a commit R > r touched this owner, its version would stand, or have been removed, and
///   then the shard knows of a removal at R or above. So a fill never hides a change.
/// - Removed are, besides replaced versions: what the clock evicts (settled versions only, so that
///   no reader below them needs what hung there), tombstones and the nodes of dropped zones, both
///   after a grace period past the publication that made them so (`tidy`).
///
/// Completeness: one word says that every node of the newest revision is resident, so that absence
/// from the table proves absence. `find` reads it before and after its search and believes it only
/// if it was the same. Whatever makes it untrue (eviction, a zone swapped in whose nodes are not
/// here) changes the word first. A reader at an older revision p is not misled either: an owner
/// that existed at p and is gone since has a tombstone, or a dropped zone's nodes, that stay until
/// no reader is at p, and an owner that a later revision touched has a version that is too new:
/// both give Miss or the right version, never Absent.
class NodeCache {
  public:
    static constexpr std::size_t kShards = 1024;

    /// The Qsbr must outlive the cache. The budget covers versions with the allocator's share,
    /// and the table. Below a few hundred KiB the empty table alone exceeds it.
    NodeCache(base::Qsbr& qsbr, std::size_t budget_octets);
    ~NodeCache();
    NodeCache(const NodeCache&) = delete;
    NodeCache& operator=(const NodeCache&) = delete;

    /// Of one (zone, owner), for the functions that take it; owners are compared without case.
    [[nodiscard]] std::uint64_t hash(ZoneId zone, Octets relative_owner) const noexcept;
    /// Brings the slot of a hash into the processor's cache, and later the node that is probably
    /// meant. The lowest bit of the hash may be another.
    void prefetch(std::uint64_t hash) const noexcept;
    void prefetch_node(std::uint64_t hash) const noexcept;

    enum class Hit : std::uint8_t { Miss, Present, Absent };
    struct Found {
        Hit hit = Hit::Miss;
        NodeView node;
    };
    [[nodiscard]] Found find(std::uint64_t hash, ZoneId zone, Octets relative_owner,
                             Revision revision) const noexcept;
    [[nodiscard]] Found find(ZoneId zone, Octets relative_owner, Revision revision) const noexcept {
        return find(hash(zone, relative_owner), zone, relative_owner, revision);
    }

    /// One owner of a commit; an empty `node` says that it was deleted.
    struct Change {
        ZoneId zone = 0;
        std::vector<std::uint8_t> relative_owner;
        std::vector<std::uint8_t> node;
    };
    /// Before `revision` is published, which raises the marks. Taken whatever the budget says.
    void insert(Revision revision, const std::vector<Change>& changes);
    /// After it was published.
    void settle();
    /// When owners were changed, by their hashes. Not in the budget.
    [[nodiscard]] const ChangeMarks& marks() const noexcept { return marks_; }

    enum class Filled : std::uint8_t {
        Taken,
        Standing,  // a version stands there
        Stale,     // something newer was removed from this shard: read again, at a newer snapshot
        Full,      // no room could be made
        Busy,      // the shard was locked, and the caller does not wait
    };
    /// A node that was asked for and read from the store at `revision`, as described above. Does
    /// not wait; where the budget is used up the clock makes room.
    Filled fill(Revision revision, ZoneId zone, NodeView node);
    /// The same for a node that nobody has asked for yet: waits, and takes nobody's room.
    Filled load(Revision revision, ZoneId zone, NodeView node);

    /// After a revision without this zone id was published: its nodes go with a later `tidy`.
    void drop_zone(ZoneId zone);
    /// Before a revision with a zone id that had been dropped is published again.
    void keep_zone(ZoneId zone);
    /// Removes tombstones and the nodes of dropped zones whose grace period has passed. One thread
    /// at a time. True if some still wait.
    bool tidy();
    /// Forgets everything, after the store was opened anew at revision `newest`, which may hold
    /// changes that were never inserted here: fills from before it are refused. The committer's
    /// thread; completeness is lost.
    void clear(Revision newest);

    /// Completeness, for the one thread that loads: begin; fill everything; end. `end_loading` is
    /// false, and the cache not complete, if anything has come between.
    [[nodiscard]] std::uint64_t begin_loading();
    bool end_loading(std::uint64_t token);
    /// Before a revision is published of which not all nodes are here.
    void incomplete();
    [[nodiscard]] bool complete() const noexcept;

    /// Memory that is used beside the cache on its budget, or given back.
    void charge(std::ptrdiff_t octets) { account(octets); }

    struct Size {
        std::size_t octets = 0;  // versions and table, and what was charged
        std::size_t nodes = 0;   // owners, tombstones included
        std::uint64_t evictions = 0;
    };
    [[nodiscard]] Size size() const;
    [[nodiscard]] std::size_t budget() const noexcept { return budget_octets_; }

  private:
    using Slot = std::atomic<std::uint64_t>;
    /// The writers' side of a shard; the slots hang on `directory_`.
    struct alignas(64) Shard {
        std::mutex mutex;
        Revision removed_newest = 0;  // the newest revision of any version removed
        std::size_t used = 0;         // slots not empty, dead ones included
        std::size_t nodes = 0;
        std::size_t hand = 0;  // of the clock
    };
    struct Slots {
        Slot* at;
        std::size_t capacity;
    };
    struct Grave {
        std::uint64_t ticket;
        std::uint64_t hash;
        const CacheVersion* version;  // may be gone: compared, then looked into if it stands
        Revision revision;
    };

    [[nodiscard]] Slots slots(std::size_t shard) const noexcept;
    /// The slot that holds this owner, or `capacity` if there is none, and then where to put it.
    struct Place {
        std::size_t found;
        std::size_t free;
    };
    [[nodiscard]] static Place place(Slots slots, std::uint64_t hash, ZoneId zone,
                                     Octets relative_owner) noexcept;
    void add(std::size_t shard, std::uint64_t hash, std::size_t free, CacheVersion* version);
    Filled bring(std::size_t shard, std::uint64_t hash, Revision revision, ZoneId zone,
                 NodeView node, bool evict);
    void reserve(std::size_t shard);
    [[nodiscard]] bool has_space() const noexcept {
        return octets_.load(std::memory_order_relaxed) < budget_octets_;
    }
    bool make_space(std::size_t shard);
    void remove(std::size_t shard, std::size_t at);
    void retire(CacheVersion* version);
    void account(std::ptrdiff_t octets);
    bool bury();
    bool sweep();

    base::Qsbr& qsbr_;
    const std::uint64_t seed_;
    const std::size_t budget_octets_;
    ChangeMarks marks_;

    // Read by every look-up; written rarely.
    std::array<std::atomic<std::uint64_t>, kShards> directory_;  // slots, size class on top
    alignas(64) std::atomic<std::uint64_t> completeness_{0};     // generation, state
    std::atomic<bool> pressure_{false};  // near the budget: hits leave their mark

    alignas(64) std::atomic<std::size_t> octets_{0};
    std::atomic<std::uint64_t> evictions_{0};
    // Versions of this revision on are not settled: older ones may hang below them.
    std::atomic<Revision> unsettled_{~Revision{0}};
    std::unique_ptr<Shard[]> shards_;  // each guarded by its own mutex

    // The committer's thread alone.
    Revision newest_ = 0;
    struct Pending {
        std::uint64_t hash;
        CacheVersion* version;
    };
    std::vector<Pending> pending_;  // inserted, not settled

    std::mutex tidy_mutex_;
    std::deque<Grave> graves_;  // guarded by tidy_mutex_, oldest first
    struct Dropped {
        std::uint64_t ticket;
        ZoneId zone;
    };
    std::deque<Dropped> dropped_;   // guarded by tidy_mutex_, oldest first
    std::set<ZoneId> being_swept_;  // guarded by tidy_mutex_
};

}  // namespace zones
