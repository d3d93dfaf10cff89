#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "zones/committer.h"
#include "zones/kv.h"
#include "zones/residency.h"
#include "zones/store.h"

namespace zones {

class RecordSorter;

/// Hits and misses of all sources, those that are gone included. Any thread; a source counts in
/// atomics of its own, so that workers do not meet in a cache line.
class SourceCounters {
  public:
    struct alignas(64) Own {
        std::atomic<std::uint64_t> hits{0}, misses{0};
        /// One thread writes: no read-modify-write is needed.
        static void count(std::atomic<std::uint64_t>& counter) noexcept {
            counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        }
    };
    void add(Own& own);
    void remove(Own& own);
    void fill_stats(StoreStats& stats) const;

  private:
    mutable std::mutex mutex_;
    std::set<Own*> sources_;  // guarded by mutex_
    std::uint64_t gone_hits_ = 0, gone_misses_ = 0;
};

/// The data of a zone whose record is damaged: there are none under this id, which is given to no
/// zone, and a zone without an apex is SERVFAIL.
inline constexpr ZoneId kUnknownData = kHashedIds - 1;

/// What the database holds of that which is kept in memory: read when it is opened, and when it
/// was opened anew. A zone whose record makes no sense has kUnknownData, and is told to the log:
/// who asks for it must not be sent to its parent, or be told that it is not served here.
struct Held {
    Counters counters;
    Published published;
};
[[nodiscard]] base::Result<Held> read_held(KeyValueStore& store, const StoreOptions& options,
                                           const GeoDatabases& geo);
[[nodiscard]] base::Result<Counters> read_counters(Draft& draft, const std::string& directory);

// The parts behind Store's factories. Each must be gone before the store.

[[nodiscard]] std::unique_ptr<Store::Source> make_store_source(KeyValueStore& store,
                                                               Residency& residency,
                                                               SourceCounters& counters,
                                                               bool may_block);
[[nodiscard]] std::unique_ptr<StoreReader> make_store_reader(KeyValueStore& store,
                                                             const Published& published);

/// What loaders work with.
struct LoadContext {
    KeyValueStore& store;
    Residency& residency;
    std::string directory;  // for sorting
    std::size_t octets = 0;
    std::uint64_t min_free_octets = 0;
    std::function<base::Result<ZoneId>()> reserve_id;  // for a zone that is written by itself

    [[nodiscard]] std::unique_ptr<RecordSorter> make_sorter() const;
};
[[nodiscard]] std::unique_ptr<ZoneLoader> make_zone_loader(const LoadContext& context,
                                                           const dns::Name& apex);
inline constexpr ZoneId kBulkIds = 16384;
[[nodiscard]] std::unique_ptr<BulkLoad> make_bulk_load(const LoadContext& context, ZoneId first_id);

}  // namespace zones
