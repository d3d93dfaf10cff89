// What scopes and patterns of names allow.
#include <gtest/gtest.h>

#include "admin/access.h"

namespace admin {
namespace {

dns::Name name(std::string_view text) {
    return *dns::Name::parse(text);
}

TEST(NamePattern, AStarStandsForOneOrMoreLabels) {
    struct Row {
        const char* pattern;
        const char* name;
        bool matches;
    };
    const Row rows[] = {
        {"example.com.", "Example.COM.", true},
        {"example.com.", "www.example.com.", false},
        {"*.example.com.", "example.com.", false},
        {"*.example.com.", "a.example.com.", true},
        {"*.example.com.", "b.a.example.com.", true},
        {"*.example.com.", "*.example.com.", true},
        {"_acme-challenge.*", "_acme-challenge.www.example.com.", true},
        {"_acme-challenge.*", "_ACME-challenge.example.", true},
        {"_acme-challenge.*", "_acme-challenge.", false},
        {"_acme-challenge.*", "www._acme-challenge.example.com.", false},
        {"_acme-challenge.*", "x_acme-challenge.example.com.", false},
        {"*", "com.", true},
        {"*", "a.b.c.", true},
        {"*", ".", false},
        {".", ".", true},
        {"a.*.c.*", "a.b.c.d.", true},
        {"a.*.c.*", "a.b.x.c.c.d.", true},
        {"a.*.c.*", "a.c.d.", false},
        {"a.*.c.*", "a.b.c.", false},
        {"*.*", "a.", false},
        {"*.*", "a.b.", true},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(matches_pattern(name(row.pattern), name(row.name)), row.matches)
            << row.pattern << ' ' << row.name;
    }
}

Rights rights(const std::string& scopes) {
    Faults faults;
    Rights out = Rights::parse(*Json::parse(scopes), "", faults);
    EXPECT_TRUE(faults.none()) << faults.list.front().message;
    return out;
}

TEST(Rights, AreTheUnionOfScopes) {
    const Rights both = rights(
        R"([{"verbs":["read"],"zones":["a.example."]},
            {"verbs":["write"],"zones":["b.example."],"types":["TXT"]}])");
    const dns::Name a = name("a.example.");
    const dns::Name b = name("b.example.");
    EXPECT_TRUE(both.zone(Verb::Read, a));
    EXPECT_FALSE(both.zone(Verb::Write, a));
    EXPECT_FALSE(both.some_of(Verb::Read, b));
    EXPECT_TRUE(both.some_of(Verb::Write, b));
    EXPECT_FALSE(both.zone(Verb::Write, b));
    EXPECT_TRUE(both.rrset(Verb::Write, b, name("x.b.example."), dns::RRType::TXT));
    EXPECT_FALSE(both.rrset(Verb::Write, b, name("x.b.example."), dns::RRType::A));
    EXPECT_FALSE(both.everything(Verb::Read));
    EXPECT_FALSE(both.some(Verb::Metrics));
    EXPECT_TRUE(rights(R"([{"verbs":["metrics"]}])").some(Verb::Metrics));
    EXPECT_FALSE(rights(R"([{"verbs":["metrics"]}])").some(Verb::Read));
    EXPECT_TRUE(Rights::all().some(Verb::Metrics));
    EXPECT_FALSE(Rights().some(Verb::Read));
}

TEST(Rights, PoliciesAreTheRecordsTheyAnswerWith) {
    const dns::Name zone = name("a.example.");
    const Rights half = rights(R"([{"verbs":["write"],"types":["A"]}])");
    EXPECT_FALSE(half.policy(Verb::Write, zone, zone, "ADDRESS"));
    const Rights whole = rights(R"([{"verbs":["write"],"types":["A","AAAA"]}])");
    EXPECT_TRUE(whole.policy(Verb::Write, zone, zone, "ADDRESS"));
    EXPECT_FALSE(whole.policy(Verb::Write, zone, zone, "CNAME"));
}

TEST(Rights, WhatIsNotUnderstoodGrantsNothing) {
    for (const char* scopes :
         {R"([{"verbs":["read"],"colour":["red"]}])", R"([{"zones":["a.example."]}])",
          R"([{"verbs":[]}])", R"([{"verbs":["read"],"zones":[]}])", R"([{"verbs":["rule"]}])",
          R"([{"verbs":["read"],"types":["BOGUS"]}])", R"([{"verbs":"read"}])", R"(["read"])",
          R"([{"verbs":["read"],"names":["a..b"]}])", R"({})"}) {
        Faults faults;
        const Rights out = Rights::parse(*Json::parse(scopes), "", faults);
        EXPECT_FALSE(faults.none()) << scopes;
        EXPECT_FALSE(out.some(Verb::Read)) << scopes;
    }
}

}  // namespace
}  // namespace admin
