// Which response goes first (RFC 9218). The client opens its connection's window by hand, so that
// what is sent next is the server's choice and no chance.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>

#include "net/http2_priorities.h"
#include "tests/net/support/http2_client.h"
#include "tests/net/support/test_server.h"

namespace net::testing {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kFirstWindow = 65535;  // of a connection (RFC 9113, 6.9.2)

class Http2Priority : public ::testing::Test {
  protected:
    void SetUp() override {
        constexpr std::uint32_t kMuch = 1U << 20;
        const nghttp2_settings_entry window{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kMuch};
        nghttp2_submit_settings(client.session, 0, &window, 1);
        ASSERT_TRUE(client.run([&] { return client.settled; }));
    }

    /// Asks, and waits until the answer has begun: it lacks the window alone.
    std::int32_t ask(const std::string& path, const std::string& priority = {}) {
        Http2Client::Fields fields;
        if (!priority.empty()) fields.emplace_back("priority", priority);
        const std::int32_t id = client.request("GET", path, {}, fields);
        EXPECT_TRUE(client.run([&] { return client.streams[id].status == 200; })) << path;
        return id;
    }
    void use_up_window() {
        const std::int32_t id = ask("/blob?65535");
        EXPECT_TRUE(client.finish(id));
    }
    void open(std::size_t octets) {
        nghttp2_submit_window_update(client.session, 0, 0, static_cast<std::int32_t>(octets));
    }
    /// Opens the window by so many octets, and waits until all of them have come.
    void take(std::size_t octets) {
        const std::size_t all = received() + octets;
        open(octets);
        EXPECT_TRUE(client.run([&] { return received() == all; })) << received() << " of " << all;
    }
    std::size_t received() {
        std::size_t octets = 0;
        for (const auto& [id, stream] : client.streams) octets += stream.body.size();
        return octets;
    }
    std::size_t received(std::int32_t id) { return client.streams[id].body.size(); }
    void update(std::int32_t id, const std::string& priority) {
        ASSERT_EQ(nghttp2_submit_priority_update(
                      client.session, 0, id, reinterpret_cast<const std::uint8_t*>(priority.data()),
                      priority.size()),
                  0);
    }

    static HttpLimits limits() {
        HttpLimits limits;
        limits.write_timeout = milliseconds(1000);
        return limits;
    }

    TestServer server{limits()};
    Http2Client client{server.port(), false};
};

TEST_F(Http2Priority, WhatYieldsGoesLast) {
    const std::int32_t background = ask("/background?1000000");
    ASSERT_TRUE(client.run([&] { return received(background) == kFirstWindow; }));
    const std::int32_t other = ask("/blob?30000");
    take(20000);
    EXPECT_EQ(received(other), 20000U);
    EXPECT_EQ(received(background), kFirstWindow);
    take(20000);
    EXPECT_EQ(received(other), 30000U);
    EXPECT_EQ(received(background), kFirstWindow + 10000);
}

TEST_F(Http2Priority, TheClientsWordCounts) {
    use_up_window();
    const std::int32_t low = ask("/blob?30000", "u=5");
    const std::int32_t usual = ask("/blob?30000");
    const std::int32_t high = ask("/blob?30000", "u=1");
    take(40000);
    EXPECT_EQ(received(high), 30000U);
    EXPECT_EQ(received(usual), 10000U);
    EXPECT_EQ(received(low), 0U);
    update(low, "u=0");
    take(20000);
    EXPECT_EQ(received(low), 20000U);
    EXPECT_EQ(received(usual), 10000U);
}

TEST_F(Http2Priority, WhoSaysNothingSharesAmongAll) {
    use_up_window();
    const std::int32_t first = ask("/blob?100000");
    const std::int32_t second = ask("/blob?100000");
    take(100000);
    EXPECT_GT(received(first), 30000U);
    EXPECT_GT(received(second), 30000U);
}

TEST_F(Http2Priority, WhoSaysOneByOneGetsThemOneByOne) {
    use_up_window();
    const std::int32_t first = ask("/blob?100000", "u=3");
    const std::int32_t second = ask("/blob?100000");
    take(100000);
    EXPECT_EQ(received(first), 100000U);
    EXPECT_EQ(received(second), 0U);
    const std::int32_t third = ask("/blob?100000", "u=2, i");
    const std::int32_t fourth = ask("/blob?100000", "u=2, i");
    take(100000);
    EXPECT_GT(received(third), 30000U);
    EXPECT_GT(received(fourth), 30000U);
    EXPECT_EQ(received(second), 0U);
}

TEST_F(Http2Priority, APriorityMayComeBeforeItsRequest) {
    use_up_window();
    const std::int32_t usual = ask("/blob?30000");
    update(usual + 2, "u=0");
    const std::int32_t high = ask("/blob?30000");
    ASSERT_EQ(high, usual + 2);
    take(30000);
    EXPECT_EQ(received(high), 30000U);
}

// As RFC 9218, 7.1 provides for. nghttp2 1.52 fell over it, when it was let near.
TEST_F(Http2Priority, EveryRequestMayHaveItsPriorityBefore) {
    for (int i = 0; i < 400; ++i) {
        const auto next = nghttp2_session_get_next_stream_id(client.session);
        update(static_cast<std::int32_t>(next), i % 2 == 0 ? "u=1" : "u=5, i");
        update(static_cast<std::int32_t>(next) + 2, "u=0");
        const std::int32_t id = client.request("GET", "/hello");
        ASSERT_EQ(static_cast<std::uint32_t>(id), next);
        ASSERT_TRUE(client.finish(id)) << i;
        ASSERT_EQ(client.streams[id].body, "hello");
    }
    EXPECT_TRUE(client.goaways.empty());
}

TEST_F(Http2Priority, AsManyAsMayBeOpenMayHaveTheirsBefore) {
    use_up_window();
    const auto first =
        static_cast<std::int32_t>(nghttp2_session_get_next_stream_id(client.session));
    for (std::int32_t i = 0; i < 128; ++i) update(first + 2 * i, "u=" + std::to_string(i % 8));
    for (int i = 0; i < 128; ++i) (void)ask("/blob?1000");
    for (std::int32_t urgency = 0; urgency < 8; ++urgency) {
        take(16 * 1000);
        for (std::int32_t i = 0; i < 128; ++i) {
            EXPECT_EQ(received(first + 2 * i), i % 8 <= urgency ? 1000U : 0U) << i;
        }
    }
    EXPECT_TRUE(client.goaways.empty());
}

// The kernel would take megabytes, which nothing can overtake.
TEST(Http2Unsent, TheUrgentWaitsBehindLittle) {
    TestServer server;
    Http2Client client(server.port(), false, 4096);
    constexpr std::int32_t kMuch = 8 << 20;
    const nghttp2_settings_entry window{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kMuch};
    nghttp2_submit_settings(client.session, 0, &window, 1);
    nghttp2_submit_window_update(client.session, 0, 0, kMuch);
    const std::int32_t background = client.request("GET", "/background?8000000");
    ASSERT_TRUE(client.run([&] { return client.streams[background].status == 200; }));
    std::this_thread::sleep_for(milliseconds(300));  // it sends what it may
    const std::int32_t urgent = client.request("GET", "/hello");
    ASSERT_TRUE(client.finish(urgent));
    EXPECT_LT(client.streams[background].body.size(), 600000U);
}

TEST(Http2Priorities, KeepWhatCameBeforeTheStream) {
    Http2Priorities kept(4);
    kept.keep(1, {5, false});
    kept.keep(1, {6, true});  // the later counts
    kept.keep(5, {0, false});
    EXPECT_EQ(kept.begin(1)->urgency, 6);
    EXPECT_FALSE(kept.begin(3));
    kept.keep(3, {0, false});  // it has begun
    EXPECT_EQ(kept.begin(5)->urgency, 0);
    for (const std::uint32_t stream : {7U, 9U, 11U, 13U, 15U}) kept.keep(stream, {1, false});
    EXPECT_TRUE(kept.begin(13));  // and those below are forgotten
    EXPECT_FALSE(kept.begin(15));
}

TEST(Http2Priorities, AFrameIsReadOrAnError) {
    Http2Priorities frames(128);
    const auto read = [&frames](std::string_view payload, std::uint32_t on = 0) {
        for (const char c : payload) frames.receive(base::as_octets(std::string_view(&c, 1)));
        return frames.end(on, 9);
    };
    const auto of = [](std::uint32_t stream, std::string_view value) {
        std::string out{0, 0, static_cast<char>(stream >> 8), static_cast<char>(stream)};
        return out.append(value);
    };
    EXPECT_EQ(read(of(7, "u=1, i")).priority->urgency, 1);
    EXPECT_EQ(read(of(9 + 254, "i")).stream, 9U + 254);
    EXPECT_EQ(read(of(7, "")).priority->urgency, HttpPriority::kUsual);
    EXPECT_FALSE(read(of(7, "u=")).priority);
    EXPECT_FALSE(read(of(7, "u=")).error);
    EXPECT_FALSE(read(of(7, "u=1" + std::string(250, ' '))).priority);  // and others after it are
    EXPECT_EQ(read(of(7, "u=1")).priority->urgency, 1);
    EXPECT_EQ(read("").error, http2::kFrameSizeError);
    EXPECT_EQ(read(std::string(3, '\0')).error, http2::kFrameSizeError);
    EXPECT_EQ(read(of(0, "u=1")).error, http2::kProtocolError);
    EXPECT_EQ(read(of(2, "u=1")).error, http2::kProtocolError);
    EXPECT_EQ(read(of(9 + 256, "u=1")).error, http2::kProtocolError);
    EXPECT_EQ(read(of(7, "u=1"), 7).error, http2::kProtocolError);
}

TEST_F(Http2Priority, OverWhatTheServerDecidesTheClientHasNoSay) {
    use_up_window();
    const std::int32_t background = ask("/background?30000", "u=0");
    const std::int32_t other = ask("/blob?30000", "u=6");
    update(background, "u=0");
    take(30000);
    EXPECT_EQ(received(other), 30000U);
    EXPECT_EQ(received(background), 0U);
}

TEST_F(Http2Priority, WhoWaitsForOthersIsNotSlow) {
    use_up_window();
    const std::int32_t background = ask("/background?30000");
    const std::int32_t other = ask("/blob?1000000");
    for (int i = 0; i < 12; ++i) {
        take(1000);
        std::this_thread::sleep_for(milliseconds(200));  // in all twice as long as is slow
    }
    EXPECT_FALSE(client.streams[background].ended);
    EXPECT_EQ(server.counters().slow_readers, 0U);
    // Now it takes nothing at all.
    EXPECT_TRUE(client.finish(background));
    EXPECT_TRUE(client.finish(other));
    EXPECT_EQ(client.streams[background].error, std::uint32_t{NGHTTP2_ENHANCE_YOUR_CALM});
    EXPECT_EQ(server.counters().slow_readers, 2U);
}

}  // namespace
}  // namespace net::testing
