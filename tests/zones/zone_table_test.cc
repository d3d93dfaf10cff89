#include "zones/zone_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace zones {
namespace {

dns::Name name(std::string_view text) {
    auto parsed = dns::Name::parse(text);
    EXPECT_TRUE(parsed) << text;
    return parsed ? *parsed : dns::Name();
}

ZoneRow entry(std::string_view apex, ZoneId base, std::vector<ZoneEntry::Variant> variants = {}) {
    return {name(apex), base, std::move(variants)};
}

std::string found(const ZoneTable& table, std::string_view qname, ViewId view = kDefaultView,
                  bool above = false) {
    const ZoneEntry* entry = table.find(name(qname), view, above);
    return entry == nullptr ? "-" : entry->apex().to_text();
}

TEST(ZoneTable, LongestMatchInTheViewWins) {
    const auto table = ZoneTable::build(
        {entry("example.", 1), entry("sub.example.", 2), entry("in.sub.example.", 0, {{7, 3}})});
    EXPECT_EQ(found(*table, "www.SUB.example."), "sub.example.");
    EXPECT_EQ(found(*table, "sub.example."), "sub.example.");
    EXPECT_EQ(found(*table, "subs.example."), "example.");
    EXPECT_EQ(found(*table, "test."), "-");
    EXPECT_EQ(found(*table, "."), "-");
    EXPECT_EQ(found(*table, "a.in.sub.example."), "sub.example.");
    EXPECT_EQ(found(*table, "a.in.sub.example.", 7), "in.sub.example.");
}

TEST(ZoneTable, QuestionForDsIsTheParents) {
    const auto table =
        ZoneTable::build({entry(".", 9), entry("example.", 1), entry("sub.example.", 2)});
    EXPECT_EQ(found(*table, "sub.example.", kDefaultView, true), "example.");
    EXPECT_EQ(found(*table, "example.", kDefaultView, true), ".");
    EXPECT_EQ(found(*table, ".", kDefaultView, true), "-");
    EXPECT_EQ(found(*table, "."), ".");
}

TEST(ZoneTable, AHintChangesNothing) {
    std::mt19937 random(11);
    const std::vector<std::string> labels = {"a.", "B.", "aa.", "c."};
    const auto random_name = [&] {
        std::string text;
        for (auto count = random() % 5; count > 0; --count) text += labels[random() % 4];
        return text.empty() ? std::string(".") : text;
    };
    for (int round = 0; round < 300; ++round) {
        std::map<std::string, ZoneRow> rows;
        for (auto count = random() % 6; count > 0; --count) {
            const std::string apex = random_name();
            const bool everywhere = random() % 3 != 0;
            rows[name(apex).to_text()] = everywhere ? entry(apex, 1) : entry(apex, 0, {{7, 3}});
        }
        std::vector<ZoneRow> list;
        for (const auto& row : rows) list.push_back(row.second);
        const auto table = ZoneTable::build(list);
        std::vector<const ZoneEntry*> hints = {nullptr};
        table->for_each([&hints](const ZoneEntry& each) { hints.push_back(&each); });
        for (int i = 0; i < 40; ++i) {
            const dns::Name qname = name(random_name());
            const ViewId view = random() % 2 == 0 ? kDefaultView : 7;
            const ZoneEntry* hint = hints[random() % hints.size()];
            EXPECT_EQ(table->find_near(hint, qname, dns::LabelOffsets(qname), view),
                      table->find(qname, view))
                << qname.to_text();
        }
    }
}

TEST(ZoneTable, OldTablesStayAsTheyAre) {
    const ZoneTable empty;
    const auto one = empty.with(entry("example.", 1));
    const auto two = one->with(entry("Example.", 5));
    const auto none = two->without(name("EXAMPLE."));
    EXPECT_EQ(empty.size(), 0U);
    EXPECT_EQ(one->find_exact(name("example."))->base(), 1U);
    EXPECT_EQ(two->find_exact(name("example."))->base(), 5U);
    EXPECT_EQ(two->size(), 1U);
    EXPECT_EQ(none->size(), 0U);
    EXPECT_EQ(none->find_exact(name("example.")), nullptr);
    EXPECT_EQ(none->without(name("example."))->size(), 0U);
}

TEST(ZoneTable, AgreesWithAMapUnderRandomChanges) {
    std::mt19937 random(3);
    auto table = std::make_shared<const ZoneTable>();
    std::map<std::string, ZoneId> model;
    for (ZoneId step = 1; step <= 3000; ++step) {
        const std::string apex =
            "z" + std::to_string(random() % 300) + (random() % 2 == 0 ? ".a." : ".");
        if (random() % 3 == 0) {
            table = table->without(name(apex));
            model.erase(apex);
        } else {
            table = table->with(entry(apex, step));
            model[apex] = step;
        }
        ASSERT_EQ(table->size(), model.size());
    }
    for (const auto& item : model) {
        const ZoneEntry* here = table->find(name("x.y." + item.first), kDefaultView);
        ASSERT_NE(here, nullptr);
        EXPECT_EQ(here->base(), item.second);
    }
}

TEST(ZoneTable, EditsManyAtOnceAndTheLastOfAnApexCounts) {
    const auto table = ZoneTable::build({entry("a.", 1), entry("b.", 2), entry("c.", 3)});
    const auto edited = table->edited({{entry("a.", 4), false},
                                       {entry("b.", 0), true},
                                       {entry("d.", 5), false},
                                       {entry("A.", 6, {{7, 8}}), false},
                                       {entry("e.", 9), false},
                                       {entry("e.", 0), true}});
    EXPECT_EQ(edited->size(), 3U);
    EXPECT_EQ(edited->find_exact(name("a."))->base(), 6U);
    EXPECT_EQ(edited->find_exact(name("a."))->variant(7), 8U);
    EXPECT_EQ(edited->find_exact(name("b.")), nullptr);
    EXPECT_EQ(edited->find_exact(name("c."))->base(), 3U);
    EXPECT_EQ(edited->find_exact(name("d."))->base(), 5U);
    EXPECT_EQ(edited->find_exact(name("e.")), nullptr);
    std::map<std::string, ZoneId> all;
    edited->for_each([&all](const ZoneEntry& each) { all[each.apex().to_text()] = each.base(); });
    EXPECT_EQ(all, (std::map<std::string, ZoneId>{{"A.", 6}, {"c.", 3}, {"d.", 5}}));
}

}  // namespace
}  // namespace zones
