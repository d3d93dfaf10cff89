#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <string>

namespace base {

/// Time that never goes backwards: timeouts, TTLs, latencies. Protocols take it as a parameter.
using MonoTime = std::chrono::steady_clock::time_point;
/// Time of day: logs, history, signatures.
using WallTime = std::chrono::system_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

[[nodiscard]] inline MonoTime mono_now() {
    return std::chrono::steady_clock::now();
}
[[nodiscard]] inline WallTime wall_now() {
    return std::chrono::system_clock::now();
}

/// Microseconds since 1970-01-01, UTC; the form in which wall times are stored.
[[nodiscard]] inline std::int64_t to_unix_us(WallTime at) {
    return std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count();
}
/// The clock counts nanoseconds, so times end in the year 2262: `us` must be within this.
inline constexpr std::int64_t kMaxUnixUs = INT64_MAX / 1000;
[[nodiscard]] inline WallTime from_unix_us(std::int64_t us) {
    return WallTime{std::chrono::duration_cast<WallTime::duration>(std::chrono::microseconds{us})};
}

/// "2026-01-05T12:00:00.123456Z" (RFC 3339, UTC, microseconds).
[[nodiscard]] inline std::string format_rfc3339(WallTime at) {
    const std::int64_t us = to_unix_us(at);
    std::int64_t seconds = us / 1000000;
    std::int64_t fraction = us % 1000000;
    if (fraction < 0) {
        fraction += 1000000;
        --seconds;
    }
    const std::time_t when = static_cast<std::time_t>(seconds);
    std::tm parts{};
    gmtime_r(&when, &parts);
    char text[40];
    const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    char tail[12];
    std::snprintf(tail, sizeof tail, ".%06dZ", static_cast<int>(fraction));
    return std::string(text, length) + tail;
}

}  // namespace base
