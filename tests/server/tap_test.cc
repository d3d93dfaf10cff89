#include "server/tap.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace server {
namespace {

TapEvent event_of(std::string_view request, std::uint32_t latency_us) {
    TapEvent event;
    event.request = base::as_octets(request);
    event.response = base::as_octets("answer");
    event.response_size = 6;
    event.latency_us = latency_us;
    event.rule = "rule";
    event.member = "member";
    event.client = *base::Endpoint::parse("[2001:db8::1]:53");
    return event;
}

TEST(Tap, HandsEventsOverInOrderAndWhole) {
    Tap tap;
    tap.record(event_of("one", 1));
    tap.record(event_of("two", 2));
    std::vector<std::string> seen;
    tap.drain(10, [&](const TapEvent& event) {
        seen.emplace_back(base::as_text(event.request));
        EXPECT_EQ(base::as_text(event.response), "answer");
        EXPECT_EQ(event.rule, "rule");
        EXPECT_EQ(event.pool, "");
        EXPECT_EQ(event.member, "member");
        EXPECT_EQ(event.client.to_text(), "[2001:db8::1]:53");
    });
    EXPECT_EQ(seen, (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(tap.drain(10, [](const TapEvent&) { FAIL(); }), 0U);
}

TEST(Tap, KeepsOnlyTheStartOfLongMessages) {
    Tap tap;
    const std::string request(5000, 'q');
    const std::string response(60000, 'r');
    TapEvent event;
    event.request = base::as_octets(request);
    event.response = base::as_octets(response);
    event.response_size = 60000;
    tap.record(event);
    const std::size_t count = tap.drain(10, [&](const TapEvent& seen) {
        EXPECT_LT(seen.request.size(), request.size());
        EXPECT_EQ(seen.response.size(), kTapResponseOctets);
        EXPECT_EQ(seen.response_size, 60000U);
    });
    EXPECT_EQ(count, 1U);
}

TEST(Tap, FullRingDropsTheNewestAndCounts) {
    Tap tap(16384);
    std::uint32_t recorded = 0;
    while (tap.dropped() == 0) tap.record(event_of("some request", recorded++));
    std::uint32_t expected = 0;
    tap.drain(100000, [&](const TapEvent& event) { EXPECT_EQ(event.latency_us, expected++); });
    EXPECT_EQ(expected, recorded - 1);
    tap.record(event_of("again", 7));
    EXPECT_EQ(tap.drain(10, [](const TapEvent& event) { EXPECT_EQ(event.latency_us, 7U); }), 1U);
}

TEST(Tap, EveryLengthSurvivesTheEndOfTheRing) {
    Tap tap(16384);
    for (std::uint32_t i = 0; i < 5000; ++i) {
        const std::string request(i % 700, static_cast<char>('a' + i % 26));
        tap.record(event_of(request, i));
        std::size_t count = 0;
        tap.drain(10, [&](const TapEvent& event) {
            EXPECT_EQ(base::as_text(event.request), request);
            EXPECT_EQ(event.latency_us, i);
            ++count;
        });
        ASSERT_EQ(count, 1U) << i;
    }
}

TEST(Tap, WriterAndReaderOnTwoThreadsLoseNothingUncounted) {
    Tap tap(65536);
    constexpr std::uint32_t kEvents = 200000;
    std::thread writer([&] {
        for (std::uint32_t i = 0; i < kEvents; ++i) tap.record(event_of("threaded", i));
    });
    std::uint64_t seen = 0;
    std::int64_t last = -1;
    const auto check = [&](const TapEvent& event) {
        EXPECT_GT(std::int64_t{event.latency_us}, last);
        last = event.latency_us;
        EXPECT_EQ(base::as_text(event.request), "threaded");
        ++seen;
    };
    while (seen + tap.dropped() < kEvents) tap.drain(1000, check);
    writer.join();
    tap.drain(kEvents, check);
    EXPECT_EQ(seen + tap.dropped(), kEvents);
}

}  // namespace
}  // namespace server
