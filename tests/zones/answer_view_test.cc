#include "tests/zones/answer_fixture.h"

namespace zones_test {
namespace {

using dns::RCode;
using dns::RRType;

/// One zone that everybody sees, and an overlay that only 10/8 sees.
class AnswerView : public AnswerTest {
  protected:
    void SetUp() override {
        AnswerTest::SetUp();
        must(changes(zones::PutDocument{"views", "inside", R"({"name": "inside"})"}));
        must(changes(zones::PutDocument{"networks", "10.0.0.0/8",
                                        R"({"prefix": "10.0.0.0/8", "view": "inside"})"}));
        must(changes(zones::PutDocument{"networks", "10.9.0.0/16",
                                        R"({"prefix": "10.9.0.0/16", "view": "default"})"}));
        load("example.",
             "$TTL 300\n@ SOA ns host 1 2 3 4 60\n NS ns\nns A 192.0.2.53\n"
             "www A 192.0.2.1\nwww TXT \"out\"\nsecret A 192.0.2.2\n"
             "up.down A 192.0.2.3\ndown A 192.0.2.4\n*.w A 192.0.2.5\n");
        must(changes(put("example.", "www.example.", RRType::A, {"10.0.0.1"}, "inside"),
                     put("example.", "intranet.example.", RRType::A, {"10.0.0.2"}, "inside"),
                     hide("secret.example."), hide("down.example.")));
    }
    static zones::PutRRset hide(std::string_view owner) {
        zones::PutRRset out = put("example.", owner, RRType::A, {}, "inside");
        out.value.hidden = true;
        return out;
    }
    Answered from(const char* address, std::string_view qname, RRType type = RRType::A) {
        client_ = *base::IpAddress::parse(address);
        return ask(qname, type);
    }
};

TEST_F(AnswerView, TheOverlayReplacesAddsAndInherits) {
    EXPECT_EQ(from("192.0.2.9", "www.example.").answer,
              std::vector<std::string>{"www.example. 300 A 192.0.2.1"});
    EXPECT_EQ(from("10.1.1.1", "www.example.").answer,
              std::vector<std::string>{"www.example. 300 A 10.0.0.1"});
    EXPECT_EQ(from("10.1.1.1", "www.example.", RRType::TXT).answer,
              std::vector<std::string>{"www.example. 300 TXT \"out\""});
    EXPECT_EQ(from("10.1.1.1", "intranet.example.").answer.size(), 1U);
    EXPECT_EQ(from("192.0.2.9", "intranet.example.").report.rcode, RCode::NXDomain);
    EXPECT_EQ(from("10.1.1.1", "x.w.example.").answer,
              std::vector<std::string>{"x.w.example. 300 A 192.0.2.5"});
}

TEST_F(AnswerView, TheLongestNetworkDecidesAndNeverEcs) {
    EXPECT_EQ(from("10.9.1.1", "www.example.").answer,
              std::vector<std::string>{"www.example. 300 A 192.0.2.1"});
    subnet_ = dns::ClientSubnet{*base::IpAddress::parse("10.1.0.0"), 16, 0};
    EXPECT_EQ(from("192.0.2.9", "www.example.").answer,
              std::vector<std::string>{"www.example. 300 A 192.0.2.1"});
}

TEST_F(AnswerView, WhatIsHiddenDoesNotExist) {
    EXPECT_EQ(from("192.0.2.9", "secret.example.").answer.size(), 1U);
    EXPECT_EQ(from("10.1.1.1", "secret.example.").report.rcode, RCode::NXDomain);
    // A name that holds nothing visible exists while something below it does.
    const Answered down = from("10.1.1.1", "down.example.");
    EXPECT_EQ(down.report.rcode, RCode::NoError);
    EXPECT_TRUE(down.answer.empty());
    EXPECT_EQ(from("10.1.1.1", "up.down.example.").answer.size(), 1U);
}

TEST_F(AnswerView, AZoneOfOneViewIsInvisibleInTheOthers) {
    must(changes(zone("private.", "inside"),
                 put("private.", "www.private.", RRType::A, {"10.0.0.7"}, "inside")));
    EXPECT_EQ(from("10.1.1.1", "www.private.").answer.size(), 1U);
    EXPECT_EQ(from("192.0.2.9", "www.private.").outcome, zones::AnswerOutcome::NotOurs);
}

}  // namespace
}  // namespace zones_test
