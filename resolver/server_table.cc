#include "resolver/server_table.h"

#include <algorithm>

namespace resolver {

namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr base::Duration kFirstTimeout = milliseconds(400);
constexpr base::Duration kLeastTimeout = milliseconds(200);
constexpr base::Duration kMostTimeout = seconds(3);
constexpr base::Duration kDisappointment = seconds(10);
constexpr base::Duration kMostBackOff = seconds(300);
constexpr std::uint8_t kSilentAfter = 3;        // timeouts in a row
constexpr std::uint32_t kUnknownScoreMs = 100;  // random below this
constexpr std::uint32_t kBackOffScoreMs = 100000;
constexpr std::uint32_t kExploreOneIn = 32;

}  // namespace

ServerTable::ServerTable(std::uint64_t seed, std::size_t sets)
    : seed_(seed), sets_(sets), servers_(sets * kWays) {}

std::size_t ServerTable::set_of(const base::IpAddress& server) const noexcept {
    const std::uint64_t mixed = (server.hash() ^ seed_) * 0x9e3779b97f4a7c15U;
    return static_cast<std::size_t>((mixed >> 32) % sets_) * kWays;
}

const ServerTable::Server* ServerTable::find(const base::IpAddress& server) const noexcept {
    const std::size_t first = set_of(server);
    for (std::size_t i = first; i < first + kWays; ++i) {
        if (servers_[i].used && servers_[i].address == server) return &servers_[i];
    }
    return nullptr;
}

ServerTable::Server& ServerTable::touch(const base::IpAddress& server,
                                        base::MonoTime now) noexcept {
    const std::size_t first = set_of(server);
    Server* oldest = &servers_[first];
    for (std::size_t i = first; i < first + kWays; ++i) {
        Server& candidate = servers_[i];
        if (candidate.used && candidate.address == server) {
            candidate.touched = now;
            return candidate;
        }
        if (!candidate.used || (oldest->used && candidate.touched < oldest->touched)) {
            oldest = &candidate;
        }
    }
    *oldest = Server{};
    oldest->used = true;
    oldest->address = server;
    oldest->touched = now;
    return *oldest;
}

base::Duration ServerTable::timeout(const base::IpAddress& server) const noexcept {
    const Server* known = find(server);
    if (known == nullptr) return kFirstTimeout;
    const base::Duration plain =
        known->measured ? base::Duration(microseconds(known->srtt_us + 4ULL * known->deviation_us))
                        : kFirstTimeout;
    const auto doubled =
        std::clamp(plain, kLeastTimeout, kMostTimeout) * (1 << std::min<int>(known->timeouts, 4));
    return std::min<base::Duration>(doubled, kMostTimeout);
}

std::uint32_t ServerTable::score_ms(const base::IpAddress& server, base::MonoTime now,
                                    base::RandomSource& random) const noexcept {
    const Server* known = find(server);
    if (known == nullptr) return random.below(kUnknownScoreMs);
    if (now < known->backed_off_until) return kBackOffScoreMs + random.below(kUnknownScoreMs);
    // Now and then a slow one is asked all the same: it may have become fast.
    if (!known->measured || random.below(kExploreOneIn) == 0) return random.below(kUnknownScoreMs);
    return known->srtt_us / 1000 + 400U * known->timeouts;
}

void ServerTable::answered(const base::IpAddress& server, base::Duration round_trip,
                           base::MonoTime now) {
    Server& known = touch(server, now);
    const auto us = static_cast<std::uint32_t>(std::clamp<std::int64_t>(
        std::chrono::duration_cast<microseconds>(round_trip).count(), 0, 10'000'000));
    if (!known.measured) {
        known.srtt_us = us;
        known.deviation_us = us / 2;
        known.measured = true;
    } else {
        const std::uint32_t off = us > known.srtt_us ? us - known.srtt_us : known.srtt_us - us;
        known.deviation_us = (3 * known.deviation_us + off) / 4;
        known.srtt_us = (7 * known.srtt_us + us) / 8;
    }
    known.timeouts = 0;
    known.backed_off_until = {};
}

void ServerTable::timed_out(const base::IpAddress& server, base::MonoTime now) {
    Server& known = touch(server, now);
    if (known.timeouts < 10) ++known.timeouts;
    if (known.timeouts < kSilentAfter) return;
    const base::Duration pause = seconds(5) * (1 << (known.timeouts - kSilentAfter));
    known.backed_off_until = now + std::min<base::Duration>(pause, kMostBackOff);
}

void ServerTable::disappointed(const base::IpAddress& server, base::MonoTime now) {
    Server& known = touch(server, now);
    known.backed_off_until = std::max(known.backed_off_until, now + kDisappointment);
}

bool ServerTable::speaks_edns(const base::IpAddress& server, base::MonoTime now) const noexcept {
    const Server* known = find(server);
    return known == nullptr || now >= known->plain_until;
}

void ServerTable::lacks_edns(const base::IpAddress& server, base::MonoTime now) {
    touch(server, now).plain_until = now + hours(1);
}

bool ServerTable::keeps_case(const base::IpAddress& server, base::MonoTime now) const noexcept {
    const Server* known = find(server);
    return known == nullptr || now >= known->lower_case_until;
}

void ServerTable::loses_case(const base::IpAddress& server, base::MonoTime now) {
    touch(server, now).lower_case_until = now + hours(1);
}

}  // namespace resolver
