#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/zones/answer_fixture.h"
#include "zones/policy_table.h"
#include "zones/prefix_trie.h"

namespace zones_test {
namespace {

using dns::RRType;

std::string fault_of(const std::vector<zones::PolicyTable::Fault>& faults) {
    std::string out;
    for (const auto& fault : faults) out += fault.pointer + " " + fault.message + "\n";
    return out;
}

TEST(PolicyDocument, FaultsComeAllAtOnceWithPointers) {
    const auto faults = zones::PolicyTable::check_policy("ADDRESS", R"({
        "ttl": -1, "bogus": 1,
        "rules": [
          {"id": "a", "when": {"geo": ["XX"]}, "pools": ["p"]},
          {"id": "b", "when": {"subnets": ["10.0.0.1/8"]}, "pools": []},
          {"when": "sometimes", "pools": ["p"], "nearest": {"of": ["p"]}}]})");
    const std::string all = fault_of(faults);
    for (const char* pointer :
         {"/ttl ", "/bogus ", "/rules/0/when/geo/0 ", "/rules/1/when/subnets/0 ", "/rules/1/pools ",
          "/rules/2/id ", "/rules/2/when ", "/rules/2 "}) {
        EXPECT_NE(all.find(pointer), std::string::npos) << pointer << " in\n" << all;
    }
}

TEST(PolicyDocument, OverlapsNameBothRulesAndAnyIsMandatory) {
    const auto overlap = fault_of(zones::PolicyTable::check_policy("ADDRESS", R"({"rules": [
        {"id": "one", "when": {"geo": ["EU-DE"]}, "pools": ["p"]},
        {"id": "two", "when": {"geo": ["EU", "EU-DE"]}, "pools": ["q"]},
        {"id": "rest", "when": "any", "pools": ["p"]}]})"));
    EXPECT_NE(overlap.find("\"one\" and \"two\""), std::string::npos) << overlap;
    const auto without = fault_of(zones::PolicyTable::check_policy(
        "ADDRESS", R"({"rules": [{"id": "x", "when": {"asn": [1]}, "pools": ["p"]}]})"));
    EXPECT_NE(without.find("\"any\" is needed"), std::string::npos) << without;
    EXPECT_NE(fault_of(zones::PolicyTable::check_policy("ADDRESS", "{")), "");
    EXPECT_NE(fault_of(zones::PolicyTable::check_policy("TXT", R"({"rules": [
        {"id": "x", "when": "any", "pools": ["p"]}]})")),
              "");
}

TEST(PoolDocument, Faults) {
    for (const char* bad :
         {R"({})", R"([])", R"({"members": [{"id": "a"}]})",
          R"({"members": [{"id": "a", "A": "2001:db8::1"}]})",
          R"({"members": [{"id": "a", "A": "192.0.2.1", "status": "tired"}]})",
          R"({"members": [{"id": "a", "A": "192.0.2.1"}, {"id": "a", "A": "192.0.2.2"}]})",
          R"({"members": [], "min_up": 2})", R"({"members": [], "coords": [91, 0]})",
          R"({"members": [], "select": {"method": "best"}})"}) {
        EXPECT_FALSE(zones::PolicyTable::check_pool(bad).empty()) << bad;
    }
    EXPECT_EQ(fault_of(zones::PolicyTable::check_pool(
                  R"({"id": "fra", "coords": [50.1, 8.7], "min_up": 0.5,
                      "select": {"method": "weighted", "count": 2},
                      "members": [{"id": "a", "A": "192.0.2.1", "weight": 60}]})")),
              "");
}

/// Every address of a leaf has the leaf's outcome, and leaves are as wide as that allows.
TEST(PrefixTrie, AgreesWithLongestPrefixAndNeverOverlaps) {
    base::Random random(3);
    for (int round = 0; round < 30; ++round) {
        std::map<base::IpPrefix, std::uint32_t> rules;
        std::vector<base::IpPrefix> boundaries;
        for (std::uint32_t i = 0; i < 20; ++i) {
            const std::uint8_t raw[4] = {10, static_cast<std::uint8_t>(random.below(4)),
                                         static_cast<std::uint8_t>(random.below(256)),
                                         static_cast<std::uint8_t>(random.below(256))};
            const auto length = static_cast<std::uint8_t>(8 + random.below(25));
            const base::IpPrefix prefix{base::IpAddress::v4(raw).masked(length), length};
            rules[prefix] = 1 + random.below(3);
            boundaries.push_back(prefix);
        }
        const auto naive = [&](const base::IpAddress& address) {
            std::uint32_t outcome = 0;
            int longest = -1;
            for (const auto& [prefix, value] : rules) {
                if (prefix.contains(address) && prefix.length > longest) {
                    longest = prefix.length;
                    outcome = value;
                }
            }
            return outcome;
        };
        const auto trie = zones::PrefixTrie::build(base::IpFamily::V4, boundaries, naive);
        for (int i = 0; i < 500; ++i) {
            const std::uint8_t raw[4] = {static_cast<std::uint8_t>(9 + random.below(3)),
                                         static_cast<std::uint8_t>(random.below(5)),
                                         static_cast<std::uint8_t>(random.below(256)),
                                         static_cast<std::uint8_t>(random.below(256))};
            const auto address = base::IpAddress::v4(raw);
            const auto found = trie.find(address);
            ASSERT_EQ(found.outcome, naive(address));
            // Another address under the same scope gets the same.
            std::uint8_t other[4];
            for (unsigned bit = 0; bit < 32; ++bit) {
                const bool one = bit < found.depth ? address.bit(bit) : random.below(2) == 1;
                if (bit % 8 == 0) other[bit / 8] = 0;
                if (one)
                    other[bit / 8] =
                        static_cast<std::uint8_t>(other[bit / 8] | (0x80U >> (bit % 8)));
            }
            const auto sibling = trie.find(base::IpAddress::v4(other));
            ASSERT_EQ(sibling.outcome, found.outcome);
            ASSERT_EQ(sibling.depth, found.depth);
        }
    }
}

TEST(PrefixTrie, OneOutcomeIsOneLeaf) {
    const auto trie = zones::PrefixTrie::build(
        base::IpFamily::V4,
        {*base::IpPrefix::parse("10.0.0.0/8"), *base::IpPrefix::parse("10.1.0.0/16")},
        [](const base::IpAddress&) { return 5U; });
    EXPECT_EQ(trie.nodes(), 0U);
    EXPECT_EQ(trie.find(*base::IpAddress::parse("10.1.2.3")).depth, 0);
    EXPECT_EQ(trie.find(*base::IpAddress::parse("10.1.2.3")).outcome, 5U);
}

constexpr const char* kPoolOne = R"({"members": [
    {"id": "a1", "A": "10.1.0.1", "AAAA": "2001:db8:1::1", "weight": 3},
    {"id": "a2", "A": "10.1.0.2", "weight": 1}]})";

class Policy : public AnswerTest {
  protected:
    void SetUp() override {
        AnswerTest::SetUp();
        load("example.",
             "$TTL 300\n@ SOA ns host 1 2 3 4 60\n NS ns\nns A 192.0.2.53\n"
             "www TXT \"beside\"\ntarget A 192.0.2.7\n");
        document("pools", "one", kPoolOne);
        document("pools", "two", R"({"select": {"method": "all"}, "members": [
            {"id": "b1", "A": "10.2.0.1"}, {"id": "b2", "A": "10.2.0.2"}]})");
        document("pools", "sticky", R"({"select": {"method": "hash"}, "members": [
            {"id": "h1", "A": "10.3.0.1"}, {"id": "h2", "A": "10.3.0.2"},
            {"id": "h3", "A": "10.3.0.3"}, {"id": "h4", "A": "10.3.0.4"}]})");
        document("pools", "names", R"({"members": [{"id": "t", "CNAME": "target.example."}]})");
        policy("www.example.", R"({"ttl": 30, "ttl_degraded": 7, "rules": [
            {"id": "lab", "when": {"subnets": ["203.0.113.0/24"]}, "pools": ["two"]},
            {"id": "host", "when": {"subnets": ["203.0.113.128/25"]}, "pools": ["one"]},
            {"id": "rest", "when": "any", "pools": ["one", "two"]}]})");
    }
    void document(const char* kind, const char* id, const char* json) {
        must(changes(zones::PutDocument{kind, id, json}));
    }
    void policy(const char* owner, const char* json, const char* type = "ADDRESS") {
        must(changes(zones::PutPolicy{name("example."), name(owner), type, "", json}));
    }
    Answered from(const char* address, const char* owner = "www.example.",
                  RRType type = RRType::A) {
        client_ = *base::IpAddress::parse(address);
        return ask(owner, type);
    }
    Answered with_subnet(const char* prefix, const char* owner = "www.example.") {
        const auto parsed = *base::IpPrefix::parse(prefix);
        subnet_ = dns::ClientSubnet{parsed.address, parsed.length, 0};
        Answered got = ask(owner, RRType::A);
        subnet_.reset();
        return got;
    }
};

TEST_F(Policy, LongestSubnetWinsWhateverTheOrder) {
    EXPECT_EQ(from("203.0.113.1").answer, (std::vector<std::string>{"www.example. 30 A 10.2.0.1",
                                                                    "www.example. 30 A 10.2.0.2"}));
    EXPECT_EQ(rule_, "lab");
    from("203.0.113.200");
    EXPECT_EQ(rule_, "host");
    EXPECT_EQ(from("198.51.100.1").answer.size(), 1U);
    EXPECT_EQ(rule_, "rest");
    EXPECT_EQ(pool_, "one");
}

TEST_F(Policy, WeightsHoldForPools) {
    std::map<std::string, int> counts;
    for (int i = 0; i < 4000; ++i) ++counts[from("198.51.100.1").answer.at(0)];
    EXPECT_NEAR(counts["www.example. 30 A 10.1.0.1"], 3000, 150);
    EXPECT_NEAR(counts["www.example. 30 A 10.1.0.2"], 1000, 150);
}

TEST_F(Policy, OtherTypesAndFamilies) {
    EXPECT_EQ(from("198.51.100.1", "www.example.", RRType::TXT).answer,
              std::vector<std::string>{"www.example. 300 TXT \"beside\""});
    const Answered mx = from("198.51.100.1", "www.example.", RRType::MX);
    EXPECT_EQ(mx.report.rcode, dns::RCode::NoError);
    EXPECT_EQ(mx.authority.size(), 1U);
    EXPECT_EQ(from("198.51.100.1", "www.example.", RRType::AAAA).answer,
              std::vector<std::string>{"www.example. 30 AAAA 2001:db8:1::1"});
    // The lab's pool has no AAAA at all: NODATA, never NXDOMAIN.
    const Answered none = from("203.0.113.1", "www.example.", RRType::AAAA);
    EXPECT_EQ(none.report.rcode, dns::RCode::NoError);
    EXPECT_TRUE(none.answer.empty());
    EXPECT_EQ(none.authority.size(), 1U);
}

TEST_F(Policy, ScopeIsTheDepthOfTheJoinedLeaf) {
    EXPECT_EQ(from("203.0.113.1").report.scope_length, std::uint8_t{0});  // no option: transport
    EXPECT_EQ(with_subnet("203.0.113.0/24").report.scope_length, std::uint8_t{25});
    EXPECT_EQ(with_subnet("203.0.112.0/24").report.scope_length, std::uint8_t{24});
    EXPECT_EQ(with_subnet("10.0.0.0/24").report.scope_length, std::uint8_t{1});
    EXPECT_FALSE(ask("target.example.", RRType::A).report.scope_length.has_value());
    subnet_ = dns::ClientSubnet{};  // length 0: use the transport address, scope 0
    client_ = *base::IpAddress::parse("203.0.113.1");
    const Answered got = ask("www.example.", RRType::A);
    EXPECT_EQ(got.report.scope_length, std::uint8_t{0});
    EXPECT_EQ(rule_, "lab");
}

TEST_F(Policy, HealthChoosesPoolAndMember) {
    health_.members[{"one", "a1"}] = {false, true};
    // 1 of 4 is up, less than half: the next pool, and the shorter TTL.
    EXPECT_EQ(from("198.51.100.1").answer.size(), 2U);
    EXPECT_EQ(pool_, "two");
    EXPECT_EQ(from("198.51.100.1").answer.at(0), "www.example. 7 A 10.2.0.1");
    EXPECT_EQ(from("198.51.100.1", "www.example.", RRType::AAAA).answer.size(), 1U);
    health_.members[{"one", "a1"}] = {true, true};
    health_.members[{"one", "a2"}] = {false, false};
    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(from("198.51.100.1").answer.at(0), "www.example. 7 A 10.1.0.1");
    }
}

TEST_F(Policy, AllDown) {
    for (const char* member : {"a1", "a2"}) health_.members[{"one", member}] = {false, false};
    for (const char* member : {"b1", "b2"}) health_.members[{"two", member}] = {false, false};
    const Answered serve_all = from("198.51.100.1");
    EXPECT_EQ(serve_all.answer.size(), 1U);
    EXPECT_EQ(pool_, "one");
    const std::string rules = R"("rules": [{"id": "rest", "when": "any", "pools": ["one"]}]})";
    policy("www.example.", (R"({"on_all_down": "servfail", )" + rules).c_str());
    EXPECT_EQ(from("198.51.100.1").report.rcode, dns::RCode::ServFail);
    policy("www.example.", (R"({"on_all_down": {"pool": "sticky"}, )" + rules).c_str());
    EXPECT_EQ(from("198.51.100.1").answer.size(), 1U);
    EXPECT_EQ(pool_, "sticky");
}

TEST_F(Policy, DrainedMembersGetNothingNewAndAreNotDown) {
    document("pools", "one", R"({"members": [
        {"id": "a1", "A": "10.1.0.1", "weight": 3, "status": "drain"},
        {"id": "a2", "A": "10.1.0.2", "weight": 1}]})");
    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(from("198.51.100.1").answer.at(0), "www.example. 30 A 10.1.0.2");
    }
}

TEST_F(Policy, HashKeepsAClientAtItsMember) {
    policy("stick.example.", R"({"rules": [{"id": "r", "when": "any", "pools": ["sticky"]}]})");
    std::map<std::string, std::string> chosen;
    std::set<std::string> used;
    for (int i = 0; i < 64; ++i) {
        const std::string client = "198.51." + std::to_string(i) + ".7";
        chosen[client] = from(client.c_str(), "stick.example.").answer.at(0);
        used.insert(chosen[client]);
        EXPECT_EQ(
            from(("198.51." + std::to_string(i) + ".99").c_str(), "stick.example.").answer.at(0),
            chosen[client]);
    }
    EXPECT_EQ(used.size(), 4U);
    EXPECT_EQ(with_subnet("198.51.100.0/24", "stick.example.").report.scope_length,
              std::uint8_t{24});
    // A member that goes moves only its own clients.
    health_.members[{"sticky", "h1"}] = {false, false};
    for (const auto& [client, before] : chosen) {
        const std::string now = from(client.c_str(), "stick.example.").answer.at(0);
        if (before.find("10.3.0.1") == std::string::npos) {
            EXPECT_EQ(now.substr(now.rfind(' ')), before.substr(before.rfind(' ')));
        } else {
            EXPECT_EQ(now.find("10.3.0.1"), std::string::npos);
        }
    }
}

TEST_F(Policy, CnamePoliciesAnswerEveryType) {
    policy("cn.example.",
           R"({"ttl": 20, "rules": [{"id": "r", "when": "any", "pools": ["names"]}]})", "CNAME");
    EXPECT_EQ(from("198.51.100.1", "cn.example.").answer,
              (std::vector<std::string>{"cn.example. 20 CNAME target.example.",
                                        "target.example. 300 A 192.0.2.7"}));
    EXPECT_EQ(from("198.51.100.1", "cn.example.", RRType::CNAME).answer.size(), 1U);
    EXPECT_EQ(from("198.51.100.1", "cn.example.", RRType::MX).answer.size(), 1U);
}

TEST_F(Policy, TheLongestScopeOfAChainCounts) {
    policy("cn.example.", R"({"rules": [
        {"id": "narrow", "when": {"subnets": ["203.0.113.0/28"]}, "pools": ["names"]},
        {"id": "r", "when": "any", "pools": ["names"]}]})",
           "CNAME");
    policy("target.example.", R"({"rules": [{"id": "r", "when": "any", "pools": ["two"]}]})");
    EXPECT_EQ(with_subnet("203.0.113.0/24", "cn.example.").report.scope_length, std::uint8_t{28});
}

TEST_F(Policy, AnyIsNeverNoData) {
    policy("only.example.", R"({"rules": [{"id": "r", "when": "any", "pools": ["one"]}]})");
    EXPECT_EQ(from("198.51.100.1", "only.example.", RRType::ANY).answer,
              std::vector<std::string>{"only.example. 3600 HINFO \"RFC8482\" \"\""});
}

TEST_F(Policy, WithoutDatabaseGeoRulesDoNotMatch) {
    policy("geo.example.", R"({"rules": [{"id": "eu", "when": {"geo": ["EU"]}, "pools": ["two"]},
                                         {"id": "r", "when": "any", "pools": ["one"]}]})");
    from("198.51.100.1", "geo.example.");
    EXPECT_EQ(rule_, "r");
}

TEST_F(Policy, UnknownPoolsAreRefused) {
    const auto result = commit(changes(
        zones::PutPolicy{name("example."), name("x.example."), "ADDRESS", "",
                         R"({"rules": [{"id": "r", "when": "any", "pools": ["nowhere"]}]})"}));
    ASSERT_FALSE(result);
    EXPECT_NE(faults(result).find("nowhere"), std::string::npos) << faults(result);
}

}  // namespace
}  // namespace zones_test
