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
    NodeCache cache(qsbr, 0, kBudget);
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

TEST(NodeCache, DeletionsAreTombstones) {
    base::Qsbr qsbr;
    NodeCache cache(qsbr, 0, kBudget);
    cache.insert(1, {{7, owner("a"), node("a", 1)}});
    cache.settle();
    cache.insert(2, {{7, owner("a"), {}}, {7, {}, {}}});
    EXPECT_EQ(mark(cache.find(7, owner("a"), 1)), 1U);
    EXPECT_EQ(cache.find(7, owner("a"), 2).hit, Hit::Absent);
    EXPECT_EQ(cache.find(7, {}, 2).hit, Hit::Absent);
    cache.settle();
}

TEST(NodeCache, FillsNeverHideAChange) {
    base::Qsbr qsbr;
    NodeCache cache(qsbr, 5, kBudget);
    const auto old = node("a", 1);
    cache.fill(4, 7, NodeView(old.data()));  // of an older revision
    EXPECT_EQ(cache.find(7, owner("a"), 9).hit, Hit::Miss);
    cache.fill(5, 7, NodeView(old.data()));
    EXPECT_EQ(mark(cache.find(7, owner("a"), 5)), 1U);
    EXPECT_EQ(cache.find(7, owner("a"), 4).hit, Hit::Miss);
    cache.insert(6, {{7, owner("b"), node("b", 2)}});
    const auto stale = node("b", 1);
    cache.fill(5, 7, NodeView(stale.data()));  // read before 6, arrives after it
    cache.fill(6, 7, NodeView(stale.data()));  // something stands there already
    EXPECT_EQ(mark(cache.find(7, owner("b"), 6)), 2U);
    EXPECT_EQ(cache.find(7, owner("b"), 5).hit, Hit::Miss);
    cache.settle();
}

TEST(NodeCache, GrowsAndKeepsAll) {
    base::Qsbr qsbr;
    NodeCache cache(qsbr, 0, kBudget);
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
    EXPECT_EQ(cache.find(2, owner("n1"), kNodes).hit, Hit::Miss);
    EXPECT_EQ(mark(cache.find(3, owner("n2"), kNodes)), 2U);
    EXPECT_EQ(cache.size().nodes, kNodes - (kNodes + 2) / 3);
}

TEST(NodeCache, DroppingAndInsertingForeverDoesNotGrow) {
    base::Qsbr qsbr;
    NodeCache cache(qsbr, 0, kBudget);
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
        qsbr.reclaim();
    }
    EXPECT_EQ(cache.size().nodes, 0U);
    EXPECT_LE(cache.size().octets, 16U * 1024);
}

TEST(NodeCache, BudgetHolds) {
    base::Qsbr qsbr;
    NodeCache cache(qsbr, 0, 1 << 16);
    for (Revision i = 1; i <= 2000; ++i) {
        const std::string label = std::to_string(i);
        cache.insert(i, {{1, owner(label), node(label, 1)}});
        EXPECT_EQ(mark(cache.find(1, owner(label), i)), 1U);
        cache.settle();
    }
    EXPECT_LE(cache.size().octets, std::size_t{1 << 16} + 32768);
    for (int i = 0; i < 2000; ++i) {
        const auto more = node("fill" + std::to_string(i), 1);
        cache.fill(2000, 1, NodeView(more.data()));
    }
    EXPECT_LE(cache.size().octets, std::size_t{1 << 16} + 32768);
    EXPECT_EQ(cache.find(1, owner("fill1999"), 2000).hit, Hit::Miss);
}

/// A writer changes two owners together; readers at the published revision must see both of the
/// same change, or (settled away, older revision) nothing.
TEST(NodeCache, ReadersNeverSeeHalfOfACommit) {
    base::Qsbr qsbr;
    NodeCache cache(qsbr, 0, kBudget);
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
        qsbr.reclaim();
    }
    stop.store(true);
    for (std::thread& thread : readers) thread.join();
}

}  // namespace
}  // namespace zones
