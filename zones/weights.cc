#include "zones/weights.h"

#include <algorithm>
#include <limits>

namespace zones {

namespace {

constexpr std::uint32_t kTaken = std::numeric_limits<std::uint32_t>::max();

/// Index of the drawn one; `total` is the sum of the positive weights left, `zeros` how many are 0.
std::size_t draw(std::span<const std::uint32_t> weights, std::uint64_t total, std::uint32_t zeros,
                 base::RandomSource& random) noexcept {
    if (total > 0) {
        // 64-bit multiply-shift: totals may pass 32 bits.
        const auto wide = static_cast<unsigned __int128>(random.next64()) * total;
        auto left = static_cast<std::uint64_t>(wide >> 64);
        for (std::size_t i = 0; i < weights.size(); ++i) {
            if (weights[i] == kTaken) continue;
            if (left < weights[i]) return i;
            left -= weights[i];
        }
    }
    std::uint32_t skip = random.below(zeros);
    for (std::size_t i = 0; i < weights.size(); ++i) {
        if (weights[i] == 0 && skip-- == 0) return i;
    }
    return 0;  // not reached: callers draw only while something is left
}

}  // namespace

std::size_t draw_weighted(std::span<std::uint32_t> weights, base::RandomSource& random,
                          std::span<std::uint16_t> picks) noexcept {
    std::uint64_t total = 0;
    std::uint32_t zeros = 0;
    for (const std::uint32_t weight : weights) {
        total += weight;
        zeros += weight == 0 ? 1U : 0U;
    }
    const std::size_t wanted = std::min(picks.size(), weights.size());
    for (std::size_t i = 0; i < wanted; ++i) {
        const std::size_t drawn = draw(weights, total, zeros, random);
        if (weights[drawn] == 0) {
            --zeros;
        } else {
            total -= weights[drawn];
        }
        weights[drawn] = kTaken;
        picks[i] = static_cast<std::uint16_t>(drawn);
    }
    return wanted;
}

}  // namespace zones
