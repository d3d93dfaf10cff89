// /v1/keys: TSIG keys, and who sees their secrets.
#include <gtest/gtest.h>

#include "dns/service_binding.h"
#include "tests/admin/api_fixture.h"

namespace admin {
namespace {

using fakes::ApiTest;

class KeysTest : public ApiTest {
  protected:
    static constexpr const char* kSecret = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I=";

    std::size_t secret_octets(const Answer& answer) {
        const auto raw = dns::from_base64(answer.text("secret"));
        return raw ? raw->size() : 0;
    }
    std::string make_token(const std::string& document) {
        const Answer made = ask("POST", "/v1/tokens", document);
        EXPECT_EQ(made.status, 201) << made.body;
        return made.text("secret");
    }
};

TEST_F(KeysTest, AreMadeWithASecretAsLongAsTheirHash) {
    struct Row {
        const char* algorithm;
        std::size_t octets;
        bool warned;
    };
    for (const Row& row : {Row{"hmac-sha256", 32, false}, Row{"hmac-sha384", 48, false},
                           Row{"hmac-sha512", 64, false}, Row{"hmac-sha224", 28, true},
                           Row{"hmac-sha1", 20, true}}) {
        const std::string name = std::string("K.") + row.algorithm;
        const Answer made =
            ask("POST", "/v1/keys",
                R"({"name":")" + name + R"(","algorithm":")" + row.algorithm + "\"}");
        must(made, 201);
        EXPECT_EQ(secret_octets(made), row.octets) << made.body;
        EXPECT_EQ(made.text("name"), "k." + std::string(row.algorithm) + '.');
        EXPECT_EQ(made.json().find("warnings") != nullptr, row.warned) << made.body;
        EXPECT_EQ(made.header("location"), "/v1/keys/" + made.text("name"));
        must(ask("POST", "/v1/keys", R"({"name":")" + name + "\"}"), 409);
    }
    const Answer plain = ask("POST", "/v1/keys", R"({"name":"xfr"})");
    must(plain, 201);
    EXPECT_EQ(plain.text("algorithm"), "hmac-sha256");
    EXPECT_NE(plain.text("secret"), ask("GET", "/v1/keys/k.hmac-sha256").text("secret"));
    EXPECT_EQ(ask("GET", "/v1/keys/XFR.").text("secret"), plain.text("secret"));
}

TEST_F(KeysTest, FaultsAreNamed) {
    struct Row {
        const char* body;
        const char* pointer;
    };
    for (const Row& row : {Row{R"({"name":"a..b"})", "/name"}, Row{R"({"name":"."})", "/name"},
                           Row{R"({"algorithm":"hmac-sha256"})", "/name"},
                           Row{R"({"name":"x","algorithm":"hmac-md5"})", "/algorithm"},
                           Row{R"({"name":"x","algorithm":7})", "/algorithm"},
                           Row{R"({"name":"x","secret":"not base64!"})", "/secret"},
                           Row{R"({"name":"x","secret":"c2hvcnQ="})", "/secret"},
                           Row{R"({"name":"x","colour":"red"})", "/colour"}}) {
        const Answer answer = ask("POST", "/v1/keys", row.body);
        must(answer, 422);
        EXPECT_NE(answer.body.find(std::string("\"pointer\":\"") + row.pointer), std::string::npos)
            << answer.body;
    }
    const Answer short_one = ask("POST", "/v1/keys", R"({"name":"x","secret":"c2hvcnQgb25l"})");
    must(short_one, 201);
    EXPECT_NE(short_one.body.find("RFC 2104"), std::string::npos);
}

TEST_F(KeysTest, ReplacedPatchedAndDeleted) {
    must(ask("PUT", "/v1/keys/xfr",
             R"({"algorithm":"hmac-sha512","secret":")" + std::string(kSecret) + "\"}"),
         201);
    // Algorithm and secret belong together: what is left out stays.
    const Answer put = ask("PUT", "/v1/keys/xfr", R"({"comment":"with ns2"})");
    must(put, 200);
    EXPECT_EQ(put.text("secret"), "(absent)");
    const Answer shown = ask("GET", "/v1/keys/xfr");
    EXPECT_EQ(shown.text("secret"), kSecret);
    EXPECT_EQ(shown.text("algorithm"), "hmac-sha512");
    EXPECT_EQ(shown.text("comment"), "with ns2");
    const std::string tag = shown.header("etag");
    must(ask("GET", "/v1/keys/xfr", "", {{"if-none-match", tag}}), 304);
    must(ask("PATCH", "/v1/keys/xfr", R"({"comment":null})", {{"if-match", "\"1-j\""}}), 412);
    must(ask("PATCH", "/v1/keys/xfr", R"({"comment":null})", {{"if-match", tag}}), 200);
    EXPECT_EQ(ask("GET", "/v1/keys/xfr").text("comment"), "(absent)");
    // Without one it gets another.
    const Answer again = ask("PATCH", "/v1/keys/xfr", R"({"secret":null})");
    must(again, 200);
    EXPECT_EQ(secret_octets(again), 64U);
    EXPECT_EQ(ask("GET", "/v1/keys/xfr").text("secret"), again.text("secret"));
    must(ask("PUT", "/v1/keys/xfr", "{}", {{"if-none-match", "*"}}), 412);
    must(ask("PATCH", "/v1/keys/nobody", "{}"), 404);
    must(ask("DELETE", "/v1/keys/XFR"), 204);
    must(ask("DELETE", "/v1/keys/xfr"), 404);
    must(ask("GET", "/v1/keys/xfr"), 404);
}

TEST_F(KeysTest, TheSecretIsNowhereElse) {
    const std::string body = R"({"name":"xfr","secret":")" + std::string(kSecret) + "\"}";
    const Answer tried = ask("POST", "/v1/keys?dry_run=true", body);
    must(tried, 200);
    EXPECT_EQ(tried.body.find(kSecret), std::string::npos);
    const Answer made = ask("POST", "/v1/keys", body);
    must(made, 201);
    const std::string revision = made.header("meridian-revision");
    for (const std::string& url :
         {std::string("/v1/keys"), "/v1/changes/" + revision, std::string("/v1/changes"),
          std::string("/v1/changes?resource=/v1/keys/xfr"), std::string("/v1/audit")}) {
        const Answer answer = ask("GET", url);
        must(answer, 200);
        EXPECT_EQ(answer.body.find(kSecret), std::string::npos) << url;
        EXPECT_NE(answer.body.find(url == "/v1/keys" ? "xfr." : revision), std::string::npos)
            << url;
    }
    const Answer undone = ask("POST", "/v1/changes/" + revision + "/revert?dry_run=true");
    must(undone, 200);
    EXPECT_EQ(undone.body.find(kSecret), std::string::npos);
    // Not compressed with what others may choose.
    EXPECT_EQ(
        ask("GET", "/v1/keys/xfr", "", {{"accept-encoding", "gzip"}}).header("content-encoding"),
        "");
}

TEST_F(KeysTest, OnlyWhoMayDoEverythingSeesSecrets) {
    must(ask("POST", "/v1/keys", R"({"name":"xfr"})"), 201);
    const std::string reader = make_token(R"({"name":"reader","scopes":[{"verbs":["read"]}]})");
    const std::string writer = make_token(R"({"name":"writer","scopes":[{"verbs":["write"]}]})");
    const std::string zone = make_token(
        R"({"name":"zone","scopes":[{"verbs":["read","write"],"zones":["example.com"]}]})");
    const std::string tag = ask("GET", "/v1/keys/xfr").header("etag");
    token_ = reader;
    const Answer seen = ask("GET", "/v1/keys/xfr");
    must(seen, 200);
    EXPECT_EQ(seen.text("secret"), "(absent)");
    EXPECT_NE(seen.header("etag"), tag);  // another representation
    token_ = writer;
    must(ask("GET", "/v1/keys/xfr"), 403);
    const Answer patched = ask("PATCH", "/v1/keys/xfr", R"({"comment":"x"})");
    must(patched, 200);
    EXPECT_EQ(patched.text("secret"), "(absent)");
    EXPECT_EQ(patched.text("algorithm"), "(absent)");
    EXPECT_NE(ask("POST", "/v1/keys", R"({"name":"new"})").text("secret"), "(absent)");
    token_ = zone;
    must(ask("GET", "/v1/keys"), 403);
    must(ask("PUT", "/v1/keys/xfr", "{}"), 403);
}

}  // namespace
}  // namespace admin
