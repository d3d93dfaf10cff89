#include "dns/rdata.h"

#include <algorithm>

#include "dns/rrset.h"

namespace dns {

RdataNames rdata_names(RRType type) noexcept {
    switch (type) {
        case RRType::NS:
        case RRType::MD:
        case RRType::MF:
        case RRType::CNAME:
        case RRType::MB:
        case RRType::MG:
        case RRType::MR:
        case RRType::PTR:
            return {0, 0, 1, true};
        case RRType::SOA:
        case RRType::MINFO:
            return {0, 0, 2, true};
        case RRType::MX:
            return {2, 0, 1, true};
        case RRType::RP:
        case RRType::TALINK:
            return {0, 0, 2, false};
        case RRType::AFSDB:
        case RRType::RT:
        case RRType::KX:
        case RRType::LP:
        case RRType::SVCB:
        case RRType::HTTPS:
            return {2, 0, 1, false};
        case RRType::PX:
            return {2, 0, 2, false};
        case RRType::SIG:
        case RRType::RRSIG:
            return {18, 0, 1, false};
        case RRType::NXT:
        case RRType::NSEC:
        case RRType::DNAME:
            return {0, 0, 1, false};
        case RRType::SRV:
            return {6, 0, 1, false};
        case RRType::NAPTR:
            return {4, 3, 1, false};
        default:
            return {};
    }
}

namespace {

constexpr std::size_t kSoaNumbersOctets = 20;

/// Octets before the first name, or nothing if they do not fit into `rdata`.
std::optional<std::size_t> names_offset(const RdataNames& layout, Octets rdata) noexcept {
    std::size_t at = layout.fixed;
    for (unsigned i = 0; i < layout.strings; ++i) {
        if (at >= rdata.size()) return std::nullopt;
        at += 1U + rdata[at];
    }
    if (at > rdata.size()) return std::nullopt;
    return at;
}

/// What follows the names, by type: exactly this many octets, or anything.
bool tail_fits(RRType type, std::size_t size) noexcept {
    switch (type) {
        case RRType::SOA:
            return size == kSoaNumbersOctets;
        case RRType::SIG:
        case RRType::RRSIG:
        case RRType::NXT:
        case RRType::NSEC:
        case RRType::SVCB:
        case RRType::HTTPS:
            return true;
        default:
            return size == 0;
    }
}

bool fixed_size_fits(RRType type, std::size_t size) noexcept {
    switch (type) {
        case RRType::A:
            return size == 4;
        case RRType::AAAA:
            return size == 16;
        default:
            return true;
    }
}

/// TXT and SPF: one or more character-strings that fill the rdata (RFC 1035, 3.3.14).
bool strings_fit(RRType type, Octets rdata) noexcept {
    if (type != RRType::TXT && type != RRType::SPF && type != RRType::HINFO) return true;
    std::size_t at = 0;
    while (at < rdata.size()) at += 1U + rdata[at];
    return at == rdata.size() && !rdata.empty();
}

}  // namespace

Result<void, WireError> read_rdata(RRType type, Octets message, std::size_t offset,
                                   std::uint16_t rdlength, std::vector<std::uint8_t>& out) {
    if (offset + rdlength > message.size()) return base::fail(WireError::Truncated);
    const Octets rdata = message.subspan(offset, rdlength);
    const RdataNames layout = rdata_names(type);
    if (layout.names == 0) {
        if (!fixed_size_fits(type, rdata.size()) || !strings_fit(type, rdata)) {
            return base::fail(WireError::BadRdata);
        }
        out.insert(out.end(), rdata.begin(), rdata.end());
        return {};
    }
    const auto start = names_offset(layout, rdata);
    if (!start) return base::fail(WireError::BadRdata);
    const std::size_t restore = out.size();
    out.insert(out.end(), rdata.begin(), rdata.begin() + static_cast<std::ptrdiff_t>(*start));
    std::size_t at = offset + *start;
    // Names end inside the rdata; what they point to stands before it.
    const Octets up_to_end = message.first(offset + rdlength);
    for (unsigned i = 0; i < layout.names; ++i) {
        const auto name = Name::read(up_to_end, at);
        if (!name) {
            out.resize(restore);
            return base::fail(name.error());
        }
        out.insert(out.end(), name->octets().begin(), name->octets().end());
    }
    const Octets tail = up_to_end.subspan(at);
    if (!tail_fits(type, tail.size())) {
        out.resize(restore);
        return base::fail(WireError::BadRdata);
    }
    out.insert(out.end(), tail.begin(), tail.end());
    if (out.size() - restore > kMaxMessageOctets) {
        out.resize(restore);
        return base::fail(WireError::BadRdata);
    }
    return {};
}

bool rdata_readable(RRType type, Octets message, std::size_t offset,
                    std::uint16_t rdlength) noexcept {
    if (offset + rdlength > message.size()) return false;
    const Octets rdata = message.subspan(offset, rdlength);
    const RdataNames layout = rdata_names(type);
    if (layout.names == 0) return fixed_size_fits(type, rdata.size()) && strings_fit(type, rdata);
    const auto start = names_offset(layout, rdata);
    if (!start) return false;
    std::size_t at = offset + *start;
    const Octets up_to_end = message.first(offset + rdlength);
    for (unsigned i = 0; i < layout.names; ++i) {
        if (!Name::read(up_to_end, at)) return false;
    }
    return tail_fits(type, up_to_end.size() - at);
}

bool rdata_valid(RRType type, Octets rdata) noexcept {
    if (rdata.size() > kMaxMessageOctets) return false;
    const RdataNames layout = rdata_names(type);
    if (layout.names == 0) return fixed_size_fits(type, rdata.size()) && strings_fit(type, rdata);
    const auto start = names_offset(layout, rdata);
    if (!start) return false;
    std::size_t at = *start;
    for (unsigned i = 0; i < layout.names; ++i) {
        const auto name = NameView::check(rdata.subspan(at));
        if (!name) return false;
        at += name->size();
    }
    return tail_fits(type, rdata.size() - at);
}

NameView rdata_name(RRType type, Octets rdata, std::size_t index) noexcept {
    const RdataNames layout = rdata_names(type);
    std::size_t at = names_offset(layout, rdata).value_or(0);
    for (;;) {
        std::size_t end = at;
        while (rdata[end] != 0) end += 1U + rdata[end];
        const NameView name(rdata.subspan(at, end + 1 - at));
        if (index-- == 0) return name;
        at = end + 1;
    }
}

bool rdata_equal(RRType type, Octets a, Octets b) noexcept {
    if (a.size() != b.size()) return false;
    const RdataNames layout = rdata_names(type);
    const bool folds = layout.names > 0 && type != RRType::NSEC && type != RRType::SVCB &&
                       type != RRType::HTTPS && type != RRType::LP;
    if (!folds) return std::equal(a.begin(), a.end(), b.begin());
    const auto start = names_offset(layout, a);
    if (!start || *start > b.size() ||
        !std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(*start), b.begin())) {
        return false;
    }
    std::size_t at = *start;
    for (unsigned i = 0; i < layout.names; ++i) {
        const NameView x = rdata_name(type, a, i);
        const NameView y = rdata_name(type, b, i);
        if (!x.equals(y)) return false;
        at += x.size();
    }
    return std::equal(a.begin() + static_cast<std::ptrdiff_t>(at), a.end(),
                      b.begin() + static_cast<std::ptrdiff_t>(at));
}

SignatureHead signature_head(Octets rdata) noexcept {
    constexpr std::size_t kTtlAt = 4;
    if (rdata.size() < kTtlAt + 4) return {};
    return {static_cast<RRType>(base::load_be16(rdata.data())), base::load_be32(&rdata[kTtlAt])};
}

std::uint64_t rdata_hash(Octets rdata) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325U ^ NameHash::seed();
    for (const std::uint8_t octet : rdata) hash = (hash ^ base::to_lower(octet)) * 0x100000001b3U;
    return hash ^ (hash >> 32);
}

SoaNumbers soa_numbers(Octets rdata) noexcept {
    const std::uint8_t* at = rdata.data() + rdata.size() - kSoaNumbersOctets;
    return {base::load_be32(at), base::load_be32(at + 4), base::load_be32(at + 8),
            base::load_be32(at + 12), base::load_be32(at + 16)};
}

}  // namespace dns
