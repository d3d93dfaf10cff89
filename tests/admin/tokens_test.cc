// What tokens may do, how they are made, and who guesses them.
#include "admin/tokens.h"

#include <gtest/gtest.h>

#include <thread>
#include <utility>

#include "tests/admin/api_fixture.h"

namespace admin {
namespace {

using fakes::ApiTest;

class TokensTest : public ApiTest {
  protected:
    // Makes a token and gives its secret.
    std::string make(const std::string& token, const std::string& members) {
        const Answer made =
            ask("POST", "/v1/tokens", R"({"name":")" + token + "\"," + members + "}");
        EXPECT_EQ(made.status, 201) << made.body;
        return made.text("secret");
    }
    // As somebody else.
    Answer as(const std::string& secret, const std::string& method, const std::string& target,
              const std::string& body = "") {
        const std::string mine = std::exchange(token_, secret);
        Answer answer = ask(method, target, body);
        token_ = mine;
        return answer;
    }
    void make_zones() {
        for (const char* zone : {"a.example", "b.a.example", "c.example"}) {
            must(ask("POST", "/v1/zones",
                     std::string(R"({"name":")") + zone + R"(","ns":["ns.example.net."]})"),
                 201);
        }
    }
};

constexpr char kRecord[] = R"({"ttl":60,"records":["192.0.2.1"]})";
constexpr char kText[] = R"({"ttl":60,"records":["\"x\""]})";

TEST_F(TokensTest, LiveTheirLife) {
    const Answer made = ask("POST", "/v1/tokens",
                            R"({"name":"ci","scopes":[{"verbs":["read"]}],"comment":"builds"})");
    must(made, 201);
    EXPECT_EQ(made.header("location"), "/v1/tokens/ci");
    const std::string secret = made.text("secret");
    EXPECT_EQ(secret.size(), 64U);
    must(as(secret, "GET", "/v1/zones"), 200);
    must(as(secret, "POST", "/v1/zones", "{}"), 403);
    must(ask("POST", "/v1/tokens", R"({"name":"ci","scopes":[{"verbs":["read"]}]})"), 409);

    // Neither the secret nor its hash is ever shown again, in whatever listing.
    const std::string hash = base::to_hex(sha256(secret));
    for (const char* url : {"/v1/tokens", "/v1/tokens/ci", "/v1/changes", "/v1/changes/2"}) {
        const Answer answer = ask("GET", url);
        must(answer, 200);
        EXPECT_EQ(answer.body.find(secret), std::string::npos) << url;
        EXPECT_EQ(answer.body.find(hash), std::string::npos) << url;
    }

    const std::string tag = ask("GET", "/v1/tokens/ci").header("etag");
    const Answer patched =
        ask("PATCH", "/v1/tokens/ci", R"({"scopes":[{"verbs":["write"]}],"comment":null})",
            {{"if-match", tag}});
    must(patched, 200);
    EXPECT_EQ(patched.text("secret"), "(absent)");
    EXPECT_EQ(patched.text("comment"), "(absent)");
    must(as(secret, "GET", "/v1/zones"), 403);
    must(ask("PUT", "/v1/tokens/ci", R"({"scopes":[{"verbs":["read"]}]})", {{"if-match", tag}}),
         412);
    must(ask("PUT", "/v1/tokens/ci", R"({"scopes":[{"verbs":["read"]}]})"), 200);
    must(as(secret, "GET", "/v1/zones"), 200);  // the same secret all along
    must(ask("DELETE", "/v1/tokens/ci"), 204);
    must(as(secret, "GET", "/v1/zones"), 401);
    const Answer anew = ask("PUT", "/v1/tokens/ci", R"({"scopes":[{"verbs":["read"]}]})");
    must(anew, 201);
    EXPECT_NE(anew.text("secret"), secret);
    must(as(anew.text("secret"), "GET", "/v1/zones"), 200);
}

TEST_F(TokensTest, TheSecretIsNotKeptForRepetitions) {
    const std::string body = R"({"name":"once","scopes":[{"verbs":["read"]}]})";
    must(ask("POST", "/v1/tokens", body, {{"idempotency-key", "k"}}), 201);
    must(ask("POST", "/v1/tokens", body, {{"idempotency-key", "k"}}), 409);
}

TEST_F(TokensTest, FaultsAreToldAtOnce) {
    const Answer bad = ask("POST", "/v1/tokens",
                           R"({"name":"bad","scopes":[{"verbs":["rule"]}],"from":["10.0.0.1/8"],
                               "expires":"soon","privacy":"some","hash":"00","comment":1})");
    must(bad, 422);
    std::string pointers;
    const Json document = bad.json();
    for (const Json& error : document.find("errors")->items()) {
        pointers += *error.find("pointer")->as_string() + ' ';
    }
    for (const char* pointer :
         {"/scopes/0/verbs/0 ", "/from/0 ", "/expires ", "/privacy ", "/hash ", "/comment "}) {
        EXPECT_NE(pointers.find(pointer), std::string::npos) << pointer << "in " << pointers;
    }
    for (const char* taken : {"", "a b", "login-link", "server", "uid:0"}) {
        must(ask("POST", "/v1/tokens",
                 R"({"name":")" + std::string(taken) + R"(","scopes":[{"verbs":["read"]}]})"),
             422);
    }
    must(ask("POST", "/v1/tokens", R"({"name":"none"})"), 422);
    must(ask("GET", "/v1/tokens/bad"), 404);
    // Not by another road, where a hash could be given.
    must(ask("POST", "/v1/changes",
             R"({"changes":[{"method":"PUT","path":"/v1/tokens/x","body":{"scopes":[]}}]})"),
         422);
}

TEST_F(TokensTest, ZonesBoundThem) {
    make_zones();
    const std::string zone =
        make("zone", R"("scopes":[{"verbs":["read","write"],"zones":["a.example"]}])");
    const std::string below =
        make("below", R"("scopes":[{"verbs":["read","write"],"zones":["*.a.example."]}])");
    const auto listed = [&](const std::string& secret) {
        const Answer answer = as(secret, "GET", "/v1/zones");
        EXPECT_EQ(answer.status, 200);
        std::string names;
        const Json document = answer.json();
        for (const Json& one : document.find("items")->items()) {
            names += *one.find("name")->as_string() + ' ';
        }
        return names;
    };
    EXPECT_EQ(listed(zone), "a.example. ");
    EXPECT_EQ(listed(below), "b.a.example. ");

    must(as(zone, "PUT", "/v1/zones/a.example/rrsets/www/A", kRecord), 201);
    must(as(zone, "PUT", "/v1/zones/b.a.example/rrsets/www/A", kRecord), 403);
    must(as(zone, "GET", "/v1/zones/c.example"), 403);
    must(as(zone, "GET", "/v1/zones/nobody.example"), 403);  // tells nothing of what there is
    must(as(zone, "PATCH", "/v1/zones/a.example", R"({"comment":"mine"})"), 200);
    must(as(zone, "DELETE", "/v1/zones/c.example"), 403);
    must(as(zone, "POST", "/v1/zones", R"({"name":"d.example","ns":["ns.example.net."]})"), 403);
    must(as(below, "POST", "/v1/zones", R"({"name":"x.a.example","ns":["ns.example.net."]})"), 201);

    // What is about more than zones.
    for (const char* url : {"/v1/views", "/v1/tokens", "/v1/pools/x", "/v1/cache/a.example",
                            "/v1/changes", "/metrics", "/v1/feed"}) {
        must(as(zone, "GET", url), 403);
    }
    must(as(zone, "PUT", "/v1/views/v", "{}"), 403);
    must(as(zone, "POST", "/v1/backup", R"({"directory":"/tmp/x"})"), 403);
    must(as(zone, "POST", "/v1/changes/3/revert"), 403);
    must(as(zone, "GET", "/v1/server"), 200);
    must(as(zone, "GET", "/v1/changes?zone=a.example"), 200);
    must(as(zone, "GET", "/v1/changes?zone=c.example"), 403);
    must(as(zone, "GET", "/v1/changes?resource=/v1/zones/a.example/rrsets/www/A&zone=a.example"),
         200);
    for (const char* other : {"/v1/zones/c.example/rrsets/www/A", "/v1/pools/x"}) {
        must(as(zone, "GET", std::string("/v1/changes?zone=a.example&resource=") + other), 403);
    }

    // A change set is covered whole or not at all.
    const std::string one = R"({"method":"PUT","path":"/v1/zones/a.example/rrsets/n/A","body":)" +
                            std::string(kRecord) + "}";
    const std::string other = R"({"method":"PUT","path":"/v1/zones/c.example/rrsets/n/A","body":)" +
                              std::string(kRecord) + "}";
    const Answer mixed =
        as(zone, "POST", "/v1/changes", R"({"changes":[)" + one + "," + other + "]}");
    must(mixed, 403);
    EXPECT_EQ(*mixed.json().find("errors")->items().at(0).find("pointer")->as_string(),
              "/changes/1/body");
    must(ask("GET", "/v1/zones/a.example/rrsets/n/A"), 404);
    const Answer done = as(zone, "POST", "/v1/changes", R"({"changes":[)" + one + "]}");
    must(done, 200);
    must(as(zone, "GET", "/v1/changes/" + done.text("revision")), 200);
    must(as(below, "GET", "/v1/changes/" + done.text("revision")), 403);
}

TEST_F(TokensTest, NamesAndTypesBoundThem) {
    make_zones();
    must(ask("PUT", "/v1/zones/a.example/rrsets/www/A", kRecord), 201);
    const std::string acme = make("acme", R"("preset":"acme","scopes":[{"zones":["a.example."]}])");
    const Answer shown = ask("GET", "/v1/tokens/acme");
    EXPECT_EQ(shown.text("scopes"), R"([{"verbs":["read","write"],"zones":["a.example."],)"
                                    R"("names":["_acme-challenge.*"],"types":["TXT"]}])");
    // What was read can be written back.
    Json again = shown.json();
    must(ask("PUT", "/v1/tokens/acme", again.dump()), 200);
    must(ask("PATCH", "/v1/tokens/acme", R"({"scopes":[{"zones":["a.example."],"types":["A"]}]})"),
         422);
    must(ask("PATCH", "/v1/tokens/acme", R"({"preset":"other"})"), 422);

    const std::string base = "/v1/zones/a.example/rrsets";
    must(as(acme, "PUT", base + "/_acme-challenge/TXT", kText), 201);
    must(as(acme, "PUT", base + "/_acme-challenge.www/TXT", kText), 201);
    must(as(acme, "DELETE", base + "/_acme-challenge.www/TXT"), 200);
    must(as(acme, "PUT", base + "/_acme-challenge/CNAME", R"({"ttl":60,"records":["x.example."]})"),
         403);
    must(as(acme, "PUT", base + "/www/TXT", kText), 403);
    must(as(acme, "GET", base + "/www/A"), 403);
    must(as(acme, "DELETE", base + "/@/SOA"), 403);
    must(as(acme, "PUT", "/v1/zones/c.example/rrsets/_acme-challenge/TXT", kText), 403);
    must(as(acme, "PATCH", base,
            R"([{"op":"add","name":"_acme-challenge","type":"TXT","records":["\"y\""]}])"),
         200);
    must(as(acme, "PATCH", base,
            R"([{"op":"add","name":"_acme-challenge","type":"TXT","records":["\"z\""]},
                {"op":"delete","name":"www","type":"A"}])"),
         403);
    must(as(acme, "PATCH", "/v1/zones/a.example", R"({"comment":"x"})"), 403);
    must(as(acme, "DELETE", "/v1/zones/a.example"), 403);
    // It sees what it may see, and nothing beside it.
    const Answer list = as(acme, "GET", base);
    must(list, 200);
    EXPECT_EQ(list.json().find("items")->items().size(), 1U) << list.body;
    const std::string mine = std::exchange(token_, acme);
    must(ask("GET", "/v1/zones/a.example", "", {{"accept", "text/dns"}}), 403);
    token_ = mine;
    must(ask("GET", base + "/www/A"), 200);
}

TEST_F(TokensTest, TheyEndAndStayWhereTheyBelong) {
    const std::string old =
        make("old", R"("scopes":[{"verbs":["read"]}],"expires":"2026-01-05T12:00:00Z")");
    must(as(old, "GET", "/v1/zones"), 401);
    const std::string young =
        make("young", R"("scopes":[{"verbs":["read"]}],"expires":"2200-01-05T12:00:00+01:00")");
    must(as(young, "GET", "/v1/zones"), 200);
    const std::string here =
        make("here", R"("scopes":[{"verbs":["read"]}],"from":["192.0.2.0/24","2001:db8::/32"])");
    must(as(here, "GET", "/v1/zones"), 200);
    for (const char* elsewhere : {"198.51.100.1:1", "[2001:db9::1]:1"}) {
        const std::string before = std::exchange(remote_, elsewhere);
        must(as(here, "GET", "/v1/zones"), 401);
        remote_ = before;
    }
    for (const char* there : {"[2001:db8::1]:1", "[::ffff:192.0.2.9]:1"}) {
        const std::string before = std::exchange(remote_, there);
        must(as(here, "GET", "/v1/zones"), 200);
        remote_ = before;
    }
}

TEST_F(TokensTest, ACertificateStandsForAToken) {
    make("host", R"("scopes":[{"verbs":["read"]}],"subject":"CN=host.example")");
    const auto status = [&](const std::string& subject) {
        const std::string mine = std::exchange(token_, "");
        net::RequestHead request = head("GET", "/v1/zones", {});
        token_ = mine;
        request.peer.tls = true;
        request.peer.tls_subject = subject;
        fakes::FakeExchange exchange;
        auto stream = front_.on_request(std::move(request), exchange);
        stream->on_end({});
        return exchange.head.status;
    };
    EXPECT_EQ(status("CN=host.example"), 200);
    EXPECT_EQ(status("CN=host.example.org"), 401);
    EXPECT_EQ(status(""), 401);
}

// A browser shows its certificate, and its cookies, for whatever page is open.
TEST_F(TokensTest, NoOtherSiteActsByACertificateOrACookie) {
    house_.settings().cors_origins = {"*"};
    make("host", R"("scopes":[{"verbs":["read","write"]}],"subject":"CN=host.example")");
    const Answer opened = ask("POST", "/v1/session", R"({"token":")" + token_ + "\"}");
    const std::string set = opened.header("set-cookie");
    const std::string cookie = set.substr(0, set.find(';'));
    const std::string good = token_;
    const auto status = [&](const std::string& method, const std::string& target, Headers headers,
                            bool certificate) {
        net::RequestHead request = head(method, target, headers);
        if (certificate) request.peer.tls_subject = "CN=host.example";
        if (method == "CONNECT") request.protocol = "websocket";
        fakes::FakeExchange exchange;
        auto stream = front_.on_request(std::move(request), exchange);
        stream->on_end({});
        if (!exchange.responded && exchange.websocket_listener == nullptr) {
            finish(exchange, *stream);
        }
        if (exchange.websocket_listener == nullptr) return exchange.head.status;
        exchange.websocket_listener->on_closed(1000, "");
        return 101;
    };
    const auto from = [](const std::string& origin, Headers headers = {}) {
        headers["origin"] = origin;
        return headers;
    };
    const Headers upgrade = {{"connection", "upgrade"}, {"upgrade", "websocket"}};
    Headers with_cookie = upgrade;
    with_cookie["cookie"] = cookie;
    token_.clear();
    const std::string own = "https://127.0.0.1:8053";
    EXPECT_EQ(status("POST", "/v1/changes/99/revert", from("https://evil.example"), true), 403);
    EXPECT_EQ(status("POST", "/v1/changes/99/revert", from("null"), true), 403);
    EXPECT_EQ(status("POST", "/v1/changes/99/revert", from(own), true), 404);
    EXPECT_EQ(status("POST", "/v1/changes/99/revert", {}, true), 404);
    EXPECT_EQ(status("GET", "/v1/feed", from("https://evil.example", upgrade), true), 403);
    EXPECT_EQ(status("GET", "/v1/feed", from("https://evil.example", with_cookie), false), 403);
    EXPECT_EQ(status("GET", "/v1/feed", from(own, with_cookie), false), 101);
    // The same over HTTP/2 (RFC 8441): a browser cannot send the header of writes with it.
    const Headers just_cookie = {{"cookie", cookie}};
    EXPECT_EQ(status("CONNECT", "/v1/feed", from("https://evil.example"), true), 403);
    EXPECT_EQ(status("CONNECT", "/v1/feed", from("https://evil.example", just_cookie), false), 403);
    EXPECT_EQ(status("CONNECT", "/v1/feed", from(own, just_cookie), false), 101);
    EXPECT_EQ(status("CONNECT", "/v1/feed", from(own), false), 401);
    EXPECT_EQ(status("CONNECT", "/v1/zones", from(own, just_cookie), false), 405);
    token_ = good;  // as cors_origins says
    EXPECT_EQ(status("GET", "/v1/feed", from("https://evil.example", upgrade), false), 101);
}

TEST_F(TokensTest, NobodyMakesTokensForMoreThanTheyMay) {
    const std::string writer = make("writer", R"("scopes":[{"verbs":["write"]}])");
    const std::string half =
        make("half", R"("scopes":[{"verbs":["read","write"]}],"privacy":"hash")");
    const std::string spy = R"({"name":"spy","scopes":[{"verbs":["read"]}]})";
    must(as(writer, "POST", "/v1/tokens", spy), 403);
    must(as(writer, "PATCH", "/v1/tokens/writer", R"({"scopes":[{"verbs":["read","write"]}]})"),
         403);
    must(as(writer, "POST", "/v1/changes/2/revert"), 403);
    must(as(writer, "PUT", "/v1/views/v", "{}"), 201);
    must(as(half, "POST", "/v1/tokens", spy), 403);
    must(as(half, "PATCH", "/v1/tokens/half", R"({"privacy":"full"})"), 403);
    must(as(half, "PATCH", "/v1/tokens/half", R"({"privacy":null})"), 403);
    must(as(half, "PATCH", "/v1/tokens/half", R"({"comment":"x"})"), 200);
    must(as(half, "POST", "/v1/tokens",
            R"({"name":"less","privacy":"none","scopes":[{"verbs":["read"]}]})"),
         201);
    must(ask("GET", "/v1/tokens/spy"), 404);
}

TEST_F(TokensTest, NobodyUndoesWhatLimitsThem) {
    const std::string own = make("own", R"("scopes":[{"verbs":["read","write"]}])");
    const Answer limited =
        ask("PATCH", "/v1/tokens/own", R"({"privacy":"none","from":["192.0.2.0/24"]})");
    must(limited, 200);
    const std::string revert = "/v1/changes/" + limited.header("meridian-revision") + "/revert";
    remote_ = "192.0.2.9:40000";
    must(as(own, "POST", revert), 403);
    // Nor what was done to anybody else's, which they could not write either; but all else.
    remote_ = "127.0.0.1:40000";
    const Answer gone = ask("DELETE", "/v1/tokens/own");
    const std::string other =
        make("other", R"("scopes":[{"verbs":["read","write"]}],"privacy":"hash")");
    must(as(other, "POST", "/v1/changes/" + gone.header("meridian-revision") + "/revert"), 403);
    const Answer made = ask("PUT", "/v1/views/v", "{}");
    must(as(other, "POST", "/v1/changes/" + made.header("meridian-revision") + "/revert"), 200);
    must(ask("POST", "/v1/changes/" + gone.header("meridian-revision") + "/revert"), 200);
    must(ask("GET", "/v1/tokens/own"), 200);
}

TEST_F(TokensTest, ACursorTellsNothingOfOtherZones) {
    make_zones();
    const std::string one = make("one", R"("scopes":[{"verbs":["read"],"zones":["b.a.example"]}])");
    std::string url = "/v1/zones?limit=1";
    std::string said;
    std::size_t zones = 0;
    for (int pages = 0; url != "null" && pages < 10; ++pages) {
        const Answer page = as(one, "GET", url);
        must(page, 200);
        const Json document = page.json();
        zones += document.find("items")->items().size();
        url = page.text("next");
        said += url + page.header("link");
    }
    EXPECT_EQ(url, "null");
    EXPECT_EQ(zones, 1U);
    EXPECT_EQ(said.find("example"), std::string::npos) << said;
}

// As a later version may have written it, which means to let it do less.
TEST_F(TokensTest, WhatIsStoredAndNotUnderstoodGrantsNothing) {
    const auto store = [&](const std::string& id, const std::string& secret,
                           const std::string& member) {
        zones::ChangeSet changes;
        changes.author = "test";
        changes.operations.push_back(
            {zones::PutDocument{"tokens", id,
                                R"({"name":")" + id + R"(","hash":")" +
                                    base::to_hex(sha256(secret)) +
                                    R"(","scopes":[{"verbs":["read"]}])" + member + "}"},
             {}});
        ASSERT_TRUE(house_.store().commit(std::move(changes)));
    };
    store("plain", "secret-1", "");
    store("later", "secret-2", R"(,"hours":["8-17"])");
    store("damaged", "secret-3", R"(,"expires":5)");
    must(as("secret-1", "GET", "/v1/zones"), 200);
    must(as("secret-2", "GET", "/v1/zones"), 403);
    must(as("secret-3", "GET", "/v1/zones"), 403);
}

TEST_F(TokensTest, AnOpenFeedEndsWithItsToken) {
    const std::string secret = make("watcher", R"("scopes":[{"verbs":["read"]}])");
    const std::string good = std::exchange(token_, secret);
    fakes::FakeExchange exchange;
    auto stream = front_.on_request(
        head("GET", "/v1/feed?topics=change", {{"accept", "application/x-ndjson"}}), exchange);
    fakes::FakeExchange upgraded;
    auto socket = front_.on_request(head("GET", "/v1/feed?topics=change",
                                         {{"connection", "upgrade"}, {"upgrade", "websocket"}}),
                                    upgraded);
    token_ = good;
    const auto tick_for = [&](std::chrono::milliseconds time) {
        const base::MonoTime until = base::mono_now() + time;
        while (base::mono_now() < until && feed_.subscribers() > 0) {
            feed_.tick();
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    };
    tick_for(Feed::kGrantEvery + std::chrono::milliseconds(200));
    ASSERT_EQ(feed_.subscribers(), 2U);
    must(ask("DELETE", "/v1/tokens/watcher"), 204);
    tick_for(std::chrono::seconds(10));
    EXPECT_EQ(feed_.subscribers(), 0U);
    EXPECT_TRUE(exchange.finished);
    EXPECT_EQ(upgraded.websocket.close_code, 1008);
    // What still comes from there starts nothing.
    ASSERT_NE(upgraded.websocket_listener, nullptr);
    upgraded.websocket_listener->on_message(base::as_octets(R"({"type":"subscribe"})"), true);
    EXPECT_EQ(feed_.subscribers(), 0U);
    upgraded.websocket_listener->on_closed(1000, "");
}

TEST_F(TokensTest, ASessionEndsWithItsToken) {
    const std::string secret = make("browser", R"("scopes":[{"verbs":["read"]}])");
    const Answer opened = ask("POST", "/v1/session", R"({"token":")" + secret + "\"}");
    must(opened, 201);
    const std::string set = opened.header("set-cookie");
    const std::string cookie = set.substr(0, set.find(';'));
    const auto status = [&] {
        const std::string mine = std::exchange(token_, "");
        const Answer answer = ask("GET", "/v1/zones", "", {{"cookie", cookie}});
        token_ = mine;
        return answer.status;
    };
    EXPECT_EQ(status(), 200);
    must(ask("PATCH", "/v1/tokens/browser", R"({"scopes":[{"verbs":["metrics"]}]})"), 200);
    EXPECT_EQ(status(), 403);
    must(ask("DELETE", "/v1/tokens/browser"), 204);
    EXPECT_EQ(status(), 401);
    // Nor does a new token of that name bring it back.
    make("browser", R"("scopes":[{"verbs":["read"]}])");
    EXPECT_EQ(status(), 401);
}

TEST_F(TokensTest, WhoGuessesIsLockedOut) {
    const std::string good = token_;
    const std::string theirs = make("theirs", R"("scopes":[{"verbs":["read"]}])");
    remote_ = "198.51.100.9:1";
    must(as(theirs, "GET", "/v1/zones"), 200);
    for (unsigned i = 0; i < Guesses::kAllowed; ++i) {
        must(as("guess" + std::to_string(i), "GET", "/v1/zones"), 401);
    }
    const Answer locked = as("another", "GET", "/v1/zones");
    must(locked, 429);
    EXPECT_GT(std::stoi(locked.header("retry-after")), 0);
    EXPECT_LE(std::stoi(locked.header("retry-after")), Guesses::kLockOut.count());
    // The right one too: else it would still be told from wrong ones.
    must(as(good, "GET", "/v1/zones"), 429);
    must(ask("POST", "/v1/session", R"({"token":")" + good + "\"}"), 429);
    must(ask("GET", "/healthz"), 200);
    // But not who has been there before: he shares the address with the one who guesses.
    must(as(theirs, "GET", "/v1/zones"), 200);
    must(as(theirs, "DELETE", "/v1/tokens/theirs"), 403);
    // Nobody else suffers.
    remote_ = "198.51.100.10:1";
    must(as(good, "GET", "/v1/zones"), 200);
    EXPECT_NE(ask("GET", "/metrics").body.find("limit=\"token_guesses\"} 3"), std::string::npos);
}

TEST(Guesses, FadeAndAreForgotten) {
    Guesses guesses;
    const auto digest = [](unsigned i) { return sha256(std::to_string(i)); };
    base::MonoTime now{};
    const base::IpAddress one = *base::IpAddress::parse("2001:db8::1");
    // The same wrong token again and again is no guess.
    for (unsigned i = 0; i < 1000; ++i) guesses.wrong(one, digest(0), now);
    EXPECT_FALSE(guesses.locked(one, digest(9999), now));
    // Slowly for ever.
    for (unsigned i = 1; i < 1000; ++i) {
        guesses.wrong(one, digest(i), now);
        now += Guesses::kFade;
    }
    EXPECT_FALSE(guesses.locked(one, digest(9999), now));
    guesses.right(one, digest(5000), now);
    for (unsigned i = 1000; i < 1000 + Guesses::kAllowed; ++i) guesses.wrong(one, digest(i), now);
    const auto locked = [&](std::string_view source, unsigned token) {
        return guesses.locked(*base::IpAddress::parse(source), digest(token), now).has_value();
    };
    EXPECT_TRUE(locked("2001:db8::1", 9999));
    EXPECT_TRUE(locked("2001:db8::2", 9999));  // the same site
    EXPECT_FALSE(locked("2001:db8:0:1::1", 9999));
    EXPECT_FALSE(guesses.locked(one, digest(9999), now + Guesses::kLockOut));
    // A token that was right there stays good there, for a time.
    EXPECT_FALSE(locked("2001:db8::2", 5000));
    for (unsigned i = 0; i < Guesses::kMaxKnown; ++i) {
        guesses.right(one, digest(10000 + i), now + std::chrono::seconds(1));
    }
    EXPECT_TRUE(locked("2001:db8::1", 5000));  // others came, and memory is bounded
    EXPECT_FALSE(locked("2001:db8::1", 10000));
    Guesses old;
    old.right(one, digest(1), now - Guesses::kLately);
    for (unsigned i = 0; i < Guesses::kAllowed; ++i) old.wrong(one, digest(100 + i), now);
    EXPECT_TRUE(old.locked(one, digest(1), now));
    // Many sources: memory is bounded, and the oldest are forgotten.
    for (unsigned i = 0; i < Guesses::kMaxSources; ++i) {
        const std::uint8_t octets[4] = {10, 0, static_cast<std::uint8_t>(i >> 8),
                                        static_cast<std::uint8_t>(i)};
        guesses.wrong(base::IpAddress::v4(octets), digest(i), now + std::chrono::seconds(1));
    }
    EXPECT_FALSE(guesses.locked(one, digest(9999), now));
}

}  // namespace
}  // namespace admin
