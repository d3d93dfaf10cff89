#include "dns/rrset.h"

#include <limits>

#include "dns/rdata.h"

namespace dns {

std::optional<RRsetView> RRsetView::check(Octets octets) noexcept {
    if (octets.size() < kRRsetHeaderOctets) return std::nullopt;
    const RRsetView view(octets.data());
    if (view.records_size() > octets.size() - kRRsetHeaderOctets) return std::nullopt;
    const Octets records = octets.subspan(kRRsetHeaderOctets, view.records_size());
    std::size_t at = 0;
    std::size_t count = 0;
    while (at < records.size()) {
        if (records.size() - at < 2) return std::nullopt;
        at += 2U + base::load_be16(&records[at]);
        ++count;
    }
    if (at != records.size() || count != view.count()) return std::nullopt;
    return view;
}

RRset::RRset(RRType type, std::uint32_t ttl) : octets_(kRRsetHeaderOctets) {
    base::store_be16(octets_.data(), static_cast<std::uint16_t>(type));
    base::store_be32(&octets_[4], ttl);
}

bool RRset::contains(Octets rdata) const noexcept {
    for (const Octets present : view()) {
        if (rdata_equal(type(), present, rdata)) return true;
    }
    return false;
}

bool RRset::add(Octets rdata) {
    const std::size_t size = view().records_size() + 2 + rdata.size();
    if (rdata.size() > kMaxMessageOctets || contains(rdata) ||
        count() == std::numeric_limits<std::uint16_t>::max() ||
        size > std::numeric_limits<std::uint32_t>::max()) {
        return false;
    }
    base::append_be16(octets_, static_cast<std::uint16_t>(rdata.size()));
    octets_.insert(octets_.end(), rdata.begin(), rdata.end());
    base::store_be16(&octets_[2], static_cast<std::uint16_t>(count() + 1));
    base::store_be32(&octets_[8], static_cast<std::uint32_t>(size));
    return true;
}

bool RRset::remove(Octets rdata) {
    std::size_t at = kRRsetHeaderOctets;
    for (const Octets present : view()) {
        const std::size_t whole = 2 + present.size();
        if (rdata_equal(type(), present, rdata)) {
            const auto first = octets_.begin() + static_cast<std::ptrdiff_t>(at);
            octets_.erase(first, first + static_cast<std::ptrdiff_t>(whole));
            base::store_be16(&octets_[2], static_cast<std::uint16_t>(count() - 1));
            base::store_be32(&octets_[8],
                             static_cast<std::uint32_t>(view().records_size() - whole));
            return true;
        }
        at += whole;
    }
    return false;
}

}  // namespace dns
