#include "zones/zone_assembly.h"

#include <algorithm>
#include <unordered_map>

#include "dns/rdata.h"
#include "zones/key.h"

namespace zones {

namespace {

/// In the sort, what says that a wildcard stands below an owner. No record has this type
/// (RFC 6895, 3.1), and as it needs none, an owner is marked once or a hundred times.
constexpr dns::RRType kWildcardMark{};

/// The key of what belongs to the NSEC3 chain begins with it, and that of no name does: the chain
/// is sorted behind the apex and before everything else.
constexpr char kChainPrefix = '\0';

// A place as checks carry it: the line, or for included files the file's number and the line. What
// does not fit is not known.
constexpr std::uint32_t kIncluded = 0x80000000U;
constexpr unsigned kLineBits = 20;
constexpr std::uint32_t kMaxIncludedLine = (1U << kLineBits) - 1;
constexpr std::uint16_t kMaxFiles = (1U << (31 - kLineBits)) - 1;

std::uint32_t place_of(const SortRecord& record) noexcept {
    if (record.file == 0) return std::min(record.line, kIncluded - 1);
    const std::uint32_t line = record.line > kMaxIncludedLine ? 0 : record.line;
    return kIncluded | std::uint32_t{record.file} << kLineBits | line;
}

/// Beyond this many records of one type, equal ones are found by their hashes.
constexpr std::size_t kFewRecords = 16;

}  // namespace

std::string ZoneAssembly::where(std::uint32_t place) const {
    const bool included = (place & kIncluded) != 0;
    const std::size_t file = included ? (place & ~kIncluded) >> kLineBits : 0;
    const std::uint32_t line = included ? place & kMaxIncludedLine : place;
    if (file >= files_.size() || (files_[file].empty() && line == 0)) return "";
    return files_[file] + (line == 0 ? ": " : ":" + std::to_string(line) + ": ");
}

std::uint16_t ZoneAssembly::file_number(std::string_view file) {
    // Records of one file come together.
    for (std::size_t i = files_.size(); i > 0; --i) {
        if (files_[i - 1] == file) return static_cast<std::uint16_t>(i - 1);
    }
    if (files_.size() == kMaxFiles) files_.back() = "a file included late";
    if (files_.size() < kMaxFiles) files_.emplace_back(file);
    return static_cast<std::uint16_t>(files_.size() - 1);
}

/// Parents sort before their children, but the wildcard not right behind its parent (`!` comes
/// before `*`): so the parent is told by a mark that is sorted with it.
bool ZoneAssembly::mark_wildcards(Octets owner, std::size_t key_octets) {
    // From the key's end: each label leaves it with its octets, which are escaped rarely.
    while (!owner.empty()) {
        const bool wildcard = is_wildcard_owner(owner);
        std::size_t label = 1;
        for (const std::uint8_t octet : owner.subspan(1, owner[0])) label += octet <= 1 ? 2U : 1U;
        key_octets -= label;
        owner = parent_owner(owner);
        if (!wildcard) continue;
        SortRecord mark;
        mark.key = std::string_view(add_key_).substr(0, key_octets);
        if (last_mark_ && *last_mark_ == mark.key) continue;
        mark.owner = owner;
        mark.type = kWildcardMark;
        auto added = sorter_.add(mark);
        if (!added) {
            failure_ = added.error().message;
            return false;
        }
        last_mark_.emplace(mark.key);
    }
    return true;
}

bool ZoneAssembly::add(const dns::Name& owner, dns::RRType type, std::uint32_t ttl, Octets rdata,
                       const ZoneLoader::Place& place) {
    if (!failure_.empty()) return false;
    SortRecord record;
    record.owner = relative_owner(owner, apex_);
    add_key_.clear();
    const bool of_chain = is_of_nsec3_chain(record.owner, type, rdata);
    if (of_chain) add_key_.push_back(kChainPrefix);
    append_owner_key(add_key_, record.owner);
    record.key = add_key_;
    record.type = type;
    record.ttl = ttl;
    record.line = place.line;
    record.file = file_number(place.file);
    record.rdata = rdata;
    auto added = sorter_.add(record);
    if (!added) {
        failure_ = added.error().message;
        return false;
    }
    // A star begins its label: behind a dot of the key or at its start.
    if (of_chain || add_key_.find('*') == std::string::npos) return true;
    return mark_wildcards(record.owner, add_key_.size());
}

base::Result<void> ZoneAssembly::read_ahead() {
    auto read = sorter_.next(ahead_);
    if (!read) return base::fail(std::move(read.error()));
    has_ahead_ = *read;
    return {};
}

base::Result<void> ZoneAssembly::begin() {
    if (!failure_.empty()) return base::fail(failure_);
    begun_ = true;
    records_ = 0;
    gathered_ = false;
    given_ = false;
    last_key_.clear();
    auto rewound = sorter_.rewind();
    if (!rewound) return rewound;
    return read_ahead();
}

base::Result<void> ZoneAssembly::rewind() {
    return begin();
}

void ZoneAssembly::tell(const FindingReport& report, Finding::Severity severity, dns::RRType type,
                        std::string message, std::uint32_t place) const {
    if (!report) return;
    Finding finding;
    finding.severity = severity;
    finding.owner = absolute_owner(owner_, apex_).value_or(apex_);
    finding.type = type;
    finding.message = std::move(message);
    finding.line = place;
    report(std::move(finding));
}

base::Result<void> ZoneAssembly::gather(const FindingReport& report) {
    key_ = ahead_.key;
    owner_.assign(ahead_.owner.begin(), ahead_.owner.end());
    flags_ = 0;
    parts_.clear();
    rdata_.clear();
    bool too_large = false;
    while (has_ahead_ && ahead_.key == key_) {
        if (ahead_.type == kWildcardMark) {
            flags_ |= kNodeWildcardChild;
        } else if (rdata_.size() + ahead_.rdata.size() > kMaxNodeOctets) {
            if (!too_large) {
                tell(report, Finding::Severity::Error, {}, "more than 16 MiB at one name",
                     place_of(ahead_));
            }
            too_large = true;
        } else {
            // The case of the name is that of its first record.
            if (parts_.empty()) owner_.assign(ahead_.owner.begin(), ahead_.owner.end());
            parts_.push_back(
                {ahead_.type, ahead_.ttl, place_of(ahead_), rdata_.size(), ahead_.rdata.size()});
            rdata_.insert(rdata_.end(), ahead_.rdata.begin(), ahead_.rdata.end());
        }
        auto read = read_ahead();
        if (!read) return read;
    }
    return {};
}

bool ZoneAssembly::pack_rrset(std::size_t first, std::size_t last, const FindingReport& report) {
    const dns::RRType type = parts_[first].type;
    base::append_be16(packed_, 0);  // flags and answer count: without weights
    base::append_be16(packed_, 0);
    const std::size_t start = packed_.size();
    base::append_be16(packed_, static_cast<std::uint16_t>(type));
    base::append_be16(packed_, 0);
    base::append_be32(packed_, parts_[first].ttl);
    base::append_be32(packed_, 0);
    const std::size_t records_at = packed_.size();
    std::vector<Octets> taken;
    std::unordered_multimap<std::uint64_t, std::size_t> by_hash;
    bool ttls_differ = false;
    for (std::size_t i = first; i < last; ++i) {
        const Part& part = parts_[i];
        const Octets rdata(rdata_.data() + part.at, part.size);
        if (part.ttl != parts_[first].ttl && type != dns::RRType::RRSIG && !ttls_differ) {
            ttls_differ = true;
            tell(report, Finding::Severity::Warning, type,
                 "records with several TTLs, the first one is taken (RFC 2181, 5.2)", part.place);
        }
        bool there = false;
        if (last - first <= kFewRecords) {
            there = std::any_of(taken.begin(), taken.end(), [type, rdata](Octets other) {
                return dns::rdata_equal(type, other, rdata);
            });
        } else {
            const std::uint64_t hash = dns::rdata_hash(rdata);
            const auto same = by_hash.equal_range(hash);
            for (auto at = same.first; at != same.second && !there; ++at) {
                there = dns::rdata_equal(type, taken[at->second], rdata);
            }
            if (!there) by_hash.emplace(hash, taken.size());
        }
        if (there) {
            tell(report, Finding::Severity::Warning, type,
                 "the record is there already and kept once (RFC 2181, 5)", part.place);
            continue;
        }
        taken.push_back(rdata);
        base::append_be16(packed_, static_cast<std::uint16_t>(rdata.size()));
        packed_.insert(packed_.end(), rdata.begin(), rdata.end());
        base::store_be16(&packed_[start + 2], static_cast<std::uint16_t>(taken.size()));
        const std::size_t size = packed_.size() - records_at;
        base::store_be32(&packed_[start + 8], static_cast<std::uint32_t>(size));
        // The size grows with each record, so once it is too much it stays so.
        if (size < dns::kMaxMessageOctets / 2) continue;
        const NodeParts::Entry entry{dns::RRset(dns::RRsetView(&packed_[start])), 0, 0, {}};
        if (auto message = check_rrset(entry)) {
            const std::string prefix = dns::to_text(type) + ": ";
            if (message->starts_with(prefix)) message->erase(0, prefix.size());
            tell(report, Finding::Severity::Error, type, std::move(*message), part.place);
            packed_.resize(start - 4);
            return false;
        }
    }
    records_ += taken.size();
    item_.places.push_back(parts_[first].place);
    return true;
}

void ZoneAssembly::pack(const FindingReport& report) {
    const auto by_type = [](const Part& a, const Part& b) { return a.type < b.type; };
    if (!std::is_sorted(parts_.begin(), parts_.end(), by_type)) {
        std::stable_sort(parts_.begin(), parts_.end(), by_type);
    }
    pack_empty(owner_);
    packed_[0] = flags_;
    std::uint16_t count = 0;
    for (std::size_t first = 0; first < parts_.size();) {
        std::size_t last = first + 1;
        while (last < parts_.size() && parts_[last].type == parts_[first].type) ++last;
        if (pack_rrset(first, last, report)) ++count;
        first = last;
    }
    base::store_be16(&packed_[2], count);
    base::store_be32(&packed_[4], static_cast<std::uint32_t>(packed_.size()));
    item_.key = key_;
    if (item_.of_nsec3_chain) item_.key.remove_prefix(1);
    item_.node = packed_;
}

void ZoneAssembly::pack_empty(Octets owner) {
    packed_.clear();
    item_.places.clear();
    packed_.push_back(0);
    packed_.push_back(static_cast<std::uint8_t>(owner.size()));
    base::append_be16(packed_, 0);
    base::append_be32(packed_, static_cast<std::uint32_t>(kNodeHeaderOctets + owner.size()));
    packed_.insert(packed_.end(), owner.begin(), owner.end());
}

/// Whatever stands between a name and an ancestor of it in canonical order is below the ancestor.
/// So an ancestor that has records came before, and is a prefix of the key given out last; any
/// other is an empty non-terminal, and this is its place.
base::Result<const ZoneAssembly::Item*> ZoneAssembly::next(const FindingReport& report) {
    if (!begun_) {
        auto started = begin();
        if (!started) return base::fail(std::move(started.error()));
    }
    if (!gathered_) {
        if (!given_ && (!has_ahead_ || !ahead_.key.empty())) {
            given_ = true;
            pack_empty({});
            item_.of_nsec3_chain = false;
            item_.key = {};
            item_.node = packed_;
            return &item_;
        }
        if (!has_ahead_) return nullptr;
        auto whole = gather(report);
        if (!whole) return base::fail(std::move(whole.error()));
        gathered_ = true;
        ancestor_at_ = 0;
        item_.of_nsec3_chain = key_.starts_with(kChainPrefix);
        labels_left_ = item_.of_nsec3_chain
                           ? 1
                           : static_cast<std::size_t>(std::count(key_.begin(), key_.end(), '\0'));
        common_ = 0;
        while (common_ < std::min(key_.size(), last_key_.size()) &&
               key_[common_] == last_key_[common_]) {
            ++common_;
        }
    }
    while (labels_left_ > 1) {
        ancestor_at_ = key_.find('\0', ancestor_at_) + 1;
        --labels_left_;
        if (ancestor_at_ <= common_) continue;
        Octets owner = owner_;
        for (std::size_t i = 0; i < labels_left_; ++i) owner = parent_owner(owner);
        pack_empty(owner);
        item_.key = std::string_view(key_).substr(0, ancestor_at_);
        item_.node = packed_;
        return &item_;
    }
    pack(report);
    gathered_ = false;
    given_ = true;
    last_key_ = key_;
    return &item_;
}

}  // namespace zones
