#include "server/rrl.h"

#include <gtest/gtest.h>

#include <thread>

#include "server/rrl_watch.h"

namespace server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Verdict = Rrl::Verdict;

const base::MonoTime kStart{seconds(1000)};

base::IpAddress ip(const std::string& text) {
    return *base::IpAddress::parse(text);
}

/// A limiter, and the names its subjects borrow.
class RrlTest : public testing::Test {
  protected:
    void make(std::uint32_t rate, std::uint32_t slip = 0, std::size_t buckets = 4096) {
        Rrl::Settings settings;
        settings.responses_per_second = rate;
        settings.slip = slip;
        settings.exempt = {*base::IpPrefix::parse("198.51.100.0/24")};
        rrl_ = std::make_unique<Rrl>(std::move(settings), SipKey{7, 7, 7}, buckets);
    }
    Rrl::Judgement judge(const std::string& client, const std::string& name,
                         RrlKind kind = RrlKind::Answer, bool synthesized = false) {
        const dns::Name owner = *dns::Name::parse(name);
        return rrl_->judge(ip(client), {kind, owner, synthesized}, now_);
    }
    /// How many of `tries` are sent whole.
    int sent(int tries, const std::string& client, const std::string& name,
             RrlKind kind = RrlKind::Answer, bool synthesized = false) {
        int count = 0;
        for (int i = 0; i < tries; ++i) {
            if (judge(client, name, kind, synthesized).verdict == Verdict::Send) ++count;
        }
        return count;
    }

    std::unique_ptr<Rrl> rrl_;
    base::MonoTime now_ = kStart;
};

TEST_F(RrlTest, ASecondsWorthAtOnceThenEvenly) {
    make(10);
    EXPECT_EQ(sent(1000, "192.0.2.1", "www.example."), 10);
    now_ += milliseconds(99);
    EXPECT_EQ(sent(1000, "192.0.2.1", "www.example."), 0);
    now_ += milliseconds(1);
    EXPECT_EQ(sent(1000, "192.0.2.1", "www.example."), 1);
    now_ += milliseconds(500);
    EXPECT_EQ(sent(1000, "192.0.2.1", "www.example."), 5);
    now_ += seconds(100);  // no more is saved up than a second's worth
    EXPECT_EQ(sent(1000, "192.0.2.1", "www.example."), 10);
}

TEST_F(RrlTest, AnyRateHolds) {
    for (const std::uint32_t rate : {1U, 2U, 3U, 7U, 200U, 1000U, Rrl::kMaxRate}) {
        make(rate);
        int count = 0;
        const int steps = 30;
        for (int step = 0; step < steps; ++step) {
            now_ += milliseconds(100);
            count += sent(static_cast<int>(std::min(rate, 3000U)), "192.0.2.1", "www.example.");
        }
        // 2.9 seconds on top of what the bucket held, or all that was tried.
        const double most = std::min(3.9 * rate, 30.0 * std::min(rate, 3000U));
        EXPECT_LE(count, most + 1) << rate;
        EXPECT_GE(count, std::min(3.85 * rate, most) - 1) << rate;
    }
}

TEST_F(RrlTest, ClientsShareTheBucketOfTheirPrefix) {
    make(10);
    EXPECT_EQ(sent(100, "192.0.2.1", "www.example."), 10);
    EXPECT_EQ(sent(100, "192.0.2.255", "www.example."), 0);
    EXPECT_EQ(sent(100, "192.0.3.0", "www.example."), 10);
    EXPECT_EQ(sent(100, "192.0.1.255", "www.example."), 10);
    EXPECT_EQ(sent(100, "2001:db8:0:1200::1", "www.example."), 10);
    EXPECT_EQ(sent(100, "2001:db8:0:12ff:ffff::", "www.example."), 0);
    EXPECT_EQ(sent(100, "2001:db8:0:1300::", "www.example."), 10);
    // The same octets in front, in the other family.
    EXPECT_EQ(sent(100, "c000:200::", "www.example."), 10);
}

TEST_F(RrlTest, NamesAndKindsAreApart) {
    make(10);
    EXPECT_EQ(sent(100, "192.0.2.1", "www.example."), 10);
    EXPECT_EQ(sent(100, "192.0.2.1", "WWW.Example."), 0);
    EXPECT_EQ(sent(100, "192.0.2.1", "mail.example."), 10);
    EXPECT_EQ(sent(100, "192.0.2.1", "www.example.", RrlKind::NoData), 10);
    EXPECT_EQ(sent(100, "192.0.2.1", "www.example.", RrlKind::Answer, true), 10);
}

TEST_F(RrlTest, ManyNamesAreBoundedTogether) {
    make(10);
    int count = 0;
    for (int i = 0; i < 5000; ++i) count += sent(1, "192.0.2.1", std::to_string(i) + ".example.");
    EXPECT_EQ(count, 10 * static_cast<int>(Rrl::kAllFactor));
    const Rrl::Judgement last = judge("192.0.2.1", "other.example.");
    EXPECT_EQ(last.verdict, Verdict::Drop);
    EXPECT_EQ(last.kind, RrlKind::All);
    EXPECT_EQ(sent(100, "192.0.3.1", "0.example."), 10);
}

TEST_F(RrlTest, EveryNthIsTruncated) {
    const auto truncated = [this](std::uint32_t slip) {
        make(5, slip);
        EXPECT_EQ(sent(5, "192.0.2.1", "www.example."), 5);
        int count = 0;
        for (int i = 0; i < 60; ++i) {
            const Rrl::Judgement judged = judge("192.0.2.1", "www.example.");
            EXPECT_NE(judged.verdict, Verdict::Send);
            EXPECT_EQ(judged.kind, RrlKind::Answer);
            if (judged.verdict == Verdict::Truncate) ++count;
        }
        return count;
    };
    EXPECT_EQ(truncated(0), 0);
    EXPECT_EQ(truncated(1), 60);
    EXPECT_EQ(truncated(2), 30);
    EXPECT_EQ(truncated(10), 6);
}

TEST_F(RrlTest, SomeAreExempt) {
    make(1);
    EXPECT_EQ(sent(500, "198.51.100.9", "www.example."), 500);
    EXPECT_EQ(sent(500, "198.51.101.9", "www.example."), 1);
}

TEST_F(RrlTest, WithoutRoomAnswersGoOut) {
    make(10, 0, Rrl::kSetSize);  // one set
    // Two floods fill it: a bucket for the prefix and one for the name, each.
    EXPECT_EQ(sent(500, "192.0.2.1", "www.example."), 10);
    EXPECT_EQ(sent(500, "192.0.3.1", "www.example."), 10);
    // Whoever comes now is answered although there is no place for him.
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(sent(1, "10.0." + std::to_string(i) + ".1", "www.example."), 1);
    }
}

TEST_F(RrlTest, AFloodKeepsItsBucketsWhileOthersComeAndGo) {
    make(10, 0, 1024);
    EXPECT_EQ(sent(500, "192.0.2.1", "www.example."), 10);
    int count = 0;
    for (int i = 0; i < 20000; ++i) {  // a hundred times as many as there is room for
        EXPECT_EQ(sent(1, "10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".1",
                       "www.example."),
                  1);
        count += sent(1, "192.0.2.1", "www.example.");
    }
    EXPECT_EQ(count, 0);
}

TEST_F(RrlTest, WorkersShareOneBudget) {
    make(1000, 2);
    const dns::Name owner = *dns::Name::parse("www.example.");
    constexpr int kThreads = 4;
    constexpr int kTries = 20000;
    std::array<int, kThreads> whole{};
    std::array<int, kThreads> cut{};
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            const auto at = static_cast<std::size_t>(t);
            for (int i = 0; i < kTries; ++i) {
                const auto judged =
                    rrl_->judge(ip("192.0.2.1"), {RrlKind::Answer, owner, false}, now_);
                if (judged.verdict == Verdict::Send) ++whole[at];
                if (judged.verdict == Verdict::Truncate) ++cut[at];
            }
        });
    }
    for (int i = 0; i < 20; ++i) static_cast<void>(rrl_->limited());
    for (std::thread& thread : threads) thread.join();
    int sent_whole = 0;
    int sent_cut = 0;
    for (const int count : whole) sent_whole += count;
    for (const int count : cut) sent_cut += count;
    // A thread that loses the race for a fresh bucket answers without one.
    EXPECT_GE(sent_whole, 1000);
    EXPECT_LE(sent_whole, 1000 + 2 * kThreads);
    EXPECT_NEAR(sent_cut, (kThreads * kTries - sent_whole) / 2, 1);
}

TEST_F(RrlTest, TellsWhatWasLimited) {
    make(10);
    EXPECT_TRUE(rrl_->limited().empty());
    static_cast<void>(sent(25, "192.0.2.77", "example.", RrlKind::NXDomain));
    static_cast<void>(sent(13, "2001:db8:0:12ff::1", "www.example."));
    static_cast<void>(sent(10, "192.0.9.1", "www.example."));
    auto limited = rrl_->limited();
    ASSERT_EQ(limited.size(), 2U);
    if (!limited[0].prefix.address.is_v4()) std::swap(limited[0], limited[1]);
    EXPECT_EQ(limited[0].prefix.to_text(), "192.0.2.0/24");
    EXPECT_EQ(limited[0].kind, RrlKind::NXDomain);
    EXPECT_EQ(limited[0].answers, 15U);
    EXPECT_EQ(limited[1].prefix.to_text(), "2001:db8:0:1200::/56");
    EXPECT_EQ(limited[1].kind, RrlKind::Answer);
    EXPECT_EQ(limited[1].answers, 3U);
    EXPECT_TRUE(rrl_->limited().empty());
    static_cast<void>(sent(1, "192.0.2.77", "example.", RrlKind::NXDomain));
    ASSERT_EQ(rrl_->limited().size(), 1U);
}

/// What the log is told.
struct Book {
    std::vector<std::string> lines;
    RrlDiary diary{20, [this](bool warning, const std::string& text) {
                       lines.push_back((warning ? "W " : "I ") + text);
                   }};
};

Rrl::Limited limited(const char* prefix, RrlKind kind, std::uint32_t answers) {
    return {*base::IpPrefix::parse(prefix), kind, answers};
}

TEST(RrlDiary, SaysWhenItBeginsAndWhenItIsOver) {
    Book book;
    book.diary.note({}, kStart);
    EXPECT_TRUE(book.lines.empty());
    book.diary.note({limited("192.0.2.0/24", RrlKind::NXDomain, 100),
                     limited("192.0.2.0/24", RrlKind::Answer, 20)},
                    kStart + seconds(1));
    ASSERT_EQ(book.lines.size(), 1U);
    EXPECT_EQ(book.lines[0].find("W answers to 192.0.2.0/24 are limited: more than 20 a second of "
                                 "kind nxdomain"),
              0U)
        << book.lines[0];
    EXPECT_NE(book.lines[0].find("limits.rrl_exempt"), std::string::npos);
    EXPECT_EQ(book.diary.limited_prefixes(), 1U);
    book.diary.note({limited("192.0.2.0/24", RrlKind::NXDomain, 30)}, kStart + seconds(8));
    book.diary.note({}, kStart + seconds(17));
    EXPECT_EQ(book.lines.size(), 1U);
    EXPECT_EQ(book.diary.limited_prefixes(), 1U);
    book.diary.note({}, kStart + seconds(18));
    ASSERT_EQ(book.lines.size(), 2U);
    EXPECT_EQ(book.lines[1],
              "I answers to 192.0.2.0/24 are no longer limited: 150 were dropped or truncated "
              "within 8 s");
    EXPECT_EQ(book.diary.limited_prefixes(), 0U);
    book.diary.note({limited("2001:db8::/56", RrlKind::All, 1)}, kStart + seconds(19));
    ASSERT_EQ(book.lines.size(), 3U);
    EXPECT_NE(book.lines[2].find("more than 160 a second of all kinds together"),
              std::string::npos);
}

TEST(RrlDiary, AFloodOfEverybodyFillsNoLog) {
    Book book;
    std::vector<Rrl::Limited> many;
    for (int i = 0; i < 3000; ++i) {
        const std::string prefix =
            "10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24";
        many.push_back(limited(prefix.c_str(), RrlKind::Answer, 1));
    }
    book.diary.note(many, kStart);
    EXPECT_EQ(book.lines.size(), RrlDiary::kMaxRrlLines);
    EXPECT_EQ(book.diary.limited_prefixes(), RrlDiary::kMaxLimitedPrefixes);
    book.diary.note({}, kStart + seconds(30));  // those told of are over
    EXPECT_EQ(book.lines.size(), 2 * RrlDiary::kMaxRrlLines);
    EXPECT_EQ(book.diary.limited_prefixes(), 0U);
    book.diary.note({}, kStart + seconds(60));
    ASSERT_EQ(book.lines.size(), 2 * RrlDiary::kMaxRrlLines + 1);
    EXPECT_EQ(book.lines.back(),
              "W answers to 2990 more prefixes are limited, or were within a minute");
    book.diary.note({many[0]}, kStart + seconds(61));
    EXPECT_EQ(book.lines.size(), 2 * RrlDiary::kMaxRrlLines + 2);
}

}  // namespace
}  // namespace server
