// The rules of DNS that a change set must keep, each refused with the RFC named.
#include "tests/zones/store_fixture.h"

namespace zones_test {
namespace {

using dns::RRType;
using Kind = zones::ChangeFault::Kind;

class StoreRules : public StoreTest {
  protected:
    void SetUp() override {
        StoreTest::SetUp();
        must(changes(zone("example."), put("example.", "a.example.", RRType::A, {"192.0.2.1"}),
                     put("example.", "c.example.", RRType::CNAME, {"a.example."})));
    }
    /// The change set is refused and says so; nothing is changed.
    void refused(zones::ChangeSet set, std::string_view with) {
        const zones::Revision before = store_->published()->revision;
        const auto result = commit(std::move(set));
        ASSERT_FALSE(result) << with;
        EXPECT_NE(faults(result).find(with), std::string::npos) << faults(result);
        EXPECT_EQ(store_->published()->revision, before);
    }
};

TEST_F(StoreRules, CnameAndOtherData) {
    refused(changes(put("example.", "c.example.", RRType::A, {"192.0.2.1"})),
            "c.example.: CNAME and other data: A (RFC 1034, 3.6.2; RFC 2181, 10.1)");
    refused(changes(put("example.", "a.example.", RRType::CNAME, {"b.example."})),
            "CNAME and other data");
    refused(changes(put("example.", "example.", RRType::CNAME, {"b.test."})),
            "CNAME and other data");
    refused(changes(add("example.", "c.example.", RRType::CNAME, {"b.example."})),
            "several CNAMEs");
    must(changes(put("example.", "c.example.", RRType::NSEC, {"d.example. CNAME"})));
}

TEST_F(StoreRules, OrderWithinAChangeSetDoesNotMatter) {
    must(changes(put("example.", "c.example.", RRType::A, {"192.0.2.1"}),
                 erase("example.", "c.example.", RRType::CNAME)));
    EXPECT_EQ(rrset("example.", "c.example.", RRType::A), "300 192.0.2.1");
}

TEST_F(StoreRules, DnameHasNothingBelow) {
    refused(changes(put("example.", "d.example.", RRType::DNAME, {"x.test."}),
                    put("example.", "b.d.example.", RRType::A, {"192.0.2.1"})),
            "RFC 6672, 2.4");
    must(changes(put("example.", "d.example.", RRType::DNAME, {"x.test."})));
    refused(changes(put("example.", "a.b.d.example.", RRType::A, {"192.0.2.1"})),
            "stands below a DNAME");
    refused(changes(add("example.", "d.example.", RRType::DNAME, {"y.test."})), "several DNAMEs");
    refused(changes(put("example.", "example.", RRType::DNAME, {"x.test."})), "names below it");
}

TEST_F(StoreRules, ApexKeepsSoaAndNs) {
    refused(changes(erase("example.", "example.", RRType::SOA)), "no SOA at the apex");
    refused(changes(erase("example.", "example.", RRType::NS)), "no NS at the apex");
    refused(changes(put("example.", "a.example.", RRType::SOA, {"a. b. 1 2 3 4 5"})),
            "a SOA stands at the apex only");
    refused(changes(add("example.", "example.", RRType::SOA, {"a. b. 1 2 3 4 5"})), "several SOAs");
}

TEST_F(StoreRules, MetaTypesAndMalformedRdata) {
    auto any = put("example.", "m.example.", RRType::A, {"192.0.2.1"});
    any.type = RRType::ANY;
    refused(changes(any), "RFC 6895, 3.1");
    auto bad = put("example.", "m.example.", RRType::A, {"192.0.2.1"});
    bad.value.records[0].push_back(0);
    refused(changes(bad), "malformed rdata");
    auto far = put("example.", "m.example.", RRType::A, {"192.0.2.1"});
    far.value.ttl = 0x80000000;
    refused(changes(far), "RFC 2181, 8");
    auto none = put("example.", "m.example.", RRType::A, {});
    refused(changes(none), "at least one record");
}

TEST_F(StoreRules, RRsetFitsAMessage) {
    auto big = put("example.", "big.example.", RRType::TXT, {});
    for (int i = 0; i < 260; ++i) {
        std::vector<std::uint8_t> text(251, 'x');
        text[0] = 250;
        text[1] = static_cast<std::uint8_t>('0' + i % 10);
        text[2] = static_cast<std::uint8_t>('0' + i / 10);
        big.value.records.push_back(text);
    }
    refused(changes(big), "does not fit into a message");
    big.value.records.resize(200);
    must(changes(big));
}

TEST_F(StoreRules, Weights) {
    auto weighted = put("example.", "w.example.", RRType::A, {"192.0.2.1", "192.0.2.2"});
    weighted.value.weights = {1};
    refused(changes(weighted), "either every record has a weight or none has");
    weighted.value.weights = {1, 3};
    weighted.value.answer_count = 3;
    refused(changes(weighted), "count must be between 1 and the number of records");
    weighted.value.answer_count = 1;
    must(changes(weighted));
    auto servers = put("example.", "example.", RRType::NS, {"a.test.", "b.test."});
    servers.value.weights = {1, 1};
    refused(changes(servers), "weights make no sense");

    must(changes(add("example.", "w.example.", RRType::A, {"192.0.2.3"}),
                 remove("example.", "w.example.", RRType::A, {"192.0.2.1"})));
    const auto found = store_->read()->rrset(name("example."), "", name("w.example."), RRType::A);
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->value.weights, (std::vector<std::uint16_t>{3, 1}));
    EXPECT_EQ(rrset("example.", "w.example.", RRType::A), "300 192.0.2.2 192.0.2.3");
}

TEST_F(StoreRules, HidingIsForViews) {
    zones::PutRRset hide = put("example.", "a.example.", RRType::A, {});
    hide.value.hidden = true;
    refused(changes(hide), "only a view can hide an RRset");
}

TEST_F(StoreRules, EmptyChangeSet) {
    refused(zones::ChangeSet{}, "has no operations");
}

TEST_F(StoreRules, RemovingWhatIsNotThereIsNotAnErrorButSaid) {
    const auto result = commit(changes(remove("example.", "a.example.", RRType::A, {"192.0.2.9"})));
    ASSERT_TRUE(result);
    EXPECT_FALSE(result->changed);
    ASSERT_EQ(result->warnings.size(), 1U);
    EXPECT_EQ(result->warnings[0], "a.example. A: a record to remove was not there");
    EXPECT_EQ(kind(commit(changes(remove("example.", "b.example.", RRType::A, {"192.0.2.9"})))),
              Kind::NotFound);
}

}  // namespace
}  // namespace zones_test
