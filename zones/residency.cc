#include "zones/residency.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/thread.h"
#include "base/time.h"
#include "zones/key.h"

namespace zones {

namespace {

constexpr int kNiceness = 10;
constexpr auto kIdleInterval = std::chrono::milliseconds(200);
constexpr auto kBusyInterval = std::chrono::milliseconds(10);
// A scan that found no room for everything is tried again when much has gone, at most so often.
constexpr auto kRescanInterval = std::chrono::seconds(60);
constexpr std::size_t kChunk = 256;    // hashes per call of the filter
constexpr std::size_t kBreath = 4096;  // nodes between two looks at what else there is to do
// Names that a filter has room for beyond those there are: a quarter, and some.
constexpr std::size_t kSpareShare = 4;
constexpr std::size_t kSpareNames = 4096;

ZoneId zone_of(std::string_view node_key) {
    return node_key.size() < 4 ? 0 : base::load_be32(base::as_octets(node_key).data());
}

/// Zone ids that are served, ascending.
std::vector<ZoneId> live_ids(const ZoneTable& zones) {
    std::vector<ZoneId> ids;
    ids.reserve(zones.size());
    zones.for_each([&ids](const ZoneEntry& entry) {
        if (entry.base() != 0) ids.push_back(entry.base());
        for (const ZoneEntry::Variant& variant : entry.variants()) ids.push_back(variant.id);
    });
    std::sort(ids.begin(), ids.end());
    return ids;
}

}  // namespace

Residency::Residency(KeyValueStore& store, base::Qsbr& qsbr, const Options& options)
    : store_(store),
      qsbr_(qsbr),
      cache_(qsbr, options.cache_octets),
      filter_(qsbr, options.filter_octets),
      chains_(qsbr, cache_, options.chain_octets) {}

Residency::~Residency() {
    stop();
}

void Residency::start(Hooks hooks) {
    hooks_ = std::move(hooks);
    thread_ = std::thread([this] { run(); });
}

void Residency::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
}

bool Residency::stopping() const {
    const std::lock_guard lock(mutex_);
    return stopping_;
}

void Residency::before_publish(Revision revision, const std::vector<NodeCache::Change>& changes,
                               const std::vector<ZoneId>& attached,
                               const std::vector<ZoneId>& detached) {
    std::vector<std::uint64_t> hashes;
    hashes.reserve(changes.size());
    std::vector<ZoneId> with_chain;
    for (const NodeCache::Change& change : changes) {
        if (change.node.empty()) continue;
        hashes.push_back(cache_.hash(change.zone, change.relative_owner));
        // A zone that was signed elsewhere only changes when it comes.
        const bool apex = change.relative_owner.empty() && change.zone < kHashedIds;
        if (apex && ChainBuilder::wanted(NodeView(change.node.data()))) {
            with_chain.push_back(change.zone);
        }
    }
    filter_.add(hashes);
    if (!with_chain.empty()) {
        const std::lock_guard lock(mutex_);
        for (const ZoneId zone : with_chain) {
            signed_.push_back(zone);
            detached_.erase(zone);
        }
    }
    if (!attached.empty()) {
        const std::lock_guard lock(mutex_);
        for (const ZoneId zone : attached) {
            attached_.push_back(zone);
            detached_.erase(zone);
            const auto load = loading_.find(zone);
            if (load == loading_.end()) continue;  // it was here before: its bits are still set
            if (load->second != filter_.generation()) {
                missed_.push_back(zone);
                filter_paused_.store(true);
            }
            loading_.erase(load);
        }
    }
    if (!detached.empty()) {
        const std::lock_guard lock(mutex_);
        for (const ZoneId zone : detached) {
            detached_.erase(zone);
            loading_.erase(zone);  // attached by a change set of the same group
        }
    }
    // A revert may serve data again and let it go in one change set. What is about to be written of
    // it must not be swept away for its first going before it is settled.
    for (const std::vector<ZoneId>* zones : {&attached, &detached}) {
        for (const ZoneId zone : *zones) {
            cache_.keep_zone(zone);
            cache_.keep_zone(hashed_id(zone));
        }
    }
    if (!attached.empty()) cache_.incomplete();
    cache_.insert(revision, changes);
}

void Residency::after_publish(const std::vector<ZoneId>& detached) {
    cache_.settle();
    for (const ZoneId zone : detached) {
        cache_.drop_zone(zone);
        cache_.drop_zone(hashed_id(zone));
    }
    {
        const std::lock_guard lock(mutex_);
        tidy_ = true;
        if (reading_ || !attached_.empty() || !signed_.empty()) {
            detached_.insert(detached.begin(), detached.end());
        }
    }
    // After the lock: an index that the thread makes meanwhile is there by now, or is taken out
    // again by drop_detached.
    for (const ZoneId zone : detached) chains_.drop(zone);
    wake_.notify_one();
}

void Residency::reset(Revision newest) {
    filter_.forget();
    cache_.clear(newest);
    chains_.clear();
    const std::lock_guard lock(mutex_);
    attached_.clear();
    signed_.clear();
    missed_.clear();
    scan_wanted_ = true;
}

void Residency::begin_load(ZoneId zone) {
    const std::lock_guard lock(mutex_);
    loading_[zone] = filter_.generation();
}

void Residency::end_load(ZoneId zone) {
    const std::lock_guard lock(mutex_);
    loading_.erase(zone);
}

/// After a scan of one zone, or (0) of all: what it read of zones that are gone.
void Residency::drop_detached(ZoneId read) {
    const std::lock_guard lock(mutex_);
    reading_ = false;
    // Under the lock: whoever attaches such a zone again comes before this, and takes it off the
    // list, or after, and takes it back from the cache.
    const auto drop = [this](ZoneId zone) {
        cache_.drop_zone(zone);
        cache_.drop_zone(hashed_id(zone));
        chains_.drop(zone);
        tidy_ = true;
    };
    if (read == 0) {
        for (const ZoneId zone : detached_) drop(zone);
    } else if (detached_.erase(read) != 0) {
        drop(read);
    }
    if (attached_.empty() && signed_.empty()) detached_.clear();
}

/// Sleeps until there is something to do. False: stop.
bool Residency::wait() {
    std::unique_lock lock(mutex_);
    const auto interval = tidy_ ? kBusyInterval : kIdleInterval;
    wake_.wait_for(lock, interval, [this] {
        return stopping_ || scan_wanted_ || !attached_.empty() || !signed_.empty();
    });
    return !stopping_;
}

void Residency::run() {
    base::name_thread("residency");
    base::lower_priority(kNiceness);
    do {
        {
            const std::lock_guard lock(mutex_);
            tidy_ = false;
        }
        add_missed();
        const bool tidy_left = cache_.tidy();
        const bool memory_left = qsbr_.reclaim() > 0;
        bool scan_now = false;
        ZoneId zone = 0;
        bool index_only = false;
        {
            const std::lock_guard lock(mutex_);
            tidy_ = tidy_ || tidy_left || memory_left || filter_paused_.load();
            const bool room = full_ &&
                              cache_.size().octets < cache_.budget() - cache_.budget() / 4 &&
                              base::mono_now() - scanned_ > kRescanInterval;
            scan_now = scan_wanted_ || room || filter_.wants_build();
            if (scan_now) {
                scan_wanted_ = false;
                attached_.clear();
                signed_.clear();
            } else if (std::deque<ZoneId>& next = attached_.empty() ? signed_ : attached_;
                       !next.empty()) {
                index_only = attached_.empty();
                zone = next.front();
                next.pop_front();
            }
            reading_ = scan_now || zone != 0;
        }
        Step step = Step::Done;
        if (scan_now) {
            step = scan_all();
        } else if (zone != 0) {
            step = index_only ? index_zone(zone) : scan_zone(zone);
        }
        if (scan_now || zone != 0) drop_detached(zone);
        charge_filter();
        if (step == Step::Stopped) return;
        if (step == Step::Failed || step == Step::GivenUp) {
            const std::lock_guard lock(mutex_);
            scan_wanted_ = true;
        }
        if (step == Step::Failed) {
            // The store says why; it is tried again, not at once.
            std::unique_lock lock(mutex_);
            wake_.wait_for(lock, std::chrono::seconds(1), [this] { return stopping_; });
        }
    } while (wait());
}

Residency::Step Residency::scan_all() {
    scanning_ = true;
    full_ = false;
    holes_ = false;
    all_in_ = false;
    nodes_seen_ = 0;
    Published at;
    std::uint64_t token = 0;
    // The database's estimate may be far too low, and the filter would be too small for ever.
    const std::size_t names =
        std::max<std::size_t>(store_.estimate_keys(Family::Nodes), names_known_);
    estimate_ = names;
    hooks_.on_committer([&] {
        filter_.begin_build(names + names / kSpareShare + kSpareNames);
        token = cache_.begin_loading();
        at = hooks_.current();
    });
    charge_filter();
    evictions_at_scan_ = cache_.size().evictions;
    const std::vector<ZoneId> live = live_ids(*at.zones);
    Step step = scan(at, std::string(), std::string(), &live, true);
    at = Published{};
    scanned_ = base::mono_now();
    if (step == Step::Done && !wait_for_readers()) step = Step::Stopped;
    if (step == Step::Done && !filter_.finish_build()) step = Step::GivenUp;
    if (step != Step::Done) filter_.give_up_build();
    scanning_ = false;
    if (step == Step::Done) {
        names_known_ = nodes_seen_;
        all_in_ = !full_ && !holes_;
        complete_if_all_in(token);
    }
    return step;
}

Residency::Step Residency::scan_zone(ZoneId zone) {
    Published at;
    std::uint64_t token = 0;
    // On the committer's thread: the zone stands in `attached_` before its revision is published,
    // and at the revision before nothing of it might be found.
    hooks_.on_committer([&] {
        token = cache_.begin_loading();
        at = hooks_.current();
    });
    for (const KeyRange& range : zone_ranges(zone, zone + 1)) {
        const Step step = scan(at, range.from, range.to, nullptr, false);
        if (step != Step::Done) return step;
    }
    // The zone may have been swapped in and out again before it was read: nothing of it is here
    // then, and a reader that still sees it must not be told that nothing means absence.
    at = Published{};
    if (!wait_for_readers()) return Step::Stopped;
    complete_if_all_in(token);
    return Step::Done;
}

Residency::Step Residency::index_zone(ZoneId zone) {
    Published at;
    hooks_.on_committer([&] { at = hooks_.current(); });  // as in scan_zone
    ChainBuilder chain(store_, chains_);
    const auto cursor = store_.scan(Family::Nodes, at.snapshot);
    std::size_t breath = 0;
    for (const KeyRange& range : zone_ranges(zone, zone + 1)) {
        cursor->seek(range.from);
        for (; cursor->valid() && cursor->key() < range.to; cursor->next()) {
            const auto node = NodeView::check(base::as_octets(cursor->value()));
            if (!node) {
                store_.damage().report_key(cursor->key());
                return Step::Done;
            }
            chain.see(at, zone_of(cursor->key()), cursor->key(), *node);
            if (++breath % kBreath == 0 && stopping()) return Step::Stopped;
        }
        if (cursor->status() != KeyValueStore::Read::Found) return Step::Failed;
        chain.end(at);
    }
    return Step::Done;
}

void Residency::complete_if_all_in(std::uint64_t token) {
    if (!all_in_ || full_ || holes_ || cache_.size().evictions != evictions_at_scan_) return;
    {
        const std::lock_guard lock(mutex_);
        // What comes after this look makes the token worthless.
        if (!attached_.empty()) return;
    }
    (void)cache_.end_loading(token);
}

Residency::Step Residency::scan(Published& at, const std::string& from, const std::string& to,
                                const std::vector<ZoneId>* live, bool build) {
    std::vector<std::uint64_t> hashes;
    hashes.reserve(kChunk);
    auto cursor = store_.scan(Family::Nodes, at.snapshot);
    cursor->seek(from);
    ChainBuilder chain(store_, chains_);
    std::size_t live_at = 0;
    bool in_hashes = false;
    std::size_t breath = 0;
    while (cursor->valid() && (to.empty() || cursor->key() < to)) {
        const std::string_view key = cursor->key();
        const ZoneId zone = zone_of(key);
        const auto node = NodeView::check(base::as_octets(cursor->value()));
        if (zone == 0 || !node) {
            store_.damage().report_key(key);
            // Whoever asks for it shall find out at the store: the filter must let that through.
            const auto parts = parse_node_key(key);
            if (parts) hashes.push_back(cache_.hash(parts->zone, parts->relative_owner));
            holes_ = true;
            chain.see_damaged(at, zone);
            cursor->next();
            continue;
        }
        bool wanted = live == nullptr;
        if (live != nullptr) {
            // Behind all names come the hashes of NSEC3: the served ids once more.
            if (zone >= kHashedIds && !in_hashes) live_at = 0;
            in_hashes = zone >= kHashedIds;
            while (live_at < live->size() && (*live)[live_at] < names_id(zone)) ++live_at;
            wanted = live_at < live->size() && (*live)[live_at] == names_id(zone);
        }
        if (wanted && !full_) {
            const NodeCache::Filled filled = cache_.load(at.revision, zone, *node);
            if (filled == NodeCache::Filled::Full) full_ = true;
            if (filled == NodeCache::Filled::Stale) {
                const std::string again(key);
                at = hooks_.current();
                cursor = store_.scan(Family::Nodes, at.snapshot);
                cursor->seek(again);
                continue;
            }
        }
        if (wanted) chain.see(at, zone, key, *node);
        if (build) {
            hashes.push_back(cache_.hash(zone, node->relative_owner()));
            if (hashes.size() >= kChunk) {
                if (!filter_.add_to_build(hashes)) return Step::GivenUp;
                hashes.clear();
            }
        } else if (full_ && !chain.building()) {
            return Step::Done;
        }
        nodes_seen_.fetch_add(1, std::memory_order_relaxed);
        if (++breath % kBreath == 0) {
            if (stopping()) return Step::Stopped;
            add_missed();
            (void)cache_.tidy();
            (void)qsbr_.reclaim();
        }
        cursor->next();
    }
    if (build && !filter_.add_to_build(hashes)) return Step::GivenUp;
    if (cursor->status() != KeyValueStore::Read::Found) return Step::Failed;
    chain.end(at);
    return Step::Done;
}

/// Until no reader is at a revision older than the one that was scanned. False: stop.
bool Residency::wait_for_readers() {
    const std::uint64_t ticket = qsbr_.ticket();
    while (!qsbr_.passed(ticket)) {
        std::unique_lock lock(mutex_);
        if (wake_.wait_for(lock, kBusyInterval, [this] { return stopping_; })) return false;
    }
    return true;
}

/// Brings the owners of `missed_` into the filter, and has it asked again when they are there.
void Residency::add_missed() {
    while (filter_paused_.load()) {
        ZoneId zone = 0;
        {
            const std::lock_guard lock(mutex_);
            if (missed_.empty()) {
                // A zone that is gone again was not found: its last readers are waited for.
                if (qsbr_.passed(added_ticket_)) filter_paused_.store(false);
                return;
            }
            zone = missed_.front();
        }
        if (!add_owners(zone)) return;
        added_ticket_ = qsbr_.ticket();
        const std::lock_guard lock(mutex_);
        // `reset` may have come between.
        if (!missed_.empty() && missed_.front() == zone) missed_.pop_front();
    }
}

/// False: stopped, or the store could not be read.
bool Residency::add_owners(ZoneId zone) {
    std::vector<std::uint64_t> hashes;
    hashes.reserve(kChunk);
    Published at;
    hooks_.on_committer([&] { at = hooks_.current(); });  // as in scan_zone
    const auto cursor = store_.scan(Family::Nodes, at.snapshot);
    for (const KeyRange& range : zone_ranges(zone, zone + 1)) {
        cursor->seek(range.from);
        for (; cursor->valid() && cursor->key() < range.to; cursor->next()) {
            const auto parts = parse_node_key(cursor->key());
            if (parts) hashes.push_back(cache_.hash(parts->zone, parts->relative_owner));
            if (hashes.size() < kChunk) continue;
            filter_.add(hashes);
            hashes.clear();
            if (stopping()) return false;
        }
        filter_.add(hashes);
        hashes.clear();
        if (cursor->status() != KeyValueStore::Read::Found) return false;
    }
    return true;
}

void Residency::charge_filter() {
    const auto now = static_cast<std::ptrdiff_t>(filter_.octets());
    cache_.charge(now - filter_charged_);
    filter_charged_ = now;
}

Residency::Progress Residency::progress() const {
    Progress out;
    out.complete = cache_.complete();
    out.nodes_seen = nodes_seen_;
    out.estimate = estimate_;
    out.scanning = scanning_;
    out.full = full_;
    out.filter_octets = filter_.octets();
    const ChainIndexes::Size chains = chains_.size();
    out.chain_octets = chains.octets;
    out.chains = chains.zones;
    return out;
}

}  // namespace zones
