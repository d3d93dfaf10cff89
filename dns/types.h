#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dns {

/// RR types (IANA "Domain Name System (DNS) Parameters"). Any 16-bit value may occur; those
/// without an enumerator are written TYPE65280 (RFC 3597, 5).
enum class RRType : std::uint16_t {
    A = 1,
    NS = 2,
    MD = 3,
    MF = 4,
    CNAME = 5,
    SOA = 6,
    MB = 7,
    MG = 8,
    MR = 9,
    NULL_ = 10,
    WKS = 11,
    PTR = 12,
    HINFO = 13,
    MINFO = 14,
    MX = 15,
    TXT = 16,
    RP = 17,
    AFSDB = 18,
    X25 = 19,
    ISDN = 20,
    RT = 21,
    NSAP = 22,
    NSAP_PTR = 23,
    SIG = 24,
    KEY = 25,
    PX = 26,
    GPOS = 27,
    AAAA = 28,
    LOC = 29,
    NXT = 30,
    EID = 31,
    NIMLOC = 32,
    SRV = 33,
    ATMA = 34,
    NAPTR = 35,
    KX = 36,
    CERT = 37,
    A6 = 38,
    DNAME = 39,
    SINK = 40,
    OPT = 41,
    APL = 42,
    DS = 43,
    SSHFP = 44,
    IPSECKEY = 45,
    RRSIG = 46,
    NSEC = 47,
    DNSKEY = 48,
    DHCID = 49,
    NSEC3 = 50,
    NSEC3PARAM = 51,
    TLSA = 52,
    SMIMEA = 53,
    HIP = 55,
    NINFO = 56,
    RKEY = 57,
    TALINK = 58,
    CDS = 59,
    CDNSKEY = 60,
    OPENPGPKEY = 61,
    CSYNC = 62,
    ZONEMD = 63,
    SVCB = 64,
    HTTPS = 65,
    DSYNC = 66,
    SPF = 99,
    UINFO = 100,
    UID = 101,
    GID = 102,
    UNSPEC = 103,
    NID = 104,
    L32 = 105,
    L64 = 106,
    LP = 107,
    EUI48 = 108,
    EUI64 = 109,
    NXNAME = 128,
    TKEY = 249,
    TSIG = 250,
    IXFR = 251,
    AXFR = 252,
    MAILB = 253,
    MAILA = 254,
    ANY = 255,
    URI = 256,
    CAA = 257,
    AVC = 258,
    DOA = 259,
    AMTRELAY = 260,
    RESINFO = 261,
    WALLET = 262,
    TA = 32768,
    DLV = 32769,
};

enum class RRClass : std::uint16_t { IN = 1, CH = 3, HS = 4, NONE = 254, ANY = 255 };

enum class Opcode : std::uint8_t {
    Query = 0,
    IQuery = 1,
    Status = 2,
    Notify = 4,
    Update = 5,
    DSO = 6
};

/// RCODEs with the extended bits of EDNS (RFC 6891, 6.1.3), so up to 12 bits.
enum class RCode : std::uint16_t {
    NoError = 0,
    FormErr = 1,
    ServFail = 2,
    NXDomain = 3,
    NotImp = 4,
    Refused = 5,
    YXDomain = 6,
    YXRRSet = 7,
    NXRRSet = 8,
    NotAuth = 9,
    NotZone = 10,
    BadVers = 16,
    BadCookie = 23,
};

/// "A", "TYPE65280". Never fails.
[[nodiscard]] std::string to_text(RRType type);
[[nodiscard]] std::string to_text(RRClass rr_class);
[[nodiscard]] std::string to_text(RCode rcode);
[[nodiscard]] std::string to_text(Opcode opcode);
/// Mnemonics in any case, and TYPE12345.
[[nodiscard]] std::optional<RRType> parse_type(std::string_view text);
[[nodiscard]] std::optional<RCode> parse_rcode(std::string_view text);

/// QTYPEs and meta types: they may be asked for but never stored (RFC 6895, 3.1).
[[nodiscard]] constexpr bool is_meta(RRType type) noexcept {
    const auto value = static_cast<std::uint16_t>(type);
    return value == 0 || type == RRType::OPT || (value >= 128 && value <= 255);
}

/// What can be wrong with a message. Maps to an RCODE where an answer is due.
enum class WireError : std::uint8_t {
    Truncated,    // ends before what it announces
    BadLabel,     // label type other than 00 and 11 (RFC 1035, 4.1.4; RFC 6891, 5)
    BadPointer,   // compression pointer that does not point backwards
    NameTooLong,  // more than 255 octets (RFC 1035, 3.1)
    BadRdata,     // rdata that its type does not allow
    BadOpt,       // several OPTs, a non-root owner, options past the end (RFC 6891, 6.1.1)
    BadCount,     // sections that hold what their place forbids
    TrailingOctets,
};
[[nodiscard]] std::string_view to_text(WireError error) noexcept;

/// Limits of the protocol.
inline constexpr std::size_t kMaxNameOctets = 255;  // RFC 1035, 3.1
inline constexpr std::size_t kMaxLabelOctets = 63;  // RFC 1035, 3.1
inline constexpr std::size_t kMaxLabels = 128;      // 127 labels and the root
inline constexpr std::size_t kHeaderOctets = 12;    // RFC 1035, 4.1.1
inline constexpr std::size_t kMaxMessageOctets = 65535;
inline constexpr std::size_t kMinUdpOctets = 512;  // RFC 1035, 2.3.4

}  // namespace dns
