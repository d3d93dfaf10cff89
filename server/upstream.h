#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/random.h"
#include "net/loop.h"
#include "resolver/cache.h"
#include "resolver/hints.h"
#include "resolver/resolver.h"
#include "server/stats.h"

namespace server {

/// How exchanges with upstream servers ended, and what was turned away.
enum class UpstreamCount : std::uint8_t {
    Sent,        // UDP queries that left
    SentTcp,     // queries over TCP
    Answered,    // responses that were taken
    Mismatched,  // datagrams that were not the answer waited for: id, question, case
    Timeout,     // nothing came in time
    Refused,     // the kernel said there is nobody (ICMP), or TCP could not connect or broke
    SendFailed,  // no socket, no route
    Failed,      // resolutions that ended in SERVFAIL
    Overload,    // questions turned away because too much was in flight
    kCount,
};
[[nodiscard]] std::string_view to_text(UpstreamCount what) noexcept;

/// Written by its worker, read by any thread.
struct alignas(64) UpstreamStats {
    std::array<WorkerStats::Counter, static_cast<std::size_t>(UpstreamCount::kCount)> counters;

    void add(UpstreamCount what) noexcept { counters[static_cast<std::size_t>(what)].add(); }
    [[nodiscard]] std::uint64_t get(UpstreamCount what) const noexcept {
        return counters[static_cast<std::size_t>(what)].get();
    }
};

/// Bounds of one worker. What is beyond them is answered SERVFAIL at once and counted Overload;
/// exchanges beyond theirs wait for a free place.
struct UpstreamLimits {
    std::size_t resolutions = 4096;
    std::size_t waiters_per_resolution = 256;
    std::size_t exchanges = 1024;  // open sockets, UDP and TCP
};

/// Drives the resolutions of one worker: sockets, timers, and the table of questions in flight.
///
/// A query leaves from its own connected UDP socket with a random port and id (RFC 5452), goes
/// over TCP when the resolution says so, and ends with its answer, a failure or its deadline.
/// Equal questions share one resolution. Everything on the loop's thread but `stats`.
class Upstream {
  public:
    /// `callback` is called exactly once: with the answer, with a stale one after
    /// stale_client_timeout_ms, or with SERVFAIL. Never from inside `resolve`; not at all if the
    /// Upstream is destroyed first. The outcome is borrowed for the call.
    using Callback = std::function<void(const resolver::Outcome&)>;

    /// All references must outlive it. `random` draws ids, ports and case: it must not be
    /// predictable outside of tests.
    Upstream(net::Loop& loop, resolver::Cache& cache, const resolver::RootHints& hints,
             base::RandomSource& random, const UpstreamLimits& limits);
    ~Upstream();
    Upstream(const Upstream&) = delete;
    Upstream& operator=(const Upstream&) = delete;

    /// Finds the answer; asks the network where the cache does not know. To be called after
    /// answer_from_cache gave Miss.
    void resolve(const resolver::Question& question, Callback callback);

    /// Resolutions going on, for tests and metrics. Loop's thread.
    [[nodiscard]] std::size_t in_flight() const noexcept;
    [[nodiscard]] const UpstreamStats& stats() const noexcept;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace server
