#include "admin/timestamp.h"

#include <chrono>
#include <cstdint>

namespace admin {

std::optional<base::WallTime> parse_time(std::string_view text) {
    const auto number = [&text](std::size_t digits) -> std::optional<int> {
        if (text.size() < digits) return std::nullopt;
        int value = 0;
        for (const char c : text.substr(0, digits)) {
            if (c < '0' || c > '9') return std::nullopt;
            value = value * 10 + (c - '0');
        }
        text.remove_prefix(digits);
        return value;
    };
    const auto skip = [&text](std::string_view any) {
        if (text.empty() || any.find(text.front()) == std::string_view::npos) return false;
        text.remove_prefix(1);
        return true;
    };
    const auto year = number(4);
    if (!year || !skip("-")) return std::nullopt;
    const auto month = number(2);
    if (!month || !skip("-")) return std::nullopt;
    const auto day = number(2);
    if (!day || !skip("Tt ")) return std::nullopt;
    const auto hour = number(2);
    if (!hour || !skip(":")) return std::nullopt;
    const auto minute = number(2);
    if (!minute || !skip(":")) return std::nullopt;
    const auto second = number(2);
    const std::chrono::year_month_day date(std::chrono::year(*year),
                                           std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day)));
    // Beyond these years a count of nanoseconds overflows.
    if (!second || !date.ok() || *year < 1970 || *year > 2261 || *hour > 23 || *minute > 59 ||
        *second > 60) {
        return std::nullopt;
    }
    std::int64_t us = 0;
    if (skip(".")) {
        std::int64_t unit = 1000000;
        if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
        while (const auto digit = number(1)) {
            unit /= 10;
            us += unit * *digit;
        }
    }
    std::chrono::minutes offset{0};
    if (!skip("Zz")) {
        const bool west = !text.empty() && text.front() == '-';
        if (!skip("+-")) return std::nullopt;
        const auto hours = number(2);
        if (!hours || !skip(":")) return std::nullopt;
        const auto minutes = number(2);
        if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
        offset = std::chrono::minutes(*hours * 60 + *minutes) * (west ? -1 : 1);
    }
    if (!text.empty()) return std::nullopt;
    return base::WallTime(std::chrono::sys_days(date)) + std::chrono::hours(*hour) +
           std::chrono::minutes(*minute) + std::chrono::seconds(*second) +
           std::chrono::microseconds(us) - offset;
}

}  // namespace admin
