// What a look-up costs and what a name takes, at one number of names. Fills a store with one zone
// of that many one-record names (unless the directory is there already), waits
// until all is in memory, then measures find() of names that exist and of names that do not, at
// random, and prints the memory of the whole process per name.
//
// With MEMORY_MB below what the names take: what a look-up of one of the hot hundredth of the names
// costs while every other question is for any name at all.
//
//     node_cache DIRECTORY NAMES [LOOKUPS [MEMORY_MB]]
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "dns/presentation.h"
#include "zones/key.h"
#include "zones/kv.h"
#include "zones/store.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatch = 256;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

std::size_t resident_octets() {
    std::ifstream file("/proc/self/statm");
    std::size_t all = 0;
    std::size_t resident = 0;
    file >> all >> resident;
    return resident * 4096;
}

/// A letter and nine digits, in ascending order.
std::vector<std::uint8_t> owner(char first, std::uint64_t number) {
    std::vector<std::uint8_t> out(11, '0');
    out[0] = 10;
    out[1] = static_cast<std::uint8_t>(first);
    for (std::size_t at = 10; at > 1; --at, number /= 10) {
        out[at] = static_cast<std::uint8_t>('0' + number % 10);
    }
    return out;
}

[[noreturn]] void fail(const std::string& message) {
    std::fprintf(stderr, "node_cache: %s\n", message.c_str());
    std::exit(1);
}

dns::Name must_name(const std::string& text) {
    const auto name = dns::Name::parse(text);
    if (!name) fail("not a name: " + text);
    return *name;
}

/// One zone, its names written straight into the database: the import has a benchmark of its own.
void load(const zones::StoreOptions& options, std::uint64_t names) {
    zones::ZoneId zone = 0;
    {
        auto store = zones::Store::open(options);
        if (!store) fail(store.error().message);
        zones::PutZone put;
        put.apex = must_name("example.");
        put.ns = {must_name("ns.test.")};
        zones::ChangeSet set;
        set.author = "bench";
        set.operations.push_back({std::move(put), {}});
        if (!(*store)->commit(std::move(set))) fail("the zone was refused");
        zone = (*store)->published()->zones->find_exact(must_name("example."))->base();
    }
    auto store = zones::KeyValueStore::open({options.directory, std::size_t{8} << 20, options.log});
    if (!store) fail(store.error().message);
    const auto data = dns::parse_rdata(dns::RRType::A, "192.0.2.1", dns::NameView());
    if (!data) fail("not rdata");
    std::uint64_t next = 0;
    const auto written =
        (*store)->ingest(zones::Family::Nodes, [&](std::string& key, std::string& value) {
            if (next == names) return false;
            zones::NodeParts node;
            node.relative_owner = owner('h', next++);
            node.entries.push_back({dns::RRset(dns::RRType::A, 300), 0, 0, {}});
            if (!node.entries.back().rrset.add(*data)) fail("not a record");
            key = zones::node_key(zone, node.relative_owner);
            value.assign(base::as_text(node.pack()));
            return true;
        });
    if (!written) fail(written.error().message);
}

/// Seconds that a batch takes, of which every name must be there, or none.
double find_all(zones::Store& store, zones::Store::Source& source, base::Qsbr::Reader& reader,
                const std::vector<std::vector<std::uint8_t>>& owners, zones::Presence expected) {
    reader.online();
    const zones::Published& published = *store.published();
    source.use(published);
    const zones::ZoneId zone = published.zones->find_exact(must_name("example."))->base();
    const auto start = Clock::now();
    for (const auto& each : owners) {
        if (source.find(zone, each).presence != expected) fail("a wrong answer");
    }
    const double seconds = seconds_since(start);
    source.release();
    reader.offline();
    return seconds;
}

struct Cost {
    double random_ns = 0, hot_ns = 0;
};

/// Nanoseconds a find() of random names of all, and of the same few over and over.
Cost measure(zones::Store& store, char first, std::uint64_t names, std::uint64_t lookups,
             zones::Presence expected) {
    base::Qsbr::Reader& reader = store.qsbr().add_reader();
    const auto source = store.make_source(true);
    base::Random random(182);
    Cost cost;
    for (const bool hot : {false, true}) {
        double seconds = 0;
        std::uint64_t done = 0;
        std::vector<std::vector<std::uint8_t>> owners(kBatch);
        while (done < lookups) {
            if (!hot || done == 0) {
                for (auto& each : owners) {
                    each = owner(first, static_cast<std::uint64_t>(
                                            random.below(static_cast<std::uint32_t>(names))));
                }
            }
            seconds += find_all(store, *source, reader, owners, expected);
            done += kBatch;
        }
        (hot ? cost.hot_ns : cost.random_ns) = seconds * 1e9 / static_cast<double>(done);
    }
    store.qsbr().remove_reader(reader);
    return cost;
}

/// How the names that are asked for most fare when not all have room.
void measure_squeezed(zones::Store& store, std::uint64_t names, std::uint64_t lookups) {
    base::Qsbr::Reader& reader = store.qsbr().add_reader();
    const auto source = store.make_source(true);
    base::Random random(182);
    const std::uint64_t hot_names = std::max<std::uint64_t>(1, names / 100);
    const auto batch = [&](std::uint64_t among) {
        std::vector<std::vector<std::uint8_t>> owners(kBatch);
        for (auto& each : owners) {
            each = owner('h', random.below(static_cast<std::uint32_t>(among)));
        }
        return find_all(store, *source, reader, owners, zones::Presence::Present);
    };
    double hot = 0;
    double others = 0;
    std::uint64_t done = 0;
    std::uint64_t hot_misses = 0;
    for (std::uint64_t asked = 0; asked < lookups; asked += kBatch) {
        const std::uint64_t before = store.stats().cache_misses;
        const double hot_now = batch(hot_names);
        const std::uint64_t missed = store.stats().cache_misses - before;
        const double others_now = batch(names);
        if (asked < lookups / 2) continue;  // until the hot ones are known
        hot += hot_now;
        others += others_now;
        hot_misses += missed;
        done += kBatch;
    }
    const zones::StoreStats stats = store.stats();
    std::printf(
        "%9llu names: hot %.0f ns, %.3f %% of them read from the store; any %.0f ns; "
        "cache %.1f MiB, %.0f names, %llu evictions, process %.1f MiB\n",
        static_cast<unsigned long long>(names), hot * 1e9 / static_cast<double>(done),
        100.0 * static_cast<double>(hot_misses) / static_cast<double>(done),
        others * 1e9 / static_cast<double>(done), static_cast<double>(stats.cache_octets) / 1048576,
        static_cast<double>(stats.cache_nodes),
        static_cast<unsigned long long>(stats.cache_evictions),
        static_cast<double>(resident_octets()) / 1048576);
    store.qsbr().remove_reader(reader);
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 3) fail("usage: node_cache DIRECTORY NAMES [LOOKUPS [MEMORY_MB]]");
    const std::uint64_t names = std::strtoull(arguments[2], nullptr, 10);
    const std::uint64_t lookups = count > 3 ? std::strtoull(arguments[3], nullptr, 10) : 2000000;
    if (names == 0 || names > 0xffffffffU) fail("how many names?");
    zones::StoreOptions options;
    options.directory = arguments[1];
    const std::uint64_t memory_mb = count > 4 ? std::strtoull(arguments[4], nullptr, 10) : 0;
    options.memory_octets =
        memory_mb != 0 ? std::size_t{memory_mb} << 20 : (std::size_t{64} << 20) + names * 200;
    options.log = [](std::string_view level, const std::string& message) {
        std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(level.size()), level.data(),
                     message.c_str());
    };
    if (!std::filesystem::exists(options.directory)) load(options, names);
    (void)::malloc_trim(0);
    const std::size_t before = resident_octets();
    const auto start = Clock::now();
    auto store = zones::Store::open(options);
    if (!store) fail(store.error().message);
    if (memory_mb != 0) {
        for (zones::StoreStats now; now.filter_octets == 0 || now.cache_scanning;) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            now = (*store)->stats();
        }
        measure_squeezed(**store, names, lookups);
        return 0;
    }
    while (!(*store)->stats().cache_complete) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    const double loaded = seconds_since(start);
    const zones::StoreStats stats = (*store)->stats();
    const Cost hit = measure(**store, 'h', names, lookups, zones::Presence::Present);
    const Cost miss = measure(**store, 'x', names, lookups, zones::Presence::Absent);
    const auto each = [names](std::size_t octets) {
        return static_cast<double>(octets) / static_cast<double>(names);
    };
    std::printf(
        "%9llu names: hit %.0f ns (hot %.0f), absent %.0f ns (hot %.0f); octets a name: "
        "accounted %.1f, process %.1f (%.1f before the store was opened); in memory after %.1f s\n",
        static_cast<unsigned long long>(names), hit.random_ns, hit.hot_ns, miss.random_ns,
        miss.hot_ns, each(stats.cache_octets), each(resident_octets()), each(before), loaded);
    return 0;
}
