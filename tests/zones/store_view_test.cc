// Views, networks and other documents, and the overlays of zones.
#include "tests/zones/store_fixture.h"

namespace zones_test {
namespace {

using dns::RRType;
using Kind = zones::ChangeFault::Kind;

zones::PutDocument document(std::string kind, std::string id, std::string json) {
    return {std::move(kind), std::move(id), std::move(json)};
}

class StoreViews : public StoreTest {
  protected:
    void SetUp() override {
        StoreTest::SetUp();
        must(changes(document("views", "internal", R"({"name":"internal","recursion":false})"),
                     document("networks", "10.0.0.0/8", R"({"view":"internal"})"), zone("example."),
                     put("example.", "www.example.", RRType::A, {"192.0.2.1"})));
        view_ = store_->published()->views->find("internal")->id;
    }
    zones::ViewId view_of(std::string_view address) {
        return store_->published()->views->view_of(*base::IpAddress::parse(address));
    }
    zones::ViewId view_ = 0;
};

TEST_F(StoreViews, NetworksChooseViews) {
    EXPECT_EQ(view_of("10.1.2.3"), view_);
    EXPECT_EQ(view_of("192.0.2.1"), zones::kDefaultView);
    EXPECT_FALSE(store_->published()->views->view(view_).recursion);
    reopen();
    EXPECT_EQ(view_of("10.1.2.3"), view_);
    must(changes(zones::DeleteDocument{"networks", "10.0.0.0/8"}));
    EXPECT_EQ(view_of("10.1.2.3"), zones::kDefaultView);
}

TEST_F(StoreViews, NumbersOfViewsAreNotGivenAgain) {
    must(changes(zones::DeleteDocument{"networks", "10.0.0.0/8"},
                 zones::DeleteDocument{"views", "internal"}));
    must(changes(document("views", "internal", "{}")));
    EXPECT_GT(store_->published()->views->find("internal")->id, view_);
}

TEST_F(StoreViews, ViewInUseIsNotDeleted) {
    const zones::DeleteDocument gone{"views", "internal"};
    auto result = commit(changes(gone));
    EXPECT_EQ(kind(result), Kind::Exists);
    EXPECT_NE(faults(result).find("in use by the network 10.0.0.0/8"), std::string::npos);
    must(changes(zones::DeleteDocument{"networks", "10.0.0.0/8"}));
    must(changes(put("example.", "www.example.", RRType::A, {"10.0.0.1"}, "internal")));
    result = commit(changes(gone));
    EXPECT_EQ(kind(result), Kind::Exists);
    EXPECT_NE(faults(result).find("in use by the zone example."), std::string::npos);
    // An overlay that goes in the same change set is no use.
    must(changes(erase("example.", "www.example.", RRType::A, "internal"), gone));
    EXPECT_EQ(store_->published()->views->find("internal"), nullptr);
}

TEST_F(StoreViews, DocumentsAreChecked) {
    const auto fault = [this](zones::PutDocument put) { return faults(commit(changes(put))); };
    EXPECT_EQ(fault(document("networks", "10.1.0.0/16", R"({"view":"nowhere"})")),
              "0 /view there is no view nowhere\n");
    EXPECT_EQ(fault(document("networks", "10.0.0.0/8", "{}")), "0 /view is missing\n");
    EXPECT_NE(fault(document("networks", "10.0.0.1/8", R"({"view":"default"})")), "");
    EXPECT_NE(fault(document("networks", "010.0.0.0/8", R"({"view":"default"})")), "");
    EXPECT_EQ(fault(document("views", "x", R"({"name":"y"})")),
              "0 /name must be the id of the document\n");
    EXPECT_EQ(fault(document("views", "x", R"({"recursion":1})")),
              "0 /recursion must be true or false\n");
    EXPECT_EQ(fault(document("views", "x", R"({"recurse":true})")), "0 /recurse unknown member\n");
    EXPECT_EQ(fault(document("views", "x", "[")), "0  must be a JSON object\n");
    EXPECT_NE(fault(document("views", "default", "{}")), "");
    EXPECT_NE(fault(document("views", "a b", "{}")), "");
    EXPECT_NE(fault(document("tokens", "t", "1")), "");
    EXPECT_NE(fault(document("secrets", "t", "{}")), "");
    EXPECT_NE(fault(document("tokens", "", "{}")), "");
    EXPECT_EQ(kind(commit(changes(zones::DeleteDocument{"tokens", "t"}))), Kind::NotFound);
}

TEST_F(StoreViews, DocumentsAreReadBack) {
    const auto revision = must(changes(document("tokens", "t1", R"({"a":1})")));
    const auto reader = store_->read();
    const auto all = reader->documents("tokens");
    ASSERT_TRUE(all);
    ASSERT_EQ(all->size(), 1U);
    EXPECT_EQ(all->front().id, "t1");
    EXPECT_EQ(all->front().json, R"({"a":1})");
    EXPECT_EQ(all->front().revision, revision);
    EXPECT_TRUE(reader->document("tokens", "t1")->has_value());
    EXPECT_FALSE(reader->document("tokens", "t")->has_value());
    // What is secret is not told by the history.
    EXPECT_EQ(reader->change(revision)->value().json.find("\"a\""), std::string::npos);
}

TEST_F(StoreViews, OverlayIsItsOwnVariantAndAdvancesTheSerial) {
    must(changes(put("example.", "www.example.", RRType::A, {"10.0.0.1"}, "internal")));
    EXPECT_EQ(serial("example."), 2U);
    EXPECT_EQ(rrset("example.", "www.example.", RRType::A), "300 192.0.2.1");
    EXPECT_EQ(rrset("example.", "www.example.", RRType::A, "internal"), "300 10.0.0.1");
    EXPECT_EQ(find("example.", "www.example.", view_), "Present");
    EXPECT_EQ(find("example.", "example.", view_), "ENT");
    reopen();
    EXPECT_EQ(find("example.", "www.example.", view_), "Present");
    must(changes(erase("example.", "www.example.", RRType::A, "internal")));
    // The overlay is empty and gone.
    EXPECT_TRUE(store_->published()->zones->find_exact(name("example."))->variants().empty());
    EXPECT_EQ(kind(commit(changes(erase("example.", "x.example.", RRType::A, "nowhere")))),
              Kind::NotFound);
}

TEST_F(StoreViews, HiddenRRsetsAreKeptInTheOverlay) {
    auto hide = put("example.", "www.example.", RRType::A, {}, "internal");
    hide.value.hidden = true;
    must(changes(hide));
    const auto found =
        store_->read()->rrset(name("example."), "internal", name("www.example."), RRType::A);
    ASSERT_TRUE(found && *found);
    EXPECT_TRUE((*found)->value.hidden);
    // With the A hidden a CNAME may stand there in the view, and not without.
    must(changes(put("example.", "www.example.", RRType::CNAME, {"x.test."}, "internal")));
    EXPECT_NE(faults(commit(changes(erase("example.", "www.example.", RRType::A, "internal"))))
                  .find("www.example. in the view internal: CNAME and other data"),
              std::string::npos);
    // Nor may the base get what does not go with the overlay.
    EXPECT_FALSE(commit(changes(put("example.", "www.example.", RRType::TXT, {"\"x\""}))));
    hide = put("example.", "example.", RRType::NS, {}, "internal");
    hide.value.hidden = true;
    EXPECT_NE(faults(commit(changes(hide))).find("no NS at the apex"), std::string::npos);
}

TEST_F(StoreViews, ZoneOfOneViewAlone) {
    must(changes(zone("corp.", "internal"), put("corp.", "a.corp.", RRType::A, {"10.0.0.1"})));
    EXPECT_EQ(store_->published()->zones->find(name("a.corp."), zones::kDefaultView), nullptr);
    EXPECT_NE(store_->published()->zones->find(name("a.corp."), view_), nullptr);
    EXPECT_EQ(find("corp.", "a.corp.", view_), "Present");
    EXPECT_EQ(rrset("corp.", "a.corp.", RRType::A, "internal"), "300 10.0.0.1");
    const auto info = store_->read()->zone(name("corp."));
    ASSERT_TRUE(info && *info);
    EXPECT_EQ((*info)->view, "internal");
    EXPECT_EQ((*info)->serial, 1U);
    EXPECT_FALSE(commit(changes(erase("corp.", "corp.", RRType::NS, "internal"))));
    must(changes(document("views", "other", "{}")));
    EXPECT_NE(faults(commit(changes(put("corp.", "a.corp.", RRType::A, {"10.0.0.1"}, "other"))))
                  .find("exists in the view internal only"),
              std::string::npos);
}

}  // namespace
}  // namespace zones_test
