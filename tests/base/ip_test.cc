#include "base/ip.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string_view>

namespace base {
namespace {

TEST(IpPrefix, ParsesAndFormats) {
    for (const char* text : {"10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32", "0.0.0.0/0", "::/0"}) {
        const auto prefix = IpPrefix::parse(text);
        ASSERT_TRUE(prefix) << text;
        EXPECT_EQ(prefix->to_text(), text);
    }
}

TEST(IpPrefix, AddressAloneIsAHost) {
    EXPECT_EQ(IpPrefix::parse("192.0.2.1")->length, 32);
    EXPECT_EQ(IpPrefix::parse("::1")->length, 128);
}

TEST(IpPrefix, RefusesHostBitsAndNamesTheRightPrefix) {
    const auto prefix = IpPrefix::parse("10.1.0.0/8");
    ASSERT_FALSE(prefix);
    EXPECT_NE(prefix.error().message.find("10.0.0.0/8"), std::string::npos);
}

TEST(IpPrefix, RefusesNonsense) {
    for (const char* text : {"", "/", "10.0.0.0/33", "10.0.0.0/x", "::/129", "1.2.3/8", "a/8"}) {
        EXPECT_FALSE(IpPrefix::parse(text)) << text;
    }
}

TEST(IpPrefix, ContainsOnlyItsFamilyAndBits) {
    const IpPrefix prefix = *IpPrefix::parse("10.16.0.0/12");
    EXPECT_TRUE(prefix.contains(*IpAddress::parse("10.31.255.255")));
    EXPECT_FALSE(prefix.contains(*IpAddress::parse("10.32.0.0")));
    EXPECT_FALSE(prefix.contains(*IpAddress::parse("::a10:0")));
}

TEST(IpAddress, ReadsAndWritesTheShortestForm) {
    struct Case {
        const char* text;
        const char* canonical;
    };
    for (const Case& c : {Case{"192.0.2.1", "192.0.2.1"}, Case{"0.0.0.0", "0.0.0.0"},
                          Case{"2001:DB8:0:0:0:0:0:1", "2001:db8::1"}, Case{"::", "::"},
                          Case{"::ffff:192.0.2.1", "::ffff:192.0.2.1"}}) {
        const auto address = IpAddress::parse(c.text);
        ASSERT_TRUE(address) << c.text;
        EXPECT_EQ(address->to_text(), c.canonical);
        EXPECT_EQ(IpAddress::from_octets(address->octets()), *address);
    }
}

TEST(IpAddress, RefusesNonsense) {
    for (const char* text : {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4 ", " ::1",
                             ":::", "1::2::3", "12345::", "[::1]", "fe80::1%eth0", "www.example"}) {
        EXPECT_FALSE(IpAddress::parse(text)) << text;
    }
    EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
}

TEST(IpAddress, KnowsLoopbackAndUnspecified) {
    for (const char* text : {"127.0.0.1", "127.255.255.254", "::1"}) {
        EXPECT_TRUE(IpAddress::parse(text)->is_loopback()) << text;
    }
    for (const char* text : {"128.0.0.1", "126.255.255.255", "::", "::2"}) {
        EXPECT_FALSE(IpAddress::parse(text)->is_loopback()) << text;
    }
    EXPECT_TRUE(IpAddress::parse("0.0.0.0")->is_unspecified());
    EXPECT_TRUE(IpAddress::parse("::")->is_unspecified());
    EXPECT_FALSE(IpAddress::parse("::1")->is_unspecified());
}

TEST(IpAddress, MaskClearsWhatFollows) {
    const IpAddress v4 = *IpAddress::parse("255.255.255.255");
    for (unsigned length = 0; length <= 32; ++length) {
        const IpAddress masked = v4.masked(length);
        for (unsigned bit = 0; bit < 32; ++bit) EXPECT_EQ(masked.bit(bit), bit < length) << length;
    }
    const IpAddress v6 = *IpAddress::parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    for (unsigned length = 0; length <= 128; ++length) {
        const IpAddress masked = v6.masked(length);
        for (unsigned bit = 0; bit < 128; ++bit) EXPECT_EQ(masked.bit(bit), bit < length) << length;
    }
}

TEST(IpAddress, FamiliesNeverCompareEqual) {
    EXPECT_NE(*IpAddress::parse("0.0.0.0"), *IpAddress::parse("::"));
    EXPECT_NE(*IpAddress::parse("192.0.2.1"), *IpAddress::parse("::ffff:192.0.2.1"));
    EXPECT_EQ(IpAddress::parse("192.0.2.1")->hash(), IpAddress::parse("192.0.2.1")->hash());
    EXPECT_NE(IpAddress::parse("192.0.2.1")->hash(), IpAddress::parse("192.0.2.2")->hash());
}

TEST(IpAddress, OddOctetsGiveTheUnspecified) {
    const std::uint8_t five[] = {1, 2, 3, 4, 5};
    EXPECT_EQ(IpAddress::from_octets(five), IpAddress());
}

TEST(IpAddress, UnmapsOnlyMapped) {
    EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.1")->unmapped().to_text(), "192.0.2.1");
    EXPECT_EQ(IpAddress::parse("::1")->unmapped().to_text(), "::1");
}

TEST(Endpoint, ParsesBothFamilies) {
    EXPECT_EQ(Endpoint::parse("127.0.0.1:53")->to_text(), "127.0.0.1:53");
    EXPECT_EQ(Endpoint::parse("[::1]:5300")->to_text(), "[::1]:5300");
    for (const char* text : {"::1:53", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:", "[::1]"}) {
        EXPECT_FALSE(Endpoint::parse(text)) << text;
    }
}

TEST(Endpoint, SurvivesTheRoundTripThroughASockaddr) {
    for (const char* text : {"127.0.0.1:53", "[2001:db8::1]:65535", "0.0.0.0:0"}) {
        const Endpoint endpoint = *Endpoint::parse(text);
        sockaddr_storage raw{};
        const std::uint32_t length = endpoint.to_sockaddr(raw);
        EXPECT_EQ(length, endpoint.address.is_v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
        EXPECT_EQ(Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&raw)), endpoint);
    }
}

TEST(IpPrefix, LengthZeroHoldsItsWholeFamily) {
    EXPECT_TRUE(IpPrefix::parse("0.0.0.0/0")->contains(*IpAddress::parse("255.1.2.3")));
    EXPECT_FALSE(IpPrefix::parse("0.0.0.0/0")->contains(*IpAddress::parse("::1")));
    EXPECT_TRUE(IpPrefix::parse("::/0")->contains(*IpAddress::parse("2001:db8::1")));
}

}  // namespace
}  // namespace base
