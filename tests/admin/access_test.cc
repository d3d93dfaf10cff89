// Who is let in, and what every response has in common.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <utility>

#include "tests/admin/api_fixture.h"

namespace admin {
namespace {

using fakes::ApiTest;

TEST_F(ApiTest, NobodyComesInWithoutAToken) {
    const std::string good = token_;
    for (const std::string& token : {std::string(), std::string("wrong"), good + "x",
                                     good.substr(1), std::string(5000, 'x')}) {
        token_ = token;
        for (const char* method : {"GET", "POST"}) {
            const Answer answer =
                ask(method, "/v1/zones", std::string(method) == "POST" ? "{}" : "");
            EXPECT_EQ(answer.status, 401) << token;
            EXPECT_EQ(answer.header("www-authenticate"), "Bearer realm=\"meridian\"");
        }
        EXPECT_EQ(ask("DELETE", "/v1/zones/example.com").status, 401);
        EXPECT_EQ(ask("GET", "/v1/feed").status, 401);
        EXPECT_EQ(ask("GET", "/metrics").status, 401);
        EXPECT_EQ(ask("GET", "/healthz").status, 200);
        EXPECT_EQ(ask("GET", "/").status, 200);
    }
    EXPECT_EQ(ask("GET", "/v1/zones", "", {{"authorization", "Basic " + good}}).status, 401);
    EXPECT_EQ(ask("GET", "/v1/zones", "", {{"authorization", "bearer " + good}}).status, 200);
}

TEST_F(ApiTest, TheTokenFileIsPrivateAndMadeOnce) {
    const std::string path = directory_.path + "/admin.token";
    struct stat info {};
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
    EXPECT_EQ(token_.size(), 64U);
    ASSERT_TRUE(Tokens::prepare(house_.store(), directory_.path));
    std::string again;
    std::ifstream(path) >> again;
    EXPECT_EQ(again, token_);
    // The store keeps the hash, never the secret.
    const auto document = house_.store().read()->document("tokens", "admin");
    ASSERT_TRUE(document && *document);
    EXPECT_EQ((*document)->json.find(token_), std::string::npos);
    // Taken away by the operator: not made anew.
    std::filesystem::remove(path);
    ASSERT_TRUE(Tokens::prepare(house_.store(), directory_.path));
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ApiTest, AFileWithoutItsHashIsTakenUp) {
    // As after a crash between the two.
    fakes::TemporaryDirectory other;
    fakes::House house(other.path);
    std::ofstream(other.path + "/admin.token") << "my-own-token\n";
    ASSERT_TRUE(Tokens::prepare(house.store(), other.path));
    Tokens tokens(house.store());
    const auto principal = tokens.find("my-own-token", net::Peer());
    ASSERT_TRUE(principal);
    EXPECT_TRUE(principal->rights->everything(Verb::Read));
    EXPECT_TRUE(principal->rights->everything(Verb::Write));
    EXPECT_FALSE(tokens.find("my-own-tokem", net::Peer()));
}

TEST_F(ApiTest, TheAdminSocketKnowsItsPeers) {
    const auto status = [&](std::uint32_t uid) {
        token_.clear();
        net::RequestHead request = head("GET", "/v1/zones", {});
        request.peer.local_socket = true;
        request.peer.uid = uid;
        fakes::FakeExchange exchange;
        auto stream = front_.on_request(std::move(request), exchange);
        stream->on_end({});
        return exchange.head.status;
    };
    EXPECT_EQ(status(0), 200);
    EXPECT_EQ(status(geteuid()), 200);
    EXPECT_EQ(status(geteuid() + 4711), 401);
}

TEST_F(ApiTest, SessionsAreForBrowsers) {
    const std::string token = token_;
    token_.clear();
    EXPECT_EQ(ask("POST", "/v1/session", R"({"token":"wrong"})").status, 401);
    EXPECT_EQ(ask("POST", "/v1/session", R"({})").status, 422);
    const Answer opened = ask("POST", "/v1/session", R"({"token":")" + token + "\"}");
    must(opened, 201);
    const std::string set = opened.header("set-cookie");
    for (const char* attribute : {"HttpOnly", "SameSite=Strict", "Path=/"}) {
        EXPECT_NE(set.find(attribute), std::string::npos) << set;
    }
    EXPECT_EQ(set.find(token), std::string::npos);
    const std::string cookie = set.substr(0, set.find(';'));
    EXPECT_EQ(ask("GET", "/v1/zones", "", {{"cookie", cookie}}).status, 200);
    EXPECT_EQ(ask("GET", "/v1/zones", "", {{"cookie", cookie + "0"}}).status, 401);
    EXPECT_EQ(ask("GET", "/v1/session", "", {{"cookie", cookie}}).text("csrf"),
              opened.text("csrf"));
    // A write needs what another site cannot know.
    const std::string zone = R"({"name":"a.example","ns":["ns.example.net."]})";
    EXPECT_EQ(ask("POST", "/v1/zones", zone, {{"cookie", cookie}}).status, 403);
    EXPECT_EQ(
        ask("POST", "/v1/zones", zone, {{"cookie", cookie}, {"x-meridian-csrf", "guess"}}).status,
        403);
    EXPECT_EQ(ask("POST", "/v1/zones", zone,
                  {{"cookie", cookie}, {"x-meridian-csrf", opened.text("csrf")}})
                  .status,
              201);
    // A token that is gone takes its sessions with it.
    zones::ChangeSet changes;
    changes.operations.push_back({zones::DeleteDocument{"tokens", "admin"}, {}});
    ASSERT_TRUE(house_.store().commit(std::move(changes)));
    EXPECT_EQ(ask("GET", "/v1/zones", "", {{"cookie", cookie}}).status, 401);
}

TEST_F(ApiTest, ALoginLinkWorksOnce) {
    token_.clear();
    const std::string link = "/login?once=" + sessions_.make_login_code(base::mono_now());
    EXPECT_EQ(ask("HEAD", link).status, 204);  // a preview does not use it up
    const Answer followed = ask("GET", link);
    must(followed, 303);
    EXPECT_EQ(followed.header("location"), "/");
    const std::string set = followed.header("set-cookie");
    const std::string cookie = set.substr(0, set.find(';'));
    EXPECT_EQ(ask("GET", "/v1/zones", "", {{"cookie", cookie}}).status, 200);
    EXPECT_EQ(ask("GET", link).status, 403);
    EXPECT_EQ(ask("GET", "/login").status, 403);
    const std::string csrf = ask("GET", "/v1/session", "", {{"cookie", cookie}}).text("csrf");
    EXPECT_EQ(
        ask("DELETE", "/v1/session", "", {{"cookie", cookie}, {"x-meridian-csrf", csrf}}).status,
        204);
    EXPECT_EQ(ask("GET", "/v1/zones", "", {{"cookie", cookie}}).status, 401);
}

TEST(Sessions, EndInTime) {
    Sessions sessions;
    const base::MonoTime now{};
    Principal principal;
    principal.name = "a";
    const auto opened = sessions.open(principal, now);
    EXPECT_TRUE(sessions.find(opened.cookie, now + Sessions::kLifetime - std::chrono::seconds(1)));
    EXPECT_FALSE(sessions.find(opened.cookie, now + Sessions::kLifetime));
    const std::string code = sessions.make_login_code(now);
    EXPECT_FALSE(sessions.redeem(code, now + Sessions::kCodeLifetime));
    for (std::size_t i = 0; i < Sessions::kMax + 5; ++i) {
        (void)sessions.open(principal, now + std::chrono::seconds(i + 1));
    }
    EXPECT_FALSE(sessions.find(opened.cookie, now));  // the oldest made room
}

TEST(Sha256, OfFips180) {
    EXPECT_EQ(base::to_hex(sha256("abc")),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(ApiTest, MethodsAndRoutes) {
    const Answer server = ask("OPTIONS", "*");
    must(server, 204);
    EXPECT_EQ(server.header("allow"), "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
    must(ask("GET", "/nothing"), 404);
    must(ask("GET", "/v1/health"), 404);
    const Answer wrong = ask("PUT", "/v1/zones", "{}");
    must(wrong, 405);
    EXPECT_EQ(wrong.header("allow"), "GET, HEAD, OPTIONS, POST");
    const Answer options = ask("OPTIONS", "/v1/zones");
    must(options, 204);
    EXPECT_EQ(options.header("allow"), "GET, HEAD, OPTIONS, POST");
    const Answer head_only = ask("HEAD", "/v1/zones");
    must(head_only, 200);
    EXPECT_TRUE(head_only.body.empty());
    EXPECT_EQ(head_only.header("content-length"),
              std::to_string(ask("GET", "/v1/zones").body.size()));
}

TEST_F(ApiTest, BodiesAreBounded) {
    must(ask("POST", "/v1/zones", "{}", {{"content-type", "text/plain"}}), 415);
    must(ask("POST", "/v1/zones", "{}", {{"content-length", "4194305"}}), 413);
    must(ask("POST", "/v1/zones", "{}", {{"content-length", "99999999999999999999999"}}), 413);
    must(ask("POST", "/v1/zones", std::string(Front::kMaxJsonOctets + 1, ' ')), 413);
    const Answer syntax = ask("POST", "/v1/zones", "{\n\"name\": }");
    must(syntax, 400);
    EXPECT_NE(syntax.text("detail").find("line 2"), std::string::npos);
    must(ask("GET", "/v1/zones?x=%"), 400);
}

TEST_F(ApiTest, AClientThatLeavesIsNotAnswered) {
    fakes::FakeExchange exchange;
    const std::string body = R"({"name":"gone.example","ns":["ns.example.net."]})";
    {
        auto stream = front_.on_request(
            head("POST", "/v1/zones", {{"content-type", "application/json"}}), exchange);
        stream->on_body(base::as_octets(body));
        stream->on_end({});
        stream->on_cancel();
    }
    // The write was made all the same; its answer finds nobody. The next one comes after it.
    must(ask("POST", "/v1/zones", R"({"name":"next.example","ns":["ns.example.net."]})"), 201);
    EXPECT_FALSE(exchange.responded);
    must(ask("GET", "/v1/zones/gone.example"), 200);
}

TEST_F(ApiTest, ListenersOfferTheirParts) {
    Front narrow(context_, Expose{.api = false, .ui = false, .metrics = true, .health = true});
    const auto status = [&](const char* path) {
        fakes::FakeExchange exchange;
        auto stream = narrow.on_request(head("GET", path, {}), exchange);
        stream->on_end({});
        return exchange.head.status;
    };
    EXPECT_EQ(status("/healthz"), 200);
    EXPECT_EQ(status("/metrics"), 200);
    EXPECT_EQ(status("/v1/zones"), 404);
    EXPECT_EQ(status("/"), 404);
}

TEST_F(ApiTest, DiagnosticsAreThereWhereTheyAreSwitchedOn) {
    for (const char* path : {"/debug/blob", "/debug/ws"}) must(ask("GET", path), 404);
    must(ask("POST", "/debug/echo", "x"), 404);

    Front open(context_, Expose{.debug = true});
    token_.clear();  // nobody has to be anybody
    const auto exchange_with = [&](const char* method, const char* target,
                                   const std::vector<std::string>& body) {
        fakes::FakeExchange exchange;
        exchange.room = 1;  // never: the body has to wait for the client
        exchange.websocket_possible = false;
        auto stream =
            open.on_request(head(method, target, {{"content-type", "text/html"}}), exchange);
        for (const std::string& piece : body) {
            EXPECT_FALSE(exchange.paused);
            stream->on_body(base::as_octets(piece));
            EXPECT_TRUE(exchange.paused);
            stream->on_writable();
        }
        stream->on_end({});
        finish(exchange, *stream);
        const std::string path = std::string(target).substr(0, std::string(target).find('?'));
        EXPECT_EQ(fakes::contract_breach(method, path, exchange.head.status, exchange.head.headers,
                                         exchange.body),
                  "");
        EXPECT_FALSE(exchange.head.headers.get("x-request-id").value_or("").empty());
        return Answer{exchange.head.status, exchange.head.headers, exchange.body};
    };
    EXPECT_EQ(exchange_with("GET", "/debug/blob", {}).body, std::string(1024, 'x'));
    EXPECT_EQ(exchange_with("GET", "/debug/blob?bytes=0", {}).body, "");
    const Answer large = exchange_with("GET", "/debug/blob?bytes=300001", {});
    EXPECT_EQ(large.body, std::string(300001, 'x'));
    EXPECT_EQ(large.header("content-length"), "300001");
    for (const char* bad : {"?bytes=", "?bytes=-1", "?bytes=9x", "?bytes=1073741825"}) {
        must(exchange_with("GET", (std::string("/debug/blob") + bad).c_str(), {}), 422);
    }
    const Answer echo = exchange_with("POST", "/debug/echo", {"what ", "is ", "said"});
    must(echo, 200);
    EXPECT_EQ(echo.body, "what is said");
    EXPECT_EQ(echo.header("content-type"), "application/octet-stream");
    EXPECT_EQ(echo.header("x-content-type-options"), "nosniff");
    must(exchange_with("GET", "/debug/ws", {}), 400);

    fakes::FakeExchange exchange;
    auto socket = open.on_request(head("GET", "/debug/ws", {}), exchange);
    ASSERT_NE(exchange.websocket_listener, nullptr);
    exchange.websocket_listener->on_message(base::as_octets("again"), true);
    EXPECT_EQ(exchange.websocket.sent, std::vector<std::string>{"again"});
    exchange.websocket_listener->on_closed(1000, "");
}

TEST_F(ApiTest, ThePageIsServedWithItsPolicy) {
    const Answer page = ask("GET", "/");
    must(page, 200);
    EXPECT_NE(page.header("content-security-policy").find("script-src 'self'"), std::string::npos);
    EXPECT_EQ(page.header("x-content-type-options"), "nosniff");
    must(ask("GET", "/", "", {{"if-none-match", page.header("etag")}}), 304);
    EXPECT_EQ(ask("GET", "/page.js").header("content-type"), "text/javascript; charset=utf-8");
    must(ask("GET", "/v1/openapi.json"), 200);
}

TEST_F(ApiTest, TheFeedOverAWebSocket) {
    fakes::FakeExchange exchange;
    const ApiTest::Headers upgrade = {{"connection", "upgrade"},
                                      {"upgrade", "websocket"},
                                      {"sec-websocket-protocol", "meridian.v1.json"},
                                      {"origin", "http://127.0.0.1:8053"}};
    auto stream = front_.on_request(head("GET", "/v1/feed?topics=change", upgrade), exchange);
    ASSERT_NE(exchange.websocket_listener, nullptr);
    EXPECT_EQ(exchange.subprotocol, "meridian.v1.json");
    EXPECT_EQ(exchange.priority.urgency, net::HttpPriority::kLowest);
    stream.reset();  // the exchange is over; the WebSocket lives on
    EXPECT_EQ(feed_.subscribers(), 1U);
    make_zone();
    feed_.tick();
    ASSERT_EQ(exchange.websocket.sent.size(), 2U);
    const Json batch = *Json::parse(exchange.websocket.sent[1]);
    EXPECT_EQ(*batch.find("type")->as_string(), "batch");
    EXPECT_EQ(batch.find("dropped")->as_integer(), 0);
    EXPECT_EQ(*batch.find("events")->items().at(0).find("topic")->as_string(), "change");
    // Another subscription on the same WebSocket; then a mistake, which changes nothing.
    exchange.websocket_listener->on_message(
        base::as_octets(R"({"type":"subscribe","topics":["query"],"filter":{"qtype":"A"}})"), true);
    EXPECT_TRUE(house_.tap.active());
    exchange.websocket_listener->on_message(base::as_octets("{\"type\":\"x\"}"), true);
    exchange.websocket_listener->on_message(base::as_octets("nonsense"), true);
    EXPECT_NE(exchange.websocket.sent.back().find("\"error\""), std::string::npos);
    EXPECT_TRUE(house_.tap.active());
    exchange.websocket_listener->on_closed(1000, "");
    EXPECT_EQ(feed_.subscribers(), 0U);
    EXPECT_FALSE(house_.tap.active());
}

TEST_F(ApiTest, AForeignPageGetsNoWebSocket) {
    for (const char* origin :
         {"http://evil.example", "null", "http://127.0.0.1:8053.evil.example"}) {
        fakes::FakeExchange exchange;
        auto stream = front_.on_request(
            head("GET", "/v1/feed",
                 {{"connection", "upgrade"}, {"upgrade", "websocket"}, {"origin", origin}}),
            exchange);
        EXPECT_EQ(exchange.head.status, 403) << origin;
        EXPECT_EQ(exchange.websocket_listener, nullptr);
    }
}

// What a listener with TLS does for who came without, and for who came with it.
TEST_F(ApiTest, AListenerWithTlsServesOverTlsAlone) {
    Front secure(context_, Expose(), true);
    const auto answer = [&](net::RequestHead request) {
        fakes::FakeExchange exchange;
        auto stream = secure.on_request(std::move(request), exchange);
        stream->on_end({});
        finish(exchange, *stream);
        return exchange;
    };
    struct Case {
        const char *method, *target, *location;
    };
    for (const Case& each :
         {Case{"GET", "/v1/zones?limit=1", "https://127.0.0.1:8053/v1/zones?limit=1"},
          Case{"POST", "/v1/zones", "https://127.0.0.1:8053/v1/zones"},
          Case{"GET", "/nothing/here", "https://127.0.0.1:8053/nothing/here"},
          Case{"GET", "/healthz", "https://127.0.0.1:8053/healthz"},
          Case{"OPTIONS", "*", "https://127.0.0.1:8053/"}}) {
        const auto sent = answer(head(each.method, each.target, {}));
        EXPECT_EQ(sent.head.status, 308) << each.target;
        EXPECT_EQ(sent.head.headers.get("location"), each.location);
        EXPECT_EQ(sent.head.headers.get("connection"), "close");
        // Over plain HTTP it would be anybody's (RFC 6797, 7.2).
        EXPECT_FALSE(sent.head.headers.get("strict-transport-security"));
    }
    for (const char* place : {"", "a b", "evil.example/x", "user@evil.example"}) {
        auto request = head("GET", "/v1/zones", {});
        request.authority = place;
        EXPECT_EQ(answer(std::move(request)).head.status, 400) << place;
    }
    auto request = head("GET", "/v1/zones", {});
    request.peer.tls = true;
    const auto served = answer(request);
    EXPECT_EQ(served.head.status, 200);
    EXPECT_EQ(served.head.headers.get("strict-transport-security"), "max-age=31536000");
    request = head("GET", "/v1/feed", {{"accept", "text/event-stream"}});
    request.peer.tls = true;
    fakes::FakeExchange feed;
    auto events = secure.on_request(request, feed);
    EXPECT_EQ(feed.head.headers.get("strict-transport-security"), "max-age=31536000");
    request.headers.set("accept", "image/png");
    EXPECT_EQ(answer(request).head.headers.get("strict-transport-security"), "max-age=31536000");
}

// Our page over plain HTTP is anybody's between here and there.
TEST_F(ApiTest, APageWithoutTlsIsAnothersWhereThereIsTls) {
    for (const bool tls : {false, true}) {
        for (const bool https : {false, true}) {
            const std::string scheme = https ? "https" : "http";
            auto request = head("GET", "/v1/feed",
                                {{"connection", "upgrade"},
                                 {"upgrade", "websocket"},
                                 {"origin", scheme + "://127.0.0.1:8053"}});
            request.peer.tls = tls;
            fakes::FakeExchange exchange;
            auto stream = front_.on_request(request, exchange);
            EXPECT_EQ(exchange.websocket_listener != nullptr, https || !tls) << scheme << tls;
            if (exchange.websocket_listener != nullptr) {
                stream.reset();
                exchange.websocket_listener->on_closed(1000, "");
            }
        }
    }
}

TEST_F(ApiTest, TheFeedAsStreams) {
    fakes::FakeExchange sse;
    auto events = front_.on_request(
        head("GET", "/v1/feed", {{"accept", "text/event-stream"}, {"last-event-id", "old.7"}}),
        sse);
    fakes::FakeExchange ndjson;
    auto lines = front_.on_request(
        head("GET", "/v1/feed?topics=change", {{"accept", "application/x-ndjson"}}), ndjson);
    EXPECT_EQ(sse.head.headers.get("content-type"), "text/event-stream");
    EXPECT_EQ(ndjson.head.headers.get("content-type"), "application/x-ndjson");
    EXPECT_EQ(sse.priority.urgency, net::HttpPriority::kLowest);
    EXPECT_EQ(ndjson.priority.urgency, net::HttpPriority::kLowest);
    // Nothing is kept for those who come back; they are told.
    EXPECT_NE(sse.body.find("retry: "), std::string::npos);
    EXPECT_NE(sse.body.find("\"topic\":\"gap\",\"from\":\"old.7\""), std::string::npos);
    make_zone();
    feed_.tick();
    EXPECT_NE(sse.body.find("\nid: "), std::string::npos);
    EXPECT_NE(sse.body.find("\ndata: {"), std::string::npos);
    EXPECT_TRUE(sse.body.ends_with("\n\n"));
    EXPECT_TRUE(Json::parse(ndjson.body)) << ndjson.body;
    // A peer that is gone stops counting; a slow one is not written to.
    lines->on_cancel();
    lines.reset();
    EXPECT_EQ(feed_.subscribers(), 1U);
    sse.waiting = 10000000;
    const std::size_t before = sse.body.size();
    must(ask("DELETE", "/v1/zones/example.com"), 200);
    feed_.tick();
    EXPECT_EQ(sse.body.size(), before);
    feed_.end();
    EXPECT_TRUE(sse.finished);
    events.reset();
    EXPECT_EQ(feed_.subscribers(), 0U);
    must(ask("GET", "/v1/feed", "", {{"accept", "text/html"}}), 406);
    must(ask("GET", "/v1/feed?qtype=BOGUS"), 422);
}

// Tokens that only do less than those who make them; and what a write does not show.
class LessThanAllTest : public ApiTest {
  protected:
    std::string make(const std::string& document) {
        const Answer made = ask("POST", "/v1/tokens", document);
        EXPECT_EQ(made.status, 201) << made.body;
        return made.text("secret");
    }
};

TEST_F(LessThanAllTest, NoTokenOutlivesTheOneThatMadeIt) {
    const std::string all = R"("scopes":[{"verbs":["read","write"]}])";
    const std::string guest =
        make(R"({"name":"guest","expires":"2199-01-01T00:00:00Z",)" + all + "}");
    const std::string admin = std::exchange(token_, guest);
    const Answer same = ask("POST", "/v1/tokens", R"({"name":"same",)" + all + "}");
    must(same, 201);
    EXPECT_EQ(same.text("expires"), "2199-01-01T00:00:00.000000Z");
    const Answer less = ask("POST", "/v1/tokens",
                            R"({"name":"less","expires":"2198-01-01T00:00:00Z",)" + all + "}");
    must(less, 201);
    EXPECT_EQ(less.text("expires"), "2198-01-01T00:00:00Z");
    must(ask("POST", "/v1/tokens",
             R"({"name":"more","expires":"2199-01-01T00:00:01Z",)" + all + "}"),
         403);
    must(ask("PUT", "/v1/tokens/other", "{" + all + "}"), 201);
    EXPECT_NE(ask("GET", "/v1/tokens/other").text("expires"), "(absent)");
    // Not by another way either.
    must(ask("PATCH", "/v1/tokens/guest", R"({"expires":null})"), 403);
    must(ask("PUT", "/v1/tokens/guest", "{" + all + "}"), 403);
    must(ask("PATCH", "/v1/tokens/admin", R"({"comment":"mine"})"), 403);
    must(ask("PATCH", "/v1/tokens/guest", R"({"comment":"mine"})"), 200);
    // Who came by a session of it is no more than it.
    token_.clear();
    const Answer session = ask("POST", "/v1/session", R"({"token":")" + guest + "\"}");
    must(session, 201);
    const std::string cookie = session.header("set-cookie");
    must(
        ask("POST", "/v1/tokens", R"({"name":"more","expires":"2199-01-01T00:00:01Z",)" + all + "}",
            {{"cookie", cookie.substr(0, cookie.find(';'))},
             {"x-meridian-csrf", session.text("csrf")}}),
        403);
    token_ = admin;
    must(ask("POST", "/v1/tokens", R"({"name":"more",)" + all + "}"), 201);
}

TEST_F(LessThanAllTest, NoTokenIsGoodWhereTheOneThatMadeItIsNot) {
    const std::string all = R"("scopes":[{"verbs":["read","write"]}])";
    token_ = make(R"({"name":"office","from":["192.0.2.0/24","2001:db8::/32"],)" + all + "}");
    const Answer same = ask("POST", "/v1/tokens", R"({"name":"same",)" + all + "}");
    must(same, 201);
    EXPECT_EQ(same.text("from"), R"(["192.0.2.0/24","2001:db8::/32"])");
    must(ask("POST", "/v1/tokens",
             R"({"name":"desk","from":["192.0.2.7/32","2001:db8:1::/48"],)" + all + "}"),
         201);
    for (const char* from :
         {R"(["192.0.2.7/32","198.51.100.0/24"])", R"(["192.0.0.0/16"])", "[]", R"(["::/0"])"}) {
        must(ask("POST", "/v1/tokens",
                 R"({"name":"more","from":)" + std::string(from) + "," + all + "}"),
             403);
    }
    must(ask("PATCH", "/v1/tokens/office", R"({"from":null})"), 403);
}

TEST_F(LessThanAllTest, WhoOnlyWritesIsNotShownWhatIsThere) {
    make_zone();
    must(ask("PUT", "/v1/zones/example.com/rrsets/www/TXT",
             R"({"ttl":60,"records":["\"hidden\""]})"),
         201);
    must(ask("PUT", "/v1/pools/p", R"({"members":[{"id":"hidden","A":"192.0.2.1"}]})"), 201);
    must(ask("PATCH", "/v1/zones/example.com", R"({"comment":"hidden"})"), 200);
    const std::string add = R"([{"op":"add","name":"www","type":"TXT","records":["\"new\""]}])";
    const std::string admin = token_;
    const Answer told = ask("PATCH", "/v1/zones/example.com/rrsets?dry_run=true", add);
    must(told, 200);
    EXPECT_NE(told.body.find("hidden"), std::string::npos);  // to who may read

    token_ = make(R"({"name":"writer","scopes":[{"verbs":["write"]}]})");
    struct Row {
        const char* method;
        const char* url;
        std::string body;
    };
    for (const Row& row : {Row{"PATCH", "/v1/zones/example.com/rrsets?dry_run=true", add},
                           Row{"PUT", "/v1/zones/example.com/rrsets/www/TXT?dry_run=true",
                               R"({"ttl":60,"records":["\"new\""]})"},
                           Row{"DELETE", "/v1/zones/example.com/rrsets/www/TXT?dry_run=true", ""},
                           Row{"DELETE", "/v1/zones/example.com?dry_run=true", ""},
                           Row{"DELETE", "/v1/pools/p?dry_run=true", ""},
                           Row{"PATCH", "/v1/pools/p", R"({"min_up":0.5})"},
                           Row{"PATCH", "/v1/pools/p/members/hidden", R"({"status":"drain"})"},
                           Row{"PATCH", "/v1/zones/example.com", R"({"soa_edit":"epoch"})"},
                           Row{"PATCH", "/v1/zones/example.com/rrsets", add}}) {
        const Answer answer = ask(row.method, row.url, row.body);
        must(answer, 200);
        EXPECT_EQ(answer.body.find("hidden"), std::string::npos) << row.url << answer.body;
        EXPECT_EQ(answer.body.find("before"), std::string::npos) << row.url << answer.body;
    }
    // Of what may be read, and of the rest of one change set.
    token_ = admin;
    token_ = make(R"({"name":"both","scopes":[{"verbs":["write"],"zones":["example.com"]},)"
                  R"({"verbs":["read"],"zones":["example.com"],"names":["seen.example.com"]}]})");
    const Answer answer =
        ask("PATCH", "/v1/zones/example.com/rrsets?dry_run=true",
            R"([{"op":"add","name":"www","type":"TXT","records":["\"a\""]},)"
            R"({"op":"add","name":"seen","type":"TXT","ttl":5,"records":["\"b\""]}])");
    must(answer, 200);
    EXPECT_EQ(answer.body.find("hidden"), std::string::npos) << answer.body;
    EXPECT_NE(answer.body.find(R"(\"b\")"), std::string::npos) << answer.body;
}

TEST_F(LessThanAllTest, ARevertTakesNobodysTokenAway) {
    const Answer first = ask("POST", "/v1/changes/1/revert");
    must(first, 409);
    EXPECT_NE(first.text("detail").find("DELETE /v1/tokens/admin"), std::string::npos);
    must(ask("POST", "/v1/changes/1/revert?dry_run=true"), 409);
    const std::string admin = token_;
    token_ = make(R"({"name":"me","scopes":[{"verbs":["read","write"]}]})");
    const std::string revision = ask("GET", "/v1/tokens/me").header("etag").substr(1, 1);
    must(ask("POST", "/v1/changes/" + revision + "/revert"), 409);
    // Somebody else's goes, by whom may do everything.
    token_ = admin;
    must(ask("POST", "/v1/changes/" + revision + "/revert"), 200);
    must(ask("GET", "/v1/tokens/me"), 404);
    must(ask("DELETE", "/v1/tokens/admin"), 204);
}

}  // namespace
}  // namespace admin
