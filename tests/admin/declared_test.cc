// Documents for Git: members of pools, GET /v1/dump, and what apply makes of documents.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "admin/change_plan.h"
#include "admin/completion.h"
#include "admin/document_set.h"
#include "admin/document_writer.h"
#include "admin/yaml.h"
#include "tests/admin/api_fixture.h"

namespace admin {
namespace {

class DeclaredTest : public fakes::ApiTest {
  protected:
    void make_pool() {
        must(ask("PUT", "/v1/pools/fra",
                 R"({"members":[{"id":"a","A":"192.0.2.1"},{"id":"b","A":"192.0.2.2"}]})"),
             201);
    }
    // What the server has.
    DocumentSet dump() {
        const Answer answer = ask("GET", "/v1/dump");
        EXPECT_EQ(answer.status, 200) << answer.body;
        EXPECT_EQ(answer.header("content-type"), "application/x-ndjson");
        DocumentSet set;
        std::istringstream lines(answer.body);
        for (std::string line; std::getline(lines, line);) {
            const auto taken = set.add_line(line);
            EXPECT_TRUE(taken) << taken.error().message << ": " << line;
        }
        return set;
    }
    static DocumentSet read(const std::string& text, const std::string& file = "f.json") {
        DocumentSet set;
        Faults faults;
        set.add_file(*Json::parse(text), file, faults);
        EXPECT_TRUE(faults.none()) << faults.list.front().message;
        return set;
    }
    static ChangePlan plan_of(const DocumentSet& wanted, const DocumentSet& there,
                              bool prune = false) {
        auto plan = make_plan(wanted, there, prune);
        EXPECT_TRUE(plan) << plan.error().message;
        return plan ? std::move(*plan) : ChangePlan();
    }
    Answer post(const ChangePlan& plan) {
        Json changes = Json::array();
        for (const auto& part : plan.parts) {
            EXPECT_EQ(part.whole, nullptr);
            for (const Json& write : part.writes) changes.push(write);
        }
        return ask("POST", "/v1/changes", Json::object().set("changes", std::move(changes)).dump());
    }
    // Makes the server have what the documents say, in one change set.
    void apply(const std::string& text, bool prune = false) {
        const DocumentSet wanted = read(text);
        const DocumentSet there = dump();
        const ChangePlan plan = plan_of(wanted, there, prune);
        if (!plan.parts.empty()) must(post(plan), 200);
        const DocumentSet now = dump();
        EXPECT_TRUE(plan_of(wanted, now, prune).parts.empty()) << "it is not as declared";
    }
};

TEST_F(DeclaredTest, AMemberIsAResource) {
    make_pool();
    const std::string url = "/v1/pools/fra/members/b";
    Answer answer = ask("GET", url);
    must(answer, 200);
    EXPECT_EQ(answer.body, R"({"id":"b","A":"192.0.2.2"})");
    const std::string tag = answer.header("etag");
    EXPECT_EQ(tag, ask("GET", "/v1/pools/fra").header("etag"));
    must(ask("GET", url, "", {{"if-none-match", tag}}), 304);

    answer = ask("PATCH", url, R"({"status":"drain"})");
    must(answer, 200);
    EXPECT_EQ(answer.text("status"), "drain");
    EXPECT_NE(answer.header("etag"), tag);
    EXPECT_FALSE(answer.header("meridian-revision").empty());
    must(ask("PATCH", url, R"({"status":"up"})", {{"if-match", tag}}), 412);
    must(ask("PATCH", url, R"({"status":null})", {{"if-match", answer.header("etag")}}), 200);
    EXPECT_EQ(ask("GET", url).text("status"), "(absent)");

    answer = ask("PUT", "/v1/pools/fra/members/c", R"({"AAAA":"2001:db8::3","weight":7})");
    must(answer, 201);
    EXPECT_EQ(answer.header("location"), "/v1/pools/fra/members/c");
    EXPECT_EQ(answer.text("id"), "c");
    must(ask("PUT", "/v1/pools/fra/members/c", R"({"A":"192.0.2.3"})"), 200);
    EXPECT_EQ(ask("GET", "/v1/pools/fra/members/c").text("AAAA"), "(absent)");
    must(ask("PUT", "/v1/pools/fra/members/c", R"({"A":"192.0.2.4"})", {{"if-none-match", "*"}}),
         412);
    must(ask("PUT", "/v1/pools/fra/members/d", R"({"A":"192.0.2.4"})", {{"if-none-match", "*"}}),
         201);

    must(ask("DELETE", url, "", {{"if-match", tag}}), 412);
    must(ask("DELETE", url), 204);
    must(ask("GET", url), 404);
    EXPECT_EQ(ask("GET", "/v1/pools/fra").json().find("members")->items().size(), 3U);
}

TEST_F(DeclaredTest, AMemberThatCannotBeIsRefused) {
    make_pool();
    const std::string url = "/v1/pools/fra/members/";
    must(ask("GET", url + "z"), 404);
    must(ask("PATCH", url + "z", R"({"status":"up"})"), 404);
    must(ask("DELETE", url + "z"), 404);
    must(ask("DELETE", url + "z", "", {{"if-match", "*"}}), 412);
    must(ask("GET", "/v1/pools/lhr/members/a"), 404);
    must(ask("PUT", "/v1/pools/lhr/members/a", R"({"A":"192.0.2.4"})"), 404);
    must(ask("PUT", url + "b", "[]"), 422);
    must(ask("PUT", url + "b", R"({"id":"a","A":"192.0.2.4"})"), 422);
    must(ask("PUT", url + "b", "{"), 400);
    must(ask("PUT", url + "b", "{}", {{"if-match", "5"}}), 400);
    // Faults of the store are about the member that was sent.
    const Answer answer = ask("PATCH", url + "b", R"({"status":"asleep"})");
    must(answer, 422);
    EXPECT_NE(answer.body.find(R"("pointer":"/status")"), std::string::npos) << answer.body;
    const Answer tried = ask("DELETE", url + "b?dry_run=true");
    must(tried, 200);
    EXPECT_EQ(tried.text("changed"), "true");
    must(ask("GET", url + "b"), 200);
}

// Both have looked at the pool before either has written it.
TEST_F(DeclaredTest, WritesOfTwoMembersAtOnceAreBothMade) {
    make_pool();
    const Headers headers{{"content-type", "application/json"}};
    fakes::FakeExchange exchanges[2];
    std::unique_ptr<net::HttpStream> streams[2];
    const char* const urls[] = {"/v1/pools/fra/members/a", "/v1/pools/fra/members/b"};
    for (std::size_t i = 0; i < 2; ++i) {
        streams[i] = front_.on_request(head("PATCH", urls[i], headers), exchanges[i]);
        streams[i]->on_body(base::as_octets(std::string_view(R"({"status":"drain"})")));
        streams[i]->on_end({});
    }
    for (std::size_t i = 0; i < 2; ++i) {
        finish(exchanges[i], *streams[i]);
        EXPECT_EQ(exchanges[i].head.status, 200) << exchanges[i].body;
    }
    for (const char* url : urls) EXPECT_EQ(ask("GET", url).text("status"), "drain") << url;
    // With a condition it is the client who decides what is next.
    const std::string tag = ask("GET", urls[0]).header("etag");
    fakes::FakeExchange refused[2];
    for (std::size_t i = 0; i < 2; ++i) {
        Headers conditional = headers;
        conditional["if-match"] = tag;
        streams[i] = front_.on_request(head("PATCH", urls[i], conditional), refused[i]);
        streams[i]->on_body(base::as_octets(std::string_view(R"({"status":"up"})")));
        streams[i]->on_end({});
    }
    for (std::size_t i = 0; i < 2; ++i) finish(refused[i], *streams[i]);
    EXPECT_EQ(refused[0].head.status, 200);
    EXPECT_EQ(refused[1].head.status, 412);
}

TEST_F(DeclaredTest, ADumpHasEverythingButSecrets) {
    make_zone();
    make_pool();
    must(ask("PUT", "/v1/views/internal", "{}"), 201);
    must(ask("PUT", "/v1/networks/10.0.0.0%2F8", R"({"view":"internal"})"), 201);
    must(ask("PUT", "/v1/zones/example.com/rrsets/www/A",
             R"({"ttl":60,"records":[{"data":"192.0.2.1","weight":3},"192.0.2.2"],"count":2})"),
         201);
    must(ask("PUT", "/v1/zones/example.com/rrsets/www/A?view=internal",
             R"({"ttl":60,"records":["10.0.0.1"]})"),
         201);
    must(ask("PUT", "/v1/zones/example.com/rrsets/www/TXT?view=internal", R"({"hidden":true})"),
         201);
    must(ask("PUT", "/v1/zones/example.com/policies/geo/ADDRESS",
             R"({"rules":[{"id":"all","when":"any","pools":["fra"]}]})"),
         201);
    must(ask("POST", "/v1/zones", R"({"name":"own.test","ns":["ns1"],"view":"internal"})"), 201);
    must(ask("POST", "/v1/tokens", R"({"name":"secret-token","scopes":[{"verbs":["read"]}]})"),
         201);

    const Answer answer = ask("GET", "/v1/dump");
    EXPECT_EQ(answer.body.find("token"), std::string::npos);
    must(ask("GET", "/v1/dump", "", {{"if-none-match", answer.header("etag")}}), 304);
    must(ask("GET", "/v1/dump", "", {{"accept", "text/html"}}), 406);
    const DocumentSet set = dump();
    EXPECT_EQ(set.documents.at("views").count("internal"), 1U);
    EXPECT_EQ(set.documents.at("networks").count("10.0.0.0/8"), 1U);
    EXPECT_EQ(set.documents.at("pools").count("fra"), 1U);
    EXPECT_EQ(set.documents.at("monitors").size(), 0U);
    ASSERT_EQ(set.zones.size(), 2U);
    const auto& zone = set.zones.at(*dns::Name::parse("example.com"));
    EXPECT_EQ(zone.own.rrsets->size(), 3U);
    EXPECT_EQ(zone.own.policies->size(), 1U);
    EXPECT_EQ(zone.overlays->at("internal").rrsets->size(), 2U);
    EXPECT_EQ(set.zones.at(*dns::Name::parse("own.test")).view, "internal");
    EXPECT_EQ(set.zones.at(*dns::Name::parse("own.test")).own.rrsets->size(), 2U);
    // What is there is what is wanted.
    EXPECT_TRUE(plan_of(set, set, true).parts.empty());
}

constexpr char kDocuments[] = R"({
  "views": [{"name": "internal"}],
  "networks": [{"prefix": "10.0.0.0/8", "view": "internal"}],
  "pools": [{"id": "fra", "min_up": 1.0, "members": [{"id": "a", "A": "192.0.2.1"}]}],
  "zones": [
    {"name": "example.com", "comment": "ours",
     "rrsets": [
       {"name": "@", "type": "SOA", "ttl": 900, "records": ["ns1 hostmaster 77 7200 3600 1209600 300"]},
       {"name": "@", "type": "NS", "ttl": 900, "records": ["ns1", "ns2"]},
       {"name": "ns1", "type": "A", "ttl": 900, "records": ["192.0.2.53"]},
       {"name": "ns2", "type": "A", "ttl": 900, "records": ["192.0.2.54", "192.0.2.53"]}],
     "policies": [{"name": "www", "type": "ADDRESS", "rules": [{"id": "all", "when": "any", "pools": ["fra"]}]}],
     "overlays": [{"view": "internal", "rrsets": [{"name": "ns1", "type": "A", "ttl": 5, "records": ["10.0.0.53"]}]}]},
    {"name": "own.test", "view": "internal",
     "rrsets": [{"name": "@", "type": "NS", "ttl": 5, "records": ["ns1.example.com."]}]}]})";

TEST_F(DeclaredTest, DocumentsMakeAnEmptyServer) {
    apply(kDocuments);
    const Answer soa = ask("GET", "/v1/zones/example.com/rrsets/@/SOA");
    EXPECT_EQ(soa.text("ttl"), "900");
    EXPECT_NE(soa.body.find(" 77 7200 "), std::string::npos) << soa.body;
    EXPECT_EQ(ask("GET", "/v1/zones/example.com").text("comment"), "ours");
    EXPECT_EQ(ask("GET", "/v1/zones/own.test").text("view"), "internal");
    const DocumentSet now = dump();
    EXPECT_TRUE(plan_of(now, now, true).parts.empty());
}

TEST_F(DeclaredTest, OnlyWhatDiffersIsWritten) {
    apply(kDocuments);
    const DocumentSet there = dump();
    // The order of records and members, names that are relative and the serial are no difference.
    DocumentSet wanted = read(R"({
      "pools": [{"members": [{"A": "192.0.2.1", "id": "a"}], "min_up": 1, "id": "fra"}],
      "zones": [{"name": "example.com.", "rrsets": [
        {"name": "example.com.", "type": "SOA", "ttl": 900, "records": ["ns1.example.com. hostmaster 5 7200 3600 1209600 300"]},
        {"name": "example.com.", "type": "NS", "ttl": 900, "records": ["ns2", "ns1", "ns2"]},
        {"name": "NS1.example.com", "type": "A", "ttl": 900, "records": ["192.0.2.53"]},
        {"name": "ns2", "type": "A", "ttl": 900, "records": ["192.0.2.53", "192.0.2.54"]}]}]})");
    EXPECT_TRUE(plan_of(wanted, there).parts.empty());
    // A zone without rrsets says nothing of them; nothing is said of pools either.
    wanted = read(R"({"zones": [{"name": "example.com", "comment": "theirs"}]})");
    const ChangePlan plan = plan_of(wanted, there);
    ASSERT_EQ(plan.parts.size(), 1U);
    EXPECT_EQ(plan.changed, 1U);
    must(post(plan), 200);
    EXPECT_EQ(ask("GET", "/v1/zones/example.com").text("comment"), "theirs");
    must(ask("GET", "/v1/zones/example.com/rrsets/ns2/A"), 200);
    must(ask("GET", "/v1/pools/fra"), 200);
}

TEST_F(DeclaredTest, AListIsAllThereIs) {
    apply(kDocuments);
    apply(R"({"zones": [{"name": "example.com", "policies": [], "overlays": [], "rrsets": [
        {"name": "@", "type": "NS", "ttl": 900, "records": ["ns1"]},
        {"name": "ns1", "type": "A", "ttl": 901, "records": ["192.0.2.53"]}]}]})");
    must(ask("GET", "/v1/zones/example.com/rrsets/ns2/A"), 404);
    must(ask("GET", "/v1/zones/example.com/rrsets/ns1/A?view=internal"), 404);
    must(ask("GET", "/v1/zones/example.com/policies/www/ADDRESS"), 404);
    EXPECT_EQ(ask("GET", "/v1/zones/example.com/rrsets/ns1/A").text("ttl"), "901");
    must(ask("GET", "/v1/zones/example.com/rrsets/@/SOA"), 200);
    must(ask("GET", "/v1/zones/own.test"), 200);  // no prune
}

TEST_F(DeclaredTest, PruneTakesWhatIsNotNamed) {
    apply(kDocuments);
    // Of zones nothing is said.
    apply(R"({"monitors": []})", true);
    must(ask("GET", "/v1/zones/own.test"), 200);
    apply(R"({"zones": [], "pools": [], "networks": [], "views": []})", true);
    must(ask("GET", "/v1/zones/own.test"), 404);
    must(ask("GET", "/v1/zones/example.com"), 404);
    must(ask("GET", "/v1/pools/fra"), 404);
    must(ask("GET", "/v1/views/internal"), 404);
    const DocumentSet now = dump();
    EXPECT_TRUE(now.zones.empty());
}

// What somebody else changed since the server was read is neither lost nor mixed with.
TEST_F(DeclaredTest, WhatWasChangedMeanwhileIsNotOverwritten) {
    apply(kDocuments);
    const DocumentSet there = dump();
    const DocumentSet zone = read(R"({"zones": [{"name": "example.com", "comment": "mine"}]})");
    const DocumentSet pool = read(
        R"({"pools": [{"id": "fra", "members": [{"id": "x", "A": "192.0.2.9"}]}],
            "zones": [{"name": "new.test", "rrsets": [{"name": "@", "type": "NS", "ttl": 5, "records": ["ns"]}]}]})");
    const DocumentSet made = read(R"({"pools": [{"id": "lhr", "members": []}]})");
    const DocumentSet none = read(R"({"zones": []})");
    must(ask("PUT", "/v1/zones/example.com/rrsets/other/A", R"({"ttl":5,"records":["192.0.2.7"]})"),
         201);
    must(ask("PATCH", "/v1/pools/fra/members/a", R"({"status":"drain"})"), 200);
    must(ask("PUT", "/v1/pools/lhr", R"({"members":[{"id":"l","A":"192.0.2.8"}]})"), 201);
    must(post(plan_of(zone, there)), 412);
    must(post(plan_of(pool, there)), 412);
    must(post(plan_of(made, there)), 412);
    must(post(plan_of(none, there, true)), 412);
    EXPECT_EQ(ask("GET", "/v1/zones/example.com").text("comment"), "ours");
    EXPECT_EQ(ask("GET", "/v1/pools/fra/members/a").text("status"), "drain");
    must(ask("GET", "/v1/zones/new.test"), 404);  // all or nothing
    must(post(plan_of(zone, dump())), 200);
}

TEST_F(DeclaredTest, AZoneOfAnotherViewIsNotTouched) {
    apply(kDocuments);
    const DocumentSet wanted = read(R"({"zones": [{"name": "own.test"}]})", "own.json");
    const DocumentSet there = dump();
    const auto plan = make_plan(wanted, there, false);
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().message,
              "own.json: own.test. is a zone of another view on the server; delete it there first");
}

TEST(ChangePlanTest, WhatIsTooLargeOrSignedGoesAsAWhole) {
    DocumentSet wanted;
    Faults faults;
    Json rrsets = Json::array();
    const auto add = [&](const std::string& name, const char* type, const std::string& data) {
        Json rrset = Json::object();
        rrset.set("name", name).set("type", type).set("ttl", 60);
        rrsets.push(std::move(rrset.set("records", Json::array().push(data))));
    };
    add("@", "NS", "ns1");
    for (int i = 0; i < 60000; ++i) add("h" + std::to_string(i), "A", "192.0.2.1");
    Json zone = Json::object();
    zone.set("name", "large.test").set("rrsets", std::move(rrsets));
    wanted.add_file(Json::object().set("zones", Json::array().push(std::move(zone))), "f", faults);
    ASSERT_TRUE(faults.none());
    const DocumentSet there;
    const auto plan = make_plan(wanted, there, false);
    ASSERT_TRUE(plan);
    EXPECT_FALSE(plan->is_one());
    ASSERT_EQ(plan->parts.size(), 1U);
    ASSERT_NE(plan->parts[0].whole, nullptr);
    EXPECT_TRUE(plan->parts[0].writes.empty());
    const auto body = Json::parse(zone_body(plan->parts[0]));
    ASSERT_TRUE(body) << body.error().message;
    EXPECT_EQ(body->find("rrsets")->items().size(), 60001U);
}

TEST(DocumentSetTest, FaultsSayWhere) {
    struct Row {
        const char* text;
        const char* fault;
    };
    const Row rows[] = {
        {R"([])", "f: an object with lists of documents is wanted"},
        {R"({"tokens": []})", "f: /tokens: secrets are not kept in documents"},
        {R"({"keys": []})", "f: /keys: secrets are not kept in documents"},
        {R"({"pool": []})", "f: /pool: there are no such documents"},
        {R"({"pools": {}})", "f: /pools: a list is wanted"},
        {R"({"pools": [{"name": "x"}]})", "f: /pools/0/id: a string is wanted"},
        {R"({"pools": [{"id": "x"}, {"id": "x"}]})", "f: /pools/1: x stands in f already"},
        {R"({"zones": [{"name": "a"}, {"name": "A."}]})",
         "f: /zones/1: the zone A. stands in f already"},
        {R"({"zones": [{"name": "a", "ns": []}]})", "f: /zones/0/ns: there is no such member"},
        {R"({"zones": [{"name": "a", "rrsets": [{"name": "@", "type": "A", "ttl": 1, "records": ["x"]}]}]})",
         "f: /zones/0/rrsets/0/records/0: "},
        {R"({"zones": [{"name": "a", "rrsets": [{"name": "@", "type": "ANY", "ttl": 1, "records": []}]}]})",
         "f: /zones/0/rrsets/0/type: ANY is no type that a zone can hold"},
        {R"({"zones": [{"name": "a", "rrsets": [{"name": "w", "type": "TXT", "ttl": 1, "records": ["a"]},
             {"name": "W.a.", "type": "TXT", "ttl": 1, "records": ["b"]}]}]})",
         "f: /zones/0/rrsets/1: W.a. TXT stands here twice"},
        {R"({"zones": [{"name": "a", "overlays": [{"view": "v"}, {"view": "v"}]}]})",
         "f: /zones/0/overlays/1: the view v stands here twice"},
    };
    for (const Row& row : rows) {
        DocumentSet set;
        Faults faults;
        set.add_file(*Json::parse(row.text), "f", faults);
        ASSERT_FALSE(faults.none()) << row.text;
        EXPECT_TRUE(faults.list.front().message.starts_with(row.fault))
            << faults.list.front().message;
    }
    // One fault does not hide the next.
    DocumentSet set;
    Faults faults;
    set.add_file(*Json::parse(R"({"zones": [{"name": "a", "rrsets": [
        {"name": "@", "type": "A", "ttl": 1, "records": ["x"]},
        {"name": "w", "type": "A", "ttl": -1, "records": ["192.0.2.1"]}]}]})"),
                 "f", faults);
    EXPECT_EQ(faults.list.size(), 2U);
    EXPECT_FALSE(DocumentSet().add_line("{}"));
    EXPECT_FALSE(DocumentSet().add_line("nonsense"));
    EXPECT_FALSE(
        DocumentSet().add_line(R"({"kind":"rrsets","zone":"a.","revision":1,"document":{}})"));
}

TEST(DocumentWriterTest, WritesWhatAParserReads) {
    const Json value = *Json::parse(
        R"({"id":"x","list":[],"members":[{"id":"a","A":"192.0.2.1","comment":"as long as it must be to make the line too long"},{"id":"b"}]})");
    const std::string text = pretty_json(value);
    EXPECT_EQ(text,
              "{\n"
              "  \"id\": \"x\",\n"
              "  \"list\": [],\n"
              "  \"members\": [\n"
              "    {\"id\": \"a\", \"A\": \"192.0.2.1\", \"comment\": \"as long as it must be to "
              "make the line too long\"},\n"
              "    {\"id\": \"b\"}\n"
              "  ]\n"
              "}");
    EXPECT_EQ(Json::parse(text)->dump(), value.dump());
    EXPECT_EQ(pretty_json(*Json::parse(R"({"a":[1,{"b":null}]})")), R"({"a": [1, {"b": null}]})");

    std::ostringstream out;
    DocumentWriter writer(out);
    writer.open('{');
    writer.open('[', "none");
    writer.close();
    writer.open('[', "some");
    writer.value(*Json::parse(R"({"a":1})"));
    writer.value(*Json::parse(R"({"a":2})"));
    writer.close();
    writer.close();
    EXPECT_EQ(out.str(),
              "{\n  \"none\": [],\n  \"some\": [\n    {\"a\": 1},\n    {\"a\": 2}\n  ]\n}\n");
}

TEST(Yaml, StandsForJson) {
    struct Row {
        const char* yaml;
        const char* json;
    };
    const Row rows[] = {
        {"", "null"},
        {"a: 1\nb: [x, 'y', \"12\", 12, -3, +4]\n", R"({"a":1,"b":["x","y","12",12,-3,4]})"},
        {"- null\n- ~\n-\n- true\n- False\n- no\n- 1.5\n- .5\n- 1e3\n- 192.0.2.1\n- 0x10\n",
         R"([null,null,null,true,false,"no",1.5,0.5,1000.0,"192.0.2.1","0x10"])"},
        {"a: 99999999999999999999\n", R"({"a":1e+20})"},
        {"a: &x {b: 2}\nc: *x\n", R"({"a":{"b":2},"c":{"b":2}})"},
        {"t: |\n  one\n  two\n", R"({"t":"one\ntwo\n"})"},
        {R"({"json": ["is", {"yaml": null}]})", R"({"json":["is",{"yaml":null}]})"},
        {"12: x\n", R"({"12":"x"})"},
        {"a: \"\xff\"\n", "{\"a\":\"\xef\xbf\xbd\"}"},  // U+FFFD for what is no UTF-8
    };
    for (const Row& row : rows) {
        const auto parsed = parse_yaml(row.yaml);
        ASSERT_TRUE(parsed) << row.yaml << parsed.error().message;
        EXPECT_EQ(parsed->dump(), Json::parse(row.json)->dump()) << row.yaml;
    }
}

TEST(Yaml, FaultsSayWhere) {
    std::string deep;
    for (int i = 0; i < 100; ++i) deep += '[';
    for (int i = 0; i < 100; ++i) deep += ']';
    std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 12; ++i) {
        const std::string before = "*a" + std::to_string(i - 1);
        laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
        for (int each = 1; each < 10; ++each) laughs += ", " + before;
        laughs += "]\n";
    }
    const std::pair<std::string, std::string> rows[] = {
        {"a: 1\na: 2\n", "line 2, column 1: a is given twice"},
        {"a: [1\nb: 2\n", "line 2"},
        {"a: !!binary aGk=\n", "line 1, column 4: tags have no meaning here"},
        {"[a]: 1\n", "line 1, column 1: a key is text"},
        {"x: &x {a: 1}\ny:\n  <<: *x\n", "line 3, column 3: merge keys"},
        {"a: 1\n---\nb: 2\n", "several documents"},
        {"a: *nobody\n", "line 1"},
        {deep, "nested too deeply"},
        {laughs, "aliases make it too large"},
    };
    for (const auto& row : rows) {
        const auto parsed = parse_yaml(row.first, 10000);
        ASSERT_FALSE(parsed) << row.first;
        EXPECT_NE(parsed.error().message.find(row.second), std::string::npos)
            << row.first << ": " << parsed.error().message;
    }
}

TEST(Completion, OnlyKnownShellsHaveAScript) {
    CommandShape program;
    program.commands.push_back(
        {.name = "zone", .help = "it's zones", .options = {}, .arguments = {}, .commands = {}});
    EXPECT_NE(completion_script(program, "bash").find("commands=\"zone\""), std::string::npos);
    EXPECT_TRUE(completion_script(program, "zsh").starts_with("#compdef meridian\n"));
    EXPECT_NE(completion_script(program, "fish").find(R"(-a zone -d 'it\'s zones')"),
              std::string::npos);
    EXPECT_EQ(completion_script(program, "tcsh"), "");
}

}  // namespace
}  // namespace admin
