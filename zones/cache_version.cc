#include "zones/cache_version.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace zones {

namespace {

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

// glibc's malloc: eight octets before each block, blocks in steps of sixteen, at least 32.
constexpr std::size_t kAllocatorOctets = 8;
constexpr std::size_t kAllocatorStep = 16;
constexpr std::size_t kAllocatorLeast = 32;

}  // namespace

CacheVersion* CacheVersion::make(Revision revision, ZoneId zone, Octets relative_owner, Octets node,
                                 CacheVersion* older) {
    const bool absent = node.empty();
    const std::size_t size = absent ? kNodeHeaderOctets + relative_owner.size() : node.size();
    const std::size_t front = older != nullptr ? sizeof(Link) : 0;
    auto* memory = static_cast<std::uint8_t*>(::operator new(front + sizeof(CacheVersion) + size));
    if (older != nullptr) new (memory) Link(older);
    const int flags = (absent ? kAbsent : 0) | (older != nullptr ? kChained : 0);
    auto* version =
        new (memory + front) CacheVersion(revision, zone, static_cast<std::uint8_t>(flags));
    auto* octets = reinterpret_cast<std::uint8_t*>(version + 1);
    if (!absent) {
        std::memcpy(octets, node.data(), size);
        return version;
    }
    std::memset(octets, 0, kNodeHeaderOctets);
    octets[1] = static_cast<std::uint8_t>(relative_owner.size());
    base::store_be32(octets + 4, static_cast<std::uint32_t>(size));
    if (!relative_owner.empty()) {
        std::memcpy(octets + kNodeHeaderOctets, relative_owner.data(), relative_owner.size());
    }
    return version;
}

void CacheVersion::destroy(void* pointer) {
    auto* version = static_cast<CacheVersion*>(pointer);
    const bool chained = (version->flags_ & kChained) != 0;
    void* memory = chained ? static_cast<void*>(version->link()) : pointer;
    version->~CacheVersion();
    ::operator delete(memory);
}

std::size_t CacheVersion::footprint() const noexcept {
    const std::size_t front = (flags_ & kChained) != 0 ? sizeof(Link) : 0;
    const std::size_t size =
        front + sizeof(CacheVersion) + node().octets().size() + kAllocatorOctets;
    return std::max(kAllocatorLeast, (size + kAllocatorStep - 1) / kAllocatorStep * kAllocatorStep);
}

std::uint64_t cache_hash(std::uint64_t seed, ZoneId zone, Octets relative_owner) noexcept {
    std::uint64_t state = seed ^ (zone * 0x9e3779b97f4a7c15ULL) ^ relative_owner.size();
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
    // The first mix leaves the ends of the product weakly mixed; the shard is taken from the top.
    mix(seed);
    return state;
}

bool same_owner(Octets a, Octets b) noexcept {
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

}  // namespace zones
