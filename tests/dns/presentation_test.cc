#include "dns/presentation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <span>
#include <string>

#include "base/octets.h"
#include "dns/rdata.h"

namespace dns {
namespace {

TEST(Presentation, RoundTrips) {
    const struct {
        RRType type;
        const char* text;
        const char* written;  // null: the same
    } cases[] = {
        {RRType::A, "192.0.2.1", nullptr},
        {RRType::AAAA, "2001:DB8::1", "2001:db8::1"},
        {RRType::NS, "ns1", "ns1.example."},
        {RRType::CNAME, "@", "example."},
        {RRType::CNAME, "MiXed.Case.", nullptr},
        {RRType::PTR, "host.example.", nullptr},
        {RRType::MX, "10 mail", "10 mail.example."},
        {RRType::MX, "0 .", nullptr},
        {RRType::SOA, "ns1. h. 1 4294967295 2147483648 2w 300",
         "ns1. h. 1 4294967295 2147483648 1209600 300"},
        {RRType::SOA, "ns1 hostmaster 4294967295 2h 1h 2w 5m",
         "ns1.example. hostmaster.example. 4294967295 7200 3600 1209600 300"},
        {RRType::TXT, "word \"two words\" \"q\\\"uote\" \\195\\164",
         "\"word\" \"two words\" \"q\\\"uote\" \"\\195\\164\""},
        {RRType::TXT, "\"\"", nullptr},
        {RRType::TXT, "semi\\;colon", "\"semi;colon\""},
        {RRType::SRV, "1 2 5060 sip", "1 2 5060 sip.example."},
        {RRType::HINFO, "\"CPU\" \"OS\"", nullptr},
        {RRType::CAA, "0 issue \"letsencrypt.org\"", nullptr},
        {RRType::DS, "60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118", nullptr},
        {RRType::SSHFP, "1 1 aabbccdd", nullptr},
        {RRType::TLSA, "3 1 1 00112233", nullptr},
        {RRType::NAPTR, "100 50 \"s\" \"http+I2R\" \"\" _http._tcp.example.com.", nullptr},
        {RRType::LOC, "51 30 12.748 N 0 7 39.612 W 0.00m 1m 10m 10m", ""},
        {RRType::HTTPS, "1 . alpn=h2,h3 ipv4hint=192.0.2.1", nullptr},
        {RRType::SVCB, "0 svc.example.", nullptr},
        {RRType::DNAME, "target", "target.example."},
        {RRType::RP, "admin txt", "admin.example. txt.example."},
        {RRType::AVC, "\"app\"", nullptr},
        {RRType::RESINFO, "qnamemin \"exterr=15-17\"", "\"qnamemin\" \"exterr=15-17\""},
        {RRType::AMTRELAY, "\\# 2 0a00", "10 0 0 ."},
        {RRType::AMTRELAY, "10 1 3 relay", "10 1 3 relay.example."},
        {RRType::ZONEMD, "1 1 1 AABBCCDD EEFF00112233 4455", "1 1 1 aabbccddeeff001122334455"},
        {static_cast<RRType>(65400), "\\# 3 abcdef", nullptr},
        {static_cast<RRType>(65400), "\\# 0", nullptr},
        {RRType::A, "\\# 4 c0000201", "192.0.2.1"},
    };
    const Name origin = *Name::parse("example.");
    for (const auto& c : cases) {
        const auto rdata = parse_rdata(c.type, c.text, origin);
        ASSERT_TRUE(rdata) << to_text(c.type) << " " << c.text << ": " << rdata.error().message;
        const std::string written = format_rdata(c.type, *rdata);
        if (c.written == nullptr || *c.written != '\0') {
            EXPECT_EQ(written, c.written == nullptr ? c.text : c.written);
        }
        const auto again = parse_rdata(c.type, written, NameView());
        ASSERT_TRUE(again) << written;
        EXPECT_EQ(*again, *rdata) << written;
    }
}

TEST(Presentation, RefusesWhatIsNoRdata) {
    const struct {
        RRType type;
        const char* text;
    } cases[] = {
        {RRType::A, ""},
        {RRType::A, "192.0.2.256"},
        {RRType::A, "192.0.2.1 192.0.2.2"},
        {RRType::A, "\\# 3 c00002"},
        {RRType::A, "\\# 4 c000"},
        {RRType::AAAA, "192.0.2.1"},
        {RRType::MX, "mail.example."},
        {RRType::MX, "65536 mail.example."},
        {RRType::MX, "-1 mail.example."},
        {RRType::CNAME, "a..b."},
        {RRType::SOA, "ns1. host. 1 2 3 4"},
        {RRType::SOA, "ns1. host. 4294967296 2 3 4 5"},
        {RRType::SOA, "ns1. host. 1 4294967296 3 4 5"},
        {RRType::TXT, ""},
        {RRType::TXT, "\"no end"},
        {RRType::TXT, "\"a\"b"},
        {RRType::TXT, "\\300"},
        {RRType::CAA, "0 issue"},
        {RRType::DS, "1 2 3 xyz"},
        {RRType::AMTRELAY, "10 0 0 a."},
        {RRType::AMTRELAY, "10 2 0 ."},
        {RRType::AMTRELAY, "10 0 4 ."},
        {RRType::AMTRELAY, "10 0 1 ::1"},
        {RRType::AMTRELAY, "10 0 0"},
        {RRType::ZONEMD, "1 1 1 aabbccddeeff0011223344"},
        {RRType::ZONEMD, "4294967296 1 1 aabbccddeeff001122334455"},
        {RRType::ZONEMD, "1 1 x aabbccddeeff001122334455"},
        {RRType::DSYNC, "CDS NOTIFY 65536 a."},
        {RRType::DSYNC, "NOTYPE NOTIFY 53 a."},
        {RRType::RKEY, "0 3 8 ***"},
        {static_cast<RRType>(65400), "text"},
        {static_cast<RRType>(65400), "\\# 3 abcd"},
        {static_cast<RRType>(65400), "\\# x ab"},
        {static_cast<RRType>(65400), "\\#"},
    };
    for (const auto& c : cases) {
        EXPECT_FALSE(parse_rdata(c.type, c.text, NameView())) << to_text(c.type) << " " << c.text;
    }
    EXPECT_FALSE(parse_rdata(RRType::TXT, std::string(256, 'a'), NameView()));
    EXPECT_TRUE(parse_rdata(RRType::TXT, std::string(255, 'a'), NameView()));
}

TEST(Presentation, RdataThatItsTypeCannotShowIsGeneric) {
    const std::uint8_t raw[] = {1, 2, 3};
    EXPECT_EQ(format_rdata(RRType::A, raw), "\\# 3 010203");
    EXPECT_EQ(format_rdata(RRType::CAA, base::Octets(raw, 1)), "\\# 1 01");
    EXPECT_EQ(format_rdata(RRType::MX, raw), "\\# 3 010203");
}

TEST(Ttl, UnitsAndLimits) {
    EXPECT_EQ(*parse_ttl("0"), 0U);
    EXPECT_EQ(*parse_ttl("1w2d3h4m5s"), 604800U + 2 * 86400 + 3 * 3600 + 4 * 60 + 5);
    EXPECT_EQ(*parse_ttl("1H30"), 3630U);
    EXPECT_EQ(*parse_ttl("2147483647"), 2147483647U);
    for (const char* text :
         {"", "-1", "h", "1x", "2147483648", "9999999999999999999999", "3551w"}) {
        EXPECT_FALSE(parse_ttl(text)) << text;
    }
}

TEST(Rdata, EqualityFoldsTheCaseOfNamesOnly) {
    const auto rdata = [](RRType type, const char* text) {
        return *parse_rdata(type, text, NameView());
    };
    EXPECT_TRUE(rdata_equal(RRType::MX, rdata(RRType::MX, "1 A.b."), rdata(RRType::MX, "1 a.B.")));
    EXPECT_FALSE(rdata_equal(RRType::MX, rdata(RRType::MX, "1 a.b."), rdata(RRType::MX, "2 a.b.")));
    EXPECT_FALSE(rdata_equal(RRType::TXT, rdata(RRType::TXT, "A"), rdata(RRType::TXT, "a")));
    EXPECT_TRUE(serial_newer(1, 0));
    EXPECT_TRUE(serial_newer(0, 0xffffffffU));
    EXPECT_FALSE(serial_newer(0x80000000U, 0));
}

TEST(RRset, ManyAtOnceAreAddedAsOneByOne) {
    std::mt19937 random(7);
    for (int round = 0; round < 200; ++round) {
        std::vector<std::vector<std::uint8_t>> records;
        for (int i = 0; i < 40; ++i) {
            const std::string name(1, static_cast<char>("abcdABCD"[random() % 8]));
            records.push_back(*parse_rdata(RRType::NS, name + '.' + name + '.', NameView()));
        }
        const std::size_t half = random() % records.size();
        RRset one_by_one(RRType::NS, 300);
        RRset at_once(RRType::NS, 300);
        std::vector<bool> added;
        for (std::size_t i = 0; i < records.size(); ++i) {
            const bool fresh = one_by_one.add(records[i]);
            if (i < half) {
                (void)at_once.add(records[i]);
            } else {
                added.push_back(fresh);
            }
        }
        EXPECT_EQ(at_once.add_each(std::span(records).subspan(half)), added);
        EXPECT_TRUE(std::ranges::equal(at_once.view().octets(), one_by_one.view().octets()));
        (void)at_once.remove_each(std::span(records).first(half + 1));
        for (std::size_t i = 0; i <= half; ++i) EXPECT_FALSE(at_once.contains(records[i]));
        ASSERT_TRUE(RRsetView::check(at_once.view().octets()));
    }
}

TEST(RRset, SuppressesDuplicatesAndRemoves) {
    RRset set(RRType::NS, 300);
    EXPECT_TRUE(set.add(*parse_rdata(RRType::NS, "a.b.", NameView())));
    EXPECT_FALSE(set.add(*parse_rdata(RRType::NS, "A.B.", NameView())));
    EXPECT_TRUE(set.add(*parse_rdata(RRType::NS, "c.", NameView())));
    EXPECT_EQ(set.count(), 2);
    ASSERT_TRUE(RRsetView::check(set.view().octets()));
    const std::vector<std::vector<std::uint8_t>> unwanted = {
        *parse_rdata(RRType::NS, "a.B.", NameView()), *parse_rdata(RRType::NS, "d.", NameView())};
    EXPECT_EQ(set.remove_each(unwanted), (std::vector<bool>{true, false}));
    EXPECT_EQ(set.remove_each(unwanted), (std::vector<bool>{false}));
    EXPECT_EQ(set.count(), 1);
    EXPECT_TRUE(set.contains(*parse_rdata(RRType::NS, "c.", NameView())));
    const auto octets = set.view().octets();
    EXPECT_FALSE(RRsetView::check(octets.first(octets.size() - 1)));
}

}  // namespace
}  // namespace dns
