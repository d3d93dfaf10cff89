#include "zones/weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "zones/node_rules.h"

namespace zones {
namespace {

/// A node with one weighted RRset, and its entry.
struct Weighted {
    std::vector<std::uint8_t> octets;
    NodeEntry entry;

    Weighted(const std::vector<std::uint16_t>& weights, std::uint16_t count) {
        RRsetValue value;
        value.answer_count = count;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            value.records.push_back(
                {10, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)});
        }
        value.weights = weights;
        NodeParts parts;
        parts.entries.push_back(make_entry(dns::RRType::A, value));
        octets = parts.pack();
        entry = *NodeView(octets.data()).begin();
    }
};

std::vector<std::uint16_t> pick(const Weighted& weighted, base::RandomSource& random) {
    Picks picks;
    const std::size_t count = pick_records(weighted.entry, random, picks);
    return {picks, picks + count};
}

// On both sides of the border between the two ways of drawing.
const std::size_t kSizes[] = {2, 200, 256, 257, 1000, 4000};

TEST(Weights, EveryRecordCanBeDrawn) {
    base::Random random(1);
    for (const std::size_t size : kSizes) {
        for (const std::size_t only : {std::size_t{0}, size / 2, size - 1}) {
            std::vector<std::uint16_t> weights(size, 0);
            weights[only] = 1;
            const Weighted weighted(weights, 1);
            for (int i = 0; i < 20; ++i) {
                EXPECT_EQ(pick(weighted, random),
                          std::vector<std::uint16_t>{static_cast<std::uint16_t>(only)});
            }
        }
    }
}

TEST(Weights, NoRecordTwiceAndZerosLast) {
    base::Random random(2);
    for (const std::size_t size : kSizes) {
        std::vector<std::uint16_t> weights(size, 0);
        const std::size_t positive = (size + 1) / 2;
        for (std::size_t i = 0; i < positive; ++i) weights[i] = 65535;
        for (const std::size_t count : {positive, positive + 1, size}) {
            const auto picks = pick(Weighted(weights, static_cast<std::uint16_t>(count)), random);
            ASSERT_EQ(picks.size(), count);
            const std::set<std::uint16_t> distinct(picks.begin(), picks.end());
            EXPECT_EQ(distinct.size(), count);
            EXPECT_LT(*distinct.rbegin(), size);
            const auto heavy = std::count_if(picks.begin(), picks.end(),
                                             [&](std::uint16_t i) { return weights[i] > 0; });
            EXPECT_EQ(static_cast<std::size_t>(heavy), positive);
        }
    }
}

// The first half weighs three times as much as the second: it has three quarters of the draws.
TEST(Weights, DrawsAreInProportion) {
    base::Random random(3);
    for (const std::size_t size : {std::size_t{200}, std::size_t{300}}) {
        std::vector<std::uint16_t> weights(size, 1);
        for (std::size_t i = 0; i < size / 2; ++i) weights[i] = 3;
        const Weighted weighted(weights, 1);
        constexpr int kDraws = 20000;
        int heavy = 0;
        for (int i = 0; i < kDraws; ++i) heavy += pick(weighted, random)[0] < size / 2 ? 1 : 0;
        // Five standard deviations: sqrt(20000 x 3/4 x 1/4) is 61.
        EXPECT_NEAR(heavy, kDraws * 3 / 4, 310) << size;
    }
}

}  // namespace
}  // namespace zones
