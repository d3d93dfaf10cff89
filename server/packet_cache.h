#pragma once

#include <array>
#include <cstdint>

#include "base/octets.h"
#include "server/rrl.h"
#include "server/stats.h"
#include "zones/change_marks.h"
#include "zones/ids.h"

namespace server {

/// Whole answers of one worker, for queries that come again octet for octet but for their ID and
/// the case of the name: most of what a server is asked is a few names. An answer from here costs a
/// tenth of one that is composed.
///
/// Only answers that depend on nothing but the octets of the query and `Scope` may be stored: none
/// that rotate, draw by weight, look at the client (policies, ECS, cookies) or went through the
/// resolver. Nothing is ever told that a commit has changed: an answer is stored with the nodes
/// that it was made from, and is good while none of them changes (zones::ChangeMarks); with zones,
/// views or policies the scope's generation changes.
///
/// A query is stored when it is seen for the second time, so that names that nobody asks twice
/// (random subdomains) cost no copy and push nobody out. Fixed size, sets of two under a keyed
/// hash, in huge pages. One thread; no allocation after the constructor.
class PacketCache {
  public:
    static constexpr std::size_t kEntryOctets = 512;
    static constexpr std::size_t kMaxQueryOctets = 112;
    static constexpr std::size_t kMaxReplyOctets = 328;

    /// What an answer depends on beside the query.
    struct Scope {
        std::uint32_t generation = 0;  // of what is published beside the nodes; 0: none
        zones::ViewId view = zones::kDefaultView;
        bool recursion_permitted = false;  // RA tells

        friend bool operator==(const Scope&, const Scope&) = default;
    };
    /// How an answer is counted: what response rate limiting and statistics want of it.
    struct Account {
        WorkerStats::Counter* queries = nullptr;
        RrlKind kind{};
        bool synthesized = false;
        std::uint8_t name_octets = 0;  // RrlSubject::name, as the query has it
        std::uint16_t name_offset = 0;
    };

    /// The revision that is answered from, loaded before anything is looked up here.
    struct Now {
        zones::Revision revision = 0;
        const zones::ChangeMarks& changes;
    };

    /// `entries` is rounded down to a power of two, at least kWays.
    explicit PacketCache(std::size_t entries);
    ~PacketCache();
    PacketCache(const PacketCache&) = delete;
    PacketCache& operator=(const PacketCache&) = delete;

    /// Could a query be stored? Then it holds a header and a question with at least a root name.
    [[nodiscard]] static bool takes(base::Octets query) noexcept {
        return query.size() >= kLeastQueryOctets && query.size() <= kMaxQueryOctets;
    }
    /// Of a query that could be stored.
    [[nodiscard]] std::uint64_t hash(base::Octets query) const noexcept;

    /// Bring near what `find` and `seen` will look at, and after that what `find` will read.
    void approach(std::uint64_t hash) const noexcept;
    void approach_entry(std::uint64_t hash) const noexcept;

    /// Writes the answer to `query` into `reply`, which has room for kMaxReplyOctets; its size, 0
    /// if it is not known. `account` stays valid until the next `store`.
    [[nodiscard]] std::size_t find(std::uint64_t hash, base::Octets query, const Scope& scope,
                                   const Now& now, base::MutableOctets reply,
                                   const Account*& account) noexcept;

    /// Was this query seen before, not too long ago? Then it is worth a `store`.
    [[nodiscard]] bool seen(std::uint64_t hash) noexcept;
    /// `qname_octets`: of the name, which begins behind the header in the query as in the reply.
    /// Does nothing where the reply is too long.
    void store(std::uint64_t hash, base::Octets query, std::size_t qname_octets, const Scope& scope,
               const zones::Reliance& reliance, base::Octets reply,
               const Account& account) noexcept;

  private:
    // The ID comes first and is no part of what is compared.
    static constexpr std::size_t kIdOctets = 2;
    static constexpr std::size_t kLeastQueryOctets = 12 + 1 + 4;

    struct alignas(64) Entry {
        std::uint64_t hash = 0;
        Account account;
        Scope scope;
        zones::Reliance reliance;
        std::uint16_t query_size = 0;
        std::uint16_t reply_size = 0;
        std::uint8_t qname_size = 0;
        std::array<std::uint8_t, kMaxQueryOctets> query;  // as first seen
        std::array<std::uint8_t, kMaxReplyOctets> reply;
    };
    static_assert(sizeof(Entry) == kEntryOctets);
    static constexpr std::size_t kWays = 2;
    struct Set {
        std::array<std::uint32_t, kWays> stored{};  // tags
        std::array<std::uint32_t, kWays> seen{};    // the newest first
    };

    [[nodiscard]] static std::size_t octets(std::size_t set_mask) noexcept;
    [[nodiscard]] static bool same_query(const Entry& entry, base::Octets query) noexcept;
    [[nodiscard]] std::size_t set_of(std::uint64_t hash) const noexcept {
        return (hash >> 8) & set_mask_;  // bits that are no part of the tag
    }
    /// Its place in `entries_`; where it is not stored, one behind the last.
    [[nodiscard]] std::size_t place_of(std::uint64_t hash) const noexcept {
        const std::size_t set = set_of(hash);
        const std::uint32_t tag = tag_of(hash);
        if (sets_[set].stored[0] == tag) return set * kWays;
        return sets_[set].stored[1] == tag ? set * kWays + 1 : entries();
    }
    [[nodiscard]] std::size_t entries() const noexcept { return (set_mask_ + 1) * kWays; }
    [[nodiscard]] static std::uint32_t tag_of(std::uint64_t hash) noexcept {
        return static_cast<std::uint32_t>(hash >> 32) | 1U;  // 0: nothing
    }

    const std::uint64_t seed_;
    std::size_t set_mask_;
    Entry* entries_ = nullptr;
    // Beside the entries, so that a query that is not there touches none of them.
    Set* sets_ = nullptr;
    std::size_t next_way_ = 0;  // that is given up where both are good
};

}  // namespace server
