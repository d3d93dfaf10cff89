#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <thread>

#include "net/http2_memory.h"
#include "net/recycled.h"
#include "tests/net/support/http2_client.h"
#include "tests/net/support/test_server.h"
#include "tests/net/support/tls_client.h"

namespace net::testing {
namespace {

using std::chrono::milliseconds;

TEST(Http2, AnswersManyStreamsAtOnce) {
    TestServer server;
    Http2Client client(server.port());
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 100; ++i) ids.push_back(client.request("GET", "/blob?20000"));
    for (const std::int32_t id : ids) {
        ASSERT_TRUE(client.finish(id));
        EXPECT_EQ(client.streams[id].status, 200);
        EXPECT_EQ(client.streams[id].body.size(), 20000U);
        EXPECT_EQ(client.streams[id].error, 0U);
    }
    EXPECT_TRUE(server.eventually([&](HttpServer&) { return server.handler().responses == 100; }));
    EXPECT_EQ(server.counters().connections, 1U);
    // What a read brings is bracketed for the application.
    EXPECT_GT(server.handler().reads, 0);
    EXPECT_EQ(server.handler().between_reads, 0);
    server.run([&](HttpServer&) { EXPECT_FALSE(server.handler().in_read); });
}

TEST(Http2, EchoesBodiesAndTrailersFullDuplex) {
    TestServer server;
    Http2Client client(server.port());
    const std::string large(3000000, 'b');
    const std::int32_t held = client.request("POST", "/echo", "first", {}, true);
    const std::int32_t id =
        client.request("POST", "/echo", large, {{"content-type", "x/y"}}, false, {{"x-sum", "7"}});
    ASSERT_TRUE(client.finish(id));
    EXPECT_EQ(client.streams[id].body, large);
    EXPECT_EQ(client.streams[id].fields["x-sum"], "7");
    EXPECT_EQ(client.streams[id].fields["content-type"], "x/y");
    EXPECT_FALSE(client.streams[id].fields["date"].empty());
    // The answer to a request that has not ended is there already.
    EXPECT_TRUE(client.run([&] { return client.streams[held].body == "first"; }));
    EXPECT_FALSE(client.streams[held].ended);
}

TEST(Http2, HeadAndErrorsHaveNoBody) {
    TestServer server;
    Http2Client client(server.port());
    const std::int32_t head = client.request("HEAD", "/hello");
    const std::int32_t none = client.request("GET", "/none");
    const std::int32_t nobody = client.request("GET", "/nobody");
    const std::int32_t connect = client.request("OPTIONS", "*");
    ASSERT_TRUE(client.finish(head) && client.finish(none) && client.finish(nobody));
    ASSERT_TRUE(client.finish(connect));
    EXPECT_EQ(client.streams[head].status, 200);
    EXPECT_EQ(client.streams[head].fields["content-length"], "5");
    EXPECT_EQ(client.streams[head].body, "");
    EXPECT_EQ(client.streams[none].status, 404);
    EXPECT_EQ(client.streams[nobody].status, 500);
    EXPECT_EQ(client.streams[connect].status, 404);
}

TEST(Http2, SendsInterimResponses) {
    TestServer server;
    Http2Client client(server.port());
    const std::int32_t hints = client.request("GET", "/hints");
    const std::int32_t waits =
        client.request("POST", "/slow-body", "abc", {{"expect", "100-continue"}}, false);
    ASSERT_TRUE(client.finish(hints) && client.finish(waits));
    EXPECT_EQ(client.streams[hints].interim, std::vector<int>{103});
    EXPECT_EQ(client.streams[hints].status, 200);
    EXPECT_EQ(client.streams[waits].body, "3");
}

TEST(Http2, PausedBodyGetsNoWindow) {
    TestServer server;
    Http2Client client(server.port());
    const std::int32_t hold = client.request("POST", "/hold", std::string(1000000, 'b'));
    const std::int32_t other = client.request("POST", "/echo", std::string(200000, 'c'));
    ASSERT_TRUE(client.finish(other));
    // The paused stream has one window's worth at the server, and holds nobody else up.
    EXPECT_EQ(client.streams[other].body.size(), 200000U);
    EXPECT_EQ(nghttp2_session_get_stream_remote_window_size(client.session, hold), 0);
    const std::int32_t slow = client.request("POST", "/slow-body", std::string(500000, 'd'));
    ASSERT_TRUE(client.finish(slow));
    EXPECT_EQ(client.streams[slow].body, "500000");
}

TEST(Http2, EarlyAnswerAndRefusal) {
    TestServer server;
    Http2Client client(server.port());
    const std::int32_t early = client.request("POST", "/early", std::string(100000, 'b'));
    const std::int32_t refused = client.request("POST", "/refuse", std::string(1000000, 'b'));
    ASSERT_TRUE(client.finish(early) && client.finish(refused));
    EXPECT_EQ(client.streams[early].body, "early");
    EXPECT_EQ(client.streams[refused].status, 413);
    EXPECT_EQ(client.streams[refused].body, "no");
    EXPECT_EQ(client.streams[refused].error, static_cast<std::uint32_t>(NGHTTP2_NO_ERROR));
}

TEST(Http2, SlowReaderIsBoundedAndDropped) {
    HttpLimits limits;
    limits.write_timeout = milliseconds(300);
    TestServer server(limits);
    Http2Client client(server.port(), false);
    const std::int32_t id = client.request("GET", "/blob?100000000");
    ASSERT_TRUE(client.finish(id));  // by the server
    EXPECT_EQ(client.streams[id].error, static_cast<std::uint32_t>(NGHTTP2_ENHANCE_YOUR_CALM));
    EXPECT_EQ(client.streams[id].body.size(), 65535U);
    EXPECT_LT(server.handler().most_queued, 400U * 1024U);
    EXPECT_TRUE(server.eventually([&](HttpServer&) { return server.handler().cancelled == 1; }));
    EXPECT_EQ(server.counters().slow_readers, 1U);
}

TEST(Http2, ResetCancelsTheExchange) {
    TestServer server;
    Http2Client client(server.port());
    const std::int32_t id = client.request("POST", "/forget", "x", {}, true);
    EXPECT_TRUE(client.run([&] { return client.settled; }));
    EXPECT_TRUE(server.eventually([](HttpServer& s) { return s.counters().requests == 1; }));
    nghttp2_submit_rst_stream(client.session, 0, id, NGHTTP2_CANCEL);
    client.send();
    EXPECT_TRUE(server.eventually([&](HttpServer&) { return server.handler().destroyed == 1; }));
    EXPECT_EQ(server.handler().cancelled, 1);
}

TEST(Http2, ResetStreamsLeaveTheConnectionItsWindow) {
    TestServer server;
    Http2Client client(server.port());
    for (int i = 1; i <= 30; ++i) {  // almost two windows of the connection
        const std::int32_t id = client.request("POST", "/hold", std::string(100000, 'x'));
        ASSERT_TRUE(client.run([&] {
            return nghttp2_session_get_stream_remote_window_size(client.session, id) == 0;
        })) << i;
        nghttp2_submit_rst_stream(client.session, 0, id, NGHTTP2_CANCEL);
        client.send();
        ASSERT_TRUE(
            server.eventually([&](HttpServer&) { return server.handler().destroyed == i; }));
    }
    const std::int32_t next = client.request("POST", "/echo", std::string(100000, 'y'));
    EXPECT_TRUE(client.finish(next));
}

TEST(Http2, TimesOutBodiesAndIdleness) {
    HttpLimits limits;
    limits.body_timeout = limits.idle_timeout = milliseconds(200);
    TestServer server(limits);
    Http2Client client(server.port());
    const std::int32_t id = client.request("POST", "/forget", "x", {}, true);
    ASSERT_TRUE(client.finish(id));
    EXPECT_EQ(client.streams[id].status, 408);
    EXPECT_TRUE(client.run([&] { return client.client.ended(); }));
    EXPECT_EQ(client.goaways, std::vector<std::uint32_t>{NGHTTP2_NO_ERROR});
}

TEST(Http2, LimitsTheHead) {
    TestServer server;
    Http2Client client(server.port());
    Http2Client::Fields many;
    for (int i = 0; i < 200; ++i) many.emplace_back("x-" + std::to_string(i), "y");
    const std::int32_t id = client.request("GET", "/hello", {}, many);
    ASSERT_TRUE(client.finish(id));
    EXPECT_EQ(client.streams[id].status, 431);
    const std::int32_t next = client.request("GET", "/hello");
    ASSERT_TRUE(client.finish(next));
    EXPECT_EQ(client.streams[next].status, 200);
}

TEST(Http2, RefusesOddPaths) {
    TestServer server;
    Http2Client client(server.port());
    const std::int32_t fragment = client.request("GET", "/a#b");
    const std::int32_t foreign = client.request("GET", "/\xc3\xa4");
    ASSERT_TRUE(client.finish(fragment));
    client.finish(foreign);
    EXPECT_EQ(client.streams[fragment].status, 400);
    EXPECT_NE(client.streams[foreign].status, 200);
}

TEST(Http2, RapidResetEndsTheConnection) {
    TestServer server;
    Http2Client client(server.port());
    EXPECT_TRUE(client.run([&] { return client.settled; }));
    for (int i = 0; i < 1000 && client.goaways.empty(); ++i) {
        const std::int32_t id = client.request("POST", "/forget", "x", {}, true);
        client.send();
        nghttp2_submit_rst_stream(client.session, 0, id, NGHTTP2_CANCEL);
        client.send();
        if (i % 50 == 49) client.run([n = 0]() mutable { return ++n > 1; });
    }
    EXPECT_TRUE(client.run([&] { return !client.goaways.empty() || client.client.ended(); }));
    EXPECT_TRUE(server.eventually([](HttpServer& s) { return s.connections() == 0; }));
    EXPECT_LT(server.counters().requests, 900U);
}

TEST(Http2, FloodOfEmptyFramesEndsTheConnection) {
    TestServer server;
    Http2Client client(server.port());
    client.request("POST", "/forget", "x", {}, true);
    EXPECT_TRUE(client.run([&] { return client.settled; }));
    ASSERT_TRUE(server.eventually([](HttpServer& s) { return s.counters().requests == 1; }));
    // Empty DATA frames of stream 1, without an end.
    const std::string empty("\0\0\0\0\0\0\0\0\1", 9);
    std::string flood;
    for (int i = 0; i < 1000; ++i) flood += empty;
    for (int i = 0; i < 20; ++i) {
        if (!client.client.send(flood)) break;
    }
    EXPECT_TRUE(client.run([&] { return !client.goaways.empty() || client.client.ended(); }));
    EXPECT_TRUE(server.eventually([](HttpServer& s) { return s.connections() == 0; }));
    EXPECT_EQ(server.handler().cancelled, 1);
}

TEST(Http2, DrainFinishesWhatIsInHand) {
    TestServer server;
    Http2Client client(server.port());
    const std::int32_t id = client.request("POST", "/slow-body", "abc");
    client.send();
    EXPECT_TRUE(server.eventually([](HttpServer& s) { return s.counters().requests == 1; }));
    std::atomic<bool> drained{false};
    server.run([&](HttpServer& s) { s.drain([&] { drained = true; }); });
    ASSERT_TRUE(client.finish(id));
    EXPECT_EQ(client.streams[id].body, "3");
    EXPECT_TRUE(client.run([&] { return client.client.ended(); }));
    // The notice, then the last stream (RFC 9113, 6.8); what else comes between does not matter.
    const std::string goaway("\0\0\x08\x07\0\0\0\0\0", 9);
    const std::size_t notice = client.raw.find(goaway + std::string("\x7f\xff\xff\xff\0\0\0\0", 8));
    const std::size_t last = client.raw.find(goaway + std::string("\0\0\0\x01\0\0\0\0", 8));
    ASSERT_NE(notice, std::string::npos);
    ASSERT_NE(last, std::string::npos);
    EXPECT_LT(notice, last);
    client.client = RawClient(std::string("/nonexistent"));
    EXPECT_TRUE(server.eventually([&](HttpServer&) { return drained.load(); }));
}

TEST(Http2, BrokenPrefaceIsNoHttp2) {
    TestServer server;
    RawClient client(server.port());
    client.send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
    EXPECT_TRUE(client.read_all().starts_with("HTTP/1.1 505"));
    RawClient garbage(server.port());
    garbage.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(100, 'x'));
    garbage.read_all();
    EXPECT_TRUE(garbage.ended());
}

TEST(Http2, ServesCurlWithPriorKnowledge) {
    TestServer server;
    const std::string at = "http://127.0.0.1:" + std::to_string(server.port());
    EXPECT_EQ(run_command("curl -sS --noproxy '*' -m 10 --http2-prior-knowledge -w ' "
                          "%{http_version} %{http_code}' " +
                          at + "/hello"),
              "hello 2 200");
    EXPECT_EQ(run_command("head -c 5000000 /dev/zero | curl -sS --noproxy '*' -m 10 "
                          "--http2-prior-knowledge --data-binary @- " +
                          at + "/echo | wc -c"),
              "5000000\n");
    EXPECT_EQ(run_command("head -c 5000000 /dev/zero | curl -sS --noproxy '*' -m 10 "
                          "--data-binary @- -H 'Transfer-Encoding: chunked' " +
                          at + "/echo | wc -c"),
              "5000000\n");
}

TEST(Http2Memory, BlocksThatGrowKeepWhatIsInThem) {
    std::string expected;
    void* block = http2_malloc(1, nullptr);
    for (std::size_t size = 1; size < 5000; size += size / 2 + 1) {
        block = http2_realloc(block, size, nullptr);
        ASSERT_NE(block, nullptr);
        ASSERT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignof(std::max_align_t), 0U);
        EXPECT_EQ(std::memcmp(block, expected.data(), expected.size()), 0) << size;
        expected.resize(size, static_cast<char>('a' + size % 26));
        std::memcpy(block, expected.data(), size);
    }
    block = http2_realloc(block, 10, nullptr);
    EXPECT_EQ(std::memcmp(block, expected.data(), 10), 0);
    http2_free(block, nullptr);
    http2_free(nullptr, nullptr);
    http2_free(http2_realloc(nullptr, 200, nullptr), nullptr);
}

TEST(Http2Memory, ClearedBlocksAreClearedAgain) {
    for (const std::size_t size : {100U, 250U, 500U, 1000U, 3000U}) {
        void* const dirty = http2_malloc(size, nullptr);
        std::memset(dirty, 0xff, size);
        http2_free(dirty, nullptr);
        auto* const block = static_cast<unsigned char*>(http2_calloc(size / 10, 10, nullptr));
        for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(block[i], 0) << size << ' ' << i;
        http2_free(block, nullptr);
    }
    EXPECT_EQ(http2_calloc(SIZE_MAX / 4, 16, nullptr), nullptr);
    EXPECT_EQ(http2_malloc(SIZE_MAX, nullptr), nullptr);
}

TEST(SpareBlocks, NoTwoOwnersHaveOne) {
    constexpr std::size_t kOctets = 48;
    using Blocks = SpareBlocks<kOctets, 4>;
    for (int round = 0; round < 2; ++round) {
        std::set<void*> mine;
        for (int i = 0; i < 10; ++i) {
            void* const block = Blocks::take();
            std::memset(block, i, kOctets);
            EXPECT_TRUE(mine.insert(block).second);
        }
        // What another thread gives back is not ours any more, and its end gives all of it back.
        std::thread other([&] {
            for (void* const block : mine) Blocks::give(block);
        });
        other.join();
    }
}

}  // namespace
}  // namespace net::testing
