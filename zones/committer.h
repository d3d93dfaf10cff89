#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/qsbr.h"
#include "base/time.h"
#include "zones/draft.h"
#include "zones/proposal.h"
#include "zones/residency.h"
#include "zones/store.h"

namespace zones {

/// The one thread by which everything changes: takes change sets from a queue, validates a group
/// of them in order, writes it as one batch with one sync, publishes, then acknowledges each.
///
/// Order of a group: batch durable -> node cache -> Published -> acknowledgements. So an
/// acknowledged change is on disk and in every later `published()`, and a reader of the new
/// revision finds nothing older in the cache.
///
/// After a write that failed the database is brought back: at once, then once a second, and no
/// write is accepted until that works. If it came back at once the group is decided there and then:
/// what the database holds of it is acknowledged, what it does not hold is written once more. Else
/// the group is refused as Unavailable; whether it is there shows when the database has been opened
/// anew, and everything is published as the database then holds it.
class Committer {
  public:
    /// All referred to must outlive the committer. Starts the thread.
    Committer(KeyValueStore& store, Residency& residency, base::Qsbr& qsbr,
              const StoreOptions& options, const Counters& counters, Published first);
    /// Commits what was submitted, then stops.
    ~Committer();
    Committer(const Committer&) = delete;
    Committer& operator=(const Committer&) = delete;

    // Any thread.
    void submit(ChangeSet changes, Store::Done done);
    void set_geo(std::shared_ptr<const GeoDatabases> geo);
    /// The first of `count` new zone ids in a row, which nobody else will get; waits for the
    /// committer.
    [[nodiscard]] base::Result<ZoneId> reserve_zone_ids(ZoneId count);
    /// Runs a task between two groups and waits for it. Never from the committer's own thread.
    void run_between(const std::function<void()>& task);
    [[nodiscard]] const Published* published() const noexcept { return published_.load(); }
    /// The newest revision for threads that are not online in the Qsbr.
    [[nodiscard]] Published current() const;
    void fill_stats(StoreStats& stats) const;

  private:
    struct Item {
        ChangeSet changes;
        Store::Done done;
        base::MonoTime submitted;
        std::size_t octets = 0;
        std::function<void()> task;  // instead of a change set
    };
    struct Result {
        base::Result<Proposal::Outcome, ChangeError> outcome;
        Revision revision = 0;
        bool merged = false;  // into the group's draft
    };

    void enqueue(Item item);
    void run();
    [[nodiscard]] std::vector<Item> take_group();
    void count_submitters(std::size_t in_group);
    void gather(std::unique_lock<std::mutex>& lock);
    void process(std::vector<Item>& group);
    [[nodiscard]] std::string why_unavailable();
    [[nodiscard]] bool recovered();
    [[nodiscard]] std::string short_of_space() const;
    enum class Written : std::uint8_t { No, Yes, YesAndPublished };
    [[nodiscard]] Written write(const Draft& draft, const Counters& counters);
    [[nodiscard]] bool try_resume();
    [[nodiscard]] bool publish_held();
    void not_writable(const std::string& reason);
    [[nodiscard]] base::Duration trim_interval() const;
    void trim_when_idle();
    void count_kept(Draft& draft);
    void publish(const Draft& draft, const std::vector<Result>& results);
    enum class Differs : std::uint8_t { Nodes, Everything };
    void publish(Published next, Differs differs);
    static void refuse_all(std::vector<Result>& results);
    void answer(Item& item, Result& result);
    void drop_loads(const std::vector<Item>& group, const std::vector<Result>& results);
    void compile_with(std::shared_ptr<const GeoDatabases> geo);
    [[nodiscard]] const GeoDatabases& geo() const;
    void log(std::string_view level, const std::string& message) const;

    KeyValueStore& store_;
    Residency& residency_;
    base::Qsbr& qsbr_;
    const StoreOptions& options_;

    // The committer's thread alone.
    Counters counters_;
    std::shared_ptr<const GeoDatabases> geo_;
    const GeoDatabases no_geo_;
    base::Qsbr::Reader& reader_;  // of the node cache
    std::size_t submitters_ = 1;  // who seem to send one change after the other
    base::Duration last_took_{};  // that group, up to its acknowledgements
    base::MonoTime resume_tried_{};
    bool opened_anew_ = false;     // and what it holds is not published yet
    bool short_of_space_ = false;  // as it was last logged
    bool trim_more_ = false;       // history is beyond its limits

    // In a line of its own: each batch of each worker reads it.
    alignas(64) std::atomic<const Published*> published_;
    alignas(64) std::uint64_t generations_ = 0;  // of the committer's thread
    mutable std::mutex current_mutex_;
    Published current_;  // guarded by current_mutex_

    mutable std::mutex stats_mutex_;
    StoreStats stats_;  // guarded by stats_mutex_

    std::mutex queue_mutex_;
    std::condition_variable queue_changed_;
    std::deque<Item> queue_;  // guarded by queue_mutex_
    std::size_t tasks_ = 0;   // guarded by queue_mutex_: in the queue
    std::size_t wanted_ = 1;  // guarded by queue_mutex_: so many, or a task, wake the committer
    bool stopping_ = false;   // guarded by queue_mutex_
    std::thread thread_;      // last: it uses all of the above
};

}  // namespace zones
