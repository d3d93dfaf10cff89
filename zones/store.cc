#include "zones/store.h"

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <utility>

#include "zones/documents.h"
#include "zones/key.h"
#include "zones/receipts.h"
#include "zones/store_parts.h"

namespace zones {

namespace {

// How the memory budget is divided: RocksDB's blocks serve misses only, and get little; the rest
// is the node cache's, of which the filter takes what its names need, at most this share.
constexpr std::size_t kBlockCacheShare = 8;
constexpr std::size_t kMaxBlockCacheOctets = std::size_t{64} << 20;
constexpr std::size_t kFilterShare = 8;
constexpr std::size_t kChainShare = 8;

std::size_t block_cache_octets(std::size_t memory_octets) {
    return std::min(memory_octets / kBlockCacheShare, kMaxBlockCacheOctets);
}

class StoreImpl : public Store {
  public:
    StoreImpl(StoreOptions options, std::unique_ptr<KeyValueStore> store, const Counters& counters,
              Published first)
        : options_(std::move(options)),
          store_(std::move(store)),
          residency_(*store_, qsbr_,
                     {options_.memory_octets - block_cache_octets(options_.memory_octets),
                      options_.memory_octets / kFilterShare, options_.memory_octets / kChainShare}),
          committer_(*store_, residency_, qsbr_, options_, counters, std::move(first)) {
        if (!options_.resident) return;
        residency_.start(
            {[this] { return committer_.current(); },
             [this](const std::function<void()>& task) { committer_.run_between(task); }});
    }
    ~StoreImpl() override { residency_.stop(); }
    StoreImpl(const StoreImpl&) = delete;
    StoreImpl& operator=(const StoreImpl&) = delete;

    [[nodiscard]] const Published* published() const noexcept override {
        return committer_.published();
    }
    [[nodiscard]] base::Qsbr& qsbr() noexcept override { return qsbr_; }
    [[nodiscard]] const ChangeMarks& marks() const noexcept override {
        return residency_.cache().marks();
    }

    void submit(ChangeSet changes, Done done) override {
        committer_.submit(std::move(changes), std::move(done));
    }

    [[nodiscard]] base::Result<std::unique_ptr<ZoneLoader>> begin_load(
        const dns::Name& apex) override {
        // What could not be taken over in the end is not asked for.
        StoreStats stats;
        committer_.fill_stats(stats);
        if (!stats.writable) return base::fail(stats.why_not);
        return make_zone_loader(load_context(), apex);
    }

    [[nodiscard]] base::Result<std::unique_ptr<BulkLoad>> begin_bulk() override {
        const auto first = committer_.reserve_zone_ids(kBulkIds);
        if (!first) return base::fail(first.error());
        return make_bulk_load(load_context(), *first);
    }

    [[nodiscard]] std::unique_ptr<Source> make_source(bool may_block) override {
        return make_store_source(*store_, residency_, source_counters_, may_block);
    }

    [[nodiscard]] std::unique_ptr<StoreReader> read() override {
        return make_store_reader(*store_, committer_.current());
    }

    [[nodiscard]] base::Result<std::optional<KeptReceipt>> receipt(const std::string& id) override {
        std::string value;
        switch (store_->get(Family::Default, ReceiptRecord::key(id), nullptr, true, value)) {
            case KeyValueStore::Read::Found:
                break;
            case KeyValueStore::Read::Absent:
                return std::optional<KeptReceipt>();
            case KeyValueStore::Read::WouldBlock:
            case KeyValueStore::Read::Failed:
                return base::fail("the store cannot be read");
        }
        auto record = ReceiptRecord::parse(value);
        if (!record) return base::fail("the store holds a damaged receipt");
        return std::optional<KeptReceipt>(
            {Receipt{id, record->time, std::move(record->value)}, record->revision});
    }

    void set_geo(std::shared_ptr<const GeoDatabases> geo) override {
        committer_.set_geo(std::move(geo));
    }

    [[nodiscard]] base::Result<Backup> backup(const std::string& directory) override {
        const Backup what{std::string(kFormat), committer_.current().revision, base::wall_now()};
        return make_backup(*store_, directory, what);
    }

    [[nodiscard]] StoreStats stats() const override {
        StoreStats stats;
        committer_.fill_stats(stats);
        source_counters_.fill_stats(stats);
        const NodeCache::Size size = residency_.cache().size();
        stats.cache_octets = size.octets;
        stats.cache_nodes = size.nodes;
        stats.cache_evictions = size.evictions;
        const Residency::Progress progress = residency_.progress();
        stats.cache_complete = progress.complete;
        stats.cache_scanning = progress.scanning;
        stats.cache_nodes_seen = progress.nodes_seen;
        stats.cache_nodes_estimate = progress.estimate;
        stats.filter_octets = progress.filter_octets;
        stats.damaged = store_->damage().places();
        return stats;
    }

  private:
    // Each reservation is a write of its own.
    static constexpr ZoneId kLoadIds = 64;

    [[nodiscard]] LoadContext load_context() {
        return {*store_,
                residency_,
                options_.directory,
                options_.load_octets,
                options_.min_free_octets,
                [this] { return reserve_load_id(); }};
    }
    [[nodiscard]] base::Result<ZoneId> reserve_load_id() {
        const std::lock_guard lock(load_mutex_);
        if (load_ids_left_ == 0) {
            const auto first = committer_.reserve_zone_ids(kLoadIds);
            if (!first) return base::fail(first.error());
            next_load_id_ = *first;
            load_ids_left_ = kLoadIds;
        }
        --load_ids_left_;
        return next_load_id_++;
    }

    // Destroyed from the last to the first: the committer's thread ends before what it uses goes.
    const StoreOptions options_;
    const std::unique_ptr<KeyValueStore> store_;
    base::Qsbr qsbr_;
    mutable Residency residency_;  // its cache counts under locks
    SourceCounters source_counters_;
    std::mutex load_mutex_;
    ZoneId next_load_id_ = 0;   // guarded by load_mutex_
    ZoneId load_ids_left_ = 0;  // guarded by load_mutex_
    Committer committer_;
};

/// A new store gets its format version, an old one must have ours.
base::Result<void> check_format(KeyValueStore& store, const std::string& directory) {
    std::string format;
    switch (store.get(Family::Default, kFormatKey, nullptr, true, format)) {
        case KeyValueStore::Read::Found:
            if (format == kFormat) return {};
            return base::fail("store " + directory + ": has format " + format +
                              ", this program knows " + std::string(kFormat) +
                              ": start the program that wrote it, or restore a backup");
        case KeyValueStore::Read::Absent:
            break;
        case KeyValueStore::Read::WouldBlock:
        case KeyValueStore::Read::Failed:
            return base::fail("store " + directory + ": cannot be read");
    }
    KeyValueBatch batch;
    batch.put(Family::Default, std::string(kFormatKey), std::string(kFormat));
    return store.write(batch);
}

struct Ids {
    ZoneId first = 0, end = 0;
};

bool hold_nothing(Draft& draft, const Ids& ids) {
    for (const KeyRange& range : zone_ranges(ids.first, ids.end)) {
        const auto row = draft.first(Family::Nodes, range.from, "");
        if (row && row->first < range.to) return false;
    }
    return true;
}

/// Zones that a loader wrote before the end of the process and no change set took over.
base::Result<void> collect_orphans(KeyValueStore& store, const std::string& directory) {
    Draft draft(store);
    auto read = read_counters(draft, directory);
    if (!read) return base::fail(read.error());
    Counters& counters = *read;
    // Those of one load lie side by side in one file, which goes whole if they go together.
    std::vector<Ids> gone;
    for (const Draft::Row& row : draft.all(Family::Default, std::string(kLoadPrefix))) {
        const auto id = LoadRecord::parse_key(row.first);
        const auto load = LoadRecord::parse(row.second);
        const ZoneId ids = load ? load->ids : 1;
        draft.erase(Family::Default, row.first);
        // Numbers that nobody gives are damage, and not taken for ranges.
        if (!id || *id == 0 || ids > kBulkIds || *id >= kUnknownData - ids) continue;
        const bool joins = !gone.empty() &&
                           (gone.back().end >= *id || hold_nothing(draft, {gone.back().end, *id}));
        if (!joins) gone.push_back({*id, *id});
        gone.back().end = std::max(gone.back().end, *id + ids);
    }
    if (draft.empty()) return {};
    for (const Ids& ids : gone) {
        draft.erase_zones(ids.first, ids.end);
        counters.next_zone = std::max(counters.next_zone, ids.end);
    }
    draft.put(Family::Default, std::string(kCountersKey), counters.pack());
    const auto written = store.write(draft.batch());
    if (written) draft.reclaim();
    return written;
}

}  // namespace

base::Result<std::unique_ptr<Store>> Store::open(StoreOptions options) {
    auto store =
        KeyValueStore::open({options.directory, block_cache_octets(options.memory_octets),
                             options.log, options.file_system, options.write_buffer_octets});
    if (!store) return base::fail(std::move(store.error()));
    const auto format = check_format(**store, options.directory);
    if (!format) return base::fail(format.error());

    const auto collected = collect_orphans(**store, options.directory);
    if (!collected) return base::fail(collected.error());
    const GeoDatabases no_geo;
    auto held = read_held(**store, options, options.geo != nullptr ? *options.geo : no_geo);
    if (!held) return base::fail(std::move(held.error()));
    return std::make_unique<StoreImpl>(std::move(options), std::move(*store), held->counters,
                                       std::move(held->published));
}

base::Result<Backup> Store::restore(const std::string& backup, const StoreOptions& options) {
    auto restored = restore_backup(backup, options.directory);
    if (!restored) return restored;
    auto opened = open(options);
    if (!opened) {
        std::error_code ignored;
        std::filesystem::remove_all(options.directory, ignored);
        return base::fail("the backup cannot be used: " + opened.error().message);
    }
    restored->revision = (*opened)->read()->revision();
    return restored;
}

base::Result<Committed, ChangeError> Store::commit(ChangeSet changes) {
    std::mutex mutex;
    std::condition_variable ready;
    std::optional<base::Result<Committed, ChangeError>> answer;
    submit(std::move(changes), [&](base::Result<Committed, ChangeError> result) {
        // Under the lock to the end: the waiter may destroy all three once it has been told.
        const std::lock_guard lock(mutex);
        answer = std::move(result);
        ready.notify_one();
    });
    std::unique_lock lock(mutex);
    ready.wait(lock, [&answer] { return answer.has_value(); });
    return std::move(*answer);
}

void SourceCounters::add(Own& own) {
    const std::lock_guard lock(mutex_);
    sources_.insert(&own);
}

void SourceCounters::remove(Own& own) {
    const std::lock_guard lock(mutex_);
    sources_.erase(&own);
    gone_hits_ += own.hits.load();
    gone_misses_ += own.misses.load();
}

void SourceCounters::fill_stats(StoreStats& stats) const {
    const std::lock_guard lock(mutex_);
    stats.cache_hits = gone_hits_;
    stats.cache_misses = gone_misses_;
    for (const Own* own : sources_) {
        stats.cache_hits += own->hits.load(std::memory_order_relaxed);
        stats.cache_misses += own->misses.load(std::memory_order_relaxed);
    }
}

}  // namespace zones
