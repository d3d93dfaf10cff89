#pragma once

#include <cstdint>

namespace zones {

/// The one global, monotonic number of change sets. 0: the empty store.
using Revision = std::uint64_t;

/// A variant of a zone's data: the base zone, a view's overlay of it, or a zone that exists in
/// one view only. A whole-zone replacement writes a new id. Never used again. 0: none.
using ZoneId = std::uint32_t;

/// A view's number, given once when the view is made and never used again. 0: the default view.
using ViewId = std::uint32_t;
inline constexpr ViewId kDefaultView = 0;

}  // namespace zones
