#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/octets.h"
#include "base/time.h"
#include "dns/edns.h"
#include "dns/name.h"
#include "dns/rrset.h"
#include "dns/types.h"
#include "resolver/settings.h"

namespace resolver {

/// Which of several separate caches an entry is in: one per set of views that may share what they
/// learnt. 0 is the only one until views get their own.
using Partition = std::uint16_t;

/// What an entry says about its name.
enum class EntryKind : std::uint8_t {
    RRset,       // these records exist
    NoData,      // the name exists, this type does not (RFC 2308, 2.2)
    NXDomain,    // the name does not exist (RFC 2308, 2.1)
    Delegation,  // the parent's NS RRset and glue, used for iteration only
    Failure,     // resolving this question failed (RFC 2308, 7; RFC 9520)
};

/// How far records are trusted (RFC 2181, 5.4.1). Data from authority and additional sections has
/// no rank here because it is never kept as records: referrals and glue live in Delegation
/// entries, which no client's answer is made from.
enum class Rank : std::uint8_t { NonAuthoritative = 1, Authoritative = 2 };

/// One thing learnt. Immutable once made, apart from what the cache guards itself, and shared: it
/// lives until the last Ref lets go, even after the cache has dropped it.
class Entry {
  public:
    [[nodiscard]] EntryKind kind() const noexcept { return kind_; }
    [[nodiscard]] Rank rank() const noexcept { return rank_; }
    [[nodiscard]] Partition partition() const noexcept { return partition_; }
    /// 0 for NXDomain and Delegation.
    [[nodiscard]] dns::RRType type() const noexcept { return type_; }
    [[nodiscard]] dns::NameView name() const noexcept {
        return dns::NameView({octets(), name_size_});
    }
    [[nodiscard]] base::MonoTime expires() const noexcept { return expires_; }
    [[nodiscard]] bool fresh(base::MonoTime now) const noexcept { return now < expires_; }
    /// Seconds left, rounded, so that an answer does not lose one to the round trips it took; 0
    /// when expired.
    [[nodiscard]] std::uint32_t ttl(base::MonoTime now) const noexcept;
    /// Seconds since it expired, 0 while fresh.
    [[nodiscard]] std::uint32_t stale_age(base::MonoTime now) const noexcept;

    /// RRset: the records. NoData, NXDomain: the SOA, if the response had one.
    [[nodiscard]] dns::RRsetView rrset() const noexcept;
    /// NoData, NXDomain: the owner of the SOA.
    [[nodiscard]] dns::NameView soa_owner() const noexcept {
        return dns::NameView({octets() + name_size_, soa_owner_size_});
    }
    /// Delegation: the packed servers (delegation.h). Failure: empty.
    [[nodiscard]] base::Octets payload() const noexcept {
        return {octets() + name_size_ + soa_owner_size_, payload_size_};
    }
    /// Failure: why, and how long it is believed.
    [[nodiscard]] dns::ExtendedError failure() const noexcept { return failure_; }
    [[nodiscard]] base::Duration lifetime() const noexcept { return expires_ - stored_; }

  private:
    friend class Cache;
    friend class Ref;

    Entry() = default;
    [[nodiscard]] const std::uint8_t* octets() const noexcept {
        return reinterpret_cast<const std::uint8_t*>(this + 1);
    }
    static void release(const Entry* entry) noexcept;

    mutable std::atomic<std::uint32_t> refs_{1};
    mutable std::atomic<bool> visited_{false};  // asked for since the hand last passed
    EntryKind kind_{};
    Rank rank_ = Rank::Authoritative;
    Partition partition_ = 0;
    dns::RRType type_{};
    std::uint8_t name_size_ = 0;
    std::uint8_t soa_owner_size_ = 0;
    dns::ExtendedError failure_{};
    std::uint32_t payload_size_ = 0;
    std::uint32_t charged_ = 0;  // octets charged to the shard
    std::uint64_t hash_ = 0;     // of the name
    base::MonoTime stored_{};
    base::MonoTime expires_{};
    // Guarded by the mutex of the entry's shard.
    Entry* next_ = nullptr;   // in its bucket
    Entry* newer_ = nullptr;  // in the order of insertion
    Entry* older_ = nullptr;
    // The name, the SOA's owner and the payload follow.
};

/// A hold on an entry. Copying is one relaxed increment. May be empty.
class Ref {
  public:
    Ref() = default;
    Ref(const Ref& other) noexcept : entry_(other.entry_) {
        if (entry_ != nullptr) entry_->refs_.fetch_add(1, std::memory_order_relaxed);
    }
    Ref(Ref&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
    Ref& operator=(Ref other) noexcept {
        std::swap(entry_, other.entry_);
        return *this;
    }
    ~Ref() {
        if (entry_ != nullptr) Entry::release(entry_);
    }
    [[nodiscard]] explicit operator bool() const noexcept { return entry_ != nullptr; }
    [[nodiscard]] const Entry& operator*() const noexcept { return *entry_; }
    [[nodiscard]] const Entry* operator->() const noexcept { return entry_; }

  private:
    friend class Cache;
    explicit Ref(Entry* adopted) noexcept : entry_(adopted) {}
    Entry* entry_ = nullptr;
};

/// What recursion has learnt, shared by all workers and bounded in octets.
///
/// All members may be called from any thread. Names are spread over shards; a shard's mutex is
/// held for the walk of one bucket, never while an answer is composed (that works on Refs), so
/// that a read-mostly table can take its place without a change for the callers.
///
/// The bound counts every octet the cache asks the allocator for, its overhead and the bucket
/// tables included. Entries that were dropped while somebody holds a Ref are not counted: at most
/// what a handful of answers in the making refer to. Eviction is SIEVE: a hand goes from the
/// oldest entry to newer ones, spares (once) what was asked for, and drops the first that was not.
///
/// Expired entries stay up to max_stale_s for serve-stale (RFC 8767), as first candidates of
/// nothing: they leave by eviction, when looked up past that time, or when replaced.
class Cache {
  public:
    explicit Cache(const Settings& settings);
    ~Cache();
    Cache(const Cache&) = delete;
    Cache& operator=(const Cache&) = delete;

    /// Everything that bears on one question, from one walk.
    struct Found {
        Ref answer;   // RRset or NoData of the type, else NXDomain, else the name's CNAME
        Ref failure;  // the question failed not long ago
    };
    /// Fresh entries first; if none answers and `stale` is set, expired ones in the same order.
    [[nodiscard]] Found find(Partition partition, dns::NameView name, dns::RRType type,
                             base::MonoTime now, bool stale) const noexcept;
    /// The RRset of exactly this name and type, fresh, or nothing.
    [[nodiscard]] Ref find_rrset(Partition partition, dns::NameView name, dns::RRType type,
                                 base::MonoTime now) const noexcept;
    /// The fresh delegation of the longest ancestor of `name`, itself included; empty: not even
    /// the root's is known.
    [[nodiscard]] Ref closest_delegation(Partition partition, dns::NameView name,
                                         base::MonoTime now) const noexcept;
    /// The fresh DNAME at the longest proper ancestor of `name`, if there is any.
    [[nodiscard]] Ref closest_dname(Partition partition, dns::NameView name,
                                    base::MonoTime now) const noexcept;

    // Learning. Each returns the new entry also when it was not kept (TTL 0, or the cache holds
    // something of higher rank, which is then left alone), so that the question at hand can be
    // answered with it. Empty when memory cannot be had.

    /// The TTL is that of `rrset`, clamped to min_ttl_s and max_ttl_s; above 2^31-1 it counts as
    /// 0 (RFC 2181, 8). Forgets an NXDomain or failure of the name.
    Ref put_rrset(Partition partition, dns::NameView owner, dns::RRsetView rrset, Rank rank,
                  base::MonoTime now);
    /// `kind` NoData or NXDomain (then `type` is not looked at). `soa` may be empty: such answers
    /// are not kept (RFC 2308, 5). TTL: the least of the SOA's own, its MINIMUM, max_negative.
    Ref put_negative(Partition partition, EntryKind kind, dns::NameView name, dns::RRType type,
                     dns::NameView soa_owner, dns::RRsetView soa, base::MonoTime now);
    Ref put_delegation(Partition partition, dns::NameView cut, base::Octets servers,
                       std::uint32_t ttl, base::MonoTime now);
    /// 5 s, and twice as long as before for each failure that follows a failure, at most 300 s
    /// (RFC 9520, 3.2); never shorter than `at_least`.
    Ref put_failure(Partition partition, dns::NameView name, dns::RRType type,
                    dns::ExtendedError why, base::Duration at_least, base::MonoTime now);

    /// Forgets the name (its delegation too), or everything at and below it, in all partitions.
    /// Returns how many entries went. A subtree costs a walk of the whole cache, shard by shard.
    std::size_t purge(dns::NameView name, bool subtree);
    /// All entries of a name in all partitions, expired ones included, for operators.
    [[nodiscard]] std::vector<Ref> list(dns::NameView name) const;

    struct Usage {
        std::uint64_t octets = 0;
        std::uint64_t entries = 0;
        std::uint64_t evictions = 0;  // of entries that were not yet past their use
    };
    [[nodiscard]] Usage usage() const noexcept;
    [[nodiscard]] std::uint64_t capacity_octets() const noexcept { return capacity_; }
    [[nodiscard]] const Settings& settings() const noexcept { return settings_; }

  private:
    struct Shard;
    static constexpr std::size_t kShards = 64;

    [[nodiscard]] Shard& shard_of(std::uint64_t hash) const noexcept;
    [[nodiscard]] bool past_use(const Entry& entry, base::MonoTime now) const noexcept;
    [[nodiscard]] Ref find_one(Partition partition, dns::NameView name, EntryKind kind,
                               dns::RRType type, base::MonoTime now) const noexcept;
    static Entry* make(Partition partition, EntryKind kind, dns::NameView name, dns::RRType type,
                       dns::NameView soa_owner, base::Octets payload, base::Duration ttl,
                       base::MonoTime now) noexcept;
    Ref insert(Entry* made, base::MonoTime now);

    const Settings settings_;
    const std::uint64_t capacity_;  // octets, all shards
    std::unique_ptr<Shard[]> shards_;
    std::atomic<std::uint64_t> dnames_{0};  // DNAME entries kept; 0 spares the walk of ancestors
};

}  // namespace resolver
