// What the store keeps in memory, seen from the query path: which look-ups reach the database.
#include "zones/residency.h"

#include <mutex>

#include "tests/zones/store_fixture.h"
#include "zones/key.h"

namespace zones_test {
namespace {

using dns::RRType;

class ResidencyTest : public StoreTest {
  protected:
    /// Zones of more than a few names are written past the committer.
    zones::StoreOptions options() override {
        zones::StoreOptions options = StoreTest::options();
        options.load_octets = 4096;
        return options;
    }
    std::uint64_t misses() { return store_->stats().cache_misses; }

    /// A zone with so many names, through a loader.
    void load(std::string_view apex, int names, std::string_view prefix = "h") {
        auto loader = store_->begin_load(name(apex));
        ASSERT_TRUE(loader);
        const auto take = [&](const std::string& owner, RRType type, const std::string& data) {
            const auto fault = (*loader)->add(name(owner), type, 300, rdata(type, data));
            EXPECT_FALSE(fault) << *fault;
        };
        take(std::string(apex), RRType::SOA, "ns. h. 10 1 2 3 4");
        take(std::string(apex), RRType::NS, "ns.test.");
        for (int i = 0; i < names; ++i) {
            take(std::string(prefix) + std::to_string(i) + "." + std::string(apex), RRType::A,
                 "192.0.2.1");
        }
        const auto finished = (*loader)->finish();
        ASSERT_TRUE(finished);
        must(changes(finished->operation));
    }
};

TEST_F(ResidencyTest, AfterStartEverythingIsReadIntoMemory) {
    load("example.", 500);
    must(changes(zone("other.")));
    reopen();
    wait_until_complete();
    EXPECT_EQ(store_->stats().cache_nodes_seen, 502U);
    for (int i = 0; i < 500; ++i) {
        EXPECT_EQ(find("example.", "h" + std::to_string(i) + ".example."), "Present");
        EXPECT_EQ(find("example.", "x" + std::to_string(i) + ".example."), "Absent");
    }
    EXPECT_EQ(misses(), 0U) << "neither presence nor absence needed the database";
}

TEST_F(ResidencyTest, CommitsKeepItComplete) {
    wait_until_complete();
    must(changes(zone("example."), put("example.", "a.example.", RRType::A, {"192.0.2.1"})));
    EXPECT_EQ(find("example.", "a.example."), "Present");
    EXPECT_EQ(find("example.", "b.example."), "Absent");
    must(changes(erase("example.", "a.example.", RRType::A)));
    EXPECT_EQ(find("example.", "a.example."), "Absent");
    must(changes(put("example.", "a.example.", RRType::A, {"192.0.2.2"})));
    EXPECT_EQ(find("example.", "a.example."), "Present");
    EXPECT_TRUE(store_->stats().cache_complete);
    EXPECT_EQ(misses(), 0U);
}

TEST_F(ResidencyTest, AZoneThatIsSwappedInIsReadToo) {
    wait_until_complete();
    load("example.", 300);
    EXPECT_EQ(find("example.", "h7.example."), "Present");
    wait_until_complete();
    const std::uint64_t before = misses();
    for (int i = 0; i < 300; ++i) {
        EXPECT_EQ(find("example.", "h" + std::to_string(i) + ".example."), "Present");
        EXPECT_EQ(find("example.", "x" + std::to_string(i) + ".example."), "Absent");
    }
    EXPECT_EQ(misses(), before);
    // Replaced: the old one's nodes leave memory.
    load("example.", 10, "g");
    wait_until_complete();
    for (int i = 0; i < kPatience && store_->stats().cache_nodes > 11; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_EQ(store_->stats().cache_nodes, 11U);
    EXPECT_EQ(find("example.", "h7.example."), "Absent");
    EXPECT_EQ(find("example.", "g7.example."), "Present");
}

TEST_F(ResidencyTest, AZoneThatGoesWhileItIsReadLeavesMemory) {
    load("example.", 60000);
    reopen();
    for (int i = 0; i < kPatience && store_->stats().cache_nodes == 0; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    must(changes(zones::DeleteZone{name("example.")}));
    const auto left = [this] { return store_->stats().cache_nodes; };
    wait_until_complete();
    for (int i = 0; i < kPatience && left() > 0; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_EQ(left(), 0U);
}

TEST_F(ResidencyTest, AnEstimateThatIsTooLowIsNotBelievedForEver) {
    // What comes and goes in one change set is one deletion more to the database, and no name less.
    load("example.", 12000);
    zones::ChangeSet set = changes();
    for (int i = 0; i < 9000; ++i) {
        const std::string owner = "x" + std::to_string(i) + ".example.";
        set.operations.push_back({put("example.", owner, RRType::A, {"192.0.2.1"}), {}});
        set.operations.push_back({erase("example.", owner, RRType::A), {}});
    }
    must(set);
    reopen();
    wait_until_complete();
    ASSERT_LT(store_->stats().cache_nodes_estimate, 6000U) << "or this test shows nothing";
    // At first the filter is too small, so one more scan is due.
    const auto scanned = [this] {
        const zones::StoreStats stats = store_->stats();
        return stats.cache_nodes_estimate >= 12000 && !stats.cache_scanning;
    };
    for (int i = 0; i < kPatience && !scanned(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    wait_until_complete();
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(store_->stats().cache_complete) << "it is read again and again";
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

/// More data than memory.
class SmallBudget : public ResidencyTest {
  protected:
    static constexpr int kNames = 60000;
    zones::StoreOptions options() override {
        zones::StoreOptions options = ResidencyTest::options();
        options.memory_octets = std::size_t{2} << 20;
        return options;
    }
    void wait_for_filter() {
        for (int i = 0; i < kPatience; ++i) {
            const zones::StoreStats stats = store_->stats();
            if (!stats.cache_scanning && stats.filter_octets > 0) break;
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }
};

TEST_F(SmallBudget, FloodOfNamesThatDoNotExistEvictsNothing) {
    load("example.", kNames);
    reopen();
    wait_for_filter();
    EXPECT_FALSE(store_->stats().cache_complete);
    const std::uint64_t evictions = store_->stats().cache_evictions;
    const std::uint64_t before = misses();
    constexpr std::uint64_t kFlood = 20000;
    for (std::uint64_t i = 0; i < kFlood; ++i) {
        ASSERT_EQ(find("example.", "x" + std::to_string(i) + ".example."), "Absent");
    }
    EXPECT_EQ(store_->stats().cache_evictions, evictions);
    EXPECT_LT(misses() - before, kFlood / 20) << "the filter answers";
    EXPECT_LE(store_->stats().cache_octets, std::size_t{2} << 20);
}

TEST_F(SmallBudget, AnImportAcrossANewFilterIsFoundAtOnce) {
    // Written while the first filter is in use, and swapped in when there is another.
    wait_for_filter();
    auto early = store_->begin_load(name("early."));
    ASSERT_TRUE(early);
    const auto take = [&early](const std::string& owner, RRType type, const std::string& data) {
        EXPECT_FALSE((*early)->add(name(owner), type, 300, rdata(type, data)));
    };
    take("early.", RRType::SOA, "ns. h. 10 1 2 3 4");
    take("early.", RRType::NS, "ns.test.");
    for (int i = 0; i < 2000; ++i) {
        take("h" + std::to_string(i) + ".early.", RRType::A, "192.0.2.1");
    }
    const auto finished = (*early)->finish();
    ASSERT_TRUE(finished);
    const std::size_t first = store_->stats().filter_octets;
    load("example.", kNames);
    // A filter for so many names takes more; while it is built both count.
    const auto built = [&] {
        const zones::StoreStats stats = store_->stats();
        return stats.filter_octets > 2 * first && !stats.cache_scanning;
    };
    for (int i = 0; i < kPatience && !built(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_TRUE(built());
    must(changes(finished->operation));
    for (int i = 0; i < 2000; ++i) {
        ASSERT_EQ(find("early.", "h" + std::to_string(i) + ".early."), "Present");
    }
    // And it is asked again.
    const auto reads = [this] {
        const std::uint64_t before = misses();
        for (int i = 0; i < 1000; ++i) {
            EXPECT_EQ(find("early.", "x" + std::to_string(i) + ".early."), "Absent");
        }
        return misses() - before;
    };
    std::uint64_t seen = reads();
    for (int i = 0; i < kPatience && seen > 100; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        seen = reads();
    }
    EXPECT_LE(seen, 100U);
}

TEST_F(SmallBudget, EverythingIsFoundAndTheBudgetKept) {
    load("example.", kNames);
    reopen();
    wait_for_filter();
    for (int i = 0; i < kNames; ++i) {
        ASSERT_EQ(find("example.", "h" + std::to_string(i) + ".example."), "Present");
    }
    const zones::StoreStats stats = store_->stats();
    EXPECT_GT(stats.cache_evictions, 1000U);
    EXPECT_LE(stats.cache_octets, (std::size_t{2} << 20) * 102 / 100);
    // New names are known at once, though the filter was built without them.
    for (int i = 0; i < 100; ++i) {
        const std::string owner = "new" + std::to_string(i) + ".example.";
        must(changes(put("example.", owner, RRType::A, {"192.0.2.1"})));
        ASSERT_EQ(find("example.", owner), "Present");
    }
    load("second.", 2000);
    for (int i = 0; i < 2000; ++i) {
        ASSERT_EQ(find("second.", "h" + std::to_string(i) + ".second."), "Present");
    }
}

/// A revert may serve data again and let it go in one change set, and write marks of it. Its first
/// going must not sweep that away before it is settled: `settle` looks at what was inserted.
TEST(Residency, WhatComesAndGoesInOneChangeSetIsNotSweptUnderIt) {
    ScratchDirectory directory;
    auto opened = zones::KeyValueStore::open({directory.path(), std::size_t{1} << 20, {}});
    ASSERT_TRUE(opened) << opened.error().message;
    base::Qsbr qsbr;
    zones::Residency residency(**opened, qsbr,
                               zones::Residency::Options{std::size_t{8} << 20, 1 << 16, 1 << 20});
    zones::NodeCache& cache = residency.cache();
    const std::vector<std::uint8_t> node = zones::NodeParts().pack();
    for (const zones::ZoneId id : {zones::ZoneId{5}, zones::hashed_id(5)}) {
        const std::vector<zones::NodeCache::Change> changes = {{id, {}, node}};
        residency.before_publish(1, changes, {5}, {});
        residency.after_publish({});
        residency.before_publish(2, {}, {}, {5});
        residency.after_publish({5});
        residency.before_publish(3, changes, {}, {5});
        // What the thread may do at any time.
        (void)cache.tidy();
        (void)qsbr.reclaim();
        EXPECT_EQ(cache.size().nodes, 1U);
        residency.after_publish({5});
        EXPECT_FALSE(cache.tidy());
        EXPECT_EQ(cache.size().nodes, 0U);
    }
}

/// The thread may learn of a zone before the revision that has it is published.
TEST(Residency, AZoneIsReadAtTheRevisionThatHasIt) {
    ScratchDirectory directory;
    auto opened = zones::KeyValueStore::open({directory.path(), std::size_t{1} << 20, {}});
    ASSERT_TRUE(opened) << opened.error().message;
    zones::KeyValueStore& store = **opened;
    base::Qsbr qsbr;
    zones::Residency residency(store, qsbr,
                               zones::Residency::Options{std::size_t{8} << 20, 1 << 16, 1 << 20});
    std::mutex mutex;
    zones::Published before;
    before.snapshot = store.snapshot();
    before.zones = std::make_shared<const zones::ZoneTable>();
    zones::Published now = before;
    std::optional<zones::Published> next;  // published when the committer comes to the next task
    residency.start({[&] {
                         const std::lock_guard lock(mutex);
                         return now;
                     },
                     [&](const std::function<void()>& task) {
                         {
                             const std::lock_guard lock(mutex);
                             if (next) now = *next;
                         }
                         task();
                     }});
    const auto wait = [&residency] {
        for (int i = 0; i < 2000 && !residency.progress().complete; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        ASSERT_TRUE(residency.progress().complete);
    };
    wait();
    zones::NodeParts parts;
    const std::vector<std::uint8_t> octets = parts.pack();
    zones::KeyValueBatch batch;
    batch.put(zones::Family::Nodes, zones::node_key(5, {}), std::string(base::as_text(octets)));
    ASSERT_TRUE(store.write(batch));
    zones::Published after = before;
    after.revision = 1;
    after.snapshot = store.snapshot();
    after.zones = before.zones->with({name("example."), 5, {}});
    {
        const std::lock_guard lock(mutex);
        next = after;
    }
    residency.before_publish(1, {}, {5}, {});
    EXPECT_FALSE(residency.progress().complete);
    wait();
    EXPECT_EQ(residency.cache().find(5, {}, 1).hit, zones::NodeCache::Hit::Present);
    residency.stop();
}

}  // namespace
}  // namespace zones_test
