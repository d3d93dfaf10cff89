#include "admin/stats_history.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "resolver/cache.h"
#include "server/service.h"

namespace admin {

std::uint64_t StatsSample::queries() const {
    return std::accumulate(roles.begin(), roles.end(), std::uint64_t{0});
}

StatsSample sample_stats(server::Service& service, std::uint64_t http_requests) {
    StatsSample out;
    out.time = base::wall_now();
    out.at = base::mono_now();
    std::uint64_t closed = 0;
    for (const server::WorkerStats* stats : service.worker_stats()) {
        for (std::size_t role = 0; role < server::kRoles; ++role) {
            for (std::size_t transport = 0; transport < server::kTransports; ++transport) {
                for (std::size_t type = 0; type < server::kTypeSlots; ++type) {
                    for (std::size_t rcode = 0; rcode < server::kRCodes; ++rcode) {
                        const std::uint64_t count =
                            stats->queries[role][transport][type][rcode].get();
                        out.roles[role] += count;
                        out.transports[transport] += count;
                        out.types[type] += count;
                        out.rcodes[rcode] += count;
                    }
                }
            }
            for (std::size_t i = 0; i < out.durations[role].size(); ++i) {
                out.durations[role][i] += stats->duration_buckets[role][i].get();
            }
            out.duration_us[role] += stats->duration_sum_us[role].get();
        }
        for (std::size_t i = 0; i < out.dropped.size(); ++i) {
            out.dropped[i] += stats->dropped[i].get();
        }
        out.packet_cache_hits += stats->packet_cache_hits.get();
        out.resolver_hits += stats->resolver_hits.get();
        out.resolver_misses += stats->resolver_misses.get();
        out.resolver_stale += stats->resolver_stale.get();
        out.connections_accepted += stats->tcp_accepted.get();
        closed += stats->tcp_closed.get();
    }
    // Read one after the other, so that the later may be ahead.
    out.connections = out.connections_accepted > closed ? out.connections_accepted - closed : 0;
    const zones::StoreStats store = service.store().stats();
    out.node_cache_hits = store.cache_hits;
    out.node_cache_misses = store.cache_misses;
    out.node_cache_octets = store.cache_octets;
    out.commits = store.commits;
    out.refused = store.refused;
    out.commit_seconds = store.commit_seconds_sum;
    out.revision = service.store().read()->revision();
    out.resolver_cache_octets = service.resolver_cache().usage().octets;
    out.http_requests = http_requests;
    return out;
}

void StatsHistory::add(const StatsSample& sample) {
    for (std::size_t i = 0; i < kRings.size(); ++i) {
        Kept& kept = rings_[i];
        const std::size_t count = kept.samples.size();
        // A timer may be a little early: half a second does not leave a sample out.
        constexpr std::chrono::milliseconds kEarly{500};
        if (count > 0 && sample.at - kept.at(count - 1).at + kEarly < kRings[i].step) continue;
        if (count < kRings[i].size) {
            kept.samples.push_back(sample);
        } else {
            kept.samples[kept.first] = sample;
            kept.first = (kept.first + 1) % count;
        }
    }
}

std::vector<StatsSample> StatsHistory::between(base::WallTime from, base::WallTime to,
                                               std::chrono::seconds step) const {
    // The finest that is no finer than asked and reaches back far enough; else the one that reaches
    // back furthest.
    const Kept* chosen = nullptr;
    for (std::size_t i = 0; i < kRings.size(); ++i) {
        const Kept& kept = rings_[i];
        if (kept.samples.empty()) continue;
        const bool further = chosen == nullptr ||
                             (chosen->at(0).time > from && kept.at(0).time < chosen->at(0).time);
        const bool coarse = chosen != nullptr && kRings[i].step <= step && kept.at(0).time <= from;
        if (further || coarse) chosen = &kept;
    }
    std::vector<StatsSample> out;
    if (chosen == nullptr) return out;
    constexpr std::chrono::milliseconds kEarly{500};
    for (std::size_t i = 0; i < chosen->samples.size(); ++i) {
        const StatsSample& sample = chosen->at(i);
        if (sample.time < from || sample.time > to) continue;
        if (!out.empty() && sample.at - out.back().at + kEarly < step) continue;
        out.push_back(sample);
    }
    return out;
}

const StatsSample* StatsHistory::newest() const noexcept {
    const Kept& finest = rings_.front();
    return finest.samples.empty() ? nullptr : &finest.at(finest.samples.size() - 1);
}

std::optional<double> duration_quantile(const StatsSample* before, const StatsSample& after,
                                        std::size_t role, double quantile) {
    std::array<std::uint64_t, server::kDurationBuckets.size() + 1> counts = after.durations[role];
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        if (before != nullptr) counts[i] -= std::min(counts[i], before->durations[role][i]);
        total += counts[i];
    }
    if (total == 0) return std::nullopt;
    const double rank = quantile * static_cast<double>(total);
    double below = 0;
    for (std::size_t i = 0; i < server::kDurationBuckets.size(); ++i) {
        const auto here = static_cast<double>(counts[i]);
        if (here > 0 && below + here >= rank) {
            const double low = i == 0 ? 0 : server::kDurationBuckets[i - 1];
            return low + (server::kDurationBuckets[i] - low) * (rank - below) / here;
        }
        below += here;
    }
    return server::kDurationBuckets.back();
}

StatsSampler::StatsSampler(net::Loop& loop, server::Service& service,
                           std::function<std::uint64_t()> http_requests)
    : service_(service), http_requests_(std::move(http_requests)), timer_(loop) {
    history_.add(now());
    timer_.start_repeating(std::chrono::seconds(1), [this] { history_.add(now()); });
}

StatsSample StatsSampler::now() const {
    return sample_stats(service_, http_requests_());
}

}  // namespace admin
