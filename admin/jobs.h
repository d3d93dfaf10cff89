#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/json.h"
#include "admin/request.h"
#include "base/time.h"
#include "net/loop.h"

namespace admin {

/// How far a request that takes long has come, and whether it is still wanted: shared by who does
/// it, on whatever thread, and who watches. Any thread, but for what is set before it is shared.
struct Work {
    enum class Unit : std::uint8_t { Octets, Records };
    Unit unit = Unit::Octets;
    std::atomic<std::uint64_t> done{0};
    std::atomic<std::uint64_t> total{0};  // 0: not known
    /// Asked to stop. What is committed stays; whoever works looks now and then, lets go of the
    /// rest, and answers that it was cancelled.
    std::atomic<bool> cancelled{false};
    /// It was let go of for that, and nothing came of it.
    std::atomic<bool> gave_up{false};
    /// Brings `done` up to date where nobody counts. May wait for the disk: called by a background
    /// thread, once at a time, after it was shown.
    std::function<void(Work&)> measure = {};
    std::atomic<bool> measuring{false};
};

/// The answer of work that was cancelled before anything came of it.
[[nodiscard]] Reply cancelled_reply(Work& work);

/// Requests that their clients do not wait for (`Prefer: respond-async`, RFC 7240, 4.1), while they
/// are done and for a while after: what they have come to is asked for at /v1/jobs/{id}. In memory:
/// a restart forgets them, but not what they have committed. Admin loop only; `end` before the loop
/// goes.
class Jobs {
  public:
    static constexpr std::size_t kMaxRunning = 64;  // beyond, clients wait for their answers
    static constexpr std::size_t kMaxKept = 256;    // that have ended; beyond, the oldest goes
    static constexpr std::chrono::hours kKeptFor{1};
    static constexpr std::size_t kMaxResultOctets = std::size_t{1} << 20;  // larger is not kept
    static constexpr std::size_t kMaxResults = std::size_t{16} << 20;      // octets of all
    static constexpr std::size_t kMaxWaiting = 1000;                       // for a job to end
    static constexpr std::chrono::seconds kLongestWait{60};

    /// Whose it is, and what was asked.
    struct Asked {
        std::string author, token_hash, method, path, request_id;
        std::string receipt = {};  // of its Idempotency-Key; empty: none
    };
    struct Job {
        std::string id;
        Asked asked;
        std::shared_ptr<Work> work;
        base::WallTime created{};
        std::optional<base::WallTime> ended;
        base::MonoTime ended_at;
        Reply result;            // once ended
        bool body_kept = false;  // of the result

        /// "running", "cancelling", "done", "failed", "cancelled".
        [[nodiscard]] std::string_view state() const;
        /// Without the head and body of its result unless wanted: they may be large.
        [[nodiscard]] Json json(bool with_result) const;
    };

    explicit Jobs(net::Loop& loop);

    /// Null: kMaxRunning are running. Good until its end is `forget`ten.
    [[nodiscard]] std::shared_ptr<Job> begin(Asked asked, std::shared_ptr<Work> work);
    void finish(Job& job, Reply result);
    /// Null: there is none.
    [[nodiscard]] std::shared_ptr<Job> find(std::string_view id);
    /// The one that runs for this receipt.
    [[nodiscard]] std::shared_ptr<Job> find_running(std::string_view receipt);
    void forget(const Job& job);  // one that has ended
    /// The newest first.
    [[nodiscard]] const std::list<std::shared_ptr<Job>>& all();
    /// Was this id given before the server was started?
    [[nodiscard]] bool of_another_start(std::string_view id) const;

    /// Calls `done` once the job has ended, after `at_most`, or when the server stops.
    void wait(const std::shared_ptr<Job>& job, std::chrono::milliseconds at_most,
              std::function<void()> done);
    /// Nobody waits any more. Calls `done` once no job runs: at once, or in `finish`.
    void end(std::function<void()> done);
    /// Cancels those that still run, and logs which.
    void give_up();

    [[nodiscard]] std::size_t running() const noexcept { return running_; }
    struct Counters {
        std::uint64_t done = 0, failed = 0, cancelled = 0, not_taken = 0;
    };
    [[nodiscard]] const Counters& counters() const noexcept { return counters_; }

  private:
    struct Waiting {
        std::shared_ptr<Job> job;
        base::MonoTime until;
        std::function<void()> done;
    };
    void expire();
    void look();

    const std::string start_;  // of every id
    std::uint64_t next_ = 1;
    std::list<std::shared_ptr<Job>> jobs_;  // the newest first
    std::size_t running_ = 0;
    std::size_t result_octets_ = 0;
    Counters counters_;
    net::Timer timer_;
    std::vector<Waiting> waiting_;
    bool ended_ = false;
    std::function<void()> idle_;  // of `end`
};

}  // namespace admin
