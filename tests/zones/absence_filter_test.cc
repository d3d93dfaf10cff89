#include "zones/absence_filter.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"

namespace zones {
namespace {

constexpr std::size_t kNames = 100000;
constexpr std::size_t kMaxOctets = std::size_t{64} << 20;

std::vector<std::uint64_t> some(std::size_t count) {
    base::SecureRandom random;
    std::vector<std::uint64_t> hashes(count);
    for (std::uint64_t& hash : hashes) hash = random.next64();
    return hashes;
}

TEST(AbsenceFilter, SaysNothingBeforeItIsBuilt) {
    base::Qsbr qsbr;
    AbsenceFilter filter(qsbr, kMaxOctets);
    EXPECT_FALSE(filter.absent(1));
    EXPECT_TRUE(filter.wants_build());
    filter.begin_build(kNames);
    EXPECT_FALSE(filter.absent(1));
    EXPECT_TRUE(filter.finish_build());
    EXPECT_TRUE(filter.absent(1));
    EXPECT_FALSE(filter.wants_build());
}

TEST(AbsenceFilter, NeverSaysAbsentOfWhatWasAdded) {
    base::Qsbr qsbr;
    AbsenceFilter filter(qsbr, kMaxOctets);
    const auto before = some(kNames / 2);
    const auto during = some(kNames / 4);
    const auto after = some(kNames / 4);
    filter.begin_build(kNames);
    filter.add(during);
    EXPECT_TRUE(filter.add_to_build(before));
    EXPECT_TRUE(filter.finish_build());
    filter.add(after);
    for (const auto* part : {&before, &during, &after}) {
        for (const std::uint64_t hash : *part) ASSERT_FALSE(filter.absent(hash));
    }
    std::size_t mistaken = 0;
    for (const std::uint64_t hash : some(kNames)) mistaken += filter.absent(hash) ? 0 : 1;
    EXPECT_LT(mistaken, kNames / 50);
    EXPECT_LT(filter.octets(), kNames * 10 / 8 + 4096);
}

TEST(AbsenceFilter, IsBuiltAnewWhenItIsTooFull) {
    base::Qsbr qsbr;
    AbsenceFilter filter(qsbr, kMaxOctets);
    filter.begin_build(1000);
    EXPECT_TRUE(filter.finish_build());
    const auto early = some(4000);
    // The same names again and again fill nothing.
    for (int i = 0; i < 100; ++i) filter.add(std::span(early).first(100));
    EXPECT_FALSE(filter.wants_build());
    filter.add(early);
    EXPECT_TRUE(filter.wants_build());
    const std::uint64_t generation = filter.generation();
    filter.begin_build(10000);
    EXPECT_NE(filter.generation(), generation);
    // Not added to the new one: deleted before its revision.
    EXPECT_FALSE(filter.absent(early[0]));
    EXPECT_TRUE(filter.finish_build());
    EXPECT_TRUE(filter.absent(early[0]));
    EXPECT_FALSE(filter.wants_build());
}

TEST(AbsenceFilter, ForgetsAndGivesUp) {
    base::Qsbr qsbr;
    AbsenceFilter filter(qsbr, kMaxOctets);
    filter.begin_build(1000);
    filter.give_up_build();
    EXPECT_FALSE(filter.finish_build());
    EXPECT_FALSE(filter.add_to_build(some(1)));
    filter.begin_build(1000);
    EXPECT_TRUE(filter.finish_build());
    EXPECT_TRUE(filter.absent(1));
    filter.forget();
    EXPECT_FALSE(filter.absent(1));
    EXPECT_TRUE(filter.wants_build());
}

TEST(AbsenceFilter, KeepsItsBound) {
    base::Qsbr qsbr;
    AbsenceFilter filter(qsbr, 8192);
    filter.begin_build(1000000);
    EXPECT_TRUE(filter.finish_build());
    EXPECT_LE(filter.octets(), 8192U);
    const auto names = some(10000);
    filter.add(names);
    for (const std::uint64_t hash : names) ASSERT_FALSE(filter.absent(hash));
}

}  // namespace
}  // namespace zones
