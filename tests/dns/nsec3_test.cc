#include "dns/nsec3.h"

#include <gtest/gtest.h>
#include <ldns/ldns.h>

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"

namespace dns {
namespace {

std::string hashed(std::string_view text, const Nsec3Parameters& parameters) {
    const auto hash = nsec3_hash(*Name::parse(text), parameters);
    if (!hash) return "-";
    const Nsec3Label label = nsec3_label(*hash);
    EXPECT_EQ(label[0], 32);
    return std::string(label.begin() + 1, label.end());
}

constexpr std::uint8_t kSalt[] = {0xaa, 0xbb, 0xcc, 0xdd};

// RFC 5155, appendix A: the hashes of its zone.
TEST(Nsec3, Rfc5155AppendixA) {
    const Nsec3Parameters parameters{1, 0, 12, kSalt};
    const std::vector<std::pair<const char*, const char*>> rows = {
        {"example.", "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"},
        {"a.example.", "35mthgpgcu1qg68fab165klnsnk3dpvl"},
        {"ai.example.", "gjeqe526plbf1g8mklp59enfd789njgi"},
        {"ns1.example.", "2t7b4g4vsa5smi47k61mv5bv1a22bojr"},
        {"ns2.example.", "q04jkcevqvmu85r014c7dkba38o0ji5r"},
        {"w.example.", "k8udemvp1j2f7eg6jebps17vp3n8i58h"},
        {"*.w.example.", "r53bq7cc2uvmubfu5ocmm6pers9tk9en"},
        {"x.w.example.", "b4um86eghhds6nea196smvmlo4ors995"},
        {"y.w.example.", "ji6neoaepv8b5o6k4ev33abha8ht9fgc"},
        {"x.y.w.example.", "2vptu5timamqttgl4luu9kg21e0aor3s"},
        {"xx.example.", "t644ebqk9bibcna874givr6joj62mlhv"},
    };
    for (const auto& row : rows) EXPECT_EQ(hashed(row.first, parameters), row.second) << row.first;
}

TEST(Nsec3, CaseDoesNotMatter) {
    const Nsec3Parameters parameters{1, 0, 1, {}};
    EXPECT_EQ(hashed("WwW.eXample.", parameters), hashed("www.example.", parameters));
}

TEST(Nsec3, WhatCannotBeComputedIsNot) {
    EXPECT_EQ(hashed("example.", {2, 0, 0, {}}), "-");
    EXPECT_EQ(hashed("example.", {1, 0, kMaxNsec3Iterations + 1, {}}), "-");
    EXPECT_NE(hashed("example.", {1, 0, kMaxNsec3Iterations, {}}), "-");
}

TEST(Nsec3, ParametersOfRdata) {
    const std::vector<std::uint8_t> rdata = {1, 1, 0, 12, 4, 0xaa, 0xbb, 0xcc, 0xdd, 20, 0};
    const auto parameters = Nsec3Parameters::read(rdata);
    ASSERT_TRUE(parameters);
    EXPECT_EQ(parameters->flags, 1);
    EXPECT_TRUE(parameters->same_hashes({1, 0, 12, kSalt}));
    EXPECT_FALSE(parameters->same_hashes({1, 1, 11, kSalt}));
    EXPECT_FALSE(parameters->same_hashes({1, 1, 12, Octets(kSalt).first(3)}));
    EXPECT_FALSE(parameters->same_hashes({2, 1, 12, kSalt}));
    EXPECT_FALSE(Nsec3Parameters::read(Octets(rdata).first(8)));
    EXPECT_FALSE(Nsec3Parameters::read(Octets(rdata).first(4)));
    EXPECT_FALSE(Nsec3Parameters::read({}));
}

// ldns is the oracle: random names, salts and rounds.
TEST(Nsec3, AgreesWithLdns) {
    base::Random random(7);
    for (int round = 0; round < 300; ++round) {
        std::vector<std::uint8_t> wire;
        for (std::uint32_t labels = random.below(6); labels > 0; --labels) {
            wire.push_back(static_cast<std::uint8_t>(1 + random.below(40)));
            for (int i = wire.back(); i > 0; --i) {
                wire.push_back(static_cast<std::uint8_t>(random.below(256)));
            }
        }
        wire.push_back(0);
        std::vector<std::uint8_t> salt(random.below(round % 10 == 0 ? 256 : 9));
        for (std::uint8_t& octet : salt) octet = static_cast<std::uint8_t>(random.below(256));
        const auto iterations = static_cast<std::uint16_t>(random.below(20));

        const auto hash = nsec3_hash(NameView(wire), {1, 0, iterations, salt});
        ASSERT_TRUE(hash);
        const Nsec3Label label = nsec3_label(*hash);
        const std::unique_ptr<ldns_rdf, void (*)(ldns_rdf*)> owner(
            ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, wire.size(), wire.data()),
            ldns_rdf_deep_free);
        const std::unique_ptr<ldns_rdf, void (*)(ldns_rdf*)> theirs(
            ldns_nsec3_hash_name(owner.get(), 1, iterations, static_cast<std::uint8_t>(salt.size()),
                                 salt.data()),
            ldns_rdf_deep_free);
        ASSERT_TRUE(theirs);
        ASSERT_EQ(ldns_rdf_size(theirs.get()), label.size() + 1);  // the root behind it
        EXPECT_TRUE(std::equal(label.begin(), label.end(), ldns_rdf_data(theirs.get())));
    }
}

TEST(Nsec3, LabelsHaveTheOrderOfHashes) {
    base::Random random(8);
    for (int round = 0; round < 200; ++round) {
        Nsec3Hash a{};
        Nsec3Hash b{};
        const std::size_t same = random.below(20);
        for (std::size_t i = 0; i < a.size(); ++i) {
            a[i] = static_cast<std::uint8_t>(random.below(256));
            b[i] = i < same ? a[i] : static_cast<std::uint8_t>(random.below(256));
        }
        EXPECT_EQ(a < b, nsec3_label(a) < nsec3_label(b));
    }
}

}  // namespace
}  // namespace dns
