#include "zones/geo.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "tests/zones/store_fixture.h"
#include "zones/policy_table.h"

namespace zones_test {
namespace {

/// The demo's database: 198.51.100.0/24 and others, made by scripts/demo/make_mmdb.py.
class Geo : public testing::Test {
  protected:
    void SetUp() override {
        file_ = directory_.path() + "/demo.mmdb";
        const std::string source(MERIDIAN_SOURCE_DIR);
        const std::string command = "python3 '" + source + "/scripts/demo/make_mmdb.py' '" + file_ +
                                    "' '" + source + "/scripts/demo/networks.txt'";
        ASSERT_EQ(std::system(command.c_str()), 0) << command;
    }
    zones::GeoDatabases::Files files(const std::string& city) const {
        zones::GeoDatabases::Files out;
        out.city = {city};
        return out;
    }
    ScratchDirectory directory_;
    std::string file_;
};

TEST_F(Geo, LocatesAddresses) {
    const auto geo = zones::GeoDatabases::open(files(file_));
    ASSERT_TRUE(geo) << geo.error().message;
    EXPECT_FALSE((*geo)->empty());
    std::size_t networks = 0;
    std::map<std::string, int> countries;
    (*geo)->for_each_network([&](const base::IpPrefix& prefix) {
        ++networks;
        const zones::Location at = (*geo)->locate(prefix.address);
        EXPECT_EQ(at.continent.size(), 2U) << prefix.to_text();
        ++countries[std::string(at.country)];
    });
    EXPECT_GT(networks, 2U);
    EXPECT_GT(countries.size(), 1U);
    EXPECT_TRUE((*geo)->locate(*base::IpAddress::parse("127.0.0.1")).country.empty());
}

TEST_F(Geo, AFileCutInPlaceDoesNotHurt) {
    const auto geo = zones::GeoDatabases::open(files(file_));
    ASSERT_TRUE(geo);
    std::vector<base::IpPrefix> prefixes;
    (*geo)->for_each_network([&](const base::IpPrefix& p) { prefixes.push_back(p); });
    ASSERT_FALSE(prefixes.empty());
    const std::string before((*geo)->locate(prefixes[0].address).continent);
    ASSERT_EQ(truncate(file_.c_str(), 10), 0);
    EXPECT_EQ((*geo)->locate(prefixes[0].address).continent, before);
}

TEST_F(Geo, EveryTruncationIsRefusedOrWhole) {
    const auto size = std::filesystem::file_size(file_);
    for (std::uintmax_t cut = 0; cut < size; cut += 1 + size / 200) {
        const std::string copy = directory_.path() + "/cut.mmdb";
        std::filesystem::copy_file(file_, copy, std::filesystem::copy_options::overwrite_existing);
        std::filesystem::resize_file(copy, cut);
        const auto geo = zones::GeoDatabases::open(files(copy));
        EXPECT_FALSE(geo) << cut;
        if (!geo) {
            EXPECT_NE(geo.error().message.find("cut.mmdb"), std::string::npos);
        }
    }
    EXPECT_FALSE(zones::GeoDatabases::open(files("/nowhere.mmdb")));
}

/// MERIDIAN_BAD_MMDB names a folder with more files that are broken: MaxMind publishes some.
TEST_F(Geo, BrokenFilesNeverCrash) {
    const auto read = [this](const std::string& file) {
        const auto geo = zones::GeoDatabases::open(files(file));
        if (!geo) return;
        (*geo)->for_each_network(
            [&](const base::IpPrefix& prefix) { (void)(*geo)->locate(prefix.address); });
    };
    std::ifstream in(file_, std::ios::binary);
    const std::string good((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    base::Random random(5);
    const std::string copy = directory_.path() + "/flipped.mmdb";
    for (int round = 0; round < 200; ++round) {
        std::string bad = good;
        for (int i = 0; i < 3; ++i) {
            bad[random.below(static_cast<std::uint32_t>(bad.size()))] =
                static_cast<char>(random.below(256));
        }
        std::ofstream(copy, std::ios::binary | std::ios::trunc) << bad;
        read(copy);
    }
    const char* more = std::getenv("MERIDIAN_BAD_MMDB");
    if (more == nullptr) return;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(more)) {
        if (entry.path().extension() == ".mmdb") read(entry.path().string());
    }
}

TEST_F(Geo, RulesOfPlacesFollowTheDatabase) {
    auto geo = zones::GeoDatabases::open(files(file_));
    ASSERT_TRUE(geo);
    zones::PolicyDocuments documents;
    documents.pools["eu"] = R"({"members": [{"id": "e", "A": "10.0.0.1"}]})";
    documents.pools["de"] = R"({"members": [{"id": "d", "A": "10.0.0.2"}]})";
    documents.pools["rest"] = R"({"members": [{"id": "r", "A": "10.0.0.3"}]})";
    documents.policies.push_back({1, {}, "ADDRESS", R"({"rules": [
        {"id": "de", "when": {"geo": ["EU-DE"]}, "pools": ["de"]},
        {"id": "eu", "when": {"geo": ["EU"]}, "pools": ["eu"]},
        {"id": "rest", "when": "any", "pools": ["rest"]}]})"});
    const auto table = zones::PolicyTable::compile(documents, **geo);
    ASSERT_TRUE(table) << table.error().message;
    base::Random random(9);
    const zones::HealthSnapshot health;
    int elsewhere = 0;
    const auto check = [&](const base::IpAddress& address) {
        zones::PolicyDecision decision;
        ASSERT_TRUE((*table)->decide(1, {}, dns::RRType::A, address, address.bits(), health, random,
                                     decision));
        const zones::Location at = (*geo)->locate(address);
        const std::string_view expected = at.continent == "EU" && at.country == "DE" ? "de"
                                          : at.continent == "EU"                     ? "eu"
                                                                                     : "rest";
        EXPECT_EQ(decision.rule, expected) << address.to_text();
        elsewhere += expected == "rest" ? 1 : 0;
    };
    (*geo)->for_each_network([&](const base::IpPrefix& prefix) { check(prefix.address); });
    for (int i = 0; i < 2000; ++i) {
        std::uint8_t raw[4];
        base::store_be32(raw, static_cast<std::uint32_t>(random.next64()));
        check(base::IpAddress::v4(raw));
    }
    EXPECT_GT(elsewhere, 0);
}

}  // namespace
}  // namespace zones_test
