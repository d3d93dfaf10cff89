#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/octets.h"
#include "dns/name.h"

namespace dns {

/// What is wrong with a signature (RFC 8945, 3).
enum class TsigError : std::uint16_t { BadSig = 16, BadKey = 17, BadTime = 18 };

/// The TSIG record at the end of a request as it looks to who has no key for it (RFC 8945, 4.2).
/// The algorithm and the times are borrowed from the message.
struct Tsig {
    static constexpr std::size_t kTimeOctets = 8;  // when it was signed (48 bits), and fudge
    /// Of the rdata of an answer that is not signed itself: algorithm, times, no MAC, ID, error.
    static constexpr std::size_t kMaxErrorOctets = kMaxNameOctets + kTimeOctets + 2 + 2 + 2 + 2;

    Name key;
    NameView algorithm;
    Octets time;
    std::uint16_t original_id = 0;

    /// From the record whose owner is at `offset`; empty where it is malformed. No allocation.
    [[nodiscard]] static std::optional<Tsig> read(Octets message, std::size_t offset) noexcept;

    /// The rdata that tells what was wrong, without a signature: nobody has agreed on a key (RFC
    /// 8945, 5.2.1). Borrows `buffer`.
    [[nodiscard]] Octets error_rdata(
        TsigError error, std::array<std::uint8_t, kMaxErrorOctets>& buffer) const noexcept;
};

}  // namespace dns
