#include "zones/node.h"

#include <gtest/gtest.h>

#include "dns/rdata.h"
#include "zones/node_rules.h"

namespace zones {
namespace {

using dns::RRType;

std::vector<std::uint8_t> address(std::uint8_t last) {
    return {192, 0, 2, last};
}

NodeParts sample() {
    NodeParts parts;
    parts.flags = kNodeWildcardChild;
    parts.relative_owner = {3, 'W', 'w', 'w'};
    RRsetValue weighted;
    weighted.ttl = 60;
    weighted.records = {address(1), address(2)};
    weighted.weights = {10, 3};
    weighted.answer_count = 1;
    RRsetValue text;
    text.records = {{1, 'x'}};
    RRsetValue hidden;
    hidden.hidden = true;
    // Not in order: pack sorts.
    parts.entries.push_back(make_entry(RRType::AAAA, hidden));
    parts.entries.push_back(make_entry(RRType::TXT, text));
    parts.entries.push_back(make_entry(RRType::A, weighted));
    return parts;
}

TEST(Node, WhatIsPackedIsReadBack) {
    const std::vector<std::uint8_t> octets = sample().pack();
    const auto node = NodeView::check(octets);
    ASSERT_TRUE(node);
    EXPECT_EQ(node->octets().size(), octets.size());
    EXPECT_TRUE(node->has(kNodeWildcardChild));
    EXPECT_FALSE(node->has(kNodePolicy));
    EXPECT_EQ(base::as_text(node->relative_owner()), "\3Www");
    std::vector<RRType> types;
    for (const NodeEntry entry : *node) types.push_back(entry.rrset.type());
    EXPECT_EQ(types, (std::vector<RRType>{RRType::A, RRType::TXT, RRType::AAAA}));
    const auto a = node->find(RRType::A);
    ASSERT_TRUE(a);
    EXPECT_EQ(a->answer_count, 1);
    EXPECT_EQ(a->weight(0), 10);
    EXPECT_EQ(a->weight(1), 3);
    EXPECT_TRUE(node->find(RRType::AAAA)->hidden());
    EXPECT_FALSE(node->find(RRType::MX));
    EXPECT_FALSE(node->find(RRType::URI));
    NodeParts parts(*node);
    EXPECT_EQ(parts.pack(), octets);
    parts.erase(RRType::A);
    EXPECT_EQ(parts.find(RRType::A), nullptr);
    EXPECT_EQ(parts.entries.size(), 2U);
}

TEST(Node, EmptyNonTerminalHoldsNothing) {
    NodeParts parts;
    const auto octets = parts.pack();
    const auto node = NodeView::check(octets);
    ASSERT_TRUE(node);
    EXPECT_TRUE(node->empty());
    EXPECT_TRUE(node->begin() == node->end());
}

TEST(Node, EveryTruncationAndEveryLengthThatLiesIsRefused) {
    const std::vector<std::uint8_t> octets = sample().pack();
    for (std::size_t size = 0; size < octets.size(); ++size) {
        const std::vector<std::uint8_t> cut(octets.begin(),
                                            octets.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_FALSE(NodeView::check(cut)) << size;
    }
    std::vector<std::uint8_t> longer = octets;
    longer.push_back(0);
    EXPECT_FALSE(NodeView::check(longer));
    for (const std::size_t at : {std::size_t{1}, std::size_t{3}, std::size_t{7}, std::size_t{8}}) {
        std::vector<std::uint8_t> wrong = octets;
        ++wrong[at];
        EXPECT_FALSE(NodeView::check(wrong)) << at;
    }
}

TEST(Node, TypesOutOfOrderAreRefused) {
    std::vector<std::uint8_t> octets = sample().pack();
    // The type of the first entry stands behind header, owner and the entry's own header.
    octets[kNodeHeaderOctets + 4 + 4 + 1] = 28;
    EXPECT_FALSE(NodeView::check(octets));
}

TEST(NodeRules, SerialIsAlwaysNewerUnlessKept) {
    const base::WallTime now = base::from_unix_us(std::int64_t{1767614400} * 1000000);
    EXPECT_EQ(next_serial(7, "increment", now), 8U);
    EXPECT_EQ(next_serial(0xffffffff, "increment", now), 1U);
    EXPECT_EQ(next_serial(7, "date", now), 2026010500U);
    EXPECT_EQ(next_serial(2026010500, "date", now), 2026010501U);
    EXPECT_EQ(next_serial(2026010599, "date", now), 2026010600U);
    EXPECT_EQ(next_serial(7, "epoch", now), 1767614400U);
    EXPECT_EQ(next_serial(1767614400, "epoch", now), 1767614401U);
    EXPECT_EQ(next_serial(7, "keep", now), 7U);
}

// RFC 1982, 3.2: what is wanted counts only if it is newer than what was served.
TEST(NodeRules, SerialsAtTheEdges) {
    const base::WallTime now = base::from_unix_us(std::int64_t{1767614400} * 1000000);
    // Ahead of the clock: one more, not back.
    EXPECT_EQ(next_serial(1767614500, "epoch", now), 1767614501U);
    EXPECT_EQ(next_serial(2026010501, "date", now), 2026010502U);
    EXPECT_EQ(next_serial(2027123199, "date", now), 2027123200U);
    // Beyond half of the circle the clock is newer again.
    EXPECT_EQ(next_serial(1767614400U + 0x80000001U, "epoch", now), 1767614400U);
    // Exactly half of it is neither newer nor older: one more.
    EXPECT_EQ(next_serial(1767614400U + 0x80000000U, "epoch", now), 1767614401U + 0x80000000U);
    EXPECT_EQ(next_serial(0, "increment", now), 1U);
    EXPECT_EQ(next_serial(0xfffffffe, "increment", now), 0xffffffffU);
    EXPECT_EQ(next_serial(0xffffffff, "keep", now), 0xffffffffU);
    for (const std::uint32_t serial :
         {0U, 1U, 0x7fffffffU, 0x80000000U, 0xffffffffU, 2026010599U}) {
        for (const char* edit : {"increment", "date", "epoch"}) {
            EXPECT_TRUE(dns::serial_newer(next_serial(serial, edit, now), serial))
                << serial << " " << edit;
        }
    }
}

TEST(NodeRules, OverlayReplacesByTypeAndHides) {
    NodeParts base;
    RRsetValue first;
    first.records = {address(1)};
    RRsetValue text;
    text.records = {{1, 'x'}};
    base.entries = {make_entry(RRType::A, first), make_entry(RRType::TXT, text)};
    NodeParts overlay;
    RRsetValue second;
    second.records = {address(2)};
    RRsetValue hidden;
    hidden.hidden = true;
    overlay.entries = {make_entry(RRType::A, second), make_entry(RRType::TXT, hidden)};
    NodeParts merged = merge_nodes(base, overlay);
    ASSERT_EQ(merged.entries.size(), 1U);
    EXPECT_TRUE(merged.entries[0].rrset.contains(address(2)));
    EXPECT_EQ(merge_nodes(base, std::nullopt).entries.size(), 2U);
    EXPECT_EQ(merge_nodes(std::nullopt, overlay).entries.size(), 1U);
}

}  // namespace
}  // namespace zones
