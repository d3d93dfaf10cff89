#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/random.h"

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

}  // namespace zones
