#include "dns/message_writer.h"

#include <algorithm>

#include "dns/rdata.h"

namespace dns {

namespace {

constexpr std::size_t kMaxPointer = 0x3fff;

/// Hashes of all suffixes of a name: hash[i] is that of the name from its label i on. Made from
/// the root upwards, so that names with a common suffix share its hash.
struct SuffixHashes {
    explicit SuffixHashes(NameView name) noexcept : labels(name) {
        std::uint32_t state = 0x811c9dc5U;
        for (std::size_t i = labels.count; i-- > 0;) {
            const std::uint8_t* label = name.data() + labels.offset[i];
            for (std::size_t k = 0; k <= *label; ++k) {
                state = (state ^ base::to_lower(label[k])) * 0x01000193U;
            }
            hash[i] = static_cast<std::uint16_t>(state ^ (state >> 16));
        }
    }
    LabelOffsets labels;
    std::array<std::uint16_t, kMaxLabels> hash;
};

}  // namespace

void MessageWriter::set_limit(std::size_t octets) noexcept {
    limit_ = std::min(octets, buffer_.size());
}

void MessageWriter::header(std::uint16_t id, std::uint16_t flags) noexcept {
    base::store_be16(&buffer_[0], id);
    base::store_be16(&buffer_[2], flags);
    used_ = kHeaderOctets;
    counts_ = {};
    target_count_ = 0;
    last_owner_offset_ = 0;
}

bool MessageWriter::question(Octets as_sent) noexcept {
    if (!fits(as_sent.size())) return false;
    std::memcpy(&buffer_[used_], as_sent.data(), as_sent.size());
    const NameView qname(Octets(&buffer_[used_], as_sent.size() - 4));
    const SuffixHashes suffixes(qname);
    for (std::size_t i = 0; i < suffixes.labels.count; ++i) {
        add_target(used_ + suffixes.labels.offset[i], suffixes.hash[i]);
    }
    if (suffixes.labels.count > 0) {
        last_owner_offset_ = static_cast<std::uint16_t>(used_);
    }
    used_ += as_sent.size();
    counts_[0] = 1;
    return true;
}

bool MessageWriter::question(NameView qname, RRType type, RRClass rr_class) noexcept {
    std::uint8_t raw[kMaxNameOctets + 4];
    std::memcpy(raw, qname.data(), qname.size());
    base::store_be16(raw + qname.size(), static_cast<std::uint16_t>(type));
    base::store_be16(raw + qname.size() + 2, static_cast<std::uint16_t>(rr_class));
    return question(Octets(raw, qname.size() + 4));
}

void MessageWriter::add_target(std::size_t offset, std::uint16_t hash) noexcept {
    if (offset > kMaxPointer || target_count_ == kMaxTargets) return;
    targets_[target_count_++] = {static_cast<std::uint16_t>(offset), hash};
}

bool MessageWriter::same_name(std::size_t offset, const std::uint8_t* name) const noexcept {
    // Only offsets this writer wrote are followed, so pointers are known to be good.
    for (;;) {
        while ((buffer_[offset] & 0xc0) == 0xc0) {
            offset = base::load_be16(&buffer_[offset]) & kMaxPointer;
        }
        const std::uint8_t length = buffer_[offset];
        if (length != *name) return false;
        if (length == 0) return true;
        for (std::size_t k = 1; k <= length; ++k) {
            if (base::to_lower(buffer_[offset + k]) != base::to_lower(name[k])) return false;
        }
        offset += 1U + length;
        name += 1 + length;
    }
}

bool MessageWriter::name(NameView name, bool compress) noexcept {
    if (name.is_root() || !compress) {
        if (!fits(name.size())) return false;
        std::memcpy(&buffer_[used_], name.data(), name.size());
        used_ += name.size();
        return true;
    }
    const SuffixHashes suffixes(name);
    const std::size_t count = suffixes.labels.count;
    std::size_t matched = count;  // first label of the suffix that stands in the message already
    std::size_t pointer = 0;
    for (std::size_t i = 0; i < count && matched == count; ++i) {
        for (std::size_t t = 0; t < target_count_; ++t) {
            if (targets_[t].hash == suffixes.hash[i] &&
                same_name(targets_[t].offset, name.data() + suffixes.labels.offset[i])) {
                matched = i;
                pointer = targets_[t].offset;
                break;
            }
        }
    }
    const std::size_t own = matched == count ? name.size() : suffixes.labels.offset[matched];
    if (!fits(own + (matched == count ? 0 : 2))) return false;
    std::memcpy(&buffer_[used_], name.data(), own);
    for (std::size_t i = 0; i < matched; ++i) {
        add_target(used_ + suffixes.labels.offset[i], suffixes.hash[i]);
    }
    used_ += own;
    if (matched != count) {
        base::store_be16(&buffer_[used_], static_cast<std::uint16_t>(0xc000U | pointer));
        used_ += 2;
    }
    return true;
}

bool MessageWriter::record_head(NameView owner, RRType type, std::uint16_t rr_class,
                                std::uint32_t ttl) noexcept {
    if (last_owner_offset_ != 0 && same_name(last_owner_offset_, owner.data())) {
        if (!fits(2)) return false;
        base::store_be16(&buffer_[used_], static_cast<std::uint16_t>(0xc000U | last_owner_offset_));
        used_ += 2;
    } else {
        const std::size_t at = used_;
        if (!name(owner, true)) return false;
        if (!owner.is_root() && at <= kMaxPointer) {
            // A name that became a pointer is pointed past: no chains of pointers.
            const std::uint16_t start = base::load_be16(&buffer_[at]);
            last_owner_offset_ = (start & 0xc000U) == 0xc000U
                                     ? static_cast<std::uint16_t>(start & kMaxPointer)
                                     : static_cast<std::uint16_t>(at);
        }
    }
    if (!fits(10)) return false;
    std::uint8_t* at = &buffer_[used_];
    base::store_be16(at, static_cast<std::uint16_t>(type));
    base::store_be16(at + 2, rr_class);
    base::store_be32(at + 4, ttl);
    used_ += 8;
    return true;
}

bool MessageWriter::rdata(RRType type, Octets rdata) noexcept {
    const RdataNames layout = rdata_names(type);
    const std::size_t length_at = used_;
    if (!layout.compress) {
        if (!fits(2 + rdata.size())) return false;
        base::store_be16(&buffer_[used_], static_cast<std::uint16_t>(rdata.size()));
        std::memcpy(&buffer_[used_ + 2], rdata.data(), rdata.size());
        used_ += 2 + rdata.size();
        return true;
    }
    if (!fits(2U + layout.fixed)) return false;
    std::memcpy(&buffer_[used_ + 2], rdata.data(), layout.fixed);
    used_ += 2U + layout.fixed;
    std::size_t from = layout.fixed;
    for (unsigned i = 0; i < layout.names; ++i) {
        std::size_t end = from;
        while (rdata[end] != 0) end += 1U + rdata[end];
        if (!name(NameView(rdata.subspan(from, end + 1 - from)), true)) return false;
        from = end + 1;
    }
    const std::size_t tail = rdata.size() - from;
    if (!fits(tail)) return false;
    std::memcpy(&buffer_[used_], rdata.data() + from, tail);
    used_ += tail;
    base::store_be16(&buffer_[length_at], static_cast<std::uint16_t>(used_ - length_at - 2));
    return true;
}

bool MessageWriter::rrset_part(Section section, NameView owner, RRsetView rrset, std::uint32_t ttl,
                               RRClass rr_class, const Selection& selection) noexcept {
    const Mark before = mark();
    const std::uint16_t total = rrset.count();
    const auto write_one = [&](Octets rdata_octets) {
        return record_head(owner, rrset.type(), static_cast<std::uint16_t>(rr_class), ttl) &&
               rdata(rrset.type(), rdata_octets);
    };
    std::uint16_t written = 0;
    bool ok = true;
    if (selection.picks != nullptr) {
        auto at = rrset.begin();
        std::uint16_t index = 0;
        for (std::uint16_t i = 0; ok && i < selection.count; ++i) {
            if (selection.picks[i] < index) {
                at = rrset.begin();
                index = 0;
            }
            for (; index < selection.picks[i]; ++index) ++at;
            ok = write_one(*at);
            ++written;
        }
    } else {
        const std::uint16_t wanted = std::min(selection.count, total);
        const std::uint16_t first =
            total == 0 ? std::uint16_t{0} : static_cast<std::uint16_t>(selection.first % total);
        auto start = rrset.begin();
        for (std::uint16_t i = 0; i < first; ++i) ++start;
        auto at = start;
        std::uint16_t index = first;
        for (; ok && written < wanted; ++written) {
            ok = write_one(*at);
            ++at;
            if (++index == total) {
                index = 0;
                at = rrset.begin();
            }
        }
    }
    if (!ok) {
        rollback(before);
        return false;
    }
    std::uint16_t& count = counts_[static_cast<std::size_t>(section)];
    count = static_cast<std::uint16_t>(count + written);
    return true;
}

bool MessageWriter::record(Section section, NameView owner, RRType type, RRClass rr_class,
                           std::uint32_t ttl, Octets rdata_octets) noexcept {
    const Mark before = mark();
    if (!record_head(owner, type, static_cast<std::uint16_t>(rr_class), ttl) ||
        !rdata(type, rdata_octets)) {
        rollback(before);
        return false;
    }
    ++counts_[static_cast<std::size_t>(section)];
    return true;
}

bool MessageWriter::opt(std::uint16_t udp_payload, std::uint8_t extended_rcode, bool dnssec_ok,
                        Octets options) noexcept {
    const std::size_t size = 11 + options.size();
    if (used_ + size > limit_ || options.size() > kMaxMessageOctets) return false;
    std::uint8_t* at = &buffer_[used_];
    at[0] = 0;
    base::store_be16(at + 1, static_cast<std::uint16_t>(RRType::OPT));
    base::store_be16(at + 3, udp_payload);
    base::store_be32(at + 5, (std::uint32_t{extended_rcode} << 24) | (dnssec_ok ? 0x8000U : 0U));
    base::store_be16(at + 9, static_cast<std::uint16_t>(options.size()));
    if (!options.empty()) std::memcpy(at + 11, options.data(), options.size());
    used_ += size;
    ++counts_[3];
    return true;
}

void MessageWriter::rollback(const Mark& mark) noexcept {
    used_ = mark.used;
    target_count_ = mark.targets;
    counts_ = mark.counts;
    last_owner_offset_ = 0;
}

std::size_t MessageWriter::finish() noexcept {
    for (std::size_t i = 0; i < 4; ++i) base::store_be16(&buffer_[4 + 2 * i], counts_[i]);
    return used_;
}

}  // namespace dns
