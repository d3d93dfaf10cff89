// What is kept of requests that may be sent again: with their change set or not at all, for a day,
// and no more than is allowed.
#include "zones/receipts.h"

#include <gtest/gtest.h>

#include "tests/zones/store_fixture.h"

namespace zones_test {
namespace {

using dns::RRType;
using zones::Family;

base::WallTime at(std::int64_t second) {
    return base::from_unix_us((std::int64_t{1767614400} + second) * 1000000);
}

zones::ChangeSet with_receipt(zones::ChangeSet set, std::string id, std::string value) {
    set.receipt = zones::Receipt{std::move(id), base::wall_now(), std::move(value)};
    return set;
}

class ReceiptsTest : public StoreTest {
  protected:
    std::string kept(const std::string& id) {
        const auto found = store_->receipt(id);
        EXPECT_TRUE(found) << found.error().message;
        if (!found || !*found) return "-";
        return std::to_string((*found)->revision) + " " + (*found)->receipt.value;
    }
};

TEST_F(ReceiptsTest, AReceiptIsThereWithItsChangeAndAfterARestart) {
    must(with_receipt(changes(zone("example.")), "one", "made"));
    EXPECT_EQ(kept("one"), "1 made");
    EXPECT_EQ(kept("two"), "-");
    reopen();
    EXPECT_EQ(kept("one"), "1 made");
}

TEST_F(ReceiptsTest, WhatChangesNothingLeavesNone) {
    must(changes(zone("example.")));
    ASSERT_FALSE(commit(with_receipt(changes(zone("example.")), "refused", "x")));
    EXPECT_EQ(kept("refused"), "-");
    zones::ChangeSet tried = with_receipt(changes(zone("other.")), "tried", "x");
    tried.dry_run = true;
    must(std::move(tried));
    EXPECT_EQ(kept("tried"), "-");
    const auto same = put("example.", "www.example.", RRType::A, {"192.0.2.1"});
    must(changes(same));
    must(with_receipt(changes(same), "same", "x"));
    EXPECT_EQ(kept("same"), "-");
}

TEST_F(ReceiptsTest, AReceiptByItselfReplacesWhatWasKept) {
    must(with_receipt(changes(zone("example.")), "one", "half"));
    const auto kept_now = commit(with_receipt({}, "one", "whole"));
    ASSERT_TRUE(kept_now) << faults(kept_now);
    EXPECT_EQ(kept_now->revision, 1U);
    EXPECT_EQ(kept("one"), "1 whole");
    EXPECT_EQ(store_->stats().receipts, 1U);
    EXPECT_EQ(store_->read()->revision(), 1U);
    reopen();
    EXPECT_EQ(kept("one"), "1 whole");
    EXPECT_EQ(store_->stats().receipts, 1U);
    // Without one it is as refused as ever.
    EXPECT_FALSE(commit({}));
}

class ReceiptLimitsTest : public testing::Test {
  protected:
    void SetUp() override {
        auto opened = zones::KeyValueStore::open({directory_.path(), 1 << 20, {}});
        ASSERT_TRUE(opened) << opened.error().message;
        store_ = std::move(*opened);
    }
    void put(std::int64_t second, const std::string& id, std::size_t octets = 1) {
        zones::Draft draft(*store_);
        zones::put_receipt(draft, {id, at(second), std::string(octets, 'x')}, 1);
        ASSERT_TRUE(store_->write(draft.batch()));
    }
    void trim(const zones::ReceiptLimits& limits, std::int64_t now, std::size_t steps) {
        zones::Draft draft(*store_);
        zones::trim_receipts(draft, limits, at(now), steps);
        ASSERT_FALSE(draft.failed());
        ASSERT_TRUE(store_->write(draft.batch()));
    }
    // The ids that are there, and what the totals say of them.
    std::string held() {
        zones::Draft draft(*store_);
        std::string out;
        const std::string prefix(zones::kReceiptPrefix);
        std::size_t octets = 0;
        const auto rows = draft.all(Family::Default, prefix);
        for (const zones::Draft::Row& row : rows) {
            out += row.first.substr(prefix.size()) + " ";
            octets += row.first.size() + row.second.size();
        }
        const auto ordered = draft.all(Family::Default, std::string(zones::kReceiptOrderPrefix));
        EXPECT_EQ(ordered.size(), rows.size());
        const auto totals = zones::ReceiptTotals::of(
            draft.get(Family::Default, std::string(zones::kReceiptTotalsKey)));
        EXPECT_EQ(totals.count, rows.size());
        EXPECT_EQ(totals.octets, octets);
        return out;
    }

    ScratchDirectory directory_;
    std::unique_ptr<zones::KeyValueStore> store_;
};

TEST_F(ReceiptLimitsTest, TheOldGo) {
    for (int second = 0; second < 6; ++second) put(second, std::to_string(second));
    put(2, "2", 100);  // once more
    EXPECT_EQ(held(), "0 1 2 3 4 5 ");
    const zones::ReceiptLimits limits{std::chrono::seconds(10), 100, 1 << 20};
    trim(limits, 10, 100);
    EXPECT_EQ(held(), "0 1 2 3 4 5 ");
    trim(limits, 13, 100);
    EXPECT_EQ(held(), "3 4 5 ");
    trim(limits, 100, 2);
    EXPECT_EQ(held(), "5 ");
    trim(limits, 100, 100);
    EXPECT_EQ(held(), "");
    // A clock that went back.
    put(50, "a");
    trim(limits, 200, 100);
    EXPECT_EQ(held(), "");
}

TEST_F(ReceiptLimitsTest, TooManyAndTooLargeGoOldestFirst) {
    for (int second = 0; second < 6; ++second) put(second, std::to_string(second), 1000);
    const zones::ReceiptLimits few{std::chrono::hours(1), 4, 1 << 20};
    trim(few, 10, 100);
    EXPECT_EQ(held(), "2 3 4 5 ");
    const zones::ReceiptLimits small{std::chrono::hours(1), 100, 2500};
    trim(small, 10, 100);
    EXPECT_EQ(held(), "4 5 ");
}

TEST(ReceiptRecord, WhatIsDamagedIsNotRead) {
    const std::string packed = zones::ReceiptRecord{at(0), 7, "value"}.pack();
    const auto record = zones::ReceiptRecord::parse(packed);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->time, at(0));
    EXPECT_EQ(record->revision, 7U);
    EXPECT_EQ(record->value, "value");
    for (std::size_t size = 0; size < packed.size(); ++size) {
        EXPECT_FALSE(zones::ReceiptRecord::parse(packed.substr(0, size))) << size;
    }
    EXPECT_FALSE(zones::ReceiptRecord::parse(packed + "x"));
    EXPECT_FALSE(zones::ReceiptRecord::parse("\x02" + packed.substr(1)));
}

}  // namespace
}  // namespace zones_test
