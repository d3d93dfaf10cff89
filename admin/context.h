#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "admin/problem.h"
#include "admin/request.h"
#include "base/ip.h"
#include "base/time.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "zones/change_set.h"
#include "zones/store.h"

namespace server {
class Service;
}

namespace admin {

class Audit;
class Feed;
class Idempotency;
class Jobs;
class Sessions;
class StatsSampler;
class Tokens;

/// The way back to the admin loop for other threads (the committer, the background thread).
/// Outlives the loop: what comes after `close` is dropped, because nobody is left to answer.
/// Any thread.
class Mailbox {
  public:
    explicit Mailbox(net::Loop& loop) : loop_(&loop) {}
    void post(std::function<void()> task);
    void close();

  private:
    std::mutex mutex_;
    net::Loop* loop_;  // guarded by mutex_; null once closed
};

/// A few threads of low priority for work that would hold up the admin loop (reading and sorting an
/// imported zone). Tasks are begun in order and may run side by side: what has to come one after
/// the other, the task before hands on. The destructor finishes the queue. `run`: any thread.
class Background {
  public:
    static constexpr std::size_t kThreads = 4;  // beside large work, small work goes on

    Background();
    ~Background();
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;
    void run(std::function<void()> task);

  private:
    void work();

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::function<void()>> tasks_;  // guarded by mutex_
    bool stopping_ = false;                    // guarded by mutex_
    std::vector<std::thread> threads_;
};

/// Zones that are being taken in by requests at this moment: each may hold as much memory as a
/// loader does. Any thread.
class Imports {
  public:
    static constexpr std::size_t kMax = 8;  // beyond, 503

    /// One of them, until it is destroyed.
    class Slot {
      public:
        explicit Slot(std::shared_ptr<std::atomic<std::size_t>> count) : count_(std::move(count)) {}
        ~Slot() { --*count_; }
        Slot(const Slot&) = delete;
        Slot& operator=(const Slot&) = delete;

      private:
        std::shared_ptr<std::atomic<std::size_t>> count_;
    };
    /// Null: there are kMax already.
    [[nodiscard]] std::unique_ptr<Slot> begin();
    [[nodiscard]] std::size_t running() const noexcept { return count_->load(); }

  private:
    std::shared_ptr<std::atomic<std::size_t>> count_ =
        std::make_shared<std::atomic<std::size_t>>(0);
};

/// Listings that clients page through: a reader each, so that the pages show one revision however
/// long the client takes between them, and where the pages begin, which the cursor itself must not
/// tell: it may be the name of something its client may not see. Admin loop only.
class Cursors {
  public:
    static constexpr std::size_t kMax = 64;        // beyond, the one unused longest goes (410)
    static constexpr std::size_t kMaxPlaces = 64;  // the last pages of each, to be asked for again
    static constexpr std::chrono::minutes kLifetime{10};

    explicit Cursors(net::Loop& loop, std::chrono::milliseconds lifetime = kLifetime)
        : timer_(loop), lifetime_(lifetime) {}

    /// A cursor, for a page of the listing of `id` (empty, or gone: a new one) that goes on behind
    /// `position`.
    [[nodiscard]] std::string keep(const std::string& id,
                                   std::shared_ptr<zones::StoreReader> reader,
                                   std::string position);
    struct Place {
        std::string id;
        std::shared_ptr<zones::StoreReader> reader;
        std::string position;
    };
    /// Nothing: never there, or gone. Finding one makes its listing live on.
    [[nodiscard]] std::optional<Place> find(std::string_view cursor);

  private:
    struct Kept {
        std::shared_ptr<zones::StoreReader> reader;
        base::MonoTime used;
        std::map<std::uint64_t, std::string> places;  // by the number of the page
        std::uint64_t pages = 0;
    };
    // A reader that nobody pages any more would keep old versions of everything from going.
    void expire();

    std::map<std::string, Kept> kept_;
    net::Timer timer_;
    const std::chrono::milliseconds lifetime_;
};

/// Requests that wait until a revision is served (?wait=). Admin loop only; `end` before the loop
/// goes.
class RevisionWaits {
  public:
    static constexpr std::size_t kMax = 1000;  // beyond, nobody waits
    static constexpr std::chrono::seconds kLongest{60};

    RevisionWaits(net::Loop& loop, zones::Store& store) : store_(store), timer_(loop) {}
    /// Calls `done` once the revision is served, after `at_most`, or when the server stops; at once
    /// if there is nothing to wait for.
    void wait(zones::Revision revision, std::chrono::milliseconds at_most,
              std::function<void()> done);
    void end();

  private:
    struct Waiting {
        zones::Revision revision;
        base::MonoTime until;
        std::function<void()> done;
    };
    void look();

    zones::Store& store_;
    net::Timer timer_;
    std::vector<Waiting> waiting_;
    bool ended_ = false;
};

/// Bodies that are pulled piece by piece: they take turns with one another, and all of them with
/// everything else on the loop, so that a hundred exports hold up nobody. Admin loop only.
class Turns {
  public:
    static constexpr std::chrono::milliseconds kSlice{2};  // of each turn of the loop

    explicit Turns(net::Loop& loop) : loop_(loop) {}
    /// Calls `step` in later turns until it returns false.
    void add(std::function<bool()> step);

  private:
    void run();

    net::Loop& loop_;
    std::deque<std::function<bool()>> steps_;
    bool posted_ = false;
};

/// Finished requests by method, route and status, and TLS handshakes, for /metrics. Admin loop
/// only.
class HttpCounters final : public net::TlsObserver {
  public:
    static constexpr std::size_t kHandshakes = 3;

    /// `method` and `route` are literals: they are kept as they are.
    void count(std::string_view method, std::string_view route, int status) {
        const Key key{method, route, status};
        // Like requests come in a row.
        if (last_ == nullptr || last_->first != key) last_ = &*counts_.try_emplace(key).first;
        ++last_->second;
        ++total_;
    }
    [[nodiscard]] const auto& all() const noexcept { return counts_; }
    void on_handshake(Handshake handshake) override {
        ++handshakes_[static_cast<std::size_t>(handshake)];
    }
    /// By TlsObserver::Handshake.
    [[nodiscard]] const auto& handshakes() const noexcept { return handshakes_; }
    [[nodiscard]] std::uint64_t total() const noexcept { return total_; }

  private:
    using Key = std::tuple<std::string_view, std::string_view, int>;

    std::array<std::uint64_t, kHandshakes> handshakes_{};
    std::map<Key, std::uint64_t> counts_;
    std::pair<const Key, std::uint64_t>* last_ = nullptr;  // of counts_
    std::uint64_t total_ = 0;
};

/// What the resources work with. Everything is borrowed from `Admin` and outlives every request.
/// Admin loop only, the members say otherwise.
struct Context {
    server::Service& service;
    net::Loop& loop;
    std::shared_ptr<Mailbox> mailbox;
    Background& background;
    Tokens& tokens;
    Sessions& sessions;
    Feed& feed;
    Cursors& cursors;
    RevisionWaits& waits;
    Idempotency& idempotency;
    Imports& imports;
    Jobs& jobs;
    Turns& turns;
    HttpCounters& counters;
    const StatsSampler& stats;
    Audit& audit;
    net::HttpAccount& account;              // of all HTTP servers
    std::vector<base::Endpoint> addresses;  // of the admin listeners
    /// What the HTTP servers have counted, all together; may be empty.
    std::function<net::HttpCounters()> served = {};
};

using Outcome = base::Result<zones::Committed, Refused>;

/// Submits a change set in the name of a request; `then` comes back on the admin loop. The feed
/// is told of what was committed. What the author's rights do not cover is refused. Admin loop.
void submit(Context& context, const Request& request, std::vector<zones::Operation> operations,
            std::function<void(Outcome)> then);

/// The same with author and request id taken down earlier, for requests that are gone by then.
struct Submission {
    std::string author, request_id, message;
    std::shared_ptr<const Rights> rights;  // which have to cover every operation
    bool dry_run = false;
    std::optional<zones::Receipt> receipt = {};
};
[[nodiscard]] Submission submission_of(const Request& request);
void submit(Context& context, Submission submission, std::vector<zones::Operation> operations,
            std::function<void(Outcome)> then);

}  // namespace admin
