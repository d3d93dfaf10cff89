// Policies and the documents they refer to, as parts of change sets.
#include "tests/zones/steering_documents.h"
#include "tests/zones/store_fixture.h"
#include "zones/policy_table.h"

namespace zones_test {
namespace {

using dns::RRType;
using Kind = zones::ChangeFault::Kind;

zones::PutPolicy policy(std::string_view owner, std::string json = kPolicy,
                        std::string type = "ADDRESS", std::string view = "") {
    return {name("example."), name(owner), std::move(type), std::move(view), std::move(json)};
}

class StorePolicies : public StoreTest {
  protected:
    void SetUp() override {
        StoreTest::SetUp();
        must(changes(zone("example."), zones::PutDocument{"pools", "fra", kPool},
                     policy("geo.x.example.")));
    }
    bool decides(std::string_view owner) {
        const zones::Published& published = *store_->published();
        const zones::ZoneEntry* entry = published.zones->find_exact(name("example."));
        if (entry == nullptr) return false;
        const dns::Name whole = name(owner);
        return published.policies->has(
            entry->base(), whole.octets().first(whole.size() - name("example.").size()), RRType::A);
    }
};

TEST_F(StorePolicies, NameWithAPolicyExists) {
    EXPECT_TRUE(decides("geo.x.example."));
    EXPECT_EQ(find("example.", "geo.x.example."), "ENT");
    EXPECT_EQ(find("example.", "x.example."), "ENT");
    reopen();
    EXPECT_TRUE(decides("geo.x.example."));
    const auto policies = store_->read()->policies(name("example."), "");
    ASSERT_TRUE(policies);
    ASSERT_EQ(policies->size(), 1U);
    EXPECT_EQ(policies->front().name.to_text(), "geo.x.example.");
    EXPECT_EQ(policies->front().type, "ADDRESS");
    EXPECT_EQ(policies->front().json, kPolicy);
    EXPECT_EQ(policies->front().revision, 1U);
    // The RRsets of the name may go; the name stays while its policy does.
    must(changes(put("example.", "geo.x.example.", RRType::TXT, {"\"x\""})));
    must(changes(erase("example.", "geo.x.example.", RRType::TXT)));
    EXPECT_EQ(find("example.", "geo.x.example."), "ENT");
    must(changes(zones::DeletePolicy{name("example."), name("geo.x.example."), "ADDRESS", ""}));
    EXPECT_FALSE(decides("geo.x.example."));
    EXPECT_EQ(find("example.", "geo.x.example."), "Absent");
    EXPECT_EQ(find("example.", "x.example."), "Absent");
    EXPECT_EQ(kind(commit(changes(
                  zones::DeletePolicy{name("example."), name("geo.x.example."), "ADDRESS", ""}))),
              Kind::NotFound);
}

TEST_F(StorePolicies, PoolInUseIsNotDeleted) {
    const auto result = commit(changes(zones::DeleteDocument{"pools", "fra"}));
    EXPECT_EQ(kind(result), Kind::Invalid);
    EXPECT_NE(faults(result).find("fra"), std::string::npos) << faults(result);
    must(changes(zones::DeletePolicy{name("example."), name("geo.x.example."), "ADDRESS", ""},
                 zones::DeleteDocument{"pools", "fra"}));
}

TEST_F(StorePolicies, FaultyDocumentsAreRefused) {
    EXPECT_EQ(kind(commit(changes(policy("a.example.", "{}")))), Kind::Invalid);
    EXPECT_EQ(kind(commit(changes(policy("a.example.", kPolicy, "MX")))), Kind::Invalid);
    EXPECT_EQ(kind(commit(changes(zones::PutDocument{"pools", "fra", "{}"}))), Kind::Invalid);
    std::string elsewhere = kPolicy;
    elsewhere.replace(elsewhere.find("fra"), 3, "lhr");
    EXPECT_EQ(kind(commit(changes(policy("a.example.", elsewhere)))), Kind::Invalid);
    EXPECT_EQ(find("example.", "a.example."), "Absent");
}

TEST_F(StorePolicies, NoCnameBesideAPolicy) {
    EXPECT_NE(faults(commit(changes(put("example.", "geo.x.example.", RRType::CNAME, {"a.test."}))))
                  .find("an ADDRESS policy and a CNAME"),
              std::string::npos);
    const auto shadowed =
        commit(changes(put("example.", "geo.x.example.", RRType::A, {"192.0.2.1"})));
    ASSERT_TRUE(shadowed);
    ASSERT_EQ(shadowed->warnings.size(), 1U);
    EXPECT_NE(shadowed->warnings[0].find("not served while a policy"), std::string::npos);
}

TEST_F(StorePolicies, PoliciesSurviveAReplacementOfTheZone) {
    auto loader = store_->begin_load(name("example."));
    ASSERT_TRUE(loader);
    EXPECT_FALSE((*loader)->add(name("example."), RRType::SOA, 300,
                                rdata(RRType::SOA, "ns. h. 50 1 2 3 4")));
    EXPECT_FALSE((*loader)->add(name("example."), RRType::NS, 300, rdata(RRType::NS, "ns.test.")));
    const auto finished = (*loader)->finish();
    ASSERT_TRUE(finished);
    must(changes(finished->operation));
    EXPECT_TRUE(decides("geo.x.example."));
    EXPECT_EQ(find("example.", "geo.x.example."), "ENT");
    must(changes(zones::DeleteZone{name("example.")}));
    must(changes(zone("example.")));
    EXPECT_FALSE(decides("geo.x.example."));
    EXPECT_TRUE(store_->read()->policies(name("example."), "")->empty());
}

TEST_F(StorePolicies, OverlayMayHaveItsOwn) {
    must(changes(zones::PutDocument{"views", "v", "{}"},
                 policy("geo.x.example.", kPolicy, "ADDRESS", "v")));
    EXPECT_EQ(store_->read()->policies(name("example."), "v")->size(), 1U);
    EXPECT_EQ(store_->read()->policies(name("example."), "")->size(), 1U);
    EXPECT_EQ(kind(commit(changes(zones::DeleteDocument{"views", "v"}))), Kind::Exists);
}

TEST_F(StorePolicies, NewLocationDatabasesKeepTheRevision) {
    const zones::Revision before = store_->published()->revision;
    store_->set_geo(std::make_shared<const zones::GeoDatabases>());
    must(changes(put("example.", "a.example.", RRType::A, {"192.0.2.1"})));
    EXPECT_EQ(store_->published()->revision, before + 1);
    EXPECT_TRUE(decides("geo.x.example."));
}

}  // namespace
}  // namespace zones_test
