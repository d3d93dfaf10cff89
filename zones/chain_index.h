#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/qsbr.h"
#include "dns/nsec3.h"
#include "zones/hash_index.h"
#include "zones/ids.h"
#include "zones/kv.h"
#include "zones/node.h"
#include "zones/node_cache.h"
#include "zones/owner_index.h"
#include "zones/published.h"

namespace zones {

/// The chain by which a signed zone proves what is not there (RFC 4034, 4; RFC 5155, 3), in order
/// and in memory: the owners of its NSEC, or the hashes of its NSEC3. The records themselves are
/// nodes like others. A zone that was signed elsewhere is only replaced as a whole, under another
/// id, so this never changes.
struct ChainIndex {
    ZoneId zone = 0;     // of the names, or, for NSEC3, its hashed_id
    Revision since = 0;  // good for readers at this revision and later ones
    // Of NSEC3: those of the one chain that answers use.
    std::uint8_t algorithm = 0;
    std::uint16_t iterations = 0;
    std::vector<std::uint8_t> salt;
    std::variant<OwnerIndex, HashIndex> order;

    [[nodiscard]] std::size_t octets() const noexcept;
    [[nodiscard]] dns::Nsec3Parameters parameters() const noexcept {
        return {algorithm, 0, iterations, salt};
    }
};

/// All indexes there are, found by zone id without a lock. Where there is none (not made yet, no
/// room, gone again) the store is searched: an index only saves time.
///
/// Their octets are charged to the node cache's budget, up to a limit of their own: what they need
/// beyond the room there is the clock takes from nodes. `find` asks that the caller is online in
/// the Qsbr; what it gives is good until the next quiescent state. The rest: any thread.
class ChainIndexes {
  public:
    ChainIndexes(base::Qsbr& qsbr, NodeCache& cache, std::size_t max_octets);
    ~ChainIndexes();
    ChainIndexes(const ChainIndexes&) = delete;
    ChainIndexes& operator=(const ChainIndexes&) = delete;

    [[nodiscard]] const ChainIndex* find(ZoneId zone, Revision revision) const noexcept;

    /// In place of the one that the zone id has. False: there is no room for it.
    bool put(std::unique_ptr<const ChainIndex> index);
    /// Both that a zone may have.
    void drop(ZoneId zone);
    void clear();

    struct Size {
        std::size_t octets = 0;
        std::size_t zones = 0;
    };
    [[nodiscard]] Size size() const;
    /// What another one may take.
    [[nodiscard]] std::size_t room() const;

  private:
    using Slot = std::atomic<const ChainIndex*>;
    /// Open addressing: a slot is empty, or was taken, or points to an index.
    struct Table {
        explicit Table(unsigned bits) : shift(64 - bits), slots(new Slot[capacity()]()) {}
        [[nodiscard]] std::size_t capacity() const noexcept {
            return std::size_t{1} << (64 - shift);
        }
        [[nodiscard]] std::size_t start(ZoneId zone) const noexcept {
            return static_cast<std::size_t>((zone * 0x9e3779b97f4a7c15ULL) >> shift);
        }
        [[nodiscard]] std::size_t octets() const noexcept { return capacity() * sizeof(Slot); }

        unsigned shift;
        std::unique_ptr<Slot[]> slots;
    };

    static const ChainIndex* dead() noexcept;
    /// The slot of a zone id, else the first one that is free for it.
    static Slot& place(const Table& table, ZoneId zone) noexcept;
    void reserve();
    void remove(ZoneId zone);
    void account(std::ptrdiff_t octets);
    void retire(const ChainIndex* index);

    base::Qsbr& qsbr_;
    NodeCache& cache_;
    const std::size_t max_octets_;
    std::atomic<const Table*> table_;
    std::atomic<std::size_t> octets_{0};

    mutable std::mutex mutex_;
    std::size_t used_ = 0;   // guarded by mutex_: slots not empty
    std::size_t zones_ = 0;  // guarded by mutex_
};

/// Makes indexes of nodes that come in the order of their keys, as a scan of the store meets them.
/// A zone's is there once a node of another zone, or the end, was told. One thread.
class ChainBuilder {
  public:
    /// Both outlive this.
    ChainBuilder(KeyValueStore& store, ChainIndexes& indexes) : store_(store), indexes_(indexes) {}

    /// Does a zone with this apex get an index?
    [[nodiscard]] static bool wanted(NodeView apex) noexcept;

    /// The next node, as it is at the revision `at`, which may go up meanwhile; all that are seen
    /// of a zone are all that it has.
    void see(const Published& at, ZoneId zone, std::string_view key, NodeView node);
    /// A node that is damaged: who looks for what is near it shall find that out at the store.
    void see_damaged(const Published& at, ZoneId zone);
    void end(const Published& at);
    /// Is the zone that was seen last one that gets an index?
    [[nodiscard]] bool building() const noexcept { return kind_ != Kind::None; }

  private:
    enum class Kind : std::uint8_t { None, Nsec, Nsec3 };

    void begin(const Published& at, ZoneId zone, std::string_view key, NodeView node);
    void add_hash(NodeView node);

    KeyValueStore& store_;
    ChainIndexes& indexes_;
    ZoneId zone_ = 0;
    Kind kind_ = Kind::None;
    std::size_t room_ = 0;
    std::unique_ptr<ChainIndex> index_;
    OwnerIndex::Builder owners_;
    std::vector<dns::Nsec3Hash> hashes_;
};

/// Does this node hold an NSEC, or an NSEC3 of this chain (null: NSEC)?
[[nodiscard]] bool is_chain_link(NodeView node, const dns::Nsec3Parameters* chain) noexcept;

}  // namespace zones
