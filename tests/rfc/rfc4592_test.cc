// RFC 4592: the questions of 2.2.1, and the special types of section 4.
#include "tests/rfc/rfc_fixture.h"

namespace zones_test {
namespace {

using dns::RCode;
using dns::RRType;

class Rfc4592 : public RfcTest {
  protected:
    void SetUp() override {
        RfcTest::SetUp();
        load_file("example.", "rfc4592.zone");
    }
    const std::string soa_ =
        "example. 300 SOA ns.example.com. hostmaster.example.com. 10 7200 900 1209600 300";
    const Lines address_ = {"host1.example. 3600 A 192.0.2.1"};
};

TEST_F(Rfc4592, Section221SynthesizedFromTheWildcard) {
    check({
        {.qname = "host3.example.",
         .qtype = RRType::MX,
         .answer = {"host3.example. 3600 MX 10 host1.example."},
         .additional = address_},
        // "No error, but no data": there is no A at the wildcard.
        {.qname = "host3.example.", .qtype = RRType::A, .authority = {soa_}},
        {.qname = "foo.bar.example.",
         .qtype = RRType::TXT,
         .answer = {"foo.bar.example. 3600 TXT \"this is a wildcard\""}},
    });
}

TEST_F(Rfc4592, Section221NotSynthesized) {
    check({
        // host1.example exists, without that type.
        {.qname = "host1.example.", .qtype = RRType::MX, .authority = {soa_}},
        // sub.*.example exists, without that type.
        {.qname = "sub.*.example.", .qtype = RRType::MX, .authority = {soa_}},
        // _tcp.host1.example exists, and below it there is no wildcard.
        {.qname = "_telnet._tcp.host1.example.",
         .qtype = RRType::SRV,
         .rcode = RCode::NXDomain,
         .authority = {soa_}},
        {.qname = "host.subdel.example.",
         .qtype = RRType::A,
         .authority = {"subdel.example. 3600 NS ns.example.com.",
                       "subdel.example. 3600 NS ns.example.net."}},
        // *.example exists.
        {.qname = "ghost.*.example.",
         .qtype = RRType::MX,
         .rcode = RCode::NXDomain,
         .authority = {soa_}},
    });
}

TEST_F(Rfc4592, Section222EmptyNonTerminals) {
    for (const char* owner : {"_tcp.host1.example.", "host2.example.", "_tcp.host2.example."}) {
        check({{.qname = owner, .qtype = RRType::TXT, .authority = {soa_}}});
    }
}

TEST_F(Rfc4592, Section23AsteriskAskedFor) {
    check({{.qname = "*.example.",
            .qtype = RRType::MX,
            .answer = {"*.example. 3600 MX 10 host1.example."},
            .additional = address_},
           {.qname = "*.example.", .qtype = RRType::A, .authority = {soa_}}});
}

TEST_F(Rfc4592, Section331ClosestEncloserDecides) {
    // The closest encloser of the first is example., of the second host1.example.
    check({{.qname = "x.host3.example.",
            .qtype = RRType::TXT,
            .answer = {"x.host3.example. 3600 TXT \"this is a wildcard\""}},
           {.qname = "x.host1.example.",
            .qtype = RRType::TXT,
            .rcode = RCode::NXDomain,
            .authority = {soa_}}});
}

// 4.4: the CNAME of a wildcard is synthesized and followed.
TEST_F(Rfc4592, Section44CnameAtAWildcard) {
    load("c.",
         "$TTL 60\nc. SOA ns. h. 10 2 3 4 5\nc. NS ns.\n*.c. CNAME target.c.\n"
         "target.c. A 192.0.2.7\n");
    check({{.qname = "x.c.",
            .qtype = RRType::A,
            .answer = {"target.c. 60 A 192.0.2.7", "x.c. 60 CNAME target.c."}},
           {.qname = "x.c.", .qtype = RRType::CNAME, .answer = {"x.c. 60 CNAME target.c."}}});
}

// 4.7: a wildcard that is not the closest encloser's child has no say.
TEST_F(Rfc4592, Section47WildcardBelowAnEmptyNonTerminal) {
    load("e.",
         "$TTL 60\ne. SOA ns. h. 10 2 3 4 5\ne. NS ns.\n*.e. A 192.0.2.1\n"
         "a.ent.e. A 192.0.2.2\n");
    check({{.qname = "b.ent.e.",
            .qtype = RRType::A,
            .rcode = RCode::NXDomain,
            .authority = {"e. 5 SOA ns. h. 10 2 3 4 5"}},
           {.qname = "ent.e.", .qtype = RRType::A, .authority = {"e. 5 SOA ns. h. 10 2 3 4 5"}},
           {.qname = "b.e.", .qtype = RRType::A, .answer = {"b.e. 60 A 192.0.2.1"}}});
}

}  // namespace
}  // namespace zones_test
