#include "resolver/cache.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "dns/presentation.h"
#include "resolver/resolver.h"

namespace {

using base::MonoTime;
using dns::Name;
using dns::RRset;
using dns::RRType;
using resolver::Cache;
using resolver::EntryKind;
using resolver::Rank;
using resolver::Ref;
using resolver::Settings;
using std::chrono::milliseconds;
using std::chrono::seconds;

const MonoTime kStart = MonoTime{} + std::chrono::hours(1);

Name name(const std::string& text) {
    return *Name::parse(text);
}

RRset rrset(RRType type, std::uint32_t ttl, const std::string& rdata) {
    RRset out(type, ttl);
    (void)out.add(*dns::parse_rdata(type, rdata, dns::NameView()));
    return out;
}

RRset soa(std::uint32_t ttl, std::uint32_t minimum) {
    return rrset(RRType::SOA, ttl, "ns.example. host.example. 1 2 3 4 " + std::to_string(minimum));
}

Settings small(std::uint64_t mb = 1) {
    Settings settings;
    settings.cache_mb = mb;
    return settings;
}

std::string shown(const Ref& ref) {
    return ref ? dns::format_rdata(ref->type(), *ref->rrset().begin()) : "";
}

TEST(Cache, GivesBackWhatItLearntUntilItExpires) {
    Cache cache(small());
    (void)cache.put_rrset(0, name("www.example."), rrset(RRType::A, 60, "192.0.2.1").view(),
                          Rank::Authoritative, kStart);
    const auto at = [&](MonoTime now) {
        return cache.find(0, name("WWW.example."), RRType::A, now, false).answer;
    };
    EXPECT_EQ(shown(at(kStart)), "192.0.2.1");
    EXPECT_EQ(at(kStart)->ttl(kStart), 60U);
    EXPECT_EQ(at(kStart)->ttl(kStart + seconds(21)), 39U);
    EXPECT_TRUE(at(kStart + milliseconds(59999)));
    EXPECT_FALSE(at(kStart + seconds(60)));
    const auto stale =
        cache.find(0, name("www.example."), RRType::A, kStart + seconds(90), true).answer;
    ASSERT_TRUE(stale);
    EXPECT_EQ(stale->stale_age(kStart + seconds(90)), 30U);
    EXPECT_FALSE(
        cache.find(0, name("www.example."), RRType::A, kStart + seconds(60 + 86400), true).answer);
}

TEST(Cache, KeepsTypesNamesAndPartitionsApart) {
    Cache cache(small());
    (void)cache.put_rrset(0, name("a.example."), rrset(RRType::A, 60, "192.0.2.1").view(),
                          Rank::Authoritative, kStart);
    EXPECT_FALSE(cache.find(0, name("a.example."), RRType::AAAA, kStart, true).answer);
    EXPECT_FALSE(cache.find(0, name("b.example."), RRType::A, kStart, true).answer);
    EXPECT_FALSE(cache.find(1, name("a.example."), RRType::A, kStart, true).answer);
}

TEST(Cache, ClampsTtls) {
    Settings settings = small();
    settings.min_ttl_s = 10;
    settings.max_ttl_s = 100;
    settings.max_negative_ttl_s = 50;
    Cache cache(settings);
    const auto ttl = [&](std::uint32_t sent) {
        return cache
            .put_rrset(0, name("a.example."), rrset(RRType::A, sent, "192.0.2.1").view(),
                       Rank::Authoritative, kStart)
            ->ttl(kStart);
    };
    EXPECT_EQ(ttl(5), 10U);
    EXPECT_EQ(ttl(55), 55U);
    EXPECT_EQ(ttl(500), 100U);
    EXPECT_EQ(ttl(0x80000000U), 10U);  // counts as 0 (RFC 2181, 8)
    const auto negative = [&](std::uint32_t sent, std::uint32_t minimum) {
        return cache
            .put_negative(0, EntryKind::NoData, name("b.example."), RRType::A, name("example."),
                          soa(sent, minimum).view(), kStart)
            ->ttl(kStart);
    };
    EXPECT_EQ(negative(30, 40), 30U);
    EXPECT_EQ(negative(40, 30), 30U);
    EXPECT_EQ(negative(900, 900), 50U);
}

TEST(Cache, LowerRankDoesNotReplaceHigherWhileItLives) {
    Cache cache(small());
    const auto put = [&](const std::string& address, Rank rank, MonoTime now) {
        return cache.put_rrset(0, name("a.example."), rrset(RRType::A, 60, address).view(), rank,
                               now);
    };
    const auto now_known = [&](MonoTime now) {
        return shown(cache.find(0, name("a.example."), RRType::A, now, false).answer);
    };
    (void)put("192.0.2.1", Rank::Authoritative, kStart);
    EXPECT_EQ(shown(put("192.0.2.2", Rank::NonAuthoritative, kStart)), "192.0.2.2");
    EXPECT_EQ(now_known(kStart), "192.0.2.1");
    (void)put("192.0.2.3", Rank::Authoritative, kStart);
    EXPECT_EQ(now_known(kStart), "192.0.2.3");
    (void)put("192.0.2.4", Rank::NonAuthoritative, kStart + seconds(60));
    EXPECT_EQ(now_known(kStart + seconds(60)), "192.0.2.4");
    (void)put("192.0.2.5", Rank::Authoritative, kStart + seconds(61));
    EXPECT_EQ(now_known(kStart + seconds(61)), "192.0.2.5");
}

TEST(Cache, DataDisprovesNXDomainAndNoData) {
    Cache cache(small());
    const Name owner = name("a.example.");
    (void)cache.put_negative(0, EntryKind::NXDomain, owner, RRType::A, name("example."),
                             soa(300, 300).view(), kStart);
    EXPECT_EQ(cache.find(0, owner, RRType::MX, kStart, false).answer->kind(), EntryKind::NXDomain);
    (void)cache.put_negative(0, EntryKind::NoData, owner, RRType::A, name("example."),
                             soa(300, 300).view(), kStart);
    EXPECT_EQ(cache.find(0, owner, RRType::A, kStart, false).answer->kind(), EntryKind::NoData);
    EXPECT_FALSE(cache.find(0, owner, RRType::MX, kStart, false).answer);
    (void)cache.put_rrset(0, owner, rrset(RRType::A, 60, "192.0.2.1").view(), Rank::Authoritative,
                          kStart);
    EXPECT_EQ(cache.find(0, owner, RRType::A, kStart, false).answer->kind(), EntryKind::RRset);
    EXPECT_EQ(cache.list(owner).size(), 1U);
}

TEST(Cache, DelegationsAnswerNoClient) {
    Cache cache(small());
    const std::uint8_t payload[] = {0, 0, 0};
    (void)cache.put_delegation(0, name("example."), payload, 300, kStart);
    EXPECT_FALSE(cache.find(0, name("example."), RRType::NS, kStart, true).answer);
    EXPECT_TRUE(cache.closest_delegation(0, name("a.b.example."), kStart));
    EXPECT_TRUE(cache.closest_delegation(0, name("example."), kStart));
    EXPECT_FALSE(cache.closest_delegation(0, name("example.org."), kStart));
    EXPECT_FALSE(cache.closest_delegation(0, name("a.example."), kStart + seconds(300)));
}

TEST(Cache, FailuresLastLongerEachTime) {
    Cache cache(small());
    const Name owner = name("a.example.");
    MonoTime now = kStart;
    std::vector<std::int64_t> lifetimes;
    for (int i = 0; i < 9; ++i) {
        const Ref failure = cache.put_failure(0, owner, RRType::A, dns::ExtendedError::NetworkError,
                                              base::Duration::zero(), now);
        lifetimes.push_back(std::chrono::duration_cast<seconds>(failure->lifetime()).count());
        EXPECT_TRUE(cache.find(0, owner, RRType::A, now, false).failure);
        EXPECT_FALSE(cache.find(0, owner, RRType::AAAA, now, false).failure);
        now = failure->expires();
        EXPECT_FALSE(cache.find(0, owner, RRType::A, now, false).failure);
    }
    EXPECT_EQ(lifetimes, (std::vector<std::int64_t>{5, 10, 20, 40, 80, 160, 300, 300, 300}));
    (void)cache.put_rrset(0, owner, rrset(RRType::A, 60, "192.0.2.1").view(), Rank::Authoritative,
                          now);
    const Ref again =
        cache.put_failure(0, owner, RRType::A, dns::ExtendedError::NetworkError, seconds(30), now);
    EXPECT_EQ(again->lifetime(), seconds(30));
}

TEST(Cache, PurgesNameOrSubtree) {
    Cache cache(small());
    for (const char* owner : {"example.", "a.example.", "b.a.example.", "aexample.", "org."}) {
        (void)cache.put_rrset(0, name(owner), rrset(RRType::A, 60, "192.0.2.1").view(),
                              Rank::Authoritative, kStart);
        (void)cache.put_rrset(1, name(owner), rrset(RRType::A, 60, "192.0.2.1").view(),
                              Rank::Authoritative, kStart);
    }
    EXPECT_EQ(cache.purge(name("a.example."), false), 2U);
    EXPECT_EQ(cache.usage().entries, 8U);
    EXPECT_EQ(cache.purge(name("example."), true), 4U);
    EXPECT_TRUE(cache.find(0, name("aexample."), RRType::A, kStart, false).answer);
    EXPECT_EQ(cache.purge(name("."), true), 4U);
    EXPECT_EQ(cache.usage().entries, 0U);
}

TEST(Cache, RefOutlivesTheEntry) {
    Cache cache(small());
    Ref held = cache.put_rrset(0, name("a.example."), rrset(RRType::A, 60, "192.0.2.1").view(),
                               Rank::Authoritative, kStart);
    Ref copy = held;
    EXPECT_EQ(cache.purge(name("a.example."), false), 1U);
    held = Ref();
    EXPECT_EQ(shown(copy), "192.0.2.1");
}

// The bound is what the allocator really gives, whatever the sizes of what is learnt.
TEST(Cache, StaysWithinItsBoundUnderRandomFill) {
    base::Random random(7);
    Cache cache(small(4));
    const std::size_t before = mallinfo2().uordblks;
    std::size_t most = 0;
    for (int i = 0; i < 60000; ++i) {
        const Name owner = name(std::string(1 + random.below(40), 'x') +
                                std::to_string(random.below(1U << 20)) + ".example.");
        const MonoTime now = kStart + seconds(i / 100);
        switch (random.below(4)) {
            case 0: {
                RRset big(RRType::TXT, 300);
                const std::uint32_t count = 1 + random.below(20);
                for (std::uint32_t k = 0; k < count; ++k) {
                    std::vector<std::uint8_t> rdata(1 + random.below(200));
                    rdata[0] = static_cast<std::uint8_t>(rdata.size() - 1);
                    for (std::size_t j = 1; j < rdata.size(); ++j) {
                        rdata[j] = static_cast<std::uint8_t>(random.next64());
                    }
                    (void)big.add(rdata);
                }
                (void)cache.put_rrset(0, owner, big.view(), Rank::Authoritative, now);
                break;
            }
            case 1:
                (void)cache.put_negative(0, EntryKind::NXDomain, owner, RRType::A, name("example."),
                                         soa(300, 300).view(), now);
                break;
            case 2:
                (void)cache.put_failure(0, owner, RRType::A, dns::ExtendedError::Other,
                                        base::Duration::zero(), now);
                break;
            default:
                (void)cache.put_rrset(0, owner, rrset(RRType::A, 60, "192.0.2.1").view(),
                                      Rank::Authoritative, now);
        }
        ASSERT_LE(cache.usage().octets, cache.capacity_octets()) << "after " << i;
        most = std::max(most, cache.usage().octets);
    }
    EXPECT_GT(most, cache.capacity_octets() * 9 / 10) << "the budget is hardly used";
    EXPECT_GT(cache.usage().evictions, 1000U);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    // The allocator counts the freed blocks of its per-thread cache as used: 64 sizes, 7 of each.
    constexpr std::size_t kThreadCacheOctets = 64 * 7 * 520;
    EXPECT_LE(mallinfo2().uordblks - before, cache.capacity_octets() + kThreadCacheOctets);
#else
    (void)before;
#endif
}

TEST(Cache, EvictionSparesWhatIsAskedFor) {
    Cache cache(small());
    const Name hot = name("hot.example.");
    (void)cache.put_rrset(0, hot, rrset(RRType::A, 86400, "192.0.2.1").view(), Rank::Authoritative,
                          kStart);
    for (int i = 0; i < 40000; ++i) {
        (void)cache.put_rrset(0, name(std::to_string(i) + ".flood.example."),
                              rrset(RRType::A, 86400, "192.0.2.2").view(), Rank::Authoritative,
                              kStart);
        if (i % 16 == 0) {
            ASSERT_TRUE(cache.find(0, hot, RRType::A, kStart, false).answer) << i;
        }
    }
}

TEST(Cache, LeavesOutWhatIsLargerThanItsShare) {
    Cache cache(small());
    RRset huge(RRType::TXT, 300);
    std::vector<std::uint8_t> rdata(60000, 0);
    for (std::size_t i = 0; i < rdata.size(); i += 256) rdata[i] = 255;
    (void)huge.add(rdata);
    const Ref kept =
        cache.put_rrset(0, name("a.example."), huge.view(), Rank::Authoritative, kStart);
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->rrset().records_size(), 60002U);
    EXPECT_EQ(cache.usage().entries, 0U);
}

// For ThreadSanitizer, and so that nothing is lost or freed twice.
TEST(Cache, ManyThreads) {
    Cache cache(small(1));
    std::atomic<std::uint64_t> found{0};
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 4; ++t) {
        threads.emplace_back([&cache, &found, t] {
            base::Random random(t + 1);
            for (int i = 0; i < 20000; ++i) {
                const Name owner = *Name::parse("n" + std::to_string(random.below(5000)) + ".ex.");
                const MonoTime now = kStart + milliseconds(i);
                switch (random.below(8)) {
                    case 0:
                    case 1:
                        (void)cache.put_rrset(0, owner, rrset(RRType::A, 60, "192.0.2.1").view(),
                                              Rank::Authoritative, now);
                        break;
                    case 2:
                        (void)cache.put_rrset(0, owner, rrset(RRType::DNAME, 5, "x.").view(),
                                              Rank::Authoritative, now);
                        break;
                    case 3:
                        (void)cache.put_failure(0, owner, RRType::A, dns::ExtendedError::Other,
                                                base::Duration::zero(), now);
                        break;
                    case 4:
                        if (random.below(500) == 0) (void)cache.purge(*Name::parse("ex."), true);
                        (void)cache.purge(owner, false);
                        break;
                    default: {
                        resolver::Question question;
                        question.qname = owner;
                        question.qtype = RRType::A;
                        resolver::Answer answer;
                        if (resolver::answer_from_cache(cache, question, now, answer) !=
                            resolver::CacheResult::Miss) {
                            found.fetch_add(1, std::memory_order_relaxed);
                        }
                    }
                }
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_GT(found.load(), 0U);
    EXPECT_LE(cache.usage().octets, cache.capacity_octets());
    (void)cache.purge(dns::NameView(), true);
    EXPECT_EQ(cache.usage().entries, 0U);
}

}  // namespace
