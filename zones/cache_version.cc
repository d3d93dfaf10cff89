#include "zones/cache_version.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace zones {

namespace {

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

}  // namespace zones
