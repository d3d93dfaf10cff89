#include "zones/draft.h"

#include "tests/zones/store_fixture.h"
#include "zones/key.h"

namespace zones_test {
namespace {

using zones::Draft;
using zones::Family;

constexpr zones::ZoneId kZone = 7;
constexpr std::uint8_t kOwner[] = {3, 'w', 'w', 'w'};

std::string node(std::uint32_t ttl) {
    zones::NodeParts parts;
    parts.relative_owner.assign(std::begin(kOwner), std::end(kOwner));
    dns::RRset rrset(dns::RRType::A, ttl);
    EXPECT_TRUE(rrset.add(rdata(dns::RRType::A, "192.0.2.1")));
    parts.entries.push_back({rrset, 0, 0, {}});
    return std::string(base::as_text(parts.pack()));
}

class DraftTest : public testing::Test {
  protected:
    void SetUp() override {
        auto opened = zones::KeyValueStore::open({directory_.path(), std::size_t{1} << 20, {}});
        ASSERT_TRUE(opened) << opened.error().message;
        store_ = std::move(*opened);
        reader_.online();
    }
    ~DraftTest() override { qsbr_.remove_reader(reader_); }

    void store(const std::string& value) {
        zones::KeyValueBatch batch;
        batch.put(Family::Nodes, zones::node_key(kZone, kOwner), value);
        ASSERT_TRUE(store_->write(batch));
    }
    void remember(zones::Revision revision, const std::string& value) {
        const auto octets = base::as_octets(value);
        cache_.insert(
            revision,
            {{kZone, {std::begin(kOwner), std::end(kOwner)}, {octets.begin(), octets.end()}}});
    }

    ScratchDirectory directory_;
    std::unique_ptr<zones::KeyValueStore> store_;
    base::Qsbr qsbr_;
    base::Qsbr::Reader& reader_ = qsbr_.add_reader();
    zones::NodeCache cache_{qsbr_, std::size_t{1} << 20};
};

TEST_F(DraftTest, NodesComeFromTheCacheWhereTheyStandThere) {
    remember(1, node(1));
    Draft draft(*store_, cache_, 1);
    EXPECT_EQ(draft.node(kZone, kOwner), node(1));
    EXPECT_FALSE(Draft(*store_).node(kZone, kOwner));
}

TEST_F(DraftTest, WhatTheCacheDoesNotHoldIsRead) {
    store(node(1));
    // A tombstone is no proof: the node may be of a zone that is loaded and not served yet.
    remember(1, "");
    EXPECT_EQ(Draft(*store_, cache_, 1).node(kZone, kOwner), node(1));
    // Nor is what a later revision brings.
    remember(3, node(3));
    EXPECT_EQ(Draft(*store_, cache_, 0).node(kZone, kOwner), node(1));
    EXPECT_EQ(Draft(*store_, cache_, 3).node(kZone, kOwner), node(3));
}

TEST_F(DraftTest, WhatADraftChangedHidesWhatIsBelow) {
    remember(1, node(1));
    const std::string key = zones::node_key(kZone, kOwner);
    Draft group(*store_, cache_, 1);
    {
        Draft draft(group);
        EXPECT_EQ(draft.node(kZone, kOwner), node(1));
        draft.put(Family::Nodes, key, node(2));
        EXPECT_EQ(draft.node(kZone, kOwner), node(2));
        EXPECT_EQ(group.node(kZone, kOwner), node(1));
        draft.merge_down();
    }
    EXPECT_EQ(group.node(kZone, kOwner), node(2));
    Draft draft(group);
    draft.erase(Family::Nodes, key);
    EXPECT_FALSE(draft.node(kZone, kOwner));
    EXPECT_EQ(group.node(kZone, kOwner), node(2));
}

TEST_F(DraftTest, AWalkMeetsWhatAllOfThemSayOfAPrefix) {
    zones::KeyValueBatch batch;
    for (const char* key : {"a", "p1", "p3", "p5", "p7", "q"}) {
        batch.put(Family::Config, key, "store");
    }
    ASSERT_TRUE(store_->write(batch));
    Draft group(*store_);
    group.put(Family::Config, "p0", "group");
    group.put(Family::Config, "p3", "group");
    group.put(Family::Config, "p4", "group");
    group.erase(Family::Config, "p5");
    Draft draft(group);
    draft.put(Family::Config, "p5", "draft");
    draft.erase(Family::Config, "p4");
    draft.erase(Family::Config, "p7");
    draft.put(Family::Config, "p9", "draft");
    std::string seen;
    std::size_t most = 100;
    const auto each = [&](std::string_view key, std::string_view value) {
        seen += std::string(key) + '=' + std::string(value) + ' ';
        return --most > 0;
    };
    draft.walk(Family::Config, "p", each);
    EXPECT_EQ(seen, "p0=group p1=store p3=group p5=draft p9=draft ");
    EXPECT_FALSE(draft.failed());
    // The same one by one, and all at once.
    std::string stepped;
    std::string at = "p";
    while (const auto row = draft.first(Family::Config, at, "p")) {
        stepped += row->first + '=' + row->second + ' ';
        at = row->first + '\0';
    }
    EXPECT_EQ(stepped, seen);
    EXPECT_EQ(draft.all(Family::Config, "p").size(), 5U);
    seen.clear();
    most = 2;
    draft.walk(Family::Config, "p", each);
    EXPECT_EQ(seen, "p0=group p1=store ");
}

}  // namespace
}  // namespace zones_test
