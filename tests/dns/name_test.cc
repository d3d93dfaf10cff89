#include "dns/name.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"

namespace dns {
namespace {

std::vector<std::uint8_t> octets(std::string_view text) {
    const base::Octets raw = base::as_octets(text);
    return {raw.begin(), raw.end()};
}

Name name(std::string_view text) {
    return *Name::parse(text);
}

TEST(Name, ParsesAndWritesPresentationForm) {
    const struct {
        const char* text;
        const char* written;
    } cases[] = {
        {".", "."},
        {"example.com.", "example.com."},
        {"WwW.Example.", "WwW.Example."},
        {"a\\.b.c.", "a\\.b.c."},
        {"\\097.b.", "a.b."},
        {"\\000\\255.x.", "\\000\\255.x."},
        {"*.wild.", "*.wild."},
        {"sp\\032ace.", "sp\\032ace."},
        {"\\@.\\\".", "\\@.\\\"."},
    };
    for (const auto& c : cases) {
        const auto parsed = Name::parse(c.text);
        ASSERT_TRUE(parsed) << c.text;
        EXPECT_EQ(parsed->to_text(), c.written);
        EXPECT_EQ(*Name::parse(parsed->to_text()), *parsed);
    }
}

TEST(Name, RelativeTextIsCompletedWithTheOrigin) {
    const Name origin = name("example.com.");
    EXPECT_EQ(Name::parse("www", origin)->to_text(), "www.example.com.");
    EXPECT_EQ(Name::parse("@", origin)->to_text(), "example.com.");
    EXPECT_EQ(Name::parse("www.", origin)->to_text(), "www.");
}

TEST(Name, RefusesWhatIsNoName) {
    const std::string label63(63, 'a');
    const std::string label64(64, 'a');
    const std::string longest =
        label63 + "." + label63 + "." + label63 + "." + std::string(61, 'a') + ".";
    EXPECT_EQ(Name::parse(longest)->size(), 255U);
    for (const std::string& text :
         {std::string(), std::string(".."), std::string("a..b"), std::string(".a"), label64 + ".",
          "a" + longest, std::string("a\\"), std::string("a\\25"), std::string("a\\256.")}) {
        EXPECT_FALSE(Name::parse(text)) << text;
    }
}

TEST(Name, HoldsOneHundredAndTwentySevenLabels) {
    std::string text;
    for (int i = 0; i < 127; ++i) text += "a.";
    const auto parsed = Name::parse(text);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->view().label_count(), 127U);
    EXPECT_EQ(LabelOffsets(*parsed).count, 127);
    EXPECT_EQ(parsed->size(), 255U);
    EXPECT_FALSE(Name::parse("b." + text));
}

TEST(Name, ReadFollowsPointersBackwardsOnly) {
    // 0: "com." 5: "a" -> 0, 9: pointer to 5
    const auto message = octets(std::string("\3com\0\1a\xc0\0\xc0\5", 11));
    std::size_t offset = 9;
    const auto read = Name::read(message, offset);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->to_text(), "a.com.");
    EXPECT_EQ(offset, 11U);
}

TEST(Name, ReadFailsAndLeavesTheOffset) {
    const struct {
        const char* why;
        std::string message;
        std::size_t offset;
        WireError error;
    } cases[] = {
        {"pointer to itself", std::string("\xc0\0", 2), 0, WireError::BadPointer},
        {"pointer forward", std::string("\xc0\4\0\0\0", 5), 0, WireError::BadPointer},
        {"loop of two", std::string("\1a\xc0\4\1b\xc0\0", 8), 4, WireError::BadPointer},
        {"cut in a label", std::string("\3co", 3), 0, WireError::Truncated},
        {"no end", std::string("\1a", 2), 0, WireError::Truncated},
        {"half a pointer", std::string("\0\xc0", 2), 1, WireError::Truncated},
        {"label type 01", std::string("\x41x\0", 3), 0, WireError::BadLabel},
        {"label type 10", std::string("\x81x\0", 3), 0, WireError::BadLabel},
        {"nothing", std::string(), 0, WireError::Truncated},
    };
    for (const auto& c : cases) {
        std::size_t offset = c.offset;
        const auto message = octets(c.message);
        const auto read = Name::read(message, offset);
        ASSERT_FALSE(read) << c.why;
        EXPECT_EQ(read.error(), c.error) << c.why;
        EXPECT_EQ(offset, c.offset) << c.why;
    }
}

TEST(Name, ReadRefusesMoreThan255OctetsThroughPointers) {
    std::vector<std::uint8_t> message;
    for (int i = 0; i < 5; ++i) {
        message.push_back(63);
        message.insert(message.end(), 63, 'a');
        if (i == 3) message.push_back(0);
    }
    std::size_t offset = 0;
    const auto read = Name::read(message, offset);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error(), WireError::NameTooLong);
}

TEST(Name, ComparesAndHashesWithoutCase) {
    EXPECT_EQ(name("WWW.Example.COM."), name("www.example.com."));
    EXPECT_EQ(name("WWW.Example.COM.").view().hash(7), name("www.example.com.").view().hash(7));
    EXPECT_NE(name("www.example.com.").view().hash(7), name("www.example.net.").view().hash(7));
    // '@' and '`', '[' and '{' differ by the case bit but are no letters.
    EXPECT_FALSE(name("\\@.") == name("`."));
    EXPECT_FALSE(name("[.") == name("{."));
    EXPECT_NE(name("\\@.").view().hash(), name("`.").view().hash());
    // Octets above 127 have no case either.
    EXPECT_FALSE(name("\\193.") == name("\\225."));
}

TEST(Name, SuffixesStartAtLabels) {
    const Name zone = name("example.com.");
    EXPECT_TRUE(name("a.EXAMPLE.com.").view().is_at_or_below(zone));
    EXPECT_TRUE(zone.view().is_at_or_below(zone));
    EXPECT_TRUE(zone.view().is_at_or_below(NameView()));
    EXPECT_FALSE(name("badexample.com.").view().is_at_or_below(zone));
    EXPECT_FALSE(name("com.").view().is_at_or_below(zone));
    // The octets of the ancestor occur, but inside a label.
    EXPECT_FALSE(name("a\\007example\\003com.").view().is_at_or_below(zone));
}

TEST(Name, CanonicalOrderOfRfc4034Section61) {
    const char* const ordered[] = {"example.",         "a.example.",      "yljkjljk.a.example.",
                                   "Z.a.example.",     "zABC.a.EXAMPLE.", "z.example.",
                                   "\\001.z.example.", "*.z.example.",    "\\200.z.example."};
    for (std::size_t i = 0; i < std::size(ordered); ++i) {
        for (std::size_t k = 0; k < std::size(ordered); ++k) {
            const int order = name(ordered[i]).view().compare(name(ordered[k]));
            EXPECT_EQ(order < 0, i < k) << ordered[i] << " " << ordered[k];
            EXPECT_EQ(order == 0, i == k) << ordered[i] << " " << ordered[k];
        }
    }
}

TEST(Name, SubstituteAndPrependRespectTheLimit) {
    const auto to = name("b.example.");
    EXPECT_EQ(Name::substitute(name("x.y.a.example."), name("a.example."), to)->to_text(),
              "x.y.b.example.");
    const std::string label63(63, 'a');
    const Name longest =
        name(label63 + "." + label63 + "." + label63 + "." + std::string(61, 'a') + ".");
    EXPECT_FALSE(Name::wildcard_of(longest));
    EXPECT_FALSE(Name::substitute(longest, NameView(), to));
    EXPECT_EQ(Name::wildcard_of(to)->to_text(), "*.b.example.");
    EXPECT_TRUE(Name::wildcard_of(to)->view().is_wildcard());
}

TEST(Name, RandomNamesSurviveTextAndWire) {
    base::Random random(1);
    for (int round = 0; round < 5000; ++round) {
        Name made;
        const std::uint32_t labels = random.below(6);
        for (std::uint32_t i = 0; i < labels; ++i) {
            std::vector<std::uint8_t> label(1 + random.below(20));
            for (auto& octet : label) octet = static_cast<std::uint8_t>(random.below(256));
            const auto longer = Name::prepend(label, made);
            ASSERT_TRUE(longer);
            made = *longer;
        }
        const auto parsed = Name::parse(made.to_text());
        ASSERT_TRUE(parsed) << made.to_text();
        ASSERT_TRUE(std::equal(made.octets().begin(), made.octets().end(), parsed->octets().begin(),
                               parsed->octets().end()));
        std::size_t offset = 0;
        const auto read = Name::read(made.octets(), offset);
        ASSERT_TRUE(read);
        EXPECT_EQ(offset, made.size());
        const auto checked = NameView::check(made.octets());
        ASSERT_TRUE(checked);
        EXPECT_EQ(checked->size(), made.size());
        for (std::size_t cut = 0; cut < made.size(); ++cut) {
            EXPECT_FALSE(NameView::check(made.octets().first(cut)));
        }
    }
}

}  // namespace
}  // namespace dns
