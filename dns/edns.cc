#include "dns/edns.h"

#include <algorithm>

namespace dns {

std::optional<ClientSubnet> ClientSubnet::read(base::Octets option) noexcept {
    if (option.size() < 4) return std::nullopt;
    const std::uint16_t family = base::load_be16(option.data());
    ClientSubnet out;
    if (family == 0) {
        // No family has the number 0. With no address it says the same in each.
        if (option.size() != 4 || option[2] != 0 || option[3] != 0) return std::nullopt;
        out.any_family = true;
        return out;
    }
    if (family != 1 && family != 2) return std::nullopt;
    const std::size_t full = family == 1 ? 4 : 16;
    out.source_length = option[2];
    out.scope_length = option[3];
    const base::Octets sent = option.subspan(4);
    if (out.source_length > full * 8 || sent.size() != (out.source_length + 7U) / 8U) {
        return std::nullopt;
    }
    std::uint8_t raw[16] = {};
    std::copy(sent.begin(), sent.end(), raw);
    out.address = base::IpAddress::from_octets({raw, full});
    if (out.address.masked(out.source_length) != out.address) return std::nullopt;
    return out;
}

void ClientSubnet::write(std::uint8_t* at) const noexcept {
    base::store_be16(at, any_family ? 0 : address.is_v4() ? 1 : 2);
    at[2] = source_length;
    at[3] = scope_length;
    std::memcpy(at + 4, address.octets().data(), (source_length + 7U) / 8U);
}

std::optional<Edns> Edns::read(std::uint16_t rr_class, std::uint32_t ttl,
                               base::Octets rdata) noexcept {
    Edns out;
    out.udp_payload = std::max<std::uint16_t>(rr_class, 512);
    out.extended_rcode = static_cast<std::uint8_t>(ttl >> 24);
    out.version = static_cast<std::uint8_t>(ttl >> 16);
    out.dnssec_ok = (ttl & 0x8000U) != 0;
    out.options = rdata;
    while (!rdata.empty()) {
        if (rdata.size() < 4) return std::nullopt;
        const auto code = static_cast<EdnsOption>(base::load_be16(rdata.data()));
        const std::size_t length = base::load_be16(&rdata[2]);
        if (rdata.size() - 4 < length) return std::nullopt;
        const base::Octets value = rdata.subspan(4, length);
        rdata = rdata.subspan(4 + length);
        switch (code) {
            case EdnsOption::NSID:
                out.nsid = true;
                break;
            case EdnsOption::ClientSubnet:
                // The first counts (RFC 7871 does not say; a second is somebody's mistake).
                if (!out.subnet_present) out.subnet = ClientSubnet::read(value);
                out.subnet_present = true;
                break;
            case EdnsOption::ZoneVersion:
                out.zone_version = true;
                break;
            case EdnsOption::Cookie:
                if (out.cookie.empty()) out.cookie = value;
                break;
            default:
                break;  // unknown options are ignored (RFC 6891, 6.1.2)
        }
    }
    return out;
}

}  // namespace dns
