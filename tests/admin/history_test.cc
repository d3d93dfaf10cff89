// What was changed, and undoing it, over the API.
#include <gtest/gtest.h>

#include <thread>

#include "tests/admin/api_fixture.h"

namespace admin {
namespace {

using fakes::ApiTest;

constexpr char kWww[] = "/v1/zones/example.com/rrsets/www/A";

class HistoryTest : public ApiTest {
  protected:
    std::string put(const std::string& address, const std::string& path = kWww) {
        return ask("PUT", path, R"({"ttl":60,"records":[")" + address + R"("]})")
            .header("meridian-revision");
    }
    std::string address(const std::string& path = kWww) { return ask("GET", path).text("records"); }
};

TEST_F(HistoryTest, AChangeIsReverted) {
    make_zone();
    put("192.0.2.1");
    const std::string second = put("192.0.2.2");
    const Answer dry = ask("POST", "/v1/changes/" + second + "/revert?dry_run=true");
    must(dry, 200);
    const Json told = dry.json();
    ASSERT_NE(told.find("operations"), nullptr);
    bool seen = false;
    for (const Json& operation : told.find("operations")->items()) {
        if (*operation.find("name")->as_string() != "www.example.com.") continue;
        seen = true;
        EXPECT_EQ(operation.find("before")->find("records")->dump(), R"(["192.0.2.2"])");
        EXPECT_EQ(operation.find("after")->find("records")->dump(), R"(["192.0.2.1"])");
    }
    EXPECT_TRUE(seen);
    EXPECT_EQ(address(), R"(["192.0.2.2"])");

    const Answer done = ask("POST", "/v1/changes/" + second + "/revert", "{}");
    must(done, 200);
    EXPECT_EQ(address(), R"(["192.0.2.1"])");
    EXPECT_EQ(done.text("changed"), "true");
    EXPECT_EQ(done.text("zones"), R"(["example.com."])");
    EXPECT_NE(done.text("old_answer_until"), "(absent)");
    EXPECT_EQ(done.header("location"), "/v1/changes/" + done.header("meridian-revision"));
    EXPECT_EQ(ask("GET", done.header("location")).text("message"), "revert of revision " + second);

    // Undoing the undoing.
    must(ask("POST", done.header("location") + "/revert"), 200);
    EXPECT_EQ(address(), R"(["192.0.2.2"])");
}

TEST_F(HistoryTest, ConflictsAreListedWithPointers) {
    make_zone();
    const Answer both = ask("PATCH", "/v1/zones/example.com/rrsets",
                            R"([{"op":"put","name":"a","type":"A","ttl":60,"records":["192.0.2.1"]},
                               {"op":"put","name":"b","type":"A","ttl":60,"records":["192.0.2.1"]},
                               {"op":"put","name":"c","type":"A","ttl":60,"records":["192.0.2.1"]}])");
    must(both, 200);
    put("192.0.2.9", "/v1/zones/example.com/rrsets/a/A");
    must(ask("DELETE", "/v1/zones/example.com/rrsets/c/A"), 200);
    const Answer refused = ask("POST", "/v1/changes/" + both.text("revision") + "/revert");
    must(refused, 409);
    EXPECT_EQ(refused.header("content-type"), "application/problem+json");
    const Json document = refused.json();
    const Json* errors = document.find("errors");
    ASSERT_NE(errors, nullptr);
    ASSERT_EQ(errors->items().size(), 2U) << refused.body;
    // Each pointer leads to the operation that is in the way.
    const Json change = ask("GET", "/v1/changes/" + both.text("revision")).json();
    std::string found;
    for (const Json& error : errors->items()) {
        const std::string pointer = *error.find("pointer")->as_string();
        ASSERT_TRUE(pointer.starts_with("/operations/")) << pointer;
        const std::size_t index = std::stoul(pointer.substr(12));
        ASSERT_LT(index, change.find("operations")->items().size());
        found += *change.find("operations")->items()[index].find("name")->as_string() + ' ';
    }
    EXPECT_EQ(found, "c.example.com. a.example.com. ");
    must(ask("GET", "/v1/zones/example.com/rrsets/b/A"), 200);
}

TEST_F(HistoryTest, AZoneGoesBackToARevision) {
    make_zone();
    const std::string first = put("192.0.2.1");
    put("192.0.2.2");
    const std::string tag = ask("GET", "/v1/zones/example.com").header("etag");
    must(ask("DELETE", "/v1/zones/example.com"), 200);
    const std::string body = "{\"to\":" + first + "}";
    // Back from deletion. A condition on a zone that is gone cannot hold.
    must(ask("POST", "/v1/zones/example.com/revert", body, {{"if-match", tag}}), 412);
    must(ask("POST", "/v1/zones/example.com/revert?dry_run=true", body), 200);
    must(ask("GET", "/v1/zones/example.com"), 404);
    must(ask("POST", "/v1/zones/example.com/revert", body), 200);
    EXPECT_EQ(address(), R"(["192.0.2.1"])");
    EXPECT_NE(ask("GET", "/v1/zones/example.com").header("etag"), tag);
}

TEST_F(HistoryTest, ZonesAreCompared) {
    make_zone();
    const std::string first = put("192.0.2.1");
    put("192.0.2.1", "/v1/zones/example.com/rrsets/b/A");
    const std::string last = put("192.0.2.2");
    const std::string url = "/v1/zones/example.com/diff?from=" + first;
    const Answer all = ask("GET", url);
    must(all, 200);
    const Json document = all.json();
    const auto& items = document.find("items")->items();
    ASSERT_EQ(items.size(), 3U) << all.body;  // with the SOA
    EXPECT_EQ(
        items[2].dump(),
        R"({"name":"www.example.com.","type":"A","before":{"ttl":60,"records":["192.0.2.1"]},)"
        R"("after":{"ttl":60,"records":["192.0.2.2"]}})");
    EXPECT_TRUE(items[1].find("before")->is_null());
    // The same in pages, and the other way round.
    std::string paged;
    for (std::string next = url + "&limit=1&to=" + last; next != "null";) {
        const Answer page = ask("GET", next);
        must(page, 200);
        const Json one = page.json();
        for (const Json& item : one.find("items")->items()) paged += item.dump();
        next = page.text("next");
    }
    EXPECT_EQ(paged, items[0].dump() + items[1].dump() + items[2].dump());
    const Answer back = ask("GET", "/v1/zones/example.com/diff?from=" + last + "&to=" + first);
    must(back, 200);
    EXPECT_EQ(back.json().find("items")->items()[2].find("after")->find("records")->dump(),
              R"(["192.0.2.1"])");

    must(ask("GET", "/v1/zones/example.com/diff"), 422);
    must(ask("GET", "/v1/zones/example.com/diff?from=x"), 422);
    must(ask("GET", "/v1/zones/example.com/diff?from=99999"), 404);
    must(ask("GET", "/v1/zones/nobody.example/diff?from=1"), 404);
    must(ask("GET", url + "&cursor=bogus.1"), 410);
}

TEST_F(HistoryTest, ListingsFilter) {
    make_zone();
    const std::string first = put("192.0.2.1");
    must(ask("PUT", "/v1/pools/fra", R"({"members":[{"id":"m1","A":"192.0.2.10"}]})"), 201);
    put("192.0.2.2");
    const auto count = [this](const std::string& filter) {
        const Answer list = ask("GET", "/v1/changes?" + filter);
        EXPECT_EQ(list.status, 200) << filter << list.body;
        if (list.status != 200) return std::size_t{0};
        return list.json().find("items")->items().size();
    };
    EXPECT_EQ(count("resource=/v1/pools/fra"), 1U);
    EXPECT_EQ(count("resource=/v1/zones/example.com/rrsets/www/A"), 2U);
    EXPECT_EQ(count("resource=/v1/zones/example.com/rrsets/www/A%3Fview%3Dv"), 0U);
    EXPECT_EQ(count("resource=/v1/zones/example.com/rrsets/www/AAAA"), 0U);
    EXPECT_EQ(count("resource=/v1/zones/example.com/policies/www/ADDRESS"), 0U);
    EXPECT_EQ(count("resource=/v1/zones/example.com"), 3U);
    EXPECT_EQ(count("zone=example.com&author=admin"), 3U);
    EXPECT_EQ(count("author=nobody"), 0U);
    EXPECT_EQ(count("since=" + first), 3U);
    EXPECT_EQ(count("since=2001-02-03T04:05:06Z&zone=example.com"), 3U);
    EXPECT_EQ(count("since=2200-01-01T00:00:00.5%2B01:00"), 0U);
    // Filtered pages go on.
    std::size_t seen = 0;
    std::string next = "/v1/changes?limit=1&resource=/v1/zones/example.com/rrsets/www/A";
    for (int pages = 0; pages < 10 && next != "null"; ++pages) {
        const Answer page = ask("GET", next);
        must(page, 200);
        seen += page.json().find("items")->items().size();
        next = page.text("next");
    }
    EXPECT_EQ(seen, 2U);
    for (const char* bad :
         {"since=yesterday", "since=2026-13-01T00:00:00Z", "since=2026-01-01T00:00:00",
          "since=2026-01-01T00:00:00Zz", "since=2026-01-01T24:00:00Z", "since=9999-01-01T00:00:00Z",
          "resource=fra", "resource=/v1/server", "resource=/v1/zones/example.com/rrsets/www",
          "resource=/v1/pools/fra%3Fview%3Dv", "zone=a..b",
          "zone=other.example&resource=/v1/zones/example.com"}) {
        must(ask("GET", std::string("/v1/changes?") + bad), 422);
    }
}

TEST_F(HistoryTest, WaitsForARevision) {
    make_zone();
    const std::string now = ask("GET", "/v1/server").text("revision");
    const std::string next = std::to_string(std::stoul(now) + 1);
    must(ask("GET", "/v1/changes/" + now + "?wait=10"), 200);
    const auto before = base::mono_now();
    must(ask("GET", "/v1/changes/" + next + "?wait=1"), 404);
    EXPECT_GE(base::mono_now() - before, std::chrono::milliseconds(900));
    // Somebody else writes meanwhile.
    std::thread writer([this] {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        zones::ChangeSet set;
        set.operations.push_back({zones::PutDocument{"views", "v", R"({"name":"v"})"}, {}});
        EXPECT_TRUE(house_.store().commit(std::move(set)));
    });
    const Answer waited = ask("GET", "/v1/changes/" + next + "?wait=20");
    writer.join();
    must(waited, 200);
    EXPECT_EQ(waited.text("revision"), next);
    must(ask("GET", "/v1/changes/" + next + "?wait=61"), 422);
    must(ask("GET", "/v1/changes/" + next + "?wait=x"), 422);
    // Nobody is kept waiting by a server that stops.
    waits_.end();
    must(ask("GET", "/v1/changes/999999?wait=60"), 404);
}

TEST_F(HistoryTest, SeveralResourcesChangeAtOnce) {
    const Answer done = ask("POST", "/v1/changes", R"({"message":"all of it","changes":[
        {"method":"POST","path":"/v1/zones","body":{"name":"example.com","ns":["ns1.example.net."]}},
        {"method":"PATCH","path":"/v1/zones/EXAMPLE.com","body":{"comment":"ours"}},
        {"method":"PUT","path":"/v1/views/v","body":{}},
        {"method":"PUT","path":"/v1/pools/fra","body":{"members":[{"id":"m1","A":"192.0.2.10"}]}},
        {"method":"PUT","path":"/v1/zones/example.com/policies/geo/ADDRESS",
         "body":{"ttl":60,"rules":[{"id":"rest","when":"any","pools":["fra"]}]}},
        {"method":"PUT","path":"/v1/zones/example.com/rrsets/www/A",
         "body":{"ttl":60,"records":["192.0.2.1"]}},
        {"method":"PUT","path":"/v1/zones/example.com/rrsets/www/A?view=v",
         "body":{"ttl":60,"records":["192.0.2.2"]}},
        {"method":"PATCH","path":"/v1/zones/example.com/rrsets",
         "body":[{"op":"add","name":"t","type":"TXT","records":["\"x\""]}]}]})");
    must(done, 200);
    const Answer change = ask("GET", done.header("location"));
    EXPECT_EQ(change.text("message"), "all of it");
    EXPECT_EQ(change.text("revision"), done.text("revision"));
    EXPECT_EQ(ask("GET", "/v1/zones/example.com").text("comment"), "ours");
    EXPECT_EQ(address(), R"(["192.0.2.1"])");
    EXPECT_EQ(address(std::string(kWww) + "?view=v"), R"(["192.0.2.2"])");
    must(ask("GET", "/v1/zones/example.com/policies/geo/ADDRESS"), 200);
    must(ask("GET", "/v1/zones/example.com/rrsets/t/TXT"), 200);

    // Undone as one.
    must(ask("POST", done.header("location") + "/revert"), 200);
    must(ask("GET", "/v1/zones/example.com"), 404);
    must(ask("GET", "/v1/pools/fra"), 404);
}

TEST_F(HistoryTest, AChangeSetIsDoneWholeOrNotAtAll) {
    make_zone();
    put("192.0.2.1");
    const auto pointers = [](const Answer& answer) {
        std::string out;
        const Json document = answer.json();
        if (const Json* errors = document.find("errors")) {
            for (const Json& error : errors->items()) {
                out += *error.find("pointer")->as_string() + ' ';
            }
        }
        return out;
    };
    // Faults that a look at the documents finds, all of them.
    const Answer faulty = ask("POST", "/v1/changes", R"({"changes":[
        {"method":"PUT","path":"/v1/zones/example.com/rrsets/a/A","body":{"ttl":1,"records":["x"]}},
        {"method":"POST","path":"/v1/zones","body":{"name":"other.example"}},
        {"method":"GET","path":"/v1/zones"},
        {"method":"PUT","path":"/v1/nothing","body":{}},
        {"method":"DELETE","path":"/v1/pools/fra","body":{}},
        {"method":"PUT","path":"/v1/pools/fra","body":{"id":"ber"}},
        {"method":"PUT","path":"/v1/zones/example.com/policies/a/ADDRESS","body":{"type":"CNAME"}},
        {"method":"PATCH","path":"/v1/zones/example.com/rrsets","body":[{"op":"paint"}]},
        {"method":"POST","path":"/v1/changes/1/revert"},
        {"path":"/v1/zones","extra":1},
        7]})");
    must(faulty, 422);
    EXPECT_EQ(pointers(faulty),
              "/changes/0/body/records/0 /changes/1/body/ns /changes/2/method /changes/3/path "
              "/changes/4/body /changes/5/body/id /changes/6/body/type /changes/7/body/0/name "
              "/changes/7/body/0/type /changes/8/method /changes/9/extra /changes/9/method "
              "/changes/10 ")
        << faulty.body;
    // And those that the store finds: nothing of the rest is there.
    const Answer refused = ask("POST", "/v1/changes", R"({"changes":[
        {"method":"PUT","path":"/v1/zones/example.com/rrsets/a/A",
         "body":{"ttl":60,"records":["192.0.2.1"]}},
        {"method":"PUT","path":"/v1/zones/example.com/rrsets/www/CNAME",
         "body":{"ttl":60,"records":["a.example.com."]}}]})");
    must(refused, 422);
    EXPECT_EQ(pointers(refused).substr(0, 15), "/changes/1/body") << refused.body;
    must(ask("GET", "/v1/zones/example.com/rrsets/a/A"), 404);
    const std::string op = R"("path":"/v1/zones/example.com/rrsets/www/A"}]})";
    must(ask("POST", "/v1/changes", R"({"changes":[{"method":"DELETE","if_match":"\"1-j\"",)" + op),
         412);
    must(ask("POST", "/v1/changes", R"({"changes":[{"method":"DELETE","if_match":"1",)" + op), 422);
    must(ask("POST", "/v1/changes?dry_run=true", R"({"changes":[{"method":"DELETE",)" + op), 200);
    EXPECT_EQ(address(), R"(["192.0.2.1"])");
    const std::string tag = ask("GET", kWww).header("etag");
    must(ask("POST", "/v1/changes",
             R"({"changes":[{"method":"DELETE","if_match":"\")" + tag.substr(1, tag.size() - 2) +
                 R"(\"",)" + op),
         200);
    must(ask("GET", kWww), 404);
    for (const char* bad : {"[]", "{}", R"({"changes":[]})", R"({"changes":{}})",
                            R"({"changes":[],"other":1})", R"({"message":1,"changes":[]})"}) {
        must(ask("POST", "/v1/changes", bad), 422);
    }
}

TEST_F(HistoryTest, RevertsThatMakeNoSense) {
    make_zone();
    must(ask("POST", "/v1/changes/999999/revert"), 404);
    must(ask("POST", "/v1/changes/x/revert"), 422);
    must(ask("POST", "/v1/changes/0/revert"), 404);
    must(ask("POST", "/v1/changes/1/revert", "nonsense"), 400);
    must(ask("POST", "/v1/changes/1/revert", R"({"to":1})"), 422);
    must(ask("POST", "/v1/zones/example.com/revert"), 415);
    must(ask("POST", "/v1/zones/example.com/revert", "{}"), 422);
    must(ask("POST", "/v1/zones/example.com/revert", R"({"to":"1"})"), 422);
    must(ask("POST", "/v1/zones/example.com/revert", R"({"to":-1})"), 422);
    must(ask("POST", "/v1/zones/example.com/revert", R"({"to":1,"from":2})"), 422);
    must(ask("POST", "/v1/zones/example.com/revert", R"({"to":99999})"), 404);
    must(ask("POST", "/v1/zones/nobody.example/revert", R"({"to":1})"), 404);
    must(ask("POST", "/v1/zones/a..b/revert", R"({"to":1})"), 422);
}

}  // namespace
}  // namespace admin
