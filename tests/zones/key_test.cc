#include "zones/key.h"

#include <gtest/gtest.h>

#include <random>

namespace zones {
namespace {

dns::Name name(std::string_view text) {
    auto parsed = dns::Name::parse(text);
    EXPECT_TRUE(parsed) << text;
    return parsed ? *parsed : dns::Name();
}

std::string hex(std::string_view key) {
    return base::to_hex(base::as_octets(key));
}

TEST(Key, OctetsAreTheDocumentedOnes) {
    // The example of zones/README.md.
    EXPECT_EQ(hex(canonical_key(name("WWW.Example."))), "6578616d706c650077777700");
    EXPECT_EQ(canonical_key(name(".")), "");
    const dns::Name owner = name("a\\000b\\001.example.");
    EXPECT_EQ(hex(node_key(258, relative_owner(owner, name("example.")))),
              "000001026101016201020"
              "0");
    EXPECT_EQ(hex(rrset_key(node_key(1, {}), dns::RRType::AAAA)), "0000000100001c");
}

dns::Name random_name(std::mt19937_64& random) {
    // Few distinct octets, with all that is special among them, so that names often nearly agree.
    constexpr std::uint8_t kAlphabet[] = {0, 1, 2, '*', 'A', 'a', 'B', 'b', 0x7f, 0xff, '.', '-'};
    std::vector<std::uint8_t> wire;
    for (auto labels = random() % 5; labels > 0; --labels) {
        const auto size = 1 + random() % 4;
        wire.push_back(static_cast<std::uint8_t>(size));
        for (auto i = size; i > 0; --i) wire.push_back(kAlphabet[random() % std::size(kAlphabet)]);
    }
    wire.push_back(0);
    return dns::Name(dns::NameView(wire));
}

int sign(int value) {
    return (value > 0) - (value < 0);
}

TEST(Key, OrderIsCanonicalOrder) {
    std::mt19937_64 random(4034);
    for (int i = 0; i < 20000; ++i) {
        const dns::Name a = random_name(random);
        const dns::Name b = random_name(random);
        const std::string x = canonical_key(a);
        const std::string y = canonical_key(b);
        ASSERT_EQ(sign(x.compare(y)), sign(a.view().compare(b)))
            << a.to_text() << " " << b.to_text();
        // A key is a prefix of those of the names below, and of no others.
        ASSERT_EQ(y.starts_with(x), b.view().is_at_or_below(a));
        // An RRset of a name sorts behind its node and before all names below.
        const std::string rrset = rrset_key(x, dns::RRType::A);
        if (y != x && b.view().is_at_or_below(a)) {
            ASSERT_LT(rrset, y);
        }
    }
}

TEST(Key, NodeKeysAreReadBack) {
    std::mt19937_64 random(1);
    for (int i = 0; i < 5000; ++i) {
        dns::Name owner = random_name(random);
        const base::Octets labels = owner.octets().first(owner.size() - 1);
        const auto id = static_cast<ZoneId>(random());
        const std::string key = node_key(id, labels);
        char raw[kMaxNodeKeyOctets];
        ASSERT_EQ(key, std::string(raw, write_node_key(id, labels, raw)));
        const auto parts = parse_node_key(key);
        ASSERT_TRUE(parts);
        EXPECT_EQ(parts->zone, id);
        owner.lower_case();
        EXPECT_EQ(base::as_text(parts->relative_owner), base::as_text(labels.first(labels.size())))
            << owner.to_text();
    }
    for (const std::string_view bad : {"abc", "0000a", "0000\1", "0000\1\3"}) {
        EXPECT_FALSE(parse_node_key(bad)) << bad;
    }
    EXPECT_FALSE(parse_node_key(std::string_view("0000\0", 5)));
    EXPECT_FALSE(parse_node_key("0000" + std::string(64, 'a') + std::string(1, '\0')));
    // Found by fuzzing: upper case would be a second key of one name.
    EXPECT_TRUE(parse_node_key(std::string_view("0000www\0", 8)));
    EXPECT_FALSE(parse_node_key(std::string_view("0000wWw\0", 8)));
}

TEST(Key, LongestNameFits) {
    std::vector<std::uint8_t> wire;
    for (int i = 0; i < 127; ++i) {
        wire.push_back(1);
        wire.push_back(0);
    }
    char raw[kMaxNodeKeyOctets];
    const std::size_t size = write_node_key(1, wire, raw);
    EXPECT_EQ(size, 4U + 3 * 127);
    const auto parts = parse_node_key({raw, size});
    ASSERT_TRUE(parts);
    EXPECT_EQ(parts->relative_owner, wire);
}

TEST(Key, OwnersAreJoinedWithTheApex) {
    const dns::Name apex = name("example.");
    const dns::Name whole = name("a.b.example.");
    const auto joined = absolute_owner(relative_owner(whole, apex), apex);
    ASSERT_TRUE(joined);
    EXPECT_EQ(joined->to_text(), "a.b.example.");
    const std::vector<std::uint8_t> long_owner(250, 1);
    EXPECT_FALSE(absolute_owner(long_owner, apex));
}

}  // namespace
}  // namespace zones
