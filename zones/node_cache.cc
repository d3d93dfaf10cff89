#include "zones/node_cache.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "base/random.h"

namespace zones {

namespace {

constexpr std::size_t kFirstCapacity = 1024;
constexpr std::uint64_t kPointerMask = (std::uint64_t{1} << 48) - 1;
constexpr std::uint64_t kTagMask = ~kPointerMask;
constexpr std::uint64_t kEmpty = 0;
constexpr std::uint64_t kDead = 1;  // was taken; searches go on past it

/// ASCII upper case to lower, eight octets at once. Length octets of labels are at most 63 and so
/// never look like letters.
std::uint64_t lower_word(std::uint64_t word) noexcept {
    constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
    const std::uint64_t low = word & (kOnes * 0x7f);
    const std::uint64_t above = low + kOnes * (0x80 - 'A');       // bit 7: >= 'A'
    const std::uint64_t beyond = low + kOnes * (0x80 - 'Z' - 1);  // bit 7: > 'Z'
    const std::uint64_t letters = (above & ~beyond & ~word) & (kOnes * 0x80);
    return word | (letters >> 2);
}

std::uint64_t load_tail(const std::uint8_t* at, std::size_t size) noexcept {
    std::uint64_t word = 0;
    if (size >= 4) {
        std::uint32_t first = 0;
        std::uint32_t last = 0;
        std::memcpy(&first, at, 4);
        std::memcpy(&last, at + size - 4, 4);
        return first | (std::uint64_t{last} << 32);
    }
    for (std::size_t i = 0; i < size; ++i) word |= std::uint64_t{at[i]} << (8 * i);
    return word;
}

bool owner_equals(Octets a, Octets b) noexcept {
    if (a.size() != b.size()) return false;
    std::size_t at = 0;
    for (; at + 8 <= a.size(); at += 8) {
        std::uint64_t x = 0;
        std::uint64_t y = 0;
        std::memcpy(&x, &a[at], 8);
        std::memcpy(&y, &b[at], 8);
        if (x != y && lower_word(x) != lower_word(y)) return false;
    }
    return lower_word(load_tail(a.data() + at, a.size() - at)) ==
           lower_word(load_tail(b.data() + at, b.size() - at));
}

}  // namespace

/// Followed in memory by the octets of a node; a tombstone's node has an owner and no entries.
struct NodeCache::Version {
    Revision revision;
    std::atomic<Version*> older;
    ZoneId zone;
    bool absent;

    [[nodiscard]] const std::uint8_t* octets() const noexcept {
        return reinterpret_cast<const std::uint8_t*>(this + 1);
    }
    [[nodiscard]] NodeView node() const noexcept { return NodeView(octets()); }
    [[nodiscard]] std::size_t footprint() const noexcept {
        return sizeof(Version) + node().octets().size();
    }

    static Version* make(Revision revision, ZoneId zone, Octets relative_owner, Octets node) {
        const bool absent = node.empty();
        const std::size_t size = absent ? kNodeHeaderOctets + relative_owner.size() : node.size();
        void* memory = ::operator new(sizeof(Version) + size);
        auto* version = new (memory) Version{revision, {nullptr}, zone, absent};
        auto* octets = reinterpret_cast<std::uint8_t*>(version + 1);
        if (absent) {
            std::memset(octets, 0, kNodeHeaderOctets);
            octets[1] = static_cast<std::uint8_t>(relative_owner.size());
            base::store_be32(octets + 4, static_cast<std::uint32_t>(size));
            if (!relative_owner.empty()) {
                std::memcpy(octets + kNodeHeaderOctets, relative_owner.data(),
                            relative_owner.size());
            }
        } else {
            std::memcpy(octets, node.data(), size);
        }
        return version;
    }
    static void destroy(void* version) {
        static_cast<Version*>(version)->~Version();
        ::operator delete(version);
    }
};

struct NodeCache::Table {
    explicit Table(std::size_t capacity)
        : mask(capacity - 1), slots(new std::atomic<std::uint64_t>[capacity]()) {}

    static Version* version(std::uint64_t slot) noexcept {
        return reinterpret_cast<Version*>(slot & kPointerMask);
    }
    static std::uint64_t slot(std::uint64_t hash, const Version* version) noexcept {
        return (hash & kTagMask) | reinterpret_cast<std::uint64_t>(version);
    }
    [[nodiscard]] std::size_t capacity() const noexcept { return mask + 1; }

    std::size_t mask;
    std::unique_ptr<std::atomic<std::uint64_t>[]> slots;
};

NodeCache::NodeCache(base::Qsbr& qsbr, Revision newest, std::size_t budget_octets)
    : qsbr_(qsbr),
      seed_(base::SecureRandom().next64()),
      budget_octets_(budget_octets),
      table_(new Table(kFirstCapacity)),
      newest_(newest) {
    size_.octets = kFirstCapacity * sizeof(std::uint64_t);
}

NodeCache::~NodeCache() {
    const Table* table = table_.load();
    for (std::size_t i = 0; i < table->capacity(); ++i) {
        const std::uint64_t slot = table->slots[i].load();
        if (slot == kEmpty || slot == kDead) continue;
        for (Version* version = Table::version(slot); version != nullptr;) {
            Version* older = version->older.load();
            Version::destroy(version);
            version = older;
        }
    }
    delete table;
}

std::uint64_t NodeCache::hash(ZoneId zone, Octets relative_owner) const noexcept {
    std::uint64_t state = seed_ ^ (zone * 0x9e3779b97f4a7c15ULL) ^ relative_owner.size();
    const auto mix = [&state](std::uint64_t word) {
        const auto product = static_cast<unsigned __int128>(state ^ word) *
                             static_cast<unsigned __int128>(0xa0761d6478bd642fULL);
        state = static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    };
    std::size_t at = 0;
    for (; at + 8 <= relative_owner.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, &relative_owner[at], 8);
        mix(lower_word(word));
    }
    mix(lower_word(load_tail(relative_owner.data() + at, relative_owner.size() - at)) ^
        0xe7037ed1a0b428dbULL);
    return state;
}

NodeCache::Found NodeCache::find(ZoneId zone, Octets relative_owner,
                                 Revision revision) const noexcept {
    const std::uint64_t wanted = hash(zone, relative_owner);
    const Table* table = table_.load();
    for (std::size_t at = wanted & table->mask;; at = (at + 1) & table->mask) {
        const std::uint64_t slot = table->slots[at].load(std::memory_order_acquire);
        if (slot == kEmpty) return {};
        if (((slot ^ wanted) & kTagMask) != 0 || slot == kDead) continue;
        const Version* version = Table::version(slot);
        if (version->zone != zone ||
            !owner_equals(version->node().relative_owner(), relative_owner)) {
            continue;
        }
        while (version != nullptr && version->revision > revision) {
            version = version->older.load(std::memory_order_acquire);
        }
        if (version == nullptr) return {};
        if (version->absent) return {Hit::Absent, {}};
        return {Hit::Present, version->node()};
    }
}

std::size_t NodeCache::slot_of(const Table& table, std::uint64_t wanted, ZoneId zone,
                               Octets relative_owner) const noexcept {
    for (std::size_t at = wanted & table.mask;; at = (at + 1) & table.mask) {
        const std::uint64_t slot = table.slots[at].load(std::memory_order_relaxed);
        if (slot == kEmpty) return at;
        if (slot == kDead || ((slot ^ wanted) & kTagMask) != 0) continue;
        const Version* version = Table::version(slot);
        if (version->zone == zone &&
            owner_equals(version->node().relative_owner(), relative_owner)) {
            return at;
        }
    }
}

void NodeCache::put(Revision revision, ZoneId zone, Octets relative_owner, Octets node,
                    bool keep_older) {
    make_room();
    Table& table = *table_.load();
    const std::uint64_t wanted = hash(zone, relative_owner);
    const std::size_t at = slot_of(table, wanted, zone, relative_owner);
    const std::uint64_t slot = table.slots[at].load(std::memory_order_relaxed);
    if (slot != kEmpty && !keep_older) return;  // a fill where something stands

    Version* version = Version::make(revision, zone, relative_owner, node);
    size_.octets += version->footprint();
    if (slot == kEmpty) {
        ++used_;
        ++size_.nodes;
    } else {
        version->older.store(Table::version(slot), std::memory_order_relaxed);
    }
    table.slots[at].store(Table::slot(wanted, version));
    if (keep_older) pending_.push_back(version);
}

void NodeCache::insert(Revision revision, const std::vector<Change>& changes) {
    const std::lock_guard lock(mutex_);
    newest_ = revision;
    for (const Change& change : changes) {
        put(revision, change.zone, change.relative_owner, change.node, true);
    }
}

void NodeCache::settle() {
    const std::lock_guard lock(mutex_);
    for (Version* version : pending_) {
        Version* older = version->older.exchange(nullptr);
        if (older != nullptr) retire(older);
    }
    if (size_.octets > budget_octets_) {
        // Nobody needs these any more to be right, only to be fast.
        const Table& table = *table_.load();
        for (const Version* version : pending_) {
            const Octets owner = version->node().relative_owner();
            const std::size_t at = slot_of(table, hash(version->zone, owner), version->zone, owner);
            if (table.slots[at].load(std::memory_order_relaxed) != kEmpty) remove(at);
        }
    }
    pending_.clear();
}

void NodeCache::fill(Revision revision, ZoneId zone, NodeView node) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock || revision != newest_ || size_.octets >= budget_octets_) return;
    put(revision, zone, node.relative_owner(), node.octets(), false);
}

void NodeCache::drop_zone(ZoneId zone) {
    const std::lock_guard lock(mutex_);
    const Table& table = *table_.load();
    for (std::size_t at = 0; at < table.capacity(); ++at) {
        const std::uint64_t slot = table.slots[at].load(std::memory_order_relaxed);
        if (slot == kEmpty || slot == kDead || Table::version(slot)->zone != zone) continue;
        remove(at);
    }
}

void NodeCache::remove(std::size_t at) {
    Table& table = *table_.load();
    Version* version = Table::version(table.slots[at].load(std::memory_order_relaxed));
    table.slots[at].store(kDead);
    --size_.nodes;
    retire(version);
}

void NodeCache::retire(Version* version) {
    size_.octets -= version->footprint();
    qsbr_.retire(version, &Version::destroy);
}

void NodeCache::make_room() {
    Table* table = table_.load();
    if (2 * (used_ + 1) <= table->capacity()) return;
    // By what lives, so that many dead slots alone do not make the table larger.
    std::size_t capacity = kFirstCapacity;
    while (capacity < 4 * (size_.nodes + 1)) capacity *= 2;
    auto* grown = new Table(capacity);
    for (std::size_t i = 0; i < table->capacity(); ++i) {
        const std::uint64_t slot = table->slots[i].load(std::memory_order_relaxed);
        if (slot == kEmpty || slot == kDead) continue;
        const Version* version = Table::version(slot);
        const std::uint64_t wanted = hash(version->zone, version->node().relative_owner());
        std::size_t at = wanted & grown->mask;
        while (grown->slots[at].load(std::memory_order_relaxed) != kEmpty) {
            at = (at + 1) & grown->mask;
        }
        grown->slots[at].store(slot, std::memory_order_relaxed);
    }
    used_ = size_.nodes;
    size_.octets += (grown->capacity() - table->capacity()) * sizeof(std::uint64_t);
    table_.store(grown);
    qsbr_.retire(table);
}

NodeCache::Size NodeCache::size() const {
    const std::lock_guard lock(mutex_);
    return size_;
}

}  // namespace zones
