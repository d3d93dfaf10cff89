#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/time.h"
#include "net/loop.h"
#include "server/stats.h"

namespace server {
class Service;
}

namespace admin {

/// What the server has counted up to a moment: every number grows, but for the gauges.
struct StatsSample {
    base::WallTime time{};
    base::MonoTime at;

    std::array<std::uint64_t, server::kRoles> roles{};
    std::array<std::uint64_t, server::kTransports> transports{};
    std::array<std::uint64_t, server::kTypeSlots> types{};
    std::array<std::uint64_t, server::kRCodes> rcodes{};
    std::array<std::uint64_t, static_cast<std::size_t>(server::DropReason::kCount)> dropped{};
    std::array<std::array<std::uint64_t, server::kDurationBuckets.size() + 1>, server::kRoles>
        durations{};
    std::array<std::uint64_t, server::kRoles> duration_us{};
    std::uint64_t packet_cache_hits = 0, node_cache_hits = 0, node_cache_misses = 0;
    std::uint64_t resolver_hits = 0, resolver_misses = 0, resolver_stale = 0;
    std::uint64_t commits = 0, refused = 0;
    double commit_seconds = 0;
    std::uint64_t connections_accepted = 0, http_requests = 0;
    // Gauges.
    std::uint64_t connections = 0, revision = 0, node_cache_octets = 0, resolver_cache_octets = 0;

    [[nodiscard]] std::uint64_t queries() const;
};

/// Reads what the workers count. They notice nothing: one relaxed load for each counter.
[[nodiscard]] StatsSample sample_stats(server::Service& service, std::uint64_t http_requests);

/// The samples of the last day: each second for 10 minutes, every 10 seconds for 2 hours, each
/// minute for 24 hours. About 800 octets a sample and 2760 samples at most: 2.2 MB, taken as they
/// come. A plain value; one thread at a time.
class StatsHistory {
  public:
    struct Ring {
        std::chrono::seconds step;
        std::size_t size;
    };
    static constexpr std::array<Ring, 3> kRings = {{{std::chrono::seconds(1), 601},
                                                    {std::chrono::seconds(10), 721},
                                                    {std::chrono::seconds(60), 1441}}};

    /// Times grow; one that comes too early for a ring is left out of it.
    void add(const StatsSample& sample);

    /// The samples that bound rows of `step`, at least, within [from, to], in order: row i lies
    /// between samples i and i + 1. From the finest ring that reaches back to `from`. Fewer than
    /// two: nothing is known of that time.
    [[nodiscard]] std::vector<StatsSample> between(base::WallTime from, base::WallTime to,
                                                   std::chrono::seconds step) const;
    [[nodiscard]] const StatsSample* newest() const noexcept;

  private:
    // In order of time, from `first` around; as many as there are.
    struct Kept {
        std::vector<StatsSample> samples;
        std::size_t first = 0;

        [[nodiscard]] const StatsSample& at(std::size_t i) const {
            return samples[(first + i) % samples.size()];
        }
    };
    std::array<Kept, kRings.size()> rings_;
};

/// A quantile of the queries between two samples, in seconds, by linear interpolation within the
/// bucket it falls in; beyond the last bound that bound. Nothing where there were none.
[[nodiscard]] std::optional<double> duration_quantile(const StatsSample* before,
                                                      const StatsSample& after, std::size_t role,
                                                      double quantile);

/// Takes a sample each second, on the admin loop. `http_requests` says how many there were. Both
/// borrowed.
class StatsSampler {
  public:
    StatsSampler(net::Loop& loop, server::Service& service,
                 std::function<std::uint64_t()> http_requests);

    [[nodiscard]] const StatsHistory& history() const noexcept { return history_; }
    /// The totals at this moment.
    [[nodiscard]] StatsSample now() const;

  private:
    server::Service& service_;
    std::function<std::uint64_t()> http_requests_;
    StatsHistory history_;
    net::Timer timer_;
};

}  // namespace admin
