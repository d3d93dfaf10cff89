// What clients leave with the server (heads of open requests, bodies, answers that they do not
// take) is bounded by the sum, for a connection and for the server, and given back to the octet.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "net/body_clock.h"
#include "tests/net/support/http2_client.h"
#include "tests/net/support/test_server.h"

namespace net::testing {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr auto kCalm = static_cast<std::uint32_t>(NGHTTP2_ENHANCE_YOUR_CALM);

bool held_becomes(TestServer& server, const std::function<bool(std::size_t)>& wanted) {
    for (int i = 0; i < 1000; ++i) {
        if (wanted(server.held())) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
}

bool holds_nothing(TestServer& server) {
    return held_becomes(server, [](std::size_t held) { return held == 0; });
}

// The client opens no window but the first, of 64 KiB for all its streams.
TEST(HttpHeld, AConnectionIsBoundedByTheSumOfItsStreams) {
    HttpLimits limits;
    limits.hard_limit = kMiB;
    TestServer server(limits);
    {
        Http2Client client(server.port(), false);
        std::vector<std::int32_t> ids;
        for (int i = 0; i < 20; ++i) ids.push_back(client.request("GET", "/flood?190000"));
        const auto calmed = [&] {
            std::size_t count = 0;
            for (const std::int32_t id : ids) {
                count += client.streams[id].ended && client.streams[id].error == kCalm ? 1 : 0;
            }
            return count;
        };
        ASSERT_TRUE(client.run([&] { return calmed() >= 15; }));
        EXPECT_LT(calmed(), 20U);  // those that came first are kept
        const HttpCounters counters = server.counters();
        EXPECT_LE(server.held(), kMiB);
        EXPECT_GT(server.held(), kMiB / 2);
        EXPECT_EQ(counters.slow_readers, calmed());
        // The connection itself goes on.
        const std::int32_t next = client.request("GET", "/nothing");
        ASSERT_TRUE(client.run([&] { return client.streams[next].status != 0; }));
        EXPECT_EQ(client.streams[next].status, 404);
        EXPECT_TRUE(client.goaways.empty());
    }
    EXPECT_TRUE(holds_nothing(server));
}

TEST(HttpHeld, AServerGivesUpThoseWhoHoldMost) {
    TestServer server({}, {}, {}, false, 2 * kMiB);
    Http2Client honest(server.port());
    {
        std::vector<std::unique_ptr<Http2Client>> greedy;
        for (int i = 0; i < 30; ++i) {
            greedy.push_back(std::make_unique<Http2Client>(server.port(), false));
            greedy.back()->request("GET", "/flood?300000");
            ASSERT_TRUE(greedy.back()->run([&] { return !greedy.back()->streams.empty(); }) ||
                        greedy.back()->client.ended());
            const std::int32_t id = honest.request("GET", "/hello");
            ASSERT_TRUE(honest.finish(id)) << i;
            ASSERT_EQ(honest.streams[id].body, "hello") << i;
            EXPECT_LE(server.held(), 2 * kMiB);
        }
        const HttpCounters counters = server.counters();
        EXPECT_GE(counters.slow_readers, 20U);
        EXPECT_LT(counters.open, 20U);
    }
    // What it takes itself was never the reason to give it up.
    const std::int32_t id = honest.request("GET", "/blob?3000000");
    ASSERT_TRUE(honest.finish(id));
    EXPECT_EQ(honest.streams[id].body.size(), 3000000U);
    EXPECT_TRUE(holds_nothing(server));
}

// Two servers of a loop, as two listeners have them, with one account.
class TwoServers {
  public:
    explicit TwoServers(std::size_t max_held) {
        std::promise<void> ready;
        thread_ = std::thread([this, &ready, max_held] {
            Loop loop;
            loop_ = &loop;
            TestHandler handler(loop);
            HttpAccount account(loop, max_held);
            account_ = &account;
            for (int i = 0; i < 2; ++i) {
                servers_[i] = std::make_unique<HttpServer>(loop, handler, account);
                const auto bound = servers_[i]->listen(*base::Endpoint::parse("127.0.0.1:0"));
                ports[i] = bound ? bound->port : std::uint16_t{0};
            }
            ready.set_value();
            loop.run();
            for (auto& server : servers_) server.reset();
            left_ = account.count();
        });
        ready.get_future().wait();
    }
    ~TwoServers() {
        loop_->stop();
        thread_.join();
        EXPECT_EQ(left_, 0U);  // what went with them was given back
    }
    TwoServers(const TwoServers&) = delete;
    TwoServers& operator=(const TwoServers&) = delete;

    std::size_t held() {
        std::size_t out = 0;
        run([&] { out = account_->count(); });
        return out;
    }
    HttpCounters counters(std::size_t server) {
        HttpCounters out;
        run([&] { out = servers_[server]->counters(); });
        return out;
    }
    void end(std::size_t server) {
        run([&] { servers_[server].reset(); });
    }

    std::uint16_t ports[2] = {};

  private:
    void run(const std::function<void()>& task) {
        std::promise<void> done;
        loop_->post([&] {
            task();
            done.set_value();
        });
        done.get_future().wait();
    }

    std::thread thread_;
    Loop* loop_ = nullptr;
    HttpAccount* account_ = nullptr;
    std::unique_ptr<HttpServer> servers_[2];
    std::size_t left_ = 1;
};

TEST(HttpHeld, ServersOfALoopHaveOneAccount) {
    TwoServers servers(2 * kMiB);
    Http2Client greedy(servers.ports[0], false);
    greedy.request("GET", "/flood?1400000");
    ASSERT_TRUE(greedy.run([&] { return servers.held() > kMiB; }));
    EXPECT_EQ(servers.counters(0).slow_readers, 0U);
    // The other server has room for all of these only if the first makes some.
    std::vector<std::unique_ptr<Http2Client>> modest;
    for (int i = 0; i < 3; ++i) {
        modest.push_back(std::make_unique<Http2Client>(servers.ports[1], false));
        modest.back()->request("GET", "/flood?200000");
        ASSERT_TRUE(modest.back()->run([&] { return !modest.back()->streams.empty(); }));
        EXPECT_LE(servers.held(), 2 * kMiB);
    }
    greedy.run([] { return false; });
    EXPECT_TRUE(greedy.client.ended());
    EXPECT_EQ(servers.counters(0).slow_readers, 1U);
    EXPECT_EQ(servers.counters(1).slow_readers, 0U);
    EXPECT_EQ(servers.counters(1).open, 3U);
}

TEST(HttpHeld, WhatAServerHeldGoesWithIt) {
    TwoServers servers(8 * kMiB);
    Http2Client stays(servers.ports[1], false);
    stays.request("POST", "/hold", std::string(50000, 'x'), {}, true);
    ASSERT_TRUE(stays.run([&] { return servers.held() >= 50000; }));
    Http2Client goes(servers.ports[0], false);
    goes.request("GET", "/flood?1000000");
    ASSERT_TRUE(goes.run([&] { return servers.held() > 900000; }));
    servers.end(0);
    EXPECT_LT(servers.held(), 100000U);
    EXPECT_GE(servers.held(), 50000U);
}

// HTTP/1.1 answers wait in the transport, and belong to the same account.
TEST(HttpHeld, AnswersOverHttp1AreInTheAccount) {
    TestServer server({}, {}, {}, false, 4 * kMiB);
    {
        std::vector<std::unique_ptr<RawClient>> greedy;
        for (int i = 0; i < 8; ++i) {
            greedy.push_back(std::make_unique<RawClient>(server.port(), 4096));
            greedy.back()->send("GET /flood?4000000 HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        EXPECT_TRUE(server.eventually([](HttpServer& s) {
            return s.counters().requests == 8 && s.counters().slow_readers >= 1;
        }));
        EXPECT_LE(server.held(), 4 * kMiB);
    }
    EXPECT_TRUE(holds_nothing(server));
}

TEST(BodyClock, ABodyKeepsItsPaceAndItsRate) {
    using std::chrono::milliseconds;
    HttpLimits limits;
    limits.body_timeout = milliseconds(10000);
    limits.body_grace = milliseconds(30000);
    limits.min_body_rate = 1000;
    const base::MonoTime start = base::MonoTime{} + std::chrono::hours(1);
    BodyClock clock;
    clock.begin(start);
    EXPECT_EQ(clock.deadline(limits), start + milliseconds(10000));
    // An octet every nine seconds is no pause, but no rate either.
    for (int i = 1; i <= 3; ++i) clock.receive(1, start + i * milliseconds(9000));
    EXPECT_EQ(clock.deadline(limits), start + milliseconds(30000));
    // 36,000 octets are worth 36 s, and then again each octet its millisecond.
    clock.receive(35997, start + milliseconds(29000));
    EXPECT_EQ(clock.deadline(limits), start + milliseconds(36000));
    clock.receive(10000, start + milliseconds(35000));
    EXPECT_EQ(clock.deadline(limits), start + milliseconds(45000));
    // While we do not read, nobody is late, and afterwards nobody has lost by it.
    clock.pause(start + milliseconds(36000));
    EXPECT_EQ(clock.deadline(limits), base::MonoTime::max());
    clock.resume(start + milliseconds(96000));
    EXPECT_EQ(clock.deadline(limits), start + milliseconds(106000));
    clock.receive(1000, start + milliseconds(104000));
    EXPECT_EQ(clock.deadline(limits), start + milliseconds(107000));
    limits.min_body_rate = 0;
    EXPECT_EQ(clock.deadline(limits), start + milliseconds(114000));
    // In all it has had 44 s of ours, and no pause counts.
    limits.body_total = milliseconds(50000);
    EXPECT_EQ(clock.deadline(limits), start + milliseconds(110000));
    limits.body_total = milliseconds(0);
    EXPECT_EQ(clock.deadline(limits), start + milliseconds(114000));
    clock.begin(start + std::chrono::hours(1));
    EXPECT_EQ(clock.deadline(limits), start + std::chrono::hours(1) + milliseconds(10000));
}

HttpLimits dripping() {
    HttpLimits limits;
    limits.body_timeout = std::chrono::seconds(20);
    limits.body_grace = std::chrono::milliseconds(300);
    return limits;
}

TEST(BodyClock, AnHttp1BodyThatDripsIsRefused) {
    TestServer server(dripping());
    RawClient client(server.port());
    client.send("POST /forget HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    for (int i = 0; i < 500 && client.send("x"); ++i) {
        if (client.read_some(std::chrono::milliseconds(10))) break;
    }
    EXPECT_NE(client.read_until("\r\n\r\n").find("HTTP/1.1 408 "), std::string::npos);
    EXPECT_EQ(server.counters().timeouts, 1U);
}

TEST(BodyClock, AnHttp2BodyThatDripsIsRefused) {
    TestServer server(dripping());
    Http2Client client(server.port());
    const std::int32_t id = client.request("POST", "/forget", "x", {}, true);
    client.send();
    const std::string drop("\0\0\1\0\0\0\0\0\1x", 10);  // DATA of stream 1
    for (int i = 0; i < 500 && client.streams[id].status == 0; ++i) {
        ASSERT_TRUE(client.client.send(drop));
        const auto next = std::chrono::steady_clock::now() + std::chrono::milliseconds(10);
        client.run([&] { return std::chrono::steady_clock::now() >= next; });
    }
    EXPECT_EQ(client.streams[id].status, 408);
    EXPECT_EQ(server.counters().timeouts, 1U);
}

// 20 heads of 60 kB, each of some octets on the wire: HPACK has the field in its table.
TEST(HttpHeld, HeadsOfOpenRequestsAreBounded) {
    HttpLimits limits;
    limits.max_open_heads = 512 * 1024;
    TestServer server(limits);
    {
        Http2Client client(server.port());
        const Http2Client::Fields head(15, {"x-a", std::string(4000, 'v')});
        std::vector<std::int32_t> ids;
        for (int i = 0; i < 20; ++i) {
            ids.push_back(client.request("POST", "/forget", "x", head, true));
            client.send();
        }
        const auto refused = [&] {
            std::size_t count = 0;
            for (const std::int32_t id : ids) count += client.streams[id].status == 431 ? 1 : 0;
            return count;
        };
        ASSERT_TRUE(client.run([&] { return refused() >= 12; }));
        EXPECT_EQ(refused(), 12U);
        EXPECT_LE(server.held(), limits.max_open_heads + 64U * 1024U);
        EXPECT_GT(server.held(), limits.max_open_heads / 2);
        EXPECT_TRUE(client.goaways.empty());
        // A request of the usual size is served all the same.
        const std::int32_t next = client.request("GET", "/hello");
        ASSERT_TRUE(client.finish(next));
        EXPECT_EQ(client.streams[next].status, 200);
    }
    EXPECT_TRUE(holds_nothing(server));
}

// A client that says the same 3,000 octets with each request, as one with a large token does, and
// says much at once. What one head may swell to is no bound for all that come with one read.
TEST(HttpHeld, ManyHeadsOfOneReadAreNoBomb) {
    TestServer server;
    Http2Client client(server.port());
    const std::int32_t first =
        client.request("GET", "/hello", {}, {{"x-token", std::string(3000, 'v')}});
    ASSERT_TRUE(client.finish(first));  // from now on it is in the table
    std::vector<std::int32_t> ids;
    std::string octets;
    for (int i = 0; i < 120; ++i) {
        ids.push_back(client.request("GET", "/hello", {}, {{"x-token", std::string(3000, 'v')}}));
    }
    const std::uint8_t* data = nullptr;
    for (ssize_t size = 0; (size = nghttp2_session_mem_send(client.session, &data)) > 0;) {
        octets.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
    }
    ASSERT_LT(octets.size(), 16000U);
    ASSERT_TRUE(client.client.send(octets));
    for (const std::int32_t id : ids) {
        ASSERT_TRUE(client.finish(id)) << id;
        EXPECT_EQ(client.streams[id].status, 200) << id;
    }
    EXPECT_TRUE(client.goaways.empty());
    EXPECT_TRUE(holds_nothing(server));
}

// What waited for the application when a stream went is window of the connection, which the other
// streams need: it has 1 MiB, and here come 1.5.
TEST(HttpHeld, TheWindowOfBodiesThatNobodyTookComesBack) {
    TestServer server;
    Http2Client client(server.port());
    for (int i = 0; i < 25; ++i) {
        const std::int32_t id = client.request("POST", "/hold", std::string(60000, 'x'), {}, true);
        ASSERT_TRUE(client.run([&] { return server.held() >= 60000; })) << i;
        nghttp2_submit_rst_stream(client.session, 0, id, NGHTTP2_CANCEL);
        client.send();
        ASSERT_TRUE(holds_nothing(server)) << i;
    }
    const std::int32_t id = client.request("POST", "/echo", std::string(200000, 'y'));
    ASSERT_TRUE(client.finish(id));
    EXPECT_EQ(client.streams[id].body.size(), 200000U);
}

// Bodies that the application collects are in the account until their exchange is over.
TEST(HttpHeld, CollectedBodiesAreInTheAccount) {
    TestServer server({}, {}, {}, false, kMiB);
    const std::string half(30000, 'x');
    {
        RawClient first(server.port());
        ASSERT_TRUE(
            first.send("POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n"));
        ASSERT_TRUE(first.send(half));
        Http2Client second(server.port());
        const std::int32_t id = second.request("POST", "/collect", half, {}, true);
        ASSERT_TRUE(second.run([&] { return server.held() >= 2 * half.size(); }));
        ASSERT_TRUE(first.send(half));
        EXPECT_NE(first.read_until("\r\n\r\n").find("200 OK"), std::string::npos);
        EXPECT_EQ(first.read_exactly(5), "60000");
        second.say(id, half, true);
        ASSERT_TRUE(second.finish(id));
        EXPECT_EQ(second.streams[id].body, "60000");
        EXPECT_TRUE(holds_nothing(server));
        // One that leaves in the middle gives back what it had sent.
        ASSERT_TRUE(
            first.send("POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n"));
        ASSERT_TRUE(first.send(half));
        second.request("POST", "/collect", half, {}, true);
        ASSERT_TRUE(second.run([&] { return server.held() >= 2 * half.size(); }));
    }
    EXPECT_TRUE(holds_nothing(server));
}

TEST(HttpHeld, CollectedBodiesBeyondTheRoomAreRefused) {
    HttpLimits limits;
    limits.hard_limit = kMiB / 2;
    TestServer server(limits);
    Http2Client client(server.port());
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 15; ++i) {
        ids.push_back(client.request("POST", "/collect", std::string(60000, 'x'), {}, true));
    }
    const auto refused = [&] {
        std::size_t count = 0;
        for (const std::int32_t id : ids) count += client.streams[id].status == 503 ? 1 : 0;
        return count;
    };
    ASSERT_TRUE(client.run([&] { return refused() >= 5; }));
    EXPECT_LE(server.held(), limits.hard_limit);
    EXPECT_GE(server.counters().slow_readers, 5U);
    // What the refused ones held is room for the others.
    std::size_t served = 0;
    for (const std::int32_t id : ids) {
        Http2Client::Response& stream = client.streams[id];
        if (stream.status != 0 || stream.ended) continue;
        client.say(id, "", true);
        ASSERT_TRUE(client.run([&] { return stream.ended || stream.status == 503; }));
        served += client.streams[id].body == "60000" ? 1 : 0;
    }
    EXPECT_GE(served, 5U);
    EXPECT_TRUE(client.goaways.empty());
}

// A client that pipelines and does not read is asked nothing more until it has taken some.
TEST(HttpHeld, PipelinedRequestsWaitUntilAnswersAreTaken) {
    TestServer server;
    RawClient client(server.port(), 4096);
    constexpr int kRequests = 400;  // 40 MB
    std::string asked;
    for (int i = 0; i < kRequests; ++i) asked += "GET /flood?100000 HTTP/1.1\r\nHost: a\r\n\r\n";
    ASSERT_TRUE(client.send(asked));
    ASSERT_TRUE(held_becomes(server, [](std::size_t held) { return held > kMiB / 16; }));
    EXPECT_LT(server.held(), kMiB);
    EXPECT_LT(server.handler().responses, kRequests);
    std::size_t octets = 0;
    for (int i = 0; i < kRequests; ++i) {
        ASSERT_NE(client.read_until("\r\n\r\n").find("200 OK"), std::string::npos) << i;
        for (;;) {  // chunks
            const std::string size = client.read_until("\r\n");
            const std::size_t length = std::stoul(size, nullptr, 16);
            octets += length;
            (void)client.read_exactly(length + 2);
            if (length == 0) break;
        }
    }
    EXPECT_EQ(octets, kRequests * std::size_t{100000});
    EXPECT_EQ(server.counters().slow_readers, 0U);
    EXPECT_TRUE(holds_nothing(server));
}

}  // namespace
}  // namespace net::testing
