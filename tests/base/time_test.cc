#include "base/time.h"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(Time, FormatsAsRfc3339InUtc) {
    struct Case {
        std::int64_t unix_us;
        const char* text;
    };
    for (const Case& c :
         {Case{0, "1970-01-01T00:00:00.000000Z"},
          Case{1767614400123456, "2026-01-05T12:00:00.123456Z"},
          Case{1709210096000001, "2024-02-29T12:34:56.000001Z"},
          Case{-1, "1969-12-31T23:59:59.999999Z"}, Case{-1000000, "1969-12-31T23:59:59.000000Z"},
          Case{9214646400000000, "2262-01-01T00:00:00.000000Z"}}) {
        EXPECT_EQ(format_rfc3339(from_unix_us(c.unix_us)), c.text);
    }
}

TEST(Time, MicrosecondsSurviveTheRoundTrip) {
    for (const std::int64_t us : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1},
                                  std::int64_t{1767614400123456}, std::int64_t{-86400000001}}) {
        EXPECT_EQ(to_unix_us(from_unix_us(us)), us);
    }
}

TEST(Time, MonotonicClockDoesNotGoBack) {
    MonoTime last = mono_now();
    for (int i = 0; i < 1000; ++i) {
        const MonoTime now = mono_now();
        ASSERT_GE(now, last);
        last = now;
    }
}

TEST(Time, WallClockIsOfThisCentury) {
    EXPECT_GT(to_unix_us(wall_now()), 1767225600000000);  // 2026-01-01
}

}  // namespace
}  // namespace base
