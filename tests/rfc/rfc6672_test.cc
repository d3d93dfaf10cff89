// RFC 6672: the table of 2.2, the rules of 3.2, the uses of section 6.
#include "tests/rfc/rfc_fixture.h"

namespace zones_test {
namespace {

using dns::RCode;
using dns::RRType;

class Rfc6672 : public RfcTest {
  protected:
    /// Where a question for `qname` is led in the zone `apex`, which holds one DNAME.
    std::string led_to(const std::string& qname, const std::string& apex, const std::string& owner,
                       const std::string& target) {
        load(apex, "$TTL 60\n" + apex + " SOA ns.invalid. h.invalid. 10 2 3 4 5\n" + apex +
                       " NS ns.invalid.\n" + owner + " DNAME " + target + "\n");
        const Answered got = ask(qname, RRType::CNAME);
        if (got.report.rcode == RCode::YXDomain) return "YXDOMAIN";
        for (const std::string& line : got.answer) {
            const std::string head = qname + " 60 CNAME ";
            if (line.starts_with(head)) return line.substr(head.size());
        }
        return "-";
    }
};

TEST_F(Rfc6672, Section22Substitutions) {
    const struct {
        const char *qname, *apex, *owner, *target, *result;
    } rows[] = {
        {"com.", "com.", "example.com.", "example.net.", "-"},
        {"example.com.", "com.", "example.com.", "example.net.", "-"},
        {"a.example.com.", "com.", "example.com.", "example.net.", "a.example.net."},
        {"a.b.example.com.", "com.", "example.com.", "example.net.", "a.b.example.net."},
        {"ab.example.com.", "com.", "b.example.com.", "example.net.", "-"},
        {"foo.example.com.", "com.", "example.com.", "example.net.", "foo.example.net."},
        {"a.x.example.com.", "com.", "x.example.com.", "example.net.", "a.example.net."},
        {"a.example.com.", "com.", "example.com.", "y.example.net.", "a.y.example.net."},
        {"cyc.example.com.", "com.", "example.com.", "example.com.", "cyc.example.com."},
        {"cyc.example.com.", "com.", "example.com.", "c.example.com.", "cyc.c.example.com."},
        {"shortloop.x.x.", "x.", "x.", ".", "shortloop.x."},
        {"shortloop.x.", "x.", "x.", ".", "shortloop."},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(led_to(row.qname, row.apex, row.owner, row.target), row.result)
            << row.qname << " by " << row.owner << " DNAME " << row.target;
    }
}

// 2.2: "the resulting domain name exceeds 255 octets": YXDOMAIN, with the DNAME.
TEST_F(Rfc6672, Section22TooLong) {
    const std::string l = std::string(60, 'l') + ".";
    EXPECT_EQ(led_to(l + l + "d.com.", "com.", "d.com.", l + l + l + "com."), "YXDOMAIN");
    EXPECT_EQ(ask(l + l + "d.com.", RRType::A).answer.size(), 1U);
}

// 3.1 and 3.2: the DNAME first, a CNAME with its TTL, then what stands at the target.
TEST_F(Rfc6672, Section32SynthesizedCname) {
    load("test.",
         "$TTL 60\ntest. SOA ns. h. 10 2 3 4 5\ntest. NS ns.\nd.test. 30 DNAME t.test.\n"
         "x.t.test. 7 A 192.0.2.1\nd.test. TXT \"beside\"\n");
    check({{.qname = "x.d.test.",
            .qtype = RRType::A,
            .answer = {"d.test. 30 DNAME t.test.", "x.d.test. 30 CNAME x.t.test.",
                       "x.t.test. 7 A 192.0.2.1"}},
           {.qname = "gone.d.test.",
            .qtype = RRType::A,
            .rcode = RCode::NXDomain,
            .answer = {"d.test. 30 DNAME t.test.", "gone.d.test. 30 CNAME gone.t.test."},
            .authority = {"test. 5 SOA ns. h. 10 2 3 4 5"}},
           // 2.3: what stands at the owner itself is not redirected.
           {.qname = "d.test.", .qtype = RRType::TXT, .answer = {"d.test. 60 TXT \"beside\""}},
           {.qname = "d.test.", .qtype = RRType::DNAME, .answer = {"d.test. 30 DNAME t.test."}}});
}

// 6.1: a part of an organization gets a name of its own.
TEST_F(Rfc6672, Section61Renamed) {
    load("frobozz.example.",
         "$TTL 60\n@ SOA ns. h. 10 2 3 4 5\n@ NS ns.\n"
         "@ DNAME frobozz-division.acme.example.\n"
         "@ MX 10 mailhub.acme.example.\n");
    check({{.qname = "www.frobozz.example.",
            .qtype = RRType::A,
            .answer = {"frobozz.example. 60 DNAME frobozz-division.acme.example.",
                       "www.frobozz.example. 60 CNAME www.frobozz-division.acme.example."}},
           {.qname = "frobozz.example.",
            .qtype = RRType::MX,
            .answer = {"frobozz.example. 60 MX 10 mailhub.acme.example."}}});
}

// 6.2: 192.0.8.0/22 is delegated as one zone.
TEST_F(Rfc6672, Section62ClasslessDelegation) {
    load("0.192.in-addr.arpa.",
         "$TTL 60\n@ SOA ns. h. 10 2 3 4 5\n@ NS ns.\n"
         "8/22 NS ns.slash-22-holder.example.\n"
         "8 DNAME 8.8/22\n9 DNAME 9.8/22\n10 DNAME 10.8/22\n"
         "11 DNAME 11.8/22\n");
    check({{.qname = "33.9.0.192.in-addr.arpa.",
            .qtype = RRType::PTR,
            .answer = {"33.9.0.192.in-addr.arpa. 60 CNAME 33.9.8/22.0.192.in-addr.arpa.",
                       "9.0.192.in-addr.arpa. 60 DNAME 9.8/22.0.192.in-addr.arpa."},
            .authority = {"8/22.0.192.in-addr.arpa. 60 NS ns.slash-22-holder.example."}}});
}

}  // namespace
}  // namespace zones_test
