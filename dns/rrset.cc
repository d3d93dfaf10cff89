#include "dns/rrset.h"

#include <limits>
#include <unordered_map>

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
    return !contains(rdata) && append(rdata);
}

/// False when 65535 records or 4 GiB would be passed.
bool RRset::append(Octets rdata) {
    const std::size_t size = view().records_size() + 2 + rdata.size();
    if (rdata.size() > kMaxMessageOctets || count() == std::numeric_limits<std::uint16_t>::max() ||
        size > std::numeric_limits<std::uint32_t>::max()) {
        return false;
    }
    base::append_be16(octets_, static_cast<std::uint16_t>(rdata.size()));
    octets_.insert(octets_.end(), rdata.begin(), rdata.end());
    base::store_be16(&octets_[2], static_cast<std::uint16_t>(count() + 1));
    base::store_be32(&octets_[8], static_cast<std::uint32_t>(size));
    return true;
}

namespace {

/// Records as rdata_equal tells them apart. Their octets are borrowed.
class RecordSet {
  public:
    explicit RecordSet(RRType type) : type_(type) {}

    void put(Octets rdata) { rows_.emplace(rdata_hash(rdata), rdata); }
    [[nodiscard]] bool holds(Octets rdata) const {
        const auto same = rows_.equal_range(rdata_hash(rdata));
        for (auto row = same.first; row != same.second; ++row) {
            if (rdata_equal(type_, row->second, rdata)) return true;
        }
        return false;
    }

  private:
    const RRType type_;
    std::unordered_multimap<std::uint64_t, Octets> rows_;
};

}  // namespace

std::vector<bool> RRset::add_each(Records records) {
    // Those that are here are looked up in a copy: what is appended moves the octets.
    const RRset before(*this);
    RecordSet present(type());
    for (const Octets rdata : before.view()) present.put(rdata);
    std::vector<bool> added;
    added.reserve(records.size());
    for (const std::vector<std::uint8_t>& rdata : records) {
        added.push_back(!present.holds(rdata) && append(rdata));
        if (added.back()) present.put(rdata);
    }
    return added;
}

std::vector<bool> RRset::remove_each(Records records) {
    RecordSet unwanted(type());
    for (const std::vector<std::uint8_t>& rdata : records) {
        if (!unwanted.holds(rdata)) unwanted.put(rdata);
    }
    const RRset before(*this);
    octets_.resize(kRRsetHeaderOctets);
    base::store_be16(&octets_[2], 0);
    base::store_be32(&octets_[8], 0);
    std::vector<bool> gone;
    gone.reserve(before.count());
    for (const Octets rdata : before.view()) {
        gone.push_back(unwanted.holds(rdata));
        if (!gone.back()) (void)append(rdata);  // it was here: it fits
    }
    return gone;
}

}  // namespace dns
