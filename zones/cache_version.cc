#include "zones/cache_version.h"

#include <cstring>
#include <new>

#include "zones/node_memory.h"

namespace zones {

CacheVersion* CacheVersion::make(Revision revision, ZoneId zone, Octets relative_owner, Octets node,
                                 CacheVersion* older) {
    const bool absent = node.empty();
    const std::size_t size = absent ? kNodeHeaderOctets + relative_owner.size() : node.size();
    const std::size_t front = older != nullptr ? sizeof(Link) : 0;
    auto* memory =
        static_cast<std::uint8_t*>(NodeMemory::take(front + sizeof(CacheVersion) + size));
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
    const std::size_t octets = version->octets();
    version->~CacheVersion();
    NodeMemory::give_back(memory, octets);
}

std::size_t CacheVersion::octets() const noexcept {
    const std::size_t front = (flags_ & kChained) != 0 ? sizeof(Link) : 0;
    return front + sizeof(CacheVersion) + node().octets().size();
}

std::size_t CacheVersion::footprint() const noexcept {
    return NodeMemory::share(octets());
}

}  // namespace zones
