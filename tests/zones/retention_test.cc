// What is kept of the past, by age and by size, and what goes with it.
#include "zones/retention.h"

#include <gtest/gtest.h>

#include "tests/zones/store_fixture.h"
#include "tests/zones/stored_keys.h"
#include "zones/key.h"
#include "zones/records.h"

namespace zones_test {
namespace {

using dns::RRType;
using Kind = zones::ChangeFault::Kind;
using zones::Family;

class Retention : public StoreTest {
  protected:
    zones::StoreOptions options() override {
        zones::StoreOptions options = StoreTest::options();
        options.history = limits_;
        return options;
    }
    zones::Revision put_address(int number, base::WallTime time = base::wall_now()) {
        zones::ChangeSet set = changes(
            put("example.", "www.example.", RRType::A, {"192.0.2." + std::to_string(number)}));
        set.time = time;
        return must(std::move(set));
    }
    zones::Revision load(int serial) {
        auto loader = store_->begin_load(name("example."));
        EXPECT_TRUE(loader);
        if (!loader) return 0;
        const std::string soa =
            "ns1.example.net. host.example. " + std::to_string(serial) + " 7200 3600 1209600 300";
        EXPECT_FALSE((*loader)->add(name("example."), RRType::SOA, 300, rdata(RRType::SOA, soa)));
        EXPECT_FALSE((*loader)->add(name("example."), RRType::NS, 300,
                                    rdata(RRType::NS, "ns1.example.net.")));
        auto finished = (*loader)->finish();
        EXPECT_TRUE(finished);
        if (!finished) return 0;
        zones::ChangeSet set = changes(finished->operation);
        set.time = base::wall_now();
        return must(std::move(set));
    }
    bool kept(zones::Revision revision) {
        const auto entry = store_->read()->change(revision);
        EXPECT_TRUE(entry);
        return entry && entry->has_value();
    }
    /// Of a store that nobody has open: keys of any family under a prefix.
    std::size_t rows(Family family, const std::string& prefix) {
        close();
        return stored_keys(directory_.path(), family, prefix).size();
    }

    static constexpr auto kDay = std::chrono::hours(24);
    zones::HistoryLimits limits_;
};

TEST_F(Retention, WithoutLimitsAllOfItIsKept) {
    must(changes(zone("example.")));
    for (int i = 0; i < 200; ++i) put_address(i);
    EXPECT_TRUE(kept(1));
    EXPECT_EQ(store_->stats().history.oldest, 1U);
    EXPECT_GT(store_->stats().history.octets, 200U * 50);
}

TEST_F(Retention, WhatIsTooOldGoesAndTheNewestStays) {
    limits_.age = 10 * kDay;
    reopen();
    const base::WallTime now = base::wall_now();
    zones::ChangeSet first = changes(zone("example."));
    first.time = now - 30 * kDay;
    must(std::move(first));
    const zones::Revision old = put_address(1, now - 20 * kDay);
    EXPECT_TRUE(kept(old)) << "the newest stays, however old";
    const zones::Revision young = put_address(2, now - 9 * kDay);
    const zones::Revision newest = put_address(3);
    EXPECT_FALSE(kept(1));
    EXPECT_FALSE(kept(old));
    EXPECT_TRUE(kept(young));
    EXPECT_TRUE(kept(newest));
    EXPECT_EQ(store_->stats().history.oldest, young);

    EXPECT_EQ(kind(commit(changes(zones::RevertRevision{old}))), Kind::Gone);
    EXPECT_EQ(kind(commit(changes(zones::RevertZone{name("example."), old - 1}))), Kind::Gone);
    must(changes(zones::RevertZone{name("example."), young - 1}));  // its own entry undoes it
    EXPECT_EQ(rrset("example.", "www.example.", RRType::A), "300 192.0.2.1");
    // The zone's list has lost them too.
    EXPECT_EQ(rows(Family::Journal, "r"), 3U);
    EXPECT_EQ(rows(Family::Journal, "z"), 3U);
}

TEST_F(Retention, WhatIsTooMuchGoesOldestFirst) {
    limits_.octets = 20000;
    reopen();
    must(changes(zone("example.")));
    zones::Revision newest = 0;
    for (int i = 0; i < 1000; ++i) newest = put_address(i % 250);
    const zones::HistoryExtent extent = store_->stats().history;
    EXPECT_LE(extent.octets, limits_.octets + 1000);
    EXPECT_GT(extent.octets, limits_.octets / 2);
    EXPECT_FALSE(kept(extent.oldest - 1));
    EXPECT_TRUE(kept(extent.oldest));
    EXPECT_TRUE(kept(newest));
    reopen();
    EXPECT_EQ(store_->stats().history.octets, extent.octets);
    EXPECT_EQ(store_->stats().history.oldest, extent.oldest);
    EXPECT_EQ(rows(Family::Journal, "r"), newest - extent.oldest + 1);
}

TEST_F(Retention, ReplacedDataGoesWithTheChangeThatReplacedIt) {
    limits_.age = 10 * kDay;
    reopen();
    const zones::Revision first = load(1);
    const zones::Revision second = load(2);
    must(changes(zones::RevertRevision{second}));  // the first data are served again
    const zones::Revision third = load(3);
    EXPECT_GT(rows(Family::Default, std::string(zones::kRetainedPrefix)), 1U);
    reopen();
    EXPECT_TRUE(kept(first));

    // Ten days later the next change lets go of all of it.
    limits_.age = std::chrono::milliseconds(1);
    reopen();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const zones::Revision newest = put_address(1);
    EXPECT_FALSE(kept(third));
    EXPECT_TRUE(kept(newest));
    EXPECT_EQ(rrset("example.", "www.example.", RRType::A), "300 192.0.2.1");
    EXPECT_EQ(rows(Family::Default, std::string(zones::kRetainedPrefix)), 0U);
    EXPECT_EQ(rows(Family::Default, std::string(zones::kRetainedOrderPrefix)), 0U);
    EXPECT_EQ(rows(Family::Nodes, ""), 2U);  // the apex and www of what is served
}

TEST_F(Retention, MuchGoesInSteps) {
    must(changes(zone("example.")));
    for (int i = 0; i < 500; ++i) put_address(i % 250);
    close();
    auto store = zones::KeyValueStore::open({directory_.path(), 1 << 20, {}});
    ASSERT_TRUE(store);
    zones::HistoryLimits limits;
    limits.octets = 1;
    std::size_t entries = 0;
    for (int step = 0; step < 100; ++step) {
        zones::Draft draft(**store);
        const zones::Trimmed trimmed =
            zones::trim_history(draft, limits, base::wall_now(), 501, 64);
        EXPECT_LE(trimmed.entries, 64U);
        entries += trimmed.entries;
        ASSERT_TRUE((*store)->write(draft.batch()));
        if (!trimmed.more) break;
    }
    EXPECT_EQ(entries, 500U);  // the newest stays
    zones::Draft draft(**store);
    EXPECT_EQ(zones::oldest_kept(draft), 501U);
    EXPECT_EQ(draft.all(Family::Journal, "").size(), 2U);
}

TEST_F(Retention, TimeAloneLetsHistoryGo) {
    limits_.age = std::chrono::milliseconds(300);
    reopen();
    must(changes(zone("example.")));
    const zones::Revision old = put_address(1);
    const zones::Revision newest = put_address(2);
    for (int i = 0; i < kPatience && kept(old); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_FALSE(kept(old));
    EXPECT_TRUE(kept(newest));
}

}  // namespace
}  // namespace zones_test
