// Workers read in batches while the committer works.
#include <atomic>
#include <thread>

#include "tests/zones/store_fixture.h"

namespace zones_test {
namespace {

using dns::RRType;

/// The number that a name's A record carries; 0: absent, nothing: it could not be told.
std::optional<std::uint32_t> number(zones::Store::Source& source, zones::ZoneId zone,
                                    std::string_view label) {
    const dns::Name owner = name(label);
    const auto found = source.find(zone, owner.octets().first(owner.size() - 1));
    if (found.presence == zones::Presence::Absent) return 0;
    if (found.presence != zones::Presence::Present) return std::nullopt;
    const auto entry = found.node.find(RRType::A);
    if (!entry) return 0;
    return base::load_be32((*entry->rrset.begin()).data());
}

zones::PutRRset numbered(std::string_view owner, std::uint32_t number) {
    zones::PutRRset out = put("example.", owner, RRType::A, {"192.0.2.1"});
    base::store_be32(out.value.records[0].data(), number);
    return out;
}

class StoreThreads : public StoreTest {
    zones::StoreOptions options() override {
        zones::StoreOptions options = StoreTest::options();
        options.load_octets = 4096;  // whole zones are written past the committer
        return options;
    }

  protected:
    /// Batches of look-ups until stopped. In each, what was written together is seen together,
    /// and revisions never go back.
    void read_batches(base::Qsbr::Reader& reader, bool may_block) {
        const auto source = store_->make_source(may_block);
        zones::Revision last = 0;
        while (!stop_.load()) {
            reader.online();
            const zones::Published& published = *store_->published();
            source->use(published);
            EXPECT_GE(published.revision, last);
            last = published.revision;
            const zones::ZoneEntry* zone = published.zones->find_exact(name("example."));
            ASSERT_NE(zone, nullptr);
            for (int i = 0; i < 20; ++i) {
                const std::string suffix = std::to_string(i % 4);
                const auto a = number(*source, zone->base(), "a" + suffix + ".");
                const auto b = number(*source, zone->base(), "b" + suffix + ".");
                // A node that was just settled away is read from the store, which may block.
                if (a && b) {
                    EXPECT_EQ(*a, *b);
                } else {
                    EXPECT_FALSE(may_block);
                }
            }
            source->release();
            reader.quiescent();
            batches_.fetch_add(1);
        }
        reader.offline();
    }

    std::atomic<bool> stop_{false};
    std::atomic<std::uint64_t> batches_{0};
};

TEST_F(StoreThreads, PairsAreNeverSeenApart) {
    must(changes(zone("example.")));
    std::vector<std::thread> threads;
    // Four workers, of which two may wait for the disk as readers do.
    for (int i = 0; i < 4; ++i) {
        base::Qsbr::Reader& reader = store_->qsbr().add_reader();
        threads.emplace_back([this, &reader, i] { read_batches(reader, i % 2 == 0); });
    }
    base::Qsbr::Reader& self = store_->qsbr().add_reader();
    for (std::uint32_t round = 1; round <= 200; ++round) {
        const std::string suffix = std::to_string(round % 4);
        const std::string a = "a" + suffix + ".example.";
        const std::string b = "b" + suffix + ".example.";
        zones::Revision revision = 0;
        if (round % 20 == 0) {
            // The whole zone anew, with one number for all.
            auto loader = store_->begin_load(name("example."));
            ASSERT_TRUE(loader);
            const auto take = [&loader](std::string_view owner, RRType type,
                                        const std::vector<std::uint8_t>& data) {
                EXPECT_FALSE((*loader)->add(name(owner), type, 300, data));
            };
            take("example.", RRType::SOA,
                 rdata(RRType::SOA, "ns. h. " + std::to_string(round * 1000) + " 1 2 3 4"));
            take("example.", RRType::NS, rdata(RRType::NS, "ns.test."));
            const auto data = numbered("x.example.", round).value.records[0];
            for (int i = 0; i < 4; ++i) {
                take("a" + std::to_string(i) + ".example.", RRType::A, data);
                take("b" + std::to_string(i) + ".example.", RRType::A, data);
            }
            const auto finished = (*loader)->finish();
            ASSERT_TRUE(finished);
            revision = must(changes(finished->operation));
        } else if (round % 7 == 0 && rrset("example.", a, RRType::A) != "-") {
            revision =
                must(changes(erase("example.", a, RRType::A), erase("example.", b, RRType::A)));
        } else {
            revision = must(changes(numbered(a, round), numbered(b, round)));
        }
        // What is acknowledged is in every later batch.
        self.online();
        EXPECT_GE(store_->published()->revision, revision);
        source_->use(*store_->published());
        const auto* zone = store_->published()->zones->find_exact(name("example."));
        const auto seen = number(*source_, zone->base(), "a" + suffix + ".");
        EXPECT_TRUE(seen && (*seen == round || *seen == 0));
        source_->release();
        self.offline();
    }
    stop_.store(true);
    for (std::thread& thread : threads) thread.join();
    EXPECT_GT(batches_.load(), 0U);
    store_->qsbr().remove_reader(self);
}

TEST_F(StoreThreads, ManySubmittersShareGroups) {
    must(changes(zone("example.")));
    constexpr int kThreads = 4;
    constexpr int kEach = 100;
    std::atomic<int> acknowledged{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([this, thread, &acknowledged] {
            for (int i = 0; i < kEach; ++i) {
                const std::string label =
                    "t" + std::to_string(thread) + "-" + std::to_string(i) + ".example.";
                auto set =
                    changes(put("example.", label, RRType::A, {"192.0.2.1"}),
                            add("example.", "all.example.", RRType::TXT, {"\"" + label + "\""}));
                store_->submit(std::move(set), [&acknowledged](const auto& result) {
                    if (result) acknowledged.fetch_add(1);
                });
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    must(changes(put("example.", "last.example.", RRType::A, {"192.0.2.1"})));
    EXPECT_EQ(acknowledged.load(), kThreads * kEach);
    EXPECT_EQ(store_->published()->revision, 2U + kThreads * kEach);
    EXPECT_EQ(serial("example."), 2U + kThreads * kEach);
    const auto all = store_->read()->rrset(name("example."), "", name("all.example."), RRType::TXT);
    ASSERT_TRUE(all && *all);
    EXPECT_EQ((*all)->value.records.size(), std::size_t{kThreads * kEach});
    EXPECT_LT(store_->stats().groups, std::uint64_t{kThreads * kEach});
    // The journal has every revision once, in order.
    const auto listed = store_->read()->changes(0, 1000, {.zone = name("example.")});
    ASSERT_TRUE(listed);
    const auto* entries = &listed->entries;
    ASSERT_EQ(entries->size(), std::size_t{2 + kThreads * kEach});
    for (std::size_t i = 0; i < entries->size(); ++i) {
        EXPECT_EQ((*entries)[i].revision, entries->size() - i);
    }
}

TEST_F(StoreThreads, OneFaultInAGroupHarmsNoOther) {
    must(changes(zone("example.")));
    std::atomic<int> good{0};
    std::atomic<int> bad{0};
    for (int i = 0; i < 100; ++i) {
        const std::string label = "n" + std::to_string(i) + ".example.";
        store_->submit(changes(put("example.", label, RRType::A, {"192.0.2.1"})),
                       [&good](const auto& result) { good += result ? 1 : 0; });
        store_->submit(changes(put("example.", label, RRType::CNAME, {"a.test."})),
                       [&bad](const auto& result) { bad += result ? 0 : 1; });
    }
    must(changes(put("example.", "last.example.", RRType::A, {"192.0.2.1"})));
    EXPECT_EQ(good.load(), 100);
    EXPECT_EQ(bad.load(), 100);
}

}  // namespace
}  // namespace zones_test
