// RFC 9460: what an authoritative server adds (4.1), asked of the examples of section 10 and 2.4.
#include "tests/rfc/rfc_fixture.h"

namespace zones_test {
namespace {

using dns::RRType;

class Rfc9460 : public RfcTest {
  protected:
    void SetUp() override {
        RfcTest::SetUp();
        load("example.com.",
             "$TTL 7200\n@ SOA ns. h. 10 2 3 4 5\n@ NS ns.\n"
             "@ HTTPS 0 svc.example.net.\n"
             "@ A 192.0.2.1\n"
             "alias HTTPS 0 pool\n"
             "pool HTTPS 1 . alpn=h2,h3\n"
             "pool A 192.0.2.2\npool AAAA 2001:db8::2\n"
             "simple HTTPS 1 . alpn=h3\nsimple A 192.0.2.3\n"
             "_8443._foo.api SVCB 0 svc4\n"
             "svc4 SVCB 3 . alpn=bar port=8004\nsvc4 A 192.0.2.4\n"
             "_8765._baz.api SVCB 1 svc5\nsvc5 A 192.0.2.5\nsvc5 SVCB 1 .\n");
    }
};

// 10.1: the service is at its owner.
TEST_F(Rfc9460, Section101ServiceAtItsOwner) {
    check({{.qname = "simple.example.com.",
            .qtype = RRType::HTTPS,
            .answer = {"simple.example.com. 7200 HTTPS 1 . alpn=h3"},
            .additional = {"simple.example.com. 7200 A 192.0.2.3"}}});
}

// 10.2: an apex that leads into another zone, of which this server knows nothing.
TEST_F(Rfc9460, Section102ApexAlias) {
    check({{.qname = "example.com.",
            .qtype = RRType::HTTPS,
            .answer = {"example.com. 7200 HTTPS 0 svc.example.net."}}});
}

// 4.1: where an alias leads the records of its own type are added, and the addresses.
TEST_F(Rfc9460, Section41AliasInTheZone) {
    check({{.qname = "_8443._foo.api.example.com.",
            .qtype = RRType::SVCB,
            .answer = {"_8443._foo.api.example.com. 7200 SVCB 0 svc4.example.com."},
            .additional = {"svc4.example.com. 7200 A 192.0.2.4",
                           "svc4.example.com. 7200 SVCB 3 . alpn=bar port=8004"}}});
}

// 4.1: for a service its addresses, no further service.
TEST_F(Rfc9460, Section41ServiceInTheZone) {
    check({{.qname = "_8765._baz.api.example.com.",
            .qtype = RRType::SVCB,
            .answer = {"_8765._baz.api.example.com. 7200 SVCB 1 svc5.example.com."},
            .additional = {"svc5.example.com. 7200 A 192.0.2.5"}}});
}

}  // namespace
}  // namespace zones_test
