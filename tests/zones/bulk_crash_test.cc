// A process that takes in many zones is killed after each of its writes in turn: nothing of those
// that were not committed is left after the next start, and the space comes back.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "tests/zones/forwarding_store.h"
#include "tests/zones/own_program.h"
#include "tests/zones/store_fixture.h"
#include "zones/key.h"
#include "zones/records.h"
#include "zones/store_parts.h"

extern char** environ;

namespace zones_test {
namespace {

using dns::RRType;
using zones::Family;
using zones::KeyValueStore;

constexpr const char* kDirectoryVariable = "MERIDIAN_BULK_CRASH_DIRECTORY";
constexpr const char* kStepVariable = "MERIDIAN_BULK_CRASH_STEP";
constexpr int kZones = 40;
constexpr int kNames = 200;

std::string apex(int number) {
    return "z" + std::to_string(number) + ".";
}

/// The database, whose process ends by SIGKILL when so many writes have been made.
class KilledStore final : public ForwardingStore {
  public:
    KilledStore(std::unique_ptr<KeyValueStore> real, int writes)
        : ForwardingStore(std::move(real)), left_(writes) {}

    base::Result<void> write(const zones::KeyValueBatch& batch) override {
        auto written = ForwardingStore::write(batch);
        step();
        return written;
    }
    base::Result<void> ingest(
        Family family,
        const std::function<bool(std::string& key, std::string& value)>& each) override {
        auto ingested = ForwardingStore::ingest(family, each);
        step();
        return ingested;
    }

  private:
    void step() {
        if (--left_ == 0) ::raise(SIGKILL);
    }

    int left_;
};

void fill(zones::ZoneLoader& loader, int number) {
    const dns::Name top = name(apex(number));
    ASSERT_FALSE(loader.add(top, RRType::SOA, 300, rdata(RRType::SOA, "ns. h. 1 1 2 3 4")));
    ASSERT_FALSE(loader.add(top, RRType::NS, 300, rdata(RRType::NS, "ns.test.")));
    // Signed with NSEC3, so that both ranges of keys are written.
    ASSERT_FALSE(loader.add(top, RRType::NSEC3PARAM, 0, rdata(RRType::NSEC3PARAM, "1 0 0 -")));
    const std::string hash = "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom." + apex(number);
    ASSERT_FALSE(loader.add(name(hash), RRType::NSEC3, 300,
                            rdata(RRType::NSEC3, "1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A")));
    std::uint32_t noise = static_cast<std::uint32_t>(number) * 7919U + 1;
    for (int i = 0; i < kNames; ++i) {
        std::string text = "\"";  // that no compression makes small
        for (int octet = 0; octet < 100; ++octet) {
            noise = noise * 1664525U + 1013904223U;
            text += static_cast<char>('a' + (noise >> 24) % 26);
        }
        ASSERT_FALSE(loader.add(name("n" + std::to_string(i) + "." + apex(number)), RRType::TXT,
                                300, rdata(RRType::TXT, text + '"')));
    }
}

/// The loading process, as Store's begin_bulk has it work.
TEST(DISABLED_BulkCrashLoader, LoadsUntilItIsKilled) {
    const char* directory = std::getenv(kDirectoryVariable);
    const char* step = std::getenv(kStepVariable);
    ASSERT_TRUE(directory != nullptr && step != nullptr);
    auto real = KeyValueStore::open({directory, std::size_t{1} << 20, {}});
    ASSERT_TRUE(real) << real.error().message;
    KilledStore store(std::move(*real), std::atoi(step));
    zones::Draft draft(store);
    auto counters = zones::read_counters(draft, directory);
    ASSERT_TRUE(counters);
    const zones::ZoneId first = counters->next_zone;
    counters->next_zone += zones::kBulkIds;
    draft.put(Family::Default, std::string(zones::kCountersKey), counters->pack());
    ASSERT_TRUE(store.write(draft.batch()));

    base::Qsbr qsbr;
    zones::Residency residency(store, qsbr, {std::size_t{1} << 20, std::size_t{1} << 16});
    const zones::LoadContext context{store, residency, directory, std::size_t{1} << 20, 0, {}};
    const auto bulk = zones::make_bulk_load(context, first);
    for (int i = 0; i < kZones; ++i) {
        const auto loader = bulk->begin(name(apex(i)));
        fill(*loader, i);
        const auto finished = loader->finish();
        ASSERT_TRUE(finished) << finished.error().shown.front();
    }
    ASSERT_TRUE(bulk->write());
    // The zones are written, and no change set has taken them over.
    ::raise(SIGKILL);
}

/// True: it was killed at this step, and not at the end of its work.
void load_and_kill(const std::string& directory, int step) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    ::setenv(kDirectoryVariable, directory.c_str(), 1);
    ::setenv(kStepVariable, std::to_string(step).c_str(), 1);
    const pid_t child = run_disabled_test("DISABLED_BulkCrashLoader.*", actions);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "the loader ended by itself";
}

std::uint64_t table_octets(const std::string& directory) {
    std::uint64_t octets = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        if (entry.path().extension() == ".sst") octets += entry.file_size();
    }
    return octets;
}

class BulkCrash : public StoreTest {
  protected:
    /// Zone ids of which the database holds nodes, and announcements of loads.
    std::pair<std::set<zones::ZoneId>, std::size_t> held() {
        close();
        auto store = KeyValueStore::open({directory_.path(), 1 << 20, {}});
        EXPECT_TRUE(store);
        zones::Draft draft(**store);
        std::set<zones::ZoneId> ids;
        draft.walk(Family::Nodes, "", [&ids](std::string_view key, std::string_view) {
            ids.insert(zones::names_id(base::load_be32(base::as_octets(key).data())));
            return true;
        });
        EXPECT_FALSE(draft.failed());
        const std::size_t loads =
            draft.all(Family::Default, std::string(zones::kLoadPrefix)).size();
        return {ids, loads};
    }
};

TEST_F(BulkCrash, OfALoadThatWasKilledNothingIsLeft) {
    must(changes(zone("example."), put("example.", "www.example.", RRType::A, {"192.0.2.1"})));
    std::size_t loaded = 0;  // steps that left something on the disk
    // The reservation, the announcement, names, hashes, the records of each zone; and the end.
    for (int step = 1; step <= 6; ++step) {
        SCOPED_TRACE(step);
        const auto before = held();
        const std::uint64_t small = table_octets(directory_.path()) + (std::uint64_t{64} << 10);
        load_and_kill(directory_.path(), step);
        if (held().first.size() > before.first.size()) {
            ++loaded;
            EXPECT_GT(table_octets(directory_.path()), std::uint64_t{kZones} * kNames * 50);
        }
        reopen();
        // Files go in the background.
        for (int i = 0; i < kPatience && table_octets(directory_.path()) > small; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        EXPECT_LE(table_octets(directory_.path()), small);
        EXPECT_EQ(find("example.", "www.example."), "Present");
        EXPECT_EQ(store_->published()->zones->size(), 1U);
        for (int i = 0; i < kZones; ++i) EXPECT_EQ(find(apex(i), apex(i)), "no zone");
        const auto after = held();
        EXPECT_EQ(after.first, before.first);
        EXPECT_EQ(after.second, 0U);
        // The same zones again, to the end: no number is met twice.
        reopen();
        auto bulk = store_->begin_bulk();
        ASSERT_TRUE(bulk);
        zones::ChangeSet set;
        {
            const auto loader = (*bulk)->begin(name(apex(step)));
            fill(*loader, step);
            const auto finished = loader->finish();
            ASSERT_TRUE(finished);
            set = changes(finished->operation);
        }
        ASSERT_TRUE((*bulk)->write());
        must(std::move(set));
        EXPECT_EQ(find(apex(step), "n7." + apex(step)), "Present");
        must(changes(zones::DeleteZone{name(apex(step))}));
    }
    EXPECT_GE(loaded, 3U);
}

}  // namespace
}  // namespace zones_test
