// What a change is told of: warnings about the names it touched and what hangs on them, in every
// view; zones that were signed elsewhere; data that is replaced below overlays.
#include "tests/zones/store_fixture.h"

namespace zones_test {
namespace {

using dns::RRType;

class StoreChecks : public StoreTest {
  protected:
    void SetUp() override {
        StoreTest::SetUp();
        must(changes(zone("example.")));
    }
    /// The warnings of a change set that must be taken, a line each.
    std::string warnings(zones::ChangeSet set) {
        const auto result = commit(std::move(set));
        EXPECT_TRUE(result) << faults(result);
        std::string out;
        if (!result) return out;
        for (const std::string& warning : result->warnings) out += warning + "\n";
        return out;
    }
    void refused(zones::ChangeSet set, std::string_view with) {
        const zones::Revision before = store_->published()->revision;
        const auto result = commit(std::move(set));
        ASSERT_FALSE(result) << with;
        EXPECT_NE(faults(result).find(with), std::string::npos) << faults(result);
        EXPECT_EQ(store_->published()->revision, before);
    }
    struct Record {
        std::string owner;
        RRType type;
        std::string data;
    };
    zones::ReplaceZone loaded(const std::vector<Record>& records) {
        auto loader = store_->begin_load(name("example."));
        EXPECT_TRUE(loader);
        for (const Record& record : records) {
            const auto fault = (*loader)->add(name(record.owner), record.type, 300,
                                              rdata(record.type, record.data));
            EXPECT_FALSE(fault) << *fault;
        }
        const auto finished = (*loader)->finish();
        EXPECT_TRUE(finished);
        return finished ? finished->operation : zones::ReplaceZone{};
    }
    std::vector<Record> with_apex(std::vector<Record> records, const std::string& serial = "10") {
        records.push_back({"example.", RRType::SOA, "ns. h. " + serial + " 1 2 3 4"});
        records.push_back({"example.", RRType::NS, "ns1.example.net."});
        return records;
    }
    std::vector<Record> with_signatures(std::vector<Record> records, const std::string& serial) {
        records = with_apex(std::move(records), serial);
        records.push_back({"example.", RRType::DNSKEY, "257 3 13 AQPSKmynfzW4kyBv015MUG2DeIQ3"});
        records.push_back({"example.", RRType::RRSIG,
                           "DNSKEY 13 1 300 20300101000000 20200101000000 1 example. AQPSKmyn"});
        return records;
    }
    zones::ChangeSet view() { return changes(zones::PutDocument{"views", "inside", "{}"}); }
};

TEST_F(StoreChecks, TargetsOfWhatIsWritten) {
    EXPECT_EQ(warnings(changes(put("example.", "example.", RRType::MX, {"10 mail.example."}))),
              "example. MX: mail.example. has no address (RFC 2181, 10.3)\n");
    // Not again for another type of the same name.
    EXPECT_EQ(warnings(changes(put("example.", "example.", RRType::TXT, {"\"x\""}))), "");
    EXPECT_EQ(warnings(changes(put("example.", "s.example.", RRType::SRV, {"1 1 1 al.example."}),
                               put("example.", "al.example.", RRType::CNAME, {"x.test."}))),
              "s.example. SRV: al.example. is a CNAME (RFC 2782)\n");
    EXPECT_EQ(warnings(changes(put("example.", "b.example.", RRType::MX, {"1 w.a.example."}),
                               put("example.", "*.a.example.", RRType::A, {"192.0.2.1"}))),
              "");
}

TEST_F(StoreChecks, RecordsThatStandTwice) {
    EXPECT_EQ(warnings(changes(put("example.", "a.example.", RRType::MX,
                                   {"1 m.test.", "1 M.test.", "2 m.test."}))),
              "a.example. MX: a record stands twice and is kept once (RFC 2181, 5)\n");
    EXPECT_EQ(rrset("example.", "a.example.", RRType::MX), "300 1 m.test. 2 m.test.");
    // Adding what is there is how a writer makes sure of it.
    EXPECT_EQ(warnings(changes(add("example.", "a.example.", RRType::MX, {"2 m.test."}))), "");
}

// A large change set is told what is wrong with it, not all of it.
TEST_F(StoreChecks, WarningsAreBounded) {
    zones::ChangeSet many;
    for (int i = 0; i < 130; ++i) {
        many.operations.push_back(
            {put("example.", "h" + std::to_string(i) + ".example.", RRType::MX, {"10 nx.example."}),
             {}});
    }
    const auto result = commit(std::move(many));
    ASSERT_TRUE(result) << faults(result);
    ASSERT_EQ(result->warnings.size(), 101U);
    EXPECT_EQ(result->warnings.back(), "and 30 more warnings");
}

// A zone is made in steps: the servers' addresses may come later, or with it.
TEST_F(StoreChecks, ServersOfTheZoneItself) {
    zones::PutZone create = zone("new.");
    create.ns = {name("ns1.new.")};
    EXPECT_EQ(warnings(changes(create)), "new. NS: ns1.new. has no address (RFC 2181, 10.3)\n");
    EXPECT_EQ(warnings(changes(put("new.", "ns1.new.", RRType::A, {"192.0.2.1"}))), "");
    EXPECT_EQ(warnings(changes(erase("new.", "ns1.new.", RRType::A))),
              "new. NS: ns1.new. has no address (RFC 2181, 10.3)\n");
    create.apex = name("new2.");
    create.ns = {name("ns1.new2.")};
    EXPECT_EQ(warnings(changes(create, put("new2.", "ns1.new2.", RRType::AAAA, {"2001:db8::1"}))),
              "");
}

TEST_F(StoreChecks, GlueThatIsMissingOrTakenAway) {
    EXPECT_EQ(warnings(changes(put("example.", "sub.example.", RRType::NS, {"ns.sub.example."}),
                               put("example.", "ns.sub.example.", RRType::A, {"192.0.2.1"}))),
              "");
    EXPECT_EQ(warnings(changes(erase("example.", "ns.sub.example.", RRType::A))),
              "sub.example. NS: ns.sub.example. has no address here and is below the delegation "
              "itself, glue is missing (RFC 1034, 4.2.1)\n");
}

TEST_F(StoreChecks, WhatADelegationHides) {
    must(changes(put("example.", "a.b.sub.example.", RRType::A, {"192.0.2.1"}),
                 put("example.", "t.sub.example.", RRType::TXT, {"\"x\""})));
    EXPECT_EQ(
        warnings(changes(put("example.", "sub.example.", RRType::NS, {"ns.test."}))),
        "sub.example. NS: hides what is below, such as t.sub.example. TXT (RFC 1034, 4.2.1)\n");
    EXPECT_EQ(warnings(changes(put("example.", "u.sub.example.", RRType::MX, {"1 nx.example."}))),
              "u.sub.example. MX: is never answered: it is below the delegation of sub.example. "
              "(RFC 1034, 4.2.1)\n");
    EXPECT_EQ(warnings(changes(put("example.", "v.sub.example.", RRType::A, {"192.0.2.1"}))), "");
    EXPECT_EQ(warnings(changes(put("example.", "sub.example.", RRType::TXT, {"\"x\""}))),
              "sub.example. TXT: is never answered: the NS beside it delegate the name (RFC 1034, "
              "4.2.1; RFC 6672, 2.3)\n");
}

TEST_F(StoreChecks, AllFaultsOfAChangeSetAtOnce) {
    const auto result =
        commit(changes(put("example.", "example.", RRType::DS, {"1 8 2 " + std::string(64, 'A')}),
                       put("example.", "a.example.", RRType::DS, {"1 8 2 ABCD"}),
                       put("example.", "c.example.", RRType::CNAME, {"x.test."}),
                       put("example.", "c.example.", RRType::A, {"192.0.2.1"})));
    EXPECT_EQ(faults(result),
              "1 /records/0 a.example. DS: a digest of type 2 has 32 octets, not 2 (RFC 4034, "
              "5.1.4)\n"
              "0  example. DS: a DS does not stand at the apex but in the parent zone (RFC 4035, "
              "2.4)\n"
              "2  c.example.: CNAME and other data: A (RFC 1034, 3.6.2; RFC 2181, 10.1)\n");
}

TEST_F(StoreChecks, OverlaysAreCheckedAsTheirClientsSeeThem) {
    must(view());
    must(changes(put("example.", "m.example.", RRType::A, {"192.0.2.1"}),
                 put("example.", "example.", RRType::MX, {"1 m.example."})));
    zones::PutRRset hide = put("example.", "m.example.", RRType::A, {}, "inside");
    hide.value.hidden = true;
    must(changes(hide));
    EXPECT_EQ(
        warnings(changes(put("example.", "x.example.", RRType::MX, {"1 m.example."}, "inside"))),
        "x.example. in the view inside MX: m.example. has no address (RFC 2181, 10.3)\n");
    EXPECT_EQ(warnings(changes(put("example.", "y.example.", RRType::MX, {"1 m.example."}))),
              "y.example. in the view inside MX: m.example. has no address (RFC 2181, 10.3)\n");
}

TEST_F(StoreChecks, NewDataIsCheckedUnderTheOverlays) {
    must(view());
    must(changes(put("example.", "v.example.", RRType::A, {"192.0.2.1"}, "inside"),
                 put("example.", "d.example.", RRType::DNAME, {"x.test."}, "inside")));
    refused(changes(loaded(with_apex({{"v.example.", RRType::CNAME, "x.test."}}))),
            "v.example. in the view inside: CNAME and other data: A");
    refused(changes(loaded(with_apex({{"x.d.example.", RRType::A, "192.0.2.1"}}))),
            "d.example. in the view inside: a DNAME, and names below it (RFC 6672, 2.4)");
    refused(changes(loaded(with_apex({{"example.", RRType::DNAME, "x.test."}}))),
            "v.example. in the view inside: stands below a DNAME (RFC 6672, 2.4)");
    must(changes(loaded(with_apex({{"w.example.", RRType::A, "192.0.2.1"}}))));
}

TEST_F(StoreChecks, NewDataIsCheckedUnderThePolicies) {
    must(changes(
        zones::PutDocument{"pools", "fra",
                           R"({"id":"fra","members":[{"id":"m","A":"192.0.2.1"}]})"},
        zones::PutPolicy{name("example."), name("p.example."), "ADDRESS", "",
                         R"({"ttl":60,"rules":[{"id":"rest","when":"any","pools":["fra"]}]})"}));
    refused(changes(loaded(with_apex({{"p.example.", RRType::CNAME, "x.test."}}))),
            "p.example.: an ADDRESS policy and a CNAME");
}

TEST_F(StoreChecks, ZonesThatWereSignedElsewhereAreReplacedWhole) {
    must(changes(loaded(with_signatures({{"a.example.", RRType::A, "192.0.2.1"}}, "10"))));
    EXPECT_EQ(serial("example."), 10U);
    const auto info = store_->read()->zone(name("example."));
    ASSERT_TRUE(info && *info);
    EXPECT_TRUE((*info)->signed_elsewhere);
    EXPECT_EQ((*info)->soa_edit, "keep");

    refused(changes(put("example.", "b.example.", RRType::A, {"192.0.2.1"})),
            "was signed elsewhere");
    refused(changes(erase("example.", "a.example.", RRType::A)), "was signed elsewhere");
    refused(changes(add("example.", "a.example.", RRType::A, {"192.0.2.2"})),
            "Change it where it is signed and import it whole again");
    refused(changes(remove("example.", "a.example.", RRType::A, {"192.0.2.1"})),
            "was signed elsewhere");
    must(view());
    refused(changes(put("example.", "a.example.", RRType::A, {"192.0.2.9"}, "inside")),
            "was signed elsewhere");
    refused(changes(zones::PutPolicy{name("example."), name("p.example."), "ADDRESS", "", "{}"}),
            "was signed elsewhere");
    zones::PutZone properties;
    properties.apex = name("example.");
    properties.soa_edit = "date";
    refused(changes(properties), "/soa_edit");

    // The serial is part of what was signed: it is never advanced here.
    EXPECT_EQ(warnings(changes(loaded(with_signatures({}, "10")))),
              "the serial 10 of example. is not newer than the one served, 10: secondaries will "
              "not see this change\n");
    EXPECT_EQ(serial("example."), 10U);
    must(changes(loaded(with_signatures({}, "12"))));
    EXPECT_EQ(serial("example."), 12U);

    // Without signatures it is a zone like any other.
    must(changes(loaded(with_apex({}, "13"))));
    must(changes(put("example.", "b.example.", RRType::A, {"192.0.2.1"})));
    EXPECT_EQ(serial("example."), 14U);
}

TEST_F(StoreChecks, SignedDataDoesNotGoUnderOverlaysAndPolicies) {
    must(view());
    must(changes(put("example.", "v.example.", RRType::A, {"192.0.2.1"}, "inside")));
    refused(changes(loaded(with_signatures({}, "10"))), "the zone has RRsets of views");
    must(changes(erase("example.", "v.example.", RRType::A, "inside")));
    must(changes(loaded(with_signatures({}, "10"))));
}

TEST_F(StoreChecks, SerialsThatAUserWrites) {
    const std::string rest = " 7200 3600 1209600 300";
    const auto soa = [&](const std::string& number) {
        return changes(
            put("example.", "example.", RRType::SOA, {"ns1.example.net. h. " + number + rest}));
    };
    must(soa("100"));
    EXPECT_EQ(serial("example."), 100U);
    // The same serial and other timers: advanced, as any change is.
    EXPECT_EQ(warnings(changes(put("example.", "example.", RRType::SOA,
                                   {"ns1.example.net. h. 100 7200 3600 1209600 60"}))),
              "");
    EXPECT_EQ(serial("example."), 101U);
    EXPECT_EQ(warnings(soa("50")),
              "the serial 50 of example. is not newer than the one served, 101: advanced to 102\n");
    EXPECT_EQ(serial("example."), 102U);
    // Newer by RFC 1982, 3.2 up to 2^31 - 1 ahead, not at 2^31.
    EXPECT_EQ(warnings(soa("2147483749")), "");
    EXPECT_EQ(serial("example."), 2147483749U);
    EXPECT_NE(warnings(soa("101")), "");
    EXPECT_EQ(serial("example."), 2147483750U);
    EXPECT_EQ(warnings(soa("4294967295")), "");
    must(changes(put("example.", "w.example.", RRType::A, {"192.0.2.1"})));
    EXPECT_EQ(serial("example."), 1U);
}

}  // namespace
}  // namespace zones_test
