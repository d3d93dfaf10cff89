#include "net/http_priority.h"

#include <gtest/gtest.h>

#include <string>

namespace net::testing {
namespace {

std::string read(std::string_view text) {
    const auto priority = parse_priority(text);
    if (!priority) return "nothing";
    return std::to_string(priority->urgency) + (priority->incremental ? " i" : "");
}

TEST(HttpPriority, SaysUrgencyAndWhetherItShares) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "3"},
        {"u=0", "0"},
        {"u=7, i", "7 i"},
        {"i", "3 i"},
        {"i=?1", "3 i"},
        {"i=?0", "3"},
        {"u=5,i", "5 i"},
        {"  u=5 \t,\t i  ", "5 i"},
        {"u=1, u=2", "2"},
        {"i, i=?0", "3"},
        // What is passed over.
        {"u=8", "3"},
        {"u=-1", "3"},
        {"u=1.0", "3"},
        {"u=?1", "3"},
        {"u", "3"},
        {"i=1", "3"},
        {"i=a", "3"},
        {"u=999999999999999", "3"},
        {"u=2;x=1;y, i;z", "2 i"},
        {"a=(1 \"two\" :dGhyZWU=: four;f=?0);g, u=4, b=\"\\\"u=1\\\"\", c=*t/o:k, *d=-1.250", "4"},
        {"a=(), b=(  ), u=6", "6"},
    };
    for (const auto& [text, said] : cases) EXPECT_EQ(read(text), said) << text;
}

TEST(HttpPriority, WhatIsNoDictionarySaysNothing) {
    for (const char* const text : {"u=",
                                   "=1",
                                   "u=1,",
                                   "u=1,,i",
                                   "u=1 i",
                                   "u=1; , i",
                                   "U=1",
                                   "u=1, i=?2",
                                   "u=--1",
                                   "u=1.",
                                   "u=1.2345",
                                   "u=1234567890123456",
                                   "u=1, a=\"",
                                   "u=1, a=\"\\x\"",
                                   "u=1, a=\"\x7f\"",
                                   "u=1, a=:b",
                                   "u=1, a=(1",
                                   "u=1, a=(1\"2\")",
                                   "u=1, a=(1;)",
                                   "u=1, a=@",
                                   "\tu=1",
                                   "u=1;=2",
                                   "u=1;a=",
                                   "\xff"}) {
        EXPECT_EQ(read(text), "nothing") << text;
    }
}

TEST(HttpPriority, EveryBeginningOfAFieldIsReadOrRefused) {
    const std::string whole =
        "a=(1 \"two\" :dGhyZWU=: four;f=?0);g, u=4, b=\"\\\"\", i=?1;k=-1.250";
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        // Of its own size, so that a sanitizer sees who reads beyond.
        const std::string part = whole.substr(0, size);
        (void)parse_priority(part);
    }
    EXPECT_EQ(read(whole), "4 i");
}

}  // namespace
}  // namespace net::testing
