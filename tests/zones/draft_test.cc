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

}  // namespace
}  // namespace zones_test
