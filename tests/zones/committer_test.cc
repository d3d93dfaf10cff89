// What happens when the database cannot be written: nobody is told otherwise, reads go on, and
// the store recovers by itself.
#include "zones/committer.h"

#include <future>
#include <thread>

#include "tests/zones/forwarding_store.h"
#include "tests/zones/store_fixture.h"

namespace zones_test {
namespace {

using dns::RRType;
using zones::Family;
using zones::KeyValueStore;
using Kind = zones::ChangeFault::Kind;

class FailedCursor : public KeyValueStore::Cursor {
  public:
    void seek(std::string_view) override {}
    void seek_before(std::string_view) override {}
    void next() override {}
    void previous() override {}
    bool valid() const override { return false; }
    std::string_view key() const override { return {}; }
    std::string_view value() const override { return {}; }
    KeyValueStore::Read status() const override { return KeyValueStore::Read::Failed; }
};

/// A real database whose writes and recovery fail on demand.
class FailingStore : public ForwardingStore {
  public:
    using ForwardingStore::ForwardingStore;

    Read get(Family family, std::string_view key, const zones::StoreSnapshot* snapshot,
             bool may_block, std::string& value) override {
        if (reads_fail) return Read::Failed;
        return ForwardingStore::get(family, key, snapshot, may_block, value);
    }
    std::unique_ptr<Cursor> cursor(Family family,
                                   std::shared_ptr<const zones::StoreSnapshot> snapshot,
                                   bool may_block) override {
        if (reads_fail) return std::make_unique<FailedCursor>();
        return ForwardingStore::cursor(family, std::move(snapshot), may_block);
    }
    base::Result<void> write(const zones::KeyValueBatch& batch) override {
        if (writes_fail) return base::fail("the disk is on fire");
        auto written = ForwardingStore::write(batch);
        if (reads_fail_after_write) reads_fail = true;
        return written;
    }
    base::Result<Resumed> resume() override {
        ++resumed;
        if (writes_fail) return base::fail("still on fire");
        return ForwardingStore::resume();
    }
    std::optional<std::uint64_t> free_octets() const override { return free; }

    std::atomic<bool> writes_fail{false};
    std::atomic<bool> reads_fail{false};
    std::atomic<bool> reads_fail_after_write{false};
    std::atomic<std::uint64_t> free{~std::uint64_t{0}};
    std::atomic<int> resumed{0};
};

class CommitterTest : public testing::Test {
  protected:
    void SetUp() override {
        options_.directory = directory_.path();
        options_.min_free_octets = 1000;
        options_.log = [this](std::string_view, const std::string&) { ++logged_; };
        auto real = KeyValueStore::open({directory_.path(), std::size_t{1} << 20, {}});
        ASSERT_TRUE(real) << real.error().message;
        store_ = std::make_unique<FailingStore>(std::move(*real));
        zones::Published first;
        first.snapshot = store_->snapshot();
        first.zones = std::make_shared<const zones::ZoneTable>();
        first.views = std::make_shared<const zones::ViewTable>();
        first.policies = std::make_shared<const zones::PolicyTable>();
        residency_ = std::make_unique<zones::Residency>(
            *store_, qsbr_, zones::Residency::Options{std::size_t{1} << 20, 1 << 16});
        committer_ = std::make_unique<zones::Committer>(*store_, *residency_, qsbr_, options_,
                                                        zones::Counters{}, std::move(first));
    }
    base::Result<zones::Committed, zones::ChangeError> commit(zones::ChangeSet set) {
        std::promise<base::Result<zones::Committed, zones::ChangeError>> promise;
        auto future = promise.get_future();
        committer_->submit(std::move(set),
                           [&promise](auto result) { promise.set_value(std::move(result)); });
        return future.get();
    }
    zones::StoreStats stats() {
        zones::StoreStats out;
        committer_->fill_stats(out);
        return out;
    }

    ScratchDirectory directory_;
    zones::StoreOptions options_;
    std::atomic<int> logged_{0};
    std::unique_ptr<FailingStore> store_;
    base::Qsbr qsbr_;
    std::unique_ptr<zones::Residency> residency_;
    std::unique_ptr<zones::Committer> committer_;
};

// What is published was read before it was written: a disk that fails in between takes nothing
// away.
TEST_F(CommitterTest, ViewsArePublishedAsTheyWereWritten) {
    store_->reads_fail_after_write = true;
    ASSERT_TRUE(commit(changes(zones::PutDocument{"views", "inside", R"({"name":"inside"})"})));
    EXPECT_NE(committer_->published()->views->find("inside"), nullptr);
}

TEST_F(CommitterTest, FailedWriteIsNotAcknowledgedAndTheStoreRecovers) {
    ASSERT_TRUE(commit(changes(zone("example."))));
    store_->writes_fail = true;
    const auto failed = commit(changes(put("example.", "a.example.", RRType::A, {"192.0.2.1"})));
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().faults[0].kind, Kind::Unavailable);
    EXPECT_EQ(committer_->published()->revision, 1U);
    EXPECT_FALSE(stats().writable);
    EXPECT_EQ(stats().why_not, "still on fire");
    // Refused without being written: recovery is not tried with each change set.
    const auto refused = commit(changes(put("example.", "a.example.", RRType::A, {"192.0.2.1"})));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().faults[0].message, "still on fire");
    EXPECT_EQ(store_->resumed.load(), 1);
    // A dry run needs no writing.
    auto dry = changes(put("example.", "a.example.", RRType::A, {"192.0.2.1"}));
    dry.dry_run = true;
    EXPECT_TRUE(commit(dry));

    // It comes back by itself, without a write that asks for it.
    store_->writes_fail = false;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!stats().writable && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ASSERT_TRUE(stats().writable);
    const auto done = commit(changes(put("example.", "b.example.", RRType::A, {"192.0.2.1"})));
    ASSERT_TRUE(done) << faults(done);
    EXPECT_EQ(done->revision, 2U);
    EXPECT_GE(store_->resumed.load(), 2);
    // What failed left nothing behind.
    auto again = changes(erase("example.", "a.example.", RRType::A));
    EXPECT_FALSE(commit(again));
}

TEST_F(CommitterTest, WhatWasRefusedForAChangeThatWasNotWrittenIsNotRefusedForGood) {
    ASSERT_TRUE(commit(changes(zone("example."))));
    // One group: it is held back until all of it is queued.
    std::promise<void> held;
    auto released = held.get_future();
    std::promise<void> queued;
    std::thread blocker([&] {
        committer_->run_between([&] {
            queued.set_value();
            released.wait();
        });
    });
    queued.get_future().wait();
    store_->writes_fail = true;
    using Result = base::Result<zones::Committed, zones::ChangeError>;
    std::vector<std::future<Result>> results;
    const auto send = [&](zones::ChangeSet set) {
        auto promise = std::make_shared<std::promise<Result>>();
        results.push_back(promise->get_future());
        committer_->submit(std::move(set),
                           [promise](Result result) { promise->set_value(std::move(result)); });
    };
    const auto create = [](const char* apex) {
        zones::ChangeSet set = changes(zone(apex));
        set.operations.front().condition.if_none_match = true;
        return set;
    };
    send(create("example."));  // refused for what is there
    send(create("new."));
    send(create("new."));  // refused for what then is not
    send(changes(zone("new.")));
    held.set_value();
    blocker.join();
    const Kind wanted[] = {Kind::Precondition, Kind::Unavailable, Kind::Unavailable,
                           Kind::Unavailable};
    for (std::size_t i = 0; i < results.size(); ++i) {
        const Result result = results[i].get();
        ASSERT_FALSE(result) << i;
        EXPECT_EQ(result.error().faults[0].kind, wanted[i]) << i;
    }
}

TEST_F(CommitterTest, AReceiptThatCannotBeWrittenIsNotAcknowledged) {
    ASSERT_TRUE(commit(changes(zone("example."))));
    store_->writes_fail = true;
    zones::ChangeSet keep;
    keep.receipt = zones::Receipt{"one", base::wall_now(), "answer"};
    const auto failed = commit(keep);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().faults[0].kind, Kind::Unavailable);
}

TEST_F(CommitterTest, ReservedSpaceIsLeftAlone) {
    store_->free = 999;
    const auto refused = commit(changes(zone("example.")));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().faults[0].kind, Kind::Unavailable);
    EXPECT_FALSE(committer_->reserve_zone_ids(1));
    EXPECT_FALSE(stats().writable);
    EXPECT_EQ(stats().why_not, refused.error().faults[0].message);
    EXPECT_EQ(logged_, 1);  // not with every change set
    store_->free = 1000;
    EXPECT_TRUE(stats().writable);
    EXPECT_EQ(stats().why_not, "");
    EXPECT_TRUE(commit(changes(zone("example."))));
}

TEST_F(CommitterTest, NothingIsDecidedFromAFailedRead) {
    ASSERT_TRUE(commit(changes(zone("example."))));
    store_->reads_fail = true;
    // Absent would be the wrong conclusion: the zone is there.
    const auto result = commit(changes(zone("example.")));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().faults[0].kind, Kind::Unavailable);
    store_->reads_fail = false;
    EXPECT_EQ(commit(changes(zone("example."))).error().faults[0].kind, Kind::Exists);
}

TEST_F(CommitterTest, WaitingForMoreDelaysNobodyForLong) {
    ASSERT_TRUE(commit(changes(zone("example."))));
    // A crowd that does not come back.
    std::vector<std::future<bool>> crowd;
    for (int i = 0; i < 64; ++i) {
        auto promise = std::make_shared<std::promise<bool>>();
        crowd.push_back(promise->get_future());
        committer_->submit(
            changes(
                put("example.", "a" + std::to_string(i) + ".example.", RRType::A, {"192.0.2.1"})),
            [promise](const auto& result) { promise->set_value(result.has_value()); });
    }
    for (auto& one : crowd) EXPECT_TRUE(one.get());
    // Neither a change nor a task waits until so many have come again.
    for (int i = 0; i < 20; ++i) {
        EXPECT_TRUE(commit(changes(
            put("example.", "b.example.", RRType::A, {"192.0.2." + std::to_string(i + 1)}))));
        int ran = 0;
        committer_->run_between([&ran] { ++ran; });
        EXPECT_EQ(ran, 1);
    }
    EXPECT_EQ(stats().commits, 85U);
}

TEST_F(CommitterTest, PublishedIsReclaimedWhileNobodyCommits) {
    base::Qsbr::Reader& reader = qsbr_.add_reader();
    reader.online();
    ASSERT_TRUE(commit(changes(zone("example."))));
    ASSERT_TRUE(commit(changes(put("example.", "a.example.", RRType::A, {"192.0.2.1"}))));
    EXPECT_GT(qsbr_.reclaim(), 0U);
    reader.offline();
    for (int i = 0; i < 100 && qsbr_.reclaim() > 0; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(qsbr_.reclaim(), 0U);
    qsbr_.remove_reader(reader);
}

}  // namespace
}  // namespace zones_test
