// Readers at new and old revisions while the committer works, zones are swapped, nodes are evicted,
// zones loaded and filters built anew. What each revision holds is known beforehand, so a name that
// is seen a revision too early or too late fails the test.
#include <array>
#include <atomic>
#include <thread>

#include "base/random.h"
#include "tests/zones/store_fixture.h"

namespace zones_test {
namespace {

using dns::RRType;

constexpr int kPairs = 6;
constexpr int kFillers = 6000;   // names of a zone that does not change
constexpr int kSwapNames = 600;  // names that come with a zone that is swapped in
constexpr std::uint32_t kRounds = 72;
constexpr std::size_t kTight = std::size_t{512} << 10;  // far less than all nodes take
constexpr std::size_t kAmple = std::size_t{32} << 20;

class ResidencyThreads : public StoreTest, public testing::WithParamInterface<std::size_t> {
  protected:
    zones::StoreOptions options() override {
        zones::StoreOptions options = StoreTest::options();
        options.memory_octets = GetParam();
        options.load_octets = 4096;  // whole zones are written past the committer
        return options;
    }

    /// The number that a name's A record carries; 0: absent, nothing: it could not be told.
    static std::optional<std::uint32_t> number(zones::Store::Source& source, zones::ZoneId zone,
                                               const std::string& label) {
        const dns::Name owner = name(label + ".");
        const auto found = source.find(zone, owner.octets().first(owner.size() - 1));
        if (found.presence == zones::Presence::Absent) return 0;
        if (found.presence != zones::Presence::Present) return std::nullopt;
        const auto entry = found.node.find(RRType::A);
        return entry ? base::load_be32((*entry->rrset.begin()).data()) : 0;
    }

    static std::vector<std::uint8_t> address(std::uint32_t number) {
        std::vector<std::uint8_t> data(4);
        base::store_be32(data.data(), number);
        return data;
    }
    static zones::PutRRset numbered(const std::string& owner, std::uint32_t number) {
        zones::PutRRset out = put("example.", owner, RRType::A, {"192.0.2.1"});
        out.value.records[0] = address(number);
        return out;
    }

    /// A whole zone written beside the one that is served.
    zones::ReplaceZone written(std::string_view apex, const std::string& prefix, int names,
                               std::uint32_t pairs) {
        auto loader = store_->begin_load(name(apex));
        EXPECT_TRUE(loader);
        const auto take = [&](const std::string& owner, RRType type,
                              const std::vector<std::uint8_t>& data) {
            EXPECT_FALSE((*loader)->add(name(owner + std::string(apex)), type, 300, data));
        };
        take("", RRType::SOA, rdata(RRType::SOA, "ns. h. 1 1 2 3 4"));
        take("", RRType::NS, rdata(RRType::NS, "ns.test."));
        for (int i = 0; i < names; ++i) {
            take(prefix + std::to_string(i) + ".", RRType::A, address(1));
        }
        for (int i = 0; i < kPairs && pairs != 0; ++i) {
            take("a" + std::to_string(i) + ".", RRType::A, address(pairs));
            take("b" + std::to_string(i) + ".", RRType::A, address(pairs));
        }
        auto finished = (*loader)->finish();
        EXPECT_TRUE(finished);
        return finished ? finished->operation : zones::ReplaceZone{};
    }

    void check(zones::Store::Source& source, const zones::Published& published, bool may_block,
               base::Random& random) {
        const zones::ZoneId big = published.zones->find_exact(name("big."))->base();
        const zones::ZoneId zone = published.zones->find_exact(name("example."))->base();
        const int i = static_cast<int>(random.below(kPairs));
        const std::uint32_t expected = truth_[published.revision][static_cast<std::size_t>(i)];
        for (const char* half : {"a", "b"}) {
            const auto seen = number(source, zone, half + std::to_string(i));
            ASSERT_TRUE(seen || !may_block);
            if (seen) {
                ASSERT_EQ(*seen, expected) << half << i << " at " << published.revision;
            }
        }
        const std::string filler = "h" + std::to_string(random.below(kFillers));
        const auto there = number(source, big, filler);
        ASSERT_TRUE(there || !may_block);
        if (there) {
            ASSERT_EQ(*there, 1U) << filler;
        }
        const auto never = number(source, big, "x" + std::to_string(random.below(1U << 20)));
        ASSERT_TRUE(never || !may_block);
        if (never) {
            ASSERT_EQ(*never, 0U);
        }
    }

    /// Batches until stopped; `patient` ones stay at their revision for a while.
    void read(base::Qsbr::Reader& reader, std::uint64_t seed, bool may_block, bool patient) {
        const auto source = store_->make_source(may_block);
        base::Random random(seed);
        while (!stop_.load() && !HasFatalFailure()) {
            reader.online();
            const zones::Published& published = *store_->published();
            source->use(published);
            for (int i = 0; i < 30 && !HasFatalFailure(); ++i) {
                check(*source, published, may_block, random);
                if (patient) std::this_thread::sleep_for(std::chrono::microseconds(500));
            }
            source->release();
            reader.quiescent();
            batches_.fetch_add(1);
        }
        reader.offline();
    }

    /// One round of the writer, with what will then be true.
    void write(std::uint32_t round, base::Random& random) {
        std::array<std::uint32_t, kPairs> next = last_;
        zones::ChangeSet set;
        const bool swap = round % 6 == 0;
        if (swap) {
            next.fill(round);
        } else {
            const std::size_t i = random.below(kPairs);
            const std::string suffix = std::to_string(i) + ".example.";
            if (next[i] != 0 && random.below(3) == 0) {
                set = changes(erase("example.", "a" + suffix, RRType::A),
                              erase("example.", "b" + suffix, RRType::A));
                next[i] = 0;
            } else {
                set = changes(numbered("a" + suffix, round), numbered("b" + suffix, round));
                next[i] = round;
            }
        }
        const auto expect = [this](const std::array<std::uint32_t, kPairs>& numbers) {
            for (std::size_t i = 0; i < numbers.size(); ++i) truth_[revision_ + 1][i] = numbers[i];
        };
        const std::string prefix = "s" + std::to_string(round) + "-";
        if (swap && round % 12 == 0) {
            // Swapped in and out again at once: perhaps before it was read into memory.
            const auto first = written("example.", prefix, kSwapNames, round);
            const auto second = written("example.", prefix, kSwapNames, round + 1);
            expect(next);
            revision_ = must(changes(first));
            next.fill(round + 1);
            expect(next);
            revision_ = must(changes(second));
        } else {
            if (swap) set = changes(written("example.", prefix, kSwapNames, round));
            expect(next);
            revision_ = must(std::move(set));
        }
        last_ = next;
    }

    std::atomic<bool> stop_{false};
    std::atomic<std::uint64_t> batches_{0};
    std::array<std::array<std::atomic<std::uint32_t>, kPairs>, 2 * kRounds + 16> truth_{};
    zones::Revision revision_ = 0;
    std::array<std::uint32_t, kPairs> last_{};
};

TEST_P(ResidencyThreads, NothingIsSeenTooEarlyOrTooLate) {
    revision_ = must(changes(zone("example."), written("big.", "h", kFillers, 0)));
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < 4; ++i) {
        base::Qsbr::Reader& reader = store_->qsbr().add_reader();
        threads.emplace_back([this, &reader, i] { read(reader, i, i % 2 == 0, i >= 2); });
    }
    base::Random random(182);
    for (std::uint32_t round = 1; round <= kRounds && !HasFatalFailure(); ++round) {
        write(round, random);
    }
    stop_.store(true);
    for (std::thread& thread : threads) thread.join();
    EXPECT_GT(batches_.load(), 10U);
    // The last import may have come while a filter was built: then that is begun again.
    for (int i = 0; i < kPatience && store_->stats().filter_octets == 0; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    const zones::StoreStats stats = store_->stats();
    EXPECT_GT(stats.filter_octets, 0U);
    if (GetParam() == kTight) {
        EXPECT_GT(stats.cache_evictions, 0U);
        EXPECT_FALSE(stats.cache_complete);
    } else {
        EXPECT_EQ(stats.cache_evictions, 0U);
        wait_until_complete();
    }
}

INSTANTIATE_TEST_SUITE_P(Budgets, ResidencyThreads, testing::Values(kTight, kAmple),
                         [](const auto& each) {
                             return std::string(each.param == kTight ? "Tight" : "Ample");
                         });

}  // namespace
}  // namespace zones_test
