#pragma once

#include <cstdint>
#include <optional>

#include "base/ip.h"
#include "base/octets.h"
#include "dns/types.h"

namespace dns {

/// EDNS option codes (IANA "DNS EDNS0 Option Codes").
enum class EdnsOption : std::uint16_t {
    NSID = 3,
    ClientSubnet = 8,
    Expire = 9,
    Cookie = 10,
    TcpKeepalive = 11,
    Padding = 12,
    Chain = 13,
    KeyTag = 14,
    ExtendedError = 15,
    ReportChannel = 18,
    ZoneVersion = 19,
};

/// Extended DNS error codes used by this server (RFC 8914, 4; IANA).
enum class ExtendedError : std::uint16_t {
    Other = 0,
    StaleAnswer = 3,
    NotReady = 14,
    Prohibited = 18,
    StaleNXDomainAnswer = 19,
    NotAuthoritative = 20,
    NotSupported = 21,
    NoReachableAuthority = 22,
    NetworkError = 23,
    InvalidData = 24,
};

/// The client's subnet as a query carries it and an answer returns it (RFC 7871, 6).
struct ClientSubnet {
    base::IpAddress address;  // bits after source_length are 0
    std::uint8_t source_length = 0;
    std::uint8_t scope_length = 0;
    bool any_family = false;  // family 0 with no address: what `dig +subnet=0` sends

    /// From the option's octets. Empty where RFC 7871, 7.1.1 wants FORMERR: unknown family, a
    /// length past the family's, wrong number of octets, bits set after the source length.
    [[nodiscard]] static std::optional<ClientSubnet> read(base::Octets option) noexcept;
    [[nodiscard]] std::size_t octets() const noexcept { return 4U + (source_length + 7U) / 8U; }
    /// Writes `octets()` octets at `at`.
    void write(std::uint8_t* at) const noexcept;
};

/// What an OPT record says (RFC 6891, 6.1), borrowed from the message.
struct Edns {
    std::uint16_t udp_payload = 512;  // as sent; less than 512 means 512 (RFC 6891, 6.2.3)
    std::uint8_t extended_rcode = 0;
    std::uint8_t version = 0;
    bool dnssec_ok = false;     // DO (RFC 3225)
    bool nsid = false;          // the option is there (RFC 5001)
    bool zone_version = false;  // likewise (RFC 9660); what it holds is ignored (3.1)
    bool subnet_present = false;
    std::optional<ClientSubnet> subnet;  // empty although present: malformed
    base::Octets cookie;                 // as sent, empty if absent (RFC 7873)
    base::Octets options;                // all of them

    /// From the fixed fields and rdata of an OPT record. Empty when options run past the end.
    [[nodiscard]] static std::optional<Edns> read(std::uint16_t rr_class, std::uint32_t ttl,
                                                  base::Octets rdata) noexcept;
};

}  // namespace dns
