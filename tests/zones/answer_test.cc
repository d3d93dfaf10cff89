#include "tests/zones/answer_fixture.h"

namespace zones_test {
namespace {

using dns::RCode;
using dns::RRType;

constexpr const char* kZone = R"($TTL 300
@       3600 SOA ns1 host 7 7200 3600 1209600 60
        NS ns1
        NS ns.elsewhere.net.
        MX 10 mail
ns1     A 192.0.2.53
        AAAA 2001:db8::53
mail    A 192.0.2.25
www     A 192.0.2.1
        TXT "text"
a.b.c   A 192.0.2.3
alias   CNAME www
far     CNAME www.elsewhere.net.
loop1   CNAME loop2
loop2   CNAME loop1
dangling CNAME nothing
other   CNAME www.other.
_s._tcp SRV 1 2 53 ns1
*.wild  A 192.0.2.9
        TXT "wild"
deep.x.wild A 192.0.2.10
*.cwild CNAME www
sub     NS ns.sub
        NS ns1
        DS 1 8 250 ABCD
ns.sub  A 192.0.2.77
below.sub A 192.0.2.78
unglued NS ns.elsewhere.net.
d       DNAME target.other.
*.cut   NS ns1
)";
constexpr const char* kSoa = "example. 60 SOA ns1.example. host.example. 7 7200 3600 1209600 60";

class Answer : public AnswerTest {
  protected:
    void SetUp() override {
        AnswerTest::SetUp();
        load("example.", kZone);
        load("other.",
             "$TTL 60\n@ SOA ns host 1 2 3 4 5\n NS ns\nns A 192.0.2.1\n"
             "www A 192.0.2.80\nx.target A 192.0.2.81\nback CNAME www.example.\n");
    }
};

TEST_F(Answer, DataAndNoData) {
    check({
        {.qname = "www.example.", .qtype = RRType::A, .answer = {"www.example. 300 A 192.0.2.1"}},
        {.qname = "WWW.EXAMPLE.",
         .qtype = RRType::TXT,
         .answer = {"WWW.EXAMPLE. 300 TXT \"text\""}},
        {.qname = "www.example.", .qtype = RRType::MX, .authority = {kSoa}},
        {.qname = "example.", .qtype = RRType::AAAA, .authority = {kSoa}},
        {.qname = "nothing.example.",
         .qtype = RRType::A,
         .rcode = RCode::NXDomain,
         .authority = {kSoa}},
        {.qname = "x.www.example.",
         .qtype = RRType::A,
         .rcode = RCode::NXDomain,
         .authority = {kSoa}},
    });
    EXPECT_TRUE(ask("www.example.", RRType::A).report.authoritative);
    EXPECT_EQ(ask("www.elsewhere.net.", RRType::A).outcome, zones::AnswerOutcome::NotOurs);
}

TEST_F(Answer, AdditionalSectionHoldsAddressesOfOurs) {
    check({
        {.qname = "example.",
         .qtype = RRType::MX,
         .answer = {"example. 300 MX 10 mail.example."},
         .additional = {"mail.example. 300 A 192.0.2.25"}},
        {.qname = "example.",
         .qtype = RRType::NS,
         .answer = {"example. 300 NS ns1.example.", "example. 300 NS ns.elsewhere.net."},
         .additional = {"ns1.example. 300 A 192.0.2.53", "ns1.example. 300 AAAA 2001:db8::53"}},
        {.qname = "_s._tcp.example.",
         .qtype = RRType::SRV,
         .answer = {"_s._tcp.example. 300 SRV 1 2 53 ns1.example."},
         .additional = {"ns1.example. 300 A 192.0.2.53", "ns1.example. 300 AAAA 2001:db8::53"}},
    });
}

// RFC 9460, 4.1.
TEST_F(Answer, ServiceBindingsBringAddressesOfTheirTargets) {
    load("service.",
         "$TTL 60\n@ SOA ns host 1 2 3 4 5\n NS ns\nns A 192.0.2.1\n"
         "@ HTTPS 0 pool\n"
         "pool HTTPS 1 . alpn=h2\n HTTPS 2 .\n A 192.0.2.5\n AAAA 2001:db8::5\n"
         "_dns SVCB 1 ns\n SVCB 2 ns.other.\n"
         "none HTTPS 0 .\n A 192.0.2.6\n");
    check({
        // An alias: the service where it leads, and its addresses.
        {.qname = "service.",
         .qtype = RRType::HTTPS,
         .answer = {"service. 60 HTTPS 0 pool.service."},
         .additional = {"pool.service. 60 A 192.0.2.5", "pool.service. 60 AAAA 2001:db8::5",
                        "pool.service. 60 HTTPS 1 . alpn=h2", "pool.service. 60 HTTPS 2 ."}},
        // The target . is the owner, whose addresses stand there once.
        {.qname = "pool.service.",
         .qtype = RRType::HTTPS,
         .answer = {"pool.service. 60 HTTPS 1 . alpn=h2", "pool.service. 60 HTTPS 2 ."},
         .additional = {"pool.service. 60 A 192.0.2.5", "pool.service. 60 AAAA 2001:db8::5"}},
        // Of another zone nothing.
        {.qname = "_dns.service.",
         .qtype = RRType::SVCB,
         .answer = {"_dns.service. 60 SVCB 1 ns.service.", "_dns.service. 60 SVCB 2 ns.other."},
         .additional = {"ns.service. 60 A 192.0.2.1"}},
        // As an alias . says that there is no service.
        {.qname = "none.service.",
         .qtype = RRType::HTTPS,
         .answer = {"none.service. 60 HTTPS 0 ."}},
    });
}

TEST_F(Answer, EmptyNonTerminalsExist) {
    check({
        {.qname = "b.c.example.", .qtype = RRType::A, .authority = {kSoa}},
        {.qname = "c.example.", .qtype = RRType::ANY, .authority = {kSoa}},
        {.qname = "_tcp.example.", .qtype = RRType::A, .authority = {kSoa}},
        {.qname = "x.b.c.example.",
         .qtype = RRType::A,
         .rcode = RCode::NXDomain,
         .authority = {kSoa}},
        {.qname = "wild.example.", .qtype = RRType::A, .authority = {kSoa}},
    });
}

TEST_F(Answer, CnameChainsAreFollowedInsideOurZones) {
    check({
        {.qname = "alias.example.",
         .qtype = RRType::A,
         .answer = {"alias.example. 300 CNAME www.example.", "www.example. 300 A 192.0.2.1"}},
        {.qname = "alias.example.",
         .qtype = RRType::CNAME,
         .answer = {"alias.example. 300 CNAME www.example."}},
        {.qname = "alias.example.",
         .qtype = RRType::MX,
         .answer = {"alias.example. 300 CNAME www.example."},
         .authority = {kSoa}},
        {.qname = "other.example.",
         .qtype = RRType::A,
         .answer = {"other.example. 300 CNAME www.other.", "www.other. 60 A 192.0.2.80"}},
        {.qname = "back.other.",
         .qtype = RRType::TXT,
         .answer = {"back.other. 60 CNAME www.example.", "www.example. 300 TXT \"text\""}},
        {.qname = "far.example.",
         .qtype = RRType::A,
         .answer = {"far.example. 300 CNAME www.elsewhere.net."}},
        {.qname = "dangling.example.",
         .qtype = RRType::A,
         .rcode = RCode::NXDomain,
         .answer = {"dangling.example. 300 CNAME nothing.example."},
         .authority = {kSoa}},
    });
}

TEST_F(Answer, AChainThatLeavesOurZonesSaysWhere) {
    const Answered got = ask("far.example.", RRType::A);
    ASSERT_TRUE(got.report.chain_target);
    EXPECT_EQ(got.report.chain_target->to_text(), "www.elsewhere.net.");
    EXPECT_FALSE(ask("far.example.", RRType::CNAME).report.chain_target);
    EXPECT_FALSE(ask("other.example.", RRType::A).report.chain_target);
}

TEST_F(Answer, CnameLoopEndsWithEachRecordOnce) {
    check({{.qname = "loop1.example.",
            .qtype = RRType::A,
            .answer = {"loop1.example. 300 CNAME loop2.example.",
                       "loop2.example. 300 CNAME loop1.example."}}});
}

TEST_F(Answer, ADnameThatLeadsBelowItselfStandsInTheAnswerOnce) {
    must(changes(put("example.", "e.example.", RRType::DNAME, {"a.e.example."})));
    const Answered got = ask("x.e.example.", RRType::A);
    EXPECT_EQ(std::count(got.answer.begin(), got.answer.end(), "e.example. 300 DNAME a.e.example."),
              1);
    EXPECT_LE(got.answer.size(), zones::kMaxChainLinks + 2);
}

TEST_F(Answer, AnAddressIsAddedOnce) {
    must(changes(put("example.", "m.example.", RRType::MX,
                     {"1 mail.example.", "2 mail.example.", "3 MAIL.example."})));
    EXPECT_EQ(ask("m.example.", RRType::MX).additional,
              std::vector<std::string>{"mail.example. 300 A 192.0.2.25"});
}

TEST_F(Answer, Wildcards) {
    check({
        {.qname = "z.wild.example.",
         .qtype = RRType::A,
         .answer = {"z.wild.example. 300 A 192.0.2.9"}},
        {.qname = "a.b.wild.example.",
         .qtype = RRType::A,
         .answer = {"a.b.wild.example. 300 A 192.0.2.9"}},
        {.qname = "y.wild.example.", .qtype = RRType::MX, .authority = {kSoa}},
        {.qname = "*.wild.example.",
         .qtype = RRType::A,
         .answer = {"*.wild.example. 300 A 192.0.2.9"}},
        // x.wild exists once something stands below it, and then the wildcard does not reach it.
        {.qname = "other.x.wild.example.",
         .qtype = RRType::A,
         .rcode = RCode::NXDomain,
         .authority = {kSoa}},
        {.qname = "q.cwild.example.",
         .qtype = RRType::A,
         .answer = {"q.cwild.example. 300 CNAME www.example.", "www.example. 300 A 192.0.2.1"}},
    });
    EXPECT_EQ(ask("deep.x.wild.example.", RRType::A).answer.size(), 1U);
}

TEST_F(Answer, ReferralsCarryGlue) {
    const std::vector<std::string> ns = {"sub.example. 300 NS ns.sub.example.",
                                         "sub.example. 300 NS ns1.example."};
    const std::vector<std::string> glue = {"ns.sub.example. 300 A 192.0.2.77",
                                           "ns1.example. 300 A 192.0.2.53",
                                           "ns1.example. 300 AAAA 2001:db8::53"};
    check({
        {.qname = "sub.example.", .qtype = RRType::A, .authority = ns, .additional = glue},
        {.qname = "sub.example.", .qtype = RRType::NS, .authority = ns, .additional = glue},
        {.qname = "below.sub.example.", .qtype = RRType::A, .authority = ns, .additional = glue},
        {.qname = "ns.sub.example.", .qtype = RRType::A, .authority = ns, .additional = glue},
        {.qname = "no.such.sub.example.", .qtype = RRType::A, .authority = ns, .additional = glue},
        {.qname = "x.unglued.example.",
         .qtype = RRType::A,
         .authority = {"unglued.example. 300 NS ns.elsewhere.net."}},
        {.qname = "sub.example.",
         .qtype = RRType::DS,
         .answer = {"sub.example. 300 DS 1 8 250 abcd"}},
        {.qname = "unglued.example.", .qtype = RRType::DS, .authority = {kSoa}},
    });
    const Answered got = ask("below.sub.example.", RRType::A);
    EXPECT_TRUE(got.report.referral);
    EXPECT_FALSE(got.report.authoritative);
    // RFC 4035, 3.1.4, speaks of signed zones: a DS without a signature proves nothing.
    dnssec_ok_ = true;
    check(
        {{.qname = "below.sub.example.", .qtype = RRType::A, .authority = ns, .additional = glue}});
}

TEST_F(Answer, DnameRedirectsWhatIsBelow) {
    check({
        {.qname = "x.d.example.",
         .qtype = RRType::A,
         .answer = {"d.example. 300 DNAME target.other.", "x.d.example. 300 CNAME x.target.other.",
                    "x.target.other. 60 A 192.0.2.81"}},
        {.qname = "d.example.",
         .qtype = RRType::DNAME,
         .answer = {"d.example. 300 DNAME target.other."}},
        {.qname = "d.example.", .qtype = RRType::A, .authority = {kSoa}},
        // The query is restarted for ANY too (RFC 6672, 3.2, step 3c); for CNAME it has its answer.
        {.qname = "x.d.example.",
         .qtype = RRType::ANY,
         .answer = {"d.example. 300 DNAME target.other.", "x.d.example. 300 CNAME x.target.other.",
                    "x.target.other. 60 A 192.0.2.81"}},
        {.qname = "x.d.example.",
         .qtype = RRType::CNAME,
         .answer = {"d.example. 300 DNAME target.other.",
                    "x.d.example. 300 CNAME x.target.other."}},
    });
    std::string longest;
    for (int i = 0; i < 3; ++i) longest += std::string(60, 'a') + ".";
    longest += std::string(58, 'b') + ".d.example.";
    EXPECT_EQ(ask(longest, RRType::A).report.rcode, RCode::YXDomain);
}

TEST_F(Answer, AnyIsOneRRset) {
    EXPECT_EQ(ask("www.example.", RRType::ANY).answer,
              std::vector<std::string>{"www.example. 300 A 192.0.2.1"});
}

TEST_F(Answer, DsAtTheChildsApexIsTheParents) {
    load("sub.example.", "@ 60 SOA ns host 1 2 3 4 5\n 60 NS ns\nns 60 A 192.0.2.77\n");
    EXPECT_EQ(ask("sub.example.", RRType::DS).answer,
              std::vector<std::string>{"sub.example. 300 DS 1 8 250 abcd"});
    EXPECT_EQ(ask("sub.example.", RRType::SOA).answer.size(), 1U);
    // The parent of `other.` is not ours, so its own zone says that there is none.
    EXPECT_EQ(ask("other.", RRType::DS).authority.size(), 1U);
}

TEST_F(Answer, TruncationKeepsWholeRRsets) {
    std::vector<std::string> many;
    for (int i = 0; i < 40; ++i) many.push_back("10.0.0." + std::to_string(i));
    must(changes(put("example.", "many.example.", RRType::A, many)));
    for (const std::size_t limit : {512U, 600U, 700U, 1232U}) {
        limit_ = limit;
        const Answered got = ask("many.example.", RRType::A);
        EXPECT_EQ(got.report.truncated, limit < 33 + 40 * 16U) << limit;
        EXPECT_EQ(got.answer.size(), got.report.truncated ? 0U : 40U);
    }
    // What is only a courtesy is left out silently, in-domain glue is not (RFC 9471, 3.1).
    limit_ = 60;
    const Answered mx = ask("example.", RRType::MX);
    EXPECT_FALSE(mx.report.truncated);
    EXPECT_TRUE(mx.additional.empty());
    limit_ = 70;
    const Answered referral = ask("x.sub.example.", RRType::A);
    EXPECT_TRUE(referral.report.truncated);
}

TEST_F(Answer, ATruncatedChainHasTheRcodeOfItsEnd) {  // RFC 6604, 3
    const std::string label(60, 'l');
    load("t.",
         "$TTL 60\nt. SOA ns. h. 10 2 3 4 5\nt. NS ns.\n"
         "a.t. CNAME " +
             label + "." + label + ".t.\n" + label + "." + label +
             ".t. CNAME no.t.\n"
             "b.t. CNAME " +
             label + ".no.t.\nc.t. CNAME x.d.t.\nd.t. DNAME " + label +
             ".no.t.\n"
             "whole.t. CNAME " +
             label + "." + label + ".good.t.\n*.good.t. A 192.0.2.1\n");
    limit_ = 80;
    for (const char* qname : {"a.t.", "b.t.", "c.t."}) {
        const Answered got = ask(qname, RRType::A);
        EXPECT_TRUE(got.report.truncated) << qname;
        EXPECT_EQ(got.report.rcode, RCode::NXDomain) << qname;
        EXPECT_TRUE(got.authority.empty()) << qname;
    }
    // Nothing that is small enough follows what was not.
    EXPECT_TRUE(ask("a.t.", RRType::A).answer.empty());
    const Answered whole = ask("whole.t.", RRType::A);
    EXPECT_TRUE(whole.report.truncated);
    EXPECT_EQ(whole.report.rcode, RCode::NoError);
    EXPECT_TRUE(whole.answer.empty());
    limit_ = 65535;
    EXPECT_EQ(ask("whole.t.", RRType::A).answer.size(), 2U);
}

// Whatever has several records begins with each of them in turn: answers, NS of referrals, glue.
TEST_F(Answer, EverythingIsRotated) {
    load("r.",
         "$TTL 60\nr. SOA ns. h. 10 2 3 4 5\nr. NS ns.\n"
         "a.r. A 192.0.2.0\na.r. A 192.0.2.1\na.r. A 192.0.2.2\n"
         "sub.r. NS ns0.sub.r.\nsub.r. NS ns1.sub.r.\nsub.r. NS ns2.sub.r.\n"
         "ns0.sub.r. A 192.0.2.0\nns0.sub.r. A 192.0.2.1\nns0.sub.r. A 192.0.2.2\n"
         "ns1.sub.r. A 192.0.2.3\nns2.sub.r. A 192.0.2.4\n");
    for (rotation_ = 0; rotation_ < 6; ++rotation_) {
        const std::string turn = std::to_string(rotation_ % 3);
        EXPECT_EQ(ask("a.r.", RRType::A).as_sent.front(), "a.r. 60 A 192.0.2." + turn);
        const Answered referral = ask("x.sub.r.", RRType::A);
        ASSERT_EQ(referral.as_sent.size(), 8U);
        EXPECT_EQ(referral.as_sent[0], "sub.r. 60 NS ns" + turn + ".sub.r.");
        EXPECT_EQ(referral.as_sent[3], "ns0.sub.r. 60 A 192.0.2." + turn);
    }
}

TEST_F(Answer, WeightsDecideHowOften) {
    zones::PutRRset weighted =
        put("example.", "w.example.", RRType::A, {"10.0.0.1", "10.0.0.2", "10.0.0.3"});
    weighted.value.weights = {3, 1, 0};
    must(changes(weighted));
    int counts[3] = {};
    constexpr int kRounds = 8000;
    for (int i = 0; i < kRounds; ++i) {
        const Answered got = ask("w.example.", RRType::A);
        ASSERT_EQ(got.answer.size(), 1U);
        ++counts[got.answer[0].back() - '1'];
    }
    EXPECT_NEAR(counts[0], kRounds * 3 / 4, 200);
    EXPECT_NEAR(counts[1], kRounds / 4, 200);
    EXPECT_EQ(counts[2], 0);  // 0: only when nothing else is left
    weighted.value.answer_count = 3;
    must(changes(weighted));
    EXPECT_EQ(ask("w.example.", RRType::A).answer.size(), 3U);
}

}  // namespace
}  // namespace zones_test
