// A disk that loses what was not synced, fails, or changes bits: what was acknowledged is there,
// nothing is there by half, and what cannot be read back is reported and not served.
// MERIDIAN_FAULT_SEEDS asks for more runs than usual.
#include <cstdlib>
#include <optional>
#include <random>

#include "tests/zones/fault_disk.h"
#include "tests/zones/store_fixture.h"

namespace zones_test {
namespace {

using dns::RRType;
using zones::Revision;

constexpr unsigned kPairs = 12;
constexpr int kBulkNames = 30;
constexpr std::size_t kSmallBuffer = 16 << 10;  // so that tables are written and merged often
constexpr auto kPatience = std::chrono::seconds(10);

std::uint32_t seeds(std::uint32_t usual) {
    const char* wanted = std::getenv("MERIDIAN_FAULT_SEEDS");
    return wanted != nullptr ? static_cast<std::uint32_t>(std::strtoul(wanted, nullptr, 10))
                             : usual;
}

/// What the store holds: the number of each pair of names (0: it is not there), and of the zone
/// that is replaced as a whole.
struct Holdings {
    std::uint32_t pairs[kPairs] = {};
    std::uint32_t bulk = 0;
};

std::string owner(char side, unsigned long pair) {
    return std::string(1, side) + std::to_string(pair) + ".example.";
}

zones::PutRRset numbered(const std::string& owner, std::uint32_t number) {
    std::vector<std::uint8_t> data(4);
    base::store_be32(data.data(), number);
    zones::RRsetValue value{300, {data}, {}, 1, false};
    // Not all of one size: a number of records that hangs on it, each with the number.
    for (std::uint32_t i = 1; i < 2 + number % 40; ++i) {
        data.push_back(static_cast<std::uint8_t>(i));
        value.records.push_back(data);
    }
    // A type without a form of its own takes any octets (RFC 3597).
    return {name("example."), name(owner), static_cast<RRType>(65280), "", value};
}

class StoreFaults : public testing::Test {
  protected:
    ~StoreFaults() override { close(); }

    zones::StoreOptions options() const {
        zones::StoreOptions options;
        options.directory = directory_.path() + "/store";
        options.memory_octets = std::size_t{8} << 20;
        options.min_free_octets = 0;
        options.file_system = disk_->address();
        options.write_buffer_octets = kSmallBuffer;
        options.resident = resident_;
        return options;
    }
    void new_disk(std::uint32_t seed) {
        close();
        disk_ = std::make_unique<FaultDisk>();
        random_.seed(seed);
        resident_ = seed % 4 == 0;
        history_.assign(1, Holdings{});
        last_ = 0;
    }
    base::Result<void> open() {
        close();
        auto opened = zones::Store::open(options());
        if (!opened) return base::fail(opened.error());
        store_ = std::move(*opened);
        source_ = store_->make_source(true);
        thread_ = &store_->qsbr().add_reader();
        return {};
    }
    void close() {
        source_.reset();
        if (store_ != nullptr) store_->qsbr().remove_reader(*thread_);
        store_.reset();
    }

    /// The next change set; `history_` has what it makes of the store.
    zones::ChangeSet next(bool bulk = true) {
        Holdings now = history_.back();
        ++last_;
        zones::ChangeSet set;
        const unsigned long pair = random_() % kPairs;
        if (history_.size() == 1) {
            set = changes(zone("example."));
        } else if (bulk && random_() % 24 == 0) {
            set = changes(whole_zone(last_));
            now.bulk = last_;
        } else if (now.pairs[pair] != 0 && random_() % 4 == 0) {
            const auto type = static_cast<RRType>(65280);
            set = changes(erase("example.", owner('a', pair), type),
                          erase("example.", owner('b', pair), type));
            now.pairs[pair] = 0;
        } else {
            set = changes(numbered(owner('a', pair), last_), numbered(owner('b', pair), last_));
            now.pairs[pair] = last_;
        }
        history_.push_back(now);
        return set;
    }
    /// Written past the log, in a file of its own.
    zones::ReplaceZone whole_zone(std::uint32_t number) {
        auto bulk = store_->begin_bulk();
        EXPECT_TRUE(bulk) << bulk.error().message;
        if (!bulk) return {};
        zones::ReplaceZone operation;
        {
            const auto loader = (*bulk)->begin(name("bulk."));
            EXPECT_FALSE(
                loader->add(name("bulk."), RRType::SOA, 300,
                            rdata(RRType::SOA, "ns. h. " + std::to_string(number) + " 1 2 3 4")));
            EXPECT_FALSE(loader->add(name("bulk."), RRType::NS, 300, rdata(RRType::NS, "ns.t.")));
            for (int i = 0; i < kBulkNames; ++i) {
                std::vector<std::uint8_t> data(4);
                base::store_be32(data.data(), number);
                EXPECT_FALSE(
                    loader->add(name("n" + std::to_string(i) + ".bulk."), RRType::A, 300, data));
            }
            const auto finished = loader->finish();
            EXPECT_TRUE(finished);
            if (finished) operation = finished->operation;
        }
        const auto written = (*bulk)->write();
        EXPECT_TRUE(written) << written.error().message;
        return operation;
    }

    std::string find(const std::string& apex, const std::string& owner) {
        thread_->online();
        const zones::Published& published = *store_->published();
        source_->use(published);
        const zones::ZoneEntry* entry = published.zones->find_exact(name(apex));
        std::string out = "Absent";
        if (entry != nullptr) {
            const dns::Name whole = name(owner);
            const auto found = source_->find(
                entry->base(), whole.octets().first(whole.size() - name(apex).size()));
            if (found.presence == zones::Presence::Present) out = "Present";
            if (found.presence == zones::Presence::Failed) out = "Failed";
        }
        source_->release();
        thread_->offline();
        return out;
    }
    /// The number that an RRset holds; 0: there is none; nothing: it cannot be read.
    static std::optional<std::uint32_t> held(zones::StoreReader& reader, const std::string& apex,
                                             const std::string& owner, RRType type) {
        const auto found = reader.rrset(name(apex), "", name(owner), type);
        if (!found) return std::nullopt;
        if (!*found) return 0;
        const auto& records = (*found)->value.records;
        return records.empty() ? 0 : base::load_be32(records.front().data());
    }
    /// `damage_allowed`: what cannot be read is counted instead of being wrong.
    void expect_holds(zones::StoreReader& reader, bool damage_allowed, bool newest) {
        ASSERT_LT(reader.revision(), history_.size());
        const Holdings& holdings = history_[reader.revision()];
        const auto check = [&](const std::string& apex, const std::string& owner, RRType type,
                               std::uint32_t number) {
            const auto is = held(reader, apex, owner, type);
            if (is) {
                EXPECT_EQ(*is, number) << owner << " at " << reader.revision();
            } else {
                EXPECT_TRUE(damage_allowed) << owner << " cannot be read";
                ++unreadable_;
            }
            if (!newest) return;
            const std::string answer = find(apex, owner);
            if (answer == "Failed" && damage_allowed) {
                ++unreadable_;
            } else {
                EXPECT_EQ(answer, number != 0 ? "Present" : "Absent") << owner;
            }
        };
        for (unsigned pair = 0; pair < kPairs; ++pair) {
            for (const char side : {'a', 'b'}) {
                check("example.", owner(side, pair), static_cast<RRType>(65280),
                      holdings.pairs[pair]);
            }
        }
        for (int i = 0; i < kBulkNames; i += 7) {
            check("bulk.", "n" + std::to_string(i) + ".bulk.", RRType::A, holdings.bulk);
        }
    }
    /// The store is at a revision from `least` on, with all and nothing but what that means.
    void expect_whole(Revision least) {
        const auto reader = store_->read();
        const Revision revision = reader->revision();
        ASSERT_GE(revision, least);
        thread_->online();
        EXPECT_EQ(store_->published()->revision, revision);
        thread_->offline();
        expect_holds(*reader, false, true);
        const auto listed = reader->changes(0, history_.size() + 1, {});
        ASSERT_TRUE(listed) << listed.error().message;
        const auto* entries = &listed->entries;
        ASSERT_EQ(entries->size(), revision);
        for (std::size_t i = 0; i < entries->size(); ++i) {
            ASSERT_EQ((*entries)[i].revision, revision - i);
        }
    }

    const ScratchDirectory directory_;
    std::unique_ptr<FaultDisk> disk_;
    std::unique_ptr<zones::Store> store_;
    std::unique_ptr<zones::Store::Source> source_;
    base::Qsbr::Reader* thread_ = nullptr;
    std::mt19937 random_;
    bool resident_ = false;
    std::vector<Holdings> history_;  // by revision
    std::uint32_t last_ = 0;
    std::uint64_t unreadable_ = 0;
};

TEST_F(StoreFaults, WhatWasAcknowledgedOutlivesALossOfPower) {
    constexpr int kLives = 3;
    constexpr unsigned kMostSets = 80;
    constexpr unsigned kMostOperations = 700;
    std::uint64_t beyond = 0;  // revisions that nobody was told of and that are there
    const std::uint32_t count = seeds(24);
    for (std::uint32_t seed = 1; seed <= count; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        new_disk(seed);
        Revision least = 0;
        for (int life = 0; life < kLives; ++life) {
            const auto opened = open();
            ASSERT_TRUE(opened) << opened.error().message;
            expect_whole(least);
            if (HasFailure()) return;
            const Revision revision = store_->read()->revision();
            beyond += revision - least;
            history_.resize(revision + 1);
            std::atomic<Revision> acknowledged{revision};
            std::atomic<Revision> at_loss{revision};
            disk_->lose_power_at(1 + random_() % kMostOperations,
                                 static_cast<std::uint32_t>(random_()),
                                 [&] { at_loss = acknowledged.load(); });
            for (unsigned long sets = random_() % kMostSets; sets > 0 && !disk_->lost_power();
                 --sets) {
                const auto done = [&acknowledged](const auto& result) {
                    ASSERT_TRUE(result);
                    acknowledged = result->revision;
                };
                store_->submit(next(), done);
                // Some share a group, some do not.
                while (random_() % 2 == 0 && acknowledged + 1 < history_.size()) {
                    std::this_thread::yield();
                }
            }
            close();
            disk_->restore_power();
            least = at_loss;
        }
        const auto opened = open();
        ASSERT_TRUE(opened) << opened.error().message;
        expect_whole(least);
        if (HasFailure()) return;
    }
    RecordProperty("seeds", static_cast<int>(count));
    RecordProperty("unacknowledged_and_there", static_cast<int>(beyond));
}

TEST_F(StoreFaults, ADiskThatFailsForAWhileLosesNothingAndNeedsNoRestart) {
    constexpr int kSets = 60;
    constexpr int kRounds = 3;
    const char* const kFiles[] = {"", ".log", ".sst", "MANIFEST", "CURRENT", "directory"};
    std::uint64_t reopened = 0;
    std::uint64_t refused = 0;
    const std::uint32_t count = seeds(8);
    for (std::uint32_t seed = 1; seed <= count; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        new_disk(seed);
        ASSERT_TRUE(open());
        std::unique_ptr<zones::StoreReader> early;
        for (int round = 0; round < kRounds; ++round) {
            FaultDisk::Failure failure;
            failure.in_name = kFiles[random_() % std::size(kFiles)];
            failure.kinds = {FaultDisk::Kind::Sync};
            if (random_() % 2 == 0) failure.kinds.push_back(FaultDisk::Kind::Write);
            if (random_() % 3 == 0) failure.kinds.push_back(FaultDisk::Kind::Name);
            failure.no_space = random_() % 3 == 0;
            failure.after = random_() % 60;
            failure.times = random_() % 4 == 0 ? 40 : 1 + random_() % 3;
            for (int i = 0; i < kSets; ++i) {
                if (i == kSets / 4) disk_->fail(failure);
                const auto done = store_->commit(next(false));
                // Answers go on whatever happens.
                if (early != nullptr) expect_holds(*early, false, false);
                if (done) {
                    ASSERT_EQ(done->revision + 1, history_.size());
                    continue;
                }
                ASSERT_EQ(done.error().faults.front().kind, zones::ChangeFault::Kind::Unavailable)
                    << faults(done);
                ++refused;
                disk_->heal();
                const auto deadline = std::chrono::steady_clock::now() + kPatience;
                while (!store_->stats().writable && std::chrono::steady_clock::now() < deadline) {
                    std::this_thread::sleep_for(std::chrono::milliseconds(1));
                }
                ASSERT_TRUE(store_->stats().writable) << store_->stats().why_not;
                // It is there, or it is not: the history goes on from what is.
                const Revision revision = store_->read()->revision();
                ASSERT_TRUE(revision + 1 == history_.size() || revision + 2 == history_.size())
                    << revision << " of " << history_.size();
                history_.resize(revision + 1);
            }
            disk_->heal();
            expect_whole(history_.size() - 1);
            if (HasFailure()) return;
            if (early == nullptr) early = store_->read();
        }
        reopened += store_->stats().reopened;
        // The instance it reads from may have been left long ago.
        expect_holds(*early, false, false);
        early.reset();
        ASSERT_TRUE(open());
        expect_whole(history_.size() - 1);
        if (HasFailure()) return;
    }
    EXPECT_GT(reopened, 0U);
    EXPECT_GT(refused, 0U);
}

TEST_F(StoreFaults, AnImportThatMeetsAFullDiskIsRefusedAndNothingElseIs) {
    new_disk(4);
    ASSERT_TRUE(open());
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(store_->commit(next(false)));
    for (const std::uint64_t after : {0U, 1U, 2U, 3U}) {
        disk_->fail({".sst", {FaultDisk::Kind::Write, FaultDisk::Kind::Sync}, true, after, 1000});
        auto bulk = store_->begin_bulk();
        ASSERT_TRUE(bulk) << bulk.error().message;
        {
            const auto loader = (*bulk)->begin(name("bulk."));
            ASSERT_FALSE(loader->add(name("bulk."), RRType::SOA, 300,
                                     rdata(RRType::SOA, "n. h. 1 1 2 3 4")));
            ASSERT_FALSE(loader->add(name("bulk."), RRType::NS, 300, rdata(RRType::NS, "ns.t.")));
            ASSERT_TRUE(loader->finish());
        }
        EXPECT_FALSE((*bulk)->write()) << after;
        disk_->heal();
        ASSERT_TRUE(store_->commit(next(false)));
        expect_whole(history_.size() - 1);
    }
    // The same works when there is space.
    zones::ChangeSet set = next();
    while (history_.back().bulk == 0) {
        ASSERT_TRUE(store_->commit(std::move(set)));
        set = next();
    }
    ASSERT_TRUE(store_->commit(std::move(set)));
    expect_whole(history_.size() - 1);
}

TEST_F(StoreFaults, ABitThatFlipsIsReportedAndNeverServed) {
    constexpr int kSets = 70;
    std::uint64_t refused = 0;
    std::uint64_t met = 0;
    const std::uint32_t count = seeds(60);
    for (std::uint32_t seed = 1; seed <= count; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        new_disk(seed);
        ASSERT_TRUE(open());
        for (int i = 0; i < kSets; ++i) ASSERT_TRUE(store_->commit(next()));
        close();
        const char* const kKinds[] = {".sst", ".log", ".sst", "MANIFEST"};
        const auto files = disk_->files(kKinds[seed % std::size(kKinds)]);
        if (files.empty()) continue;  // it was quick, and no table is written yet
        auto file = files.begin();
        std::advance(file, static_cast<std::ptrdiff_t>(random_() % files.size()));
        if (file->second == 0) continue;
        const std::size_t octet = random_() % file->second;
        SCOPED_TRACE(file->first + " octet " + std::to_string(octet));
        disk_->flip_bit(file->first, octet, random_() % 8);
        const auto opened = open();
        if (!opened) {
            EXPECT_NE(opened.error().message.find("store " + options().directory),
                      std::string::npos)
                << opened.error().message;
            ++refused;
            continue;
        }
        const auto reader = store_->read();
        ASSERT_EQ(reader->revision() + 1, history_.size());
        unreadable_ = 0;
        expect_holds(*reader, true, true);
        if (HasFailure()) return;
        if (unreadable_ > 0) {
            ++met;
            EXPECT_GT(store_->stats().damaged, 0U);
        }
    }
    EXPECT_GT(refused, 0U);
    EXPECT_GT(met, 0U);
}

}  // namespace
}  // namespace zones_test
