#include "base/result.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>

namespace base {
namespace {

enum class Fault : std::uint8_t { Short, Long };

Result<int> half(int value) {
    if (value % 2 != 0) return fail("half: " + std::to_string(value) + " is odd");
    return value / 2;
}

Result<int, Fault> digit(int value) {
    if (value > 9) return fail(Fault::Long);
    return value;
}

TEST(Result, CarriesAValueOrASentence) {
    EXPECT_EQ(half(4), 2);
    ASSERT_FALSE(half(3));
    EXPECT_EQ(half(3).error().message, "half: 3 is odd");
}

TEST(Result, CarriesAnEnumOnTheWire) {
    EXPECT_EQ(digit(9), 9);
    ASSERT_FALSE(digit(10));
    EXPECT_EQ(digit(10).error(), Fault::Long);
}

TEST(Result, TextLiteralsAreSentences) {
    const Result<int> refused = fail("no");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, "no");
}

TEST(Result, MovesWhatCannotBeCopied) {
    Result<std::unique_ptr<int>> owned = std::make_unique<int>(5);
    const std::unique_ptr<int> taken = std::move(*owned);
    EXPECT_EQ(*taken, 5);
}

}  // namespace
}  // namespace base
