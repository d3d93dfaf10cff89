#include "admin/documents.h"

#include <gtest/gtest.h>

#include "dns/presentation.h"

namespace admin {
namespace {

dns::Name name(const char* text) {
    return *dns::Name::parse(text);
}
const dns::Name kZone = name("example.com.");

Json json(std::string_view text) {
    auto parsed = Json::parse(text);
    EXPECT_TRUE(parsed) << text;
    if (!parsed) return nullptr;
    return std::move(*parsed);
}

std::vector<std::string> pointers(const Faults& faults) {
    std::vector<std::string> out;
    for (const Fault& fault : faults.list) out.push_back(fault.pointer);
    return out;
}

TEST(Names, AreAbsoluteAtOrUnderTheZoneElseRelative) {
    const std::pair<const char*, const char*> rows[] = {
        {"@", "example.com."},
        {"www", "www.example.com."},
        {"www.example.com", "www.example.com."},
        {"www.example.com.", "www.example.com."},
        {"WWW.Example.COM", "WWW.Example.COM."},
        {"example.com", "example.com."},
        {"a.b", "a.b.example.com."},
        {"www.example.org", "www.example.org.example.com."},
        {"www.example.org.", "www.example.org."},
        {"*.w", "*.w.example.com."},
        {"odd\\.", "odd\\..example.com."},
        {"odd\\\\.", "odd\\\\."},
    };
    for (const auto& row : rows) {
        const auto parsed = parse_name(row.first, kZone);
        ASSERT_TRUE(parsed) << row.first;
        EXPECT_EQ(parsed->to_text(), row.second) << row.first;
    }
    EXPECT_FALSE(parse_name("", kZone));
    EXPECT_FALSE(parse_name("a..b", kZone));
    EXPECT_FALSE(parse_name(std::string(64, 'x'), kZone));
    EXPECT_FALSE(parse_zone_name(""));
    EXPECT_EQ(parse_zone_name("example.com")->to_text(), "example.com.");
}

TEST(Names, AreEncodedInUrls) {
    EXPECT_EQ(encode_segment("0/25.2"), "0%2F25.2");
    EXPECT_EQ(encode_segment("a b?#%\\"), "a%20b%3F%23%25%5C");
    EXPECT_EQ(rrset_url(kZone, name("*.w.example.com."), dns::RRType::TXT, "in side"),
              "/v1/zones/example.com./rrsets/*.w.example.com./TXT?view=in%20side");
}

TEST(RRsetDocument, ReadsStringsAndObjects) {
    Faults faults;
    const auto value = parse_rrset_value(json(R"({"ttl":60,"count":1,"records":["192.0.2.1",
                {"data":"192.0.2.2","weight":3,"disabled":false,"comment":""}]})"),
                                         kZone, dns::RRType::A, "", faults);
    EXPECT_TRUE(faults.none());
    EXPECT_EQ(value.ttl, 60U);
    ASSERT_EQ(value.records.size(), 2U);
    EXPECT_EQ(value.records[1], (std::vector<std::uint8_t>{192, 0, 2, 2}));
    EXPECT_EQ(value.weights, (std::vector<std::uint16_t>{1, 3}));
}

TEST(RRsetDocument, NoWeightsMeansNotWeighted) {
    Faults faults;
    const auto value = parse_rrset_value(json(R"({"ttl":0,"records":["192.0.2.1"]})"), kZone,
                                         dns::RRType::A, "", faults);
    EXPECT_TRUE(faults.none());
    EXPECT_TRUE(value.weights.empty());
}

TEST(RRsetDocument, RelativeNamesInRdataAreCompleted) {
    Faults faults;
    const auto value = parse_rrset_value(json(R"({"ttl":60,"records":["10 mail"]})"), kZone,
                                         dns::RRType::MX, "", faults);
    ASSERT_TRUE(faults.none());
    EXPECT_EQ(dns::format_rdata(dns::RRType::MX, value.records[0]), "10 mail.example.com.");
}

// All faults of a document, each with the place where it stands.
TEST(RRsetDocument, FaultsHavePointers) {
    struct Row {
        const char* document;
        std::vector<std::string> faults;
    };
    const Row rows[] = {
        {R"({"ttl":60,"records":["nonsense","192.0.2.1","192.0.2.256"]})",
         {"/records/0", "/records/2"}},
        {R"({"ttl":-1,"records":["192.0.2.1"]})", {"/ttl"}},
        {R"({"ttl":2147483648,"records":["192.0.2.1"]})", {"/ttl"}},
        {R"({"ttl":1.5,"records":["192.0.2.1"]})", {"/ttl"}},
        {R"({"ttl":"60","records":["192.0.2.1"]})", {"/ttl"}},
        {R"({"records":["192.0.2.1"]})", {"/ttl"}},
        {R"({"ttl":60})", {"/records"}},
        {R"({"ttl":60,"records":[]})", {"/records"}},
        {R"({"ttl":60,"records":"192.0.2.1"})", {"/records"}},
        {R"({"ttl":60,"records":[7]})", {"/records/0"}},
        {R"({"ttl":60,"records":[{"weight":1}]})", {"/records/0/data"}},
        {R"({"ttl":60,"records":[{"data":"x"}]})", {"/records/0/data"}},
        {R"({"ttl":60,"records":[{"data":"192.0.2.1","weight":65536}]})", {"/records/0/weight"}},
        {R"({"ttl":60,"records":[{"data":"192.0.2.1","disabled":true}]})", {"/records/0/disabled"}},
        {R"({"ttl":60,"records":[{"data":"192.0.2.1","comment":"hi"}]})", {"/records/0/comment"}},
        {R"({"ttl":60,"records":[{"data":"192.0.2.1","wieght":1}]})", {"/records/0/wieght"}},
        {R"({"ttl":60,"count":2,"records":["192.0.2.1"]})", {"/count"}},
        {R"({"hidden":true,"records":["192.0.2.1"]})", {"/records"}},
        {R"({"hidden":1,"ttl":1,"records":["192.0.2.1"]})", {"/hidden"}},
    };
    for (const Row& row : rows) {
        Faults faults;
        (void)parse_rrset_value(json(row.document), kZone, dns::RRType::A, "", faults);
        EXPECT_EQ(pointers(faults), row.faults) << row.document;
    }
}

TEST(RRsetDocument, WeightsAreNotForAddAndRemove) {
    Faults faults;
    (void)parse_records(json(R"({"records":[{"data":"192.0.2.1","weight":2}]})"), kZone,
                        dns::RRType::A, "/3", faults);
    EXPECT_EQ(pointers(faults), (std::vector<std::string>{"/3/records/0/weight"}));
}

TEST(RRsetDocument, IsWrittenAsItIsRead) {
    for (
        const char* text :
        {R"({"name":"www.example.com.","type":"A","ttl":60,"records":["192.0.2.1"]})",
         R"({"name":"www.example.com.","type":"A","ttl":60,"records":[{"data":"192.0.2.1","weight":0},{"data":"192.0.2.2","weight":9}],"count":1})",
         R"({"name":"www.example.com.","type":"A","hidden":true})"}) {
        Faults faults;
        zones::RRsetInfo info;
        info.name = name("www.example.com.");
        info.type = dns::RRType::A;
        info.value = parse_rrset_value(json(text), kZone, dns::RRType::A, "", faults);
        EXPECT_TRUE(faults.none()) << text;
        EXPECT_EQ(rrset_json(info, "").dump(), text);
    }
}

TEST(ZoneDocument, NameAndServersSuffice) {
    Faults faults;
    const auto zone =
        parse_zone(json(R"({"name":"example.com","ns":["ns1","ns.example.org."]})"), faults);
    ASSERT_TRUE(faults.none());
    EXPECT_EQ(zone.apex.to_text(), "example.com.");
    ASSERT_EQ(zone.ns.size(), 2U);
    EXPECT_EQ(zone.ns[0].to_text(), "ns1.example.com.");
    EXPECT_EQ(zone.ns[1].to_text(), "ns.example.org.");
    EXPECT_FALSE(zone.soa_rdata);
}

TEST(ZoneDocument, SoaIsFilledUp) {
    Faults faults;
    const auto zone = parse_zone(
        json(R"({"name":"example.com.","ns":["ns1"],"soa":{"serial":7,"minimum":60}})"), faults);
    ASSERT_TRUE(faults.none());
    ASSERT_TRUE(zone.soa_rdata);
    EXPECT_EQ(soa_json(*zone.soa_rdata).dump(),
              R"({"mname":"ns1.example.com.","rname":"hostmaster.example.com.","serial":7,)"
              R"("refresh":7200,"retry":3600,"expire":1209600,"minimum":60})");
}

TEST(ZoneDocument, FaultsHavePointers) {
    Faults faults;
    (void)parse_zone(json(R"({"name":"a..b","ns":["ok",3,"x..y"],"comment":1,"view":2,"sao":{},
                             "soa":{"serial":-1,"mname":5}})"),
                     faults);
    EXPECT_EQ(pointers(faults),
              (std::vector<std::string>{"/sao", "/name", "/ns/1", "/ns/2", "/view", "/comment",
                                        "/soa/mname", "/soa/serial"}));
    Faults none;
    (void)parse_zone(json("[]"), none);
    EXPECT_EQ(pointers(none), (std::vector<std::string>{""}));
}

TEST(Problem, TheGravestFaultDecidesTheStatus) {
    using Kind = zones::ChangeFault::Kind;
    const auto status = [](std::vector<Kind> kinds, bool creates = false) {
        Refused error;
        for (const Kind kind : kinds) error.faults.push_back({kind, 0, "", "why"});
        return problem(error, {}, creates).status;
    };
    EXPECT_EQ(status({Kind::Invalid}), 422);
    EXPECT_EQ(status({Kind::Invalid, Kind::Precondition}), 412);
    EXPECT_EQ(status({Kind::Precondition}, true), 409);
    EXPECT_EQ(status({Kind::Exists}), 409);
    EXPECT_EQ(status({Kind::NotFound, Kind::Invalid}), 404);
    EXPECT_EQ(status({Kind::Precondition, Kind::Unavailable}), 503);
    EXPECT_EQ(status({}), 500);
    Refused forbidden;
    forbidden.forbidden = true;
    forbidden.faults.push_back({Kind::Invalid, 0, "", "not this one"});
    EXPECT_EQ(problem(forbidden).status, 403);
}

TEST(Problem, ListsAllFaultsInTheirPlaces) {
    Refused error;
    error.faults.push_back({zones::ChangeFault::Kind::Invalid, 1, "/records/0", "bad"});
    error.faults.push_back({zones::ChangeFault::Kind::Invalid, 0, "", "worse"});
    const Reply reply = problem(error, {"/0", "/1"});
    EXPECT_EQ(reply.headers.get("content-type"), "application/problem+json");
    const Json document = json(reply.body);
    EXPECT_EQ(document.find("errors")->dump(),
              R"([{"pointer":"/1/records/0","detail":"bad"},{"pointer":"/0","detail":"worse"}])");
    EXPECT_EQ(problem(503, "full").headers.get("retry-after"), "1");
}

}  // namespace
}  // namespace admin
