#include "dns/types.h"

#include <gtest/gtest.h>
#include <ldns/ldns.h>

#include <cctype>
#include <string>

namespace dns {
namespace {

TEST(Types, EveryNumberReadsBackInAnyCase) {
    for (unsigned number = 0; number < 65536; ++number) {
        const auto type = static_cast<RRType>(number);
        std::string text = to_text(type);
        ASSERT_EQ(parse_type(text), type) << text;
        for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        ASSERT_EQ(parse_type(text), type) << text;
        ASSERT_EQ(parse_type("TYPE" + std::to_string(number)), type);
    }
}

/// ldns knows the same types by the same names.
TEST(Types, MnemonicsAreThoseOfLdns) {
    for (unsigned number = 1; number < 65536; ++number) {
        const auto type = static_cast<RRType>(number);
        const std::string text = to_text(type);
        if (text.rfind("TYPE", 0) == 0) continue;
        const ldns_rr_type theirs = ldns_get_rr_type_by_name(text.c_str());
        if (theirs != 0) {
            EXPECT_EQ(static_cast<unsigned>(theirs), number) << text;
        }
    }
}

TEST(Types, WhatIsNoType) {
    for (const char* text : {"", "TYPE", "TYPE65536", "TYPE-1", "TYPE1x", "NOSUCH", "A ", "AA"}) {
        EXPECT_FALSE(parse_type(text)) << text;
    }
}

TEST(Types, MetaTypesAreNotStored) {
    for (const RRType type : {RRType::OPT, RRType::ANY, RRType::AXFR, RRType::IXFR, RRType::TSIG,
                              RRType::TKEY, RRType::MAILA, RRType{}}) {
        EXPECT_TRUE(is_meta(type)) << to_text(type);
    }
    for (const RRType type : {RRType::A, RRType::SOA, RRType::URI, RRType::DLV, RRType::EUI64}) {
        EXPECT_FALSE(is_meta(type)) << to_text(type);
    }
}

TEST(Types, RCodes) {
    for (const RCode rcode : {RCode::NoError, RCode::FormErr, RCode::ServFail, RCode::NXDomain,
                              RCode::Refused, RCode::BadVers, RCode::BadCookie}) {
        EXPECT_EQ(parse_rcode(to_text(rcode)), rcode) << to_text(rcode);
    }
    EXPECT_EQ(to_text(RCode::NXDomain), "NXDOMAIN");
    EXPECT_FALSE(parse_rcode("NOSUCH"));
}

}  // namespace
}  // namespace dns
