#include "base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

namespace base {
namespace {

TEST(Random, SeedRepeatsTheRun) {
    Random a(42);
    Random b(42);
    Random other(43);
    bool differs = false;
    for (int i = 0; i < 1000; ++i) {
        const std::uint64_t value = a.next64();
        EXPECT_EQ(value, b.next64());
        differs = differs || value != other.next64();
    }
    EXPECT_TRUE(differs);
}

// xoshiro256** of an all-zero state would give zeros for ever.
TEST(Random, NoSeedIsStuck) {
    for (const std::uint64_t seed : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1}}) {
        Random random(seed);
        std::set<std::uint64_t> seen;
        for (int i = 0; i < 1000; ++i) seen.insert(random.next64());
        EXPECT_EQ(seen.size(), 1000U) << seed;
    }
}

TEST(Random, BelowStaysBelowAndReachesAll) {
    Random random(7);
    EXPECT_EQ(random.below(0), 0U);
    EXPECT_EQ(random.below(1), 0U);
    for (const std::uint32_t bound : {2U, 3U, 7U, 100U}) {
        std::set<std::uint32_t> seen;
        for (std::uint32_t i = 0; i < bound * 100; ++i) {
            const std::uint32_t value = random.below(bound);
            ASSERT_LT(value, bound);
            seen.insert(value);
        }
        EXPECT_EQ(seen.size(), bound);
    }
    for (int i = 0; i < 1000; ++i) ASSERT_LT(random.below(0xffffffffU), 0xffffffffU);
}

TEST(Random, BelowIsUniform) {
    constexpr std::uint32_t kBound = 10;
    constexpr int kDraws = 100000;
    Random random(1);
    std::array<int, kBound> counts{};
    for (int i = 0; i < kDraws; ++i) ++counts[random.below(kBound)];
    const double expected = static_cast<double>(kDraws) / kBound;
    double chi_square = 0;
    for (const int count : counts) chi_square += std::pow(count - expected, 2) / expected;
    EXPECT_LT(chi_square, 33.7);  // 9 degrees of freedom, p = 0.0001
}

TEST(Random, UnitIsAboveZeroAndAtMostOne) {
    Random random(3);
    double sum = 0;
    for (int i = 0; i < 100000; ++i) {
        const double value = random.unit();
        ASSERT_GT(value, 0.0);
        ASSERT_LE(value, 1.0);
        sum += value;
    }
    EXPECT_NEAR(sum / 100000, 0.5, 0.01);
}

class Constant final : public RandomSource {
  public:
    explicit Constant(std::uint64_t value) : value_(value) {}
    [[nodiscard]] std::uint64_t next64() noexcept override { return value_; }

  private:
    std::uint64_t value_;
};

TEST(Random, ExtremesOfTheSourceStayInRange) {
    Constant low(0);
    Constant high(~std::uint64_t{0});
    EXPECT_GT(low.unit(), 0.0);
    EXPECT_EQ(high.unit(), 1.0);
    EXPECT_EQ(low.below(5), 0U);
    EXPECT_EQ(high.below(5), 4U);
    EXPECT_EQ(high.below(0xffffffffU), 0xfffffffeU);
}

TEST(SecureRandom, DoesNotRepeatOverItsBuffer) {
    SecureRandom random;
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 1000; ++i) seen.insert(random.next64());
    EXPECT_EQ(seen.size(), 1000U);
}

TEST(SecureRandom, FillsEveryOctet) {
    secure_fill({});
    // 64 fills: an octet that stays 0 in all of them was never written (p = 256^-64).
    std::vector<std::uint8_t> seen(100, 0);
    for (int i = 0; i < 64; ++i) {
        std::vector<std::uint8_t> fill(seen.size(), 0);
        secure_fill(fill);
        for (std::size_t at = 0; at < fill.size(); ++at) {
            seen[at] = static_cast<std::uint8_t>(seen[at] | fill[at]);
        }
    }
    for (const std::uint8_t octet : seen) EXPECT_NE(octet, 0);
}

}  // namespace
}  // namespace base
