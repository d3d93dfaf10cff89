// RFC 4035, appendix B: responses from the zone of appendix A; and what else NSEC proves.
#include "tests/rfc/rfc_fixture.h"

namespace zones_test {
namespace {

using dns::RCode;
using dns::RRType;

constexpr const char* kSignatureTail = " 3600 20040509183619 20040409183619 38519 example. AQID";

/// A signature as the zone and the answers have it; what it holds is nobody's concern here.
std::string signature(const std::string& owner, const char* covered, int labels,
                      int original_labels_of_wildcard = -1) {
    const int count = original_labels_of_wildcard < 0 ? labels : original_labels_of_wildcard;
    return owner + " 3600 RRSIG " + covered + " 5 " + std::to_string(count) + kSignatureTail;
}

constexpr const char* kSoa =
    "example. 3600 SOA ns1.example. bugs.x.w.example. 1081539377 3600 300 3600000 3600";

class Rfc4035 : public RfcTest {
  protected:
    void SetUp() override {
        RfcTest::SetUp();
        load_file("example.", "rfc4035.zone");
        dnssec_ok_ = true;
    }

    const std::string soa_signature_ = signature("example.", "SOA", 1);
    const std::string after_yw_ = "x.y.w.example. 3600 NSEC xx.example. MX RRSIG NSEC";
    const std::string after_yw_signature_ = signature("x.y.w.example.", "NSEC", 4);
};

TEST_F(Rfc4035, B1Answer) {
    check({{.qname = "x.w.example.",
            .qtype = RRType::MX,
            .answer = {"x.w.example. 3600 MX 1 xx.example.", signature("x.w.example.", "MX", 3)},
            .additional = {"xx.example. 3600 A 192.0.2.10", signature("xx.example.", "A", 2),
                           "xx.example. 3600 AAAA 2001:db8::f00:baaa",
                           signature("xx.example.", "AAAA", 2)}}});
}

TEST_F(Rfc4035, B2NameError) {
    check({{.qname = "ml.example.",
            .qtype = RRType::A,
            .rcode = RCode::NXDomain,
            .authority = {kSoa, soa_signature_, "b.example. 3600 NSEC ns1.example. NS RRSIG NSEC",
                          signature("b.example.", "NSEC", 2),
                          "example. 3600 NSEC a.example. NS SOA MX RRSIG NSEC DNSKEY",
                          signature("example.", "NSEC", 1)}}});
}

TEST_F(Rfc4035, B3NoData) {
    check({{.qname = "ns1.example.",
            .qtype = RRType::MX,
            .authority = {kSoa, soa_signature_, "ns1.example. 3600 NSEC ns2.example. A RRSIG NSEC",
                          signature("ns1.example.", "NSEC", 2)}}});
}

TEST_F(Rfc4035, B4ReferralToSignedZone) {
    check({{.qname = "mc.a.example.",
            .qtype = RRType::MX,
            .authority = {"a.example. 3600 NS ns1.a.example.", "a.example. 3600 NS ns2.a.example.",
                          "a.example. 3600 DS 57855 5 1 b6dcd485719adca18e5f3d48a2331627fdd3636b",
                          signature("a.example.", "DS", 2)},
            .additional = {"ns1.a.example. 3600 A 192.0.2.5", "ns2.a.example. 3600 A 192.0.2.6"}}});
}

TEST_F(Rfc4035, B5ReferralToUnsignedZone) {
    check({{.qname = "mc.b.example.",
            .qtype = RRType::MX,
            .authority = {"b.example. 3600 NS ns1.b.example.", "b.example. 3600 NS ns2.b.example.",
                          "b.example. 3600 NSEC ns1.example. NS RRSIG NSEC",
                          signature("b.example.", "NSEC", 2)},
            .additional = {"ns1.b.example. 3600 A 192.0.2.7", "ns2.b.example. 3600 A 192.0.2.8"}}});
}

TEST_F(Rfc4035, B6WildcardExpansion) {
    check({{.qname = "a.z.w.example.",
            .qtype = RRType::MX,
            .answer = {"a.z.w.example. 3600 MX 1 ai.example.",
                       signature("a.z.w.example.", "MX", 4, 2)},
            .authority = {after_yw_, after_yw_signature_},
            .additional = {"ai.example. 3600 A 192.0.2.9", signature("ai.example.", "A", 2),
                           "ai.example. 3600 AAAA 2001:db8::f00:baa9",
                           signature("ai.example.", "AAAA", 2)}}});
}

TEST_F(Rfc4035, B7WildcardNoData) {
    check({{.qname = "a.z.w.example.",
            .qtype = RRType::AAAA,
            .authority = {kSoa, soa_signature_, after_yw_, after_yw_signature_,
                          "*.w.example. 3600 NSEC x.w.example. MX RRSIG NSEC",
                          signature("*.w.example.", "NSEC", 2)}}});
}

TEST_F(Rfc4035, B8DsChildZoneNoData) {
    check({{.qname = "example.",
            .qtype = RRType::DS,
            .authority = {kSoa, soa_signature_,
                          "example. 3600 NSEC a.example. NS SOA MX RRSIG NSEC DNSKEY",
                          signature("example.", "NSEC", 1)}}});
}

TEST_F(Rfc4035, CoveringRecordIsNeverGlueOrAnEmptyNonTerminal) {
    check({
        // The empty non-terminal has no NSEC: the record that covers it shows that it has no data.
        {.qname = "y.w.example.",
         .qtype = RRType::A,
         .authority = {kSoa, soa_signature_, "x.w.example. 3600 NSEC x.y.w.example. MX RRSIG NSEC",
                       signature("x.w.example.", "NSEC", 3)}},
        // One record covers both the name and the wildcard: it stands there once.
        {.qname = "c.example.",
         .qtype = RRType::A,
         .rcode = RCode::NXDomain,
         .authority = {kSoa, soa_signature_, "b.example. 3600 NSEC ns1.example. NS RRSIG NSEC",
                       signature("b.example.", "NSEC", 2),
                       "example. 3600 NSEC a.example. NS SOA MX RRSIG NSEC DNSKEY",
                       signature("example.", "NSEC", 1)}},
        {.qname = "x.xx.example.",
         .qtype = RRType::A,
         .rcode = RCode::NXDomain,
         .authority = {kSoa, soa_signature_,
                       "xx.example. 3600 NSEC example. A HINFO AAAA RRSIG NSEC",
                       signature("xx.example.", "NSEC", 2)}},
        // The parent's side of an unsigned cut.
        {.qname = "b.example.",
         .qtype = RRType::DS,
         .authority = {kSoa, soa_signature_, "b.example. 3600 NSEC ns1.example. NS RRSIG NSEC",
                       signature("b.example.", "NSEC", 2)}},
    });
}

// RFC 4592, 2.2.2: a wildcard that exists for what is below it alone has no NSEC either.
TEST_F(Rfc4035, AWildcardThatIsAnEmptyNonTerminal) {
    load("test.", std::string("$TTL 3600\n") +
                      "test. SOA ns. h. 1 2 3 4 5\ntest. NS ns.\n"
                      "test. NSEC b.*.test. NS SOA RRSIG NSEC\n"
                      "b.*.test. A 192.0.2.1\n"
                      "b.*.test. NSEC test. A RRSIG NSEC\n");
    check({{.qname = "x.test.",
            .qtype = RRType::A,
            .authority = {"test. 5 SOA ns. h. 2 2 3 4 5", "b.*.test. 3600 NSEC test. A RRSIG NSEC",
                          "test. 3600 NSEC b.*.test. NS SOA RRSIG NSEC"}}});
}

TEST_F(Rfc4035, NothingOfItWithoutDo) {
    dnssec_ok_ = false;
    check({
        {.qname = "ml.example.", .qtype = RRType::A, .rcode = RCode::NXDomain, .authority = {kSoa}},
        {.qname = "ns1.example.", .qtype = RRType::A, .answer = {"ns1.example. 3600 A 192.0.2.1"}},
        {.qname = "ns1.example.",
         .qtype = RRType::NSEC,
         .answer = {"ns1.example. 3600 NSEC ns2.example. A RRSIG NSEC"}},
    });
}

TEST_F(Rfc4035, AnRRsetWithoutRoomForItsSignatureIsLeftOut) {
    limit_ = 70;  // header, question and the A record take 45 octets, the signature 48 or more
    const Answered got = ask("ns1.example.", RRType::A);
    EXPECT_TRUE(got.report.truncated);
    EXPECT_TRUE(got.answer.empty());
}

}  // namespace
}  // namespace zones_test
