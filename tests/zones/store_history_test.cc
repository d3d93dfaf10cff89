// Reverts of each kind of change, conflicts, what comes back after deletions and replacements, and
// random histories undone to a random revision.
#include <map>
#include <random>
#include <set>

#include "tests/zones/steering_documents.h"
#include "tests/zones/store_fixture.h"

namespace zones_test {
namespace {

using dns::RRType;
using Kind = zones::ChangeFault::Kind;

zones::RevertRevision revert(zones::Revision revision) {
    return {revision};
}
zones::RevertZone revert_zone(zones::Revision to, std::string_view apex = "example.") {
    return {name(apex), to};
}
zones::PutPolicy policy(std::string_view owner, std::string view = "") {
    return {name("example."), name(owner), "ADDRESS", std::move(view), kPolicy};
}

class StoreHistory : public StoreTest {
  protected:
    void SetUp() override {
        StoreTest::SetUp();
        base_ = must(changes(zones::PutDocument{"views", "v", R"({"name":"v"})"},
                             zones::PutDocument{"pools", "fra", kPool}));
    }

    zones::Revision load(const std::vector<std::pair<std::string, std::string>>& hosts,
                         std::uint32_t serial) {
        auto loader = store_->begin_load(name("example."));
        EXPECT_TRUE(loader);
        if (!loader) return 0;
        const auto add_one = [&](std::string_view owner, RRType type, const std::string& text) {
            const auto message = (*loader)->add(name(owner), type, 300, rdata(type, text));
            EXPECT_FALSE(message) << message.value_or("");
        };
        add_one("example.", RRType::SOA,
                "ns1.example.net. hostmaster.example. " + std::to_string(serial) +
                    " 7200 3600 1209600 300");
        add_one("example.", RRType::NS, "ns1.example.net.");
        for (const auto& host : hosts) add_one(host.first, RRType::A, host.second);
        auto finished = (*loader)->finish();
        EXPECT_TRUE(finished);
        return finished ? must(changes(finished->operation)) : 0;
    }

    /// Everything that the API shows of the zone, without the serial.
    std::string state() {
        const auto reader = store_->read();
        const auto info = reader->zone(name("example."));
        EXPECT_TRUE(info);
        if (!info || !*info) return "none";
        std::string out = (*info)->soa_edit + "|" + (*info)->comment + "|" + (*info)->view + "\n";
        for (const std::string view : {"", "v"}) {
            const auto rrsets = reader->rrsets(name("example."), view, std::nullopt, 100000);
            EXPECT_TRUE(rrsets);
            for (const zones::RRsetInfo& rrset : *rrsets) {
                out += view + " " + rrset.name.to_text() + " " + dns::to_text(rrset.type) + " " +
                       std::to_string(rrset.value.ttl) + (rrset.value.hidden ? " hidden" : "");
                for (const auto& record : rrset.value.records) {
                    std::vector<std::uint8_t> octets = record;
                    if (rrset.type == RRType::SOA) {
                        std::fill_n(octets.end() - 20, 4, std::uint8_t{0});
                    }
                    out += " " + dns::format_rdata(rrset.type, octets);
                }
                out += "\n";
            }
            const auto policies = reader->policies(name("example."), view);
            EXPECT_TRUE(policies);
            for (const zones::PolicyInfo& info_of : *policies) {
                out += view + " policy " + info_of.name.to_text() + " " + info_of.json + "\n";
            }
        }
        return out;
    }

    /// The RRsets of the zone or of an overlay, each as text.
    using RRsets = std::map<std::string, std::string>;
    static std::string text(RRType type, const zones::RRsetValue& value) {
        std::string out = std::to_string(value.ttl) + (value.hidden ? " hidden" : "");
        for (const auto& record : value.records) out += " " + dns::format_rdata(type, record);
        return out;
    }
    RRsets rrsets(const std::string& view) {
        RRsets out;
        const auto all = store_->read()->rrsets(name("example."), view, std::nullopt, 100000);
        EXPECT_TRUE(all);
        for (const zones::RRsetInfo& rrset : *all) {
            out[rrset.name.to_text() + " " + dns::to_text(rrset.type)] =
                text(rrset.type, rrset.value);
        }
        return out;
    }
    /// How `after` differs from `before`, a line each.
    static std::set<std::string> difference(const RRsets& before, const RRsets& after) {
        std::set<std::string> out;
        for (const auto& rrset : before) {
            const auto now = after.find(rrset.first);
            if (now != after.end() && now->second == rrset.second) continue;
            out.insert(rrset.first + ": " + rrset.second + " -> " +
                       (now == after.end() ? "-" : now->second));
        }
        for (const auto& rrset : after) {
            if (before.count(rrset.first) == 0) {
                out.insert(rrset.first + ": - -> " + rrset.second);
            }
        }
        return out;
    }
    /// The same as the store tells it, in pages; canonical order is checked.
    std::set<std::string> told(const std::string& view, zones::Revision from, zones::Revision to,
                               std::size_t limit) {
        std::set<std::string> out;
        const auto reader = store_->read();
        std::optional<zones::StoreReader::Position> after;
        for (int pages = 0; pages < 10000; ++pages) {
            const auto page = reader->diff(name("example."), view, from, to, after, limit);
            EXPECT_TRUE(page) << page.error().message;
            if (!page) return out;
            EXPECT_LE(page->rrsets.size(), limit);
            for (const zones::RRsetDiff& rrset : page->rrsets) {
                const std::string line =
                    rrset.name.to_text() + " " + dns::to_text(rrset.type) + ": " +
                    (rrset.before ? text(rrset.type, *rrset.before) : "-") + " -> " +
                    (rrset.after ? text(rrset.type, *rrset.after) : "-");
                EXPECT_TRUE(out.insert(line).second) << "told twice: " << line;
            }
            if (!page->next) return out;
            after = page->next;
        }
        ADD_FAILURE() << "the pages do not end";
        return out;
    }

    zones::Revision base_ = 0;
};

TEST_F(StoreHistory, RRsetComesBackAndTheSerialGoesOn) {
    must(changes(zone("example."), put("example.", "www.example.", RRType::A, {"192.0.2.1"})));
    const std::string before = state();
    const auto revision =
        must(changes(put("example.", "www.example.", RRType::A, {"192.0.2.2"}),
                     put("example.", "new.example.", RRType::TXT, {"\"x\""}),
                     put("example.", "www.example.", RRType::A, {"192.0.2.9"}, "v")));
    const std::string after = state();
    const std::uint32_t serial_then = serial("example.");
    const auto reverted = must(changes(revert(revision)));
    EXPECT_EQ(state(), before);
    EXPECT_GT(serial("example."), serial_then);
    EXPECT_EQ(find("example.", "new.example."), "Absent");
    // A revert is a change set like any other.
    must(changes(revert(reverted)));
    EXPECT_EQ(state(), after);
    reopen();
    EXPECT_EQ(state(), after);
}

TEST_F(StoreHistory, DryRunTellsWhatItWouldDo) {
    must(changes(zone("example.")));
    const auto revision = must(changes(put("example.", "www.example.", RRType::A, {"192.0.2.1"})));
    auto set = changes(revert(revision));
    set.dry_run = true;
    const auto result = commit(std::move(set));
    ASSERT_TRUE(result) << faults(result);
    EXPECT_NE(result->diff.find("www.example."), std::string::npos) << result->diff;
    EXPECT_NE(rrset("example.", "www.example.", RRType::A), "-");
}

TEST_F(StoreHistory, WhatWasChangedSinceIsAConflictAndNothingIsDone) {
    must(changes(zone("example.")));
    const auto revision = must(changes(put("example.", "a.example.", RRType::A, {"192.0.2.1"}),
                                       put("example.", "b.example.", RRType::A, {"192.0.2.1"}),
                                       put("example.", "c.example.", RRType::A, {"192.0.2.1"})));
    must(changes(put("example.", "a.example.", RRType::A, {"192.0.2.7"}),
                 erase("example.", "c.example.", RRType::A)));
    const std::string before = state();
    const auto result = commit(changes(revert(revision)));
    ASSERT_FALSE(result);
    EXPECT_EQ(kind(result), Kind::Conflict);
    EXPECT_EQ(result.error().faults.size(), 2U) << faults(result);
    EXPECT_TRUE(result.error().faults.front().pointer.starts_with("/operations/"));
    EXPECT_EQ(state(), before);
}

TEST_F(StoreHistory, UnknownRevisionIsNotFound) {
    must(changes(zone("example.")));
    EXPECT_EQ(kind(commit(changes(revert(99)))), Kind::NotFound);
    EXPECT_EQ(kind(commit(changes(revert_zone(99)))), Kind::NotFound);
    EXPECT_EQ(kind(commit(changes(revert_zone(1, "nowhere.")))), Kind::NotFound);
}

TEST_F(StoreHistory, PropertiesAndDocumentsComeBack) {
    must(changes(zone("example.")));
    const std::string before = state();
    zones::PutZone edit;
    edit.apex = name("example.");
    edit.comment = "changed \"here\"";
    edit.soa_edit = "epoch";
    const auto revision = must(changes(edit));
    must(changes(revert(revision)));
    EXPECT_EQ(state(), before);

    const auto gone = must(changes(zones::DeleteDocument{"pools", "fra"}));
    must(changes(revert(gone)));
    const auto pool = store_->read()->document("pools", "fra");
    ASSERT_TRUE(pool && *pool);
    EXPECT_EQ((*pool)->json, kPool);
    EXPECT_EQ(kind(commit(changes(revert(gone)))), Kind::Conflict);
}

TEST_F(StoreHistory, OtherFieldsOfTheSoaComeBack) {
    must(changes(zone("example.")));
    const std::string before = state();
    const auto revision = must(changes(
        put("example.", "example.", RRType::SOA, {"ns9.example.net. x.example. 77 1 2 3 4"})));
    must(changes(put("example.", "www.example.", RRType::A, {"192.0.2.1"})));
    const std::uint32_t served = serial("example.");
    must(changes(revert(revision)));
    EXPECT_GT(serial("example."), served);
    must(changes(erase("example.", "www.example.", RRType::A)));
    EXPECT_EQ(state(), before);
}

TEST_F(StoreHistory, CreationIsUndoneWhileNothingElseHasHappened) {
    const auto made =
        must(changes(zone("example."), put("example.", "www.example.", RRType::A, {"192.0.2.1"})));
    const std::string before = state();
    const auto removed = must(changes(revert(made)));
    EXPECT_EQ(state(), "none");
    EXPECT_EQ(find("example.", "www.example."), "no zone");
    must(changes(revert(removed)));
    EXPECT_EQ(state(), before);
    EXPECT_EQ(find("example.", "www.example."), "Present");
    EXPECT_EQ(kind(commit(changes(revert(made)))), Kind::Conflict);
}

TEST_F(StoreHistory, DeletedZoneComesBackWithPoliciesAndOverlays) {
    must(changes(zone("example."), put("example.", "www.example.", RRType::A, {"192.0.2.1"}),
                 put("example.", "www.example.", RRType::A, {"192.0.2.9"}, "v"),
                 policy("geo.example."), policy("geo.example.", "v"),
                 put("example.", "*.w.example.", RRType::A, {"192.0.2.3"})));
    const std::string before = state();
    const auto gone = must(changes(zones::DeleteZone{name("example.")}));
    EXPECT_EQ(state(), "none");
    reopen();
    const auto back = must(changes(revert(gone)));
    EXPECT_EQ(state(), before);
    EXPECT_EQ(find("example.", "geo.example."), "ENT");
    EXPECT_EQ(find("example.", "w.example."), "ENT*");
    // Redo, and once more.
    const auto again = must(changes(revert(back)));
    EXPECT_EQ(state(), "none");
    must(changes(revert(again)));
    EXPECT_EQ(state(), before);
    must(changes(zones::DeletePolicy{name("example."), name("geo.example."), "ADDRESS", ""},
                 zones::DeletePolicy{name("example."), name("geo.example."), "ADDRESS", "v"}));
    EXPECT_EQ(find("example.", "geo.example."), "Absent");
}

TEST_F(StoreHistory, ZoneMadeAnewIsInTheWay) {
    must(changes(zone("example.")));
    const auto gone = must(changes(zones::DeleteZone{name("example.")}));
    must(changes(zone("example.")));
    EXPECT_EQ(kind(commit(changes(revert(gone)))), Kind::Conflict);
}

TEST_F(StoreHistory, ReplacedDataComesBackAcrossEdits) {
    must(changes(zone("example."), put("example.", "old.example.", RRType::A, {"192.0.2.1"}),
                 policy("geo.example.")));
    const auto to = store_->read()->revision();
    const std::string before = state();
    must(changes(put("example.", "old.example.", RRType::A, {"192.0.2.2"})));
    const auto replaced = load({{"new.example.", "192.0.2.3"}}, 1);
    const std::string imported = state();
    const std::uint32_t served = serial("example.");
    const auto back = must(changes(revert(replaced)));
    EXPECT_EQ(rrset("example.", "old.example.", RRType::A), "300 192.0.2.2");
    EXPECT_EQ(find("example.", "new.example."), "Absent");
    EXPECT_EQ(find("example.", "geo.example."), "ENT");
    EXPECT_GT(serial("example."), served);
    must(changes(revert(back)));
    EXPECT_EQ(state(), imported);
    must(changes(put("example.", "new.example.", RRType::A, {"192.0.2.4"}),
                 zones::DeletePolicy{name("example."), name("geo.example."), "ADDRESS", ""}));
    EXPECT_EQ(kind(commit(changes(revert(replaced)))), Kind::Conflict);
    const std::string edited = state();
    const auto undone = must(changes(revert_zone(to)));
    EXPECT_EQ(state(), before);
    reopen();
    EXPECT_EQ(state(), before);
    must(changes(revert(undone)));
    EXPECT_EQ(state(), edited);
    EXPECT_EQ(find("example.", "geo.example."), "Absent");
}

TEST_F(StoreHistory, ZoneMadeByAnImportGoesAndComesBack) {
    const auto made = load({{"www.example.", "192.0.2.3"}}, 5);
    const std::string before = state();
    const auto gone = must(changes(revert(made)));
    EXPECT_EQ(state(), "none");
    must(changes(revert(gone)));
    EXPECT_EQ(state(), before);
    must(changes(revert_zone(base_)));
    EXPECT_EQ(state(), "none");
}

// An overlay that nothing is left in must not be taken for the data of the zone.
TEST_F(StoreHistory, ZoneMadeByAnImportGoesWithItsOverlays) {
    for (const bool deleted_between : {false, true}) {
        load({{"www.example.", "192.0.2.3"}}, 5);
        must(changes(policy("www.example.", "v")));
        const std::string before = state();
        const auto there = store_->read()->revision();
        if (deleted_between) {
            must(changes(zones::DeleteZone{name("example.")}));
            load({{"www.example.", "192.0.2.4"}}, 9);
        }
        const auto gone = must(changes(revert_zone(base_)));
        EXPECT_EQ(state(), "none");
        EXPECT_EQ(find("example.", "example."), "no zone");
        must(changes(revert(gone)));
        must(changes(revert_zone(there)));
        EXPECT_EQ(state(), before);
        must(changes(zones::DeleteZone{name("example.")}));
    }
}

TEST_F(StoreHistory, SerialOfAZoneMadeAnewDoesNotGoBack) {
    must(changes(zone("example."), put("example.", "a.example.", RRType::A, {"192.0.2.1"})));
    const auto to = store_->read()->revision();
    must(changes(zones::DeleteZone{name("example.")}));
    load({{"b.example.", "192.0.2.3"}}, 1000);
    must(changes(zones::DeleteZone{name("example.")}));
    must(changes(revert_zone(to)));
    EXPECT_EQ(rrset("example.", "a.example.", RRType::A), "300 192.0.2.1");
    EXPECT_GT(serial("example."), 1000U);
}

TEST_F(StoreHistory, DiffOfEditsReplacementAndDeletion) {
    const auto made =
        must(changes(zone("example."), put("example.", "a.example.", RRType::A, {"192.0.2.1"}),
                     put("example.", "b.example.", RRType::A, {"192.0.2.1"}),
                     put("example.", "a.example.", RRType::A, {"192.0.2.9"}, "v")));
    const RRsets base = rrsets("");
    const RRsets overlay = rrsets("v");
    must(changes(put("example.", "a.example.", RRType::A, {"192.0.2.2"})));
    must(changes(put("example.", "a.example.", RRType::A, {"192.0.2.1"})));
    const auto edited = must(changes(erase("example.", "b.example.", RRType::A)));
    // What was changed and changed back does not differ; the serial does.
    EXPECT_EQ(told("", made, edited, 100), difference(base, rrsets("")));
    EXPECT_EQ(told("", made, edited, 100).size(), 2U);
    EXPECT_EQ(told("", edited, made, 100), difference(rrsets(""), base));
    EXPECT_TRUE(told("v", made, edited, 100).empty());
    EXPECT_TRUE(told("", edited, edited, 100).empty());

    const auto replaced = load({{"b.example.", "192.0.2.1"}, {"c.example.", "192.0.2.3"}}, 1000);
    EXPECT_EQ(told("", made, replaced, 1), difference(base, rrsets("")));
    const auto gone = must(changes(zones::DeleteZone{name("example.")}));
    EXPECT_EQ(told("", made, gone, 2), difference(base, {}));
    EXPECT_EQ(told("v", made, gone, 2), difference(overlay, {}));
    EXPECT_EQ(told("", base_, made, 3), difference({}, base));
    // And back, with an edit of the data that was served before.
    must(changes(revert_zone(edited)));
    const auto last = must(changes(put("example.", "d.example.", RRType::A, {"192.0.2.4"})));
    EXPECT_EQ(told("", made, last, 2), difference(base, rrsets("")));
    EXPECT_EQ(told("", replaced, gone, 2).size(), 4U);
}

TEST_F(StoreHistory, DiffOfMuchGoesOnFromPageToPage) {
    must(changes(zone("example.")));
    const RRsets before = rrsets("");
    const auto from = store_->read()->revision();
    // More than one window, so that some pages begin where the window before ended.
    constexpr int kNames = 45000;
    constexpr int kEach = 5000;
    for (int done = 0; done < kNames; done += kEach) {
        zones::ChangeSet set;
        for (int i = done; i < done + kEach; ++i) {
            set.operations.push_back(
                {put("example.", "n" + std::to_string(i * 7919 % kNames) + ".example.", RRType::A,
                     {"192.0.2.1"}),
                 {}});
        }
        must(std::move(set));
    }
    const auto to = store_->read()->revision();
    const RRsets after = rrsets("");
    EXPECT_EQ(after.size(), before.size() + kNames);
    EXPECT_EQ(told("", from, to, 10000), difference(before, after));
    EXPECT_EQ(told("", to, from, 10000), difference(after, before));
}

TEST_F(StoreHistory, ListingsFilter) {
    auto made = changes(zone("example."), zone("other."));
    made.author = "alice";
    made.time = base::from_unix_us(1000);
    const auto first = must(std::move(made));
    auto edit = changes(put("example.", "a.example.", RRType::A, {"192.0.2.1"}));
    edit.author = "bob";
    edit.time = base::from_unix_us(2000);
    const auto second = must(std::move(edit));
    auto third_set = changes(put("other.", "a.other.", RRType::A, {"192.0.2.1"}));
    third_set.author = "bob";
    third_set.time = base::from_unix_us(3000);
    const auto third = must(std::move(third_set));
    const auto fourth = load({{"b.example.", "192.0.2.1"}}, 1000);

    const auto listed = [this](const zones::ChangeFilter& filter) {
        const auto page = store_->read()->changes(0, 100, filter);
        EXPECT_TRUE(page);
        std::vector<zones::Revision> revisions;
        for (const zones::JournalEntry& entry : page->entries) revisions.push_back(entry.revision);
        EXPECT_EQ(page->before, 0U);
        return revisions;
    };
    using Revisions = std::vector<zones::Revision>;
    zones::ChangeFilter filter;
    filter.author = "bob";
    EXPECT_EQ(listed(filter), (Revisions{third, second}));
    filter.zone = name("example.");
    EXPECT_EQ(listed(filter), (Revisions{second}));
    filter = {};
    filter.since = third;
    EXPECT_EQ(listed(filter), (Revisions{fourth, third}));
    filter = {};
    filter.author = "bob";
    filter.from = base::from_unix_us(2500);
    EXPECT_EQ(listed(filter), (Revisions{third}));
    filter = {};
    filter.resource.emplace();
    filter.resource->zone = name("example.");
    filter.resource->name = name("A.example.");
    filter.resource->type = RRType::A;
    EXPECT_EQ(listed(filter), (Revisions{fourth, second}));
    filter.resource->view = "v";
    EXPECT_EQ(listed(filter), Revisions{});
    filter = {};
    filter.resource.emplace();
    filter.resource->kind = zones::ChangeFilter::Resource::Kind::Document;
    filter.resource->label = "pools";
    filter.resource->id = "fra";
    EXPECT_EQ(listed(filter), (Revisions{base_}));
    EXPECT_LT(base_, first);
}

TEST_F(StoreHistory, RandomHistoriesAreUndone) {
    const char* wanted = std::getenv("MERIDIAN_HISTORY_STEPS");
    const int steps = wanted == nullptr ? 50 : std::atoi(wanted);
    for (const unsigned seed : {1U, 2U}) {
        std::mt19937 random(seed);
        must(changes(zone("example."), put("example.", "seed.example.", RRType::A,
                                           {"192.0.2." + std::to_string(seed)})));
        std::vector<std::pair<zones::Revision, std::string>> known;
        known.emplace_back(store_->read()->revision(), state());
        std::map<zones::Revision, std::pair<RRsets, RRsets>> data;
        data[known.back().first] = {rrsets(""), rrsets("v")};
        for (int step = 0; step < steps; ++step) {
            const std::string owner = std::string(1, static_cast<char>('a' + random() % 3)) +
                                      (random() % 3 == 0 ? ".x" : "") + ".example.";
            const std::string view = random() % 4 == 0 ? "v" : "";
            const std::string address = "192.0.2." + std::to_string(random() % 4);
            zones::PutZone edit;
            edit.apex = name("example.");
            edit.comment = std::to_string(random() % 3);
            const bool there = state() != "none";
            switch (random() % 12) {
                case 0:
                    (void)commit(changes(zones::DeleteZone{name("example.")}));
                    break;
                case 1:
                case 2:
                    if (there) (void)commit(changes(edit));
                    break;
                case 3:
                    load({{owner, address}}, 1 + static_cast<std::uint32_t>(random() % 50));
                    break;
                case 4:
                    (void)commit(changes(policy(owner, view)));
                    break;
                case 5:
                    (void)commit(changes(
                        zones::DeletePolicy{name("example."), name(owner), "ADDRESS", view}));
                    break;
                case 6:
                    (void)commit(changes(erase("example.", owner, RRType::A, view)));
                    break;
                case 7:
                    // Any entry that still can be: conflicts are fine.
                    (void)commit(changes(revert(1 + random() % store_->read()->revision())));
                    break;
                case 8: {
                    const auto& past = known[random() % known.size()];
                    const auto result = commit(changes(revert_zone(past.first)));
                    ASSERT_TRUE(result)
                        << "seed " << seed << " step " << step << " to " << past.first << "\n"
                        << faults(result);
                    ASSERT_EQ(state(), past.second)
                        << "seed " << seed << " step " << step << " to " << past.first;
                    break;
                }
                default:
                    (void)commit(changes(add("example.", owner, RRType::A, {address}, view)));
            }
            known.emplace_back(store_->read()->revision(), state());
            data[known.back().first] = {rrsets(""), rrsets("v")};
        }
        for (int pair = 0; pair < steps / 4; ++pair) {
            const auto from =
                std::next(data.begin(), static_cast<std::ptrdiff_t>(random() % data.size()));
            const auto to =
                std::next(data.begin(), static_cast<std::ptrdiff_t>(random() % data.size()));
            const std::size_t limit = 2 + random() % 20;
            ASSERT_EQ(told("", from->first, to->first, limit),
                      difference(from->second.first, to->second.first))
                << "seed " << seed << " from " << from->first << " to " << to->first;
            ASSERT_EQ(told("v", from->first, to->first, limit),
                      difference(from->second.second, to->second.second))
                << "seed " << seed << " from " << from->first << " to " << to->first;
        }
        reopen();
        EXPECT_EQ(state(), known.back().second) << "seed " << seed;
        (void)commit(changes(zones::DeleteZone{name("example.")}));
    }
}

}  // namespace
}  // namespace zones_test
