// The order of a chain in memory against the order of a std::map, over random zones; and through a
// store: that who denies from an index says what who searches the store says.
#include "zones/chain_index.h"

#include <map>
#include <set>

#include "base/random.h"
#include "tests/zones/store_fixture.h"
#include "zones/key.h"

namespace zones_test {
namespace {

using dns::RRType;
using zones::OwnerIndex;

std::string key_of(const dns::Name& owner) {
    std::string key;
    zones::append_owner_key(key, owner.octets().first(owner.size() - 1));
    return key;
}

std::string text_of(const std::optional<OwnerIndex::Key>& found) {
    if (!found) return "none";
    std::string key(found->size(), '?');
    found->copy(reinterpret_cast<std::uint8_t*>(key.data()));
    return base::to_hex(base::as_octets(key));
}

std::string expected_text(const std::set<std::string>& keys, const std::string& key) {
    auto after = keys.upper_bound(key);
    return after == keys.begin() ? "none" : base::to_hex(base::as_octets(*std::prev(after)));
}

OwnerIndex index_of(const std::set<std::string>& keys) {
    OwnerIndex::Builder builder;
    for (const std::string& key : keys) builder.add(key);
    auto index = builder.finish();
    EXPECT_TRUE(index);
    return index ? std::move(*index) : OwnerIndex();
}

void expect_same(const std::set<std::string>& keys, const OwnerIndex& index,
                 const std::string& key) {
    ASSERT_EQ(text_of(index.at_or_before(base::as_octets(key))), expected_text(keys, key))
        << base::to_hex(base::as_octets(key)) << " among " << keys.size();
}

/// Labels that are alike, long, or full of the octets that keys write in two.
dns::Name random_owner(base::Random& random, std::size_t style) {
    std::vector<std::uint8_t> octets;
    const std::size_t labels = 1 + random.below(style == 3 ? 30 : 4);
    for (std::size_t i = 0; i < labels; ++i) {
        std::vector<std::uint8_t> label;
        const std::size_t size = style == 2 ? 1 + random.below(63) : 1 + random.below(6);
        for (std::size_t j = 0; j < size; ++j) {
            static constexpr std::uint8_t kFew[] = {0, 1, 2, 'a', 'B', 255};
            label.push_back(style == 0 ? static_cast<std::uint8_t>('a' + random.below(3))
                                       : kFew[random.below(sizeof kFew)]);
        }
        if (octets.size() + label.size() + 2 > dns::kMaxNameOctets) break;
        octets.push_back(static_cast<std::uint8_t>(label.size()));
        octets.insert(octets.end(), label.begin(), label.end());
    }
    octets.push_back(0);
    return dns::Name(dns::NameView(octets));
}

TEST(OwnerIndex, FindsWhatAMapFinds) {
    base::Random random(7);
    for (std::size_t round = 0; round < 400; ++round) {
        const std::size_t style = round % 4;
        const std::size_t count = round < 40 ? round : random.below(700);
        std::set<std::string> keys;
        for (std::size_t i = 0; i < count; ++i) keys.insert(key_of(random_owner(random, style)));
        if (random.below(2) == 0) keys.insert(std::string());  // the apex
        const OwnerIndex index = index_of(keys);
        ASSERT_EQ(index.size(), keys.size());
        for (const std::string& key : keys) expect_same(keys, index, key);
        for (int i = 0; i < 60; ++i) {
            expect_same(keys, index, key_of(random_owner(random, style)));
        }
        // Right beside each that there is.
        for (const std::string& key : keys) {
            expect_same(keys, index, key + std::string("\x02\0", 2));
            if (!key.empty()) expect_same(keys, index, key.substr(0, key.size() - 1));
        }
        expect_same(keys, index, std::string());
        expect_same(keys, index, std::string(500, '\xff'));
    }
}

TEST(OwnerIndex, ManyLevelsOfNamesThatLookAlike) {
    std::set<std::string> keys;
    for (int i = 0; i < 20000; ++i) {
        char text[32];
        std::snprintf(text, sizeof text, "host%06d.%s", i * 3, i % 5 == 0 ? "long-enough." : "");
        keys.insert(key_of(name(text)));
    }
    const OwnerIndex index = index_of(keys);
    for (int i = -1; i < 60002; ++i) {
        char text[32];
        std::snprintf(text, sizeof text, "host%06d.", i);
        expect_same(keys, index, key_of(name(text)));
        if (HasFatalFailure()) return;
    }
    // What the header says that a name costs, and some.
    EXPECT_LT(index.octets(), keys.size() * 16);
}

TEST(OwnerIndex, NamesOf255Octets) {
    // Labels of zeros take two octets of a key for each of their own.
    std::set<std::string> keys;
    std::vector<dns::Name> names;
    for (std::uint8_t last = 0; last < 40; ++last) {
        std::vector<std::uint8_t> octets;
        for (int label = 0; label < 4; ++label) {
            const std::size_t size = label < 3 ? 63 : 61;
            octets.push_back(static_cast<std::uint8_t>(size));
            octets.insert(octets.end(), size, last < 20 ? 0 : 'z');
        }
        octets[1] = last;
        octets.push_back(0);
        ASSERT_EQ(octets.size(), dns::kMaxNameOctets);
        names.emplace_back(dns::NameView(octets));
        keys.insert(key_of(names.back()));
    }
    const OwnerIndex index = index_of(keys);
    for (const dns::Name& owner : names) {
        expect_same(keys, index, key_of(owner));
        zones::OwnerBuffer buffer;
        const std::string key = key_of(owner);
        const base::Octets back = zones::owner_of_key(base::as_octets(key), buffer);
        std::vector<std::uint8_t> whole(back.begin(), back.end());
        whole.push_back(0);
        EXPECT_TRUE(owner.view().equals(dns::NameView(whole)));
    }
}

TEST(OwnerIndex, OfNoKeysFindsNothing) {
    OwnerIndex::Builder builder;
    const auto index = builder.finish();
    ASSERT_TRUE(index);
    EXPECT_FALSE(index->at_or_before({}));
}

dns::Nsec3Hash random_hash(base::Random& random, bool skewed) {
    dns::Nsec3Hash hash;
    for (std::uint8_t& octet : hash) octet = static_cast<std::uint8_t>(random.below(256));
    // All in one bucket: what an attacker would sign.
    if (skewed) std::fill(hash.begin(), hash.begin() + 8, std::uint8_t{0xab});
    return hash;
}

TEST(HashIndex, FindsWhatAMapFindsAroundTheRing) {
    base::Random random(3);
    for (std::size_t round = 0; round < 200; ++round) {
        const bool skewed = round % 3 == 0;
        std::set<dns::Nsec3Hash> hashes;
        const std::size_t count = round < 30 ? round + 1 : 1 + random.below(3000);
        while (hashes.size() < count) hashes.insert(random_hash(random, skewed));
        if (round % 2 == 0) {
            hashes.insert(dns::Nsec3Hash{});
            dns::Nsec3Hash last;
            last.fill(0xff);
            hashes.insert(last);
        }
        const zones::HashIndex index({hashes.begin(), hashes.end()});
        ASSERT_EQ(index.size(), hashes.size());
        const auto check = [&](const dns::Nsec3Hash& hash) {
            const auto after = hashes.upper_bound(hash);
            const auto expected =
                after == hashes.begin() ? hashes.rbegin() : std::reverse_iterator(after);
            ASSERT_EQ(index.at_or_before(hash), *expected) << round;
        };
        for (const dns::Nsec3Hash& hash : hashes) {
            check(hash);
            dns::Nsec3Hash beside = hash;
            ++beside[19];
            check(beside);
            beside[19] = static_cast<std::uint8_t>(beside[19] - 2);
            check(beside);
        }
        for (int i = 0; i < 200; ++i) check(random_hash(random, skewed));
        check(dns::Nsec3Hash{});
    }
}

TEST(HashIndex, TakesLittleMoreThanTheHashes) {
    base::Random random(4);
    std::set<dns::Nsec3Hash> hashes;
    while (hashes.size() < 20000) hashes.insert(random_hash(random, false));
    const zones::HashIndex index({hashes.begin(), hashes.end()});
    EXPECT_LT(index.octets(), hashes.size() * 22);
}

TEST(HashIndex, OwnersAreReadBackAsHashes) {
    base::Random random(11);
    for (int i = 0; i < 1000; ++i) {
        const dns::Nsec3Hash hash = random_hash(random, false);
        dns::Nsec3Label label = dns::nsec3_label(hash);
        ASSERT_EQ(zones::hash_of_owner(label), hash);
        for (std::size_t at = 1; at < label.size(); ++at) {
            const bool letter = label[at] >= 'a' && label[at] <= 'v';
            if (letter && random.below(2) == 0)
                label[at] = static_cast<std::uint8_t>(label[at] - 32);
        }
        ASSERT_EQ(zones::hash_of_owner(label), hash);
        EXPECT_FALSE(zones::hash_of_owner(base::Octets(label).first(32)));
        for (const std::uint8_t wrong : {'w', 'W', 'z', '/', ':', '@', '`', '-'}) {
            dns::Nsec3Label other = label;
            other[1 + random.below(32)] = wrong;
            EXPECT_FALSE(zones::hash_of_owner(other)) << wrong;
        }
        label[0] = 31;
        EXPECT_FALSE(zones::hash_of_owner(label));
    }
    EXPECT_FALSE(zones::hash_of_owner({}));
}

TEST(OwnerIndex, OwnerOfKeyIsTheOwner) {
    base::Random random(5);
    for (int i = 0; i < 2000; ++i) {
        const dns::Name owner = random_owner(random, static_cast<std::size_t>(i) % 4);
        const std::string key = key_of(owner);
        zones::OwnerBuffer buffer;
        const base::Octets back = zones::owner_of_key(base::as_octets(key), buffer);
        ASSERT_TRUE(
            std::equal(back.begin(), back.end(), owner.octets().begin(), owner.octets().end() - 1,
                       [](std::uint8_t a, std::uint8_t b) { return a == base::to_lower(b); }));
    }
}

/// Indexes of zones that come, grow in number and go, with what they take.
TEST(ChainIndexes, ComeAndGoWithTheirMemory) {
    base::Qsbr qsbr;
    zones::NodeCache cache(qsbr, std::size_t{8} << 20);
    const std::size_t empty = cache.size().octets;
    {
        zones::ChainIndexes indexes(qsbr, cache, std::size_t{1} << 20);
        const std::size_t none = indexes.size().octets;
        const auto make = [](zones::ZoneId id, zones::Revision since) {
            auto index = std::make_unique<zones::ChainIndex>();
            index->zone = id;
            index->since = since;
            index->order = zones::HashIndex({dns::Nsec3Hash{}});
            return index;
        };
        for (zones::ZoneId id = 1; id <= 1000; ++id) {
            ASSERT_TRUE(indexes.put(make(id % 2 == 0 ? zones::hashed_id(id) : id, id)));
        }
        EXPECT_EQ(indexes.size().zones, 1000U);
        EXPECT_EQ(cache.size().octets - empty, indexes.size().octets);
        for (zones::ZoneId id = 1; id <= 1000; ++id) {
            const zones::ZoneId key = id % 2 == 0 ? zones::hashed_id(id) : id;
            ASSERT_NE(indexes.find(key, id), nullptr);
            EXPECT_EQ(indexes.find(key, id)->zone, key);
            EXPECT_EQ(indexes.find(key, id - 1), nullptr) << "a reader of an older revision";
            EXPECT_EQ(indexes.find(key ^ zones::kHashedIds, id), nullptr);
        }
        EXPECT_TRUE(indexes.put(make(7, 9)));
        EXPECT_EQ(indexes.size().zones, 1000U) << "in place of the one there was";
        // Again and again: the slots of those that went do not fill the table.
        const std::size_t octets = indexes.size().octets;
        for (zones::ZoneId id = 2000; id < 20000; ++id) {
            ASSERT_TRUE(indexes.put(make(id, 1)));
            indexes.drop(id);
            if (id % 100 == 0) (void)qsbr.reclaim();
        }
        EXPECT_LE(indexes.size().octets, octets);
        EXPECT_EQ(indexes.find(2000, 1), nullptr);
        for (zones::ZoneId id = 1; id <= 500; ++id) indexes.drop(id);
        EXPECT_EQ(indexes.size().zones, 500U);
        indexes.clear();
        EXPECT_EQ(indexes.size().zones, 0U);
        EXPECT_EQ(indexes.find(zones::hashed_id(600), 1000), nullptr);
        ASSERT_TRUE(indexes.put(make(5, 1)));
        EXPECT_LT(indexes.size().octets, octets);
        EXPECT_GE(indexes.size().octets, none);
    }
    (void)qsbr.reclaim();
}

TEST(ChainIndexes, ThereIsALimit) {
    base::Qsbr qsbr;
    zones::NodeCache cache(qsbr, std::size_t{8} << 20);
    zones::ChainIndexes indexes(qsbr, cache, 4096);
    const auto make = [](std::size_t hashes) {
        auto index = std::make_unique<zones::ChainIndex>();
        index->zone = 1;
        std::vector<dns::Nsec3Hash> list(hashes);
        for (std::size_t i = 0; i < hashes; ++i) {
            base::store_be32(list[i].data(), static_cast<std::uint32_t>(i));
        }
        index->order = zones::HashIndex(std::move(list));
        return index;
    };
    EXPECT_FALSE(indexes.put(make(300)));
    EXPECT_EQ(indexes.find(1, 0), nullptr);
    EXPECT_TRUE(indexes.put(make(10)));
    EXPECT_LE(indexes.size().octets, 4096U);
}

}  // namespace
}  // namespace zones_test
