#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ascii.h"
#include "base/result.h"

namespace base {

/// Borrowed octets: valid until the call returns unless the borrower's comment says longer.
using Octets = std::span<const std::uint8_t>;
using MutableOctets = std::span<std::uint8_t>;

// Big-endian loads and stores (network order). The caller guarantees the room.

[[nodiscard]] inline std::uint16_t load_be16(const std::uint8_t* at) noexcept {
    std::uint16_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return __builtin_bswap16(value);
}
[[nodiscard]] inline std::uint32_t load_be32(const std::uint8_t* at) noexcept {
    std::uint32_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return __builtin_bswap32(value);
}
[[nodiscard]] inline std::uint64_t load_be64(const std::uint8_t* at) noexcept {
    std::uint64_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return __builtin_bswap64(value);
}
inline void store_be16(std::uint8_t* at, std::uint16_t value) noexcept {
    value = __builtin_bswap16(value);
    std::memcpy(at, &value, sizeof value);
}
inline void store_be32(std::uint8_t* at, std::uint32_t value) noexcept {
    value = __builtin_bswap32(value);
    std::memcpy(at, &value, sizeof value);
}
inline void store_be64(std::uint8_t* at, std::uint64_t value) noexcept {
    value = __builtin_bswap64(value);
    std::memcpy(at, &value, sizeof value);
}

template <class Container>
void append_be16(Container& out, std::uint16_t value) {
    std::uint8_t raw[2];
    store_be16(raw, value);
    out.insert(out.end(), raw, raw + sizeof raw);
}
template <class Container>
void append_be32(Container& out, std::uint32_t value) {
    std::uint8_t raw[4];
    store_be32(raw, value);
    out.insert(out.end(), raw, raw + sizeof raw);
}
template <class Container>
void append_be64(Container& out, std::uint64_t value) {
    std::uint8_t raw[8];
    store_be64(raw, value);
    out.insert(out.end(), raw, raw + sizeof raw);
}

// Views between text and octets; no copy, the same lifetime.

[[nodiscard]] inline Octets as_octets(std::string_view text) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string_view as_text(Octets octets) noexcept {
    return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

[[nodiscard]] std::string to_hex(Octets octets);
[[nodiscard]] Result<std::vector<std::uint8_t>> from_hex(std::string_view text);

/// Equal without leaking, by the time it takes, where the first difference stands.
/// Lengths are not secret.
[[nodiscard]] bool equal_constant_time(Octets a, Octets b) noexcept;

}  // namespace base
