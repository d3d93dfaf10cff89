#include <atomic>
#include <filesystem>
#include <map>
#include <set>

#include "base/random.h"
#include "tests/zones/store_fixture.h"
#include "zones/node_block.h"

namespace zones_test {
namespace {

using dns::RRType;
using Kind = zones::ChangeFault::Kind;

class ZoneLoaderTest : public StoreTest {
  protected:
    struct Record {
        std::string owner;
        RRType type;
        std::string data;
        std::uint32_t ttl = 300;
    };
    std::unique_ptr<zones::ZoneLoader> load(const std::vector<Record>& records,
                                            const std::string& serial = "10") {
        auto loader = store_->begin_load(name("example."));
        EXPECT_TRUE(loader);
        if (!serial.empty()) {
            take(**loader, {"example.", RRType::SOA, "ns. h. " + serial + " 1 2 3 4"});
            take(**loader, {"example.", RRType::NS, "ns.test."});
        }
        for (const Record& record : records) take(**loader, record);
        return std::move(*loader);
    }
    static void take(zones::ZoneLoader& loader, const Record& record) {
        const auto fault = loader.add(name(record.owner), record.type, record.ttl,
                                      rdata(record.type, record.data));
        EXPECT_FALSE(fault) << *fault;
    }
    static std::string faults_of(zones::ZoneLoader& loader) {
        const auto finished = loader.finish();
        EXPECT_FALSE(finished);
        std::string out;
        if (finished) return out;
        for (const std::string& fault : finished.error().shown) out += fault + "\n";
        return out;
    }
};

TEST_F(ZoneLoaderTest, ReplacesAZoneAsOneChange) {
    must(changes(zone("example."), put("example.", "old.example.", RRType::A, {"192.0.2.1"})));
    const auto loader = load({{"www.example.", RRType::A, "192.0.2.2"},
                              {"www.example.", RRType::A, "192.0.2.3"},
                              {"*.a.b.example.", RRType::TXT, "\"x\""},
                              {"x.*.c.example.", RRType::TXT, "\"x\""}});
    const auto finished = loader->finish();
    ASSERT_TRUE(finished);
    EXPECT_EQ(finished->operation.records, 6U);
    // Nothing is served before the swap.
    EXPECT_EQ(find("example.", "www.example."), "Absent");
    auto reader = store_->read();
    const auto revision = must(changes(finished->operation));
    EXPECT_EQ(find("example.", "www.example."), "Present");
    EXPECT_EQ(find("example.", "old.example."), "Absent");
    EXPECT_EQ(find("example.", "a.b.example."), "ENT*");
    EXPECT_EQ(find("example.", "b.example."), "ENT");
    EXPECT_EQ(find("example.", "c.example."), "ENT*");
    EXPECT_EQ(find("example.", "*.c.example."), "ENT");
    EXPECT_EQ(serial("example."), 10U);
    EXPECT_EQ(rrset_revision("example.", "www.example.", RRType::A), revision);
    // An older reader still has the zone it knew.
    EXPECT_TRUE(reader->rrset(name("example."), "", name("old.example."), RRType::A)->has_value());
    reader.reset();
    reopen();
    EXPECT_EQ(rrset("example.", "www.example.", RRType::A), "300 192.0.2.2 192.0.2.3");
    EXPECT_EQ(find("example.", "old.example."), "Absent");
    must(changes(put("example.", "b.example.", RRType::A, {"192.0.2.1"})));
    EXPECT_EQ(serial("example."), 11U);
}

TEST_F(ZoneLoaderTest, MakesAZoneThatWasNotThere) {
    const auto loader = load({});
    must(changes(loader->finish()->operation));
    EXPECT_EQ(find("example.", "example."), "Present");
    EXPECT_EQ(serial("example."), 10U);
}

TEST_F(ZoneLoaderTest, SerialThatIsNotNewerIsAdvanced) {
    must(changes(load({}, "10")->finish()->operation));
    const auto result =
        commit(changes(load({{"a.example.", RRType::A, "192.0.2.1"}}, "10")->finish()->operation));
    ASSERT_TRUE(result);
    EXPECT_EQ(serial("example."), 11U);
    ASSERT_EQ(result->warnings.size(), 1U);
    EXPECT_NE(result->warnings[0].find("advanced to 11"), std::string::npos);
}

TEST_F(ZoneLoaderTest, FaultsOfRecordsAndOfTheWhole) {
    const auto loader = load({{"c.example.", RRType::CNAME, "a.test."},
                              {"c.example.", RRType::A, "192.0.2.1"},
                              {"d.example.", RRType::DNAME, "a.test."},
                              {"x.d.example.", RRType::A, "192.0.2.1"}},
                             "");
    EXPECT_TRUE(loader->add(name("a.test."), RRType::A, 300, rdata(RRType::A, "192.0.2.1")));
    EXPECT_TRUE(loader->add(name("a.example."), RRType::A, 300, {}));
    EXPECT_EQ(faults_of(*loader),
              "2 records of example. were refused\n"
              "example.: no SOA at the apex (RFC 1035, 5.2)\n"
              "example.: no NS at the apex (RFC 1034, 4.2.1)\n"
              "c.example.: CNAME and other data: A (RFC 1034, 3.6.2; RFC 2181, 10.1)\n"
              "x.d.example.: stands below the DNAME at d.example. (RFC 6672, 2.4)\n");
}

TEST_F(ZoneLoaderTest, SeveralTtlsAreWarnedOf) {
    const auto loader = load(
        {{"a.example.", RRType::A, "192.0.2.1", 60}, {"a.example.", RRType::A, "192.0.2.2", 90}});
    const auto finished = loader->finish();
    ASSERT_TRUE(finished);
    ASSERT_EQ(finished->warnings.size(), 1U);
    must(changes(finished->operation));
    EXPECT_EQ(rrset("example.", "a.example.", RRType::A), "60 192.0.2.1 192.0.2.2");
}

/// Not even the smallest zone waits in memory for its change set.
class WrittenAlone : public ZoneLoaderTest {
  protected:
    zones::StoreOptions options() override {
        zones::StoreOptions options = StoreTest::options();
        options.load_octets = 1;
        return options;
    }
};

TEST_F(WrittenAlone, OnlyWhatWasLoadedCanBeSwappedIn) {
    const auto finished = load({})->finish();
    ASSERT_TRUE(finished);
    zones::ReplaceZone wrong = finished->operation;
    wrong.apex = name("other.");
    EXPECT_EQ(kind(commit(changes(wrong))), Kind::NotFound);
    wrong = finished->operation;
    wrong.loaded += 1;
    EXPECT_EQ(kind(commit(changes(wrong))), Kind::NotFound);
    // Begun, but nothing written.
    const auto begun = load({{"a.example.", RRType::A, "192.0.2.1"}});
    EXPECT_EQ(kind(commit(changes(wrong))), Kind::NotFound);
    must(changes(finished->operation));
    EXPECT_EQ(kind(commit(changes(finished->operation))), Kind::NotFound);
}

TEST_F(WrittenAlone, LoadsThatNobodyTookAreCollectedAtStart) {
    const auto finished = load({{"a.example.", RRType::A, "192.0.2.1"}})->finish();
    ASSERT_TRUE(finished);
    reopen();
    EXPECT_EQ(kind(commit(changes(finished->operation))), Kind::NotFound);
    // The number is not given again.
    const auto next = load({})->finish();
    ASSERT_TRUE(next);
    EXPECT_GT(next->operation.loaded, finished->operation.loaded);
    source_->use(*store_->published());
    const auto owner = name("a.");
    EXPECT_EQ(source_->find(finished->operation.loaded, owner.octets().first(2)).presence,
              zones::Presence::Absent);
}

TEST_F(ZoneLoaderTest, SmallZonesAreWrittenByTheirChangeSet) {
    const std::uint64_t groups = store_->stats().groups;
    const auto first = load({{"a.example.", RRType::A, "192.0.2.1"}})->finish();
    const auto second = load({{"*.b.example.", RRType::A, "192.0.2.2"}}, "11")->finish();
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->operation.loaded, 0U);
    ASSERT_NE(first->operation.small, nullptr);
    EXPECT_EQ(first->operation.small->names.size(), 2U);
    must(changes(first->operation));
    EXPECT_EQ(find("example.", "a.example."), "Present");
    must(changes(second->operation));
    EXPECT_EQ(store_->stats().groups, groups + 2);
    for (int pass = 0; pass < 2; ++pass) {
        EXPECT_EQ(find("example.", "a.example."), "Absent");
        EXPECT_EQ(find("example.", "*.b.example."), "Present");
        EXPECT_EQ(find("example.", "b.example."), "ENT*");
        EXPECT_EQ(serial("example."), 11U);
        reopen();
    }
    // What is not taken leaves nothing, and a change set that fails takes nothing.
    const auto third = load({{"c.example.", RRType::A, "192.0.2.1"}}, "12")->finish();
    ASSERT_TRUE(third);
    zones::ChangeSet refused = changes(third->operation, zones::DeleteZone{name("none.")});
    EXPECT_EQ(kind(commit(std::move(refused))), Kind::NotFound);
    EXPECT_EQ(find("example.", "c.example."), "Absent");
    EXPECT_EQ(serial("example."), 11U);
}

TEST_F(ZoneLoaderTest, SmallZonesOfManyWritersShareGroups) {
    constexpr int kZones = 200;
    std::atomic<int> done{0};
    for (int i = 0; i < kZones; ++i) {
        const std::string apex = "z" + std::to_string(i) + ".test.";
        auto loader = store_->begin_load(name(apex));
        ASSERT_TRUE(loader);
        take(**loader, {apex, RRType::SOA, "ns.test. h.test. 1 1 2 3 4"});
        take(**loader, {apex, RRType::NS, "ns.test."});
        take(**loader, {"www." + apex, RRType::A, "192.0.2.1"});
        const auto finished = (*loader)->finish();
        ASSERT_TRUE(finished);
        store_->submit(changes(finished->operation),
                       [&done](const auto& outcome) { done += outcome ? 1 : 1000; });
    }
    for (int i = 0; i < 10000 && done < kZones; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ASSERT_EQ(done, kZones);
    EXPECT_LT(store_->stats().groups, std::uint64_t{kZones} / 2);
    for (int pass = 0; pass < 2; ++pass) {
        EXPECT_EQ(store_->published()->zones->size(), std::size_t{kZones});
        EXPECT_EQ(find("z0.test.", "www.z0.test."), "Present");
        EXPECT_EQ(find("z199.test.", "www.z199.test."), "Present");
        EXPECT_EQ(find("z199.test.", "w.z199.test."), "Absent");
        reopen();
    }
}

TEST_F(ZoneLoaderTest, OverlayStaysWhenTheBaseIsReplaced) {
    must(changes(zone("example."), zones::PutDocument{"views", "v", "{}"},
                 put("example.", "a.example.", RRType::A, {"10.0.0.1"}, "v")));
    must(changes(load({})->finish()->operation));
    EXPECT_EQ(rrset("example.", "a.example.", RRType::A, "v"), "300 10.0.0.1");
}

/// Sorted on disk a few records at a time.
class SmallSortBudget : public ZoneLoaderTest {
  protected:
    zones::StoreOptions options() override {
        zones::StoreOptions options = StoreTest::options();
        options.load_octets = 2000;
        return options;
    }
    [[nodiscard]] std::size_t leftovers() const {
        std::size_t count = 0;
        for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
            count += entry.path().filename().string().starts_with("load-") ? 1U : 0U;
        }
        return count;
    }
};

TEST_F(SmallSortBudget, RandomZonesAreWhatAMapWouldHold) {
    base::Random random(3);
    const std::vector<std::string> labels = {"a",   "B",     "*",      "!",
                                             "b-c", "\\000", "\\001x", "long-label"};
    for (int round = 0; round < 12; ++round) {
        std::map<std::string, std::set<std::string>> model;  // owner in lower case: records
        std::set<std::string> exist;
        std::set<std::string> wildcard_parents;
        std::vector<Record> records;
        for (std::uint32_t n = random.below(400); n > 0; --n) {
            std::string owner = "example.";
            for (std::uint32_t depth = random.below(5); depth > 0; --depth) {
                owner =
                    labels[random.below(static_cast<std::uint32_t>(labels.size()))] + "." + owner;
            }
            const std::string data = "192.0.2." + std::to_string(random.below(4));
            records.push_back({owner, RRType::A, data});
            dns::Name lower = name(owner);
            lower.lower_case();
            model[lower.to_text()].insert(data);
            for (dns::NameView at = lower; at.size() > name("example.").size(); at = at.parent()) {
                exist.insert(at.to_text());
                if (at.is_wildcard()) wildcard_parents.insert(at.parent().to_text());
            }
        }
        const auto finished = load(records, std::to_string(round + 100))->finish();
        ASSERT_TRUE(finished) << finished.error().shown.front();
        must(changes(finished->operation));
        std::size_t expected = 2;  // SOA and NS
        for (const auto& item : model) expected += item.second.size();
        EXPECT_EQ(finished->operation.records, expected);
        for (const std::string& owner : exist) {
            const std::string what = std::string(model.contains(owner) ? "Present" : "ENT") +
                                     (wildcard_parents.contains(owner) ? "*" : "");
            EXPECT_EQ(find("example.", owner), what) << owner;
        }
        EXPECT_EQ(find("example.", "example."),
                  wildcard_parents.contains("example.") ? "Present*" : "Present");
        const auto stored = store_->read()->rrsets(name("example."), "", std::nullopt, 10000);
        ASSERT_TRUE(stored);
        std::size_t rrsets = 0;
        for (const zones::RRsetInfo& info : *stored) {
            if (info.type != RRType::A) continue;
            ++rrsets;
            dns::Name lower = info.name;
            lower.lower_case();
            std::set<std::string> data;
            for (const auto& one : info.value.records)
                data.insert(dns::format_rdata(RRType::A, one));
            EXPECT_EQ(data, model[lower.to_text()]) << lower.to_text();
            EXPECT_EQ(data.size(), info.value.records.size());
        }
        EXPECT_EQ(rrsets, model.size());
        EXPECT_EQ(leftovers(), 0U);
    }
}

TEST_F(SmallSortBudget, LargeZonesGoPastTheLog) {
    std::vector<Record> records;
    const std::string text = '"' + std::string(250, 'x') + '"';
    for (int i = 0; i < 9000; ++i) {
        records.push_back({"n" + std::to_string(i * 7919 % 9000) + ".example.", RRType::TXT, text});
    }
    const auto finished = load(records)->finish();
    ASSERT_TRUE(finished);
    must(changes(finished->operation));
    EXPECT_EQ(finished->operation.records, 9002U);
    reopen();
    for (const char* owner : {"n0.example.", "n4711.example.", "n8999.example."}) {
        EXPECT_EQ(find("example.", owner), "Present");
    }
    // What is wrong near the end of a zone of which much was written already.
    records.push_back({"n999.example.", RRType::CNAME, "a.test."});
    const auto loader = load(records, "11");
    EXPECT_EQ(faults_of(*loader),
              "n999.example.: CNAME and other data: TXT (RFC 1034, 3.6.2; RFC 2181, 10.1)\n");
    EXPECT_EQ(leftovers(), 0U);
    EXPECT_EQ(serial("example."), 10U);
}

TEST_F(ZoneLoaderTest, FaultsAndWarningsSayWhere) {
    const auto loader = store_->begin_load(name("example."));
    ASSERT_TRUE(loader);
    const auto take_at = [&](const char* file, std::uint32_t line, const Record& record) {
        EXPECT_FALSE((*loader)->add_at({file, line}, name(record.owner), record.type, record.ttl,
                                       rdata(record.type, record.data)));
    };
    take_at("zone.db", 1, {"example.", RRType::SOA, "ns. h. 1 1 2 3 4"});
    take_at("zone.db", 2, {"example.", RRType::NS, "ns.test."});
    take_at("zone.db", 7, {"c.example.", RRType::CNAME, "a.test."});
    take_at("more.db", 9, {"c.example.", RRType::TXT, "\"x\""});
    take_at("more.db", 8, {"d.example.", RRType::CNAME, "a.test."});
    take_at("more.db", 10, {"d.example.", RRType::CNAME, "b.test."});
    const auto finished = (*loader)->finish();
    ASSERT_FALSE(finished);
    EXPECT_EQ(finished.error().faults, 2U);
    std::string all;
    for (const std::string& fault : finished.error().shown) all += fault + "\n";
    EXPECT_NE(all.find("zone.db:7: c.example."), std::string::npos) << all;
    EXPECT_NE(all.find("more.db:8: d.example."), std::string::npos) << all;
}

TEST_F(ZoneLoaderTest, AnRRsetThatFitsNoMessageIsRefused) {
    std::vector<Record> records;
    for (int i = 0; i < 300; ++i) {
        records.push_back(
            {"big.example.", RRType::TXT, '"' + std::string(240, 'x') + std::to_string(i) + '"'});
    }
    EXPECT_EQ(faults_of(*load(records)),
              "big.example. TXT: the RRset does not fit into a message of 65535 octets (RFC 1035, "
              "4.2.2)\n");
    // The same record again and again is one.
    const std::vector<Record> same(20000, {"big.example.", RRType::A, "192.0.2.1"});
    const auto finished = load(same)->finish();
    ASSERT_TRUE(finished);
    EXPECT_EQ(finished->operation.records, 3U);
    EXPECT_EQ(finished->warnings.size(), 101U);
    EXPECT_EQ(finished->warnings.back(), "and 19899 more warnings");
}

class BulkLoadTest : public ZoneLoaderTest {
  protected:
    static base::Result<zones::ZoneLoader::Finished, zones::ZoneLoader::Refused> fill(
        zones::BulkLoad& bulk, const std::string& apex, bool with_soa = true, int names = 3) {
        const auto loader = bulk.begin(name(apex));
        if (with_soa) take(*loader, {apex, RRType::SOA, "ns. h. 10 1 2 3 4"});
        take(*loader, {apex, RRType::NS, "ns.test."});
        for (int i = 0; i < names; ++i) {
            take(*loader, {"n" + std::to_string(i) + "." + apex, RRType::TXT,
                           '"' + std::string(200, 'x') + '"'});
        }
        return loader->finish();
    }
};

TEST_F(BulkLoadTest, ZonesAreWrittenTogetherAndABadOneIsLeftOut) {
    auto bulk = store_->begin_bulk();
    ASSERT_TRUE(bulk);
    zones::ChangeSet set = changes();
    for (int i = 0; i < 200; ++i) {
        ASSERT_TRUE((*bulk)->room());
        // Each tenth without a SOA, one too large to be gathered.
        auto finished =
            fill(**bulk, "z" + std::to_string(i) + ".test.", i % 10 != 9, i == 55 ? 8000 : 3);
        ASSERT_EQ(finished.has_value(), i % 10 != 9);
        if (finished) set.operations.push_back({finished->operation, {}});
    }
    EXPECT_EQ(find("z0.test.", "z0.test."), "no zone");
    ASSERT_TRUE((*bulk)->write());
    bulk->reset();
    must(std::move(set));
    for (int pass = 0; pass < 2; ++pass) {
        EXPECT_EQ(store_->published()->zones->size(), 180U);
        EXPECT_EQ(find("z0.test.", "n2.z0.test."), "Present");
        EXPECT_EQ(find("z198.test.", "n1.z198.test."), "Present");
        EXPECT_EQ(find("z55.test.", "n7999.z55.test."), "Present");
        EXPECT_EQ(find("z9.test.", "z9.test."), "no zone");
        reopen();
    }
}

TEST_F(BulkLoadTest, WhatNobodyTookIsCollectedAtStart) {
    auto bulk = store_->begin_bulk();
    ASSERT_TRUE(bulk);
    const auto first = fill(**bulk, "a.test.");
    const auto second = fill(**bulk, "b.test.");
    ASSERT_TRUE(first && second);
    // Not written yet, so there is nothing to take.
    EXPECT_EQ(kind(commit(changes(first->operation))), Kind::NotFound);
    ASSERT_TRUE((*bulk)->write());
    bulk->reset();
    must(changes(first->operation));
    reopen();
    EXPECT_EQ(find("a.test.", "n0.a.test."), "Present");
    EXPECT_EQ(kind(commit(changes(second->operation))), Kind::NotFound);
}

}  // namespace
}  // namespace zones_test
