#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/websocket_session.h"
#include "tests/net/support/raw_client.h"
#include "tests/net/support/test_server.h"
#include "tests/net/support/websocket_frames.h"

namespace net::testing {
namespace {

using std::chrono::milliseconds;

struct Recorder final : WebSocketListener, WebSocketSession::Host {
    void on_message(base::Octets payload, bool text) override {
        log += (text ? "T:" : "B:") + std::string(base::as_text(payload)) + ";";
    }
    void on_closed(std::uint16_t code, std::string_view reason) override {
        log += "closed " + std::to_string(code) + " " + std::string(reason) + ";";
    }
    void wake() override {}
    [[nodiscard]] std::size_t queued_below() const override { return 0; }
    std::string log;
};

struct Row {
    const char* name;
    std::string input;
    std::string log;     // what the listener saw
    std::string output;  // frames sent
};

std::string closing(std::uint16_t code, const std::string& reason = {}) {
    return std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)} + reason;
}

const std::vector<Row> kRows = {
    {"text", frame(1, "hi"), "T:hi;", ""},
    {"binary", frame(2, std::string("\0\xff", 2)), std::string("B:\0\xff;", 5), ""},
    {"empty", frame(1, ""), "T:;", ""},
    {"fragments with a ping between", frame(1, "h", false) + frame(9, "p") + frame(0, "i"), "T:hi;",
     server_frame(10, "p")},
    {"character cut by fragments", frame(1, "\xc3", false) + frame(0, "\xa4"), "T:\xc3\xa4;", ""},
    {"unasked pong", frame(10, "x"), "", ""},
    {"close", frame(8, closing(1000, "bye")), "closed 1000 bye;",
     server_frame(8, closing(1000, "bye"))},
    {"close without code", frame(8, ""), "closed 1005 ;", server_frame(8, "")},
    {"unmasked", server_frame(1, "hi"), "closed 1002 ;", server_frame(8, closing(1002))},
    {"text is not UTF-8", frame(1, "\xff"), "closed 1007 ;", server_frame(8, closing(1007))},
    {"text ends inside a character", frame(1, "\xc3"), "closed 1007 ;",
     server_frame(8, closing(1007))},
    {"surrogate", frame(1, "\xed\xa0\x80"), "closed 1007 ;", server_frame(8, closing(1007))},
    {"reason is not UTF-8", frame(8, closing(1000, "\xff")), "closed 1007 ;",
     server_frame(8, closing(1007))},
    {"close code that must not be sent", frame(8, closing(1005)), "closed 1002 ;",
     server_frame(8, closing(1002))},
    {"close of one octet", frame(8, "x"), "closed 1002 ;", server_frame(8, closing(1002))},
    {"reserved opcode", frame(3, "x"), "closed 1002 ;", server_frame(8, closing(1002))},
    {"reserved bit", frame(1, "x", true, 0x40), "closed 1002 ;", server_frame(8, closing(1002))},
    {"fragmented ping", frame(9, "x", false), "closed 1002 ;", server_frame(8, closing(1002))},
    {"long ping", frame(9, std::string(126, 'x')), "closed 1002 ;", server_frame(8, closing(1002))},
    {"continuation of nothing", frame(0, "x"), "closed 1002 ;", server_frame(8, closing(1002))},
    {"text inside a text", frame(1, "a", false) + frame(1, "b"), "closed 1002 ;",
     server_frame(8, closing(1002))},
    {"too big", frame(2, std::string(1001, 'x')), "closed 1009 ;", server_frame(8, closing(1009))},
    {"too big in fragments",
     frame(2, std::string(600, 'x'), false) + frame(0, std::string(600, 'x')), "closed 1009 ;",
     server_frame(8, closing(1009))},
};

// Error codes are compared, not the texts that wslay adds to them.
std::string without_reason(std::string output) {
    if (output.size() > 4 && output[0] == '\x88') {
        output = server_frame(8, output.substr(2, 2));
    }
    return output;
}

TEST(WebSocketSession, ReadsTheSameHoweverTheOctetsAreCut) {
    for (const Row& row : kRows) {
        const std::size_t steps = row.input.size();
        for (std::size_t step = 1; step <= steps; step = step < 40 ? step + 1 : step * 2) {
            Recorder recorder;
            WebSocketLimits limits;
            limits.max_message = 1000;
            const base::MonoTime now{};
            WebSocketSession session(limits, recorder, recorder, now);
            std::string output;
            for (std::size_t at = 0; at < row.input.size(); at += step) {
                session.receive(base::as_octets(std::string_view(row.input).substr(at, step)), now);
                output += session.take_output();
            }
            EXPECT_EQ(recorder.log, row.log) << row.name << " by " << step;
            if (row.log.starts_with("closed 10") && !row.log.starts_with("closed 1000")) {
                output = without_reason(output);
            }
            EXPECT_EQ(output, row.output) << row.name << " by " << step;
            EXPECT_EQ(session.ended(), row.log.find("closed") != std::string::npos) << row.name;
        }
    }
}

TEST(WebSocketSession, PingsAndMissesThePong) {
    Recorder recorder;
    const base::MonoTime start{};
    WebSocketLimits limits;
    WebSocketSession session(limits, recorder, recorder, start);
    base::MonoTime now = start + limits.ping_interval;
    EXPECT_EQ(session.deadline(), now);
    session.expire(now);
    EXPECT_EQ(session.take_output(), server_frame(9, ""));
    session.receive(base::as_octets(frame(10, "")), now);
    EXPECT_EQ(session.deadline(), now + limits.ping_interval);
    now += limits.ping_interval;
    session.expire(now);
    now += limits.pong_timeout;
    EXPECT_EQ(session.deadline(), now);
    session.expire(now);
    EXPECT_EQ(recorder.log, "closed 1006 ;");
    EXPECT_TRUE(session.ended());
}

TEST(WebSocketSession, ClosesAndWaitsForThePeer) {
    for (const bool answers : {true, false}) {
        Recorder recorder;
        const base::MonoTime start{};
        WebSocketLimits limits;
        WebSocketSession session(limits, recorder, recorder, start);
        // It has been quiet for as long as it may be: the handshake has its time from now on.
        const base::MonoTime now = start + limits.ping_interval - milliseconds(1);
        session.close(4000, std::string(122, 'a') + "\xc3\xa4 and more");
        session.settle(now);
        EXPECT_EQ(session.deadline(), now + limits.close_timeout);
        // The reason is cut between characters.
        EXPECT_EQ(session.take_output(), server_frame(8, closing(4000, std::string(122, 'a'))));
        session.send(base::as_octets("too late"), true);
        EXPECT_EQ(session.take_output(), "");
        session.receive(base::as_octets(frame(1, "crossing")), now);
        EXPECT_EQ(recorder.log, "");
        if (answers) {
            session.receive(base::as_octets(frame(8, closing(4000))), now);
            EXPECT_EQ(recorder.log, "closed 4000 ;");
        } else {
            session.expire(now + limits.close_timeout - milliseconds(1));
            EXPECT_EQ(recorder.log, "");
            session.expire(now + limits.close_timeout);
            EXPECT_EQ(recorder.log, "closed 1006 ;");
        }
        EXPECT_TRUE(session.ended());
        EXPECT_EQ(session.broken(), !answers);
    }
}

TEST(WebSocketSession, FloodOfPingsIsNotAnswered) {
    Recorder recorder;
    WebSocketSession session({}, recorder, recorder, {});
    std::string pings;
    for (int i = 0; i < 300; ++i) pings += frame(9, "x");
    session.receive(base::as_octets(pings), {});
    EXPECT_EQ(recorder.log, "closed 1008 ;");
}

TEST(WebSocketHandshake, AcceptIsThatOfTheRfc) {
    EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

// Over a server.

std::string handshake(const std::string& version = "13",
                      const std::string& key = "dGhlIHNhbXBsZSBub25jZQ==") {
    return "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\nConnection: keep-alive, "
           "Upgrade\r\n"
           "Sec-WebSocket-Version: " +
           version + "\r\nSec-WebSocket-Key: " + key + "\r\n\r\n";
}

TEST(WebSocketServer, EchoesAndCloses) {
    TestServer server;
    RawClient client(server.port());
    client.send(handshake() + frame(1, "early"));  // sent before the answer came
    const std::string head = client.read_until("\r\n\r\n");
    EXPECT_TRUE(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n")) << head;
    EXPECT_NE(head.find("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), std::string::npos);
    EXPECT_EQ(client.read_exactly(7), server_frame(1, "early"));
    const std::string big(100000, 'b');
    client.send(frame(2, big));
    EXPECT_EQ(client.read_exactly(100010), server_frame(2, big));
    client.send(frame(8, closing(1000)));
    EXPECT_EQ(client.read_all(), server_frame(8, closing(1000)));
    EXPECT_TRUE(server.eventually([&](HttpServer&) { return server.handler().destroyed == 1; }));
    EXPECT_EQ(server.handler().websocket_code, 1000);
    EXPECT_EQ(server.handler().last_status, 101);
}

TEST(WebSocketServer, ServerCloses) {
    TestServer server;
    RawClient client(server.port());
    client.send(handshake() + frame(1, "close"));
    client.read_until("\r\n\r\n");
    EXPECT_EQ(client.read_exactly(12), server_frame(8, closing(4001, "as asked")));
    client.send(frame(8, closing(4001)));
    client.read_all();
    EXPECT_TRUE(server.eventually([&](HttpServer&) { return server.handler().destroyed == 1; }));
    EXPECT_EQ(server.handler().websocket_code, 4001);
}

TEST(WebSocketServer, LossIsCode1006) {
    TestServer server;
    {
        RawClient client(server.port());
        client.send(handshake());
        client.read_until("\r\n\r\n");
    }
    EXPECT_TRUE(server.eventually([&](HttpServer&) { return server.handler().destroyed == 1; }));
    EXPECT_EQ(server.handler().websocket_code, 1006);
    EXPECT_EQ(server.handler().websocket_closed, 1);
    EXPECT_EQ(server.handler().cancelled, 0);
}

TEST(WebSocketServer, RefusesOtherVersionsAndBrokenKeys) {
    TestServer server;
    RawClient old(server.port());
    old.send(handshake("8"));
    const std::string upgrade = old.read_all();
    EXPECT_TRUE(upgrade.starts_with("HTTP/1.1 426 Upgrade Required\r\n")) << upgrade;
    EXPECT_NE(upgrade.find("sec-websocket-version: 13"), std::string::npos);
    RawClient broken(server.port());
    broken.send(handshake("13", "short"));
    EXPECT_TRUE(broken.read_all().starts_with("HTTP/1.1 400"));
    RawClient plain(server.port());
    plain.send("GET /ws HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(plain.read_response().ends_with("not a WebSocket"));
}

TEST(WebSocketServer, SlowReaderIsBoundedThenServedWhole) {
    TestServer server;
    RawClient client(server.port(), 4096);
    client.send(handshake() + frame(1, "flood"));
    client.read_until("\r\n\r\n");
    std::this_thread::sleep_for(milliseconds(200));
    EXPECT_LT(server.handler().most_queued, 400U * 1024U);
    EXPECT_EQ(client.read_exactly(4096 * 16388U).size(), 4096 * 16388U);
}

TEST(WebSocketServer, DrainSaysGoingAway) {
    TestServer server;
    RawClient client(server.port());
    client.send(handshake());
    client.read_until("\r\n\r\n");
    server.run([](HttpServer& s) { s.drain([] {}); });
    EXPECT_EQ(client.read_exactly(4),
              server_frame(8, closing(1001, "the server is stopping")).substr(0, 4));
    client.send(frame(8, closing(1001)));
    client.read_all();
    EXPECT_TRUE(server.eventually([&](HttpServer&) { return server.handler().destroyed == 1; }));
}

}  // namespace
}  // namespace net::testing
