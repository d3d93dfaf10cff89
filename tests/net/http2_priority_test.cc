// Which response goes first (RFC 9218). The client opens its connection's window by hand, so that
// what is sent next is the server's choice and no chance.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>

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
        limits.write_timeout = milliseconds(400);
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
        std::this_thread::sleep_for(milliseconds(100));  // in all three times as long as is slow
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
