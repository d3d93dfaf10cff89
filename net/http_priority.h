#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace net {

/// How urgent a response is beside others of its connection (RFC 9218, 4).
struct HttpPriority {
    static constexpr std::uint8_t kUsual = 3, kLowest = 7;

    std::uint8_t urgency = kUsual;  // 0 to 7: lower ones are sent before higher ones
    bool incremental = false;       // shares with others of its urgency, instead of one by one
};

/// Reads the value of a Priority field, a dictionary (RFC 8941, 3.2). Members that are unknown, of
/// another type or out of range are passed over; empty: it is no dictionary, and says nothing.
[[nodiscard]] std::optional<HttpPriority> parse_priority(std::string_view text);

}  // namespace net
