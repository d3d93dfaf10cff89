#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/ip.h"

namespace server {

/// What one limit did to one client prefix since it was last asked.
struct LimitEvent {
    std::string_view limit;  // static text: as meridian_limit_hits_total calls it, or kLimitRrl
    std::string_view kind;   // static text: of what answers, where they were limited; else empty
    std::optional<base::IpPrefix> prefix;  // empty: nobody's in particular
    std::uint64_t times = 0;
};
inline constexpr std::string_view kLimitRrl = "responses_per_second";

/// What limits do, added up for whoever watches (the feed's topic `limit`). While nobody does, a
/// note costs one relaxed load and nothing is kept. What is kept is bounded: one entry a limit,
/// kind and prefix, at most kMaxEntries of them; the others are counted. The watcher takes them
/// once in a second, so that a flood makes no flood of events.
///
/// Any thread. No query notes anything (response rate limiting is noted once a second, from its
/// table), so a lock will do.
class LimitEvents {
  public:
    static constexpr std::size_t kMaxEntries = 1024;

    [[nodiscard]] bool active() const noexcept { return active_.load(std::memory_order_relaxed); }
    /// Off: what was kept is forgotten.
    void set_active(bool active);

    void note(const LimitEvent& event);
    /// What was noted since the last call.
    [[nodiscard]] std::vector<LimitEvent> take();
    /// Events ever that there was no room for.
    [[nodiscard]] std::uint64_t dropped() const noexcept {
        return dropped_.load(std::memory_order_relaxed);
    }

  private:
    using Key = std::tuple<std::string_view, std::string_view, std::optional<base::IpPrefix>>;

    std::atomic<bool> active_{false};
    std::atomic<std::uint64_t> dropped_{0};
    std::mutex mutex_;
    std::map<Key, std::uint64_t> times_;  // guarded by mutex_
};

}  // namespace server
