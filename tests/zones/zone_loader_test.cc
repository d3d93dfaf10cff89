#include "tests/zones/store_fixture.h"

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
        for (const std::string& fault : finished.error()) out += fault + "\n";
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

TEST_F(ZoneLoaderTest, OnlyWhatWasLoadedCanBeSwappedIn) {
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

TEST_F(ZoneLoaderTest, LoadsThatNobodyTookAreCollectedAtStart) {
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

TEST_F(ZoneLoaderTest, OverlayStaysWhenTheBaseIsReplaced) {
    must(changes(zone("example."), zones::PutDocument{"views", "v", "{}"},
                 put("example.", "a.example.", RRType::A, {"10.0.0.1"}, "v")));
    must(changes(load({})->finish()->operation));
    EXPECT_EQ(rrset("example.", "a.example.", RRType::A, "v"), "300 10.0.0.1");
}

}  // namespace
}  // namespace zones_test
