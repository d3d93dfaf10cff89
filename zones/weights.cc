#include "zones/weights.h"

#include <algorithm>
#include <array>
#include <cmath>
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

std::size_t pick_few(const NodeEntry& entry, std::size_t records, std::size_t wanted,
                     base::RandomSource& random, Picks& picks) noexcept {
    std::array<std::uint32_t, kFewRecords> weights;
    for (std::size_t i = 0; i < records; ++i) weights[i] = entry.weight(i);
    return draw_weighted({weights.data(), records}, random, {picks, wanted});
}

/// Exponential keys (Efraimidis and Spirakis, 2006): each record waits for a random time that is
/// the shorter the more it weighs, and the first ones are the sample.
std::size_t pick_many(const NodeEntry& entry, std::size_t records, std::size_t wanted,
                      base::RandomSource& random, Picks& picks) noexcept {
    struct Key {
        double time;
        std::uint16_t index;
    };
    std::array<Key, kMaxRecords> keys;
    // Longer than any that a weight gives: -log of the smallest number below is under 38.
    constexpr double kAfterAll = 100;
    for (std::size_t i = 0; i < records; ++i) {
        // Between 0 and 1, neither of them.
        const double uniform = (static_cast<double>(random.next64() >> 11) + 0.5) * 0x1.0p-53;
        const std::uint16_t weight = entry.weight(i);
        keys[i].time = weight == 0 ? kAfterAll + uniform : -std::log(uniform) / weight;
        keys[i].index = static_cast<std::uint16_t>(i);
    }
    const auto end = keys.begin() + static_cast<std::ptrdiff_t>(records);
    std::nth_element(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(wanted - 1), end,
                     [](const Key& a, const Key& b) { return a.time < b.time; });
    for (std::size_t i = 0; i < wanted; ++i) picks[i] = keys[i].index;
    std::sort(picks, picks + wanted);
    return wanted;
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

std::size_t pick_records(const NodeEntry& entry, base::RandomSource& random,
                         Picks& picks) noexcept {
    const std::size_t records = std::min<std::size_t>(entry.rrset.count(), kMaxRecords);
    if (records == 0) return 0;
    const std::size_t wanted = std::clamp<std::size_t>(entry.answer_count, 1, records);
    return records <= kFewRecords ? pick_few(entry, records, wanted, random, picks)
                                  : pick_many(entry, records, wanted, random, picks);
}

}  // namespace zones
