#include "dns/types.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace dns {

namespace {

template <class T>
struct Mnemonic {
    T value;
    std::string_view text;
};

constexpr Mnemonic<RRType> kTypes[] = {{RRType::A, "A"},
                                       {RRType::NS, "NS"},
                                       {RRType::MD, "MD"},
                                       {RRType::MF, "MF"},
                                       {RRType::CNAME, "CNAME"},
                                       {RRType::SOA, "SOA"},
                                       {RRType::MB, "MB"},
                                       {RRType::MG, "MG"},
                                       {RRType::MR, "MR"},
                                       {RRType::NULL_, "NULL"},
                                       {RRType::WKS, "WKS"},
                                       {RRType::PTR, "PTR"},
                                       {RRType::HINFO, "HINFO"},
                                       {RRType::MINFO, "MINFO"},
                                       {RRType::MX, "MX"},
                                       {RRType::TXT, "TXT"},
                                       {RRType::RP, "RP"},
                                       {RRType::AFSDB, "AFSDB"},
                                       {RRType::X25, "X25"},
                                       {RRType::ISDN, "ISDN"},
                                       {RRType::RT, "RT"},
                                       {RRType::NSAP, "NSAP"},
                                       {RRType::NSAP_PTR, "NSAP-PTR"},
                                       {RRType::SIG, "SIG"},
                                       {RRType::KEY, "KEY"},
                                       {RRType::PX, "PX"},
                                       {RRType::GPOS, "GPOS"},
                                       {RRType::AAAA, "AAAA"},
                                       {RRType::LOC, "LOC"},
                                       {RRType::NXT, "NXT"},
                                       {RRType::EID, "EID"},
                                       {RRType::NIMLOC, "NIMLOC"},
                                       {RRType::SRV, "SRV"},
                                       {RRType::ATMA, "ATMA"},
                                       {RRType::NAPTR, "NAPTR"},
                                       {RRType::KX, "KX"},
                                       {RRType::CERT, "CERT"},
                                       {RRType::A6, "A6"},
                                       {RRType::DNAME, "DNAME"},
                                       {RRType::SINK, "SINK"},
                                       {RRType::OPT, "OPT"},
                                       {RRType::APL, "APL"},
                                       {RRType::DS, "DS"},
                                       {RRType::SSHFP, "SSHFP"},
                                       {RRType::IPSECKEY, "IPSECKEY"},
                                       {RRType::RRSIG, "RRSIG"},
                                       {RRType::NSEC, "NSEC"},
                                       {RRType::DNSKEY, "DNSKEY"},
                                       {RRType::DHCID, "DHCID"},
                                       {RRType::NSEC3, "NSEC3"},
                                       {RRType::NSEC3PARAM, "NSEC3PARAM"},
                                       {RRType::TLSA, "TLSA"},
                                       {RRType::SMIMEA, "SMIMEA"},
                                       {RRType::HIP, "HIP"},
                                       {RRType::NINFO, "NINFO"},
                                       {RRType::RKEY, "RKEY"},
                                       {RRType::TALINK, "TALINK"},
                                       {RRType::CDS, "CDS"},
                                       {RRType::CDNSKEY, "CDNSKEY"},
                                       {RRType::OPENPGPKEY, "OPENPGPKEY"},
                                       {RRType::CSYNC, "CSYNC"},
                                       {RRType::ZONEMD, "ZONEMD"},
                                       {RRType::SVCB, "SVCB"},
                                       {RRType::HTTPS, "HTTPS"},
                                       {RRType::DSYNC, "DSYNC"},
                                       {RRType::SPF, "SPF"},
                                       {RRType::UINFO, "UINFO"},
                                       {RRType::UID, "UID"},
                                       {RRType::GID, "GID"},
                                       {RRType::UNSPEC, "UNSPEC"},
                                       {RRType::NID, "NID"},
                                       {RRType::L32, "L32"},
                                       {RRType::L64, "L64"},
                                       {RRType::LP, "LP"},
                                       {RRType::EUI48, "EUI48"},
                                       {RRType::EUI64, "EUI64"},
                                       {RRType::NXNAME, "NXNAME"},
                                       {RRType::TKEY, "TKEY"},
                                       {RRType::TSIG, "TSIG"},
                                       {RRType::IXFR, "IXFR"},
                                       {RRType::AXFR, "AXFR"},
                                       {RRType::MAILB, "MAILB"},
                                       {RRType::MAILA, "MAILA"},
                                       {RRType::ANY, "ANY"},
                                       {RRType::URI, "URI"},
                                       {RRType::CAA, "CAA"},
                                       {RRType::AVC, "AVC"},
                                       {RRType::DOA, "DOA"},
                                       {RRType::AMTRELAY, "AMTRELAY"},
                                       {RRType::RESINFO, "RESINFO"},
                                       {RRType::WALLET, "WALLET"},
                                       {RRType::TA, "TA"},
                                       {RRType::DLV, "DLV"}};

constexpr Mnemonic<RRClass> kClasses[] = {{RRClass::IN, "IN"},
                                          {RRClass::CH, "CH"},
                                          {RRClass::HS, "HS"},
                                          {RRClass::NONE, "NONE"},
                                          {RRClass::ANY, "ANY"}};

constexpr Mnemonic<RCode> kRCodes[] = {
    {RCode::NoError, "NOERROR"},    {RCode::FormErr, "FORMERR"}, {RCode::ServFail, "SERVFAIL"},
    {RCode::NXDomain, "NXDOMAIN"},  {RCode::NotImp, "NOTIMP"},   {RCode::Refused, "REFUSED"},
    {RCode::YXDomain, "YXDOMAIN"},  {RCode::YXRRSet, "YXRRSET"}, {RCode::NXRRSet, "NXRRSET"},
    {RCode::NotAuth, "NOTAUTH"},    {RCode::NotZone, "NOTZONE"}, {RCode::BadVers, "BADVERS"},
    {RCode::BadCookie, "BADCOOKIE"}};

constexpr Mnemonic<Opcode> kOpcodes[] = {{Opcode::Query, "QUERY"},   {Opcode::IQuery, "IQUERY"},
                                         {Opcode::Status, "STATUS"}, {Opcode::Notify, "NOTIFY"},
                                         {Opcode::Update, "UPDATE"}, {Opcode::DSO, "DSO"}};

template <class T, std::size_t N>
std::string text_of(const Mnemonic<T> (&table)[N], T value, std::string_view prefix) {
    for (const auto& entry : table) {
        if (entry.value == value) return std::string(entry.text);
    }
    return std::string(prefix) + std::to_string(static_cast<unsigned>(value));
}

bool equal_text(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
               const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? c - 32 : int{c}; };
               return upper(x) == upper(y);
           });
}

}  // namespace

std::string to_text(RRType type) {
    return text_of(kTypes, type, "TYPE");
}
std::string to_text(RRClass rr_class) {
    return text_of(kClasses, rr_class, "CLASS");
}
std::string to_text(RCode rcode) {
    return text_of(kRCodes, rcode, "RCODE");
}
std::string to_text(Opcode opcode) {
    return text_of(kOpcodes, opcode, "OPCODE");
}

std::optional<RRType> parse_type(std::string_view text) {
    for (const auto& entry : kTypes) {
        if (equal_text(entry.text, text)) return entry.value;
    }
    if (text.size() > 4 && equal_text(text.substr(0, 4), "TYPE")) {
        std::uint16_t value = 0;
        const char* end = text.data() + text.size();
        const auto [at, error] = std::from_chars(text.data() + 4, end, value);
        if (error == std::errc{} && at == end) return static_cast<RRType>(value);
    }
    return std::nullopt;
}

std::optional<RCode> parse_rcode(std::string_view text) {
    for (const auto& entry : kRCodes) {
        if (equal_text(entry.text, text)) return entry.value;
    }
    return std::nullopt;
}

std::string_view to_text(WireError error) noexcept {
    switch (error) {
        case WireError::Truncated:
            return "the message ends too early";
        case WireError::BadLabel:
            return "unknown label type";
        case WireError::BadPointer:
            return "compression pointer that does not point backwards";
        case WireError::NameTooLong:
            return "name of more than 255 octets";
        case WireError::BadRdata:
            return "rdata that does not fit its type";
        case WireError::BadOpt:
            return "malformed OPT record";
        case WireError::BadCount:
            return "wrong number of records in a section";
        case WireError::TrailingOctets:
            return "octets after the last record";
    }
    return "unknown error";
}

}  // namespace dns
