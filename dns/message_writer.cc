#include "dns/message_writer.h"

#include <algorithm>
#include <functional>

#include "dns/rdata.h"

namespace dns {

namespace {

constexpr std::size_t kMaxPointer = 0x3fff;

/// A label with its length octet, in the message and in a name.
bool same_label(const std::uint8_t* a, const std::uint8_t* b) noexcept {
    return *a == *b && base::equal_ignoring_case(a + 1, b + 1, *a);
}

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
    question_from_ = nullptr;
    question_added_ = true;
    suffix_size_ = 0;
}

bool MessageWriter::question(Octets as_sent) noexcept {
    if (!fits(as_sent.size())) return false;
    std::memcpy(&buffer_[used_], as_sent.data(), as_sent.size());
    question_added_ = false;
    question_from_ = as_sent.data();
    question_until_ = question_from_ + as_sent.size() - 4 - 1;  // the root is nobody's suffix
    used_ += as_sent.size();
    counts_[0] = 1;
    return true;
}

bool MessageWriter::question(NameView qname, RRType type, RRClass rr_class) noexcept {
    std::uint8_t raw[kMaxNameOctets + 4];
    std::memcpy(raw, qname.data(), qname.size());
    base::store_be16(raw + qname.size(), static_cast<std::uint16_t>(type));
    base::store_be16(raw + qname.size() + 2, static_cast<std::uint16_t>(rr_class));
    const bool written = question(Octets(raw, qname.size() + 4));
    question_from_ = nullptr;  // `raw` goes
    return written;
}

void MessageWriter::expect_suffix(NameView end_of_qname) noexcept {
    if (place_in_question(end_of_qname) == 0) return;
    suffix_size_ = static_cast<std::uint16_t>(end_of_qname.size());
    suffix_labels_ = static_cast<std::uint16_t>(end_of_qname.label_count());
}

/// Where a name stands that is borrowed from the question; 0: it is not.
std::size_t MessageWriter::place_in_question(NameView name) const noexcept {
    if (question_from_ == nullptr || !std::less_equal<>()(question_from_, name.data()) ||
        !std::less<>()(name.data(), question_until_)) {
        return 0;
    }
    return kHeaderOctets + static_cast<std::size_t>(name.data() - question_from_);
}

/// The labels of the question as the first targets: the i-th from the end is target i.
void MessageWriter::add_question() noexcept {
    question_added_ = true;
    const std::size_t used = used_;
    used_ = kHeaderOctets;
    std::size_t size = 0;
    while (buffer_[used_ + size] != 0) size += 1U + buffer_[used_ + size];
    const LabelOffsets labels(NameView(Octets(&buffer_[used_], size + 1)));
    add_targets(labels, labels.count, kRootTarget);
    used_ = used;
}

/// Labels 0 to `count` of a name that stands at `used_`; the rest of it is what `parent` stands
/// for.
void MessageWriter::add_targets(const LabelOffsets& labels, std::size_t count,
                                std::uint16_t parent) noexcept {
    for (std::size_t i = count; i-- > 0;) {
        const std::size_t offset = used_ + labels.offset[i];
        // Without this label those before it have nothing to hang on.
        if (offset > kMaxPointer || target_count_ == kMaxTargets) return;
        targets_[target_count_++] = {static_cast<std::uint16_t>(offset), parent};
        parent = target_count_;
    }
}

/// The target of `label` below `parent`; kRootTarget if there is none.
std::uint16_t MessageWriter::find_target(std::uint16_t parent,
                                         const std::uint8_t* label) const noexcept {
    // Whoever hangs on another was added after it.
    for (std::uint16_t i = parent; i < target_count_; ++i) {
        if (targets_[i].parent == parent && same_label(&buffer_[targets_[i].offset], label)) {
            return static_cast<std::uint16_t>(i + 1);
        }
    }
    return kRootTarget;
}

bool MessageWriter::pointer(std::size_t offset) noexcept {
    if (!fits(2)) return false;
    base::store_be16(&buffer_[used_], static_cast<std::uint16_t>(0xc000U | offset));
    used_ += 2;
    return true;
}

/// Octets of a name before the expected suffix; all of them if it does not end with that.
std::size_t MessageWriter::before_suffix(NameView name) const noexcept {
    if (suffix_size_ == 0 || name.size() < suffix_size_) return name.size();
    const std::size_t cut = name.size() - suffix_size_;
    std::size_t at = 0;
    while (at < cut) at += 1U + name.data()[at];
    const bool ends_so =
        at == cut && base::equal_ignoring_case(
                         name.data() + cut, &buffer_[question_end() - suffix_size_], suffix_size_);
    return ends_so ? cut : name.size();
}

bool MessageWriter::name(NameView name) noexcept {
    // Most owners are the name that was asked for, or stand above it.
    if (const std::size_t place = place_in_question(name); place != 0) return pointer(place);
    if (!question_added_) add_question();
    const std::size_t cut = before_suffix(name);
    if (cut == name.size()) return name_above(name, cut, kRootTarget);
    if (cut == 0) return pointer(question_end() - suffix_size_);
    if (1U + name.data()[0] != cut) return name_above(name, cut, suffix_labels_);
    // Most others are one label below the apex.
    const std::uint16_t found = find_target(suffix_labels_, name.data());
    if (found != kRootTarget) return pointer(targets_[found - 1U].offset);
    if (!fits(cut + 2)) return false;
    std::memcpy(&buffer_[used_], name.data(), cut);
    if (used_ <= kMaxPointer && target_count_ < kMaxTargets) {
        targets_[target_count_++] = {static_cast<std::uint16_t>(used_), suffix_labels_};
    }
    used_ += cut;
    return pointer(question_end() - suffix_size_);
}

/// Any name: its labels before `cut` are looked for from the last, those behind are `target`.
bool MessageWriter::name_above(NameView name, std::size_t cut, std::uint16_t target) noexcept {
    const LabelOffsets labels(name);
    std::size_t own = labels.count;  // labels that no name in the message ends with
    while (own > 0 && labels.offset[own - 1] >= cut) --own;
    for (; own > 0; --own) {
        const std::uint16_t next = find_target(target, name.data() + labels.offset[own - 1]);
        if (next == kRootTarget) break;
        target = next;
    }
    if (own == 0 && target != kRootTarget) return pointer(targets_[target - 1U].offset);
    const std::size_t size = own == labels.count ? name.size() : labels.offset[own];
    if (!fits(size + (target == kRootTarget ? 0 : 2))) return false;
    std::memcpy(&buffer_[used_], name.data(), size);
    add_targets(labels, own, target);
    used_ += size;
    return target == kRootTarget || pointer(targets_[target - 1U].offset);
}

bool MessageWriter::record_head(NameView owner, RRType type, std::uint16_t rr_class,
                                std::uint32_t ttl) noexcept {
    if (!name(owner) || !fits(10)) return false;
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
        if (!name(NameView(rdata.subspan(from, end + 1 - from)))) return false;
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
    const std::uint16_t total = rrset.count();
    if (total == 1 && selection.picks == nullptr && selection.count > 0) {
        return record(section, owner, rrset.type(), rr_class, ttl, *rrset.begin());
    }
    const Mark before = mark();
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
    const std::size_t place = place_in_question(owner);
    if (place != 0 && !rdata_names(type).compress) {
        // The most there are: a pointer, and rdata as it stands.
        const std::size_t size = 12 + rdata_octets.size();
        if (!fits(size)) return false;
        std::uint8_t* at = &buffer_[used_];
        base::store_be16(at, static_cast<std::uint16_t>(0xc000U | place));
        base::store_be16(at + 2, static_cast<std::uint16_t>(type));
        base::store_be16(at + 4, static_cast<std::uint16_t>(rr_class));
        base::store_be32(at + 6, ttl);
        base::store_be16(at + 10, static_cast<std::uint16_t>(rdata_octets.size()));
        std::memcpy(at + 12, rdata_octets.data(), rdata_octets.size());
        used_ += size;
        ++counts_[static_cast<std::size_t>(section)];
        return true;
    }
    const Mark before = mark();
    if (!record_head(owner, type, static_cast<std::uint16_t>(rr_class), ttl) ||
        !rdata(type, rdata_octets)) {
        rollback(before);
        return false;
    }
    ++counts_[static_cast<std::size_t>(section)];
    return true;
}

bool MessageWriter::prepared(Section section, const PreparedSection& what) noexcept {
    if (what.size_ == 0 || question_from_ == nullptr || !fits(what.size_)) return false;
    std::uint8_t* at = &buffer_[used_];
    std::memcpy(at, what.octets_.data(), what.size_);
    for (std::size_t i = 0; i < what.pointer_count_; ++i) {
        const PreparedSection::Pointer& pointer = what.pointers_[i];
        const std::size_t target =
            pointer.in_question ? question_end() - pointer.distance : used_ + pointer.distance;
        if (target > kMaxPointer) return false;
        base::store_be16(at + pointer.at, static_cast<std::uint16_t>(0xc000U | target));
    }
    used_ += what.size_;
    std::uint16_t& count = counts_[static_cast<std::size_t>(section)];
    count = static_cast<std::uint16_t>(count + what.records_);
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
    if (mark.targets == 0 && counts_[0] != 0) question_added_ = false;
}

std::size_t MessageWriter::finish() noexcept {
    for (std::size_t i = 0; i < 4; ++i) base::store_be16(&buffer_[4 + 2 * i], counts_[i]);
    return used_;
}

}  // namespace dns
