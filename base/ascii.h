#pragma once

/// ASCII case, which is the only one that names know (RFC 4343): octet by octet, and eight at once.
///
/// Length octets of labels are at most 63 and so never look like letters: names and their labels
/// are compared and hashed as plain octets. All is inline: every look-up goes through here.

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace base {

[[nodiscard]] constexpr std::uint8_t to_lower(std::uint8_t octet) noexcept {
    return octet >= 'A' && octet <= 'Z' ? static_cast<std::uint8_t>(octet + 32) : octet;
}

/// The same of the eight octets of a word.
[[nodiscard]] constexpr std::uint64_t to_lower_word(std::uint64_t word) noexcept {
    constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
    const std::uint64_t low = word & (kOnes * 0x7f);
    const std::uint64_t above = low + kOnes * (0x80 - 'A');       // bit 7: >= 'A'
    const std::uint64_t beyond = low + kOnes * (0x80 - 'Z' - 1);  // bit 7: > 'Z'
    const std::uint64_t letters = (above & ~beyond & ~word) & (kOnes * 0x80);
    return word | (letters >> 2);
}

[[nodiscard]] inline std::uint64_t load_word(const std::uint8_t* at) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    return word;
}

/// At most seven octets as one word that no other octets of the same number give.
[[nodiscard]] inline std::uint64_t load_short(const std::uint8_t* at, std::size_t size) noexcept {
    if (size >= 4) {
        std::uint32_t first = 0;
        std::uint32_t last = 0;
        std::memcpy(&first, at, 4);
        std::memcpy(&last, at + size - 4, 4);
        return first | (std::uint64_t{last} << 32);
    }
    if (size == 0) return 0;
    // The first, the middle and the last of one to three octets are all of them.
    return at[0] | (std::uint64_t{at[size / 2]} << 8) | (std::uint64_t{at[size - 1]} << 16);
}

[[nodiscard]] inline bool equal_ignoring_case(const std::uint8_t* a, const std::uint8_t* b,
                                              std::size_t size) noexcept {
    const auto same = [](std::uint64_t x, std::uint64_t y) {
        return x == y || to_lower_word(x) == to_lower_word(y);
    };
    if (size < 8) return same(load_short(a, size), load_short(b, size));
    for (std::size_t i = 0; i + 8 < size; i += 8) {
        if (!same(load_word(a + i), load_word(b + i))) return false;
    }
    return same(load_word(a + size - 8), load_word(b + size - 8));
}

}  // namespace base
