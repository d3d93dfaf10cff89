#include "tests/zones/store_fixture.h"

namespace zones_test {
namespace {

using dns::RRType;
using Kind = zones::ChangeFault::Kind;

TEST_F(StoreTest, NewZoneHasSoaAndNs) {
    EXPECT_EQ(must(changes(zone("Example."))), 1U);
    EXPECT_EQ(rrset("example.", "example.", RRType::SOA),
              "3600 ns1.example.net. hostmaster.Example. 1 7200 3600 1209600 300");
    EXPECT_EQ(rrset("example.", "example.", RRType::NS), "3600 ns1.example.net.");
    EXPECT_EQ(find("example.", "example."), "Present");
    EXPECT_EQ(store_->published()->revision, 1U);
    EXPECT_EQ(store_->published()->zones->size(), 1U);
}

TEST_F(StoreTest, RootZoneIsAZone) {
    must(changes(zone("."), put(".", "example.", RRType::TXT, {"\"x\""})));
    EXPECT_EQ(find(".", "example."), "Present");
    EXPECT_EQ(find(".", "."), "Present");
    reopen();
    EXPECT_EQ(find(".", "example."), "Present");
    EXPECT_EQ(store_->read()->zones(std::nullopt, 10, "")->zones.size(), 1U);
}

TEST_F(StoreTest, ZoneThatExistsIsNotMadeAgain) {
    must(changes(zone("example.")));
    EXPECT_EQ(kind(commit(changes(zone("EXAMPLE.")))), Kind::Exists);
    zones::PutZone bare;
    bare.apex = name("other.");
    EXPECT_EQ(faults(commit(changes(bare))),
              "0 /ns a new zone needs at least one name server (RFC 1034, 4.2.1)\n");
}

TEST_F(StoreTest, ChangesAreServedAndSurviveReopening) {
    must(changes(zone("example.")));
    must(changes(put("example.", "www.example.", RRType::A, {"192.0.2.1", "192.0.2.2"})));
    EXPECT_EQ(find("example.", "WWW.example."), "Present");
    reopen();
    EXPECT_EQ(store_->published()->revision, 2U);
    EXPECT_EQ(find("example.", "www.example."), "Present");
    EXPECT_EQ(rrset("example.", "www.example.", RRType::A), "300 192.0.2.1 192.0.2.2");
    EXPECT_EQ(must(changes(erase("example.", "www.example.", RRType::A))), 3U);
    EXPECT_EQ(find("example.", "www.example."), "Absent");
}

TEST_F(StoreTest, EmptyNonTerminalsComeAndGo) {
    must(changes(zone("example."), put("example.", "a.b.c.example.", RRType::A, {"192.0.2.1"})));
    EXPECT_EQ(find("example.", "b.c.example."), "ENT");
    EXPECT_EQ(find("example.", "c.example."), "ENT");
    must(changes(put("example.", "c.example.", RRType::A, {"192.0.2.1"})));
    must(changes(erase("example.", "a.b.c.example.", RRType::A)));
    EXPECT_EQ(find("example.", "a.b.c.example."), "Absent");
    EXPECT_EQ(find("example.", "b.c.example."), "Absent");
    EXPECT_EQ(find("example.", "c.example."), "Present");
}

TEST_F(StoreTest, DeletedNameWithNamesBelowBecomesEmptyNonTerminal) {
    must(changes(zone("example."), put("example.", "b.example.", RRType::A, {"192.0.2.1"}),
                 put("example.", "a.b.example.", RRType::A, {"192.0.2.1"})));
    must(changes(erase("example.", "b.example.", RRType::A)));
    EXPECT_EQ(find("example.", "b.example."), "ENT");
    EXPECT_EQ(find("example.", "example."), "Present");
}

TEST_F(StoreTest, WildcardIsMarkedOnItsParent) {
    must(changes(zone("example."), put("example.", "*.w.example.", RRType::A, {"192.0.2.1"})));
    EXPECT_EQ(find("example.", "w.example."), "ENT*");
    must(changes(put("example.", "x.w.example.", RRType::A, {"192.0.2.1"})));
    must(changes(erase("example.", "*.w.example.", RRType::A)));
    EXPECT_EQ(find("example.", "w.example."), "ENT");
    // A wildcard may be an empty non-terminal itself (RFC 4592, 2.2.2).
    must(changes(put("example.", "x.*.w.example.", RRType::A, {"192.0.2.1"})));
    EXPECT_EQ(find("example.", "w.example."), "ENT*");
    EXPECT_EQ(find("example.", "*.w.example."), "ENT");
}

TEST_F(StoreTest, RecordsAreAddedAndRemovedOneByOne) {
    must(changes(zone("example."), add("example.", "a.example.", RRType::TXT, {"\"1\""})));
    must(changes(add("example.", "a.example.", RRType::TXT, {"\"2\"", "\"1\""})));
    EXPECT_EQ(rrset("example.", "a.example.", RRType::TXT), "3600 \"1\" \"2\"");
    must(changes(remove("example.", "a.example.", RRType::TXT, {"\"1\""})));
    EXPECT_EQ(rrset("example.", "a.example.", RRType::TXT), "3600 \"2\"");
    must(changes(remove("example.", "a.example.", RRType::TXT, {"\"2\""})));
    EXPECT_EQ(rrset("example.", "a.example.", RRType::TXT), "-");
    EXPECT_EQ(find("example.", "a.example."), "Absent");
}

TEST_F(StoreTest, AddedRecordsKeepTheTtlThatIsThere) {
    must(changes(zone("example."), put("example.", "a.example.", RRType::A, {"192.0.2.1"})));
    must(changes(add("example.", "a.example.", RRType::A, {"192.0.2.2"})));
    EXPECT_EQ(rrset("example.", "a.example.", RRType::A), "300 192.0.2.1 192.0.2.2");
    auto with_ttl = add("example.", "a.example.", RRType::A, {"192.0.2.3"});
    with_ttl.ttl = 60;
    must(changes(with_ttl));
    EXPECT_EQ(rrset("example.", "a.example.", RRType::A), "60 192.0.2.1 192.0.2.2 192.0.2.3");
}

TEST_F(StoreTest, WhatChangesNothingGetsNoRevision) {
    must(changes(zone("example."), put("example.", "a.example.", RRType::A, {"192.0.2.1"})));
    const auto again = commit(changes(put("example.", "a.example.", RRType::A, {"192.0.2.1"}),
                                      add("example.", "a.example.", RRType::A, {"192.0.2.1"})));
    ASSERT_TRUE(again);
    EXPECT_FALSE(again->changed);
    EXPECT_EQ(again->revision, 1U);
    EXPECT_EQ(serial("example."), 1U);
}

TEST_F(StoreTest, AllFaultsAreReportedAndNothingIsDone) {
    must(changes(zone("example.")));
    const auto result = commit(changes(put("example.", "good.example.", RRType::A, {"192.0.2.1"}),
                                       put("example.", "a.test.", RRType::A, {"192.0.2.1"}),
                                       erase("example.", "none.example.", RRType::A),
                                       put("none.", "a.none.", RRType::A, {"192.0.2.1"})));
    EXPECT_EQ(faults(result),
              "1 /name a.test. is out of the zone example. (RFC 1035, 5.2)\n"
              "2  there is no RRset none.example. A\n"
              "3  there is no zone none.\n");
    EXPECT_EQ(find("example.", "good.example."), "Absent");
    EXPECT_EQ(store_->published()->revision, 1U);
}

TEST_F(StoreTest, DryRunDescribesAndWritesNothing) {
    must(changes(zone("example.")));
    auto set = changes(put("example.", "a.example.", RRType::A, {"192.0.2.1"}));
    set.dry_run = true;
    const auto result = commit(set);
    ASSERT_TRUE(result);
    EXPECT_TRUE(result->changed);
    EXPECT_EQ(result->revision, 1U);
    EXPECT_NE(result->diff.find("\"name\":\"a.example.\",\"type\":\"A\",\"before\":null,"
                                "\"after\":{\"ttl\":300,\"records\":[\"192.0.2.1\"]}"),
              std::string::npos)
        << result->diff;
    EXPECT_EQ(find("example.", "a.example."), "Absent");
    EXPECT_EQ(serial("example."), 1U);
}

TEST_F(StoreTest, PreconditionsHoldPerResource) {
    const auto made =
        must(changes(zone("example."), put("example.", "a.example.", RRType::A, {"192.0.2.1"})));
    must(changes(put("example.", "b.example.", RRType::A, {"192.0.2.1"})));
    EXPECT_EQ(rrset_revision("example.", "a.example.", RRType::A), made);

    const auto conditional = [&](zones::Precondition condition, const char* address,
                                 const char* owner) {
        auto set = changes(put("example.", owner, RRType::A, {address}));
        set.operations[0].condition = std::move(condition);
        return commit(set);
    };
    zones::Precondition old;
    old.if_match = {made + 7};
    EXPECT_EQ(kind(conditional(old, "192.0.2.2", "a.example.")), Kind::Precondition);
    zones::Precondition right;
    right.if_match = {made};
    EXPECT_TRUE(conditional(right, "192.0.2.2", "a.example."));
    EXPECT_EQ(kind(conditional(right, "192.0.2.3", "a.example.")), Kind::Precondition);
    zones::Precondition present;
    present.if_match = std::vector<zones::Revision>{};
    EXPECT_TRUE(conditional(present, "192.0.2.4", "a.example."));
    EXPECT_EQ(kind(conditional(present, "192.0.2.4", "c.example.")), Kind::Precondition);
    zones::Precondition absent;
    absent.if_none_match = true;
    EXPECT_EQ(kind(conditional(absent, "192.0.2.5", "a.example.")), Kind::Precondition);
    EXPECT_TRUE(conditional(absent, "192.0.2.5", "c.example."));
}

TEST_F(StoreTest, SerialAdvancesWithEachChange) {
    auto first = zone("example.");
    must(changes(first));
    must(changes(put("example.", "a.example.", RRType::A, {"192.0.2.1"}),
                 put("example.", "b.example.", RRType::A, {"192.0.2.1"})));
    EXPECT_EQ(serial("example."), 2U);
    EXPECT_EQ(rrset_revision("example.", "example.", RRType::SOA), 2U);
    // A SOA that is newer stands as it is; one that is not is made newer.
    must(changes(
        put("example.", "example.", RRType::SOA, {"ns1.example.net. h.example. 100 1 2 3 4"})));
    EXPECT_EQ(serial("example."), 100U);
    must(changes(
        put("example.", "example.", RRType::SOA, {"ns1.example.net. h.example. 50 1 2 3 4"})));
    EXPECT_EQ(serial("example."), 101U);
}

TEST_F(StoreTest, SerialsByDateEpochAndKept) {
    for (const auto& [edit, made, changed] : {std::tuple{"date", 2026010500U, 2026010501U},
                                              {"epoch", 1767614400U, 1767614401U},
                                              {"keep", 1U, 1U}}) {
        const std::string apex = std::string(edit) + ".";
        auto fresh = zone(apex);
        fresh.soa_edit = edit;
        must(changes(fresh));
        EXPECT_EQ(serial(apex), made);
        must(changes(put(apex, apex, RRType::A, {"192.0.2.1"})));
        EXPECT_EQ(serial(apex), changed) << edit;
    }
    auto wrong = zone("wrong.");
    wrong.soa_edit = "sometimes";
    EXPECT_EQ(kind(commit(changes(wrong))), Kind::Invalid);
}

TEST_F(StoreTest, DeletedZoneIsGoneWithAllItHeld) {
    must(changes(zone("example."), put("example.", "a.example.", RRType::A, {"192.0.2.1"})));
    zones::DeleteZone gone{name("example.")};
    must(changes(gone));
    EXPECT_EQ(find("example.", "a.example."), "no zone");
    EXPECT_EQ(kind(commit(changes(gone))), Kind::NotFound);
    must(changes(zone("example.")));
    EXPECT_EQ(find("example.", "a.example."), "Absent");
    reopen();
    EXPECT_EQ(find("example.", "a.example."), "Absent");
    EXPECT_EQ(find("example.", "example."), "Present");
}

TEST_F(StoreTest, DeletedAndMadeAgainInOneChangeSet) {
    must(changes(zone("example."), put("example.", "a.example.", RRType::A, {"192.0.2.1"})));
    must(changes(put("example.", "b.example.", RRType::A, {"192.0.2.1"}),
                 zones::DeleteZone{name("example.")}, zone("example."),
                 put("example.", "c.example.", RRType::A, {"192.0.2.1"})));
    EXPECT_EQ(find("example.", "a.example."), "Absent");
    EXPECT_EQ(find("example.", "b.example."), "Absent");
    EXPECT_EQ(find("example.", "c.example."), "Present");
}

TEST_F(StoreTest, PropertiesChangeWithoutANewSerial) {
    must(changes(zone("example.")));
    zones::PutZone patch;
    patch.apex = name("example.");
    patch.comment = "kept for \"reasons\"";
    EXPECT_EQ(must(changes(patch)), 2U);
    const auto info = store_->read()->zone(name("example."));
    ASSERT_TRUE(info && *info);
    EXPECT_EQ((*info)->comment, "kept for \"reasons\"");
    EXPECT_EQ((*info)->revision, 2U);
    EXPECT_EQ((*info)->serial, 1U);
    EXPECT_FALSE(commit(changes(patch))->changed);
}

TEST_F(StoreTest, ReaderPinsItsRevision) {
    must(changes(zone("example."), put("example.", "a.example.", RRType::A, {"192.0.2.1"})));
    const auto reader = store_->read();
    must(changes(put("example.", "a.example.", RRType::A, {"192.0.2.9"})));
    const auto old = reader->rrset(name("example."), "", name("a.example."), RRType::A);
    ASSERT_TRUE(old && *old);
    EXPECT_EQ((*old)->value.records, value(RRType::A, {"192.0.2.1"}).records);
    EXPECT_EQ(reader->revision(), 1U);
    EXPECT_EQ(rrset("example.", "a.example.", RRType::A), "300 192.0.2.9");
}

// However many zones there are, a page looks at a number of them that is known.
TEST_F(StoreTest, ASearchThatFindsLittleEndsEarlyAndGoesOn) {
    constexpr int kZones = 4500;
    auto bulk = store_->begin_bulk();
    ASSERT_TRUE(bulk);
    zones::ChangeSet set = changes();
    for (int i = 0; i < kZones; ++i) {
        const std::string apex = (i % 1000 == 999 ? "wanted" : "n") + std::to_string(i) + ".";
        const auto loader = (*bulk)->begin(name(apex));
        EXPECT_FALSE(
            loader->add(name(apex), RRType::SOA, 300, rdata(RRType::SOA, "ns. h. 1 1 2 3 4")));
        EXPECT_FALSE(loader->add(name(apex), RRType::NS, 300, rdata(RRType::NS, "ns.test.")));
        auto finished = loader->finish();
        ASSERT_TRUE(finished);
        set.operations.push_back({finished->operation, {}});
    }
    ASSERT_TRUE((*bulk)->write());
    must(std::move(set));
    const auto reader = store_->read();
    for (const std::string search : {"wanted", "WANTED", "nowhere"}) {
        std::string found;
        std::optional<dns::Name> after;
        int pages = 0;
        do {
            const auto page = reader->zones(after, 3, search);
            ASSERT_TRUE(page);
            ASSERT_LE(page->zones.size(), 3U);
            for (const zones::ZoneInfo& info : page->zones) found += info.apex.to_text() + " ";
            after = page->next;
            ASSERT_LT(++pages, 10);
        } while (after);
        EXPECT_EQ(found,
                  search == "nowhere" ? "" : "wanted1999. wanted2999. wanted3999. wanted999. ");
        EXPECT_GE(pages, 3) << "a page looked at more zones than it may";
    }
}

TEST_F(StoreTest, ZonesAndRRsetsComeInPages) {
    for (const char* apex : {"b.example.", "example.", "z.", "a.example."}) {
        must(changes(zone(apex)));
    }
    std::string seen;
    std::optional<dns::Name> after;
    for (;;) {
        const auto page = store_->read()->zones(after, 1, "");
        ASSERT_TRUE(page);
        ASSERT_EQ(page->zones.size(), 1U);
        seen += page->zones.front().apex.to_text() + " ";
        after = page->next;
        if (!after) break;
        EXPECT_EQ(*after, page->zones.front().apex);
    }
    EXPECT_EQ(seen, "example. a.example. b.example. z. ");
    EXPECT_EQ(store_->read()->zones(std::nullopt, 10, "B.EX")->zones.size(), 1U);

    must(changes(put("z.", "b.z.", RRType::A, {"192.0.2.1"}),
                 put("z.", "b.z.", RRType::TXT, {"\"x\""}),
                 put("z.", "a.b.z.", RRType::A, {"192.0.2.1"})));
    seen.clear();
    std::optional<zones::StoreReader::Position> position;
    for (;;) {
        const auto page = store_->read()->rrsets(name("z."), "", position, 2);
        ASSERT_TRUE(page);
        if (page->empty()) break;
        for (const auto& info : *page) {
            seen += info.name.to_text() + "/" + dns::to_text(info.type) + " ";
        }
        position = {page->back().name, page->back().type};
    }
    EXPECT_EQ(seen, "z./NS z./SOA b.z./A b.z./TXT a.b.z./A ");
}

TEST_F(StoreTest, JournalTellsWhatWasThereBeforeAndAfter) {
    must(changes(zone("example."), zone("other.")));
    auto set = changes(put("example.", "a.example.", RRType::A, {"192.0.2.1"}));
    set.author = "alice";
    set.request_id = "r1";
    set.message = "first";
    must(set);
    must(changes(erase("example.", "a.example.", RRType::A)));
    must(changes(put("other.", "a.other.", RRType::A, {"192.0.2.1"})));
    const auto reader = store_->read();
    const auto all = reader->changes(0, 10, {});
    ASSERT_TRUE(all);
    ASSERT_EQ(all->entries.size(), 4U);
    EXPECT_EQ(all->before, 0U);
    EXPECT_EQ(all->entries.front().revision, 4U);
    const auto of_zone = reader->changes(3, 10, {.zone = name("EXAMPLE.")});
    ASSERT_TRUE(of_zone);
    ASSERT_EQ(of_zone->entries.size(), 2U);
    zones::JournalEntry second = of_zone->entries.front();
    EXPECT_EQ(second.revision, 2U);
    EXPECT_EQ(second.author + second.request_id + second.message, "alicer1first");
    EXPECT_EQ(second.zones, std::vector<std::string>{"example."});
    second = **reader->change(2);
    EXPECT_NE(second.json.find("\"name\":\"a.example.\""), std::string::npos);
    EXPECT_NE(reader->change(3)->value().json.find(
                  "\"before\":{\"ttl\":300,\"records\":[\"192.0.2.1\"]},\"after\":null"),
              std::string::npos);
    EXPECT_FALSE(reader->change(99)->has_value());
    const auto page = reader->changes(0, 2, {});
    ASSERT_TRUE(page);
    EXPECT_EQ(page->entries.size(), 2U);
    EXPECT_EQ(page->before, 3U);
    EXPECT_EQ(reader->oldest_change().value_or(0), 1U);
}

TEST_F(StoreTest, SecondOpeningNamesTheDirectory) {
    const auto second = zones::Store::open(options());
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().message.find(directory_.path()), std::string::npos);
    EXPECT_NE(second.error().message.find("held by another process"), std::string::npos)
        << second.error().message;
}

TEST_F(StoreTest, SubmittedBeforeDestructionIsCommitted) {
    must(changes(zone("example.")));
    int done = 0;
    for (int i = 0; i < 50; ++i) {
        store_->submit(changes(put("example.", "n" + std::to_string(i) + ".example.", RRType::A,
                                   {"192.0.2.1"})),
                       [&done](const auto& result) { done += result ? 1 : 0; });
    }
    source_.reset();
    store_.reset();
    EXPECT_EQ(done, 50);
    reopen();
    EXPECT_EQ(find("example.", "n49.example."), "Present");
}

TEST_F(StoreTest, StatsCountCommitsAndHits) {
    must(changes(zone("example.")));
    (void)commit(changes(zone("example.")));
    EXPECT_EQ(find("example.", "example."), "Present");
    const zones::StoreStats stats = store_->stats();
    EXPECT_EQ(stats.commits, 1U);
    EXPECT_EQ(stats.refused, 1U);
    EXPECT_EQ(stats.cache_hits, 1U);
    EXPECT_TRUE(stats.writable);
    EXPECT_GE(stats.cache_nodes, 1U);
}

TEST_F(StoreTest, MissesFillTheCache) {
    must(changes(zone("example."), put("example.", "a.example.", RRType::A, {"192.0.2.1"})));
    reopen();
    EXPECT_EQ(find("example.", "a.example."), "Present");
    EXPECT_EQ(find("example.", "a.example."), "Present");
    EXPECT_EQ(store_->stats().cache_misses, 1U);
    EXPECT_EQ(store_->stats().cache_hits, 1U);
}

class FullDisk : public StoreTest {
    zones::StoreOptions options() override {
        zones::StoreOptions options = StoreTest::options();
        options.min_free_octets = ~std::uint64_t{0};
        return options;
    }
};

TEST_F(FullDisk, WritesAreRefusedBelowTheReserve) {
    EXPECT_EQ(kind(commit(changes(zone("example.")))), Kind::Unavailable);
    EXPECT_EQ(store_->published()->revision, 0U);
    EXPECT_FALSE(store_->begin_load(name("example.")));
}

class SmallCache : public StoreTest {
    zones::StoreOptions options() override {
        zones::StoreOptions options = StoreTest::options();
        options.memory_octets = 0;
        return options;
    }
};

TEST_F(SmallCache, ServesWithoutCaching) {
    must(changes(zone("example."), put("example.", "a.example.", RRType::A, {"192.0.2.1"})));
    for (int i = 0; i < 100; ++i) {
        must(changes(put("example.", "a.example.", RRType::A, {"192.0.2." + std::to_string(i)})));
        EXPECT_EQ(find("example.", "a.example."), "Present");
    }
    EXPECT_LE(store_->stats().cache_nodes, 2U);  // of the newest commit
    EXPECT_EQ(rrset("example.", "a.example.", RRType::A), "300 192.0.2.99");
}

}  // namespace
}  // namespace zones_test
