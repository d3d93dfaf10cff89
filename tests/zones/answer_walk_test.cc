#include "zones/answer_walk.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace zones {
namespace {

constexpr ZoneId kBase = 1;
constexpr ZoneId kOverlay = 2;
constexpr ViewId kView = 7;

dns::Name name(const std::string& text) {
    const auto parsed = dns::Name::parse(text);
    EXPECT_TRUE(parsed) << text;
    return parsed ? *parsed : dns::Name();
}

/// Nodes of example. in memory, which counts what is asked for in vain.
class CountingSource : public NodeSource {
  public:
    void add(ZoneId zone, const std::string& owner, std::uint8_t flags, bool empty = false) {
        const dns::Name whole = name(owner);
        NodeParts parts;
        parts.flags = flags;
        const Octets relative = whole.octets().first(whole.size() - name("example.").size());
        parts.relative_owner.assign(relative.begin(), relative.end());
        if (!empty) {
            parts.entries.push_back({dns::RRset(dns::RRType::A, 300), 0, 0, {}});
            const std::uint8_t address[] = {192, 0, 2, 1};
            EXPECT_TRUE(parts.entries.back().rrset.add(address));
        }
        nodes_[{zone, parts.relative_owner}] = parts.pack();
    }

    [[nodiscard]] NodeFound find(ZoneId zone, Octets relative_owner) override {
        const auto found = nodes_.find(
            {zone, std::vector<std::uint8_t>(relative_owner.begin(), relative_owner.end())});
        if (found == nodes_.end()) {
            ++in_vain;
            return {};
        }
        return {Presence::Present, NodeView(found->second.data())};
    }
    [[nodiscard]] Presence has_descendant(ZoneId, Octets) override { return Presence::Absent; }
    [[nodiscard]] NodeFound predecessor(ZoneId, Octets, dns::RRType,
                                        const dns::Nsec3Parameters*) override {
        return {};
    }
    [[nodiscard]] bool may_wait() const override { return true; }
    void release() override {}

    int in_vain = 0;

  private:
    std::map<std::pair<ZoneId, std::vector<std::uint8_t>>, std::vector<std::uint8_t>> nodes_;
};

struct Expected {
    WalkEnd end;
    int in_vain;  // at most
};

class AnswerWalk : public testing::Test {
  protected:
    void walk(const std::string& qname, ViewId view, const Expected& expected) {
        const auto table =
            ZoneTable::build({ZoneRow{name("example."), kBase, {{kView, kOverlay}}}});
        const ZoneEntry& zone = *table->find_exact(name("example."));
        source_.in_vain = 0;
        const dns::Name owner = name(qname);
        Walk out;
        walk_zone(source_, zone, layers_of(zone, view), owner.view(), dns::LabelOffsets(owner),
                  dns::RRType::A, false, nullptr, out);
        EXPECT_EQ(out.end, expected.end) << qname;
        EXPECT_LE(source_.in_vain, expected.in_vain) << qname;
    }

    /// So many labels above what follows.
    static std::string below(int labels, const std::string& rest) {
        std::string out;
        for (int i = 0; i < labels; ++i) out += "x.";
        return out + rest;
    }

    CountingSource source_;
};

TEST_F(AnswerWalk, FewLookUpsAreInVainHoweverManyLabels) {
    source_.add(kBase, "example.", 0);
    source_.add(kBase, "a.example.", 0);
    source_.add(kBase, "w.example.", kNodeWildcardChild, true);
    source_.add(kBase, "*.w.example.", 0);
    for (const int labels : {1, 10, 110}) {
        walk(below(labels, "example."), kDefaultView, {WalkEnd::Absent, 1});
        walk(below(labels, "a.example."), kDefaultView, {WalkEnd::Absent, 1});
        walk(below(labels, "w.example."), kDefaultView, {WalkEnd::Wildcard, 1});
    }
}

TEST_F(AnswerWalk, AnOverlayIsAskedUntilItEnds) {
    source_.add(kBase, "example.", kNodeWildcardChild);
    source_.add(kBase, "*.example.", 0);
    // Deep names that only one layer holds.
    source_.add(kOverlay, "o.example.", kNodeWildcardChild);
    source_.add(kOverlay, "*.o.example.", 0);
    for (int labels = 0; labels < 100; ++labels) {
        source_.add(kBase, below(labels, "base.example."), 0, true);
        source_.add(kOverlay, below(labels, "over.example."), 0, true);
    }
    walk(below(99, "base.example."), kView, {WalkEnd::Exact, 1});
    walk(below(99, "over.example."), kView, {WalkEnd::Exact, 1});
    walk(below(110, "base.example."), kView, {WalkEnd::Absent, 2});
    walk(below(110, "over.example."), kView, {WalkEnd::Absent, 2});
    walk(below(110, "none.example."), kView, {WalkEnd::Wildcard, 3});
    walk(below(110, "o.example."), kView, {WalkEnd::Wildcard, 2});
    walk(below(110, "o.example."), kDefaultView, {WalkEnd::Wildcard, 1});
}

}  // namespace
}  // namespace zones
