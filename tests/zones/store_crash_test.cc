// A process that writes is killed at random moments: what it acknowledged is there afterwards,
// and no change set is there by half. MERIDIAN_CRASH_ROUNDS asks for more rounds than usual
// (scripts/crash.sh).
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>

#include "tests/zones/own_program.h"
#include "tests/zones/store_fixture.h"

extern char** environ;

namespace zones_test {
namespace {

using dns::RRType;

constexpr std::uint32_t kPairs = 25;
constexpr int kBulkNames = 40;
constexpr const char* kDirectoryVariable = "MERIDIAN_CRASH_DIRECTORY";
constexpr std::size_t kSmallBuffer = 16 << 10;  // so that tables are written and merged often
constexpr int kPipe = 3;                        // where the writer tells what was acknowledged

zones::StoreOptions options(const std::string& directory) {
    zones::StoreOptions options;
    options.directory = directory;
    options.memory_octets = std::size_t{32} << 20;
    options.min_free_octets = 0;
    options.write_buffer_octets = kSmallBuffer;
    options.load_octets = 4096;  // the whole zone is written past the committer
    return options;
}

std::vector<std::uint8_t> data(std::uint32_t number) {
    std::vector<std::uint8_t> out(4);
    base::store_be32(out.data(), number);
    return out;
}

zones::PutRRset numbered(const std::string& owner, std::uint32_t number) {
    return {name("example."), name(owner), RRType::A, "", {300, {data(number)}, {}, 1, false}};
}

std::string bulk_name(int i) {
    return "n" + std::to_string(i) + ".bulk.";
}

zones::ReplaceZone fill(zones::ZoneLoader& loader, std::uint32_t number) {
    EXPECT_FALSE(loader.add(name("bulk."), RRType::SOA, 300,
                            rdata(RRType::SOA, "ns. h. " + std::to_string(number) + " 1 2 3 4")));
    EXPECT_FALSE(loader.add(name("bulk."), RRType::NS, 300, rdata(RRType::NS, "ns.test.")));
    for (int i = 0; i < kBulkNames; ++i) {
        EXPECT_FALSE(loader.add(name(bulk_name(i)), RRType::A, 300, data(number)));
    }
    const auto finished = loader.finish();
    EXPECT_TRUE(finished);
    return finished->operation;
}

/// A whole zone: as a batch, or in a file past the log.
zones::ChangeSet bulk(zones::Store& store, std::uint32_t number) {
    if (number % 32 == 0) return changes(fill(**store.begin_load(name("bulk.")), number));
    const auto many = store.begin_bulk();
    EXPECT_TRUE(many);
    const auto operation = fill(*(*many)->begin(name("bulk.")), number);
    EXPECT_TRUE((*many)->write());
    return changes(operation);
}

std::uint32_t number(zones::StoreReader& reader, std::string_view apex, const std::string& owner) {
    const auto found = reader.rrset(name(apex), "", name(owner), RRType::A);
    EXPECT_TRUE(found);
    return found && *found ? base::load_be32((*found)->value.records[0].data()) : 0;
}

/// The writer: run by the test below in a process of its own, until it is killed.
TEST(DISABLED_StoreCrashWriter, WritesUntilItIsKilled) {
    const char* directory = std::getenv(kDirectoryVariable);
    ASSERT_NE(directory, nullptr);
    auto opened = zones::Store::open(options(directory));
    ASSERT_TRUE(opened) << opened.error().message;
    zones::Store& store = **opened;
    (void)store.commit(changes(zone("example.")));
    std::uint32_t at = 0;
    for (std::uint32_t i = 0; i < kPairs; ++i) {
        at = std::max(at, number(*store.read(), "example.", "a" + std::to_string(i) + ".example."));
    }
    at = std::max(at, number(*store.read(), "bulk.", bulk_name(0)));
    for (;;) {
        ++at;
        zones::ChangeSet set;
        if (at % 16 == 0) {
            set = bulk(store, at);
        } else {
            const std::string suffix = std::to_string(at % kPairs) + ".example.";
            set = changes(numbered("a" + suffix, at), numbered("b" + suffix, at));
        }
        ASSERT_TRUE(store.commit(std::move(set)));
        ASSERT_EQ(::write(kPipe, &at, sizeof at), static_cast<ssize_t>(sizeof at));
    }
}

/// Starts the writer, kills it after a while, and gives the last number it acknowledged.
std::uint32_t write_and_kill(const std::string& directory, std::chrono::microseconds after) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], kPipe);
    ::setenv(kDirectoryVariable, directory.c_str(), 1);
    const pid_t child = run_disabled_test("DISABLED_StoreCrashWriter.*", actions);
    ::close(ends[1]);

    std::uint32_t last = 0;
    std::uint32_t got = 0;
    // The first acknowledgement, then some time, then the end.
    if (::read(ends[0], &got, sizeof got) == static_cast<ssize_t>(sizeof got)) last = got;
    std::this_thread::sleep_for(after);
    ::kill(child, SIGKILL);
    while (::read(ends[0], &got, sizeof got) == static_cast<ssize_t>(sizeof got)) last = got;
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself";
    ::close(ends[0]);
    return last;
}

TEST(StoreCrash, AcknowledgedChangesSurviveAndNoneByHalf) {
    const char* wanted = std::getenv("MERIDIAN_CRASH_ROUNDS");
    const int rounds = wanted != nullptr ? std::atoi(wanted) : 20;
    const ScratchDirectory directory;
    std::mt19937 random(9);
    std::uint32_t acknowledged = 0;
    for (int round = 0; round < rounds; ++round) {
        acknowledged =
            std::max(acknowledged,
                     write_and_kill(directory.path(), std::chrono::microseconds(random() % 60000)));
        auto opened = zones::Store::open(options(directory.path()));
        ASSERT_TRUE(opened) << opened.error().message;
        const auto reader = (*opened)->read();
        std::uint32_t newest = 0;
        for (std::uint32_t i = 0; i < kPairs; ++i) {
            const std::string suffix = std::to_string(i) + ".example.";
            const std::uint32_t a = number(*reader, "example.", "a" + suffix);
            ASSERT_EQ(a, number(*reader, "example.", "b" + suffix));
            newest = std::max(newest, a);
        }
        const std::uint32_t loaded = number(*reader, "bulk.", bulk_name(0));
        for (int i = 1; i < kBulkNames; ++i) {
            ASSERT_EQ(number(*reader, "bulk.", bulk_name(i)), loaded);
        }
        newest = std::max(newest, loaded);
        // At most the one that was under way is there beyond what was acknowledged.
        ASSERT_GE(newest, acknowledged);
        ASSERT_LE(newest, acknowledged + 1);
        acknowledged = newest;
        // The journal is whole up to the revision.
        const auto listed = reader->changes(0, 5, {});
        ASSERT_TRUE(listed);
        const auto* entries = &listed->entries;
        ASSERT_FALSE(entries->empty());
        ASSERT_EQ(entries->front().revision, reader->revision());
    }
    EXPECT_GT(acknowledged, static_cast<std::uint32_t>(rounds));
    std::cout << rounds << " kills, " << acknowledged << " changes acknowledged, none lost\n";
}

}  // namespace
}  // namespace zones_test
