#include "admin/request.h"

#include <gtest/gtest.h>

#include "admin/credentials.h"
#include "admin/etag.h"

namespace admin {
namespace {

Request with(std::initializer_list<std::pair<const char*, const char*>> headers) {
    Request request;
    for (const auto& header : headers) request.head.headers.add(header.first, header.second);
    return request;
}

TEST(QueryParameters, AreDecoded) {
    const auto query = QueryParameters::parse("name=a%2Fb&&x=1+2&empty&dry_run=true");
    ASSERT_TRUE(query);
    EXPECT_EQ(query->get("name"), "a/b");
    EXPECT_EQ(query->get("x"), "1 2");
    EXPECT_EQ(query->get("empty"), "");
    EXPECT_EQ(query->get("nothing"), std::nullopt);
    EXPECT_TRUE(query->flag("dry_run"));
    EXPECT_FALSE(query->flag("x"));
    EXPECT_FALSE(QueryParameters::parse("a=%2"));
    EXPECT_FALSE(QueryParameters::parse("%zz=1"));
}

TEST(Request, AcceptPicksTheMostSpecificRange) {
    EXPECT_EQ(with({}).accepts("application/json"), 1000U);
    EXPECT_EQ(with({{"accept", "text/dns"}}).accepts("application/json"), 0U);
    const Request mixed = with({{"accept", "text/*;q=0.5, text/dns;q=0.25, */*;q=0.1"}});
    EXPECT_EQ(mixed.accepts("text/dns"), 250U);
    EXPECT_EQ(mixed.accepts("text/html"), 500U);
    EXPECT_EQ(mixed.accepts("application/json"), 100U);
    EXPECT_EQ(with({{"accept", "text/dns"}, {"accept", "APPLICATION/JSON; q=0.8"}})
                  .accepts("application/json"),
              800U);
}

TEST(Request, ContentTypeIsWithoutParameters) {
    EXPECT_EQ(with({{"content-type", "Text/DNS; charset=utf-8"}}).content_type(), "text/dns");
    EXPECT_EQ(with({}).content_type(), "");
}

TEST(Etag, IfMatchTakesAnyMarkOfARevision) {
    const auto condition = write_condition(with({{"if-match", "\"182-j\", \"7-dns\""}}));
    ASSERT_TRUE(condition);
    ASSERT_TRUE(condition->if_match);
    EXPECT_EQ(*condition->if_match, (std::vector<zones::Revision>{182, 7}));
    EXPECT_FALSE(condition->if_none_match);
}

TEST(Etag, IfMatchStarMeansItExists) {
    const auto condition = write_condition(with({{"if-match", "*"}}));
    ASSERT_TRUE(condition && condition->if_match);
    EXPECT_TRUE(condition->if_match->empty());
}

TEST(Etag, TagsThatCannotMatchAreNoFreePass) {
    // Weak tags never match strongly; foreign ones and an empty list match no revision.
    for (const char* value : {"W/\"182-j\"", "\"abc\"", "\"\"", "\"182\"", ""}) {
        const auto condition = write_condition(with({{"if-match", value}}));
        ASSERT_TRUE(condition && condition->if_match) << value;
        ASSERT_FALSE(condition->if_match->empty()) << value;
        for (const zones::Revision revision : *condition->if_match) EXPECT_GT(revision, 1U << 30);
    }
    EXPECT_FALSE(write_condition(with({{"if-match", "182-j"}})));
    EXPECT_FALSE(write_condition(with({{"if-match", "\"182-j"}})));
    EXPECT_FALSE(write_condition(with({{"if-match", "\"1-j\" \"2-j\""}})));
}

TEST(Etag, NoConditionWithoutTheHeader) {
    const auto condition = write_condition(with({}));
    ASSERT_TRUE(condition);
    EXPECT_FALSE(condition->if_match);
    EXPECT_FALSE(condition->if_none_match);
}

TEST(Etag, IfNoneMatchStarCreatesOnly) {
    const auto condition = write_condition(with({{"if-none-match", "*"}}));
    ASSERT_TRUE(condition);
    EXPECT_TRUE(condition->if_none_match);
    EXPECT_FALSE(write_condition(with({{"if-none-match", "\"1-j\""}})));
}

TEST(Etag, NotModifiedComparesWeakly) {
    const std::string etag = make_etag(182, "j");
    EXPECT_EQ(etag, "\"182-j\"");
    EXPECT_TRUE(*not_modified(with({{"if-none-match", "\"182-j\""}}), etag));
    EXPECT_TRUE(*not_modified(with({{"if-none-match", "\"1-j\", W/\"182-j\""}}), etag));
    EXPECT_TRUE(*not_modified(with({{"if-none-match", "*"}}), etag));
    EXPECT_FALSE(*not_modified(with({{"if-none-match", "\"182-dns\""}}), etag));
    EXPECT_FALSE(*not_modified(with({}), etag));
    EXPECT_FALSE(not_modified(with({{"if-none-match", "182"}}), etag));
}

TEST(Front, FindsTheSessionCookieAmongOthers) {
    EXPECT_EQ(session_cookie(with({{"cookie", "a=b; meridian_session=secret; c=d"}}).head),
              "secret");
    EXPECT_EQ(session_cookie(with({{"cookie", "x_meridian_session=no"}}).head), "");
    EXPECT_EQ(session_cookie(with({}).head), "");
}

}  // namespace
}  // namespace admin
