#pragma once

#include <cstdint>

namespace zones {

/// The one global, monotonic number of change sets. 0: the empty store.
using Revision = std::uint64_t;

/// A variant of a zone's data: the base zone, a view's overlay of it, or a zone that exists in
/// one view only. A whole-zone replacement writes a new id. Never used again. 0: none.
using ZoneId = std::uint32_t;

/// The owners of NSEC3 records are hashes and no names of the zone (RFC 5155, 7.2.8). They are kept
/// under an id of their own, where their order is that of the hashes: a zone that was loaded has
/// two ranges of keys.
inline constexpr ZoneId kHashedIds = 0x80000000U;
[[nodiscard]] constexpr ZoneId hashed_id(ZoneId id) noexcept {
    return id | kHashedIds;
}
[[nodiscard]] constexpr ZoneId names_id(ZoneId id) noexcept {
    return id & ~kHashedIds;
}

/// A view's number, given once when the view is made and never used again. 0: the default view.
using ViewId = std::uint32_t;
inline constexpr ViewId kDefaultView = 0;

}  // namespace zones
