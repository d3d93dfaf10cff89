// What read_response makes of responses that scenarios do not show one by one.
#include "resolver/response.h"

#include <gtest/gtest.h>

#include <sstream>

#include "dns/message.h"
#include "dns/message_writer.h"
#include "resolver/resolver.h"
#include "tests/resolver/scenario.h"

namespace {

using dns::RRType;
using resolver::Response;
using resolver::ResponseKind;

struct Case {
    const char* what;
    std::uint16_t flags;
    dns::RCode rcode;
    std::vector<std::string> records;
    ResponseKind kind;
};

std::vector<std::uint8_t> message(const Case& item, dns::NameView qname, RRType qtype) {
    std::vector<std::uint8_t> octets(dns::kMaxMessageOctets);
    dns::MessageWriter writer(octets);
    writer.header(7, static_cast<std::uint16_t>(dns::kFlagQR | item.flags |
                                                static_cast<unsigned>(item.rcode)));
    (void)writer.question(qname, qtype, dns::RRClass::IN);
    for (const std::string& text : item.records) {
        std::istringstream words(text);
        std::vector<std::string> parts;
        for (std::string word; words >> word;) parts.push_back(word);
        const auto record = scenario::parse_record(parts);
        if (!record) {
            ADD_FAILURE() << text;
            continue;
        }
        const dns::Section section = record->section == "answer"      ? dns::Section::Answer
                                     : record->section == "authority" ? dns::Section::Authority
                                                                      : dns::Section::Additional;
        (void)writer.record(section, record->owner, record->type, dns::RRClass::IN, record->ttl,
                            record->rdata);
    }
    octets.resize(writer.finish());
    return octets;
}

TEST(Response, Kinds) {
    constexpr auto kAA = dns::kFlagAA;
    const std::string soa = "authority example.com. 60 SOA ns. host. 1 2 3 4 5";
    const Case cases[] = {
        {"answer",
         kAA,
         dns::RCode::NoError,
         {"answer www.example.com. 60 A 192.0.2.1"},
         ResponseKind::Answer},
        {"answer without AA",
         0,
         dns::RCode::NoError,
         {"answer www.example.com. 60 A 192.0.2.1"},
         ResponseKind::Answer},
        {"answer of a recursive server",
         dns::kFlagRA,
         dns::RCode::NoError,
         {"answer www.example.com. 60 A 192.0.2.1"},
         ResponseKind::Lame},
        {"alias out of the zone",
         kAA,
         dns::RCode::NoError,
         {"answer www.example.com. 60 CNAME www.other.net."},
         ResponseKind::Alias},
        {"alias out of the zone with NXDOMAIN",
         kAA,
         dns::RCode::NXDomain,
         {"answer www.example.com. 60 CNAME www.other.net.",
          "authority other.net. 60 SOA ns. host. 1 2 3 4 5"},
         ResponseKind::Alias},
        {"alias within the zone to nothing",
         kAA,
         dns::RCode::NXDomain,
         {"answer www.example.com. 60 CNAME web.example.com.", soa},
         ResponseKind::NXDomain},
        {"two aliases at one name",
         kAA,
         dns::RCode::NoError,
         {"answer www.example.com. 60 CNAME a.example.com.",
          "answer www.example.com. 60 CNAME b.example.com."},
         ResponseKind::Malformed},
        {"no data", kAA, dns::RCode::NoError, {soa}, ResponseKind::NoData},
        {"no data, bare", kAA, dns::RCode::NoError, {}, ResponseKind::NoData},
        {"nothing without AA", 0, dns::RCode::NoError, {}, ResponseKind::Lame},
        {"no data without AA from a recursive server",
         dns::kFlagRA,
         dns::RCode::NoError,
         {soa},
         ResponseKind::Lame},
        {"NXDOMAIN", kAA, dns::RCode::NXDomain, {soa}, ResponseKind::NXDomain},
        {"NXDOMAIN without AA", 0, dns::RCode::NXDomain, {soa}, ResponseKind::Lame},
        {"referral",
         0,
         dns::RCode::NoError,
         {"authority www.example.com. 60 NS ns."},
         ResponseKind::Referral},
        {"referral elsewhere",
         0,
         dns::RCode::NoError,
         {"authority mail.example.com. 60 NS ns."},
         ResponseKind::Lame},
        {"referral to the zone itself",
         0,
         dns::RCode::NoError,
         {"authority example.com. 60 NS ns."},
         ResponseKind::Lame},
        {"referral upwards",
         0,
         dns::RCode::NoError,
         {"authority com. 60 NS ns."},
         ResponseKind::Lame},
        {"REFUSED", 0, dns::RCode::Refused, {}, ResponseKind::Refused},
        {"SERVFAIL", 0, dns::RCode::ServFail, {}, ResponseKind::ServerFailure},
        {"NOTIMP", 0, dns::RCode::NotImp, {}, ResponseKind::NoEdns},
        {"truncated",
         kAA | dns::kFlagTC,
         dns::RCode::NoError,
         {"answer www.example.com. 60 A 192.0.2.1"},
         ResponseKind::Truncated},
    };
    const dns::Name qname = *dns::Name::parse("www.example.com.");
    const dns::Name zone = *dns::Name::parse("example.com.");
    for (const Case& item : cases) {
        const auto octets = message(item, qname, RRType::A);
        EXPECT_EQ(resolver::read_response(octets, {qname, RRType::A, zone}).kind, item.kind)
            << item.what;
    }
}

TEST(Response, TakesTheLowestTtlOfAnRRset) {
    const dns::Name qname = *dns::Name::parse("www.example.com.");
    const Case item{
        "",
        dns::kFlagAA,
        dns::RCode::NoError,
        {"answer www.example.com. 60 A 192.0.2.1", "answer www.example.com. 30 A 192.0.2.2",
         "answer www.example.com. 30 A 192.0.2.2"},
        ResponseKind::Answer};
    const auto octets = message(item, qname, RRType::A);
    const Response response = resolver::read_response(octets, {qname, RRType::A, {}});
    ASSERT_EQ(response.answer.size(), 1U);
    EXPECT_EQ(response.answer[0].records.view().ttl(), 30U);
    EXPECT_EQ(response.answer[0].records.count(), 2U);  // duplicates are suppressed
}

TEST(Response, WithTooManyRecordsIsNotRead) {
    const dns::Name qname = *dns::Name::parse("www.example.com.");
    Case item{"", dns::kFlagAA, dns::RCode::NoError, {}, ResponseKind::Malformed};
    for (std::size_t i = 0; i <= resolver::kMaxResponseRecords; ++i) {
        item.records.push_back("answer www.example.com. 60 A 10.0." + std::to_string(i / 256) +
                               "." + std::to_string(i % 256));
    }
    auto octets = message(item, qname, RRType::A);
    EXPECT_EQ(resolver::read_response(octets, {qname, RRType::A, {}}).kind,
              ResponseKind::Malformed);
    item.records.pop_back();
    octets = message(item, qname, RRType::A);
    EXPECT_EQ(resolver::read_response(octets, {qname, RRType::A, {}}).kind, ResponseKind::Answer);
}

TEST(Response, AnyPrefixOfAMessageIsRefusedNotReadPast) {
    const dns::Name qname = *dns::Name::parse("www.example.com.");
    const Case item{"",
                    dns::kFlagAA,
                    dns::RCode::NoError,
                    {"answer www.example.com. 60 CNAME web.example.com.",
                     "answer web.example.com. 30 A 192.0.2.2"},
                    ResponseKind::Answer};
    const auto octets = message(item, qname, RRType::A);
    for (std::size_t size = 0; size < octets.size(); ++size) {
        const std::vector<std::uint8_t> cut(octets.begin(),
                                            octets.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_EQ(resolver::read_response(cut, {qname, RRType::A, {}}).kind,
                  ResponseKind::Malformed)
            << size;
    }
}

}  // namespace
