#pragma once

#include <cstdint>
#include <optional>

#include "zones/answer_node.h"
#include "zones/zone_table.h"

namespace zones {

/// The serial of a zone as a view sees it, at the revision `nodes` reads (RFC 1035, 3.3.13). Empty
/// where it cannot be told: the result says why. No allocation; to be called where answers are
/// made.
[[nodiscard]] Look zone_serial(NodeSource& nodes, const ZoneEntry& zone, ViewId view,
                               std::optional<std::uint32_t>& serial) noexcept;

}  // namespace zones
