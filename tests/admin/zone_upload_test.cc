// Zones that are put in whole: read beside the loop, with the client held back where it is faster,
// and so many at a time.
#include <gtest/gtest.h>

#include "admin/zone_body.h"
#include "tests/admin/api_fixture.h"

namespace admin {
namespace {

using fakes::ApiTest;
using fakes::FakeExchange;

class ZoneUploadTest : public ApiTest {
  protected:
    struct Upload {
        FakeExchange exchange;
        std::unique_ptr<net::HttpStream> stream;

        void feed(std::string_view text) { stream->on_body(base::as_octets(text)); }
    };
    std::unique_ptr<Upload> begin(const std::string& zone) {
        auto upload = std::make_unique<Upload>();
        upload->stream = front_.on_request(
            head("PUT", "/v1/zones/" + zone, {{"content-type", "text/dns"}}), upload->exchange);
        return upload;
    }
    // Until `done`, at most 20 s.
    void run_until(const std::function<bool()>& done) {
        net::Timer watch(loop_);
        const base::MonoTime deadline = base::mono_now() + std::chrono::seconds(20);
        watch.start_repeating(std::chrono::milliseconds(1), [&] {
            if (done() || base::mono_now() > deadline) loop_.stop();
        });
        loop_.run();
        EXPECT_TRUE(done());
    }
    static std::string head_of_zone() {
        return "$TTL 300\n@ IN SOA ns1 host 1 7200 900 1209600 60\n@ IN NS ns1\nns1 A 192.0.2.53\n";
    }
    static std::string lines(int from, int count) {
        std::string out;
        for (int i = from; i < from + count; ++i) {
            out += "name" + std::to_string(i) + " IN TXT \"a text that makes the line longer\"\n";
        }
        return out;
    }
};

TEST_F(ZoneUploadTest, AClientThatIsFasterIsHeldBackAndNothingIsLost) {
    auto upload = begin("example.com");
    upload->feed(head_of_zone());
    constexpr int kLines = 1000;  // some 50 KB
    int sent = 0;
    // It is held back before it has sent what no window is wide enough for.
    for (int pauses = 1; pauses <= 3; ++pauses) {
        const int most = sent + 400 * kLines;
        while (!upload->exchange.paused && sent < most) {
            upload->feed(lines(sent, kLines));
            sent += kLines;
        }
        ASSERT_TRUE(upload->exchange.paused);
        EXPECT_EQ(upload->exchange.pauses, pauses);
        run_until([&] { return !upload->exchange.paused; });
    }
    EXPECT_EQ(imports_.running(), 1U);
    upload->stream->on_end({});
    finish(upload->exchange, *upload->stream);
    EXPECT_EQ(upload->exchange.head.status, 201) << upload->exchange.body;
    const auto answer = Json::parse(upload->exchange.body);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->find("records")->as_integer(), sent + 3);
    EXPECT_EQ(imports_.running(), 0U);
    must(ask("GET", "/v1/zones/example.com/rrsets/name" + std::to_string(sent - 1) + "/TXT"), 200);
    must(ask("GET", "/v1/zones/example.com/rrsets/name" + std::to_string(sent) + "/TXT"), 404);
}

TEST_F(ZoneUploadTest, SoManyAtATimeAndTheNextWhenOneIsDone) {
    std::vector<std::unique_ptr<Upload>> uploads;
    for (std::size_t i = 0; i < Imports::kMax; ++i) {
        uploads.push_back(begin("z" + std::to_string(i) + ".example"));
        uploads.back()->feed(head_of_zone());
        EXPECT_FALSE(uploads.back()->exchange.responded);
    }
    EXPECT_EQ(imports_.running(), Imports::kMax);
    auto late = begin("late.example");
    ASSERT_TRUE(late->exchange.responded);
    EXPECT_EQ(late->exchange.head.status, 503);
    EXPECT_EQ(late->exchange.head.headers.get("retry-after").value_or(""), "1");
    const auto problem = Json::parse(late->exchange.body);
    ASSERT_TRUE(problem);
    EXPECT_EQ(*problem->find("type")->as_string(), kBusyType);
    // It sends its body all the same, as clients do.
    late->feed(head_of_zone());
    late->stream->on_end({});
    // Other writes go on.
    make_zone();

    // One is done, and one gives up in the middle.
    uploads[0]->stream->on_end({});
    finish(uploads[0]->exchange, *uploads[0]->stream);
    EXPECT_EQ(uploads[0]->exchange.head.status, 201);
    uploads[1]->stream->on_cancel();
    uploads[1]->stream.reset();
    run_until([&] { return imports_.running() == Imports::kMax - 2; });
    late = begin("late.example");
    late->feed(head_of_zone());
    late->stream->on_end({});
    finish(late->exchange, *late->stream);
    EXPECT_EQ(late->exchange.head.status, 201);
    must(ask("GET", "/v1/zones/z1.example"), 404);
    must(ask("GET", "/v1/zones/late.example"), 200);
    for (std::size_t i = 2; i < Imports::kMax; ++i) uploads[i]->stream->on_cancel();
    run_until([&] { return imports_.running() == 0; });
}

class OverlayUploadTest : public ZoneUploadTest {
  protected:
    OverlayUploadTest() {
        make_zone();
        must(ask("PUT", "/v1/views/inside", "{}"), 201);
        must(ask("PATCH", kRRsets, R"([
            {"op":"put","name":"www","type":"A","ttl":60,"records":["192.0.2.1"]},
            {"op":"put","name":"mail","type":"A","ttl":60,"records":["192.0.2.2"]},
            {"op":"put","name":"www","type":"A","ttl":60,"records":["10.0.0.1"],"view":"inside"},
            {"op":"put","name":"old","type":"TXT","ttl":60,"records":["x"],"view":"inside"},
            {"op":"put","name":"mail","type":"A","hidden":true,"view":"inside"}])"),
             200);
    }
    // "www A 10.0.0.1, ...": what the overlay holds.
    std::string overlay() {
        const Answer answer = ask("GET", std::string(kRRsets) + "?view=inside");
        const Json document = answer.json();
        std::string out;
        for (const Json& item : document.find("items")->items()) {
            const Json* hidden = item.find("hidden");
            out += *item.find("name")->as_string() + ' ' + *item.find("type")->as_string() + ' ' +
                   (hidden != nullptr ? "hidden" : item.find("records")->dump()) + '\n';
        }
        return out;
    }
    Answer put(const std::string& type, const std::string& body, Headers headers = {}) {
        headers["content-type"] = type;
        return ask("PUT", "/v1/zones/example.com?view=inside", body, headers);
    }
    static constexpr const char* kRRsets = "/v1/zones/example.com/rrsets";
};

TEST_F(OverlayUploadTest, AnOverlayIsReplacedWhole) {
    const Answer done = put("text/dns", "$TTL 300\nwww A 10.0.0.2\nwww 60 A 10.0.0.3\nnew TXT y\n");
    must(done, 200);
    EXPECT_EQ(done.text("records"), "3");
    EXPECT_NE(done.text("warnings").find("zone:3: www.example.com. A"), std::string::npos);
    // What a master file cannot say is left as it was.
    EXPECT_EQ(overlay(),
              "mail.example.com. A hidden\n"
              "new.example.com. TXT [\"\\\"y\\\"\"]\n"
              "www.example.com. A [\"10.0.0.2\",\"10.0.0.3\"]\n");
    EXPECT_EQ(ask("GET", std::string(kRRsets) + "/www/A").text("records"), R"(["192.0.2.1"])");

    must(put("application/x-ndjson", R"({"name":"www","type":"A","hidden":true})"
                                     "\n"),
         200);
    EXPECT_EQ(overlay(), "www.example.com. A hidden\n");
    must(put("application/json",
             R"({"rrsets":[{"name":"a","type":"A","ttl":5,"records":["10.0.0.9"]}]})"),
         200);
    EXPECT_EQ(overlay(), "a.example.com. A [\"10.0.0.9\"]\n");
    // As it is: nothing changes. Then nothing is left, and the view is free.
    EXPECT_EQ(put("text/dns", "a 5 A 10.0.0.9\n").header("meridian-revision"),
              ask("GET", "/v1/server").text("revision"));
    must(put("text/dns", ""), 200);
    EXPECT_EQ(overlay(), "");
    must(ask("DELETE", "/v1/views/inside"), 204);
}

TEST_F(OverlayUploadTest, ABadOneChangesNothing) {
    const std::string before = overlay();
    const Answer bad = put("text/dns", "www A 10.0.0.2\nx A nonsense\ny CH TXT z\n");
    must(bad, 422);
    EXPECT_EQ(bad.text("detail"), "2 faults in the zone");
    EXPECT_NE(bad.text("errors").find("zone:2: "), std::string::npos);
    must(put("text/dns", "www.other. A 10.0.0.2\n"), 422);
    must(put("text/dns", "c CNAME www\nc A 10.0.0.2\n"), 422);
    must(put("application/json", R"({"rrsets":[{"name":"a","type":"A"}]})"), 422);
    must(put("application/json", R"({"name":"example.com","rrsets":[]})"), 422);
    must(put("application/json", R"({"rrsets":[{"name":"a","type":"A","hidden":true},
                                               {"name":"A","type":"A","hidden":true}]})"),
         422);
    must(put("application/x-ndjson", R"({"name":"a","type":"A","hidden":true,"view":"outside"})"),
         422);
    must(put("text/dns", "www A 10.0.0.2\n", {{"if-match", "\"1-dns\""}}), 412);
    must(put("text/dns", "www A 10.0.0.2\n", {{"if-none-match", "*"}}), 412);
    EXPECT_EQ(ask("PUT", "/v1/zones/example.com?view=nowhere", "www A 10.0.0.2\n",
                  {{"content-type", "text/dns"}})
                  .status,
              404);
    must(ask("PUT", "/v1/zones/nobody.example?view=inside", "www A 10.0.0.2\n",
             {{"content-type", "text/dns"}}),
         404);
    std::string large;
    for (std::size_t i = 0; i <= kMaxOverlayRRsets; ++i) {
        large += "n" + std::to_string(i) + " A 10.0.0.2\n";
    }
    must(put("text/dns", large), 422);
    EXPECT_EQ(overlay(), before);
    EXPECT_EQ(imports_.running(), 0U);

    // A dry run says what would be done.
    const Answer tried = ask("PUT", "/v1/zones/example.com?view=inside&dry_run=true",
                             "www A 10.0.0.2\n", {{"content-type", "text/dns"}});
    must(tried, 200);
    EXPECT_NE(tried.text("operations").find("old.example.com."), std::string::npos);
    EXPECT_EQ(overlay(), before);
}

TEST_F(ZoneUploadTest, RefusalsTakeNoPlace) {
    for (int i = 0; i < 3; ++i) {
        must(ask("PUT", "/v1/zones/example.com", head_of_zone(), {{"content-type", "text/html"}}),
             415);
        must(ask("PUT", "/v1/zones/example.com", "no zone", {{"content-type", "text/dns"}}), 422);
        must(ask("PUT", "/v1/zones/example.com?view=x", head_of_zone(),
                 {{"content-type", "text/dns"}}),
             404);
    }
    EXPECT_EQ(imports_.running(), 0U);
    // The default view is no overlay.
    must(ask("PUT", "/v1/zones/example.com?view=default", head_of_zone(),
             {{"content-type", "text/dns"}}),
         201);
}

}  // namespace
}  // namespace admin
