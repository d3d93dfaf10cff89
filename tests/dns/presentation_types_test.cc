// Every type there is, and the service bindings of RFC 9460, Appendix D.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "base/octets.h"
#include "base/random.h"
#include "dns/presentation.h"
#include "dns/rdata.h"

namespace dns {
namespace {

using Wire = std::vector<std::uint8_t>;

TEST(Presentation, RoundTripsOfRarerTypes) {
    const struct {
        RRType type;
        const char* text;
    } cases[] = {
        {RRType::MINFO, "rmailbx.example. emailbx.example."},
        {RRType::WKS, "192.0.2.1 tcp 25 80"},
        {RRType::AFSDB, "1 afs.example."},
        {RRType::X25, "\"311061700956\""},
        {RRType::ISDN, "\"150862028003217\" \"004\""},
        {RRType::RT, "10 relay.example."},
        {RRType::NSAP, "0x47000580005a0000000001e133ffffff00016100"},
        {RRType::KEY, "256 3 5 AQPSKmynfzW4kyBv015MUG2DeIQ3"},
        {RRType::PX, "10 map822.example. mapx400.example."},
        {RRType::GPOS, "-32.6882 116.8652 10.0"},
        {RRType::KX, "1 kx.example."},
        {RRType::CERT, "PGP 0 0 AQPSKmynfzW4kyBv015MUG2DeIQ3"},
        {RRType::APL, "1:192.168.32.0/21 !1:192.168.38.0/28 2:ff00::/8"},
        {RRType::IPSECKEY, "10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ=="},
        {RRType::IPSECKEY, "10 3 2 gw.example. AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ=="},
        {RRType::RRSIG,
         "A 5 3 86400 20030322173103 20030220173103 2642 example.com. "
         "oJB1W6WNGv+ldvQ3WDG0MQkg5IEhjRip8WTrPYGv07h108dUKGMeDPKijVCHX3DDKdfb+v6o"},
        {RRType::NSEC, "host.example.com. A MX RRSIG NSEC TYPE1234"},
        {RRType::DNSKEY, "256 3 5 AQPSKmynfzW4kyBv015MUG2DeIQ3Cbl+BBZH4b/0PY1kxkmvHjcZc8no"},
        {RRType::DHCID, "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA="},
        {RRType::NSEC3,
         "1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr MX DNSKEY NS SOA NSEC3PARAM RRSIG"},
        {RRType::NSEC3PARAM, "1 0 12 aabbccdd"},
        {RRType::NSEC3PARAM, "1 0 0 -"},
        {RRType::SMIMEA, "3 0 0 aabbcc"},
        {RRType::HIP,
         "2 200100107B1A74DF365639CC39F1D578 "
         "AwEAAbdxyhNuSutc5EMzxTs9LBPCIkOFH8cIvM4p9+LrV4e19WzK00+CI6zBCQTdtWsuxKbWIy87UOoJTwkUs7l"
         "Bu+Upr1gsNrut79ryra+bSRGQb1slImA8YVJyuIDsj7kwzG7jnERNqnWxZ48AWkskmdHaVDP4BcelrTI3rMXdXF"
         "5D rvs.example."},
        {RRType::TALINK, "a.example. b.example."},
        {RRType::CDS, "60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118"},
        {RRType::CDNSKEY, "257 3 8 AQPSKmynfzW4kyBv015MUG2DeIQ3"},
        {RRType::OPENPGPKEY, "AQPSKmynfzW4kyBv015MUG2DeIQ3"},
        {RRType::CSYNC, "66 3 A NS AAAA"},
        {RRType::ZONEMD,
         "2018031900 1 1 "
         "c68090d90a7aed716bc459f9340e3d7c1370d4d24b7e2fc3a1ddc0b9a87153b9a9713b3c9ae5cc27777f98b8"
         "e730044c"},
        {RRType::AMTRELAY, "10 0 1 203.0.113.15"},
        {RRType::AMTRELAY, "10 0 2 2001:db8::15"},
        {RRType::AMTRELAY, "128 1 3 amtrelays.example.com."},
        {RRType::SPF, "\"v=spf1 -all\""},
        {RRType::NID, "10 0014:4fff:ff20:ee64"},
        {RRType::L32, "10 10.1.2.0"},
        {RRType::L64, "10 2001:0db8:1140:1000"},
        {RRType::LP, "10 l64.example."},
        {RRType::EUI48, "00-00-5e-00-53-2a"},
        {RRType::EUI64, "00-00-5e-ef-10-00-00-2a"},
        {RRType::URI, "10 1 \"ftp://ftp1.example.com/public\""},
        {RRType::CAA, "128 iodef \"mailto:security@example.com\""},
        {RRType::NINFO, "\"one\" \"two\""},
        {RRType::WALLET, "\"BTC\" \"abc\""},
        {RRType::DOA, "\\# 3 010203"},
        {RRType::RKEY, "256 3 8 AQPSKmynfzW4kyBv015MUG2DeIQ3"},
        {RRType::DSYNC, "CDS NOTIFY 5359 notify.example."},
        {RRType::DSYNC, "CSYNC 2 53 ."},
        {RRType::TA, "\\# 6 ec4505010102"},
        {RRType::DLV, "60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118"},
    };
    for (const auto& c : cases) {
        const auto rdata = parse_rdata(c.type, c.text, NameView());
        if (!rdata) {
            ADD_FAILURE() << to_text(c.type) << " " << c.text << ": " << rdata.error().message;
            continue;
        }
        const std::string written = format_rdata(c.type, *rdata);
        const auto again = parse_rdata(c.type, written, NameView());
        if (!again) {
            ADD_FAILURE() << to_text(c.type) << " " << written << ": " << again.error().message;
            continue;
        }
        EXPECT_EQ(*again, *rdata) << written;
        // Only what was entered in generic form may come out in it.
        EXPECT_EQ(written.substr(0, 2) == "\\#", std::string(c.text).substr(0, 2) == "\\#")
            << to_text(c.type) << " " << written;
        // With something behind it, it is an error or other rdata, never the same.
        const auto more = parse_rdata(c.type, std::string(c.text) + " zz/", NameView());
        EXPECT_TRUE(!more || *more != *rdata) << to_text(c.type);
        for (const char* tail : {" ; no comment", " )", " \"", "\\"}) {
            const auto wrong = parse_rdata(c.type, std::string(c.text) + tail, NameView());
            EXPECT_TRUE(!wrong || *wrong != *rdata) << to_text(c.type) << tail;
        }
    }
}

/// Anything may stand in a packet or a store: it must come out as text that reads back.
TEST(Presentation, WhateverIsWrittenReadsBack) {
    base::Random random(3);
    std::vector<std::uint16_t> types = {32768, 32769, 65280, 65535};
    for (std::uint16_t type = 1; type < 300; ++type) types.push_back(type);
    for (int round = 0; round < 60; ++round) {
        for (const std::uint16_t number : types) {
            const auto type = static_cast<RRType>(number);
            Wire rdata(random.below(60));
            const bool small = random.below(2) == 0;
            for (std::uint8_t& octet : rdata) {
                octet = static_cast<std::uint8_t>(random.below(small ? 6 : 256));
            }
            const std::string text = format_rdata(type, rdata);
            // Rdata its type forbids is shown in generic form, and refused when read.
            if (!rdata_valid(type, rdata)) {
                EXPECT_EQ(text.substr(0, 2), "\\#");
                continue;
            }
            const auto again = parse_rdata(type, text, NameView());
            ASSERT_TRUE(again) << to_text(type) << " " << text << " " << base::to_hex(rdata) << ": "
                               << again.error().message;
            ASSERT_EQ(*again, rdata) << to_text(type) << " " << text;
        }
    }
}

TEST(Presentation, AwkwardNamesReadBack) {
    for (const char* text :
         {"a\\\"b.example.", "a\\032b.example.", "a\\.b.example.", "\\@.example.", "a\\;b.example.",
          "a\\(b\\).example.", "\\$x.example.", "a\\\\b."}) {
        for (const RRType type : {RRType::NS, RRType::CNAME, RRType::DNAME, RRType::PTR}) {
            const auto rdata = parse_rdata(type, text, NameView());
            ASSERT_TRUE(rdata) << text;
            EXPECT_EQ(format_rdata(type, *rdata), text);
        }
    }
}

// 32 bits each (RFC 1035, 3.3.13), though a TTL has 31.
// ldns takes an escaped sign for the origin.
TEST(Presentation, NsecWithAtSigns) {
    const Name origin = *Name::parse("org.example.");
    const auto next_of = [&origin](const std::string& text) {
        const auto rdata = parse_rdata(RRType::NSEC, text + " A", origin);
        return rdata ? rdata_name(RRType::NSEC, *rdata).to_text() : "-";
    };
    EXPECT_EQ(next_of("@"), "org.example.");
    EXPECT_EQ(next_of("\\@"), "\\@.org.example.");
    EXPECT_EQ(next_of("\\@.z."), "\\@.z.");
    EXPECT_EQ(next_of("@.z."), "\\@.z.");
    EXPECT_EQ(next_of("a\\@.z."), "a\\@.z.");
    EXPECT_EQ(next_of("\\\\@.z."), "\\\\\\@.z.");
    EXPECT_EQ(next_of("\\@@.@.z."), "\\@\\@.\\@.z.");
    const auto wire = parse_rdata(RRType::NSEC, "\\@.z. A", origin);
    ASSERT_TRUE(wire);
    const auto again = parse_rdata(RRType::NSEC, format_rdata(RRType::NSEC, *wire), origin);
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, *wire);
}

TEST(Presentation, BitmapsOfNsec) {
    const auto rdata = parse_rdata(RRType::NSEC, "a. TYPE65535 CAA A TYPE1234 a", NameView());
    ASSERT_TRUE(rdata);
    EXPECT_EQ(format_rdata(RRType::NSEC, *rdata), "a. A CAA TYPE1234 TYPE65535");
    EXPECT_FALSE(parse_rdata(RRType::NSEC, "a. A NOTYPE", NameView()));
    EXPECT_FALSE(parse_rdata(RRType::NSEC, "", NameView()));
    // Windows out of order, empty, too long, with a zero at the end.
    for (const Wire& bitmap : {Wire{1, 1, 1, 0, 1, 1}, Wire{0, 0}, Wire{0, 33}, Wire{0, 2, 1, 0},
                               Wire{0, 2, 1}, Wire{0}}) {
        Wire wire = {1, 'a', 0};
        wire.insert(wire.end(), bitmap.begin(), bitmap.end());
        EXPECT_EQ(format_rdata(RRType::NSEC, wire).substr(0, 2), "\\#");
    }
}

TEST(Presentation, SoaTimesHave32Bits) {
    Wire rdata(22, 0);
    rdata[18] = 0x80;
    rdata[21] = 1;
    EXPECT_EQ(format_rdata(RRType::SOA, rdata), ". . 0 0 0 0 2147483649");
    EXPECT_EQ(*parse_rdata(RRType::SOA, ". . 0 0 0 0 2147483649", NameView()), rdata);
    EXPECT_FALSE(parse_rdata(RRType::SOA, ". . 0 0 0 0 2147483648s", NameView()));
}

TEST(Presentation, FormatOfARRset) {
    RRset set(RRType::MX, 300);
    ASSERT_TRUE(set.add(*parse_rdata(RRType::MX, "10 a.example.", NameView())));
    ASSERT_TRUE(set.add(*parse_rdata(RRType::MX, "20 b.example.", NameView())));
    EXPECT_EQ(format_rrset(*Name::parse("Example."), set.view()),
              "Example. 300 IN MX 10 a.example.\nExample. 300 IN MX 20 b.example.\n");
}

/// ldns works for several threads at once, WKS with its look-ups by name among them.
TEST(Presentation, ThreadsDoNotMeet) {
    std::vector<std::thread> threads;
    std::vector<int> wrong(4, 0);
    for (std::size_t t = 0; t < wrong.size(); ++t) {
        threads.emplace_back([&wrong, t] {
            for (int i = 0; i < 200; ++i) {
                for (const auto& [type, text] :
                     {std::pair{RRType::WKS, "192.0.2.1 udp 53"},
                      std::pair{RRType::CAA, "0 issue \"ca.example\""},
                      std::pair{RRType::LOC, "51 30 12.748 N 0 7 39.612 W 0.00m 1m 10m 10m"}}) {
                    const auto rdata = parse_rdata(type, text, NameView());
                    const auto again =
                        rdata ? parse_rdata(type, format_rdata(type, *rdata), NameView()) : rdata;
                    if (!again || *again != *rdata) ++wrong[t];
                }
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

constexpr const char* kFoo = "03666f6f076578616d706c6503636f6d00";     // foo.example.com.
constexpr const char* kFooOrg = "03666f6f076578616d706c65036f726700";  // foo.example.org.
constexpr const char* kExample = "076578616d706c6503636f6d00";         // example.com.

TEST(Presentation, ServiceBindingsOfRfc9460AppendixD) {
    const struct {
        const char* text;
        std::string hex;
    } cases[] = {
        {"0 foo.example.com.", std::string("0000") + kFoo},                            // figure 2
        {"1 .", "000100"},                                                             // 3
        {"16 foo.example.com. port=53", std::string("0010") + kFoo + "000300020035"},  // 4
        {"1 foo.example.com. key667=hello",
         std::string("0001") + kFoo + "029b000568656c6c6f"},  // 5
        {"1 foo.example.com. key667=\"hello\\210qoo\"",
         std::string("0001") + kFoo + "029b000968656c6c6fd2716f6f"},  // 6
        {"1 foo.example.com. ipv6hint=\"2001:db8::1,2001:db8::53:1\"",
         std::string("0001") + kFoo +
             "0006002020010db800000000000000000000000120010db8000000000000000000530001"},  // 7
        {"1 example.com. ipv6hint=\"2001:db8:122:344::192.0.2.33\"",
         std::string("0001") + kExample + "0006001020010db80122034400000000c0000221"},  // 8
        {"16 foo.example.org. alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1",
         std::string("0010") + kFooOrg +
             "000000040001000400010009026832"
             "0568332d3139"
             "00040004c0000201"},  // 9
        {"16 foo.example.org. alpn=\"f\\\\\\\\oo\\\\,bar,h2\"",
         std::string("0010") + kFooOrg + "0001000c08665c6f6f2c626172026832"},  // 10
        {"16 foo.example.org. alpn=f\\\\\\092oo\\092,bar,h2",
         std::string("0010") + kFooOrg + "0001000c08665c6f6f2c626172026832"},  // 10
    };
    for (const RRType type : {RRType::SVCB, RRType::HTTPS}) {
        for (const auto& c : cases) {
            const auto rdata = parse_rdata(type, c.text, NameView());
            if (!rdata) {
                ADD_FAILURE() << c.text << ": " << rdata.error().message;
                continue;
            }
            EXPECT_EQ(base::to_hex(*rdata), c.hex) << c.text;
            const auto again = parse_rdata(type, format_rdata(type, *rdata), NameView());
            ASSERT_TRUE(again) << c.text;
            EXPECT_EQ(*again, *rdata) << c.text;
        }
    }
}

TEST(Presentation, FailuresOfRfc9460AppendixD3) {
    for (const char* text : {
             "1 foo.example.com. key123=abc key123=def",
             "1 foo.example.com. mandatory",
             "1 foo.example.com. alpn",
             "1 foo.example.com. port",
             "1 foo.example.com. ipv4hint",
             "1 foo.example.com. ipv6hint",
             "1 foo.example.com. no-default-alpn=abc",
             "1 foo.example.com. mandatory=key123",
             "1 foo.example.com. mandatory=mandatory",
             "1 foo.example.com. mandatory=key123,key123 key123=abc",
             "1 foo.example.com. port=65536",
             "1 foo.example.com. ipv4hint=192.0.2",
             "1 foo.example.com. nonsense=1",
         }) {
        EXPECT_FALSE(parse_rdata(RRType::SVCB, text, NameView())) << text;
        EXPECT_FALSE(parse_rdata(RRType::HTTPS, text, NameView())) << text;
    }
}

}  // namespace
}  // namespace dns
