#include "base/octets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace base {
namespace {

TEST(Octets, LoadsAndStoresAreBigEndian) {
    const std::uint8_t raw[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    EXPECT_EQ(load_be16(raw), 0x0123);
    EXPECT_EQ(load_be32(raw), 0x01234567U);
    EXPECT_EQ(load_be64(raw), 0x0123456789abcdefULL);
    std::array<std::uint8_t, 8> out{};
    store_be16(out.data(), 0x0123);
    EXPECT_EQ(out, (std::array<std::uint8_t, 8>{0x01, 0x23}));
    store_be32(out.data(), 0x89abcdef);
    EXPECT_EQ(out, (std::array<std::uint8_t, 8>{0x89, 0xab, 0xcd, 0xef}));
    store_be64(out.data(), 0x0123456789abcdefULL);
    EXPECT_TRUE(std::equal(out.begin(), out.end(), raw));
}

TEST(Octets, LoadsNeedNoAlignment) {
    alignas(8) const std::uint8_t raw[] = {0, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    EXPECT_EQ(load_be16(raw + 1), 0x0123);
    EXPECT_EQ(load_be32(raw + 1), 0x01234567U);
    EXPECT_EQ(load_be64(raw + 1), 0x0123456789abcdefULL);
}

TEST(Octets, AppendsBehindWhatIsThere) {
    std::vector<std::uint8_t> bytes = {0xff};
    append_be16(bytes, 0x0102);
    append_be32(bytes, 0x03040506);
    append_be64(bytes, 0x0708090a0b0c0d0eULL);
    EXPECT_EQ(to_hex(bytes), "ff0102030405060708090a0b0c0d0e");
    std::string text;
    append_be16(text, 0x4142);
    EXPECT_EQ(text, "AB");
}

TEST(Octets, ViewsShareTheMemory) {
    const std::string text = "meridian";
    const Octets octets = as_octets(text);
    EXPECT_EQ(static_cast<const void*>(octets.data()), static_cast<const void*>(text.data()));
    EXPECT_EQ(as_text(octets), text);
    EXPECT_TRUE(as_text(Octets{}).empty());
}

TEST(Octets, LowerCaseChangesAsciiLettersOnly) {
    for (unsigned value = 0; value < 256; ++value) {
        const auto octet = static_cast<std::uint8_t>(value);
        const bool upper = value >= 'A' && value <= 'Z';
        EXPECT_EQ(to_lower(octet), upper ? octet + 32 : octet) << value;
    }
}

TEST(Octets, HexReadsWhatItWrote) {
    std::vector<std::uint8_t> all;
    for (unsigned value = 0; value < 256; ++value) all.push_back(static_cast<std::uint8_t>(value));
    const auto back = from_hex(to_hex(all));
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, all);
    EXPECT_EQ(from_hex("DEADbeef"), (std::vector<std::uint8_t>{0xde, 0xad, 0xbe, 0xef}));
    EXPECT_TRUE(from_hex("")->empty());
}

TEST(Octets, HexRefusesWhatIsNoHex) {
    for (const char* text : {"0", "abc", "0g", "g0", " 0", "0x", "--", "\xc3\xa9"}) {
        EXPECT_FALSE(from_hex(text)) << text;
    }
}

TEST(Octets, ConstantTimeEqualityIsEquality) {
    const std::string secret = "0123456789abcdef";
    EXPECT_TRUE(equal_constant_time(as_octets(secret), as_octets("0123456789abcdef")));
    EXPECT_TRUE(equal_constant_time({}, {}));
    EXPECT_FALSE(equal_constant_time(as_octets(secret), as_octets("0123456789abcde")));
    for (std::size_t i = 0; i < secret.size(); ++i) {
        for (int bit = 0; bit < 8; ++bit) {
            std::string other = secret;
            other[i] = static_cast<char>(other[i] ^ (1 << bit));
            EXPECT_FALSE(equal_constant_time(as_octets(secret), as_octets(other)));
        }
    }
}

}  // namespace
}  // namespace base
