// /v1/stats and the history behind it.
#include <gtest/gtest.h>

#include "admin/stats_history.h"
#include "tests/admin/api_fixture.h"

namespace admin {
namespace {

using fakes::ApiTest;
using std::chrono::milliseconds;
using std::chrono::seconds;

const base::WallTime kHistoryStart = base::from_unix_us(1767614400000000);

StatsSample sample_at(std::int64_t second, std::uint64_t queries) {
    StatsSample out;
    out.time = kHistoryStart + seconds(second);
    out.at = base::MonoTime() + seconds(second);
    out.roles[0] = queries;
    return out;
}

TEST(StatsHistory, KeepsADayInLessAndLessDetail) {
    StatsHistory history;
    EXPECT_EQ(history.newest(), nullptr);
    EXPECT_TRUE(history.between(kHistoryStart, kHistoryStart + seconds(100), seconds(1)).empty());
    constexpr std::int64_t kSeconds = 2 * 86400;
    for (std::int64_t i = 0; i <= kSeconds; ++i) {
        history.add(sample_at(i, static_cast<std::uint64_t>(i) * 7));
    }
    EXPECT_EQ(history.newest()->time, kHistoryStart + seconds(kSeconds));
    const base::WallTime now = kHistoryStart + seconds(kSeconds);
    struct Row {
        std::int64_t back, step;
        std::size_t samples;
    };
    for (const Row& row :
         {Row{60, 1, 61}, Row{600, 1, 601}, Row{600, 30, 21}, Row{7200, 1, 721}, Row{7200, 10, 721},
          Row{86400, 1, 1441}, Row{86400, 3600, 25}, Row{kSeconds, 1, 1441}}) {
        const auto samples = history.between(now - seconds(row.back), now, seconds(row.step));
        ASSERT_EQ(samples.size(), row.samples) << row.back << ' ' << row.step;
        for (std::size_t i = 1; i < samples.size(); ++i) {
            const auto apart =
                std::chrono::duration_cast<seconds>(samples[i].at - samples[i - 1].at);
            EXPECT_GE(apart.count(), row.step);
            EXPECT_EQ(samples[i].queries() - samples[i - 1].queries(),
                      static_cast<std::uint64_t>(apart.count()) * 7);
        }
        EXPECT_EQ(samples.back().time, now);
    }
    // A time that is over.
    const auto then = history.between(now - seconds(500), now - seconds(490), seconds(1));
    ASSERT_EQ(then.size(), 11U);
    EXPECT_EQ(then.front().time, now - seconds(500));
}

TEST(StatsHistory, TakesTimersThatAreEarlyOrLate) {
    StatsHistory history;
    StatsSample sample = sample_at(0, 0);
    for (const int ms : {0, 990, 1995, 2400, 5000}) {  // the fourth comes far too early
        sample.at = base::MonoTime() + milliseconds(ms);
        sample.time = kHistoryStart + milliseconds(ms);
        history.add(sample);
    }
    EXPECT_EQ(history.between(kHistoryStart, kHistoryStart + seconds(10), seconds(1)).size(), 4U);
}

TEST(StatsHistory, QuantilesLieWithinTheirBucket) {
    StatsSample before = sample_at(0, 0);
    StatsSample after = sample_at(1, 0);
    EXPECT_FALSE(duration_quantile(&before, after, 0, 0.5));
    before.durations[0][3] = 1000;  // of earlier
    after.durations[0][3] = 1000;
    EXPECT_FALSE(duration_quantile(&before, after, 0, 0.5));
    after.durations[0][1] = 100;  // 10 to 25 us
    EXPECT_DOUBLE_EQ(*duration_quantile(&before, after, 0, 0.5), 17.5e-6);
    EXPECT_DOUBLE_EQ(*duration_quantile(&before, after, 0, 1), 25e-6);
    after.durations[0][server::kDurationBuckets.size()] = 100;  // beyond the last
    EXPECT_DOUBLE_EQ(*duration_quantile(&before, after, 0, 0.99), server::kDurationBuckets.back());
    EXPECT_NEAR(*duration_quantile(nullptr, after, 0, 0.5), 75e-6, 26e-6);  // all there ever were
    EXPECT_FALSE(duration_quantile(&before, after, 1, 0.5));
}

class StatsTest : public ApiTest {
  protected:
    static const Json& at(const Json& document, std::initializer_list<std::string_view> path) {
        static const Json kNone("(absent)");
        const Json* here = &document;
        for (const std::string_view key : path) {
            here = here->find(key);
            if (here == nullptr) return kNone;
        }
        return *here;
    }
};

TEST_F(StatsTest, TotalsTellWhatWasCounted) {
    house_.stats.queries[0][0][0][0].add(5);   // auth udp A NOERROR
    house_.stats.queries[1][1][1][3].add(2);   // recursive tcp AAAA NXDOMAIN
    house_.stats.queries[0][3][15][23].add();  // auth doh other other
    house_.stats.dropped[0].add(4);
    house_.stats.count(0, std::chrono::microseconds(20), 6);
    house_.stats.tcp_accepted.add(3);
    house_.stats.tcp_closed.add(1);
    house_.stats.resolver_hits.add(8);
    make_zone();
    const Answer answer = ask("GET", "/v1/stats");
    must(answer, 200);
    const Json stats = answer.json();
    EXPECT_EQ(at(stats, {"queries"}).dump(), "8");
    EXPECT_EQ(at(stats, {"roles"}).dump(), R"({"auth":6,"recursive":2})");
    EXPECT_EQ(at(stats, {"transports"}).dump(), R"({"udp":5,"tcp":2,"doh":1})");
    EXPECT_EQ(at(stats, {"qtypes"}).dump(), R"({"A":5,"AAAA":2,"other":1})");
    EXPECT_EQ(at(stats, {"rcodes"}).dump(), R"({"NOERROR":5,"NXDOMAIN":2,"other":1})");
    EXPECT_EQ(at(stats, {"dropped", "malformed"}).dump(), "4");
    EXPECT_EQ(at(stats, {"latency", "auth", "mean_us"}).as_number(), 20.0);
    EXPECT_EQ(at(stats, {"latency", "auth", "p50_us"}).as_number(), 17.5);
    EXPECT_EQ(at(stats, {"latency", "recursive"}).dump(), "\"(absent)\"");
    EXPECT_EQ(at(stats, {"connections"}).dump(), R"({"open":2,"accepted":3})");
    EXPECT_EQ(at(stats, {"cache", "resolver_hits"}).dump(), "8");
    EXPECT_EQ(at(stats, {"store", "commits"}).dump(), "2");
    EXPECT_EQ(at(stats, {"store", "revision"}).dump(), "2");
    EXPECT_EQ(at(stats, {"http_requests"}).dump(), "1");
}

TEST_F(StatsTest, RowsTellHowMuchASecond) {
    // Sampled each second, beginning when the loop begins.
    const base::MonoTime ends = base::mono_now() + seconds(60);
    net::Timer timer(loop_);
    timer.start_repeating(milliseconds(20), [&] {
        house_.stats.queries[0][0][0][0].add(10);
        const auto known = stats_.history().between(kHistoryStart, base::wall_now(), seconds(1));
        if (known.size() >= 3 || base::mono_now() > ends) loop_.stop();
    });
    loop_.run();
    timer.stop();
    const Answer answer = ask("GET", "/v1/stats?step=1");
    must(answer, 200);
    const Json document = answer.json();
    const auto& rows = at(document, {"items"}).items();
    ASSERT_GE(rows.size(), 2U);
    double queries = 0;
    for (const Json& row : rows) {
        EXPECT_EQ(at(row, {"queries"}).as_number(), at(row, {"roles", "auth"}).as_number());
        queries += at(row, {"queries"}).as_number().value_or(0) *
                   at(row, {"seconds"}).as_number().value_or(0);
    }
    const auto& history = stats_.history();
    EXPECT_NEAR(queries, static_cast<double>(history.newest()->queries()), 0.5);
    EXPECT_FALSE(at(ask("GET", "/v1/stats").json(), {"lately"}).is_null());
    // Of a time of which nothing is known there are none.
    const Answer early = ask("GET", "/v1/stats?from=2001-01-01T00:00:00Z&to=978307300");
    must(early, 200);
    EXPECT_TRUE(at(early.json(), {"items"}).items().empty());
}

TEST_F(StatsTest, WhatCannotBeAskedIsToldSo) {
    for (const char* query :
         {"step=0", "step=86401", "step=x", "from=yesterday", "to=now",
          "from=2026-01-05T12:00:00Z&to=2026-01-05T12:00:00Z", "to=99999999999999999"}) {
        must(ask("GET", std::string("/v1/stats?") + query), 422);
    }
    const Answer made =
        ask("POST", "/v1/tokens",
            R"({"name":"zone","scopes":[{"verbs":["read"],"zones":["example.com"]}]})");
    must(made, 201);
    token_ = made.text("secret");
    must(ask("GET", "/v1/stats"), 403);
}

}  // namespace
}  // namespace admin
