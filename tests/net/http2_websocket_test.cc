// WebSockets on streams of HTTP/2 (RFC 8441): what http1 does with an upgraded connection, and what
// a stream adds, which is windows, ends of one direction, and resets.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "net/http2_guard.h"
#include "tests/net/support/http2_client.h"
#include "tests/net/support/test_server.h"
#include "tests/net/support/websocket_frames.h"

namespace net::testing {
namespace {

using std::chrono::milliseconds;

constexpr int kText = 1;
constexpr int kBinary = 2;
constexpr int kClose = 8;
const Http2Client::Fields kAsks = {{":protocol", "websocket"}, {"sec-websocket-version", "13"}};

std::string close_payload(std::uint16_t code, const std::string& reason = {}) {
    return std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)} + reason;
}

std::int32_t open(Http2Client& client, const std::string& first = {},
                  const std::string& path = "/ws") {
    return client.request("CONNECT", path, first, kAsks, true);
}

bool receives(Http2Client& client, std::int32_t id, const std::string& octets) {
    return client.run([&] { return client.streams[id].body.size() >= octets.size(); }) &&
           client.streams[id].body == octets;
}

bool is_gone(TestServer& server, int streams = 1) {
    return server.eventually([&](HttpServer&) { return server.handler().destroyed == streams; });
}

TEST(Http2WebSocket, EchoesAndCloses) {
    TestServer server;
    Http2Client client(server.port());
    const std::int32_t id = open(client, frame(kText, "early"));
    std::string expected = server_frame(kText, "early");
    ASSERT_TRUE(receives(client, id, expected));
    EXPECT_EQ(nghttp2_session_get_remote_settings(client.session,
                                                  NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL),
              1U);
    EXPECT_EQ(client.streams[id].status, 200);
    EXPECT_EQ(client.streams[id].fields.count("content-length"), 0U);
    EXPECT_EQ(client.streams[id].fields.count("sec-websocket-accept"), 0U);
    EXPECT_EQ(client.streams[id].fields.count("sec-websocket-protocol"), 0U);
    // Larger than a window, and in fragments that no frame of HTTP/2 respects.
    const std::string large(600000, 'b');
    client.say(id, frame(kBinary, large));
    expected += server_frame(kBinary, large);
    client.say(id, frame(kText, large.substr(0, 40000), false) + frame(0, "end"));
    expected += server_frame(kText, large.substr(0, 40000) + "end");
    ASSERT_TRUE(receives(client, id, expected));
    EXPECT_EQ(server.counters().websockets, 1U);
    client.say(id, frame(kClose, close_payload(1000, "bye")), true);
    expected += server_frame(kClose, close_payload(1000, "bye"));
    ASSERT_TRUE(client.finish(id));
    EXPECT_EQ(client.streams[id].body, expected);
    EXPECT_EQ(client.streams[id].error, static_cast<std::uint32_t>(NGHTTP2_NO_ERROR));
    ASSERT_TRUE(is_gone(server));
    EXPECT_EQ(server.handler().websocket_code, 1000);
    EXPECT_EQ(server.handler().websocket_closed, 1);
    EXPECT_EQ(server.handler().cancelled, 0);
    EXPECT_EQ(server.handler().last_status, 200);
}

TEST(Http2WebSocket, ServerCloses) {
    for (const bool ends : {true, false}) {
        TestServer server;
        Http2Client client(server.port());
        const std::int32_t id = open(client, frame(kText, "close"));
        ASSERT_TRUE(receives(client, id, server_frame(kClose, close_payload(4001, "as asked"))));
        EXPECT_FALSE(client.streams[id].ended);
        // Who keeps its half open for nothing is not waited for.
        client.say(id, frame(kClose, close_payload(4001)), ends);
        ASSERT_TRUE(client.finish(id));
        EXPECT_EQ(client.streams[id].error, static_cast<std::uint32_t>(NGHTTP2_NO_ERROR));
        ASSERT_TRUE(is_gone(server));
        EXPECT_EQ(server.handler().websocket_code, 4001);
    }
}

TEST(Http2WebSocket, BrokenFramesAreAnsweredAndEndTheStream) {
    TestServer server;
    Http2Client client(server.port());
    const std::int32_t id = open(client, server_frame(kText, "not masked"));
    const std::int32_t other = open(client);
    ASSERT_TRUE(client.run([&] { return client.streams[id].body.size() >= 4; }));
    EXPECT_EQ(client.streams[id].body.substr(2, 2), close_payload(1002));
    client.say(id, "whatever", true);
    ASSERT_TRUE(client.finish(id));
    EXPECT_EQ(client.streams[id].error, static_cast<std::uint32_t>(NGHTTP2_NO_ERROR));
    client.say(other, frame(kText, "well"));
    EXPECT_TRUE(receives(client, other, server_frame(kText, "well")));
}

TEST(Http2WebSocket, LossIsCode1006) {
    for (const int way : {0, 1, 2}) {
        TestServer server;
        {
            Http2Client client(server.port());
            const std::int32_t id = open(client, frame(kText, "hi"));
            ASSERT_TRUE(receives(client, id, server_frame(kText, "hi")));
            if (way == 0) {
                nghttp2_submit_rst_stream(client.session, 0, id, NGHTTP2_CANCEL);
            } else if (way == 1) {
                client.say(id, "", true);  // as the end of a TCP connection
            }
            client.send();
            if (way == 1) {
                ASSERT_TRUE(client.finish(id));
                EXPECT_EQ(client.streams[id].error, static_cast<std::uint32_t>(NGHTTP2_NO_ERROR));
            }
            if (way != 2) {
                const std::int32_t next = client.request("GET", "/hello");
                ASSERT_TRUE(client.finish(next));
                EXPECT_EQ(client.streams[next].body, "hello");
            }
        }
        ASSERT_TRUE(is_gone(server)) << way;
        EXPECT_EQ(server.handler().websocket_code, 1006);
        EXPECT_EQ(server.handler().websocket_closed, 1);
        EXPECT_EQ(server.handler().cancelled, 0);
    }
}

TEST(Http2WebSocket, MissedPongCancelsTheStream) {
    HttpLimits limits;
    limits.ping_interval = limits.pong_timeout = milliseconds(100);
    TestServer server(limits);
    Http2Client client(server.port());
    const std::int32_t id = open(client);
    ASSERT_TRUE(client.finish(id));
    EXPECT_EQ(client.streams[id].body, server_frame(9, ""));
    EXPECT_EQ(client.streams[id].error, static_cast<std::uint32_t>(NGHTTP2_CANCEL));
    ASSERT_TRUE(is_gone(server));
    EXPECT_EQ(server.handler().websocket_code, 1006);
}

TEST(Http2WebSocket, OutlivesTheTimesOfRequests) {
    HttpLimits limits;
    limits.body_timeout = limits.idle_timeout = limits.head_timeout = milliseconds(50);
    limits.ping_interval = milliseconds(400);
    TestServer server(limits);
    Http2Client client(server.port());
    const std::int32_t id = open(client);
    ASSERT_TRUE(receives(client, id, server_frame(9, "")));
    client.say(id, frame(10, "") + frame(kText, "alive"));
    EXPECT_TRUE(receives(client, id, server_frame(9, "") + server_frame(kText, "alive")));
}

struct Refusal {
    const char* name;
    const char* path;
    Http2Client::Fields fields;
    bool held;
    int status;
};

TEST(Http2WebSocket, Refusals) {
    const Refusal kRefusals[] = {
        {"no version", "/ws", {{":protocol", "websocket"}}, true, 400},
        {"another version",
         "/ws",
         {{":protocol", "websocket"}, {"sec-websocket-version", "12"}},
         true,
         400},
        {"a length",
         "/ws",
         {{":protocol", "websocket"}, {"sec-websocket-version", "13"}, {"content-length", "5"}},
         true,
         400},
        {"an end at once", "/ws", kAsks, false, 400},
        {"another protocol", "/ws", {{":protocol", "connect-udp"}}, true, 501},
        {"another place", "/none", kAsks, true, 404},
    };
    TestServer server;
    Http2Client client(server.port());
    for (const Refusal& row : kRefusals) {
        // What follows the head is thrown away, and the client told to leave it.
        const std::string body = row.held ? std::string(4, 'x') : "";
        const std::int32_t id = client.request("CONNECT", row.path, body, row.fields, row.held);
        ASSERT_TRUE(client.finish(id)) << row.name;
        EXPECT_EQ(client.streams[id].status, row.status) << row.name;
        EXPECT_EQ(client.streams[id].error, static_cast<std::uint32_t>(NGHTTP2_NO_ERROR))
            << row.name;
        if (row.status == 400) {
            EXPECT_EQ(client.streams[id].fields["sec-websocket-version"], "13") << row.name;
        }
    }
    const std::int32_t got = client.request("GET", "/ws", "", kAsks);
    ASSERT_TRUE(client.finish(got));
    EXPECT_EQ(client.streams[got].error, static_cast<std::uint32_t>(NGHTTP2_PROTOCOL_ERROR));
    EXPECT_EQ(server.counters().websockets, 0U);
}

TEST(Http2WebSocket, WhatComesBeforeTheAnswerIsNotLost) {
    TestServer server;
    Http2Client client(server.port());
    const std::int32_t id = open(client, frame(kText, "soon"), "/late-ws");
    ASSERT_TRUE(receives(client, id, server_frame(kText, "soon")));
    EXPECT_EQ(client.streams[id].fields["sec-websocket-protocol"], "late");
    // Nor its end.
    const std::int32_t short_one =
        client.request("CONNECT", "/late-ws", frame(kText, "gone"), kAsks, false);
    ASSERT_TRUE(client.finish(short_one));
    EXPECT_EQ(client.streams[short_one].status, 200);
    EXPECT_EQ(client.streams[short_one].body, server_frame(kText, "gone"));
    ASSERT_TRUE(is_gone(server));
    EXPECT_EQ(server.handler().websocket_code, 1006);
}

TEST(Http2WebSocket, SlowReaderIsBoundedThenServedWhole) {
    TestServer server;
    Http2Client client(server.port(), false);
    nghttp2_session_set_local_window_size(client.session, 0, 0, 1 << 30);
    const std::int32_t id = open(client, frame(kText, "flood"));
    const std::int32_t other = client.request("GET", "/hello");
    ASSERT_TRUE(client.finish(other));
    ASSERT_TRUE(client.run([&] { return client.streams[id].body.size() == 65535; }));
    EXPECT_LT(server.handler().most_queued, 400U * 1024U);
    nghttp2_session_set_local_window_size(client.session, 0, id, 1 << 30);
    constexpr std::size_t kWhole = 4096 * 16388U;
    ASSERT_TRUE(client.run([&] { return client.streams[id].body.size() >= kWhole; }));
    EXPECT_EQ(client.streams[id].body.size(), kWhole);
}

TEST(Http2WebSocket, WhoTakesNothingMaySayNoMore) {
    HttpLimits limits;
    limits.hard_limit = 1024 * 1024;  // which the answers would pass
    TestServer server(limits);
    Http2Client client(server.port(), false);
    nghttp2_session_set_local_window_size(client.session, 0, 0, 1 << 30);
    std::string messages;
    std::string answers;
    for (int i = 0; i < 200; ++i) {
        messages += frame(kBinary, std::string(16384, static_cast<char>('a' + i % 26)));
        answers += server_frame(kBinary, std::string(16384, static_cast<char>('a' + i % 26)));
    }
    const std::int32_t id = open(client, messages);
    const auto shut = [&] {
        return client.streams[id].body.size() == 65535 &&
               nghttp2_session_get_stream_remote_window_size(client.session, id) == 0;
    };
    ASSERT_TRUE(client.run(shut));
    // And it stays so, whatever is said meanwhile: it may have been on its way.
    for (int i = 0; i < 50; ++i) {
        const std::int32_t hello = client.request("GET", "/hello");
        ASSERT_TRUE(client.finish(hello));
    }
    ASSERT_TRUE(client.run(shut));
    const std::int32_t other = client.request("POST", "/echo", std::string(60000, 'c'));
    ASSERT_TRUE(client.finish(other));
    EXPECT_EQ(client.streams[other].body.size(), 60000U);
    EXPECT_EQ(server.counters().slow_readers, 0U);
    nghttp2_session_set_local_window_size(client.session, 0, id, 1 << 30);
    EXPECT_TRUE(receives(client, id, answers));
}

// Each says less than a message may have, and never the end of it.
TEST(Http2WebSocket, UnfinishedMessagesAreBoundedTogether) {
    HttpLimits limits;
    limits.hard_limit = 300000;
    TestServer server(limits);
    Http2Client client(server.port());
    const std::string begun = frame(kBinary, std::string(100000, 'm'), false);
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 4; ++i) ids.push_back(open(client, begun));
    const auto ended = [&] {
        return std::count_if(ids.begin(), ids.end(),
                             [&](std::int32_t id) { return client.streams[id].ended; });
    };
    ASSERT_TRUE(client.run([&] { return ended() > 0; }));
    for (const std::int32_t id : ids) {
        if (!client.streams[id].ended) continue;
        EXPECT_EQ(client.streams[id].error, static_cast<std::uint32_t>(NGHTTP2_ENHANCE_YOUR_CALM));
    }
    // There is room for two, and who ends his message gives its place back.
    EXPECT_LE(ended(), 2);
    const auto left = std::find_if(ids.begin(), ids.end(),
                                   [&](std::int32_t id) { return !client.streams[id].ended; });
    ASSERT_NE(left, ids.end());
    client.say(*left, frame(0, ""));
    EXPECT_TRUE(receives(client, *left, server_frame(kBinary, std::string(100000, 'm'))));
    for (std::size_t whole = 2; whole <= 10; ++whole) {
        client.say(*left, begun + frame(0, ""));
        ASSERT_TRUE(client.run([&] { return client.streams[*left].body.size() == whole * 100010; }))
            << whole;
    }
}

TEST(Http2WebSocket, SlowReaderIsDropped) {
    HttpLimits limits;
    limits.write_timeout = milliseconds(300);
    TestServer server(limits);
    Http2Client client(server.port(), false);
    const std::int32_t id = open(client, frame(kText, "flood"));
    ASSERT_TRUE(client.finish(id));
    EXPECT_EQ(client.streams[id].error, static_cast<std::uint32_t>(NGHTTP2_ENHANCE_YOUR_CALM));
    ASSERT_TRUE(is_gone(server));
    EXPECT_EQ(server.handler().websocket_code, 1006);
    EXPECT_EQ(server.counters().slow_readers, 1U);
}

TEST(Http2WebSocket, DrainSaysGoingAway) {
    TestServer server;
    Http2Client client(server.port());
    const std::int32_t id = open(client, frame(kText, "hi"));
    std::string expected = server_frame(kText, "hi");
    ASSERT_TRUE(receives(client, id, expected));
    server.run([](HttpServer& s) { s.drain([] {}); });
    expected += server_frame(kClose, close_payload(1001, "the server is stopping"));
    ASSERT_TRUE(receives(client, id, expected));
    client.say(id, frame(kClose, close_payload(1001)), true);
    ASSERT_TRUE(client.finish(id));
    EXPECT_EQ(client.streams[id].error, static_cast<std::uint32_t>(NGHTTP2_NO_ERROR));
    ASSERT_TRUE(is_gone(server));
    EXPECT_EQ(server.handler().websocket_code, 1001);
    EXPECT_TRUE(client.run([&] { return client.client.ended(); }));
}

TEST(Http2Guard, SmallMessagesPayForThemselves) {
    constexpr std::uint8_t kData = 0;
    // DATA of `length`, of which so much is a WebSocket's.
    const auto abuse = [](std::size_t length, std::size_t carried) {
        Http2Guard guard(1000, {});
        for (int i = 0; i < 20000; ++i) {
            if (const auto found = guard.frame(kData, 0, length, {})) return found;
            guard.carried(carried);
        }
        return std::optional<Http2Abuse>();
    };
    EXPECT_EQ(abuse(7, 7), std::nullopt);
    EXPECT_EQ(abuse(256, 256), std::nullopt);
    EXPECT_EQ(abuse(7, 5), Http2Abuse::Frames);    // less than any message has
    EXPECT_EQ(abuse(256, 0), Http2Abuse::Frames);  // padding
}

}  // namespace
}  // namespace net::testing
