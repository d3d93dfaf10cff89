// RFC 1034, 6.2 and 6.3: C.ISI.EDU answers from the root zone and EDU. RFC 2308 put the SOA beside
// negative answers, RFC 8482 one RRset in place of all.
#include "tests/rfc/rfc_fixture.h"

namespace zones_test {
namespace {

using dns::RCode;
using dns::RRType;

class Rfc1034 : public RfcTest {
  protected:
    void SetUp() override {
        RfcTest::SetUp();
        load_file(".", "rfc1034-root.zone");
        load_file("edu.", "rfc1034-edu.zone");
    }
    const std::string soa_ =
        ". 86400 SOA SRI-NIC.ARPA. HOSTMASTER.SRI-NIC.ARPA. 870611 1800 300 604800 86400";
    const Lines nic_ = {"SRI-NIC.ARPA. 86400 A 10.0.0.51", "SRI-NIC.ARPA. 86400 A 26.0.0.73"};
};

TEST_F(Rfc1034, Section621Addresses) {
    check({{.qname = "SRI-NIC.ARPA.", .qtype = RRType::A, .answer = nic_}});
    EXPECT_TRUE(ask("SRI-NIC.ARPA.", RRType::A).report.authoritative);
}

TEST_F(Rfc1034, Section622Any) {
    check({{.qname = "SRI-NIC.ARPA.", .qtype = RRType::ANY, .answer = nic_}});
}

TEST_F(Rfc1034, Section623MailExchange) {
    check({{.qname = "SRI-NIC.ARPA.",
            .qtype = RRType::MX,
            .answer = {"SRI-NIC.ARPA. 86400 MX 0 SRI-NIC.ARPA."},
            .additional = nic_}});
}

TEST_F(Rfc1034, Section624NoSuchData) {
    check({{.qname = "SRI-NIC.ARPA.", .qtype = RRType::NS, .authority = {soa_}}});
    EXPECT_TRUE(ask("SRI-NIC.ARPA.", RRType::NS).report.authoritative);
}

TEST_F(Rfc1034, Section625NoSuchName) {
    check({{.qname = "SIR-NIC.ARPA.",
            .qtype = RRType::A,
            .rcode = RCode::NXDomain,
            .authority = {soa_}}});
}

TEST_F(Rfc1034, Section626Referral) {
    check({{.qname = "BRL.MIL.",
            .qtype = RRType::A,
            .authority = {"MIL. 86400 NS A.ISI.EDU.", "MIL. 86400 NS SRI-NIC.ARPA."},
            .additional = all({{"A.ISI.EDU. 86400 A 26.3.0.103"}, nic_})}});
    EXPECT_FALSE(ask("BRL.MIL.", RRType::A).report.authoritative);
}

// C.ISI.EDU has ISI.EDU too.
TEST_F(Rfc1034, Section627Alias) {
    load("isi.edu.",
         "$TTL 86400\nISI.EDU. SOA VAXA.ISI.EDU. ACTION.VAXA.ISI.EDU. 20 7200 600 3600000 60\n"
         "ISI.EDU. NS VAXA.ISI.EDU.\nVAXA.ISI.EDU. A 10.2.0.27\nC.ISI.EDU. A 10.0.0.52\n");
    check({{.qname = "USC-ISIC.ARPA.",
            .qtype = RRType::A,
            .answer = {"C.ISI.EDU. 86400 A 10.0.0.52", "USC-ISIC.ARPA. 86400 CNAME C.ISI.EDU."}}});
    EXPECT_TRUE(ask("USC-ISIC.ARPA.", RRType::A).report.authoritative);
}

TEST_F(Rfc1034, Section628TheAliasItself) {
    check({{.qname = "USC-ISIC.ARPA.",
            .qtype = RRType::CNAME,
            .answer = {"USC-ISIC.ARPA. 86400 CNAME C.ISI.EDU."}}});
}

// Where a resolver comes by on its way to the mail exchange of ISI.EDU.
TEST_F(Rfc1034, Section631ReferralForIsiEdu) {
    check(
        {{.qname = "ISI.EDU.",
          .qtype = RRType::MX,
          .authority = {"ISI.EDU. 172800 NS A.ISI.EDU.", "ISI.EDU. 172800 NS VAXA.ISI.EDU.",
                        "ISI.EDU. 172800 NS VENERA.ISI.EDU."},
          .additional = {"A.ISI.EDU. 172800 A 26.3.0.103", "VAXA.ISI.EDU. 172800 A 10.2.0.27",
                         "VAXA.ISI.EDU. 172800 A 128.9.0.33", "VENERA.ISI.EDU. 172800 A 10.1.0.52",
                         "VENERA.ISI.EDU. 172800 A 128.9.0.32"}}});
}

TEST_F(Rfc1034, Section632HostOfAnAddress) {
    check({{.qname = "65.0.6.26.IN-ADDR.ARPA.",
            .qtype = RRType::PTR,
            .answer = {"65.0.6.26.IN-ADDR.ARPA. 86400 PTR ACC.ARPA."}}});
}

// Its name servers are elsewhere: no glue.
TEST_F(Rfc1034, Section633ReferralWithoutGlue) {
    check({{.qname = "YALE.EDU.",
            .qtype = RRType::A,
            .authority = {"YALE.EDU. 172800 NS YALE-BULLDOG.ARPA.",
                          "YALE.EDU. 172800 NS YALE.ARPA."}}});
}

}  // namespace
}  // namespace zones_test
