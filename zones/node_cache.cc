#include "zones/node_cache.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/random.h"
#include "zones/cache_version.h"
#include "zones/node_memory.h"

namespace zones {

namespace {

// A hash, from the top: ten bits choose the shard, sixteen of the middle are the tag of the slot,
// the low 32 say where in the shard the search begins.
constexpr unsigned kShardShift = 64 - 10;
static_assert(NodeCache::kShards == std::size_t{1} << (64 - kShardShift));
constexpr std::uint64_t kPointerMask = (std::uint64_t{1} << 48) - 1;
constexpr std::uint64_t kTagMask = ~kPointerMask;
constexpr std::uint64_t kEmpty = 0;
constexpr std::uint64_t kDead = 1;  // was taken; searches go on past it

// A node that stands farther from where it belongs is fetched when it is looked for.
constexpr unsigned kPrefetchLooks = 8;
constexpr std::size_t kCacheLine = 64;
// How far the clock goes for one insertion.
constexpr std::size_t kMaxLooks = 64;
// How many shards a sweep goes through before it frees what it has removed.
constexpr std::size_t kShardsPerReclaim = 16;
// From this share of the budget on, hits are marked: 15/16.
constexpr std::size_t kPressureShare = 16;

// The completeness word: a generation, and on its lowest bits one of these.
enum Completeness : std::uint64_t { kIncomplete = 0, kLoading = 1, kComplete = 2 };
constexpr std::uint64_t kStateMask = 3;
constexpr std::uint64_t kGeneration = 4;

/// Capacities that a shard goes through, each a quarter above the one before, so that few slots
/// stand empty; 2^48 octets hold more than the last.
constexpr std::size_t kClasses = 72;
constexpr std::array<std::size_t, kClasses> capacities() {
    std::array<std::size_t, kClasses> out{};
    std::size_t capacity = 8;
    for (std::size_t& each : out) {
        each = capacity;
        capacity += std::max<std::size_t>(4, capacity / 4);
    }
    return out;
}
constexpr std::array<std::size_t, kClasses> kCapacities = capacities();
static_assert(kCapacities.back() < std::size_t{1} << 32);
// Fuller than this a shard grows: searches for what is not there stay short.
constexpr std::size_t kMostUsed(std::size_t capacity) {
    return capacity / 4 * 3;
}

std::size_t shard_of(std::uint64_t hash) noexcept {
    return static_cast<std::size_t>(hash >> kShardShift);
}
std::size_t start_of(std::uint64_t hash, std::size_t capacity) noexcept {
    return static_cast<std::size_t>(((hash & 0xffffffffU) * capacity) >> 32);
}
std::uint64_t tag_of(std::uint64_t hash) noexcept {
    return (hash << 16) & kTagMask;
}
CacheVersion* version_of(std::uint64_t slot) noexcept {
    return reinterpret_cast<CacheVersion*>(slot & kPointerMask);
}
std::uint64_t slot_of(std::uint64_t hash, const CacheVersion* version) noexcept {
    return tag_of(hash) | reinterpret_cast<std::uint64_t>(version);
}
bool taken(std::uint64_t slot) noexcept {
    return slot != kEmpty && slot != kDead;
}
std::size_t after(std::size_t at, std::size_t capacity) noexcept {
    return at + 1 == capacity ? 0 : at + 1;
}
// In front of the slots stands how many there are: who deletes them knows nothing else.
constexpr std::size_t kSlotsHead = 16;
std::size_t slots_octets(std::size_t capacity) noexcept {
    return kSlotsHead + capacity * sizeof(std::atomic<std::uint64_t>);
}
std::size_t slots_share(std::size_t capacity) noexcept {
    return NodeMemory::share(slots_octets(capacity));
}
std::atomic<std::uint64_t>* new_slots(std::size_t capacity) {
    auto* memory = static_cast<std::uint8_t*>(NodeMemory::take(slots_octets(capacity)));
    std::memcpy(memory, &capacity, sizeof capacity);
    auto* slots = reinterpret_cast<std::atomic<std::uint64_t>*>(memory + kSlotsHead);
    for (std::size_t i = 0; i < capacity; ++i) new (slots + i) std::atomic<std::uint64_t>(kEmpty);
    return slots;
}
void delete_slots(void* slots) {
    auto* memory = static_cast<std::uint8_t*>(slots) - kSlotsHead;
    std::size_t capacity = 0;
    std::memcpy(&capacity, memory, sizeof capacity);
    NodeMemory::give_back(memory, slots_octets(capacity));
}

}  // namespace

NodeCache::NodeCache(base::Qsbr& qsbr, std::size_t budget_octets)
    : qsbr_(qsbr),
      seed_(base::SecureRandom().next64()),
      budget_octets_(budget_octets),
      shards_(new Shard[kShards]) {
    for (auto& entry : directory_) {
        entry.store(reinterpret_cast<std::uint64_t>(new_slots(kCapacities[0])));
    }
    account(static_cast<std::ptrdiff_t>(
        kShards * (slots_share(kCapacities[0]) + sizeof(Shard) + sizeof(std::uint64_t))));
}

NodeCache::~NodeCache() {
    for (std::size_t shard = 0; shard < kShards; ++shard) {
        const Slots here = slots(shard);
        for (std::size_t at = 0; at < here.capacity; ++at) {
            const std::uint64_t slot = here.at[at].load();
            if (!taken(slot)) continue;
            for (CacheVersion* version = version_of(slot); version != nullptr;) {
                CacheVersion* older = version->older();
                CacheVersion::destroy(version);
                version = older;
            }
        }
        delete_slots(here.at);
    }
}

NodeCache::Slots NodeCache::slots(std::size_t shard) const noexcept {
    const std::uint64_t entry = directory_[shard].load();
    return {reinterpret_cast<Slot*>(entry & kPointerMask), kCapacities[entry >> 48]};
}

std::uint64_t NodeCache::hash(ZoneId zone, Octets relative_owner) const noexcept {
    return cache_hash(seed_, zone, relative_owner);
}

void NodeCache::prefetch(std::uint64_t hash) const noexcept {
    const Slots here = slots(shard_of(hash));
    __builtin_prefetch(&here.at[start_of(hash, here.capacity)]);
}

void NodeCache::prefetch_node(std::uint64_t hash) const noexcept {
    const Slots here = slots(shard_of(hash));
    const std::uint64_t tag = tag_of(hash);
    std::size_t at = start_of(hash, here.capacity);
    for (unsigned look = 0; look < kPrefetchLooks; ++look, at = after(at, here.capacity)) {
        const std::uint64_t slot = here.at[at].load(std::memory_order_relaxed);
        if (slot == kEmpty) return;
        if ((slot & kTagMask) != tag || slot == kDead) continue;
        const char* version = reinterpret_cast<const char*>(version_of(slot));
        __builtin_prefetch(version);
        __builtin_prefetch(version + kCacheLine);
        return;
    }
}

NodeCache::Found NodeCache::find(std::uint64_t hash, ZoneId zone, Octets relative_owner,
                                 Revision revision) const noexcept {
    const std::uint64_t complete_before = completeness_.load();
    const Slots here = slots(shard_of(hash));
    const std::uint64_t tag = tag_of(hash);
    for (std::size_t at = start_of(hash, here.capacity);; at = after(at, here.capacity)) {
        // Sequentially consistent, as Qsbr asks of whoever loads what may be retired.
        const std::uint64_t slot = here.at[at].load();
        if (slot == kEmpty) break;
        if ((slot & kTagMask) != tag || slot == kDead) continue;
        const CacheVersion* version = version_of(slot);
        if (version->zone() != zone ||
            !same_owner(version->node().relative_owner(), relative_owner)) {
            continue;
        }
        while (version != nullptr && version->revision() > revision) version = version->older();
        if (version == nullptr) return {};
        if (version->absent()) return {Hit::Absent, {}};
        if (pressure_.load(std::memory_order_relaxed)) version->visit();
        return {Hit::Present, version->node()};
    }
    const bool complete =
        (complete_before & kStateMask) == kComplete && completeness_.load() == complete_before;
    return {complete ? Hit::Absent : Hit::Miss, {}};
}

NodeCache::Place NodeCache::place(Slots slots, std::uint64_t hash, ZoneId zone,
                                  Octets relative_owner) noexcept {
    const std::uint64_t tag = tag_of(hash);
    Place out{slots.capacity, slots.capacity};
    for (std::size_t at = start_of(hash, slots.capacity);; at = after(at, slots.capacity)) {
        const std::uint64_t slot = slots.at[at].load(std::memory_order_relaxed);
        if (!taken(slot)) {
            if (out.free == slots.capacity) out.free = at;
            if (slot == kEmpty) return out;
            continue;
        }
        if ((slot & kTagMask) != tag) continue;
        const CacheVersion* version = version_of(slot);
        if (version->zone() == zone &&
            same_owner(version->node().relative_owner(), relative_owner)) {
            out.found = at;
            return out;
        }
    }
}

void NodeCache::add(std::size_t shard, std::uint64_t hash, std::size_t free,
                    CacheVersion* version) {
    Slot& slot = slots(shard).at[free];
    if (slot.load(std::memory_order_relaxed) == kEmpty) ++shards_[shard].used;
    ++shards_[shard].nodes;
    account(static_cast<std::ptrdiff_t>(version->footprint()));
    slot.store(slot_of(hash, version), std::memory_order_release);
}

void NodeCache::insert(Revision revision, const std::vector<Change>& changes) {
    newest_ = revision;
    unsettled_.store(revision);
    for (const Change& change : changes) {
        const std::uint64_t hash = this->hash(change.zone, change.relative_owner);
        marks_.raise(ChangeMarks::of(hash), revision);
        const std::size_t shard = shard_of(hash);
        const std::lock_guard lock(shards_[shard].mutex);
        (void)make_space(shard);
        reserve(shard);
        const Slots here = slots(shard);
        const Place where = place(here, hash, change.zone, change.relative_owner);
        CacheVersion* older =
            where.found == here.capacity ? nullptr : version_of(here.at[where.found].load());
        CacheVersion* version =
            CacheVersion::make(revision, change.zone, change.relative_owner, change.node, older);
        if (older == nullptr) {
            add(shard, hash, where.free, version);
        } else {
            account(static_cast<std::ptrdiff_t>(version->footprint()));
            here.at[where.found].store(slot_of(hash, version));
        }
        pending_.push_back({hash, version});
    }
}

void NodeCache::settle() {
    const std::uint64_t ticket = qsbr_.ticket();
    std::deque<Grave> graves;
    for (const Pending& item : pending_) {
        if (CacheVersion* older = item.version->take_older(); older != nullptr) retire(older);
        if (item.version->absent()) {
            graves.push_back({ticket, item.hash, item.version, newest_});
        }
    }
    pending_.clear();
    unsettled_.store(~Revision{0});
    if (graves.empty()) return;
    const std::lock_guard lock(tidy_mutex_);
    graves_.insert(graves_.end(), graves.begin(), graves.end());
}

NodeCache::Filled NodeCache::fill(Revision revision, ZoneId zone, NodeView node) {
    const std::uint64_t hash = this->hash(zone, node.relative_owner());
    const std::size_t shard = shard_of(hash);
    const std::unique_lock lock(shards_[shard].mutex, std::try_to_lock);
    return lock ? bring(shard, hash, revision, zone, node, true) : Filled::Busy;
}

NodeCache::Filled NodeCache::load(Revision revision, ZoneId zone, NodeView node) {
    const std::uint64_t hash = this->hash(zone, node.relative_owner());
    const std::size_t shard = shard_of(hash);
    const std::lock_guard lock(shards_[shard].mutex);
    return bring(shard, hash, revision, zone, node, false);
}

NodeCache::Filled NodeCache::bring(std::size_t shard, std::uint64_t hash, Revision revision,
                                   ZoneId zone, NodeView node, bool evict) {
    Slots here = slots(shard);
    if (place(here, hash, zone, node.relative_owner()).found != here.capacity) {
        return Filled::Standing;
    }
    if (revision < shards_[shard].removed_newest) return Filled::Stale;
    if (!has_space() && !(evict && make_space(shard))) return Filled::Full;
    // What was just evicted may have been newer than this.
    if (revision < shards_[shard].removed_newest) return Filled::Stale;
    reserve(shard);
    here = slots(shard);
    add(shard, hash, place(here, hash, zone, node.relative_owner()).free,
        CacheVersion::make(revision, zone, node.relative_owner(), node.octets(), nullptr));
    return Filled::Taken;
}

/// One slot more will fit. Old slots stay readable until their readers are gone.
void NodeCache::reserve(std::size_t index) {
    Shard& shard = shards_[index];
    const Slots old = slots(index);
    if (shard.used + 1 <= kMostUsed(old.capacity)) return;
    // By what lives, so that many dead slots alone do not make it larger.
    std::size_t size_class = 0;
    while (5 * (shard.nodes + 1) > 4 * kMostUsed(kCapacities[size_class])) ++size_class;
    const Slots fresh{new_slots(kCapacities[size_class]), kCapacities[size_class]};
    for (std::size_t i = 0; i < old.capacity; ++i) {
        const std::uint64_t slot = old.at[i].load(std::memory_order_relaxed);
        if (!taken(slot)) continue;
        const CacheVersion* version = version_of(slot);
        const std::uint64_t hash = this->hash(version->zone(), version->node().relative_owner());
        std::size_t at = start_of(hash, fresh.capacity);
        while (fresh.at[at].load(std::memory_order_relaxed) != kEmpty) {
            at = after(at, fresh.capacity);
        }
        fresh.at[at].store(slot, std::memory_order_relaxed);
    }
    shard.used = shard.nodes;
    shard.hand = 0;
    account(static_cast<std::ptrdiff_t>(slots_share(fresh.capacity)) -
            static_cast<std::ptrdiff_t>(slots_share(old.capacity)));
    directory_[index].store((std::uint64_t{size_class} << 48) |
                            reinterpret_cast<std::uint64_t>(fresh.at));
    qsbr_.retire(old.at, &delete_slots);
}

/// Within the budget, or made so by evicting what was not asked for since the hand last passed.
bool NodeCache::make_space(std::size_t index) {
    if (has_space()) return true;
    Shard& shard = shards_[index];
    const Slots here = slots(index);
    const Revision unsettled = unsettled_.load();
    for (std::size_t looks = std::min(kMaxLooks, here.capacity); looks > 0; --looks) {
        if (has_space()) return true;
        shard.hand = shard.hand + 1 >= here.capacity ? 0 : shard.hand + 1;
        const std::uint64_t slot = here.at[shard.hand].load(std::memory_order_relaxed);
        if (!taken(slot)) continue;
        const CacheVersion* version = version_of(slot);
        // Tombstones go by themselves; a version not settled is the only one of its revision.
        if (version->absent() || version->revision() >= unsettled || version->take_visit()) {
            continue;
        }
        incomplete();
        remove(index, shard.hand);
        evictions_.fetch_add(1, std::memory_order_relaxed);
    }
    return has_space();
}

void NodeCache::remove(std::size_t index, std::size_t at) {
    Shard& shard = shards_[index];
    const Slots here = slots(index);
    CacheVersion* version = version_of(here.at[at].load(std::memory_order_relaxed));
    shard.removed_newest = std::max(shard.removed_newest, version->revision());
    --shard.nodes;
    if (here.at[after(at, here.capacity)].load(std::memory_order_relaxed) != kEmpty) {
        here.at[at].store(kDead);
    } else {
        // Nothing is searched for past here: this slot is empty again, and dead ones before it.
        std::size_t free = at;
        do {
            here.at[free].store(kEmpty);
            --shard.used;
            free = free == 0 ? here.capacity - 1 : free - 1;
        } while (here.at[free].load(std::memory_order_relaxed) == kDead);
    }
    retire(version);
}

void NodeCache::retire(CacheVersion* version) {
    account(-static_cast<std::ptrdiff_t>(version->footprint()));
    qsbr_.retire(version, &CacheVersion::destroy);
}

void NodeCache::account(std::ptrdiff_t octets) {
    // Modulo 2^64: a negative difference is added as its complement.
    const auto difference = static_cast<std::size_t>(octets);
    const std::size_t now = octets_.fetch_add(difference) + difference;
    const bool pressure = now > budget_octets_ - budget_octets_ / kPressureShare;
    if (pressure_.load(std::memory_order_relaxed) != pressure) pressure_.store(pressure);
}

void NodeCache::drop_zone(ZoneId zone) {
    const std::uint64_t ticket = qsbr_.ticket();
    const std::lock_guard lock(tidy_mutex_);
    dropped_.push_back({ticket, zone});
}

void NodeCache::keep_zone(ZoneId zone) {
    const std::lock_guard lock(tidy_mutex_);
    dropped_.erase(std::remove_if(dropped_.begin(), dropped_.end(),
                                  [zone](const Dropped& item) { return item.zone == zone; }),
                   dropped_.end());
    being_swept_.erase(zone);
}

bool NodeCache::tidy() {
    const bool graves = bury();
    return sweep() || graves;
}

/// Tombstones that no reader needs any more. True if some still wait.
bool NodeCache::bury() {
    for (;;) {
        Grave grave;
        {
            const std::lock_guard lock(tidy_mutex_);
            if (graves_.empty()) return false;
            if (!qsbr_.passed(graves_.front().ticket)) return true;
            grave = graves_.front();
            graves_.pop_front();
        }
        const std::size_t shard = shard_of(grave.hash);
        const std::lock_guard lock(shards_[shard].mutex);
        const Slots here = slots(shard);
        const std::uint64_t wanted = slot_of(grave.hash, grave.version);
        for (std::size_t at = start_of(grave.hash, here.capacity);; at = after(at, here.capacity)) {
            const std::uint64_t slot = here.at[at].load(std::memory_order_relaxed);
            if (slot == kEmpty) break;  // another version has come, or it went with its zone
            // In the same memory another version may live by now: then it is no tombstone of this
            // revision, or one whose time has come too.
            if (slot != wanted || !grave.version->absent() ||
                grave.version->revision() != grave.revision) {
                continue;
            }
            remove(shard, at);
            break;
        }
    }
}

/// Nodes of dropped zones that no reader needs any more, of all such zones in one go. True if some
/// still wait.
bool NodeCache::sweep() {
    bool waiting = false;
    {
        const std::lock_guard lock(tidy_mutex_);
        while (!dropped_.empty() && qsbr_.passed(dropped_.front().ticket)) {
            being_swept_.insert(dropped_.front().zone);
            dropped_.pop_front();
        }
        waiting = !dropped_.empty();
        if (being_swept_.empty()) return waiting;
    }
    for (std::size_t shard = 0; shard < kShards; ++shard) {
        // A large zone: what is retired shall not pile up.
        if (shard % kShardsPerReclaim == 0) (void)qsbr_.reclaim();
        // Held for one shard: `keep_zone` may take a zone out before the next.
        const std::lock_guard tidy_lock(tidy_mutex_);
        if (being_swept_.empty()) break;
        const std::lock_guard lock(shards_[shard].mutex);
        const Slots here = slots(shard);
        for (std::size_t at = 0; at < here.capacity; ++at) {
            const std::uint64_t slot = here.at[at].load(std::memory_order_relaxed);
            if (taken(slot) && being_swept_.count(version_of(slot)->zone()) != 0) remove(shard, at);
        }
    }
    const std::lock_guard lock(tidy_mutex_);
    being_swept_.clear();
    return waiting;
}

void NodeCache::clear(Revision newest) {
    incomplete();
    for (std::size_t shard = 0; shard < kShards; ++shard) {
        const std::lock_guard lock(shards_[shard].mutex);
        const Slots here = slots(shard);
        for (std::size_t at = 0; at < here.capacity; ++at) {
            const std::uint64_t slot = here.at[at].load(std::memory_order_relaxed);
            if (!taken(slot)) continue;
            if (CacheVersion* older = version_of(slot)->take_older(); older != nullptr) {
                retire(older);
            }
            remove(shard, at);
        }
        Revision& removed = shards_[shard].removed_newest;
        removed = std::max(removed, newest);
    }
    pending_.clear();
    unsettled_.store(~Revision{0});
}

std::uint64_t NodeCache::begin_loading() {
    std::uint64_t word = completeness_.load();
    std::uint64_t next = 0;
    do {
        next = ((word & ~kStateMask) + kGeneration) | kLoading;
    } while (!completeness_.compare_exchange_weak(word, next));
    return next;
}

bool NodeCache::end_loading(std::uint64_t token) {
    return completeness_.compare_exchange_strong(token, (token & ~kStateMask) | kComplete);
}

void NodeCache::incomplete() {
    std::uint64_t word = completeness_.load();
    while ((word & kStateMask) != kIncomplete &&
           !completeness_.compare_exchange_weak(
               word, ((word & ~kStateMask) + kGeneration) | kIncomplete)) {
    }
}

bool NodeCache::complete() const noexcept {
    return (completeness_.load() & kStateMask) == kComplete;
}

NodeCache::Size NodeCache::size() const {
    Size size;
    size.octets = octets_.load();
    for (std::size_t shard = 0; shard < kShards; ++shard) {
        const std::lock_guard lock(shards_[shard].mutex);
        size.nodes += shards_[shard].nodes;
    }
    // Behind the locks: an eviction that is under way is counted, or has yet to say that the cache
    // is incomplete.
    size.evictions = evictions_.load();
    return size;
}

}  // namespace zones
