#include "zones/committer.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>

#include "base/thread.h"
#include "zones/documents.h"
#include "zones/key.h"
#include "zones/node_block.h"
#include "zones/receipts.h"
#include "zones/retention.h"
#include "zones/store_parts.h"

namespace zones {

namespace {

constexpr std::size_t kMaxGroupSets = 1024;
constexpr std::size_t kMaxGroupOctets = std::size_t{8} << 20;
constexpr auto kReclaimInterval = std::chrono::milliseconds(50);
constexpr auto kMinGather = std::chrono::microseconds(100);
constexpr auto kMaxGather = std::chrono::milliseconds(1);
constexpr auto kResumeInterval = std::chrono::seconds(1);
// History goes with the groups that make it, a little faster than it comes; where none come, so
// much at a time.
constexpr std::size_t kTrimSteps = 64;
constexpr base::Duration kTrimInterval = std::chrono::seconds(30);
constexpr base::Duration kTrimPause = std::chrono::milliseconds(20);
// Zone ids end where those of hashes begin; one group or import takes fewer than the difference.
constexpr ZoneId kLastZoneId = kHashedIds - (ZoneId{1} << 24);

/// Roughly what an operation takes, so that a group stays bounded.
struct OperationOctets {
    static constexpr std::size_t kBase = 128;

    static std::size_t records(const std::vector<std::vector<std::uint8_t>>& records) {
        std::size_t octets = kBase;
        for (const auto& rdata : records) octets += rdata.size() + 2;
        return octets;
    }
    std::size_t operator()(const PutRRset& op) const { return records(op.value.records); }
    std::size_t operator()(const AddRecords& op) const { return records(op.records); }
    std::size_t operator()(const RemoveRecords& op) const { return records(op.records); }
    std::size_t operator()(const ReplaceZone& op) const {
        return kBase + (op.small == nullptr ? 0 : op.small->octets());
    }
    std::size_t operator()(const PutPolicy& op) const { return kBase + op.json.size(); }
    std::size_t operator()(const PutDocument& op) const { return kBase + op.json.size(); }
    template <class Other>
    std::size_t operator()(const Other&) const {
        return kBase;
    }
};

ChangeError unavailable(const std::string& message) {
    return ChangeError{{ChangeFault{ChangeFault::Kind::Unavailable, 0, "", message}}};
}

}  // namespace

Committer::Committer(KeyValueStore& store, Residency& residency, base::Qsbr& qsbr,
                     const StoreOptions& options, const Counters& counters, Published first)
    : store_(store),
      residency_(residency),
      qsbr_(qsbr),
      options_(options),
      counters_(counters),
      geo_(options.geo),
      reader_(qsbr.add_reader()),
      published_(new Published(first)),
      current_(std::move(first)) {
    stats_.commit_seconds_buckets.assign(std::size(kCommitBuckets) + 1, 0);
    Draft written(store_);
    count_kept(written);
    thread_ = std::thread([this] {
        base::name_thread("committer");
        run();
    });
}

Committer::~Committer() {
    {
        const std::lock_guard lock(queue_mutex_);
        stopping_ = true;
    }
    queue_changed_.notify_all();
    thread_.join();
    qsbr_.remove_reader(reader_);
    delete published_.load();
}

void Committer::enqueue(Item item) {
    bool wake = false;
    {
        const std::lock_guard lock(queue_mutex_);
        if (item.task) ++tasks_;
        queue_.push_back(std::move(item));
        wake = tasks_ > 0 || queue_.size() >= wanted_;
    }
    if (wake) queue_changed_.notify_one();
}

void Committer::submit(ChangeSet changes, Store::Done done) {
    Item item;
    for (const Operation& operation : changes.operations) {
        item.octets += std::visit(OperationOctets{}, operation.what);
    }
    if (changes.receipt) item.octets += OperationOctets::kBase + changes.receipt->value.size();
    item.changes = std::move(changes);
    item.done = std::move(done);
    item.submitted = base::mono_now();
    enqueue(std::move(item));
}

void Committer::set_geo(std::shared_ptr<const GeoDatabases> geo) {
    Item item;
    item.task = [this, geo] { compile_with(geo); };
    enqueue(std::move(item));
}

base::Result<ZoneId> Committer::reserve_zone_ids(ZoneId count) {
    std::promise<base::Result<ZoneId>> promise;
    auto future = promise.get_future();
    Item item;
    item.task = [this, &promise, count] {
        const std::string reason = why_unavailable();
        if (!reason.empty()) {
            promise.set_value(base::fail(reason));
            return;
        }
        Counters counters = counters_;
        const ZoneId id = counters.next_zone;
        counters.next_zone += count;
        Draft draft(store_);
        draft.put(Family::Default, std::string(kCountersKey), counters.pack());
        if (write(draft, counters) == Written::No) {
            promise.set_value(base::fail("the store cannot be written"));
            return;
        }
        counters_ = counters;
        promise.set_value(id);
    };
    enqueue(std::move(item));
    return future.get();
}

void Committer::run_between(const std::function<void()>& task) {
    std::promise<void> promise;
    auto done = promise.get_future();
    Item item;
    item.task = [&promise, &task] {
        task();
        promise.set_value();
    };
    enqueue(std::move(item));
    done.get();
}

Published Committer::current() const {
    const std::lock_guard lock(current_mutex_);
    return current_;
}

void Committer::fill_stats(StoreStats& stats) const {
    {
        const std::lock_guard lock(stats_mutex_);
        stats = stats_;
    }
    if (!stats.writable) return;
    stats.why_not = short_of_space();
    stats.writable = stats.why_not.empty();
}

void Committer::run() {
    for (;;) {
        std::vector<Item> group = take_group();
        if (group.empty()) return;
        if (group.front().task) {
            group.front().task();
        } else {
            const base::MonoTime began = base::mono_now();
            process(group);
            last_took_ = base::mono_now() - began;
        }
        qsbr_.reclaim();
    }
}

/// What waits, up to the limits; a task alone. Empty: stop.
std::vector<Committer::Item> Committer::take_group() {
    std::unique_lock lock(queue_mutex_);
    gather(lock);
    while (queue_.empty()) {
        if (stopping_) return {};
        if (queue_changed_.wait_for(lock, kReclaimInterval) == std::cv_status::timeout) {
            // Old versions and snapshots of the last group wait for their readers.
            lock.unlock();
            const bool memory_waits = qsbr_.reclaim() > 0;
            const bool waiting = store_.close_left() || memory_waits;
            // Not left to the next write: who looks at readiness sends none until it is back.
            const bool failing = !recovered();
            lock.lock();
            if (waiting || failing) continue;
            const base::Duration due = trim_more_ ? kTrimPause : trim_interval();
            if (queue_changed_.wait_for(lock, due,
                                        [this] { return stopping_ || !queue_.empty(); })) {
                continue;
            }
            lock.unlock();
            trim_when_idle();
            lock.lock();
        }
    }
    std::vector<Item> group;
    std::size_t octets = 0;
    while (!queue_.empty() && group.size() < kMaxGroupSets) {
        Item& next = queue_.front();
        if (!group.empty() && (next.task || octets + next.octets > kMaxGroupOctets)) break;
        octets += next.octets;
        const bool alone = next.task != nullptr;
        group.push_back(std::move(next));
        queue_.pop_front();
        if (!alone) continue;
        --tasks_;
        break;
    }
    return group;
}

/// Before those of a group are told: all who submit one change after the other are then either in
/// the group or in the queue. Fewer than before are believed little by little.
void Committer::count_submitters(std::size_t in_group) {
    const std::lock_guard lock(queue_mutex_);
    const std::size_t now = std::min(in_group + queue_.size(), kMaxGroupSets);
    submitters_ = std::max(now, submitters_ - (submitters_ + 7) / 8);
}

/// Who has just been told of one change often sends the next at once, and a sync takes more than
/// waiting for them does: half as long as the last group took, within bounds.
void Committer::gather(std::unique_lock<std::mutex>& lock) {
    if (submitters_ < 2) return;
    wanted_ = submitters_;
    queue_changed_.wait_for(lock,
                            std::clamp<base::Duration>(last_took_ / 2, kMinGather, kMaxGather),
                            [this] { return stopping_ || tasks_ > 0 || queue_.size() >= wanted_; });
    wanted_ = 1;
}

/// Whether the database can be written; tries to bring it back if not.
bool Committer::recovered() {
    {
        const std::lock_guard lock(stats_mutex_);
        if (stats_.writable) return true;
    }
    return try_resume();
}

/// Why the free space takes no write; empty if it does.
std::string Committer::short_of_space() const {
    const auto free = store_.free_octets();
    if (!free || *free >= options_.min_free_octets) return "";
    return "only " + std::to_string(*free >> 20) + " MiB are free in " + options_.directory +
           ": writes are refused below " + std::to_string(options_.min_free_octets >> 20);
}

std::string Committer::why_unavailable() {
    if (!recovered()) {
        const std::lock_guard lock(stats_mutex_);
        return stats_.why_not;
    }
    if (counters_.next_zone > kLastZoneId) {
        return "all zone numbers are used up: export the zones and import them into a new store";
    }
    std::string reason = short_of_space();
    if (reason.empty() == short_of_space_) {
        short_of_space_ = !reason.empty();
        if (short_of_space_) {
            log("error", "store " + options_.directory + ": " + reason);
        } else {
            log("info", "store " + options_.directory + ": there is space again");
        }
    }
    return reason;
}

void Committer::process(std::vector<Item>& group) {
    const std::string reason = why_unavailable();
    Draft draft(store_, residency_.cache(), counters_.revision);
    Counters counters = counters_;
    std::vector<Result> results;
    results.reserve(group.size());
    bool changed = false;   // what is served
    bool received = false;  // receipts
    reader_.online();
    for (const Item& item : group) {
        if (!reason.empty() && !item.changes.dry_run) {
            results.push_back({base::fail(unavailable(reason)), 0, false});
            continue;
        }
        const bool keeps = item.changes.receipt && !item.changes.dry_run;
        if (keeps && item.changes.operations.empty()) {
            put_receipt(draft, *item.changes.receipt, counters.revision);
            received = true;
            results.push_back({Proposal::Outcome{}, counters.revision, false});
            continue;
        }
        Proposal proposal(draft, counters, item.changes, geo());
        Result result{proposal.apply(), 0, false};
        if (result.outcome && result.outcome->changed && !item.changes.dry_run) {
            result.merged = true;
            counters = result.outcome->counters;
            changed = true;
            if (keeps) put_receipt(draft, *item.changes.receipt, counters.revision);
            received = received || keeps;
        }
        result.revision = counters.revision;
        results.push_back(std::move(result));
    }
    reader_.offline();
    if (changed || received) {
        const std::size_t steps = kTrimSteps + 2 * group.size();
        Trimmed trimmed{0, trim_more_};
        if (changed) {
            trimmed =
                trim_history(draft, options_.history, base::wall_now(), counters.revision, steps);
        }
        if (received) trim_receipts(draft, ReceiptLimits{}, base::wall_now(), steps);
        Written written = write(draft, counters);
        // The counters tell whether the batch is there only if it moves them.
        if (!changed && written == Written::YesAndPublished) written = write(draft, counters);
        if (written != Written::No) {
            counters_ = counters;
            trim_more_ = trimmed.more;
            count_kept(draft);
            if (changed && written == Written::Yes) publish(draft, results);
            const std::lock_guard lock(stats_mutex_);
            ++stats_.groups;
        } else {
            refuse_all(results);
        }
    }
    count_submitters(group.size());
    for (std::size_t i = 0; i < group.size(); ++i) answer(group[i], results[i]);
    drop_loads(group, results);
}

/// After a write that failed. Not only those that changed something: what was refused, or found
/// that there was nothing to do, may have counted on a change of this group that is not there now.
/// What stands before the first change does not.
void Committer::refuse_all(std::vector<Result>& results) {
    bool counted = false;
    for (Result& result : results) {
        counted = counted || result.outcome;
        if (!counted) continue;
        result.outcome = base::fail(
            unavailable("the store could not be written: look whether the change is there when it "
                        "can be written again"));
    }
}

/// Zones that were loaded for change sets that did not become true: they would stay until the next
/// start, and fill the disk of who tries an import each night. If this fails, they do.
void Committer::drop_loads(const std::vector<Item>& group, const std::vector<Result>& results) {
    Draft draft(store_);
    for (std::size_t i = 0; i < group.size(); ++i) {
        if (results[i].merged || group[i].changes.keeps_loads) continue;
        for (const Operation& operation : group[i].changes.operations) {
            const auto* replace = std::get_if<ReplaceZone>(&operation.what);
            if (replace == nullptr || replace->loaded == 0) continue;
            // Another change set may have taken it over: then it has no record any more. Who names
            // a wrong number takes nothing from the one whose it is.
            const std::string key = LoadRecord::key(replace->loaded);
            const auto value = draft.get(Family::Default, key);
            const auto load = value ? LoadRecord::parse(*value) : std::nullopt;
            if (!load || load->records == 0 || !(load->apex == replace->apex)) continue;
            draft.erase_zones(replace->loaded, replace->loaded + 1);
            draft.erase(Family::Default, key);
            residency_.end_load(replace->loaded);
        }
    }
    if (!draft.empty() && write(draft, counters_) == Written::Yes) draft.reclaim();
}

void Committer::answer(Item& item, Result& result) {
    const double seconds = std::chrono::duration<double>(base::mono_now() - item.submitted).count();
    {
        const std::lock_guard lock(stats_mutex_);
        if (!result.outcome) {
            ++stats_.refused;
        } else if (result.outcome->changed && !item.changes.dry_run) {
            ++stats_.commits;
            stats_.commit_seconds_sum += seconds;
            std::size_t bucket = 0;
            while (bucket < std::size(kCommitBuckets) && seconds > kCommitBuckets[bucket]) ++bucket;
            ++stats_.commit_seconds_buckets[bucket];
        }
    }
    if (!item.done) return;
    if (!result.outcome) {
        item.done(base::fail(std::move(result.outcome.error())));
        return;
    }
    Committed committed;
    committed.revision = result.revision;
    committed.warnings = std::move(result.outcome->warnings);
    committed.changed = result.outcome->changed;
    committed.zones = std::move(result.outcome->zones);
    if (item.changes.dry_run) committed.diff = effects_json(result.outcome->effects);
    item.done(std::move(committed));
}

/// `counters` are those in the draft.
Committer::Written Committer::write(const Draft& draft, const Counters& counters) {
    auto written = store_.write(draft.batch());
    if (written) return Written::Yes;
    log("error", written.error().message);
    not_writable(written.error().message);
    // At most once in the interval even if the database says each time that it is well again: a
    // disk that is full is not told of with every change set.
    if (!try_resume()) return Written::No;
    // Opened anew, it may hold the batch after all. If not, it is as it was before the batch, which
    // can be tried again.
    if (counters_ == counters) return Written::YesAndPublished;
    written = store_.write(draft.batch());
    if (written) return Written::Yes;
    log("error", written.error().message);
    not_writable(written.error().message);
    return Written::No;
}

/// How often it is looked whether history has become too old.
base::Duration Committer::trim_interval() const {
    if (options_.history.age == base::Duration{}) return kTrimInterval;
    return std::clamp(options_.history.age / 8, kTrimPause, kTrimInterval);
}

/// Where nothing is written, time alone makes history too old.
void Committer::trim_when_idle() {
    trim_more_ = false;
    Draft draft(store_);
    const Trimmed trimmed =
        trim_history(draft, options_.history, base::wall_now(), counters_.revision, kTrimSteps);
    trim_receipts(draft, ReceiptLimits{}, base::wall_now(), kTrimSteps);
    if (draft.failed() || draft.empty() || write(draft, counters_) != Written::Yes) return;
    trim_more_ = trimmed.more;
    count_kept(draft);
    // The snapshot that is published must not keep what was let go.
    Published next = current();
    next.snapshot = store_.snapshot();
    publish(std::move(next), Differs::Nodes);
}

void Committer::count_kept(Draft& draft) {
    const HistoryRecord history =
        HistoryRecord::of(draft.get(Family::Default, std::string(kHistoryKey)));
    const ReceiptTotals receipts =
        ReceiptTotals::of(draft.get(Family::Default, std::string(kReceiptTotalsKey)));
    const std::lock_guard lock(stats_mutex_);
    stats_.receipts = receipts.count;
    stats_.receipt_octets = receipts.octets;
    stats_.history = {history.octets, std::max<Revision>(history.oldest, 1)};
}

void Committer::not_writable(const std::string& reason) {
    const std::lock_guard lock(stats_mutex_);
    stats_.writable = false;
    stats_.why_not = reason;
}

/// True: it can be written, and `counters_` are what it holds.
bool Committer::try_resume() {
    const base::MonoTime now = base::mono_now();
    if (now - resume_tried_ < kResumeInterval) return false;
    resume_tried_ = now;
    const auto resumed = store_.resume();
    if (!resumed) {
        not_writable(resumed.error().message);
        return false;
    }
    if (*resumed == KeyValueStore::Resumed::OpenedAnew) opened_anew_ = true;
    if (opened_anew_ && !publish_held()) return false;
    log("info", "store " + options_.directory + ": can be written again");
    const std::lock_guard lock(stats_mutex_);
    stats_.writable = true;
    stats_.why_not.clear();
    return true;
}

/// After the database was opened anew: everything is as it says.
bool Committer::publish_held() {
    auto held = read_held(store_, options_, geo());
    if (!held) {
        not_writable(held.error().message);
        return false;
    }
    counters_ = held->counters;
    residency_.reset(held->published.revision);
    log("warn", "store " + options_.directory + ": opened anew at revision " +
                    std::to_string(counters_.revision));
    publish(std::move(held->published), Differs::Everything);
    opened_anew_ = false;
    const std::lock_guard lock(stats_mutex_);
    ++stats_.reopened;
    return true;
}

void Committer::publish(const Draft& draft, const std::vector<Result>& results) {
    std::vector<NodeCache::Change> changes;
    for (const auto& row : draft.rows(Family::Nodes)) {
        auto parts = parse_node_key(row.first);
        if (!parts) continue;  // every key was made by node_key
        NodeCache::Change change;
        change.zone = parts->zone;
        change.relative_owner = std::move(parts->relative_owner);
        if (row.second) {
            const Octets octets = base::as_octets(*row.second);
            change.node.assign(octets.begin(), octets.end());
        }
        changes.push_back(std::move(change));
    }
    std::vector<ZoneId> attached;
    std::vector<ZoneId> dropped;
    for (const Result& result : results) {
        if (!result.merged) continue;
        const Proposal::Outcome& outcome = *result.outcome;
        // What one change set lets go another one may bring back: the last word counts.
        for (const ZoneId id : outcome.dropped) std::erase(attached, id);
        for (const ZoneId id : outcome.attached) std::erase(dropped, id);
        attached.insert(attached.end(), outcome.attached.begin(), outcome.attached.end());
        dropped.insert(dropped.end(), outcome.dropped.begin(), outcome.dropped.end());
    }
    residency_.before_publish(counters_.revision, changes, attached, dropped);

    Published next = current();
    next.revision = counters_.revision;
    next.snapshot = store_.snapshot();
    Differs differs = Differs::Nodes;
    std::vector<ZoneTable::Edit> edits;
    for (const Result& result : results) {
        if (!result.merged) continue;
        const Proposal::Outcome& outcome = *result.outcome;
        if (outcome.views) next.views = outcome.views;
        if (outcome.policies) next.policies = outcome.policies;
        if (outcome.views || outcome.policies) differs = Differs::Everything;
        for (const dns::Name& apex : outcome.zones) {
            const auto row = draft.rows(Family::Zones).find(ZoneRecord::key(apex));
            if (row == draft.rows(Family::Zones).end()) continue;
            const auto record = row->second ? ZoneRecord::parse(*row->second) : std::nullopt;
            const ZoneEntry* before = next.zones->find_exact(apex);
            if (!record) {
                edits.push_back({{apex, 0, {}}, true});
            } else if (before == nullptr || !record->row().same_ids(*before)) {
                edits.push_back({record->row(), false});
            }
        }
    }
    if (!edits.empty()) {
        next.zones = next.zones->edited(edits);
        differs = Differs::Everything;
    }
    publish(std::move(next), differs);
    residency_.after_publish(dropped);
}

void Committer::publish(Published next, Differs differs) {
    if (differs == Differs::Everything) ++generations_;
    next.generation = generations_;
    const auto* fresh = new Published(next);
    {
        const std::lock_guard lock(current_mutex_);
        current_ = std::move(next);
    }
    qsbr_.retire(published_.exchange(fresh));
}

void Committer::compile_with(std::shared_ptr<const GeoDatabases> geo) {
    geo_ = std::move(geo);
    Draft draft(store_);
    auto policies = compile_policies(draft, this->geo());
    if (!policies) {
        log("error", "policies are kept as they were, without the new location databases: " +
                         policies.error().message);
        return;
    }
    Published next = current();
    next.policies = std::move(*policies);
    publish(std::move(next), Differs::Everything);
}

const GeoDatabases& Committer::geo() const {
    return geo_ != nullptr ? *geo_ : no_geo_;
}

void Committer::log(std::string_view level, const std::string& message) const {
    if (options_.log) options_.log(level, message);
}

}  // namespace zones
