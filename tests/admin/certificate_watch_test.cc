#include "admin/certificate_watch.h"

#include <gtest/gtest.h>

#include "admin/feed.h"
#include "admin/json.h"

namespace admin {
namespace {

using What = CertificateNotice::What;
using std::chrono::hours;

class CertificateWatchTest : public testing::Test {
  protected:
    using Told = std::vector<std::pair<std::string, What>>;

    Told look(base::WallTime now) {
        told_.clear();
        watch_.look(now);
        return told_;
    }
    Told load(const base::Result<void>& outcome, base::WallTime now) {
        told_.clear();
        watch_.loaded(outcome, now);
        return told_;
    }

    const base::WallTime start_ = base::from_unix_us(1767614400000000);
    std::vector<server::Certificates::Expiry> expiries_;
    Told told_;
    CertificateNotice last_;
    net::Loop loop_;
    CertificateWatch watch_{loop_, [this] { return expiries_; },
                            [this](const CertificateNotice& notice) {
                                last_ = notice;
                                told_.emplace_back(notice.table, notice.what);
                            }};
};

TEST_F(CertificateWatchTest, WhatIsReadIsToldAndWhatIsNotToo) {
    expiries_ = {{"a", start_ + hours(24 * 90), {"a.test", "*.a.test"}},
                 {"b", start_ + hours(24 * 60), {"b.test"}}};
    EXPECT_EQ(load({}, start_), (Told{{"a", What::Loaded}, {"b", What::Loaded}}));
    EXPECT_EQ(last_.time, start_);
    EXPECT_EQ(last_.names, std::vector<std::string>{"b.test"});
    EXPECT_EQ(last_.not_after, start_ + hours(24 * 60));
    EXPECT_EQ(load(base::fail("tls.a: no such file"), start_), (Told{{"", What::Refused}}));
    EXPECT_EQ(last_.detail, "tls.a: no such file");
    EXPECT_EQ(look(start_), Told{});
}

TEST_F(CertificateWatchTest, WhatIsNearItsEndIsToldOnceADay) {
    const base::WallTime end = start_ + hours(24 * 20);
    expiries_ = {{"a", end, {"a.test"}}};
    EXPECT_EQ(load({}, start_), (Told{{"a", What::Loaded}}));
    const base::WallTime near = end - CertificateWatch::kNear;
    EXPECT_EQ(look(near - std::chrono::seconds(1)), Told{});
    EXPECT_EQ(look(near), (Told{{"a", What::Expiring}}));
    EXPECT_EQ(look(near + hours(23)), Told{});
    EXPECT_EQ(look(near + hours(24)), (Told{{"a", What::Expiring}}));
    EXPECT_EQ(look(near + hours(10)), (Told{{"a", What::Expiring}}));  // the clock was set back
    EXPECT_EQ(look(end), (Told{{"a", What::Expired}}));
    EXPECT_EQ(look(end + hours(1)), Told{});
    EXPECT_EQ(look(end + hours(24)), (Told{{"a", What::Expired}}));
    // Read anew, and still the old one: that is told at once.
    EXPECT_EQ(load({}, end + hours(25)), (Told{{"a", What::Loaded}, {"a", What::Expired}}));
    expiries_[0].at = end + hours(24 * 90);
    EXPECT_EQ(load({}, end + hours(26)), (Told{{"a", What::Loaded}}));
    EXPECT_EQ(look(end + hours(27)), Told{});
}

TEST(CertificateEvent, Golden) {
    const FeedOrigin origin = {.id = "7f3a.9", .node = "fra1", .listener = {}};
    CertificateNotice notice;
    notice.what = What::Expiring;
    notice.time = base::from_unix_us(1767614400123456);
    notice.table = "default";
    notice.names = {"dns.example", "*.dns.example"};
    notice.not_after = base::from_unix_us(1767700800000000);
    EXPECT_EQ(certificate_event_json(notice, origin),
              R"({"schema":1,"topic":"certificate","id":"7f3a.9",)"
              R"("ts":"2026-01-05T12:00:00.123456Z","node":"fra1","what":"expiring",)"
              R"("tls":"default","names":["dns.example","*.dns.example"],)"
              R"("not_after":"2026-01-06T12:00:00.000000Z","detail":null})");
    notice = {};
    notice.what = What::Refused;
    notice.detail = "tls.a: \"x\"";
    const auto refused = Json::parse(certificate_event_json(notice, origin));
    ASSERT_TRUE(refused);
    EXPECT_EQ(*refused->find("what")->as_string(), "refused");
    EXPECT_EQ(*refused->find("detail")->as_string(), "tls.a: \"x\"");
    EXPECT_EQ(refused->find("tls")->dump(), "null");
    EXPECT_EQ(refused->find("not_after")->dump(), "null");
}

class Ear final : public FeedSubscriber {
  public:
    [[nodiscard]] bool ready() const override { return true; }
    void send(const FeedBatch& batch, std::uint64_t /*dropped*/) override {
        for (const auto& message : batch) heard.push_back(message->json);
    }
    void heartbeat() override {}
    void end(FeedEnd /*why*/) override {}
    std::vector<std::string> heard;
};

TEST(CertificateEvent, GoesToThoseWhoAskForTheTopicAndToThoseWhoAskForNone) {
    net::Loop loop;
    FeedSources sources;
    sources.node = "fra1";
    Feed feed(loop, std::move(sources));
    Ear all, some, others;
    ASSERT_TRUE(feed.subscribe(all, *FeedFilter::parse(FeedFilter::Pairs{})));
    ASSERT_TRUE(
        feed.subscribe(some, *FeedFilter::parse(FeedFilter::Pairs{{"topics", "certificate"}})));
    ASSERT_TRUE(feed.subscribe(
        others, *FeedFilter::parse(FeedFilter::Pairs{{"topics", "query,change,limit"}})));
    CertificateNotice notice;
    notice.table = "default";
    feed.publish(notice);
    feed.tick();
    ASSERT_EQ(all.heard.size(), 1U);
    EXPECT_NE(all.heard[0].find("\"what\":\"loaded\""), std::string::npos);
    EXPECT_EQ(some.heard, all.heard);
    EXPECT_TRUE(others.heard.empty());
    for (Ear* ear : {&all, &some, &others}) feed.unsubscribe(*ear);
}

}  // namespace
}  // namespace admin
