#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <thread>
#include <vector>

#include "base/qsbr.h"
#include "zones/absence_filter.h"
#include "zones/chain_index.h"
#include "zones/kv.h"
#include "zones/node_cache.h"
#include "zones/published.h"
#include "zones/store.h"

namespace zones {

/// What of the store is in memory: the node cache, the filter that knows what the store does not
/// hold, the chains of signed zones in order, and the one thread, of low priority, that fills them.
///
/// After start-up the thread scans all nodes at one revision: every owner goes into the filter,
/// every node of a served zone into the cache as long as there is room, and an index is made of
/// each chain. If all nodes had room the cache is complete. Later it loads zones that were swapped
/// in, takes away what a commit left behind (NodeCache::tidy), reclaims memory, and builds the
/// filter anew when it is too full. Nothing waits for it: until it is done, misses are read from
/// the store.
class Residency {
  public:
    struct Options {
        std::size_t cache_octets = 0;   // the filter and the indexes included
        std::size_t filter_octets = 0;  // the most that one filter takes
        std::size_t chain_octets = 0;   // the most that all indexes of chains take
    };
    /// Both outlive this.
    Residency(KeyValueStore& store, base::Qsbr& qsbr, const Options& options);
    ~Residency();
    Residency(const Residency&) = delete;
    Residency& operator=(const Residency&) = delete;

    [[nodiscard]] NodeCache& cache() noexcept { return cache_; }
    [[nodiscard]] const ChainIndexes& chains() const noexcept { return chains_; }
    /// True: no such owner exists. False: it may. Of a hash as NodeCache::hash makes it; the
    /// caller is online in the Qsbr.
    [[nodiscard]] bool absent(std::uint64_t hash) const noexcept {
        return !filter_paused_.load() && filter_.absent(hash);
    }

    struct Hooks {
        std::function<Published()> current;  // the newest revision
        /// Runs a task on the committer's thread, between two groups, and waits for it.
        std::function<void(const std::function<void()>&)> on_committer;
    };
    /// Starts the thread; `stop` before what the hooks need goes.
    void start(Hooks hooks);
    void stop();

    // The committer's thread: before a revision is published, and after. `attached`: zone ids that
    // came with data which is not among the changes; `detached`: those that are served no more.
    // They may be among the changes, and may have been let go once before.
    void before_publish(Revision revision, const std::vector<NodeCache::Change>& changes,
                        const std::vector<ZoneId>& attached, const std::vector<ZoneId>& detached);
    void after_publish(const std::vector<ZoneId>& detached);
    /// Everything is forgotten and read anew: the store was opened again, and holds `newest`.
    void reset(Revision newest);

    /// Owners of a zone id that is written past the committer, before it is attached. Any thread.
    void begin_load(ZoneId zone);
    /// It will not be attached.
    void end_load(ZoneId zone);
    /// Hashes as NodeCache::hash makes them.
    void add_loaded(std::span<const std::uint64_t> hashes) { filter_.add(hashes); }

    struct Progress {
        bool complete = false;         // everything is in memory
        std::uint64_t nodes_seen = 0;  // by the scan under way, or the last one
        std::uint64_t estimate = 0;    // of nodes in all, when that scan began
        bool scanning = false;
        bool full = false;  // not all had room
        std::size_t filter_octets = 0;
        std::size_t chain_octets = 0;
        std::size_t chains = 0;  // that are indexed
    };
    [[nodiscard]] Progress progress() const;

  private:
    enum class Step : std::uint8_t { Done, Stopped, Failed, GivenUp };

    void run();
    [[nodiscard]] bool wait();
    [[nodiscard]] bool stopping() const;
    /// All nodes, with a new filter.
    Step scan_all();
    Step scan_zone(ZoneId zone);
    /// The index of a zone that came with its change set: its nodes are in the cache already.
    Step index_zone(ZoneId zone);
    /// Fills from the nodes between two keys; `each` is told of every owner's hash.
    Step scan(Published& at, const std::string& from, const std::string& to,
              const std::vector<ZoneId>* live, bool build);
    [[nodiscard]] bool wait_for_readers();
    void add_missed();
    [[nodiscard]] bool add_owners(ZoneId zone);
    void complete_if_all_in(std::uint64_t token);
    void drop_detached(ZoneId read);
    void charge_filter();

    KeyValueStore& store_;
    base::Qsbr& qsbr_;
    NodeCache cache_;
    AbsenceFilter filter_;
    ChainIndexes chains_;
    Hooks hooks_;

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<ZoneId> attached_;              // guarded by mutex_: to be loaded
    std::deque<ZoneId> signed_;                // guarded by mutex_: to be indexed, nothing else
    std::map<ZoneId, std::uint64_t> loading_;  // guarded by mutex_: filter's generation at begin
    // Zones that went while a scan was under way or wanted: what it reads of them after they were
    // swept out is taken out again.
    std::set<ZoneId> detached_;  // guarded by mutex_
    // Zones of which owners may be missing in the filter, because it was begun while they were
    // loaded. It is not asked until they have been added.
    std::deque<ZoneId> missed_;               // guarded by mutex_
    std::atomic<bool> filter_paused_{false};  // written under mutex_
    bool stopping_ = false;                   // guarded by mutex_
    bool tidy_ = false;                       // guarded by mutex_: a commit left something
    bool scan_wanted_ = true;                 // guarded by mutex_
    bool reading_ = false;                    // guarded by mutex_: a scan is under way

    // The thread alone.
    std::uint64_t evictions_at_scan_ = 0;
    bool all_in_ = false;          // when the last scan ended
    bool holes_ = false;           // damaged nodes were left out
    std::size_t names_known_ = 0;  // in the store, when it was last read to the end
    base::MonoTime scanned_{};
    std::ptrdiff_t filter_charged_ = 0;
    std::uint64_t added_ticket_ = 0;  // of the last of missed_ that was added

    std::atomic<std::uint64_t> nodes_seen_{0}, estimate_{0};
    std::atomic<bool> scanning_{false}, full_{false};
    std::thread thread_;  // last: it uses all of the above
};

}  // namespace zones
