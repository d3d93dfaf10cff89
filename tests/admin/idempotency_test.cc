// Requests with an Idempotency-Key are done once, however often they are sent.
#include "admin/idempotency.h"

#include <gtest/gtest.h>

#include "tests/admin/api_fixture.h"

namespace admin {
namespace {

using fakes::ApiTest;

constexpr char kZone[] = R"({"name":"example.com","ns":["ns1.example.com."]})";
constexpr char kRRsets[] = "/v1/zones/example.com/rrsets";

class IdempotencyTest : public ApiTest {
  protected:
    zones::Revision revision() { return house_.store().read()->revision(); }
    static std::string add(const std::string& address) {
        return R"([{"op":"add","name":"www","type":"A","records":[")" + address + R"("]}])";
    }
};

TEST_F(IdempotencyTest, ARepetitionGetsTheSameAnswerAndDoesNothing) {
    const Headers key{{"idempotency-key", "\"a key, with a space\""}};
    const Answer first = ask("POST", "/v1/zones", kZone, key);
    must(first, 201);
    EXPECT_EQ(first.header("idempotency-replayed"), "");
    const zones::Revision made = revision();
    const Answer again = ask("POST", "/v1/zones", kZone, key);
    must(again, 201);
    EXPECT_EQ(again.header("idempotency-replayed"), "true");
    EXPECT_EQ(again.body, first.body);
    for (const char* name : {"location", "etag", "meridian-revision", "content-type"}) {
        EXPECT_EQ(again.header(name), first.header(name)) << name;
        EXPECT_FALSE(again.header(name).empty()) << name;
    }
    EXPECT_EQ(revision(), made);

    // Also when much has happened since: the zone is not made anew.
    must(ask("DELETE", "/v1/zones/example.com"), 200);
    must(ask("POST", "/v1/zones", kZone, key), 201);
    must(ask("GET", "/v1/zones/example.com"), 404);
}

TEST_F(IdempotencyTest, WhatChangedNothingIsRepeatedToo) {
    make_zone();
    must(ask("PATCH", kRRsets, add("192.0.2.1")), 200);
    const Headers key{{"idempotency-key", "k"}};
    const Answer first = ask("PATCH", kRRsets, add("192.0.2.1"), key);
    must(first, 200);
    EXPECT_EQ(first.text("changed"), "false");
    must(ask("DELETE", std::string(kRRsets) + "/www/A"), 200);
    const Answer again = ask("PATCH", kRRsets, add("192.0.2.1"), key);
    must(again, 200);
    EXPECT_EQ(again.body, first.body);
    must(ask("GET", std::string(kRRsets) + "/www/A"), 404);
}

TEST_F(IdempotencyTest, AnotherRequestWithTheKeyIsRefused) {
    make_zone();
    const Headers key{{"idempotency-key", "k"}};
    must(ask("PATCH", kRRsets, add("192.0.2.1"), key), 200);
    const Answer body = ask("PATCH", kRRsets, add("192.0.2.2"), key);
    must(body, 422);
    EXPECT_NE(body.text("detail").find("Idempotency-Key"), std::string::npos);
    must(ask("PATCH", std::string(kRRsets) + "?view=default", add("192.0.2.1"), key), 422);
    must(ask("PATCH", "/v1/zones/example.com", add("192.0.2.1"), key), 422);
    must(ask("PATCH", kRRsets, add("192.0.2.1"),
             {{"idempotency-key", "k"}, {"if-match", "\"1-j\""}}),
         422);
    // Nothing of it was done.
    EXPECT_EQ(ask("GET", std::string(kRRsets) + "/www/A").text("records"), R"(["192.0.2.1"])");
    // Another key, and another principal with this key, are other requests.
    must(ask("PATCH", kRRsets, add("192.0.2.2"), {{"idempotency-key", "l"}}), 200);
    const auto session = ask("POST", "/v1/session", R"({"token":")" + token_ + R"("})");
    EXPECT_EQ(session.header("idempotency-replayed"), "");
}

TEST_F(IdempotencyTest, FailuresAndTrialsAreDoneAnew) {
    const Headers key{{"idempotency-key", "k"}};
    must(ask("PATCH", kRRsets, add("192.0.2.1"), key), 404);
    make_zone();
    must(ask("PATCH", std::string(kRRsets) + "?dry_run=true", add("192.0.2.1"), key), 200);
    const Answer done = ask("PATCH", kRRsets, add("192.0.2.1"), key);
    must(done, 200);
    EXPECT_EQ(done.header("idempotency-replayed"), "");
    EXPECT_EQ(done.text("changed"), "true");
}

TEST_F(IdempotencyTest, WhileTheFirstIsInHandTheSecondWaits) {
    make_zone();
    const Headers key{
        {"idempotency-key", "k"}, {"content-type", "application/json"}, {"accept", "*/*"}};
    const std::string body = add("192.0.2.1");
    fakes::FakeExchange exchange;
    auto stream = front_.on_request(head("PATCH", kRRsets, key), exchange);
    stream->on_body(base::as_octets(body));
    stream->on_end({});
    ASSERT_FALSE(exchange.responded);  // the loop has not run
    const Answer second = ask("PATCH", kRRsets, body, key);
    must(second, 409);
    EXPECT_EQ(second.header("retry-after"), "1");
    finish(exchange, *stream);
    EXPECT_EQ(exchange.head.status, 200);
    const Answer third = ask("PATCH", kRRsets, body, key);
    must(third, 200);
    EXPECT_EQ(third.header("idempotency-replayed"), "true");
    EXPECT_EQ(third.body, exchange.body);
}

TEST_F(IdempotencyTest, AClientThatWentAwayFindsItsAnswer) {
    make_zone();
    const Headers key{{"idempotency-key", "k"}, {"content-type", "application/json"}};
    const std::string body = add("192.0.2.1");
    const zones::Revision before = revision();
    {
        fakes::FakeExchange exchange;
        auto stream = front_.on_request(head("PATCH", kRRsets, key), exchange);
        stream->on_body(base::as_octets(body));
        stream->on_end({});
        stream->on_cancel();
    }
    Answer again;
    for (int i = 0; i < 1000; ++i) {
        again = ask("PATCH", kRRsets, body, key);
        if (again.status != 409) break;
        net::Timer soon(loop_);
        soon.start(std::chrono::milliseconds(5), [this] { loop_.stop(); });
        loop_.run();
    }
    must(again, 200);
    EXPECT_EQ(again.header("idempotency-replayed"), "true");
    EXPECT_EQ(revision(), before + 1);
}

// A crash between a change and its answer: the key is known, and what was done.
TEST_F(IdempotencyTest, AnAnswerThatWasNeverMadeIsTheRevision) {
    make_zone();
    const Headers key{{"idempotency-key", "k"}};
    const std::string body = add("192.0.2.1");
    must(ask("PATCH", kRRsets, body, key), 200);
    // As the store would hold it then: the first of the two receipts.
    Endpoint endpoint;
    endpoint.method = "PATCH";
    endpoint.access = Access::Write;
    std::string id;
    std::string half;
    endpoint.handle = [](Context&, const Request& request, const Respond& respond) {
        Reply reply = Reply::json(500, "");
        reply.body = request.receipt->id + request.receipt->value;
        respond(std::move(reply));
    };
    Request request;
    request.head = head("PATCH", kRRsets, {{"idempotency-key", "other"}});
    request.principal = *tokens_.find(token_, request.head.peer);
    request.body = body;
    Idempotency().handle(context_, endpoint, request, [&](Reply reply) {
        id = reply.body.substr(0, 32);
        half = reply.body.substr(32);
    });
    ASSERT_FALSE(half.empty());
    zones::ChangeSet crashed;
    crashed.receipt = zones::Receipt{id, base::wall_now(), half};
    ASSERT_TRUE(house_.store().commit(std::move(crashed)));
    const Answer again = ask("PATCH", kRRsets, body, {{"idempotency-key", "other"}});
    must(again, 200);
    EXPECT_EQ(again.text("revision"), std::to_string(revision()));
    EXPECT_EQ(again.header("meridian-revision"), std::to_string(revision()));
    EXPECT_EQ(again.header("idempotency-replayed"), "true");
}

TEST_F(IdempotencyTest, ADayLaterTheKeyIsForgotten) {
    make_zone();
    Request request;
    request.head = head("PATCH", kRRsets, {{"idempotency-key", "find the id"}});
    request.principal = *tokens_.find(token_, request.head.peer);
    request.body = add("192.0.2.1");
    std::string id;
    Endpoint endpoint;
    endpoint.method = "PATCH";
    endpoint.access = Access::Write;
    endpoint.handle = [](Context&, const Request& handled, const Respond& respond) {
        respond(Reply::json(500, handled.receipt ? handled.receipt->id : "replayed"));
    };
    const auto handled = [&](std::chrono::hours age) {
        // What is kept under the key gets this age.
        zones::ChangeSet keep;
        const auto now = house_.store().receipt(id);
        if (!now || !*now) return std::string("none");
        keep.receipt = (*now)->receipt;
        keep.receipt->time = base::wall_now() - age;
        EXPECT_TRUE(house_.store().commit(std::move(keep)));
        int status = 0;
        Idempotency().handle(context_, endpoint, request,
                             [&](Reply reply) { status = reply.status; });
        return std::to_string(status);
    };
    Idempotency().handle(context_, endpoint, request, [&](Reply reply) { id = reply.body; });
    ASSERT_EQ(id.size(), 32U);
    must(ask("PATCH", kRRsets, add("192.0.2.1"), {{"idempotency-key", "find the id"}}), 200);
    EXPECT_EQ(handled(std::chrono::hours(23)), "200");
    EXPECT_EQ(handled(std::chrono::hours(25)), "500");  // it is handled anew
}

TEST_F(IdempotencyTest, KeysThatAreNoneAreRefused) {
    for (const std::string& key :
         {std::string(), std::string(256, 'k'), std::string("a\x7f"), std::string("\xc3\xa4")}) {
        must(ask("POST", "/v1/zones", kZone, {{"idempotency-key", key}}), 400);
    }
    must(ask("POST", "/v1/zones", kZone, {{"idempotency-key", std::string(255, 'k')}}), 201);
    // PUT and DELETE need none, and heed none.
    must(ask("DELETE", "/v1/zones/example.com", "", {{"idempotency-key", ""}}), 200);
}

TEST(Idempotency, CoversEveryWriteByPostAndPatchThatAnswersNoSecret) {
    for (const Endpoint& endpoint : endpoints()) {
        const bool makes_secret = (endpoint.method == "POST" && endpoint.pattern == "/v1/tokens") ||
                                  endpoint.pattern.starts_with("/v1/keys");
        const bool wanted = (endpoint.method == "POST" || endpoint.method == "PATCH") &&
                            endpoint.pattern != "/v1/session" && !makes_secret &&
                            endpoint.part != Part::Debug;
        EXPECT_EQ(Idempotency::covers(endpoint), wanted)
            << endpoint.method << ' ' << endpoint.pattern;
    }
}

}  // namespace
}  // namespace admin
