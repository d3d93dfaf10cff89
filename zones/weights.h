#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/random.h"
#include "zones/node.h"

namespace zones {

/// Weighted sampling without replacement: draws `picks.size()` indices, each draw in proportion
/// to the weights that are left. A weight of 0 is drawn only when no other is left, and then all
/// that remain are equally likely. Uses `weights` up as scratch.
///
/// Returns how many were drawn: all wanted, or as many as there are weights. O(draws x weights),
/// no allocation.
[[nodiscard]] std::size_t draw_weighted(std::span<std::uint32_t> weights,
                                        base::RandomSource& random,
                                        std::span<std::uint16_t> picks) noexcept;

/// No RRset has more records: each takes at least ten octets of a message of 65,535.
inline constexpr std::size_t kMaxRecords = 6553;

/// Which records of a weighted entry an answer holds, drawn as above; as many as the entry says.
/// Few records come in the order in which they were drawn, more than kFewRecords in their own. Time
/// grows with the number of records, not with its square. No allocation.
inline constexpr std::size_t kFewRecords = 256;
using Picks = std::uint16_t[kMaxRecords];
[[nodiscard]] std::size_t pick_records(const NodeEntry& entry, base::RandomSource& random,
                                       Picks& picks) noexcept;

}  // namespace zones
