#include "admin/json.h"

#include <gtest/gtest.h>

namespace admin {
namespace {

TEST(Json, WritesWhatItReads) {
    for (const char* text :
         {"null", "true", "-7", "0.5", R"("a\"\\b\n")", "[]", "{}", R"([1,[2,{"a":null}]])",
          R"({"b":1,"a":[true,"x"],"c":{"d":2.25}})", "9007199254740993", R"("\u0001")"}) {
        const auto json = Json::parse(text);
        ASSERT_TRUE(json) << text << ": " << json.error().message;
        EXPECT_EQ(json->dump(), text);
    }
}

TEST(Json, ErrorsSayWhere) {
    const auto error = [](std::string_view text) {
        const auto json = Json::parse(text);
        return json ? std::string() : json.error().message;
    };
    EXPECT_NE(error("{\n  \"a\": tru\n}").find("line 2"), std::string::npos)
        << error("{\n\"a\": x}");
    EXPECT_NE(error("{\"a\":1,\"a\":2}").find("twice"), std::string::npos);
    EXPECT_NE(error("").find("ends too early"), std::string::npos);
    EXPECT_NE(error("{\"a\":").find("ends too early"), std::string::npos);
    EXPECT_FALSE(Json::parse("[1] 2"));
    EXPECT_FALSE(Json::parse("\"\xff\""));
    EXPECT_FALSE(Json::parse("NaN"));
    EXPECT_EQ(error(std::string_view("{}\n\0{", 5)), "line 2: a zero octet");
}

TEST(Json, DepthAndMembersAreBounded) {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    EXPECT_TRUE(Json::parse(nested(Json::kMaxDepth)));
    EXPECT_FALSE(Json::parse(nested(Json::kMaxDepth + 1)));
    EXPECT_FALSE(Json::parse(std::string(1000000, '[')));
    std::string wide = "{";
    for (std::size_t i = 0; i <= Json::kMaxMembers; ++i) {
        wide += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
    }
    EXPECT_FALSE(Json::parse(wide + "}"));
}

TEST(Json, NumbersAreWholeOrNot) {
    EXPECT_EQ(Json::parse("3.0")->as_integer(), 3);
    EXPECT_EQ(Json::parse("3.5")->as_integer(), std::nullopt);
    EXPECT_EQ(Json::parse("18446744073709551615")->as_integer(), std::nullopt);
    EXPECT_EQ(Json("3").as_integer(), std::nullopt);
    EXPECT_EQ(Json(true).as_integer(), std::nullopt);
}

TEST(Json, StringsThatAreNotUtf8AreMended) {
    std::string out;
    append_json_string(out, "a\xff\xc3z\xc3\xa9\xed\xa0\x80");
    EXPECT_EQ(out, "\"a\xef\xbf\xbd\xef\xbf\xbdz\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    EXPECT_TRUE(Json::parse(out));
}

TEST(Json, PointerStepsAreEscaped) {
    EXPECT_EQ(pointer_step("a/b~c"), "/a~1b~0c");
}

}  // namespace
}  // namespace admin
