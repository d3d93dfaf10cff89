#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/octets.h"
#include "dns/name.h"

namespace dns {

/// More rounds than these are neither loaded nor computed: RFC 5155, 10.3 allows no more for any
/// key, and RFC 9276, 3.1 wants none.
inline constexpr std::uint16_t kMaxNsec3Iterations = 2500;

/// How the names of one chain of NSEC3 records are hashed (RFC 5155, 3.1 and 4.1). Borrows the salt
/// from the rdata.
struct Nsec3Parameters {
    std::uint8_t algorithm = 0;  // 1: SHA-1, the only one there is
    std::uint8_t flags = 0;
    std::uint16_t iterations = 0;
    Octets salt;

    /// Of an NSEC3 or an NSEC3PARAM; empty for octets that are neither.
    [[nodiscard]] static std::optional<Nsec3Parameters> read(Octets rdata) noexcept;
    /// Hashes of names with the one are hashes with the other, whatever the flags.
    [[nodiscard]] bool same_hashes(const Nsec3Parameters& other) const noexcept;
    [[nodiscard]] bool computable() const noexcept;
};

using Nsec3Hash = std::array<std::uint8_t, 20>;
/// A hash as the first label of an owner: its length, then base32 with the extended hex alphabet
/// (RFC 4648, 7) in lower case. The order of labels is the order of hashes.
using Nsec3Label = std::array<std::uint8_t, 33>;

/// The hash of a name in canonical form (RFC 5155, 5); empty where it cannot be computed: an
/// unknown algorithm, too many iterations, a library without SHA-1. Any thread; a thread's first
/// call allocates.
[[nodiscard]] std::optional<Nsec3Hash> nsec3_hash(NameView name,
                                                  const Nsec3Parameters& parameters) noexcept;
[[nodiscard]] Nsec3Label nsec3_label(const Nsec3Hash& hash) noexcept;

}  // namespace dns
