#include "zones/backup.h"

#include <atomic>
#include <fstream>

#include "tests/zones/store_fixture.h"

namespace zones_test {
namespace {

using dns::RRType;

class BackupTest : public StoreTest {
  protected:
    [[nodiscard]] std::string place(const std::string& what) const {
        return elsewhere_.path() + "/" + what;
    }
    zones::StoreOptions restored_options() {
        zones::StoreOptions options = StoreTest::options();
        options.directory = place("restored");
        return options;
    }
    ScratchDirectory elsewhere_;
};

TEST_F(BackupTest, BringsBackWhatWasAcknowledged) {
    must(changes(zone("example."), put("example.", "a.example.", RRType::A, {"192.0.2.1"})));
    const auto made = store_->backup(place("one"));
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->revision, 1U);
    must(changes(put("example.", "a.example.", RRType::A, {"192.0.2.2"})));

    const auto restored = zones::Store::restore(place("one"), restored_options());
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_EQ(restored->revision, 1U);
    EXPECT_EQ(base::to_unix_us(restored->time), base::to_unix_us(made->time));
    close();
    auto opened = zones::Store::open(restored_options());
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
    EXPECT_EQ(rrset("example.", "a.example.", RRType::A), "300 192.0.2.1");
    // It is a store like any other.
    EXPECT_EQ(must(changes(put("example.", "b.example.", RRType::A, {"192.0.2.3"}))), 2U);
}

// Keys and tokens are in there.
TEST_F(BackupTest, IsForNobodyElseAndSoIsANewStore) {
    const auto mode = [](const std::string& path) {
        return std::filesystem::status(path).permissions() & std::filesystem::perms::all;
    };
    const auto made = store_->backup(place("one/"));
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(mode(place("one")), std::filesystem::perms::owner_all);
    ASSERT_TRUE(zones::Store::restore(place("one"), restored_options()));
    EXPECT_EQ(mode(place("restored")), std::filesystem::perms::owner_all);
    zones::StoreOptions fresh = StoreTest::options();
    fresh.directory = place("a/new/store");
    ASSERT_TRUE(zones::Store::open(fresh));
    EXPECT_EQ(mode(fresh.directory), std::filesystem::perms::owner_all);
}

TEST_F(BackupTest, IsTakenWhileWritesGoOn) {
    must(changes(zone("example.")));
    std::atomic<bool> stop{false};
    std::atomic<zones::Revision> acknowledged{1};
    std::thread writer([&] {
        for (int i = 0; !stop.load(); ++i) {
            // Two names of one change set: never one without the other.
            const std::string n = std::to_string(i);
            acknowledged =
                must(changes(put("example.", "a.example.", RRType::TXT, {'"' + n + '"'}),
                             put("example.", "b.example.", RRType::TXT, {'"' + n + '"'})));
        }
    });
    for (int i = 0; i < 5; ++i) {
        const std::string directory = place("b" + std::to_string(i));
        const zones::Revision before = acknowledged;
        const auto made = store_->backup(directory);
        ASSERT_TRUE(made) << made.error().message;
        zones::StoreOptions options = restored_options();
        options.directory = place("r" + std::to_string(i));
        const auto restored = zones::Store::restore(directory, options);
        ASSERT_TRUE(restored) << restored.error().message;
        EXPECT_GE(restored->revision, before);
        auto opened = zones::Store::open(options);
        ASSERT_TRUE(opened);
        const auto reader = (*opened)->read();
        const auto a = reader->rrset(name("example."), "", name("a.example."), RRType::TXT);
        const auto b = reader->rrset(name("example."), "", name("b.example."), RRType::TXT);
        ASSERT_TRUE(a && b);
        ASSERT_EQ(a->has_value(), b->has_value());
        if (*a) {
            EXPECT_EQ((*a)->value.records, (*b)->value.records);
        }
    }
    stop = true;
    writer.join();
}

TEST_F(BackupTest, NothingIsOverwritten) {
    ASSERT_TRUE(store_->backup(place("one")));
    const auto again = store_->backup(place("one"));
    ASSERT_FALSE(again);
    EXPECT_NE(again.error().message.find("exists already"), std::string::npos);
    EXPECT_FALSE(store_->backup(place("no/parent")));
    const auto over = zones::Store::restore(place("one"), options());
    ASSERT_FALSE(over);
    EXPECT_NE(over.error().message.find("exists"), std::string::npos);
}

TEST_F(BackupTest, WhatIsNoBackupIsRefused) {
    EXPECT_FALSE(zones::Store::restore(place("nothing"), restored_options()));
    std::filesystem::create_directory(place("other"));
    std::ofstream(place("other/manifest")) << "something else\n";
    EXPECT_FALSE(zones::Store::restore(place("other"), restored_options()));
    // A file is missing: found when it is opened, and nothing is left behind.
    must(changes(zone("example.")));
    ASSERT_TRUE(store_->backup(place("broken")));
    ASSERT_TRUE(std::filesystem::remove(place("broken/store/CURRENT")));
    for (const auto& file : std::filesystem::directory_iterator(place("broken/store"))) {
        if (file.path().filename().string().starts_with("MANIFEST")) {
            std::filesystem::resize_file(file.path(), 10);
            std::ofstream(place("broken/store/CURRENT")) << file.path().filename().string() << '\n';
        }
    }
    EXPECT_FALSE(zones::Store::restore(place("broken"), restored_options()));
    EXPECT_FALSE(std::filesystem::exists(place("restored")));
}

}  // namespace
}  // namespace zones_test
