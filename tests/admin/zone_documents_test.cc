// Whole zones as JSON: the documents in a body, and PUT /v1/zones/{zone} with them.
#include <vector>

#include "admin/rrset_documents.h"
#include "tests/admin/api_fixture.h"

namespace admin::fakes {
namespace {

using Format = RRsetDocuments::Format;

struct Found {
    std::string items;  // "line:index:text|"
    std::string rest;
};

Found found_in(Format format, std::string_view text, std::size_t piece) {
    Found out;
    RRsetDocuments documents(format, [&out](const RRsetDocuments::Item& item) {
        out.items += std::to_string(item.line) + ':' + std::to_string(item.index) + ':';
        out.items += item.too_long ? "(too long)" : std::string(item.text);
        out.items += '|';
    });
    for (std::size_t at = 0; at < text.size(); at += piece) {
        documents.feed(text.substr(at, piece));
    }
    documents.finish();
    out.rest = documents.rest();
    return out;
}

TEST(RRsetDocuments, ElementsOfTheArrayWhateverThePieces) {
    struct Case {
        std::string text, items, rest;
    };
    const Case cases[] = {
        {R"({"rrsets":[]})", "", R"({"rrsets":[]})"},
        {R"({"rrsets":[{"a":1},{"b":[2,{}]}],"c":3})", R"(1:0:{"a":1}|1:1:{"b":[2,{}]}|)",
         R"({"rrsets":[],"c":3})"},
        {"{\"rrsets\": [\n {\"a\":\n1}\n,\n\n{}\n]}", "2:0:{\"a\":\n1}\n|6:1:{}\n|",
         "{\"rrsets\": []}"},
        // Brackets and commas in strings are text; so are quotes with a backslash.
        {R"({"rrsets":["],[",{"k":"\"}]"}]})", R"(1:0:"],["|1:1:{"k":"\"}]"}|)",
         R"({"rrsets":[]})"},
        // Only the member of the object itself counts.
        {R"({"x":{"rrsets":[1]},"y":["rrsets",[2]],"z":"rrsets","rrsets":[3]})", "1:0:3|",
         R"({"x":{"rrsets":[1]},"y":["rrsets",[2]],"z":"rrsets","rrsets":[]})"},
        // Elements that are missing are seen.
        {R"({"rrsets":[,1,]})", "1:0:|1:1:1|1:2:|", R"({"rrsets":[]})"},
        {R"({"rrsets":{"a":[1]}})", "", R"({"rrsets":{"a":[1]}})"},
        {R"([{"rrsets":[1]}])", "", R"([{"rrsets":[1]}])"},
        {R"({"rrsets":[1)", "", R"({"rrsets":[)"},
    };
    for (const Case& row : cases) {
        for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, row.text.size()}) {
            const Found found = found_in(Format::Object, row.text, piece);
            EXPECT_EQ(found.items, row.items) << row.text;
            EXPECT_EQ(found.rest, row.rest) << row.text;
        }
    }
}

TEST(RRsetDocuments, LinesOfNdjson) {
    EXPECT_EQ(found_in(Format::Lines, "{\"a\":1}\r\n\n \t\n{\"b\":2}", 1).items,
              "1:0:{\"a\":1}\r|4:1:{\"b\":2}|");
}

TEST(RRsetDocuments, HoldsOneDocumentOfBoundedSize) {
    const std::string large(RRsetDocuments::kMaxOctets + 1, 'x');
    EXPECT_EQ(found_in(Format::Lines, large + "\n{}\n", 65536).items, "1:0:(too long)|2:1:{}|");
    EXPECT_EQ(found_in(Format::Object, "{\"rrsets\":[\"" + large + "\",1]}", 65536).items,
              "1:0:(too long)|1:1:1|");
    RRsetDocuments documents(Format::Object, [](const RRsetDocuments::Item&) {});
    documents.feed("{\"" + large);
    EXPECT_TRUE(documents.rest_too_long());
    EXPECT_LE(documents.rest().size(), RRsetDocuments::kMaxOctets);
}

const std::map<std::string, std::string> kJson = {{"content-type", "application/json"}};
const std::map<std::string, std::string> kLines = {{"content-type", "application/x-ndjson"}};
constexpr char kZone[] = "/v1/zones/big.example";

std::string soa_and_ns(const std::string& serial = "7") {
    return R"({"name":"@","type":"SOA","ttl":300,"records":["ns1 h )" + serial + R"( 2 3 4 5"]})" +
           ",\n" + R"({"name":"@","type":"NS","ttl":300,"records":["ns1"]})" + ",\n" +
           R"({"name":"ns1","type":"A","ttl":300,"records":["192.0.2.53"]})";
}

TEST_F(ApiTest, ZonesAreReplacedByDocuments) {
    const std::string document =
        "{\"name\":\"big.example\",\"comment\":\"from "
        "JSON\",\"soa_edit\":\"epoch\",\"rrsets\":[\n" +
        soa_and_ns() +
        ",\n{\"name\":\"www.big.example.\",\"type\":\"A\",\"ttl\":60,"
        "\"records\":[\"192.0.2.1\",{\"data\":\"192.0.2.2\"}]},"
        "{\"name\":\"w\",\"type\":\"A\",\"ttl\":60,\"count\":1,"
        "\"records\":[{\"data\":\"192.0.2.3\",\"weight\":5},\"192.0.2.4\"]},"
        "{\"name\":\"odd\",\"type\":\"TYPE65280\",\"ttl\":60,\"records\":[\"\\\\# 2 abcd\"]}\n]}";
    const Answer created = ask("PUT", kZone, document, kJson);
    must(created, 201);
    EXPECT_EQ(created.text("records"), "8");
    const Answer zone = ask("GET", kZone);
    EXPECT_EQ(zone.text("comment"), "from JSON");
    EXPECT_EQ(zone.text("soa_edit"), "epoch");
    EXPECT_EQ(zone.text("serial"), "7");
    const Answer weighted = ask("GET", std::string(kZone) + "/rrsets/w/A");
    EXPECT_NE(weighted.body.find("\"weight\":5"), std::string::npos) << weighted.body;
    EXPECT_NE(ask("GET", std::string(kZone) + "/rrsets/www/A").body.find("192.0.2.2"),
              std::string::npos);
    EXPECT_NE(ask("GET", std::string(kZone) + "/rrsets/odd/TYPE65280").body.find("abcd"),
              std::string::npos);

    // Lines: what was there before and is not among them goes.
    std::string lines = soa_and_ns("8");
    for (std::size_t at = lines.find("},\n"); at != std::string::npos; at = lines.find("},\n")) {
        lines.erase(at + 1, 1);
    }
    must(ask("PUT", kZone, lines, kLines), 200);
    must(ask("GET", std::string(kZone) + "/rrsets/www/A"), 404);
    EXPECT_EQ(ask("GET", kZone).text("serial"), "8");
    EXPECT_EQ(ask("GET", kZone).text("comment"), "from JSON");
    must(ask("PUT", kZone, lines,
             {{"content-type", "application/x-ndjson"}, {"if-none-match", "*"}}),
         412);
}

TEST_F(ApiTest, ServersAndSoaMayStandInTheZoneDocument) {
    const Answer created = ask("PUT", kZone,
                               R"({"ns":["ns1.example.net."],"soa":{"serial":9},"view":null,
                                   "serial":4,"revision":3,"signed":null,"rrsets":[]})",
                               kJson);
    must(created, 201);
    EXPECT_EQ(created.text("records"), "2");
    EXPECT_EQ(ask("GET", kZone).text("serial"), "9");
}

TEST_F(ApiTest, FaultyDocumentsChangeNothingAndSayWhere) {
    const std::string bad = "{\"rrsets\":[\n" + soa_and_ns() +
                            ",\n{\"name\":\"a\",\"type\":\"A\",\"ttl\":1,\"records\":"
                            "[\"192.0.2.1\",\"nonsense\"]}"
                            ",\n{\"name\":\"b\",\"type\":\"NOSUCH\",\"ttl\":1,\"records\":[]}"
                            ",\n{\"name\":\"x.test.\",\"type\":\"A\",\"ttl\":1,"
                            "\"records\":[\"192.0.2.1\"]}"
                            ",\n{\"nam\":1]\n]}";
    const Answer refused = ask("PUT", kZone, bad, kJson);
    must(refused, 422);
    for (const char* expected :
         {"\"/rrsets/3/records/1\"", "zone:5: ", "\"/rrsets/4/type\"",
          "zone:6: unknown type NOSUCH", "\"/rrsets/5/records/0\"", "zone:7: "}) {
        EXPECT_NE(refused.body.find(expected), std::string::npos) << expected << refused.body;
    }
    must(ask("GET", kZone), 404);

    struct Case {
        std::string body, expected;
    };
    const std::string good = soa_and_ns();
    const Case cases[] = {
        {"{}", "/rrsets"},
        {"{\"rrsets\":[" + good + "]", "beside its rrsets"},
        {"{\"rrsets\":[" + good + "],\"rrsets\":[]}", "beside its rrsets"},
        {"{\"rrsets\":[" + good + ",]}", "/rrsets/3"},
        {"{\"rrsets\":[" + good + "],\"nmae\":1}", "/nmae"},
        {"{\"rrsets\":[" + good + "],\"name\":\"other.\"}", "/name"},
        {"{\"rrsets\":[" + good + "],\"soa_edit\":1}", "/soa_edit"},
        {"{\"rrsets\":[" + good + "],\"soa_edit\":\"never\"}", "soa_edit"},
        {"{\"rrsets\":[7]}", "an RRset is an object"},
        {"{\"rrsets\":[{\"name\":\"a\",\"type\":\"A\",\"hidden\":true}]}", "/hidden"},
        {"{\"\\u0072rsets\":[1]}", "without escapes"},
        {"{\"rrsets\":[" + good.substr(good.find(",\n") + 2) + "]}", "no SOA at the apex"},
    };
    for (const Case& row : cases) {
        const Answer answer = ask("PUT", kZone, row.body, kJson);
        EXPECT_EQ(answer.status, 422) << row.body << answer.body;
        EXPECT_NE(answer.body.find(row.expected), std::string::npos) << row.body << answer.body;
        EXPECT_EQ(ask("GET", kZone).status, 404) << row.body;
    }
    const Answer line = ask("PUT", kZone, "{}\n\n{\"name\":\"a\",\"type\":\"ANY\"}\n", kLines);
    EXPECT_NE(line.body.find("zone:3: ANY cannot be stored in a zone"), std::string::npos)
        << line.body;
}

}  // namespace
}  // namespace admin::fakes
