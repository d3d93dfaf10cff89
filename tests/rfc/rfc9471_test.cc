// RFC 9471: the glue of its examples in section 2, and what section 3 says of the room for it.
#include "tests/rfc/rfc_fixture.h"

namespace zones_test {
namespace {

using dns::RRType;

class Rfc9471 : public RfcTest {
  protected:
    void SetUp() override {
        RfcTest::SetUp();
        load("test.",
             "$TTL 86400\n@ SOA ns.invalid. h.invalid. 10 2 3 4 5\n@ NS ns.invalid.\n"
             "foo NS ns1.foo\nfoo NS ns2.foo\n"
             "ns1.foo A 192.0.2.1\nns2.foo AAAA 2001:db8::2:2\n"
             "bar NS ns1.bar\nbar NS ns2.bar\nbar NS ns1.foo\n"
             "ns1.bar A 192.0.2.1\nns2.bar AAAA 2001:db8::2:2\n"
             "ring1 NS ns1.ring2\nring1 NS ns2.ring2\n"
             "ring2 NS ns1.ring1\nring2 NS ns2.ring1\n"
             "ns1.ring1 A 192.0.2.3\nns2.ring1 A 192.0.2.4\n"
             "ns1.ring2 A 192.0.2.5\nns2.ring2 A 192.0.2.6\n");
    }
};

TEST_F(Rfc9471, Section21InDomainGlue) {
    check({{.qname = "www.foo.test.",
            .qtype = RRType::A,
            .authority = {"foo.test. 86400 NS ns1.foo.test.", "foo.test. 86400 NS ns2.foo.test."},
            .additional = {"ns1.foo.test. 86400 A 192.0.2.1",
                           "ns2.foo.test. 86400 AAAA 2001:db8::2:2"}}});
}

TEST_F(Rfc9471, Section22SiblingGlue) {
    check({{.qname = "www.bar.test.",
            .qtype = RRType::A,
            .authority = {"bar.test. 86400 NS ns1.bar.test.", "bar.test. 86400 NS ns1.foo.test.",
                          "bar.test. 86400 NS ns2.bar.test."},
            .additional = {"ns1.bar.test. 86400 A 192.0.2.1", "ns1.foo.test. 86400 A 192.0.2.1",
                           "ns2.bar.test. 86400 AAAA 2001:db8::2:2"}}});
}

// Without the sibling's addresses nobody could enter either of the two.
TEST_F(Rfc9471, Section23CyclicSiblingGlue) {
    check({{.qname = "www.ring1.test.",
            .qtype = RRType::A,
            .authority = {"ring1.test. 86400 NS ns1.ring2.test.",
                          "ring1.test. 86400 NS ns2.ring2.test."},
            .additional = {"ns1.ring2.test. 86400 A 192.0.2.5",
                           "ns2.ring2.test. 86400 A 192.0.2.6"}}});
}

// 3.1: all in-domain glue, or TC. 3.2: sibling glue may be left out without it.
TEST_F(Rfc9471, Section3EveryLimit) {
    const std::size_t foo = ask("www.foo.test.", RRType::A).size;
    const std::size_t ring = ask("www.ring1.test.", RRType::A).size;
    for (limit_ = foo; limit_ > 60; --limit_) {
        const Answered got = ask("www.foo.test.", RRType::A);
        EXPECT_EQ(got.report.truncated, limit_ < foo) << limit_;
    }
    const std::size_t addresses = 2 * 16;  // a pointer, type, class, TTL, size and four octets
    for (limit_ = ring; limit_ > 60; --limit_) {
        const Answered got = ask("www.ring1.test.", RRType::A);
        EXPECT_EQ(got.report.truncated, limit_ < ring - addresses) << limit_;
    }
}

}  // namespace
}  // namespace zones_test
