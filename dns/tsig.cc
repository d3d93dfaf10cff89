#include "dns/tsig.h"

#include <algorithm>

#include "dns/types.h"

namespace dns {

namespace {

constexpr std::size_t kFixedRecordOctets = 10;  // type, class, ttl, rdlength

}  // namespace

std::optional<Tsig> Tsig::read(Octets message, std::size_t offset) noexcept {
    Tsig out;
    const auto key = Name::read(message, offset);
    if (!key || message.size() - offset < kFixedRecordOctets) return std::nullopt;
    out.key = *key;
    const std::uint8_t* fixed = &message[offset];
    if (static_cast<RRType>(base::load_be16(fixed)) != RRType::TSIG ||
        static_cast<RRClass>(base::load_be16(fixed + 2)) != RRClass::ANY) {
        return std::nullopt;
    }
    const std::size_t rdlength = base::load_be16(fixed + 8);
    offset += kFixedRecordOctets;
    if (message.size() - offset < rdlength) return std::nullopt;
    Octets rest = message.subspan(offset, rdlength);
    const auto algorithm = NameView::check(rest);
    if (!algorithm) return std::nullopt;
    out.algorithm = *algorithm;
    rest = rest.subspan(algorithm->size());
    // Times and the size of the MAC; the MAC; ID, error, and the size of what else there is.
    if (rest.size() < kTimeOctets + 2) return std::nullopt;
    out.time = rest.first(kTimeOctets);
    const std::size_t mac = base::load_be16(&rest[kTimeOctets]);
    rest = rest.subspan(kTimeOctets + 2);
    if (rest.size() < mac + 6) return std::nullopt;
    out.original_id = base::load_be16(&rest[mac]);
    const std::size_t other = base::load_be16(&rest[mac + 4]);
    if (rest.size() != mac + 6 + other) return std::nullopt;
    return out;
}

Octets Tsig::error_rdata(TsigError error,
                         std::array<std::uint8_t, kMaxErrorOctets>& buffer) const noexcept {
    const Octets name = algorithm.octets();
    std::uint8_t* at = std::copy(name.begin(), name.end(), buffer.begin());
    at = std::copy(time.begin(), time.end(), at);
    const std::uint16_t rest[] = {0, original_id, static_cast<std::uint16_t>(error), 0};
    for (const std::uint16_t number : rest) {
        base::store_be16(at, number);
        at += 2;
    }
    return {buffer.data(), static_cast<std::size_t>(at - buffer.data())};
}

}  // namespace dns
