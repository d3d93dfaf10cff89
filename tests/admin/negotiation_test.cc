// What every resource has in common: codings, media types, other sites' pages, refusals.
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "admin/coded_reply.h"
#include "net/content_coding.h"
#include "tests/admin/api_fixture.h"

namespace admin {
namespace {

using fakes::ApiTest;

class NegotiationTest : public ApiTest {
  protected:
    void make_large_zone() {
        std::string master =
            "$ORIGIN big.example.\n$TTL 300\n@ IN SOA ns1 h 7 2 3 4 5\n@ IN NS ns1\nns1 IN A "
            "192.0.2.53\n";
        for (int i = 0; i < 3000; ++i) master += "h" + std::to_string(i) + " IN A 192.0.2.1\n";
        must(ask("PUT", "/v1/zones/big.example", master, {{"content-type", "text/dns"}}), 201);
    }
};

TEST_F(NegotiationTest, LargeBodiesAreCompressed) {
    make_large_zone();
    const std::string url = "/v1/zones/big.example/rrsets?limit=1000";
    const Answer plain = ask("GET", url);
    must(plain, 200);
    EXPECT_EQ(plain.header("content-encoding"), "");
    EXPECT_NE(plain.header("vary").find("accept-encoding"), std::string::npos);
    struct Row {
        const char* accept;
        const char* coding;
        std::string magic;
    };
    for (const Row& row :
         {Row{"gzip", "gzip", "\x1f\x8b"}, Row{"zstd, gzip;q=0.5", "zstd", "\x28\xb5\x2f\xfd"},
          Row{"br", "br", ""}}) {
        const Answer coded = ask("GET", url, "", {{"accept-encoding", row.accept}});
        must(coded, 200);
        EXPECT_EQ(coded.header("content-encoding"), row.coding);
        EXPECT_TRUE(coded.body.starts_with(row.magic)) << row.coding;
        EXPECT_LT(coded.body.size() * 4, plain.body.size());
        EXPECT_EQ(coded.header("content-length"), std::to_string(coded.body.size()));
    }
    EXPECT_EQ(ask("GET", url, "", {{"accept-encoding", "gzip;q=0"}}).header("content-encoding"),
              "");
    // Streams too.
    const Answer master = ask("GET", "/v1/zones/big.example", "",
                              {{"accept", "text/dns"}, {"accept-encoding", "gzip"}});
    must(master, 200);
    EXPECT_EQ(master.header("content-encoding"), "gzip");
    EXPECT_EQ(master.header("content-length"), "");
    EXPECT_NE(master.header("vary").find("accept"), std::string::npos);
    // What is tiny is not worth it; what is secret is not mixed with what others wrote.
    EXPECT_EQ(ask("GET", "/v1/zones", "", {{"accept-encoding", "gzip"}}).header("content-encoding"),
              "");
}

// A client that asks for much and reads nothing must not make the server hold a compressor each.
TEST_F(NegotiationTest, CompressorsAreBounded) {
    const net::HeaderList request = head("GET", "/", {{"accept-encoding", "zstd"}}).headers;
    const auto pulled = [&] {
        Reply reply = Reply::json(200, "");
        reply.more = [] { return std::string("x"); };
        encode_reply(reply, request);
        return reply;
    };
    std::vector<Reply> held;
    for (std::size_t i = 0; i < kMaxCodedBodies; ++i) {
        held.push_back(pulled());
        EXPECT_EQ(held.back().headers.get("content-encoding"), "zstd");
    }
    EXPECT_FALSE(pulled().headers.get("content-encoding"));
    // A body that is there whole needs none that stays.
    Reply whole = Reply::json(200, std::string(50000, ' '));
    encode_reply(whole, request);
    EXPECT_EQ(whole.headers.get("content-encoding"), "zstd");
    EXPECT_FALSE(whole.more);
    EXPECT_LT(whole.body.size(), 1000U);
    held.pop_back();
    EXPECT_TRUE(pulled().headers.get("content-encoding"));
}

TEST_F(NegotiationTest, TagsTellCodingsApart) {
    const Answer plain = ask("GET", "/v1/openapi.json");
    const Answer coded = ask("GET", "/v1/openapi.json", "", {{"accept-encoding", "gzip"}});
    const std::string tag = plain.header("etag");
    const std::string coded_tag = coded.header("etag");
    EXPECT_EQ(coded_tag, tag.substr(0, tag.size() - 1) + "-gzip\"");
    // Whoever has it in any coding is spared the body, and told the tag of what it has.
    const Answer spared = ask("GET", "/v1/openapi.json", "",
                              {{"accept-encoding", "gzip"}, {"if-none-match", coded_tag}});
    must(spared, 304);
    EXPECT_EQ(spared.header("etag"), coded_tag);
    EXPECT_NE(spared.header("vary").find("accept-encoding"), std::string::npos);
    must(ask("GET", "/v1/openapi.json", "", {{"if-none-match", tag}}), 304);
    must(ask("GET", "/v1/openapi.json", "", {{"if-none-match", "\"other-gzip\""}}), 200);

    // A write takes the tag of any coding.
    std::string members;
    for (int i = 0; i < 60; ++i) {
        members += std::string(i == 0 ? "" : ",") + R"({"id":"m)" + std::to_string(i) +
                   R"(","A":"192.0.2.)" + std::to_string(i + 1) + R"("})";
    }
    const std::string pool = R"({"members":[)" + members + "]}";
    must(ask("PUT", "/v1/pools/large", pool), 201);
    const std::string in_zstd =
        ask("GET", "/v1/pools/large", "", {{"accept-encoding", "zstd"}}).header("etag");
    EXPECT_NE(in_zstd.find("-j-zstd\""), std::string::npos);
    must(ask("PUT", "/v1/pools/large", pool, {{"if-match", "\"1-j-zstd\""}}), 412);
    must(ask("PUT", "/v1/pools/large", pool, {{"if-match", in_zstd}}), 200);
}

TEST_F(NegotiationTest, WhatIsNotAcceptedIs406) {
    const Answer refused = ask("GET", "/v1/zones", "", {{"accept", "text/html"}});
    must(refused, 406);
    EXPECT_EQ(refused.header("content-type"), "application/problem+json");
    // Before anything is done.
    must(ask("POST", "/v1/zones", R"({"name":"a.example","ns":["ns.example.net."]})",
             {{"accept", "application/xml"}}),
         406);
    must(ask("GET", "/v1/zones/a.example"), 404);
    must(ask("GET", "/metrics", "", {{"accept", "image/png"}}), 406);
    must(ask("GET", "/metrics", "",
             {{"accept",
               "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}}),
         200);
    for (const char* fine : {"*/*", "application/*;q=0.1", "text/html, application/json;q=0.2"}) {
        must(ask("GET", "/v1/zones", "", {{"accept", fine}}), 200);
    }
    must(ask("GET", "/v1/zones", "", {{"accept", "application/json;q=0, */*"}}), 406);
    must(ask("GET", "/", "", {{"accept", "image/png"}}), 200);
}

TEST_F(NegotiationTest, NoPageOfAnotherSiteUnlessItIsNamed) {
    const ApiTest::Headers page = {{"origin", "https://panel.example"}};
    const Answer closed = ask("GET", "/v1/zones", "", page);
    must(closed, 200);
    EXPECT_EQ(closed.header("access-control-allow-origin"), "");

    house_.settings().cors_origins = {"https://panel.example"};
    const Answer open = ask("GET", "/v1/zones", "", page);
    EXPECT_EQ(open.header("access-control-allow-origin"), "https://panel.example");
    EXPECT_NE(open.header("access-control-expose-headers").find("etag"), std::string::npos);
    EXPECT_EQ(open.header("access-control-allow-credentials"), "");
    EXPECT_NE(open.header("vary").find("origin"), std::string::npos);
    // Errors are shown to it too, else it could not tell what went wrong.
    EXPECT_EQ(ask("GET", "/v1/zones/x.example", "", page).header("access-control-allow-origin"),
              "https://panel.example");
    for (const char* other : {"https://panel.example.org", "http://panel.example", "null",
                              "https://panel.example:444"}) {
        const Answer answer = ask("GET", "/v1/zones", "", {{"origin", other}});
        EXPECT_EQ(answer.header("access-control-allow-origin"), "") << other;
        EXPECT_NE(answer.header("vary").find("origin"), std::string::npos);
    }

    // The browser's question before a write: without a token, and answered without one.
    token_.clear();
    const Answer preflight = ask("OPTIONS", "/v1/zones/a.example", "",
                                 {{"origin", "https://panel.example"},
                                  {"access-control-request-method", "PUT"},
                                  {"access-control-request-headers", "authorization, if-match"}});
    must(preflight, 204);
    EXPECT_EQ(preflight.header("access-control-allow-origin"), "https://panel.example");
    EXPECT_EQ(preflight.header("access-control-allow-methods"), preflight.header("allow"));
    for (const char* field : {"authorization", "if-match", "idempotency-key", "content-type"}) {
        EXPECT_NE(preflight.header("access-control-allow-headers").find(field), std::string::npos);
    }
    EXPECT_EQ(ask("OPTIONS", "/v1/zones", "",
                  {{"origin", "https://evil.example"}, {"access-control-request-method", "PUT"}})
                  .header("access-control-allow-methods"),
              "");
}

TEST_F(NegotiationTest, RefusalsAreInTheAuditLog) {
    make_zone();
    const std::string good = std::exchange(token_, "wrong");
    must(ask("DELETE", "/v1/zones/example.com", "", {{"x-request-id", "try-1"}}), 401);
    token_ = good;
    must(ask("POST", "/v1/tokens", R"({"name":"reader","scopes":[{"verbs":["read"]}]})"), 201);
    const auto items = [&](const std::string& url) {
        const Answer answer = ask("GET", url);
        EXPECT_EQ(answer.status, 200) << answer.body;
        return answer.json();
    };
    // The entry is written beside what else goes on.
    Json log;
    for (int i = 0; i < 200; ++i) {
        log = items("/v1/audit");
        if (log.find("items")->items().size() >= 4) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    const auto& all = log.find("items")->items();
    ASSERT_EQ(all.size(), 4U) << log.dump();  // the admin token, the zone, the refusal, the token
    const auto text = [](const Json& item, const char* key) {
        const Json* member = item.find(key);
        return member == nullptr || member->as_string() == nullptr ? "" : *member->as_string();
    };
    EXPECT_EQ(text(all[0], "what"), "write");
    EXPECT_EQ(text(all[1], "what"), "refused");
    EXPECT_EQ(text(all[1], "method"), "DELETE");
    EXPECT_EQ(text(all[1], "path"), "/v1/zones/example.com");
    EXPECT_EQ(text(all[1], "from"), remote_);
    EXPECT_EQ(text(all[1], "request_id"), "try-1");
    EXPECT_EQ(all[1].find("status")->as_integer(), 401);
    EXPECT_EQ(all[1].dump().find("wrong"), std::string::npos);  // not what was tried
    EXPECT_EQ(text(all[2], "author"), "admin");

    // By pages, each entry once.
    std::size_t seen = 0;
    std::string url = "/v1/audit?limit=1";
    for (int i = 0; i < 20 && url != "null"; ++i) {
        const Answer page = ask("GET", url);
        must(page, 200);
        seen += page.json().find("items")->items().size();
        url = page.text("next");
    }
    EXPECT_EQ(url, "null");
    EXPECT_EQ(seen, 4U);
    must(ask("GET", "/v1/audit?cursor=x.y"), 410);
}

TEST(Audit, IsBoundedAndSurvivesWhatWasCutOff) {
    fakes::TemporaryDirectory directory;
    {
        Background background;
        Audit audit(directory.path, background);
        for (int i = 0; i < 5000; ++i) {
            Audit::Entry entry;
            entry.time = base::from_unix_us(1767614400000000);  // a clock that stands still
            entry.status = 401;
            entry.path = std::string(100000, 'x');
            audit.refused(std::move(entry));
        }
        EXPECT_EQ(audit.total(), 5000U);
        EXPECT_GT(audit.unwritten(), 3900U);
    }
    const auto newest = Audit::read(directory.path, 0, 10);
    ASSERT_TRUE(newest);
    ASSERT_EQ(newest->size(), 10U);
    for (std::size_t i = 1; i < 10; ++i) EXPECT_LT((*newest)[i].id, (*newest)[i - 1].id);
    EXPECT_LT((*newest)[0].json.size(), 1000U);
    const auto older = Audit::read(directory.path, newest->back().id, 100000);
    ASSERT_TRUE(older);
    EXPECT_GE(older->size(), 900U);
    EXPECT_LT(older->front().id, newest->back().id);
    // A crash in the middle of a line, and one that came together with another one.
    std::ofstream(directory.path + "/audit.log", std::ios::app)
        << "{\"id\":99999999999999998,\"ti{\"id\":3}\n{\"id\":99999999999999999,\"ti";
    const auto again = Audit::read(directory.path, 0, 1);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->at(0).id, newest->at(0).id);
    // It spoils no later line.
    {
        Background background;
        Audit audit(directory.path, background);
        Audit::Entry entry;
        entry.time = base::from_unix_us(1867614400000000);
        entry.status = 403;
        audit.refused(std::move(entry));
    }
    const auto later = Audit::read(directory.path, 0, 2);
    ASSERT_TRUE(later);
    EXPECT_EQ(later->at(0).id, 1867614400000000U);
    EXPECT_EQ(later->at(1).id, newest->at(0).id);
}

TEST(Audit, WaitsForASlowDiskInBoundedMemory) {
    fakes::TemporaryDirectory directory;
    Background background;
    std::promise<void> gate;
    const std::shared_future<void> open = gate.get_future().share();
    for (std::size_t i = 0; i < Background::kThreads; ++i) {
        background.run([open] { open.wait(); });
    }
    Audit audit(directory.path, background);
    const std::string wide(Audit::kMaxText, '\x01');  // six octets each in JSON
    for (int i = 0; i < 500; ++i) {
        audit.refused({.time = base::from_unix_us(1),
                       .status = 401,
                       .who = wide,
                       .from = {},
                       .method = wide,
                       .path = wide,
                       .request_id = {},
                       .detail = wide});
    }
    EXPECT_GT(audit.unwritten(), 300U);
    EXPECT_LT(audit.unwritten(), 400U);
    gate.set_value();
}

}  // namespace
}  // namespace admin
