// Zones into a store that no server has open.
#include "admin/offline_import.h"

#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "admin/documents.h"
#include "admin/json.h"
#include "admin/zone_import.h"
#include "zones/store.h"

namespace admin {

namespace {

constexpr std::size_t kPieceOctets = std::size_t{256} << 10;
constexpr std::size_t kMaxBatches = 2;            // that wait for the writer
constexpr std::size_t kZonesPerChange = 512;      // one entry of the history
constexpr std::size_t kRecordsPerLook = 4096;     // between two looks at the clock
constexpr std::size_t kMemoryOctets = 64U << 20;  // nobody asks while zones are imported
constexpr auto kShowInterval = std::chrono::milliseconds(200);

}  // namespace

ImportProgress::ImportProgress(std::size_t zones, std::uint64_t octets)
    : terminal_(::isatty(STDERR_FILENO) == 1),
      zones_(zones),
      octets_(octets),
      started_(base::mono_now()),
      shown_(started_) {}

void ImportProgress::clear() {
    if (visible_) std::cerr << "\r\x1b[K" << std::flush;
    visible_ = false;
}

void ImportProgress::show() {
    if (!terminal_) return;
    const base::MonoTime now = base::mono_now();
    if (now - shown_ < kShowInterval) return;
    shown_ = now;
    visible_ = true;
    const double seconds = std::chrono::duration<double>(now - started_).count();
    std::cerr << "\r\x1b[K";
    if (zones_ > 1) {
        std::cerr << zones_done_ << " of " << zones_ << " zones, " << 100 * zones_done_ / zones_
                  << "%";
    } else if (octets_ > 0) {
        std::cerr << 100 * std::min(octets_done_, octets_) / octets_ << "%";
    } else if (octets_done_ > 0) {
        std::cerr << octets_done_ / 1000000 << " MB";
    }
    if (records_done_ > 0) {
        std::cerr << ", " << records_done_ << " records, "
                  << static_cast<std::uint64_t>(static_cast<double>(records_done_) / seconds)
                  << " a second";
    }
    std::cerr << std::flush;
}

std::string import_summary(std::size_t done, std::size_t refused) {
    std::string out = std::to_string(done) + (done == 1 ? " zone" : " zones") + " imported";
    if (refused > 0) out += ", " + std::to_string(refused) + " refused";
    return out;
}

namespace {

/// Zones that were read and checked, on their way into the store.
struct Batch {
    std::unique_ptr<zones::BulkLoad> load;
    std::vector<zones::ReplaceZone> zones;
};

class OfflineImport {
  public:
    OfflineImport(zones::Store& store, const std::vector<ImportJob>& jobs, bool dry_run)
        : store_(store), jobs_(jobs), dry_run_(dry_run), progress_(jobs.size(), octets_of(jobs)) {}

    void run() {
        std::thread writer([this] { write_batches(); });
        read_zones();
        {
            const std::lock_guard lock(mutex_);
            ended_ = true;
        }
        changed_.notify_all();
        writer.join();
        progress_.clear();
    }
    [[nodiscard]] std::size_t done() const noexcept { return done_; }
    [[nodiscard]] std::uint64_t records() const noexcept { return records_; }

  private:
    static std::uint64_t octets_of(const std::vector<ImportJob>& jobs) {
        if (jobs.size() != 1) return 0;
        std::error_code error;
        const std::uintmax_t size = std::filesystem::file_size(jobs.front().file, error);
        return error ? 0 : size;
    }

    // The thread that reads.

    void read_zones() {
        Batch batch;
        for (const ImportJob& job : jobs_) {
            if (stopped()) return;
            if (batch.load == nullptr) {
                auto load = store_.begin_bulk();
                if (!load) return stop(load.error().message);
                batch.load = std::move(*load);
            }
            read_zone(job, batch);
            {
                const std::lock_guard lock(mutex_);
                progress_.zone_done();
            }
            if (!batch.load->room()) hand_over(std::move(batch));
            if (batch.load == nullptr) batch = Batch{};
        }
        if (batch.load != nullptr) hand_over(std::move(batch));
    }

    void read_zone(const ImportJob& job, Batch& batch) {
        const auto apex = parse_zone_name(job.zone);
        if (!apex) return say(job.zone + ": " + apex.error().message);
        std::ifstream file;
        if (job.file != "-") file.open(job.file, std::ios::binary);
        std::istream& in = job.file == "-" ? std::cin : file;
        std::error_code error;
        if (!in || std::filesystem::is_directory(job.file, error)) {
            return say(job.file + ": cannot be read");
        }
        ZoneImport import(batch.load->begin(*apex), *apex,
                          job.file == "-" ? "standard input" : job.file, included_files());
        std::uint64_t records = 0;
        while (in) {
            in.read(piece_.data(), static_cast<std::streamsize>(piece_.size()));
            const auto size = static_cast<std::size_t>(in.gcount());
            import.feed(base::as_octets(std::string_view(piece_).substr(0, size)));
            if (jobs_.size() > 1 && import.records() - records < kRecordsPerLook) continue;
            const std::lock_guard lock(mutex_);
            progress_.read(size, import.records() - records);
            records = import.records();
        }
        if (in.bad()) return say(job.file + ": cannot be read");
        auto finished = import.finish();
        if (!finished) {
            for (const std::string& fault : finished.error().shown) say(fault);
            if (finished.error().faults > 1) {
                say(job.file + ": " + std::to_string(finished.error().faults) +
                    " faults; nothing was changed");
            }
            return;
        }
        for (const std::string& warning : finished->warnings) {
            say(job.zone + ": warning: " + warning);
        }
        batch.zones.push_back(std::move(finished->operation));
    }

    void hand_over(Batch batch) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return batches_.size() < kMaxBatches || stopped_; });
        batches_.push_back(std::move(batch));
        changed_.notify_all();
    }

    // The thread that writes.

    void write_batches() {
        for (;;) {
            Batch batch;
            {
                std::unique_lock lock(mutex_);
                changed_.wait(lock, [this] { return ended_ || !batches_.empty(); });
                if (batches_.empty()) return;
                batch = std::move(batches_.front());
                batches_.pop_front();
                changed_.notify_all();
            }
            if (stopped()) continue;
            const auto written = batch.load->write();
            if (!written) {
                stop(written.error().message);
                continue;
            }
            batch.load.reset();
            for (std::size_t at = 0; at < batch.zones.size(); at += kZonesPerChange) {
                const auto first = batch.zones.begin() + static_cast<std::ptrdiff_t>(at);
                const std::size_t count = std::min(kZonesPerChange, batch.zones.size() - at);
                swap_in({first, first + static_cast<std::ptrdiff_t>(count)});
            }
        }
    }

    /// One change set; a zone that is refused is left out of the next attempt.
    void swap_in(std::vector<zones::ReplaceZone> zones) {
        while (!zones.empty() && !stopped()) {
            zones::ChangeSet changes;
            changes.author = "import";
            changes.message = jobs_.size() == 1 ? "offline import of " + jobs_.front().file
                                                : "offline import of many zones";
            changes.time = base::wall_now();
            changes.dry_run = dry_run_;
            changes.keeps_loads = true;  // the others are tried again
            for (const zones::ReplaceZone& zone : zones) changes.operations.push_back({zone, {}});
            const auto committed = store_.commit(std::move(changes));
            if (committed) {
                for (const std::string& warning : committed->warnings) say("warning: " + warning);
                const std::lock_guard lock(mutex_);
                done_ += zones.size();
                for (const zones::ReplaceZone& zone : zones) records_ += zone.records;
                return;
            }
            std::set<std::size_t> refused;
            for (const zones::ChangeFault& fault : committed.error().faults) {
                if (fault.kind == zones::ChangeFault::Kind::Unavailable ||
                    fault.operation >= zones.size()) {
                    return stop(fault.message);
                }
                say(zones[fault.operation].apex.to_text() + ": " + fault.message);
                refused.insert(fault.operation);
            }
            for (auto index = refused.rbegin(); index != refused.rend(); ++index) {
                zones.erase(zones.begin() + static_cast<std::ptrdiff_t>(*index));
            }
            if (refused.empty()) return;
        }
    }

    // Either thread.

    void say(const std::string& line) {
        const std::lock_guard lock(mutex_);
        progress_.clear();
        std::cerr << "meridian: " << line << '\n';
    }
    void stop(const std::string& why) {
        say(why);
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        changed_.notify_all();
    }
    [[nodiscard]] bool stopped() {
        const std::lock_guard lock(mutex_);
        return stopped_;
    }

    zones::Store& store_;
    const std::vector<ImportJob>& jobs_;
    const bool dry_run_;
    std::string piece_ = std::string(kPieceOctets, '\0');  // of the thread that reads

    std::mutex mutex_;
    std::condition_variable changed_;
    ImportProgress progress_;    // guarded by mutex_, as is what is printed
    std::deque<Batch> batches_;  // guarded by mutex_
    bool ended_ = false;         // guarded by mutex_: nothing more is read
    bool stopped_ = false;       // guarded by mutex_: the store cannot be written
    std::size_t done_ = 0;       // guarded by mutex_
    std::uint64_t records_ = 0;  // guarded by mutex_
};

}  // namespace

int import_offline(const std::vector<ImportJob>& jobs, const std::string& data_dir, bool dry_run,
                   bool json) {
    zones::StoreOptions options;
    options.directory = data_dir + "/store";
    options.memory_octets = kMemoryOctets;
    options.resident = false;
    options.log = [](std::string_view level, const std::string& message) {
        if (level != "info") std::cerr << "meridian: " << message << '\n';
    };
    auto store = zones::Store::open(std::move(options));
    if (!store) {
        std::cerr << "meridian: " << store.error().message << std::endl;
        return 1;
    }
    std::cerr << "meridian: offline, into the store in " << data_dir << '\n';
    const base::MonoTime started = base::mono_now();
    OfflineImport import(**store, jobs, dry_run);
    import.run();
    const std::size_t refused = jobs.size() - import.done();
    if (json) {
        const double seconds = std::chrono::duration<double>(base::mono_now() - started).count();
        Json document = Json::object();
        document.set("zones", std::uint64_t{import.done()});
        document.set("refused", std::uint64_t{refused});
        document.set("records", import.records());
        document.set("milliseconds", static_cast<std::uint64_t>(seconds * 1000));
        std::cout << document.dump() << std::endl;
    } else {
        std::cout << import_summary(import.done(), refused) << std::endl;
    }
    return refused == 0 ? 0 : 1;
}

}  // namespace admin
