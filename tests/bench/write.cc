// How many durable single-record changes a second the store takes from so many writers, each
// waiting for its acknowledgement before its next change, how long each takes, and whether a
// look-up after an acknowledgement finds what was acknowledged. Works in a directory that
// node_cache has filled with NAMES names of the zone example.
//
//     write DIRECTORY NAMES [WRITERS] [SECONDS]
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <mutex>
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

/// What the disk alone takes to make a little more of a file durable, in microseconds: the median
/// of some, as one such is part of every group of changes.
double sync_us(const std::string& directory) {
    const std::string path = directory + "/sync-probe";
    const int fd = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) fail(path + ": cannot be made");
    std::vector<double> took;
    const std::string octets(4096, 'x');
    for (int i = 0; i < 300; ++i) {
        const auto start = Clock::now();
        if (::write(fd, octets.data(), octets.size()) < 0 || ::fdatasync(fd) != 0) {
            fail(path + ": cannot be written");
        }
        took.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
    }
    ::close(fd);
    ::unlink(path.c_str());
    std::nth_element(took.begin(), took.begin() + 150, took.end());
    return took[150];
}

/// As node_cache names them: a letter and nine digits.
std::string label(std::uint64_t number) {
    const std::string digits = std::to_string(number);
    return "h" + std::string(9 - std::min<std::size_t>(9, digits.size()), '0') + digits + ".";
}

struct Totals {
    std::uint64_t changes = 0;
    std::uint64_t stale = 0;  // look-ups after the acknowledgement that found something else
    std::vector<float> ms;    // from submit to the changed look-up
};

/// Who has been acknowledged and not looked at yet; the committer adds to it.
class Acknowledged {
  public:
    void add(std::uint32_t writer, bool taken) {
        const std::lock_guard lock(mutex_);
        if (!taken) fail("a change was refused");
        writers_.push_back(writer);
        if (writers_.size() == 1) changed_.notify_one();
    }
    /// Waits for the first, and puts all there are in place of what `writers` holds.
    void take(std::vector<std::uint32_t>& writers) {
        writers.clear();
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return !writers_.empty(); });
        writers.swap(writers_);
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::uint32_t> writers_;
};

/// All writers, in one thread as the server has them in its admin loop. Each changes random names
/// among those of its own, so that it is known what must be found.
class Writers {
  public:
    Writers(zones::Store& store, std::uint32_t names, std::uint32_t count)
        : store_(store),
          reader_(store.qsbr().add_reader()),
          source_(store.make_source(true)),
          share_(names / count),
          writers_(count) {}
    ~Writers() { store_.qsbr().remove_reader(reader_); }
    Writers(const Writers&) = delete;
    Writers& operator=(const Writers&) = delete;

    Totals run(Clock::time_point end) {
        Totals totals;
        for (std::uint32_t i = 0; i < writers_.size(); ++i) submit(i);
        std::size_t waiting = writers_.size();
        std::vector<std::uint32_t> done;
        while (waiting > 0) {
            acknowledged_.take(done);
            for (const std::uint32_t i : done) {
                ++totals.changes;
                if (!is_new(writers_[i])) ++totals.stale;
                totals.ms.push_back(
                    std::chrono::duration<float, std::milli>(Clock::now() - writers_[i].start)
                        .count());
                if (Clock::now() < end) {
                    submit(i);
                } else {
                    --waiting;
                }
            }
        }
        return totals;
    }

  private:
    struct Writer {
        std::string owner;
        std::uint32_t number = 0;  // the address of its last change
        Clock::time_point start;
    };

    void submit(std::uint32_t i) {
        Writer& writer = writers_[i];
        writer.owner = label(i * share_ + random_.below(share_));
        zones::PutRRset put;
        put.zone = zone_;
        put.name = must_name(writer.owner + "example.");
        put.type = dns::RRType::A;
        put.value.records.emplace_back(4);
        writer.number = random_.below(0xffffffffU);
        base::store_be32(put.value.records[0].data(), writer.number);
        zones::ChangeSet set;
        set.author = "bench";
        set.operations.push_back({std::move(put), {}});
        writer.start = Clock::now();
        store_.submit(std::move(set),
                      [this, i](const auto& result) { acknowledged_.add(i, result.has_value()); });
    }

    bool is_new(const Writer& writer) {
        reader_.online();
        const zones::Published& published = *store_.published();
        source_->use(published);
        const zones::ZoneEntry* entry = published.zones->find_exact(zone_);
        if (entry == nullptr) fail("the zone is gone");
        const dns::Name relative = must_name(writer.owner);
        const auto found =
            source_->find(entry->base(), relative.octets().first(relative.size() - 1));
        bool is_new = false;
        if (found.presence == zones::Presence::Present) {
            const auto rrset = found.node.find(dns::RRType::A);
            is_new = rrset && base::load_be32((*rrset->rrset.begin()).data()) == writer.number;
        }
        source_->release();
        reader_.offline();
        return is_new;
    }

    zones::Store& store_;
    base::Qsbr::Reader& reader_;
    std::unique_ptr<zones::Store::Source> source_;
    const dns::Name zone_ = must_name("example.");
    const std::uint32_t share_;
    // Another one each time: a change to what is there already is none.
    base::Random random_{static_cast<std::uint64_t>(Clock::now().time_since_epoch().count())};
    std::vector<Writer> writers_;
    Acknowledged acknowledged_;
};

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

    const double sync = sync_us(options.directory);
    const zones::StoreStats before = store.stats();
    const std::clock_t cpu = std::clock();  // of all threads
    const auto start = Clock::now();
    const auto end = start + std::chrono::seconds(seconds);
    Totals totals = Writers(store, names, count).run(end);
    const double took = std::chrono::duration<double>(Clock::now() - start).count();
    const double cpu_us =
        static_cast<double>(std::clock() - cpu) * 1e6 / static_cast<double>(CLOCKS_PER_SEC);
    const zones::StoreStats after = store.stats();

    auto& [changes, stale, ms] = totals;
    std::sort(ms.begin(), ms.end());
    std::printf(
        "%u writers, %u names: %.0f changes/s, %.1f a group, %.0f us of CPU each; to the changed "
        "answer: median %.2f "
        "ms, "
        "p99 %.2f ms, longest %.2f ms; %llu of %llu answers were new; a bare sync: %.0f us\n",
        count, names, static_cast<double>(changes) / took,
        static_cast<double>(after.commits - before.commits) /
            static_cast<double>(std::max<std::uint64_t>(1, after.groups - before.groups)),
        cpu_us / static_cast<double>(changes), static_cast<double>(ms[ms.size() / 2]),
        static_cast<double>(ms[ms.size() * 99 / 100]), static_cast<double>(ms.back()),
        static_cast<unsigned long long>(changes - stale), static_cast<unsigned long long>(changes),
        sync);
    return stale == 0 ? 0 : 1;
}
