#include "server/cookies.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace server {
namespace {

std::vector<std::uint8_t> octets(const std::string& hex) {
    std::vector<std::uint8_t> out;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        out.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    }
    return out;
}

std::vector<std::uint8_t> answer(const Cookies& cookies, const std::string& option,
                                 const char* client, std::uint32_t now_s) {
    std::uint8_t out[Cookies::kOptionOctets];
    cookies.answer(octets(option), *base::IpAddress::parse(client), now_s, out);
    return {out, out + sizeof out};
}

const SipKey kSecret = *Cookies::parse_secret("e5e973e5a6b2a43f48e7dc849e37bfcf");

TEST(Cookies, SipHashGivesTheAuthorsVector) {
    SipKey key;
    std::vector<std::uint8_t> message;
    for (std::uint8_t i = 0; i < 16; ++i) key[i] = i;
    for (std::uint8_t i = 0; i < 15; ++i) message.push_back(i);
    EXPECT_EQ(siphash24(key, message), 0xa129ca6149be45e5U);
}

TEST(Cookies, Rfc9018AppendixA1LearningANewServerCookie) {
    EXPECT_EQ(answer(Cookies(kSecret, false), "2464c4abcf10c957", "198.51.100.100", 1559731985),
              octets("2464c4abcf10c957010000005cf79f111f8130c3eee29480"));
}

TEST(Cookies, Rfc9018AppendixA2RenewingAfterHalfAnHour) {
    const Cookies cookies(kSecret, false);
    const std::string old = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
    EXPECT_EQ(answer(cookies, old, "198.51.100.100", 1559734385),
              octets("2464c4abcf10c957010000005cf7a871d4a564a1442aca77"));
    EXPECT_EQ(answer(cookies, old, "198.51.100.100", 1559731985 + 1800), octets(old));
}

TEST(Cookies, Rfc9018AppendixA3ReservedBitsAreHashed) {
    const Cookies cookies(kSecret, false);
    const std::string old = "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5";
    EXPECT_TRUE(cookies.valid(octets(old), *base::IpAddress::parse("203.0.113.203"), 1559727985));
    EXPECT_EQ(answer(cookies, old, "203.0.113.203", 1559734700),
              octets("fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e"));
}

TEST(Cookies, Rfc9018AppendixA4Ipv6WithAnUpdatedSecret) {
    const char* const client = "2001:db8:220:1:59de:d0f4:8769:82b8";
    const std::string old = "22681ab97d52c298010000005cf7c57926556bd0934c72f8";
    const Cookies before(*Cookies::parse_secret("dd3bdf9344b678b185a6f5cb60fca715"), false);
    const Cookies after(*Cookies::parse_secret("445536bcd2513298075a5d379663c962"), false);
    EXPECT_TRUE(before.valid(octets(old), *base::IpAddress::parse(client), 1559741817));
    EXPECT_EQ(answer(after, old, client, 1559741961),
              octets("22681ab97d52c298010000005cf7c609a6bb79d16625507a"));
}

TEST(Cookies, GoodForOneClientAndOneHour) {
    for (const bool daily : {false, true}) {
        const Cookies cookies(kSecret, daily);
        const std::uint32_t made = 1559779200 - 60;  // a minute before midnight
        const auto cookie = answer(cookies, "2464c4abcf10c957", "2001:db8::1", made);
        const base::IpAddress client = *base::IpAddress::parse("2001:db8::1");
        EXPECT_TRUE(cookies.valid(cookie, client, made));
        EXPECT_TRUE(cookies.valid(cookie, client, made + Cookies::kMaxAgeS));
        EXPECT_FALSE(cookies.valid(cookie, client, made + Cookies::kMaxAgeS + 1));
        EXPECT_TRUE(cookies.valid(cookie, client, made - Cookies::kMaxAheadS));
        EXPECT_FALSE(cookies.valid(cookie, client, made - Cookies::kMaxAheadS - 1));
        EXPECT_FALSE(cookies.valid(cookie, *base::IpAddress::parse("2001:db8::2"), made));
        for (std::size_t i = 0; i < cookie.size(); ++i) {
            auto changed = cookie;
            changed[i] ^= 1;
            EXPECT_FALSE(cookies.valid(changed, client, made)) << i;
        }
    }
}

TEST(Cookies, ADaysKeyIsNotTheNextDays) {
    const Cookies cookies(kSecret, true);
    const auto one = answer(cookies, "2464c4abcf10c957", "192.0.2.1", 86400 * 5);
    const auto fixed = answer(Cookies(kSecret, false), "2464c4abcf10c957", "192.0.2.1", 86400 * 5);
    EXPECT_NE(one, fixed);
}

TEST(Cookies, LengthsThatAreFormErr) {
    for (std::size_t size = 0; size <= 48; ++size) {
        const std::vector<std::uint8_t> option(size);
        EXPECT_EQ(Cookies::well_formed(option), size == 8 || (size >= 16 && size <= 40)) << size;
    }
}

TEST(Cookies, TheSecretIsMadeOnceAndKept) {
    const std::string file = testing::TempDir() + "/cookie.secret";
    std::filesystem::remove(file);
    const auto made = Cookies::load_or_make(file);
    ASSERT_TRUE(made) << made.error().message;
    const auto again = Cookies::load_or_make(file);
    ASSERT_TRUE(again);
    EXPECT_EQ(*made, *again);
    EXPECT_EQ(std::filesystem::status(file).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    std::filesystem::resize_file(file, 5);
    EXPECT_FALSE(Cookies::load_or_make(file));
    EXPECT_FALSE(Cookies::load_or_make("/nowhere/at/all"));
    std::filesystem::remove(file);
}

}  // namespace
}  // namespace server
