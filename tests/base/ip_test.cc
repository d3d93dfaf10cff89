#include "base/ip.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace base
