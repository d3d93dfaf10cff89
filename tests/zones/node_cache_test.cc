#include "zones/node_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace zones {
namespace {

using Hit = NodeCache::Hit;

constexpr std::size_t kBudget = std::size_t{1} << 24;

std::vector<std::uint8_t> owner(std::string_view label) {
    std::vector<std::uint8_t> out = {static_cast<std::uint8_t>(label.size())};
    out.insert(out.end(), label.begin(), label.end());
    return out;
}

/// A node with one TXT-like record that says `mark`.
std::vector<std::uint8_t> node(std::string_view label, std::uint32_t mark) {
    NodeParts parts;
    parts.relative_owner = owner(label);
    dns::RRset rrset(dns::RRType::A, mark);
    std::uint8_t rdata[4];
    base::store_be32(rdata, mark);
    EXPECT_TRUE(rrset.add(rdata));
    parts.entries.push_back({rrset, 0, 0, {}});
    return parts.pack();
}

std::uint32_t mark(const NodeCache::Found& found) {
    return found.hit == Hit::Present ? found.node.find(dns::RRType::A)->rrset.ttl() : 0;
}

TEST(NodeCache, ReaderTakesTheNewestNotAboveItsRevision) {
    base::Qsbr qsbr;
    NodeCache cache(qsbr, kBudget);
    cache.insert(1, {{7, owner("www"), node("www", 10)}});
    cache.settle();
    cache.insert(2, {{7, owner("WWW"), node("www", 20)}});
    EXPECT_EQ(mark(cache.find(7, owner("wWw"), 1)), 10U);
    EXPECT_EQ(mark(cache.find(7, owner("www"), 2)), 20U);
    EXPECT_EQ(mark(cache.find(7, owner("www"), 9)), 20U);
    EXPECT_EQ(cache.find(7, owner("www"), 0).hit, Hit::Miss);
    EXPECT_EQ(cache.find(8, owner("www"), 2).hit, Hit::Miss);
    EXPECT_EQ(cache.find(7, owner("ww"), 2).hit, Hit::Miss);
    cache.settle();
    // Settled: an older reader has to look into its own snapshot.
    EXPECT_EQ(cache.find(7, owner("www"), 1).hit, Hit::Miss);
    EXPECT_EQ(mark(cache.find(7, owner("www"), 2)), 20U);
    EXPECT_EQ(cache.size().nodes, 1U);
}

TEST(NodeCache, ACommitRaisesTheMarksOfItsOwners) {
    base::Qsbr qsbr;
    NodeCache cache(qsbr, kBudget);
    const auto mark_of = [&cache](std::string_view label) {
        return ChangeMarks::of(cache.hash(7, owner(label)));
    };
    cache.insert(3, {{7, owner("a"), node("a", 1)}});
    cache.insert(4, {{7, owner("b"), {}}});
    EXPECT_EQ(cache.marks().at(mark_of("A")), mark_of("a") == mark_of("b") ? 4U : 3U);
    EXPECT_EQ(cache.marks().at(mark_of("b")), 4U);
    std::size_t raised = 0;
    for (std::size_t i = 0; i < ChangeMarks::kMarks; ++i) {
        raised += cache.marks().at(static_cast<ChangeMarks::Mark>(i)) != 0 ? 1 : 0;
    }
    EXPECT_LE(raised, 2U);
}

TEST(Reliance, HoldsUntilOneOfItsMarksIsRaised) {
    ChangeMarks changes;
    Reliance on;
    on.revision = 5;
    for (ChangeMarks::Mark mark = 0; mark < Reliance::kMost; ++mark) on.add(mark);
    changes.raise(Reliance::kMost, 6);
    EXPECT_TRUE(on.holds(changes, 6));
    EXPECT_EQ(on.revision, 6U);
    changes.raise(Reliance::kMost - 1, 7);
    EXPECT_TRUE(on.holds(changes, 6));
    EXPECT_FALSE(on.holds(changes, 7));
    EXPECT_FALSE(on.holds(changes, 8));
    on.revision = 7;
    EXPECT_TRUE(on.holds(changes, 8));
    EXPECT_FALSE(on.holds(changes, 7));  // what it was made from may not have been there yet
}

TEST(Reliance, OnMoreThanItCanNameIsOnEverything) {
    const ChangeMarks changes;
    Reliance on, other;
    on.revision = other.revision = 5;
    for (std::size_t i = 0; i <= Reliance::kMost; ++i) on.add(ChangeMarks::Mark{1});
    EXPECT_TRUE(on.holds(changes, 5));
    EXPECT_FALSE(on.holds(changes, 6));
    other.add(on);
    EXPECT_FALSE(other.holds(changes, 6));
    Reliance all;
    all.revision = 5;
    all.add_all();
    all.add(ChangeMarks::Mark{1});
    EXPECT_TRUE(all.holds(changes, 5));
    EXPECT_FALSE(all.holds(changes, 6));
}

TEST(NodeCache, DeletionsAreTombstones) {
    base::Qsbr qsbr;
    NodeCache cache(qsbr, kBudget);
    cache.insert(1, {{7, owner("a"), node("a", 1)}});
    cache.settle();
    cache.insert(2, {{7, owner("a"), {}}, {7, {}, {}}});
    EXPECT_EQ(mark(cache.find(7, owner("a"), 1)), 1U);
    EXPECT_EQ(cache.find(7, owner("a"), 2).hit, Hit::Absent);
    EXPECT_EQ(cache.find(7, {}, 2).hit, Hit::Absent);
    cache.settle();
}

TEST(NodeCache, TombstonesGoAfterAGracePeriod) {
    base::Qsbr qsbr;
    base::Qsbr::Reader& reader = qsbr.add_reader();
    NodeCache cache(qsbr, kBudget);
    cache.insert(1, {{7, owner("a"), node("a", 1)}, {7, owner("b"), node("b", 1)}});
    cache.settle();
    reader.online();
    cache.insert(2, {{7, owner("a"), {}}});
    cache.settle();
    EXPECT_TRUE(cache.tidy()) << "a reader may still be at revision 1";
    EXPECT_EQ(cache.size().nodes, 2U);
    EXPECT_EQ(cache.find(7, owner("a"), 1).hit, Hit::Miss);
    reader.quiescent();
    EXPECT_FALSE(cache.tidy());
    EXPECT_EQ(cache.size().nodes, 1U);
    EXPECT_EQ(mark(cache.find(7, owner("b"), 2)), 1U);
    reader.offline();
    // What was read before the deletion comes too late.
    const auto old = node("a", 1);
    EXPECT_EQ(cache.fill(1, 7, NodeView(old.data())), NodeCache::Filled::Stale);
    EXPECT_EQ(cache.find(7, owner("a"), 2).hit, Hit::Miss);
    // A tombstone that was replaced before its time is left alone.
    cache.insert(3, {{7, owner("b"), {}}});
    cache.settle();
    cache.insert(4, {{7, owner("b"), node("b", 4)}});
    cache.settle();
    EXPECT_FALSE(cache.tidy());
    EXPECT_EQ(mark(cache.find(7, owner("b"), 4)), 4U);
}

TEST(NodeCache, FillsNeverHideAChange) {
    base::Qsbr qsbr;
    NodeCache cache(qsbr, kBudget);
    using Filled = NodeCache::Filled;
    const auto old = node("a", 1);
    EXPECT_EQ(cache.fill(5, 7, NodeView(old.data())), Filled::Taken);
    EXPECT_EQ(mark(cache.find(7, owner("a"), 5)), 1U);
    EXPECT_EQ(cache.find(7, owner("a"), 4).hit, Hit::Miss);
    cache.insert(6, {{7, owner("b"), node("b", 2)}});
    const auto stale = node("b", 1);
    EXPECT_EQ(cache.fill(5, 7, NodeView(stale.data())), Filled::Standing);
    EXPECT_EQ(cache.fill(6, 7, NodeView(stale.data())), Filled::Standing);
    EXPECT_EQ(mark(cache.find(7, owner("b"), 6)), 2U);
    EXPECT_EQ(cache.find(7, owner("b"), 5).hit, Hit::Miss);
    cache.settle();
    // A long scan at an old revision goes on during commits elsewhere.
    const auto other = node("c", 1);
    EXPECT_EQ(cache.fill(5, 7, NodeView(other.data())), Filled::Taken);
    EXPECT_EQ(mark(cache.find(7, owner("c"), 6)), 1U);
}

TEST(NodeCache, CompleteSaysAbsent) {
    base::Qsbr qsbr;
    NodeCache cache(qsbr, kBudget);
    const std::uint64_t token = cache.begin_loading();
    const auto filled = node("a", 1);
    cache.fill(1, 7, NodeView(filled.data()));
    EXPECT_EQ(cache.find(7, owner("b"), 1).hit, Hit::Miss);
    EXPECT_TRUE(cache.end_loading(token));
    EXPECT_EQ(cache.find(7, owner("b"), 1).hit, Hit::Absent);
    EXPECT_EQ(cache.find(7, owner("a"), 1).hit, Hit::Present);
    // Commits keep it complete; what is too new is not absent before.
    cache.insert(2, {{7, owner("b"), node("b", 2)}, {7, owner("a"), {}}});
    EXPECT_EQ(cache.find(7, owner("b"), 1).hit, Hit::Miss);
    EXPECT_EQ(cache.find(7, owner("b"), 2).hit, Hit::Present);
    cache.settle();
    EXPECT_EQ(cache.find(7, owner("a"), 1).hit, Hit::Miss);
    EXPECT_EQ(cache.find(7, owner("a"), 2).hit, Hit::Absent);
    EXPECT_FALSE(cache.tidy());
    EXPECT_EQ(cache.find(7, owner("a"), 2).hit, Hit::Absent);
    EXPECT_TRUE(cache.complete());
    // A zone comes whose nodes are not here.
    cache.incomplete();
    EXPECT_EQ(cache.find(8, owner("b"), 2).hit, Hit::Miss);
    const std::uint64_t second = cache.begin_loading();
    cache.incomplete();
    EXPECT_FALSE(cache.end_loading(second)) << "something came between";
    EXPECT_FALSE(cache.complete());
}

TEST(NodeCache, EvictionEndsCompleteness) {
    base::Qsbr qsbr;
    NodeCache cache(qsbr, std::size_t{1} << 20);
    ASSERT_TRUE(cache.end_loading(cache.begin_loading()));
    for (Revision i = 1; cache.size().evictions == 0; ++i) {
        ASSERT_LT(i, 100000U);
        const std::string label = "n" + std::to_string(i);
        cache.insert(i, {{1, owner(label), node(label, 1)}});
        cache.settle();
        qsbr.reclaim();
    }
    EXPECT_FALSE(cache.complete());
    EXPECT_EQ(cache.find(1, owner("n0"), 100000).hit, Hit::Miss);
}

TEST(NodeCache, GrowsAndKeepsAll) {
    base::Qsbr qsbr;
    NodeCache cache(qsbr, kBudget);
    constexpr std::uint32_t kNodes = 5000;
    for (std::uint32_t i = 1; i <= kNodes; ++i) {
        const std::string label = "n" + std::to_string(i);
        cache.insert(i, {{i % 3 + 1, owner(label), node(label, i)}});
        cache.settle();
    }
    for (std::uint32_t i = 1; i <= kNodes; ++i) {
        ASSERT_EQ(mark(cache.find(i % 3 + 1, owner("n" + std::to_string(i)), kNodes)), i);
    }
    EXPECT_EQ(cache.size().nodes, kNodes);
    cache.drop_zone(2);
    cache.drop_zone(3);
    cache.keep_zone(3);  // it came back before the sweep
    EXPECT_FALSE(cache.tidy());
    EXPECT_EQ(cache.find(2, owner("n1"), kNodes).hit, Hit::Miss);
    EXPECT_EQ(mark(cache.find(3, owner("n2"), kNodes)), 2U);
    EXPECT_EQ(cache.size().nodes, kNodes - (kNodes + 2) / 3);
}

TEST(NodeCache, DroppingAndInsertingForeverDoesNotGrow) {
    base::Qsbr qsbr;
    NodeCache cache(qsbr, kBudget);
    const std::size_t empty = cache.size().octets;
    Revision revision = 0;
    for (ZoneId zone = 1; zone <= 300; ++zone) {
        std::vector<NodeCache::Change> changes;
        for (int i = 0; i < 50; ++i) {
            const std::string label = std::to_string(i);
            changes.push_back({zone, owner(label), node(label, 1)});
        }
        cache.insert(++revision, changes);
        cache.settle();
        cache.drop_zone(zone);
        cache.tidy();
        qsbr.reclaim();
    }
    EXPECT_EQ(cache.size().nodes, 0U);
    EXPECT_LE(cache.size().octets, empty + std::size_t{64} * 1024);
}

constexpr std::size_t kSmallBudget = std::size_t{2} << 20;

/// Fills as a worker does after a miss.
void ask(NodeCache& cache, const std::string& label) {
    if (cache.find(1, owner(label), 1).hit != Hit::Miss) return;
    const auto read = node(label, 1);
    cache.fill(1, 1, NodeView(read.data()));
}

TEST(NodeCache, BudgetHolds) {
    base::Qsbr qsbr;
    NodeCache cache(qsbr, kSmallBudget);
    for (Revision i = 1; i <= 40000; ++i) {
        const std::string label = "commit" + std::to_string(i);
        cache.insert(i, {{1, owner(label), node(label, 1)}});
        EXPECT_EQ(mark(cache.find(1, owner(label), i)), 1U);
        cache.settle();
        qsbr.reclaim();
        ASSERT_LE(cache.size().octets, kSmallBudget + kSmallBudget / 50) << i;
    }
    EXPECT_GT(cache.size().evictions, 0U);
    for (int i = 0; i < 40000; ++i) ask(cache, "fill" + std::to_string(i));
    EXPECT_LE(cache.size().octets, kSmallBudget + kSmallBudget / 50);
}

TEST(NodeCache, LoadingTakesNobodysRoom) {
    base::Qsbr qsbr;
    NodeCache cache(qsbr, kSmallBudget);
    std::uint32_t next = 0;
    const auto load = [&] {
        const std::string label = "n" + std::to_string(++next);
        const auto octets = node(label, 1);
        return cache.load(1, 1, NodeView(octets.data()));
    };
    while (load() == NodeCache::Filled::Taken) ASSERT_LT(next, 100000U);
    EXPECT_EQ(load(), NodeCache::Filled::Full);
    EXPECT_EQ(cache.size().evictions, 0U);
    EXPECT_EQ(mark(cache.find(1, owner("n1"), 1)), 1U);
    // What is asked for does.
    const auto octets = node("asked", 1);
    EXPECT_EQ(cache.fill(1, 1, NodeView(octets.data())), NodeCache::Filled::Taken);
    EXPECT_GT(cache.size().evictions, 0U);
    EXPECT_EQ(cache.load(1, 1, NodeView(octets.data())), NodeCache::Filled::Standing);
}

TEST(NodeCache, WhatIsAskedForStays) {
    base::Qsbr qsbr;
    NodeCache cache(qsbr, kSmallBudget);
    constexpr int kHot = 1000;
    for (int i = 0; i < kHot; ++i) ask(cache, "hot" + std::to_string(i));
    for (int i = 0; i < 100000; ++i) {
        ask(cache, "cold" + std::to_string(i));
        ask(cache, "hot" + std::to_string(i % kHot));
    }
    EXPECT_GT(cache.size().evictions, 50000U);
    int kept = 0;
    for (int i = 0; i < kHot; ++i) {
        if (cache.find(1, owner("hot" + std::to_string(i)), 1).hit == Hit::Present) ++kept;
    }
    EXPECT_GT(kept, kHot * 98 / 100);
}

/// A writer changes two owners together; readers at the published revision must see both of the
/// same change, or (settled away, older revision) nothing.
TEST(NodeCache, ReadersNeverSeeHalfOfACommit) {
    base::Qsbr qsbr;
    NodeCache cache(qsbr, kBudget);
    cache.insert(1, {{1, owner("a"), node("a", 1)}, {1, owner("b"), node("b", 1)}});
    std::atomic<Revision> published{1};
    cache.settle();
    std::atomic<bool> stop{false};
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i) {
        base::Qsbr::Reader& reader = qsbr.add_reader();
        readers.emplace_back([&] {
            while (!stop.load()) {
                reader.online();
                const Revision revision = published.load();
                const std::uint32_t a = mark(cache.find(1, owner("a"), revision));
                const std::uint32_t b = mark(cache.find(1, owner("b"), revision));
                EXPECT_TRUE(a == 0 || a == revision);
                EXPECT_TRUE(b == 0 || b == revision);
                const auto extra = node("extra", static_cast<std::uint32_t>(revision));
                cache.fill(revision, 2, NodeView(extra.data()));
                reader.quiescent();
            }
            reader.offline();
        });
    }
    for (std::uint32_t i = 2; i <= 3000; ++i) {
        const std::string fresh = "n" + std::to_string(i);
        cache.insert(i, {{1, owner("a"), node("a", i)},
                         {1, owner(fresh), node(fresh, i)},
                         {1, owner("b"), node("b", i)}});
        published.store(i);
        cache.settle();
        if (i % 500 == 0) cache.drop_zone(2);
        if (i % 7 == 0) cache.tidy();
        qsbr.reclaim();
    }
    stop.store(true);
    for (std::thread& thread : readers) thread.join();
}

}  // namespace
}  // namespace zones
