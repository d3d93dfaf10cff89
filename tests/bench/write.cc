// How many durable single-record changes a second the store takes, each writer waiting for its
// acknowledgement before its next change, how long each takes, and whether a look-up after an
// acknowledgement finds what was acknowledged. Works in a directory that node_cache has filled with
// NAMES names of the zone example.
//
//     write DIRECTORY NAMES [WRITERS] [SECONDS]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/octets.h"
#include "base/random.h"
#include "zones/store.h"

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& message) {
    std::fprintf(stderr, "write: %s\n", message.c_str());
    std::exit(1);
}

dns::Name must_name(const std::string& text) {
    const auto name = dns::Name::parse(text);
    if (!name) fail("not a name: " + text);
    return *name;
}

/// As node_cache names them: a letter and nine digits.
std::string label(std::uint64_t number) {
    const std::string digits = std::to_string(number);
    return "h" + std::string(9 - std::min<std::size_t>(9, digits.size()), '0') + digits + ".";
}

struct Writer {
    std::uint64_t changes = 0;
    std::uint64_t stale = 0;  // look-ups after the acknowledgement that found something else
    std::vector<float> ms;    // from submit to the changed look-up
};

/// Changes random names among those of this writer alone, so that it knows what must be found.
void write(zones::Store& store, std::uint32_t first, std::uint32_t names, Clock::time_point end,
           Writer& writer) {
    base::Qsbr::Reader& reader = store.qsbr().add_reader();
    const auto source = store.make_source(true);
    const dns::Name zone = must_name("example.");
    base::Random random(first + 1);
    for (std::uint32_t number = 1; Clock::now() < end; ++number) {
        const std::string owner = label(first + random.below(names));
        zones::PutRRset put;
        put.zone = zone;
        put.name = must_name(owner + "example.");
        put.type = dns::RRType::A;
        put.value.records.emplace_back(4);
        base::store_be32(put.value.records[0].data(), number);
        zones::ChangeSet set;
        set.author = "bench";
        set.operations.push_back({std::move(put), {}});

        const auto start = Clock::now();
        std::promise<bool> acknowledged;
        auto waiting = acknowledged.get_future();
        store.submit(std::move(set), [&acknowledged](const auto& result) {
            acknowledged.set_value(result.has_value());
        });
        if (!waiting.get()) fail("a change was refused");

        reader.online();
        const zones::Published& published = *store.published();
        source->use(published);
        const zones::ZoneEntry* entry = published.zones->find_exact(zone);
        if (entry == nullptr) fail("the zone is gone");
        const dns::Name relative = must_name(owner);
        const auto found =
            source->find(entry->base(), relative.octets().first(relative.size() - 1));
        bool fresh = false;
        if (found.presence == zones::Presence::Present) {
            const auto rrset = found.node.find(dns::RRType::A);
            fresh = rrset && base::load_be32((*rrset->rrset.begin()).data()) == number;
        }
        source->release();
        reader.offline();
        writer.ms.push_back(std::chrono::duration<float, std::milli>(Clock::now() - start).count());
        ++writer.changes;
        if (!fresh) ++writer.stale;
    }
    store.qsbr().remove_reader(reader);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) fail("usage: write DIRECTORY NAMES [WRITERS] [SECONDS]");
    const auto names = static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10));
    const auto count =
        static_cast<std::uint32_t>(argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 16);
    const int seconds = argc > 4 ? std::atoi(argv[4]) : 10;
    if (count == 0 || names < count || names > 1'000'000'000 || seconds <= 0) fail("out of range");

    zones::StoreOptions options;
    options.directory = argv[1];
    options.memory_octets = std::size_t{2} << 30;
    options.log = [](std::string_view level, const std::string& message) {
        if (level != "info") std::fprintf(stderr, "write: %s\n", message.c_str());
    };
    auto opened = zones::Store::open(options);
    if (!opened) fail(opened.error().message);
    zones::Store& store = **opened;
    if (store.published()->zones->find_exact(must_name("example.")) == nullptr) {
        fail("no zone example. here; fill the directory with node_cache first");
    }
    while (!store.stats().cache_complete) {
        if (!store.stats().cache_scanning) break;  // more than fits
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }

    const zones::StoreStats before = store.stats();
    const std::clock_t cpu = std::clock();  // of all threads
    const auto start = Clock::now();
    const auto end = start + std::chrono::seconds(seconds);
    std::vector<Writer> writers(count);
    std::vector<std::thread> threads;
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t share = names / count;
        threads.emplace_back(
            [&store, &writers, i, share, end] { write(store, i * share, share, end, writers[i]); });
    }
    for (std::thread& thread : threads) thread.join();
    const double took = std::chrono::duration<double>(Clock::now() - start).count();
    const double cpu_us =
        static_cast<double>(std::clock() - cpu) * 1e6 / static_cast<double>(CLOCKS_PER_SEC);
    const zones::StoreStats after = store.stats();

    std::uint64_t changes = 0;
    std::uint64_t stale = 0;
    std::vector<float> ms;
    for (const Writer& writer : writers) {
        changes += writer.changes;
        stale += writer.stale;
        ms.insert(ms.end(), writer.ms.begin(), writer.ms.end());
    }
    if (changes == 0) fail("no change came through in time");
    std::sort(ms.begin(), ms.end());
    std::printf(
        "%u writers, %u names: %.0f changes/s, %.1f a group, %.0f us of CPU each; to the changed "
        "answer: median %.2f "
        "ms, "
        "p99 %.2f ms, longest %.2f ms; %llu of %llu answers were new\n",
        count, names, static_cast<double>(changes) / took,
        static_cast<double>(after.commits - before.commits) /
            static_cast<double>(std::max<std::uint64_t>(1, after.groups - before.groups)),
        cpu_us / static_cast<double>(changes), static_cast<double>(ms[ms.size() / 2]),
        static_cast<double>(ms[ms.size() * 99 / 100]), static_cast<double>(ms.back()),
        static_cast<unsigned long long>(changes - stale), static_cast<unsigned long long>(changes));
    return stale == 0 ? 0 : 1;
}
