// RFC 2308, 2: negative answers. Of the forms that its examples show, type 2 is ours: the SOA, and
// no NS; RFC 2308, 5: its TTL is the least of the SOA's and its MINIMUM.
#include "tests/rfc/rfc_fixture.h"

namespace zones_test {
namespace {

using dns::RCode;
using dns::RRType;

class Rfc2308 : public RfcTest {
  protected:
    void SetUp() override {
        RfcTest::SetUp();
        load("xx.",
             "$TTL 86400\nxx. 1200 SOA ns1.xx. hostmaster.ns1.xx. 10 2 3 4 600\n"
             "xx. NS ns1.xx.\nxx. NS ns2.xx.\nns1.xx. A 127.0.0.2\nns2.xx. A 127.0.0.3\n"
             "there.xx. TXT x\n");
        load("example.",
             "$TTL 86400\nexample. SOA ns1.xx. h.xx. 10 2 3 4 100000\n"
             "example. NS ns1.xx.\nan.example. CNAME tripple.xx.\n"
             "another.example. CNAME there.xx.\n");
    }
    const std::string soa_ = "xx. 600 SOA ns1.xx. hostmaster.ns1.xx. 10 2 3 4 600";
};

TEST_F(Rfc2308, Section21NameError) {
    check({{.qname = "an.example.",
            .qtype = RRType::A,
            .rcode = RCode::NXDomain,
            .answer = {"an.example. 86400 CNAME tripple.xx."},
            .authority = {soa_}},
           {.qname = "tripple.xx.",
            .qtype = RRType::A,
            .rcode = RCode::NXDomain,
            .authority = {soa_}}});
}

TEST_F(Rfc2308, Section22NoData) {
    check({{.qname = "another.example.",
            .qtype = RRType::A,
            .answer = {"another.example. 86400 CNAME there.xx."},
            .authority = {soa_}},
           {.qname = "there.xx.", .qtype = RRType::A, .authority = {soa_}}});
}

TEST_F(Rfc2308, Section5TtlOfTheSoaWhereThatIsLess) {
    check({{.qname = "none.example.",
            .qtype = RRType::A,
            .rcode = RCode::NXDomain,
            .authority = {"example. 86400 SOA ns1.xx. h.xx. 10 2 3 4 100000"}}});
}

}  // namespace
}  // namespace zones_test
