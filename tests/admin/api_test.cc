// The resources, from request to store and back.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <sstream>

#include "tests/admin/api_fixture.h"

namespace admin {
namespace {

using fakes::ApiTest;

constexpr char kWww[] = "/v1/zones/example.com/rrsets/www/A";

TEST_F(ApiTest, ZonesLiveTheirLife) {
    const Answer created =
        ask("POST", "/v1/zones", R"({"name":"example.com","ns":["ns1"],"comment":"ours"})");
    must(created, 201);
    EXPECT_EQ(created.header("location"), "/v1/zones/example.com.");
    EXPECT_FALSE(created.header("meridian-revision").empty());
    EXPECT_EQ(created.text("ns"), R"(["ns1.example.com."])");
    must(ask("POST", "/v1/zones", R"({"name":"example.com.","ns":["ns1"]})"), 409);

    const Answer read = ask("GET", "/v1/zones/example.com");
    must(read, 200);
    EXPECT_EQ(read.header("etag"), created.header("etag"));
    EXPECT_EQ(read.header("cache-control"), "no-store");
    EXPECT_EQ(read.text("comment"), "ours");
    must(ask("GET", "/v1/zones/example.com", "", {{"if-none-match", read.header("etag")}}), 304);

    must(ask("PATCH", "/v1/zones/example.com", R"({"comment":"changed"})",
             {{"if-match", "\"99999-j\""}}),
         412);
    const Answer patched = ask("PATCH", "/v1/zones/example.com", R"({"comment":"changed"})",
                               {{"if-match", read.header("etag")}});
    must(patched, 200);
    EXPECT_EQ(patched.text("comment"), "changed");
    must(ask("PATCH", "/v1/zones/example.com", R"({"serial":5})"), 422);
    must(ask("PATCH", "/v1/zones/nobody.example", R"({"comment":"x"})"), 404);

    must(ask("DELETE", "/v1/zones/example.com"), 200);
    must(ask("GET", "/v1/zones/example.com"), 404);
    must(ask("DELETE", "/v1/zones/example.com"), 404);
}

TEST_F(ApiTest, ListingsArePagesOfOneRevision) {
    for (const char* name : {"a.example", "b.example", "c.example"}) {
        must(ask("POST", "/v1/zones",
                 std::string(R"({"name":")") + name + R"(","ns":["ns.example.net."]})"),
             201);
    }
    const Answer first = ask("GET", "/v1/zones?limit=2");
    must(first, 200);
    EXPECT_EQ(first.json().find("items")->items().size(), 2U);
    const std::string next = first.text("next");
    EXPECT_EQ(first.header("link"), "<" + next + ">; rel=\"next\"");
    // What is made between two pages belongs to another revision.
    must(ask("POST", "/v1/zones", R"({"name":"bb.example","ns":["ns.example.net."]})"), 201);
    const Answer second = ask("GET", next);
    must(second, 200);
    ASSERT_EQ(second.json().find("items")->items().size(), 1U);
    EXPECT_EQ(second.text("next"), "null");
    EXPECT_EQ(second.text("revision"), first.text("revision"));
    must(ask("GET", "/v1/zones?cursor=nobody.x"), 410);
    must(ask("GET", "/v1/zones?limit=0"), 422);
    must(ask("GET", "/v1/zones?limit=1001"), 422);
    EXPECT_EQ(ask("GET", "/v1/zones?search=bb").json().find("items")->items().size(), 1U);
}

TEST_F(ApiTest, RRsetsAreWrittenUnderConditions) {
    make_zone();
    must(ask("GET", kWww), 404);
    const Answer created =
        ask("PUT", kWww, R"({"ttl":60,"records":["192.0.2.1"]})", {{"if-none-match", "*"}});
    must(created, 201);
    EXPECT_EQ(created.header("location"), "/v1/zones/example.com./rrsets/www.example.com./A");
    EXPECT_NE(created.text("old_answer_until"), "(absent)");
    must(ask("PUT", kWww, R"({"ttl":60,"records":["192.0.2.9"]})", {{"if-none-match", "*"}}), 412);

    const Answer read = ask("GET", kWww);
    must(read, 200);
    EXPECT_EQ(read.body,
              R"({"name":"www.example.com.","type":"A","ttl":60,"records":["192.0.2.1"]})");
    const std::string tag = read.header("etag");
    EXPECT_EQ(tag, created.header("etag"));

    // Another RRset changes; this one's tag stays.
    must(
        ask("PUT", "/v1/zones/example.com/rrsets/other/A", R"({"ttl":60,"records":["192.0.2.1"]})"),
        201);
    EXPECT_EQ(ask("GET", kWww).header("etag"), tag);
    must(ask("PUT", kWww, R"({"ttl":60,"records":["192.0.2.2"]})", {{"if-match", tag}}), 200);
    must(ask("PUT", kWww, R"({"ttl":60,"records":["192.0.2.3"]})", {{"if-match", tag}}), 412);
    must(ask("DELETE", kWww, "", {{"if-match", tag}}), 412);
    const Answer deleted = ask("DELETE", kWww);
    must(deleted, 200);
    EXPECT_NE(deleted.text("old_answer_until"), "(absent)");
    must(ask("GET", kWww), 404);
}

TEST_F(ApiTest, FaultsAreListedWithPointers) {
    make_zone();
    const Answer bad = ask("PUT", kWww, R"({"ttl":60,"records":["x","192.0.2.1","y"]})");
    must(bad, 422);
    EXPECT_EQ(bad.header("content-type"), "application/problem+json");
    ASSERT_EQ(bad.json().find("errors")->items().size(), 2U);
    EXPECT_EQ(*bad.json().find("errors")->items()[1].find("pointer")->as_string(), "/records/2");
    must(ask("PUT", kWww, R"({"name":"other","ttl":60,"records":["192.0.2.1"]})"), 422);
    must(ask("PUT", kWww, R"({"type":"AAAA","ttl":60,"records":["192.0.2.1"]})"), 422);
    must(ask("PUT", "/v1/zones/example.com/rrsets/www/BOGUS", "{}"), 422);
    must(ask("PUT", "/v1/zones/example.com/rrsets/www.example.org./A",
             R"({"ttl":60,"records":["192.0.2.1"]})"),
         422);
    must(ask("PUT", "/v1/zones/example.com/rrsets/ns1/CNAME",
             R"({"ttl":60,"records":["example.org."]})"),
         201);
    must(ask("PUT", "/v1/zones/example.com/rrsets/ns1/A", R"({"ttl":60,"records":["192.0.2.1"]})"),
         422);
}

TEST_F(ApiTest, APatchIsOneChangeSet) {
    make_zone();
    const Answer done = ask("PATCH", "/v1/zones/example.com/rrsets",
                            R"([{"op":"put","name":"a","type":"A","ttl":60,"records":["192.0.2.1"]},
                               {"op":"add","name":"t","type":"TXT","ttl":30,"records":["\"x\""]},
                               {"op":"add","name":"t","type":"TXT","records":["\"y\""]},
                               {"op":"remove","name":"t","type":"TXT","records":["\"x\""]}])");
    must(done, 200);
    EXPECT_EQ(ask("GET", "/v1/zones/example.com/rrsets/t/TXT").text("records"), R"(["\"y\""])");
    const Answer change = ask("GET", "/v1/changes/" + done.text("revision"));
    must(change, 200);
    EXPECT_EQ(change.text("author"), "admin");

    // One bad operation, and nothing of the rest is there.
    const Answer bad = ask("PATCH", "/v1/zones/example.com/rrsets",
                           R"([{"op":"put","name":"b","type":"A","ttl":60,"records":["192.0.2.1"]},
               {"op":"put","name":"c","type":"A","ttl":60,"records":["bad"]},
               {"op":"paint","name":"c","type":"A"}])");
    must(bad, 422);
    EXPECT_EQ(*bad.json().find("errors")->items()[0].find("pointer")->as_string(), "/1/records/0");
    EXPECT_EQ(*bad.json().find("errors")->items()[1].find("pointer")->as_string(), "/2/op");
    must(ask("GET", "/v1/zones/example.com/rrsets/b/A"), 404);
    must(ask("PATCH", "/v1/zones/example.com/rrsets", "[]"), 422);
    must(ask("PATCH", "/v1/zones/example.com/rrsets", "{}"), 422);

    const std::string tag = ask("GET", "/v1/zones/example.com").header("etag");
    const std::string op = R"([{"op":"delete","name":"a","type":"A"}])";
    must(ask("PATCH", "/v1/zones/example.com/rrsets", op, {{"if-match", "\"1-j\""}}), 412);
    must(ask("PATCH", "/v1/zones/example.com/rrsets", op, {{"if-match", tag}}), 200);
}

TEST_F(ApiTest, RRsetListingsFilter) {
    make_zone();
    for (const char* name : {"a", "b", "c"}) {
        must(ask("PUT", std::string("/v1/zones/example.com/rrsets/") + name + "/A",
                 R"({"ttl":60,"records":["192.0.2.1"]})"),
             201);
    }
    must(ask("PUT", "/v1/zones/example.com/rrsets/b/TXT", R"({"ttl":60,"records":["\"x\""]})"),
         201);
    const auto count = [&](const std::string& query) {
        const Answer answer = ask("GET", "/v1/zones/example.com/rrsets" + query);
        EXPECT_EQ(answer.status, 200) << answer.body;
        return answer.json().find("items")->items().size();
    };
    EXPECT_EQ(count(""), 6U);  // SOA and NS too
    EXPECT_EQ(count("?name=b"), 2U);
    EXPECT_EQ(count("?name=b&type=TXT"), 1U);
    EXPECT_EQ(count("?type=A"), 3U);
    EXPECT_EQ(count("?name=nobody"), 0U);
    // Every page, one RRset each, gives them all once.
    std::set<std::string> seen;
    std::string url = "/v1/zones/example.com/rrsets?limit=1";
    for (int i = 0; i < 20 && url != "null"; ++i) {
        const Answer page = ask("GET", url);
        must(page, 200);
        const Json document = page.json();
        for (const Json& item : document.find("items")->items()) seen.insert(item.dump());
        url = page.text("next");
    }
    EXPECT_EQ(url, "null");
    EXPECT_EQ(seen.size(), 6U);
}

TEST_F(ApiTest, DryRunsWriteNothing) {
    make_zone();
    const std::string before = ask("GET", "/v1/server").text("revision");
    const Answer dry =
        ask("PUT", std::string(kWww) + "?dry_run=true", R"({"ttl":60,"records":["192.0.2.1"]})");
    must(dry, 200);
    EXPECT_EQ(dry.text("dry_run"), "true");
    must(ask("GET", kWww), 404);
    must(ask("DELETE", "/v1/zones/example.com?dry_run=true"), 200);
    must(ask("GET", "/v1/zones/example.com"), 200);
    EXPECT_EQ(ask("GET", "/v1/server").text("revision"), before);
}

constexpr char kMaster[] =
    "$ORIGIN big.example.\n$TTL 300\n@ IN SOA ns1 h 7 2 3 4 5\n@ IN NS ns1\nns1 IN A 192.0.2.53\n"
    "www IN A 192.0.2.1\n";

TEST_F(ApiTest, MasterFilesComeAndGo) {
    const ApiTest::Headers dns = {{"content-type", "text/dns"}};
    const Answer created = ask("PUT", "/v1/zones/big.example", kMaster, dns);
    must(created, 201);
    EXPECT_EQ(created.text("records"), "4");
    EXPECT_EQ(created.header("location"), "/v1/zones/big.example.");
    const Answer text = ask("GET", "/v1/zones/big.example", "", {{"accept", "text/dns"}});
    must(text, 200);
    EXPECT_EQ(text.header("content-type"), "text/dns");
    EXPECT_NE(text.body.find("www.big.example. 300 IN A 192.0.2.1\n"), std::string::npos);
    // What was exported can be imported.
    must(ask("PUT", "/v1/zones/big.example", text.body, dns), 200);
    must(ask("PUT", "/v1/zones/big.example", kMaster, {{"content-type", "text/plain"}}), 415);
    must(ask("GET", "/v1/zones/big.example", "", {{"accept", "image/png"}}), 406);
    must(ask("PUT", "/v1/zones/big.example", kMaster,
             {{"content-type", "text/dns"}, {"if-none-match", "*"}}),
         412);
}

TEST_F(ApiTest, AZoneThatIsReplacedMayBeRememberedForItsLongestTtl) {
    const ApiTest::Headers dns = {{"content-type", "text/dns"}};
    const auto in = [](int seconds) {
        return base::format_rfc3339(base::wall_now() + std::chrono::seconds(seconds));
    };
    const std::string old = std::string(kMaster) + "long 7200 IN A 192.0.2.2\n";
    const Answer created = ask("PUT", "/v1/zones/big.example", old, dns);
    must(created, 201);
    EXPECT_EQ(created.text("old_answer_until"), "(absent)");  // nobody was told anything
    const std::string from = in(7200);
    const Answer replaced = ask("PUT", "/v1/zones/big.example", kMaster, dns);
    must(replaced, 200);
    EXPECT_GE(replaced.text("old_answer_until"), from);
    EXPECT_LE(replaced.text("old_answer_until"), in(7200));
    // Now nothing is longer than 300 s, but in a view.
    must(ask("POST", "/v1/views", R"({"name":"inside"})"), 201);
    must(ask("PUT", "/v1/zones/big.example/rrsets/www/A?view=inside",
             R"({"ttl":5000,"records":["192.0.2.3"]})"),
         201);
    const std::string next = in(5000);
    const Answer overlay =
        ask("PUT", "/v1/zones/big.example?view=inside", "www 60 IN A 192.0.2.4\n", dns);
    must(overlay, 200);
    EXPECT_GE(overlay.text("old_answer_until"), next);
    EXPECT_LE(overlay.text("old_answer_until"), in(5000));
    const std::string last = in(300);
    const Answer again = ask("PUT", "/v1/zones/big.example", old, dns);
    must(again, 200);
    EXPECT_GE(again.text("old_answer_until"), last);
    EXPECT_LE(again.text("old_answer_until"), in(300));
    const Answer tried = ask("PUT", "/v1/zones/big.example?dry_run=true", kMaster, dns);
    EXPECT_EQ(tried.text("old_answer_until"), "(absent)");
}

TEST_F(ApiTest, AZoneThatIsDeletedMayBeRememberedForTheLongestTtlOfAll) {
    const ApiTest::Headers dns = {{"content-type", "text/dns"}};
    const auto in = [](int seconds) {
        return base::format_rfc3339(base::wall_now() + std::chrono::seconds(seconds));
    };
    struct Row {
        const char* url;  // of what has a longer TTL than the zone; null: nothing
        const char* body;
        int ttl;
    };
    const Row rows[] = {
        {nullptr, "", 300},
        {"/rrsets/long/A", R"({"ttl":7200,"records":["192.0.2.2"]})", 7200},
        {"/rrsets/www/A?view=inside", R"({"ttl":5000,"records":["192.0.2.3"]})", 5000},
        {"/policies/www/ADDRESS?view=inside",
         R"({"ttl":60,"ttl_degraded":4000,"rules":[{"id":"a","when":"any","pools":["p"]}]})", 4000},
    };
    must(ask("POST", "/v1/views", R"({"name":"inside"})"), 201);
    must(ask("PUT", "/v1/pools/p", R"({"members":[{"id":"m","A":"192.0.2.9"}]})"), 201);
    const std::string zone = "/v1/zones/big.example";
    for (const Row& row : rows) {
        must(ask("PUT", zone, kMaster, dns), 201);
        if (row.url != nullptr) must(ask("PUT", zone + row.url, row.body), 201);
        const Answer tried = ask("DELETE", zone + "?dry_run=true");
        must(tried, 200);
        EXPECT_EQ(tried.text("old_answer_until"), "(absent)");
        must(ask("DELETE", zone, "", {{"if-match", "\"1-j\""}}), 412);
        const std::string from = in(row.ttl);
        const Answer deleted = ask("DELETE", zone);
        must(deleted, 200);
        EXPECT_EQ(deleted.text("revision"), deleted.header("meridian-revision"));
        EXPECT_GE(deleted.text("old_answer_until"), from) << row.ttl;
        EXPECT_LE(deleted.text("old_answer_until"), in(row.ttl)) << row.ttl;
        must(ask("DELETE", zone), 404);
    }
}

// Its signatures were made elsewhere: only whole replacement keeps them true.
TEST_F(ApiTest, SignedZonesAreReplacedWhole) {
    const ApiTest::Headers dns = {{"content-type", "text/dns"}};
    const std::string master =
        std::string(kMaster) +
        "@ IN DNSKEY 257 3 13 AQPSKmynfzW4kyBv015MUG2DeIQ3\n"
        "@ IN RRSIG DNSKEY 13 2 300 20300101000000 20200101000000 1 big.example. AQPSKmyn\n";
    must(ask("PUT", "/v1/zones/big.example", kMaster, dns), 201);
    EXPECT_NE(ask("GET", "/v1/zones/big.example").body.find("\"signed\":null"), std::string::npos);
    must(ask("PUT", "/v1/zones/big.example", master, dns), 200);
    const Answer zone = ask("GET", "/v1/zones/big.example");
    EXPECT_EQ(zone.text("signed"), "elsewhere");
    EXPECT_EQ(zone.text("soa_edit"), "keep");
    EXPECT_EQ(zone.text("serial"), "7");
    const Answer refused =
        ask("PUT", "/v1/zones/big.example/rrsets/www/A", R"({"ttl":300,"records":["192.0.2.9"]})");
    must(refused, 422);
    EXPECT_NE(refused.body.find("was signed elsewhere"), std::string::npos) << refused.body;
    must(ask("PUT", "/v1/zones/big.example/policies/www/ADDRESS",
             R"({"ttl":60,"rules":[{"id":"a","when":"any","pools":["p"]}]})"),
         422);
    must(ask("PATCH", "/v1/zones/big.example", R"({"soa_edit":"date"})"), 422);
    must(ask("PATCH", "/v1/zones/big.example", R"({"comment":"signed by another"})"), 200);
    must(ask("DELETE", "/v1/zones/big.example"), 200);
}

TEST_F(ApiTest, FaultyMasterFilesChangeNothing) {
    std::string bad = std::string(kMaster) + "www IN A nonsense\nx IN CNAME y z\n";
    for (int i = 0; i < 30; ++i) bad += "n IN A 192.0.2.256\n";
    const Answer refused = ask("PUT", "/v1/zones/big.example", bad, {{"content-type", "text/dns"}});
    must(refused, 422);
    EXPECT_EQ(refused.json().find("errors")->items().size(), 20U);
    EXPECT_NE(refused.text("detail").find("32"), std::string::npos) << refused.body;
    EXPECT_NE(refused.body.find("zone:7: "), std::string::npos) << refused.body;
    must(ask("GET", "/v1/zones/big.example"), 404);
    // The server's files are not for clients to include.
    must(ask("PUT", "/v1/zones/big.example", std::string(kMaster) + "$INCLUDE /etc/passwd\n",
             {{"content-type", "text/dns"}}),
         422);
}

TEST_F(ApiTest, LargeExportsAreStreamed) {
    std::string master = kMaster;
    for (int i = 0; i < 5000; ++i) master += "h" + std::to_string(i) + " IN A 192.0.2.1\n";
    must(ask("PUT", "/v1/zones/big.example", master, {{"content-type", "text/dns"}}), 201);
    fakes::FakeExchange exchange;
    exchange.room = 2;  // every second write finds the connection full
    auto stream =
        front_.on_request(head("GET", "/v1/zones/big.example", {{"accept", "text/dns"}}), exchange);
    stream->on_end({});
    EXPECT_FALSE(exchange.finished);
    EXPECT_LE(exchange.writes, 2U);
    finish(exchange, *stream);
    EXPECT_EQ(std::count(exchange.body.begin(), exchange.body.end(), '\n'), 5005);
}

TEST_F(ApiTest, DocumentsHaveNames) {
    must(ask("POST", "/v1/views", R"({"name":"internal"})"), 201);
    must(ask("POST", "/v1/views", R"({"name":"internal"})"), 409);
    must(ask("POST", "/v1/views", R"({})"), 422);
    const Answer network = ask("PUT", "/v1/networks/10.0.0.0%2F8", R"({"view":"internal"})");
    must(network, 201);
    EXPECT_EQ(network.header("location"), "/v1/networks/10.0.0.0%2F8");
    EXPECT_EQ(ask("GET", "/v1/networks/10.0.0.0%2F8").text("view"), "internal");
    must(ask("PUT", "/v1/networks/10.0.0.0%2F8", R"({"prefix":"10.0.0.0/9","view":"internal"})"),
         422);
    must(ask("PUT", "/v1/networks/10.1.0.0%2F16", R"({"view":"nobody"})"), 422);
    EXPECT_EQ(ask("GET", "/v1/views").json().find("items")->items().size(), 1U);
    const std::string tag = ask("GET", "/v1/views/internal").header("etag");
    must(ask("DELETE", "/v1/networks/10.0.0.0%2F8", "", {{"if-match", "\"1-j\""}}), 412);
    must(ask("DELETE", "/v1/networks/10.0.0.0%2F8"), 204);
    must(ask("DELETE", "/v1/views/internal", "", {{"if-match", tag}}), 204);
    must(ask("GET", "/v1/views/internal"), 404);
}

TEST_F(ApiTest, DocumentsArePatched) {
    const char* url = "/v1/pools/fra";
    must(ask("PATCH", url, R"({"members":[]})"), 404);
    must(ask("PUT", url, R"({"members":[{"id":"m1","A":"192.0.2.10"}]})"), 201);
    const std::string tag = ask("GET", url).header("etag");
    const Answer patched =
        ask("PATCH", url, R"({"members":[{"id":"m2","A":"192.0.2.11"}]})",
            {{"if-match", tag}, {"content-type", "application/merge-patch+json"}});
    must(patched, 200);
    EXPECT_NE(patched.body.find("m2"), std::string::npos);
    EXPECT_EQ(patched.body.find("m1"), std::string::npos);
    must(ask("PATCH", url, R"({"members":[]})", {{"if-match", tag}}), 412);
    must(ask("PATCH", url, R"({"id":"other"})"), 422);
    must(ask("PATCH", url, R"([])"), 422);
    must(ask("PATCH", url, R"({"nonsense":1})"), 422);
}

TEST_F(ApiTest, OverlaysHideAndAdd) {
    make_zone();
    must(ask("PUT", "/v1/views/internal", "{}"), 201);
    must(ask("PUT", kWww, R"({"ttl":60,"records":["192.0.2.1"]})"), 201);
    const std::string inside = std::string(kWww) + "?view=internal";
    must(ask("GET", inside), 404);
    must(ask("PUT", inside, R"({"hidden":true})"), 201);
    EXPECT_EQ(ask("GET", inside).text("hidden"), "true");
    EXPECT_EQ(ask("GET", kWww).text("records"), R"(["192.0.2.1"])");
    must(ask("PUT", std::string(kWww) + "?view=nobody", R"({"hidden":true})"), 404);
}

TEST_F(ApiTest, PoliciesComeAndGo) {
    make_zone();
    must(ask("PUT", "/v1/pools/fra", R"({"members":[{"id":"m1","A":"192.0.2.10"}]})"), 201);
    const char* url = "/v1/zones/example.com/policies/geo/ADDRESS";
    must(ask("PUT", url, R"({"ttl":60,"rules":[]})"), 422);
    const Answer put =
        ask("PUT", url, R"({"ttl":60,"rules":[{"id":"rest","when":"any","pools":["fra"]}]})");
    must(put, 201);
    EXPECT_EQ(ask("GET", url).text("name"), "geo.example.com.");
    EXPECT_EQ(ask("GET", "/v1/zones/example.com/policies").json().find("items")->items().size(),
              1U);
    EXPECT_GE(ask("DELETE", "/v1/pools/fra").status, 400);  // in use
    must(ask("PUT", "/v1/zones/example.com/policies/geo/A", "{}"), 422);
    must(ask("DELETE", url), 200);
    must(ask("GET", url), 404);
}

TEST_F(ApiTest, TheJournalIsListedNewestFirst) {
    make_zone();
    must(ask("PUT", kWww, R"({"ttl":60,"records":["192.0.2.1"]})", {{"x-request-id", "my-id"}}),
         201);
    const Answer list = ask("GET", "/v1/changes?zone=example.com&limit=1");
    must(list, 200);
    const Json newest = list.json().find("items")->items().front();
    EXPECT_EQ(*newest.find("request_id")->as_string(), "my-id");
    EXPECT_NE(list.text("next"), "null");
    must(ask("GET", "/v1/changes/999999"), 404);
    must(ask("GET", "/v1/changes/x"), 422);
}

TEST_F(ApiTest, ServerHealthAndMetrics) {
    const Answer server = ask("GET", "/v1/server");
    must(server, 200);
    EXPECT_EQ(server.text("node"), "fra1");
    EXPECT_EQ(server.text("ready"), "true");
    EXPECT_EQ(server.text("workers"), "3");
    must(ask("GET", "/healthz"), 200);
    must(ask("GET", "/readyz"), 200);
    house_.reasons = {"no database"};
    const Answer not_ready = ask("GET", "/readyz");
    must(not_ready, 503);
    EXPECT_EQ(not_ready.body, "no database\n");

    house_.stats.queries[0][0][0][0].add(5);
    house_.stats.count({server::Rrl::Verdict::Drop, server::RrlKind::NXDomain});
    house_.stats.count({server::Rrl::Verdict::Truncate, server::RrlKind::All});
    house_.turns.counts[0] = 7;
    house_.turns.counts[9] = 2;
    house_.turns.longest = std::chrono::milliseconds(250);
    const Answer metrics = ask("GET", "/metrics");
    must(metrics, 200);
    for (const char* expected :
         {"meridian_dns_queries_total{role=\"auth\",transport=\"udp\",qtype=\"A\","
          "rcode=\"NOERROR\"} 5\n",
          "meridian_resolver_upstream_queries_total{outcome=\"sent\"} 3\n",
          "meridian_http_requests_total{method=\"GET\",route=\"/healthz\",code=\"200\"} 1\n",
          "meridian_revision ", "meridian_build_info{version=", "process_cpu_seconds_total ",
          "meridian_loop_turn_duration_seconds_bucket{le=\"5e-05\"} 7\n",
          "meridian_loop_turn_duration_seconds_bucket{le=\"0.1\"} 7\n",
          "meridian_loop_turn_duration_seconds_count 9\n",
          "meridian_loop_longest_turn_seconds 0.25\n", "process_open_fds ",
          "meridian_feed_subscribers 0\n", "meridian_rrl_dropped_total{kind=\"nxdomain\"} 1\n",
          "meridian_rrl_dropped_total{kind=\"all\"} 0\n",
          "meridian_rrl_truncated_total{kind=\"all\"} 1\n", "meridian_rrl_limited_prefixes 2\n",
          "meridian_dns_dropped_total{reason=\"rate_limited\"} 1\n",
          "meridian_limit_hits_total{limit=\"responses_per_second\"} 2\n",
          "meridian_store_commit_duration_seconds_bucket{le=\"+Inf\"} "}) {
        EXPECT_NE(metrics.body.find(expected), std::string::npos) << expected;
    }
    // Every sample belongs to a family that was announced, each once.
    std::set<std::string> families;
    std::istringstream lines(metrics.body);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("# TYPE ")) {
            EXPECT_TRUE(families.insert(line.substr(7, line.find(' ', 7) - 7)).second) << line;
        } else if (!line.starts_with('#')) {
            std::string name = line.substr(0, line.find_first_of("{ "));
            for (const char* suffix : {"_bucket", "_sum", "_count"}) {
                if (name.ends_with(suffix) && families.count(name) == 0) {
                    name.resize(name.size() - std::strlen(suffix));
                }
            }
            EXPECT_TRUE(families.count(name) == 1) << line;
        }
    }
}

TEST_F(ApiTest, TheCacheIsShownAndPurged) {
    must(ask("GET", "/v1/cache/www.example.org"), 404);
    const dns::Name name = *dns::Name::parse("www.example.org.");
    dns::RRset rrset(dns::RRType::A, 300);
    const std::uint8_t address[] = {192, 0, 2, 1};
    rrset.add(address);
    (void)house_.resolver_cache().put_rrset(0, name, rrset.view(), resolver::Rank::Authoritative,
                                            base::mono_now());
    const Answer shown = ask("GET", "/v1/cache/www.example.org");
    must(shown, 200);
    EXPECT_NE(shown.body.find("192.0.2.1"), std::string::npos);
    EXPECT_EQ(ask("DELETE", "/v1/cache/example.org?subtree=true").text("purged"), "1");
    must(ask("GET", "/v1/cache/www.example.org"), 404);
}

TEST(Cursors, KnowTheLastPagesOfAListing) {
    net::Loop loop;
    Cursors cursors(loop);
    const std::shared_ptr<zones::StoreReader> reader;
    const std::string first = cursors.keep("", reader, "a");
    const auto place = cursors.find(first);
    ASSERT_TRUE(place);
    EXPECT_EQ(place->position, "a");
    // Its pages may be asked for again, but not any number of them.
    const std::string second = cursors.keep(place->id, reader, "b");
    ASSERT_TRUE(cursors.find(first));
    EXPECT_EQ(cursors.find(second)->position, "b");
    for (std::size_t i = 0; i < Cursors::kMaxPlaces; ++i)
        (void)cursors.keep(place->id, reader, "c");
    EXPECT_FALSE(cursors.find(first));
    EXPECT_FALSE(cursors.find(place->id + ".99999"));
    EXPECT_FALSE(cursors.find(place->id + "."));
    EXPECT_FALSE(cursors.find(place->id));
}

TEST(Cursors, AReaderIsNotKeptLongerThanItIsPaged) {
    net::Loop loop;
    Cursors cursors(loop, std::chrono::milliseconds(20));
    const fakes::TemporaryDirectory directory;
    fakes::House house(directory.path);
    std::weak_ptr<zones::StoreReader> kept;
    {
        std::shared_ptr<zones::StoreReader> reader = house.store().read();
        kept = reader;
        (void)cursors.keep("", std::move(reader), "a");
    }
    EXPECT_FALSE(kept.expired());
    net::Timer watch(loop);
    const base::MonoTime deadline = base::mono_now() + std::chrono::seconds(20);
    watch.start_repeating(std::chrono::milliseconds(5), [&] {
        if (kept.expired() || base::mono_now() > deadline) loop.stop();
    });
    loop.run();
    EXPECT_TRUE(kept.expired());
}

}  // namespace
}  // namespace admin
