#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/net/support/raw_client.h"
#include "tests/net/support/test_server.h"

namespace net::testing {
namespace {

using std::chrono::milliseconds;

HttpLimits quick_limits() {
    HttpLimits limits;
    limits.head_timeout = limits.body_timeout = limits.idle_timeout = milliseconds(200);
    limits.write_timeout = milliseconds(400);
    return limits;
}

TEST(Http1Server, KeepsTheConnection) {
    TestServer server;
    RawClient client(server.port());
    for (int i = 0; i < 3; ++i) {
        client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
        const std::string response = client.read_response();
        EXPECT_TRUE(response.starts_with("HTTP/1.1 200 OK\r\n")) << response;
        EXPECT_TRUE(response.ends_with("\r\n\r\nhello")) << response;
    }
    EXPECT_TRUE(server.eventually([&](HttpServer&) { return server.handler().responses == 3; }));
    EXPECT_EQ(server.counters().connections, 1U);
}

TEST(Http1Server, AnswersPipelinedRequestsInOrder) {
    TestServer server;
    RawClient client(server.port());
    client.send(
        "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
        "POST /slow-body HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
        "GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const std::string all = client.read_all();
    const std::size_t first = all.find("hello");
    const std::size_t second = all.find("\r\n\r\n4");
    const std::size_t third = all.find("404 Not Found");
    EXPECT_LT(first, second) << all;
    EXPECT_LT(second, third) << all;
    EXPECT_NE(third, std::string::npos) << all;
    EXPECT_NE(all.find("connection: close"), std::string::npos);
}

TEST(Http1Server, EchoesChunksAndTrailers) {
    TestServer server;
    RawClient client(server.port());
    client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 11\r\n\r\n");
    const std::string all = client.read_until("0\r\nx-sum: 11\r\n\r\n");
    EXPECT_NE(all.find("transfer-encoding: chunked"), std::string::npos) << all;
    EXPECT_NE(all.find("x-sum: 11"), std::string::npos) << all;
}

TEST(Http1Server, ResponseStartsBeforeTheBodyEnds) {
    TestServer server;
    RawClient client(server.port());
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    EXPECT_NE(client.read_until("3\r\none\r\n").find("200 OK"), std::string::npos);
    client.send("3\r\ntwo\r\n0\r\n\r\n");
    EXPECT_EQ(client.read_until("0\r\n\r\n"), "3\r\ntwo\r\n0\r\n\r\n");
}

TEST(Http1Server, SendsContinueOnlyToThoseWhoWait) {
    TestServer server;
    RawClient client(server.port());
    client.send(
        "POST /slow-body HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("ab");
    EXPECT_TRUE(client.read_response().ends_with("\r\n\r\n2"));
    // An answer that begins before the body and wants it invites it first.
    client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("ab");
    EXPECT_TRUE(client.read_until("0\r\n\r\n").ends_with("2\r\nab\r\n0\r\n\r\n"));
    // Answered before the body was asked for: the connection cannot be kept.
    client.send(
        "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    const std::string all = client.read_all();
    EXPECT_TRUE(all.starts_with("HTTP/1.1 200 OK")) << all;
    EXPECT_NE(all.find("connection: close"), std::string::npos) << all;
}

TEST(Http1Server, HeadHasTheHeadOfGetAndNoBody) {
    TestServer server;
    RawClient client(server.port());
    client.send("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string head = client.read_response(false);
    EXPECT_NE(head.find("content-length: 5"), std::string::npos);
    EXPECT_TRUE(client.read_response().starts_with("HTTP/1.1 200 OK"));
}

TEST(Http1Server, InterimResponsesComeFirst) {
    TestServer server;
    RawClient client(server.port());
    client.send("GET /hints HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 103 Early Hints\r\nlink: "));
    EXPECT_TRUE(client.read_response().ends_with("hints"));
}

TEST(Http1Server, Http10GetsNoChunks) {
    TestServer server;
    RawClient client(server.port());
    client.send("GET /blob?5 HTTP/1.0\r\n\r\n");
    const std::string all = client.read_all();
    EXPECT_EQ(all.find("chunked"), std::string::npos);
    EXPECT_TRUE(all.ends_with("\r\n\r\nxxxxx")) << all;
}

TEST(Http1Server, RefusesAndClosesAfterABadRequest) {
    TestServer server;
    RawClient client(server.port());
    client.send(
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string all = client.read_all();
    EXPECT_TRUE(all.starts_with("HTTP/1.1 400 Bad Request")) << all;
    EXPECT_EQ(all.find("200 OK"), std::string::npos);
    EXPECT_EQ(server.counters().bad_requests, 1U);
}

// RFC 9113, 3.4: a client of HTTP/2 whose preface is wrong would take an answer for frames.
TEST(Http1Server, WhoSpeaksSomethingElseIsNotAnsweredInHttp) {
    TestServer server;
    for (const char* other : {"INVALID CONNECTION PREFACE\r\n\r\n", "OPTIONS * RTSP/1.0\r\n\r\n"}) {
        RawClient client(server.port());
        client.send(other);
        EXPECT_EQ(client.read_all(), "") << other;
    }
    EXPECT_EQ(server.counters().bad_requests, 2U);
    // Who wrote HTTP badly, or well before, is told.
    for (const char* sloppy : {"GET /\r\n\r\n", "GET / http/1.1\r\n\r\n", "GET / HTTP/1.1 \r\n\r\n",
                               "GET / \r\n\r\n", "PRI * HTTP/2.0\r\n\r\nXX"}) {
        RawClient client(server.port());
        client.send(sloppy);
        EXPECT_TRUE(client.read_all().starts_with("HTTP/1.1 ")) << sloppy;
    }
    RawClient client(server.port());
    client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\nINVALID CONNECTION PREFACE\r\n\r\n");
    const std::string all = client.read_all();
    EXPECT_NE(all.find("hello"), std::string::npos) << all;
    EXPECT_NE(all.find("HTTP/1.1 400 "), std::string::npos) << all;
}

// RFC 7540, 3.2 is gone (RFC 9113, 3.1), and what goes on as HTTP/2 behind a proxy's back is not
// looked at by it.
TEST(Http1Server, NobodyIsUpgradedToHttp2) {
    TestServer server;
    RawClient client(server.port());
    client.send(
        "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n");
    const std::string response = client.read_response();
    EXPECT_TRUE(response.starts_with("HTTP/1.1 200 OK\r\n")) << response;
    EXPECT_EQ(response.find("upgrade"), std::string::npos) << response;
}

TEST(Http1Server, RefusalIsReadableByASenderOfABigBody) {
    TestServer server;
    RawClient client(server.port());
    client.send("POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n");
    client.send(std::string(300000, 'b'));
    const std::string all = client.read_all();
    EXPECT_TRUE(all.starts_with("HTTP/1.1 413")) << all.substr(0, 100);
}

TEST(Http1Server, BodyGoesOnAfterAnEarlyResponse) {
    TestServer server;
    RawClient client(server.port());
    client.send("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
    EXPECT_TRUE(client.read_response().ends_with("early"));
    client.send("defGET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(client.read_response().ends_with("hello"));
}

TEST(Http1Server, PausedBodyHoldsThePeerBack) {
    TestServer server;
    RawClient client(server.port());
    client.send("POST /slow-body HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" +
                std::string(100000, 'b'));
    EXPECT_TRUE(client.read_response().ends_with("\r\n\r\n100000"));
}

TEST(Http1Server, TimesOutHeadsBodiesAndIdleness) {
    TestServer server(quick_limits());
    RawClient head(server.port());
    head.send("GET / HTTP/1.1\r\nHo");
    RawClient body(server.port());
    body.send("POST /forget HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
    RawClient idle(server.port());
    idle.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    RawClient silent(server.port());
    EXPECT_TRUE(head.read_all().starts_with("HTTP/1.1 408"));
    EXPECT_TRUE(body.read_all().starts_with("HTTP/1.1 408"));
    EXPECT_TRUE(idle.read_all().ends_with("hello"));
    EXPECT_EQ(silent.read_all(), "");
    EXPECT_TRUE(server.eventually([](HttpServer& s) { return s.connections() == 0; }));
    EXPECT_EQ(server.counters().timeouts, 3U);
    EXPECT_EQ(server.handler().cancelled, 1);
    EXPECT_EQ(server.handler().destroyed, 1);
}

TEST(Http1Server, SlowReaderIsBoundedAndDropped) {
    TestServer server(quick_limits());
    RawClient client(server.port(), 4096);
    client.send("GET /blob?100000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(server.eventually([](HttpServer& s) { return s.counters().slow_readers == 1; }));
    EXPECT_LT(server.handler().most_queued, 400U * 1024U);
    EXPECT_EQ(server.handler().cancelled, 1);
}

TEST(Http1Server, WhoIgnoresTheMarkMeetsTheHardLimit) {
    HttpLimits limits;
    limits.hard_limit = 1024 * 1024;
    TestServer server(limits);
    RawClient client(server.port(), 4096);
    client.send("GET /flood?50000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(server.eventually([](HttpServer& s) { return s.counters().slow_readers == 1; }));
    EXPECT_TRUE(server.eventually([](HttpServer& s) { return s.connections() == 0; }));
}

TEST(Http1Server, LargeBodyArrivesWhole) {
    TestServer server;
    RawClient client(server.port());
    client.send("GET /blob?5000000 HTTP/1.0\r\n\r\n");
    const std::string all = client.read_all();
    EXPECT_EQ(all.size() - all.find("\r\n\r\n") - 4, 5000000U);
}

TEST(Http1Server, HandlerThatBreaksItsPromiseGets500) {
    TestServer server;
    RawClient client(server.port());
    client.send("GET /nobody HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(client.read_response().starts_with("HTTP/1.1 500"));
}

TEST(Http1Server, LostConnectionCancelsTheExchange) {
    TestServer server;
    {
        RawClient client(server.port());
        client.send("POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
        client.send("GE");
        EXPECT_TRUE(server.eventually([](HttpServer& s) { return s.counters().requests == 1; }));
    }
    RawClient other(server.port());
    other.send("POST /forget HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    EXPECT_TRUE(server.eventually([](HttpServer& s) { return s.counters().requests == 2; }));
    other.end();
    EXPECT_TRUE(server.eventually([&](HttpServer&) { return server.handler().cancelled >= 1; }));
}

TEST(Http1Server, LimitsConnectionsPerClient) {
    HttpLimits limits;
    limits.max_connections_per_client = 2;
    TestServer server(limits);
    RawClient a(server.port());
    RawClient b(server.port());
    EXPECT_TRUE(server.eventually([](HttpServer& s) { return s.connections() == 2; }));
    RawClient c(server.port());
    EXPECT_EQ(c.read_all(), "");
    EXPECT_EQ(server.counters().connections_refused, 1U);
    a.send("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(a.read_all().ends_with("hello"));
    a = RawClient(std::string("/nonexistent"));  // closes it
    EXPECT_TRUE(server.eventually([](HttpServer& s) { return s.connections() == 1; }));
    a = RawClient(server.port());
    EXPECT_TRUE(server.eventually([](HttpServer& s) { return s.counters().connections == 3; }));
}

TEST(Http1Server, UnixSocketTellsWhoAsks) {
    const std::string path = ::testing::TempDir() + "net_http_" + std::to_string(getpid());
    {
        TestServer server({}, {}, path);
        ASSERT_EQ(server.unix_error(), "");
        struct stat info {};
        ASSERT_EQ(stat(path.c_str(), &info), 0);
        EXPECT_EQ(info.st_mode & 0777U, 0600U);
        RawClient client(path);
        client.send("GET /whoami HTTP/1.1\r\nHost: local\r\n\r\n");
        EXPECT_TRUE(
            client.read_response().ends_with("uid " + std::to_string(getuid()) + " http local"));
        // A second server does not take the place of one that lives.
        TestServer second({}, {}, path);
        EXPECT_NE(second.unix_error().find("already"), std::string::npos) << second.unix_error();
    }
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Http1Server, DrainFinishesWhatIsInHand) {
    TestServer server;
    RawClient idle(server.port());
    idle.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(idle.read_response().ends_with("hello"));
    RawClient busy(server.port());
    busy.send("POST /slow-body HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na");
    EXPECT_TRUE(server.eventually([](HttpServer& s) { return s.counters().requests == 2; }));
    std::atomic<bool> drained{false};
    server.run([&](HttpServer& s) { s.drain([&] { drained = true; }); });
    EXPECT_EQ(idle.read_all(), "");
    EXPECT_FALSE(drained);
    busy.send("bc");
    const std::string all = busy.read_all();
    EXPECT_TRUE(all.ends_with("\r\n\r\n3")) << all;
    EXPECT_NE(all.find("connection: close"), std::string::npos) << all;
    idle = RawClient(std::string("/nonexistent"));  // closes the first
    busy = RawClient(std::string("/nonexistent"));
    EXPECT_TRUE(server.eventually([&](HttpServer&) { return drained.load(); }));
}

TEST(Http1Server, SurvivesTheEndOfDescriptors) {
    TestServer server;
    RawClient before(server.port());
    EXPECT_TRUE(server.eventually([](HttpServer& s) { return s.connections() == 1; }));
    rlimit old{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
    // All that are free below the limit are taken, but one for the client.
    std::vector<Descriptor> hogs;
    const rlimit low{256, old.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
    for (int fd = dup(0); fd >= 0; fd = dup(0)) hogs.emplace_back(fd);
    ASSERT_FALSE(hogs.empty());
    hogs.pop_back();
    {
        RawClient refused(server.port());
        ASSERT_TRUE(refused.connected());
        EXPECT_EQ(refused.read_all(), "");
    }
    before.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(before.read_response().ends_with("hello"));
    hogs.clear();
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
    RawClient after(server.port());
    after.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(after.read_response().ends_with("hello"));
    EXPECT_GE(server.counters().connections_shed, 1U);
}

}  // namespace
}  // namespace net::testing
