// RFC 5155, appendix B: responses from the zone of appendix A. The NS RRset of the zone, which the
// RFC shows beside some answers, is left out.
#include "tests/rfc/rfc_fixture.h"

namespace zones_test {
namespace {

using dns::RCode;
using dns::RRType;

class Rfc5155 : public RfcTest {
  protected:
    void SetUp() override {
        RfcTest::SetUp();
        algorithm_ = "7";
        tail_ = "3600 20150420235959 20051021000000 40430 example. AQID";
        load_file("example.", "rfc5155.zone");
        dnssec_ok_ = true;
    }
    [[nodiscard]] Lines nsec3(const std::string& hash, const std::string& next,
                              const std::string& types) const {
        return with_signature({hash + ".example. 3600 NSEC3 1 1 12 aabbccdd " + next +
                               (types.empty() ? "" : " ") + types});
    }
    [[nodiscard]] Lines soa() const {
        return with_signature(
            {"example. 3600 SOA ns1.example. bugs.x.w.example. 1 3600 300 3600000 3600"});
    }
    [[nodiscard]] Lines apex() const {
        return nsec3("0p9mhaveqvm6t7vbl5lop2u3t2rp3tom", "2t7b4g4vsa5smi47k61mv5bv1a22bojr",
                     "NS SOA MX RRSIG DNSKEY NSEC3PARAM");
    }
    [[nodiscard]] Lines after_35mt() const {
        return nsec3("35mthgpgcu1qg68fab165klnsnk3dpvl", "b4um86eghhds6nea196smvmlo4ors995",
                     "NS DS RRSIG");
    }
    [[nodiscard]] Lines after_q04j() const {
        return nsec3("q04jkcevqvmu85r014c7dkba38o0ji5r", "r53bq7cc2uvmubfu5ocmm6pers9tk9en",
                     "A RRSIG");
    }
};

TEST_F(Rfc5155, B1NameError) {
    check({{.qname = "a.c.x.w.example.",
            .qtype = RRType::A,
            .rcode = RCode::NXDomain,
            .authority = all({soa(), apex(), after_35mt(),
                              nsec3("b4um86eghhds6nea196smvmlo4ors995",
                                    "gjeqe526plbf1g8mklp59enfd789njgi", "MX RRSIG")})}});
}

TEST_F(Rfc5155, B2NoData) {
    check({{.qname = "ns1.example.",
            .qtype = RRType::MX,
            .authority = all({soa(), nsec3("2t7b4g4vsa5smi47k61mv5bv1a22bojr",
                                           "2vptu5timamqttgl4luu9kg21e0aor3s", "A RRSIG")})}});
}

TEST_F(Rfc5155, B21NoDataEmptyNonTerminal) {
    check({{.qname = "y.w.example.",
            .qtype = RRType::A,
            .authority = all({soa(), nsec3("ji6neoaepv8b5o6k4ev33abha8ht9fgc",
                                           "k8udemvp1j2f7eg6jebps17vp3n8i58h", "")})}});
}

TEST_F(Rfc5155, B3ReferralToAnOptOutUnsignedZone) {
    check({{.qname = "mc.c.example.",
            .qtype = RRType::MX,
            .authority =
                all({{"c.example. 3600 NS ns1.c.example.", "c.example. 3600 NS ns2.c.example."},
                     apex(),
                     after_35mt()}),
            .additional = {"ns1.c.example. 3600 A 192.0.2.7", "ns2.c.example. 3600 A 192.0.2.8"}}});
}

TEST_F(Rfc5155, B4WildcardExpansion) {
    check({{.qname = "a.z.w.example.",
            .qtype = RRType::MX,
            .answer = with_signature({"a.z.w.example. 3600 MX 1 ai.example."}, 2),
            .authority = after_q04j(),
            .additional = all({with_signature({"ai.example. 3600 A 192.0.2.9"}),
                               with_signature({"ai.example. 3600 AAAA 2001:db8::f00:baa9"})})}});
}

TEST_F(Rfc5155, B5WildcardNoData) {
    check({{.qname = "a.z.w.example.",
            .qtype = RRType::AAAA,
            .authority = all(
                {soa(), after_q04j(),
                 nsec3("k8udemvp1j2f7eg6jebps17vp3n8i58h", "kohar7mbb8dc2ce8a9qvl8hon4k53uhi", ""),
                 nsec3("r53bq7cc2uvmubfu5ocmm6pers9tk9en", "t644ebqk9bibcna874givr6joj62mlhv",
                       "MX RRSIG")})}});
}

TEST_F(Rfc5155, B6DsChildZoneNoData) {
    check({{.qname = "example.", .qtype = RRType::DS, .authority = all({soa(), apex()})}});
}

TEST_F(Rfc5155, Section724NoDsAtAnOptOutCut) {
    check({{.qname = "c.example.",
            .qtype = RRType::DS,
            .authority = all({soa(), apex(), after_35mt()})}});
}

TEST_F(Rfc5155, Section727ReferralToASignedZone) {
    check({{.qname = "a.example.",
            .qtype = RRType::A,
            .authority =
                all({{"a.example. 3600 NS ns1.a.example.", "a.example. 3600 NS ns2.a.example."},
                     with_signature({"a.example. 3600 DS 58470 5 1 "
                                     "3079f1593ebad6dc121e202a8b766a6a4837206c"})}),
            .additional = {"ns1.a.example. 3600 A 192.0.2.5", "ns2.a.example. 3600 A 192.0.2.6"}}});
}

// The owner of an NSEC3 is no name of the zone, unless it is one besides.
TEST_F(Rfc5155, Section728QueriesForNsec3Owners) {
    const Lines closest = apex();
    check({{.qname = "2t7b4g4vsa5smi47k61mv5bv1a22bojr.example.",
            .qtype = RRType::A,
            .answer =
                with_signature({"2t7b4g4vsa5smi47k61mv5bv1a22bojr.example. 3600 A 192.0.2.127"})},
           {.qname = "2t7b4g4vsa5smi47k61mv5bv1a22bojr.example.",
            .qtype = RRType::NSEC3,
            .authority = all({soa(), nsec3("kohar7mbb8dc2ce8a9qvl8hon4k53uhi",
                                           "q04jkcevqvmu85r014c7dkba38o0ji5r", "A RRSIG")})}});
    const Answered other = ask("b4um86eghhds6nea196smvmlo4ors995.example.", RRType::NSEC3);
    EXPECT_EQ(other.report.rcode, RCode::NXDomain);
    for (const std::string& line : closest) {
        EXPECT_NE(std::find(other.authority.begin(), other.authority.end(), line),
                  other.authority.end());
    }
}

TEST_F(Rfc5155, NothingOfItWithoutDo) {
    dnssec_ok_ = false;
    check({{.qname = "a.c.x.w.example.",
            .qtype = RRType::A,
            .rcode = RCode::NXDomain,
            .authority = {soa().front()}},
           {.qname = "example.",
            .qtype = RRType::NSEC3PARAM,
            .answer = {"example. 3600 NSEC3PARAM 1 0 12 aabbccdd"}}});
}

}  // namespace
}  // namespace zones_test
