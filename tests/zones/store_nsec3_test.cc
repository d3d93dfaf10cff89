// NSEC3 records are kept apart from the names of their zone, and yet the two are one zone: loaded,
// read into memory, listed, replaced and dropped together.
#include <set>

#include "dns/nsec3.h"
#include "tests/zones/store_fixture.h"
#include "tests/zones/stored_keys.h"
#include "zones/key.h"
#include "zones/kv.h"
#include "zones/records.h"

namespace zones_test {
namespace {

using dns::RRType;

class StoreNsec3 : public StoreTest {
  protected:
    /// History holds one change: data that was replaced goes with the next.
    zones::StoreOptions options() override {
        zones::StoreOptions options = StoreTest::options();
        options.history.octets = 1;
        return options;
    }
    void let_history_go() {
        must(changes(zones::PutDocument{"views", "v", R"({"name":"v"})"}));
        must(changes(zones::DeleteDocument{"views", "v"}));
    }
    static std::string hash_label(std::uint64_t number) {
        dns::Nsec3Hash hash{};
        // In the middle of the octets of a hash, spread over the top.
        base::store_be32(hash.data(), static_cast<std::uint32_t>(number * 2654435761U));
        base::store_be32(&hash[16], static_cast<std::uint32_t>(number));
        const dns::Nsec3Label label = dns::nsec3_label(hash);
        return std::string(label.begin() + 1, label.end());
    }
    static void take(zones::ZoneLoader& loader, const std::string& owner, RRType type,
                     const std::string& data) {
        const auto fault = loader.add(name(owner), type, 300, rdata(type, data));
        EXPECT_FALSE(fault) << *fault;
    }
    static std::string signature(const std::string& covered, const std::string& apex) {
        return covered + " 8 2 300 20300101000000 20200101000000 7 " + apex + " AQID";
    }
    /// A zone of so many names and as many NSEC3.
    static zones::ReplaceZone fill(zones::ZoneLoader& loader, const std::string& apex,
                                   unsigned names) {
        for (unsigned i = 0; i < names; ++i) {
            take(loader, "h" + std::to_string(i) + "." + apex, RRType::A, "192.0.2.1");
            const std::string owner = hash_label(i) + "." + apex;
            take(loader, owner, RRType::RRSIG, signature("NSEC3", apex));
            take(loader, owner, RRType::NSEC3, "1 0 0 - " + hash_label(i) + " A RRSIG");
        }
        take(loader, apex, RRType::SOA, "ns. h. 10 1 2 3 4");
        take(loader, apex, RRType::NS, "ns.test.");
        take(loader, apex, RRType::NSEC3PARAM, "1 0 0 -");
        auto finished = loader.finish();
        EXPECT_TRUE(finished);
        return finished ? finished->operation : zones::ReplaceZone{};
    }
    void load(const std::string& apex, unsigned names) {
        auto loader = store_->begin_load(name(apex));
        ASSERT_TRUE(loader);
        must(changes(fill(**loader, apex, names)));
    }
    /// As a proof finds it.
    std::string find_hash(const std::string& apex, const std::string& label) {
        reader_->online();
        const zones::Published& published = *store_->published();
        source_->use(published);
        const zones::ZoneEntry* entry = published.zones->find_exact(name(apex));
        const dns::Name owner = name(label + ".");
        const auto found =
            source_->find(zones::hashed_id(entry->base()), owner.octets().first(owner.size() - 1));
        std::string out;
        if (found.presence == zones::Presence::Present) {
            for (const zones::NodeEntry each : found.node) out += to_text(each.rrset.type()) + " ";
        }
        source_->release();
        reader_->offline();
        return out;
    }
    /// Keys of nodes in the database; the store is closed for it.
    std::set<std::string> stored() {
        close();
        return stored_keys(directory_.path(), zones::Family::Nodes);
    }
};

TEST_F(StoreNsec3, HashesAreNoNamesOfTheZone) {
    load("example.", 20);
    for (int pass = 0; pass < 2; ++pass) {
        for (unsigned i = 0; i < 20; ++i) {
            EXPECT_EQ(find("example.", hash_label(i) + ".example."), "Absent");
            EXPECT_EQ(find_hash("example.", hash_label(i)), "RRSIG NSEC3 ");
            EXPECT_EQ(find("example.", "h" + std::to_string(i) + ".example."), "Present");
        }
        EXPECT_EQ(find_hash("example.", hash_label(20)), "");
        reopen();
        wait_until_complete();
        EXPECT_EQ(store_->stats().cache_nodes, 41U) << "the apex, 20 names, 20 hashes";
    }
    EXPECT_EQ(store_->stats().cache_misses, 0U) << "presence and absence are known in memory";
}

TEST_F(StoreNsec3, ListedInCanonicalOrderInPages) {
    load("example.", 50);
    std::vector<std::string> all;
    std::vector<std::string> in_pages;
    const auto text = [](const zones::RRsetInfo& info) {
        return info.name.to_text() + " " + dns::to_text(info.type);
    };
    const auto whole = store_->read()->rrsets(name("example."), "", std::nullopt, 1000);
    ASSERT_TRUE(whole);
    ASSERT_EQ(whole->size(), 3U + 3U * 50U);
    for (std::size_t i = 0; i < whole->size(); ++i) {
        all.push_back(text((*whole)[i]));
        if (i == 0) continue;
        EXPECT_LE((*whole)[i - 1].name.view().compare((*whole)[i].name), 0) << all.back();
    }
    std::optional<zones::StoreReader::Position> after;
    for (;;) {
        const auto page = store_->read()->rrsets(name("example."), "", after, 7);
        ASSERT_TRUE(page);
        for (const zones::RRsetInfo& info : *page) in_pages.push_back(text(info));
        if (page->size() < 7) break;
        after = {page->back().name, page->back().type};
    }
    EXPECT_EQ(in_pages, all);
    EXPECT_NE(rrset("example.", hash_label(3) + ".example.", RRType::NSEC3), "-");
    EXPECT_EQ(rrset("example.", hash_label(3) + ".example.", RRType::A), "-");
    EXPECT_EQ(rrset("example.", hash_label(50) + ".example.", RRType::NSEC3), "-");
}

TEST_F(StoreNsec3, AZoneThatGoesWhileItIsReadLeavesMemoryWithItsHashes) {
    load("example.", 20000);
    reopen();
    for (int i = 0; i < kPatience && store_->stats().cache_nodes == 0; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    must(changes(zones::DeleteZone{name("example.")}));
    wait_until_complete();
    const auto left = [this] { return store_->stats().cache_nodes; };
    for (int i = 0; i < kPatience && left() > 0; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_EQ(left(), 0U);
}

TEST_F(StoreNsec3, AnOwnerThatIsANameTooIsListedOnce) {
    auto loader = store_->begin_load(name("example."));
    ASSERT_TRUE(loader);
    const std::string both = hash_label(0) + ".example.";
    take(**loader, both, RRType::A, "192.0.2.7");
    take(**loader, both, RRType::RRSIG, signature("A", "example."));
    take(**loader, "x." + both, RRType::A, "192.0.2.8");
    must(changes(fill(**loader, "example.", 3)));
    EXPECT_EQ(find("example.", both), "Present");
    EXPECT_EQ(find_hash("example.", hash_label(0)), "RRSIG NSEC3 ");
    const auto listed = store_->read()->rrsets(name("example."), "", std::nullopt, 1000);
    ASSERT_TRUE(listed);
    std::string types;
    for (const zones::RRsetInfo& info : *listed) {
        if (info.name == name(both)) types += dns::to_text(info.type) + " ";
    }
    EXPECT_EQ(types, "A RRSIG NSEC3 ");
    const auto signatures = store_->read()->rrset(name("example."), "", name(both), RRType::RRSIG);
    ASSERT_TRUE(signatures && *signatures);
    EXPECT_EQ((*signatures)->value.records.size(), 2U);
}

TEST_F(StoreNsec3, BothRangesGoWithTheirZone) {
    load("example.", 30);
    load("other.", 5);
    load("example.", 10);
    must(changes(zones::DeleteZone{name("other.")}));
    EXPECT_EQ(find_hash("example.", hash_label(20)), "");
    let_history_go();
    std::set<zones::ZoneId> ids;
    const std::set<std::string> keys = stored();
    EXPECT_EQ(keys.size(), 21U);
    for (const std::string& key : keys) ids.insert(zones::parse_node_key(key)->zone);
    ASSERT_EQ(ids.size(), 2U);
    EXPECT_EQ(zones::hashed_id(*ids.begin()), *ids.rbegin());
}

// More than a batch holds: written as files, the chain in its own.
TEST_F(StoreNsec3, LargeZones) {
    constexpr unsigned kNames = 15000;
    load("example.", kNames);
    for (unsigned i = 0; i < kNames; i += 501) {
        EXPECT_EQ(find("example.", "h" + std::to_string(i) + ".example."), "Present");
        EXPECT_EQ(find_hash("example.", hash_label(i)), "RRSIG NSEC3 ");
    }
    wait_until_complete();
    EXPECT_EQ(store_->stats().cache_nodes, 2U * kNames + 1);
    load("example.", 1);
    let_history_go();
    EXPECT_EQ(stored().size(), 3U);
}

TEST_F(StoreNsec3, ManyZonesAtOnce) {
    auto bulk = store_->begin_bulk();
    ASSERT_TRUE(bulk);
    std::vector<zones::ReplaceZone> loaded;
    for (const char* apex : {"a.example.", "b.example.", "c.example."}) {
        loaded.push_back(fill(*(*bulk)->begin(name(apex)), apex, 4));
    }
    const auto written = (*bulk)->write();
    ASSERT_TRUE(written) << written.error().message;
    for (const zones::ReplaceZone& zone : loaded) must(changes(zone));
    for (const char* apex : {"a.example.", "b.example.", "c.example."}) {
        EXPECT_EQ(find_hash(apex, hash_label(3)), "RRSIG NSEC3 ");
        EXPECT_EQ(find(apex, std::string("h3.") + apex), "Present");
    }
}

TEST_F(StoreNsec3, WhatNoChangeSetTookIsCollectedAtStart) {
    {
        auto loader = store_->begin_load(name("example."));
        ASSERT_TRUE(loader);
        (void)fill(**loader, "example.", 15000);
    }
    EXPECT_GT(stored().size(), 30000U);
    reopen();
    EXPECT_EQ(stored().size(), 0U);
}

TEST_F(StoreNsec3, SingleChangesAreRefused) {
    load("example.", 3);  // without a DNSKEY: not signed, so that other changes are taken
    const std::string owner = hash_label(1) + ".example.";
    const std::string nsec3 = "1 0 0 - " + hash_label(1) + " A";
    EXPECT_NE(faults(commit(changes(put("example.", owner, RRType::NSEC3, {nsec3})))).find("5155"),
              std::string::npos);
    EXPECT_NE(faults(commit(changes(
                         add("example.", owner, RRType::RRSIG, {signature("NSEC3", "example.")}))))
                  .find("5155"),
              std::string::npos);
    EXPECT_NE(faults(commit(changes(erase("example.", owner, RRType::NSEC3)))).find("5155"),
              std::string::npos);
    EXPECT_NE(
        faults(commit(changes(remove("example.", owner, RRType::NSEC3, {nsec3})))).find("5155"),
        std::string::npos);
    must(changes(put("example.", owner, RRType::A, {"192.0.2.9"})));
    EXPECT_EQ(find("example.", owner), "Present");
    EXPECT_EQ(find_hash("example.", hash_label(1)), "RRSIG NSEC3 ");
}

TEST_F(StoreNsec3, MoreRoundsThanAreComputedAreRefused) {
    auto loader = store_->begin_load(name("example."));
    ASSERT_TRUE(loader);
    const auto type = RRType::NSEC3PARAM;
    EXPECT_FALSE((*loader)->add(name("example."), type, 0, rdata(type, "1 0 2500 -")));
    EXPECT_TRUE((*loader)->add(name("example."), type, 0, rdata(type, "1 0 2501 -")));
}

// The upper half of the numbers belongs to the hashes.
TEST_F(StoreNsec3, NumbersOfZonesAreNotUsedUpUnseen) {
    const auto begin_at = [this](zones::ZoneId next) {
        close();
        {
            auto opened = zones::KeyValueStore::open({directory_.path(), 1 << 20, nullptr});
            ASSERT_TRUE(opened);
            zones::Counters counters;
            counters.next_zone = next;
            zones::KeyValueBatch batch;
            batch.put(zones::Family::Default, std::string(zones::kCountersKey), counters.pack());
            ASSERT_TRUE((*opened)->write(batch));
        }
        reopen();
    };
    begin_at(zones::kHashedIds - 10);
    const auto refused = commit(changes(zone("example.")));
    EXPECT_NE(faults(refused).find("zone numbers"), std::string::npos) << faults(refused);
    EXPECT_FALSE(store_->begin_bulk());
    // The last numbers that are given leave room for all that one step may take.
    begin_at(zones::kHashedIds - (1 << 24));
    EXPECT_TRUE(store_->begin_bulk());
    EXPECT_FALSE(store_->begin_bulk());
}

// A start believes no announcement of a load that nobody can have made.
TEST_F(StoreNsec3, DamagedAnnouncementsOfLoadsTakeNoNumbersAndNoZones) {
    must(changes(zone("example.")));
    close();
    {
        auto opened = zones::KeyValueStore::open({directory_.path(), 1 << 20, nullptr});
        ASSERT_TRUE(opened);
        zones::KeyValueBatch batch;
        const auto announce = [&batch](zones::ZoneId id, zones::ZoneId ids) {
            batch.put(zones::Family::Default, zones::LoadRecord::key(id),
                      zones::LoadRecord{dns::Name(), 0, ids}.pack());
        };
        announce(0, 2);
        announce(1, 0xffffffff);  // its end would be 0
        announce(zones::kHashedIds - 1, 1);
        announce(0xffffffff, 1);
        ASSERT_TRUE((*opened)->write(batch));
    }
    reopen();
    EXPECT_EQ(find("example.", "example."), "Present");
    must(changes(zone("other.")));
    EXPECT_EQ(find("other.", "other."), "Present");
    EXPECT_TRUE(store_->begin_bulk());
}

}  // namespace
}  // namespace zones_test
