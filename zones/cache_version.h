#pragma once

#include <atomic>
#include <cstdint>

#include "zones/ids.h"
#include "zones/node.h"

namespace zones {

/// One version of a node in the NodeCache: a header of 16 octets, in memory followed by the node's
/// octets, and preceded by the link to the version before it in those that replaced one. (Most
/// never do; eight octets a name are worth the trouble.) A tombstone's node has an owner and no
/// entries.
///
/// Made and destroyed only here. Readers hold it until their next quiescent state.
class CacheVersion {
  public:
    /// An empty `node` makes a tombstone of `relative_owner`. With `older`, linked to it.
    [[nodiscard]] static CacheVersion* make(Revision revision, ZoneId zone, Octets relative_owner,
                                            Octets node, CacheVersion* older);
    /// For Qsbr::retire. Does not touch `older`.
    static void destroy(void* version);

    CacheVersion(const CacheVersion&) = delete;
    CacheVersion& operator=(const CacheVersion&) = delete;

    [[nodiscard]] Revision revision() const noexcept { return revision_; }
    [[nodiscard]] ZoneId zone() const noexcept { return zone_; }
    [[nodiscard]] bool absent() const noexcept { return (flags_ & kAbsent) != 0; }
    [[nodiscard]] NodeView node() const noexcept {
        return NodeView(reinterpret_cast<const std::uint8_t*>(this + 1));
    }
    [[nodiscard]] CacheVersion* older() const noexcept {
        return (flags_ & kChained) == 0 ? nullptr : link()->load();
    }
    /// Unlinks and gives the version before; null if there is none.
    [[nodiscard]] CacheVersion* take_older() noexcept {
        return (flags_ & kChained) == 0 ? nullptr : link()->exchange(nullptr);
    }
    /// What it takes in memory, the allocator's own octets included.
    [[nodiscard]] std::size_t footprint() const noexcept;

    /// The second chance of the clock that evicts: a hit sets it, the hand takes it away.
    void visit() const noexcept {
        // Looked at first: most hits find it set, and a line that is only read can be shared.
        if (visited_.load(std::memory_order_relaxed) == 0) {
            visited_.store(1, std::memory_order_relaxed);
        }
    }
    [[nodiscard]] bool take_visit() const noexcept {
        if (visited_.load(std::memory_order_relaxed) == 0) return false;
        visited_.store(0, std::memory_order_relaxed);
        return true;
    }

  private:
    using Link = std::atomic<CacheVersion*>;
    enum Flag : std::uint8_t { kAbsent = 1, kChained = 2 };

    CacheVersion(Revision revision, ZoneId zone, std::uint8_t flags) noexcept
        : revision_(revision), zone_(zone), flags_(flags) {}
    ~CacheVersion() = default;

    [[nodiscard]] std::size_t octets() const noexcept;  // of memory
    [[nodiscard]] Link* link() const noexcept {
        auto* front = reinterpret_cast<std::uint8_t*>(const_cast<CacheVersion*>(this));
        return reinterpret_cast<Link*>(front - sizeof(Link));
    }

    const Revision revision_;
    const ZoneId zone_;
    const std::uint8_t flags_;
    mutable std::atomic<std::uint8_t> visited_{0};
};
static_assert(sizeof(CacheVersion) == 16);

/// Hash of (zone, owner) for all look-ups of one process; ASCII case does not matter.
[[nodiscard]] inline std::uint64_t cache_hash(std::uint64_t seed, ZoneId zone,
                                              Octets relative_owner) noexcept {
    const std::uint64_t hash = dns::hash_ignoring_case(
        seed ^ (zone * 0x9e3779b97f4a7c15ULL), relative_owner.data(), relative_owner.size());
    // That leaves the ends of the product weakly mixed; the shard is taken from the top.
    const auto product = static_cast<unsigned __int128>(hash ^ seed) *
                         static_cast<unsigned __int128>(0xa0761d6478bd642fULL);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}
/// Are these the same owner? ASCII case does not matter (RFC 4343).
[[nodiscard]] inline bool same_owner(Octets a, Octets b) noexcept {
    return a.size() == b.size() && base::equal_ignoring_case(a.data(), b.data(), a.size());
}

}  // namespace zones
