#include "resolver/cache.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <mutex>
#include <new>

#include "dns/rdata.h"

namespace resolver {

namespace {

using std::chrono::seconds;

constexpr base::Duration kFirstFailure = seconds(5);  // RFC 2308, 7; RFC 9520, 3.2
constexpr base::Duration kLongestFailure = seconds(300);
constexpr std::size_t kOctetsPerBucket = 256;  // about one entry each
constexpr std::size_t kMinBuckets = 16;
constexpr std::size_t kBucketOctets = sizeof(void*);

/// What the allocator takes for `octets`: an 8-octet header, rounded to 16 (glibc).
constexpr std::size_t charged_octets(std::size_t octets) noexcept {
    return (octets + 8 + 15) & ~std::size_t{15};
}

std::uint64_t hash_of(dns::NameView name) noexcept {
    // Multiplied, because shards take the high bits and buckets the low ones.
    return dns::NameHash{}(name)*0x9e3779b97f4a7c15U;
}

/// NoData takes the place of the RRset and the other way round.
bool same_slot(EntryKind a, EntryKind b) noexcept {
    const auto slot = [](EntryKind kind) {
        return kind == EntryKind::NoData ? EntryKind::RRset : kind;
    };
    return slot(a) == slot(b);
}

}  // namespace

/// One part of the cache. Everything is guarded by `mutex`.
struct alignas(64) Cache::Shard {
    mutable std::mutex mutex;
    std::vector<Entry*> buckets;  // a power of two
    Entry* newest = nullptr;
    Entry* oldest = nullptr;
    Entry* hand = nullptr;  // next candidate for eviction; null: the oldest
    std::size_t octets = 0;
    std::size_t limit = 0;
    std::size_t entries = 0;
    std::uint64_t evictions = 0;

    [[nodiscard]] Entry*& bucket(std::uint64_t hash) noexcept {
        return buckets[hash & (buckets.size() - 1)];
    }

    void link(Entry* entry) noexcept {
        Entry*& head = bucket(entry->hash_);
        entry->next_ = head;
        head = entry;
        entry->older_ = newest;
        (newest != nullptr ? newest->newer_ : oldest) = entry;
        newest = entry;
        octets += entry->charged_;
        ++entries;
    }

    void unlink(Entry* entry, std::atomic<std::uint64_t>& dnames) noexcept {
        Entry** at = &bucket(entry->hash_);
        while (*at != entry) at = &(*at)->next_;
        *at = entry->next_;
        if (hand == entry) hand = entry->newer_;
        (entry->newer_ != nullptr ? entry->newer_->older_ : newest) = entry->older_;
        (entry->older_ != nullptr ? entry->older_->newer_ : oldest) = entry->newer_;
        octets -= entry->charged_;
        --entries;
        if (entry->kind_ == EntryKind::RRset && entry->type_ == dns::RRType::DNAME) {
            dnames.fetch_sub(1, std::memory_order_relaxed);
        }
        Entry::release(entry);
    }
};

std::uint32_t Entry::ttl(base::MonoTime now) const noexcept {
    if (now >= expires_) return 0;
    return static_cast<std::uint32_t>(std::chrono::round<seconds>(expires_ - now).count());
}

std::uint32_t Entry::stale_age(base::MonoTime now) const noexcept {
    if (now < expires_) return 0;
    return static_cast<std::uint32_t>(std::chrono::duration_cast<seconds>(now - expires_).count());
}

dns::RRsetView Entry::rrset() const noexcept {
    if (kind_ == EntryKind::Delegation || payload_size_ == 0) return {};
    return dns::RRsetView(payload().data());
}

void Entry::release(const Entry* entry) noexcept {
    if (entry->refs_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    entry->~Entry();
    ::operator delete(const_cast<Entry*>(entry));
}

Cache::Cache(const Settings& settings)
    : settings_(settings),
      capacity_(settings.cache_mb << 20),
      shards_(std::make_unique<Shard[]>(kShards)) {
    const std::size_t limit = capacity_ / kShards - sizeof(Shard);
    const std::size_t buckets = std::max(kMinBuckets, std::bit_floor(limit / kOctetsPerBucket));
    for (std::size_t i = 0; i < kShards; ++i) {
        shards_[i].buckets.resize(buckets);
        shards_[i].octets = charged_octets(buckets * kBucketOctets);
        shards_[i].limit = limit;
    }
}

Cache::~Cache() {
    for (std::size_t i = 0; i < kShards; ++i) {
        while (shards_[i].oldest != nullptr) shards_[i].unlink(shards_[i].oldest, dnames_);
    }
}

Cache::Shard& Cache::shard_of(std::uint64_t hash) const noexcept {
    static_assert(kShards == 64);
    return shards_[hash >> 58];
}

bool Cache::past_use(const Entry& entry, base::MonoTime now) const noexcept {
    switch (entry.kind_) {
        case EntryKind::Delegation:
            return now >= entry.expires_;
        case EntryKind::Failure:
            return now >= entry.expires_ + entry.lifetime();  // remembered, to double the next
        default:
            return now >=
                   entry.expires_ + seconds(settings_.stale_enabled ? settings_.max_stale_s : 0);
    }
}

Cache::Found Cache::find(Partition partition, dns::NameView name, dns::RRType type,
                         base::MonoTime now, bool stale) const noexcept {
    const std::uint64_t hash = hash_of(name);
    Shard& shard = shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    Entry* exact = nullptr;
    Entry* nxdomain = nullptr;
    Entry* cname = nullptr;
    Entry* failure = nullptr;
    for (Entry* at = shard.bucket(hash); at != nullptr; at = at->next_) {
        if (at->hash_ != hash || at->partition_ != partition || !at->name().equals(name)) continue;
        switch (at->kind_) {
            case EntryKind::RRset:
            case EntryKind::NoData:
                if (at->type_ == type) {
                    exact = at;
                } else if (at->type_ == dns::RRType::CNAME && at->kind_ == EntryKind::RRset) {
                    cname = at;
                }
                break;
            case EntryKind::NXDomain:
                nxdomain = at;
                break;
            case EntryKind::Failure:
                if (at->type_ == type && at->fresh(now)) failure = at;
                break;
            case EntryKind::Delegation:
                break;
        }
    }
    const auto hold = [](Entry* entry) {
        if (!entry->visited_.load(std::memory_order_relaxed)) {
            entry->visited_.store(true, std::memory_order_relaxed);
        }
        entry->refs_.fetch_add(1, std::memory_order_relaxed);
        return Ref(entry);
    };
    Found found;
    Entry* const candidates[] = {exact, nxdomain, cname};
    for (Entry* entry : candidates) {
        if (entry != nullptr && !found.answer && entry->fresh(now)) found.answer = hold(entry);
    }
    for (Entry* entry : candidates) {
        if (stale && entry != nullptr && !found.answer && !past_use(*entry, now)) {
            found.answer = hold(entry);
        }
    }
    if (failure != nullptr) found.failure = hold(failure);
    return found;
}

Ref Cache::find_one(Partition partition, dns::NameView name, EntryKind kind, dns::RRType type,
                    base::MonoTime now) const noexcept {
    const std::uint64_t hash = hash_of(name);
    Shard& shard = shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    for (Entry* at = shard.bucket(hash); at != nullptr; at = at->next_) {
        if (at->hash_ == hash && at->kind_ == kind && at->type_ == type &&
            at->partition_ == partition && at->fresh(now) && at->name().equals(name)) {
            at->visited_.store(true, std::memory_order_relaxed);
            at->refs_.fetch_add(1, std::memory_order_relaxed);
            return Ref(at);
        }
    }
    return {};
}

Ref Cache::find_rrset(Partition partition, dns::NameView name, dns::RRType type,
                      base::MonoTime now) const noexcept {
    return find_one(partition, name, EntryKind::RRset, type, now);
}

Ref Cache::closest_delegation(Partition partition, dns::NameView name,
                              base::MonoTime now) const noexcept {
    for (;;) {
        Ref found = find_one(partition, name, EntryKind::Delegation, dns::RRType{}, now);
        if (found || name.is_root()) return found;
        name = name.parent();
    }
}

Ref Cache::closest_dname(Partition partition, dns::NameView name,
                         base::MonoTime now) const noexcept {
    if (dnames_.load(std::memory_order_relaxed) == 0) return {};
    while (!name.is_root()) {
        name = name.parent();
        Ref found = find_one(partition, name, EntryKind::RRset, dns::RRType::DNAME, now);
        if (found) return found;
    }
    return {};
}

Entry* Cache::make(Partition partition, EntryKind kind, dns::NameView name, dns::RRType type,
                   dns::NameView soa_owner, base::Octets payload, base::Duration ttl,
                   base::MonoTime now) noexcept {
    const std::size_t soa_size = payload.empty() ? 0 : soa_owner.size();
    const bool has_soa = kind == EntryKind::NoData || kind == EntryKind::NXDomain;
    const std::size_t size =
        sizeof(Entry) + name.size() + (has_soa ? soa_size : 0) + payload.size();
    void* at = ::operator new(size, std::nothrow);
    if (at == nullptr) return nullptr;
    auto* entry = new (at) Entry;
    entry->kind_ = kind;
    entry->partition_ = partition;
    entry->type_ = type;
    entry->name_size_ = static_cast<std::uint8_t>(name.size());
    entry->soa_owner_size_ = static_cast<std::uint8_t>(has_soa ? soa_size : 0);
    entry->payload_size_ = static_cast<std::uint32_t>(payload.size());
    entry->charged_ = static_cast<std::uint32_t>(charged_octets(size));
    entry->hash_ = hash_of(name);
    entry->stored_ = now;
    entry->expires_ = now + ttl;
    auto* out = reinterpret_cast<std::uint8_t*>(entry + 1);
    std::memcpy(out, name.data(), name.size());
    out += name.size();
    if (entry->soa_owner_size_ != 0) {
        std::memcpy(out, soa_owner.data(), soa_owner.size());
        out += soa_owner.size();
    }
    if (!payload.empty()) std::memcpy(out, payload.data(), payload.size());
    return entry;
}

Ref Cache::insert(Entry* made, base::MonoTime now) {
    if (made == nullptr) return {};
    Ref result(made);
    Shard& shard = shard_of(made->hash_);
    const std::lock_guard lock(shard.mutex);
    bool keep =
        made->expires_ > now &&
        made->charged_ + charged_octets(shard.buckets.size() * kBucketOctets) <= shard.limit;
    for (Entry* at = shard.bucket(made->hash_); at != nullptr;) {
        Entry* const entry = at;
        at = at->next_;
        if (entry->hash_ != made->hash_ || entry->partition_ != made->partition_ ||
            !entry->name().equals(made->name())) {
            continue;
        }
        const bool replaced = same_slot(entry->kind_, made->kind_) && entry->type_ == made->type_;
        if (replaced && entry->fresh(now) && entry->rank_ > made->rank_) {
            keep = false;
            continue;
        }
        // Data shows that the name exists, and any answer that the question can be answered.
        const bool disproved =
            (entry->kind_ == EntryKind::NXDomain &&
             (made->kind_ == EntryKind::RRset || made->kind_ == EntryKind::NoData)) ||
            (entry->kind_ == EntryKind::Failure && made->kind_ != EntryKind::Failure &&
             made->kind_ != EntryKind::Delegation &&
             (entry->type_ == made->type_ || made->kind_ == EntryKind::NXDomain));
        // What TTL 0 replaces has still been superseded.
        if (replaced || disproved) shard.unlink(entry, dnames_);
    }
    if (!keep) return result;
    while (shard.octets + made->charged_ > shard.limit && shard.oldest != nullptr) {
        // SIEVE. The loop ends: a sweep clears every mark it meets.
        Entry* victim = shard.hand != nullptr ? shard.hand : shard.oldest;
        while (victim->visited_.load(std::memory_order_relaxed) && !past_use(*victim, now)) {
            victim->visited_.store(false, std::memory_order_relaxed);
            victim = victim->newer_ != nullptr ? victim->newer_ : shard.oldest;
        }
        shard.hand = victim;
        if (!past_use(*victim, now)) ++shard.evictions;
        shard.unlink(victim, dnames_);  // moves the hand on
    }
    made->refs_.fetch_add(1, std::memory_order_relaxed);
    shard.link(made);
    if (made->kind_ == EntryKind::RRset && made->type_ == dns::RRType::DNAME) {
        dnames_.fetch_add(1, std::memory_order_relaxed);
    }
    return result;
}

Ref Cache::put_rrset(Partition partition, dns::NameView owner, dns::RRsetView rrset, Rank rank,
                     base::MonoTime now) {
    const std::uint32_t sent = rrset.ttl() > 0x7fffffffU ? 0 : rrset.ttl();
    const std::uint32_t ttl = std::min(std::max(sent, settings_.min_ttl_s), settings_.max_ttl_s);
    Entry* made = make(partition, EntryKind::RRset, owner, rrset.type(), {}, rrset.octets(),
                       seconds(ttl), now);
    if (made != nullptr) made->rank_ = rank;
    return insert(made, now);
}

Ref Cache::put_negative(Partition partition, EntryKind kind, dns::NameView name, dns::RRType type,
                        dns::NameView soa_owner, dns::RRsetView soa, base::MonoTime now) {
    std::uint32_t ttl = 0;
    base::Octets payload;
    if (soa && soa.count() > 0) {
        payload = soa.octets();
        const std::uint32_t minimum = dns::soa_numbers(*soa.begin()).minimum;
        const std::uint32_t sent = std::min(soa.ttl(), minimum);  // RFC 2308, 5
        ttl = std::min(std::max(sent > 0x7fffffffU ? 0 : sent, settings_.min_ttl_s),
                       settings_.max_negative_ttl_s);
    }
    return insert(make(partition, kind, name, kind == EntryKind::NXDomain ? dns::RRType{} : type,
                       soa_owner, payload, seconds(ttl), now),
                  now);
}

Ref Cache::put_delegation(Partition partition, dns::NameView cut, base::Octets servers,
                          std::uint32_t ttl, base::MonoTime now) {
    const std::uint32_t sent = ttl > 0x7fffffffU ? 0 : ttl;
    return insert(make(partition, EntryKind::Delegation, cut, dns::RRType{}, {}, servers,
                       seconds(std::min(sent, settings_.max_ttl_s)), now),
                  now);
}

Ref Cache::put_failure(Partition partition, dns::NameView name, dns::RRType type,
                       dns::ExtendedError why, base::Duration at_least, base::MonoTime now) {
    base::Duration lifetime = kFirstFailure;
    for (const Ref& entry : list(name)) {
        if (entry->kind() == EntryKind::Failure && entry->partition() == partition &&
            entry->type() == type && !past_use(*entry, now)) {
            lifetime = entry->lifetime() * 2;
        }
    }
    lifetime = std::max(std::min(lifetime, kLongestFailure), at_least);
    Entry* made = make(partition, EntryKind::Failure, name, type, {}, {}, lifetime, now);
    if (made != nullptr) made->failure_ = why;
    return insert(made, now);
}

std::size_t Cache::purge(dns::NameView name, bool subtree) {
    std::size_t count = 0;
    if (!subtree) {
        const std::uint64_t hash = hash_of(name);
        Shard& shard = shard_of(hash);
        const std::lock_guard lock(shard.mutex);
        for (Entry* at = shard.bucket(hash); at != nullptr;) {
            Entry* const entry = at;
            at = at->next_;
            if (entry->hash_ != hash || !entry->name().equals(name)) continue;
            shard.unlink(entry, dnames_);
            ++count;
        }
        return count;
    }
    for (std::size_t i = 0; i < kShards; ++i) {
        Shard& shard = shards_[i];
        const std::lock_guard lock(shard.mutex);
        for (Entry* at = shard.oldest; at != nullptr;) {
            Entry* const entry = at;
            at = at->newer_;
            if (!entry->name().is_at_or_below(name)) continue;
            shard.unlink(entry, dnames_);
            ++count;
        }
    }
    return count;
}

std::vector<Ref> Cache::list(dns::NameView name) const {
    std::vector<Ref> out;
    const std::uint64_t hash = hash_of(name);
    Shard& shard = shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    for (Entry* at = shard.bucket(hash); at != nullptr; at = at->next_) {
        if (at->hash_ != hash || !at->name().equals(name)) continue;
        at->refs_.fetch_add(1, std::memory_order_relaxed);
        out.push_back(Ref(at));
    }
    return out;
}

Cache::Usage Cache::usage() const noexcept {
    Usage usage;
    for (std::size_t i = 0; i < kShards; ++i) {
        const std::lock_guard lock(shards_[i].mutex);
        usage.octets += shards_[i].octets + sizeof(Shard);
        usage.entries += shards_[i].entries;
        usage.evictions += shards_[i].evictions;
    }
    return usage;
}

}  // namespace resolver
