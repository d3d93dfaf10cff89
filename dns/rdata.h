#pragma once

#include <cstdint>
#include <vector>

#include "base/octets.h"
#include "dns/name.h"
#include "dns/types.h"

namespace dns {

/// Where domain names stand in the rdata of a type: after `fixed` octets and `strings`
/// character-strings come `names` names, then anything. Types without names have names == 0.
struct RdataNames {
    std::uint8_t fixed = 0;
    std::uint8_t strings = 0;
    std::uint8_t names = 0;
    bool compress = false;  // may be compressed when sent: the types of RFC 1035 (RFC 3597, 4)
};
[[nodiscard]] RdataNames rdata_names(RRType type) noexcept;

/// Appends the rdata at `offset` of `message`, `rdlength` octets, with its names uncompressed.
/// Pointers are followed in every type that holds names; senders were not always as strict as
/// RFC 3597, 4 wants them. Fails (and restores `out`) when names do not fit the shape of the type
/// or A, AAAA, SOA have the wrong length. Other types are octets.
[[nodiscard]] Result<void, WireError> read_rdata(RRType type, Octets message, std::size_t offset,
                                                 std::uint16_t rdlength,
                                                 std::vector<std::uint8_t>& out);

/// Would `read_rdata` take it? No allocation.
[[nodiscard]] bool rdata_readable(RRType type, Octets message, std::size_t offset,
                                  std::uint16_t rdlength) noexcept;

/// Is `rdata` (uncompressed) well-formed as far as `read_rdata` looks?
[[nodiscard]] bool rdata_valid(RRType type, Octets rdata) noexcept;

/// The `index`-th name of an rdata that `rdata_valid` accepts: the target of NS, CNAME, MX, SRV...
[[nodiscard]] NameView rdata_name(RRType type, Octets rdata, std::size_t index = 0) noexcept;

/// Equal records: names compared without case where RFC 4034, 6.2 (as corrected by RFC 6840, 5.1)
/// lower-cases them, all else octet by octet.
[[nodiscard]] bool rdata_equal(RRType type, Octets a, Octets b) noexcept;
/// The same for records that rdata_equal finds equal: case does not matter to it anywhere. Of this
/// process alone.
[[nodiscard]] std::uint64_t rdata_hash(Octets rdata) noexcept;

/// The five numbers of a SOA (RFC 1035, 3.3.13).
struct SoaNumbers {
    std::uint32_t serial = 0, refresh = 0, retry = 0, expire = 0, minimum = 0;
};
/// `rdata` must be a valid SOA's.
[[nodiscard]] SoaNumbers soa_numbers(Octets rdata) noexcept;
/// What a signature says of the RRset that it covers (RFC 4034, 3.1); zeros for octets that are no
/// RRSIG's. Its own TTL is that of the RRset (RFC 4034, 3), whatever stands beside it.
struct SignatureHead {
    RRType covered{};
    std::uint32_t original_ttl = 0;
};
[[nodiscard]] SignatureHead signature_head(Octets rdata) noexcept;
/// Serial number arithmetic (RFC 1982, 3.2): is `a` later than `b`?
[[nodiscard]] constexpr bool serial_newer(std::uint32_t a, std::uint32_t b) noexcept {
    return a != b && (a - b) < 0x80000000U;
}

}  // namespace dns
