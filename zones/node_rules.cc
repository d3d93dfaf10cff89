#include "zones/node_rules.h"

#include <ctime>

#include "dns/rdata.h"

namespace zones {

namespace {

using dns::RRType;

// An answer holds the header, the question, an OPT and for each record a compressed owner, type,
// class and TTL beside its rdata.
constexpr std::size_t kAnswerOctets = dns::kHeaderOctets + dns::kMaxNameOctets + 4 + 11;
constexpr std::size_t kRecordOctets = 10;

/// What may stand beside a CNAME: RFC 2181, 10.1; RFC 4034, 3 and 4.
bool allowed_beside_cname(RRType type) {
    return type == RRType::CNAME || type == RRType::RRSIG || type == RRType::NSEC ||
           type == RRType::SIG || type == RRType::NXT || type == RRType::KEY;
}

bool choice_makes_sense(RRType type) {
    switch (type) {
        case RRType::SOA:
        case RRType::NS:
        case RRType::CNAME:
        case RRType::DNAME:
        case RRType::DS:
        case RRType::DNSKEY:
        case RRType::CDS:
        case RRType::CDNSKEY:
        case RRType::RRSIG:
        case RRType::NSEC:
        case RRType::NSEC3:
        case RRType::NSEC3PARAM:
        case RRType::ZONEMD:
            return false;
        default:
            return true;
    }
}

}  // namespace

std::optional<std::string> check_record(dns::NameView apex, dns::NameView owner, RRType type,
                                        std::uint32_t ttl, Octets rdata) {
    const std::string what = owner.to_text() + " " + dns::to_text(type);
    if (!owner.is_at_or_below(apex)) {
        return what + ": out of the zone " + apex.to_text() + " (RFC 1035, 5.2)";
    }
    if (dns::is_meta(type)) return what + ": a type that cannot be stored (RFC 6895, 3.1)";
    if (ttl > kMaxTtl) return what + ": TTL above 2147483647 (RFC 2181, 8)";
    if (type == RRType::SOA && !owner.equals(apex)) {
        return what + ": a SOA stands at the apex only (RFC 1035, 5.2)";
    }
    if (!dns::rdata_valid(type, rdata)) return what + ": malformed rdata";
    return std::nullopt;
}

std::optional<std::string> check_rrset(const NodeParts::Entry& entry) {
    const dns::RRsetView rrset = entry.rrset.view();
    const std::string what = dns::to_text(rrset.type());
    if (kAnswerOctets + rrset.records_size() + kRecordOctets * rrset.count() >
        dns::kMaxMessageOctets) {
        return what + ": the RRset does not fit into a message of 65535 octets (RFC 1035, 4.2.2)";
    }
    if (entry.weights.empty()) return std::nullopt;
    if (!choice_makes_sense(rrset.type())) {
        return what + ": weights make no sense here, its records only work together";
    }
    if (entry.answer_count == 0 || entry.answer_count > rrset.count()) {
        return what + ": count must be between 1 and the number of records";
    }
    return std::nullopt;
}

std::vector<std::string> check_node(const NodeParts& node, bool is_apex) {
    std::vector<std::string> faults;
    bool cname = false;
    const NodeParts::Entry* other = nullptr;
    bool soa = false;
    bool ns = false;
    for (const NodeParts::Entry& entry : node.entries) {
        const RRType type = entry.rrset.type();
        const std::uint16_t count = entry.rrset.count();
        if (type == RRType::CNAME) cname = true;
        if (type == RRType::SOA) soa = true;
        if (type == RRType::NS) ns = true;
        if (!allowed_beside_cname(type) && other == nullptr) other = &entry;
        if (type == RRType::CNAME && count > 1) {
            faults.emplace_back("several CNAMEs (RFC 2181, 10.1)");
        }
        if (type == RRType::DNAME && count > 1) {
            faults.emplace_back("several DNAMEs (RFC 6672, 2.4)");
        }
        if (type == RRType::SOA && count > 1) faults.emplace_back("several SOAs (RFC 1035, 5.2)");
    }
    if (cname && other != nullptr) {
        faults.push_back("CNAME and other data: " + dns::to_text(other->rrset.type()) +
                         " (RFC 1034, 3.6.2; RFC 2181, 10.1)");
    }
    if (is_apex && !soa) faults.emplace_back("no SOA at the apex (RFC 1035, 5.2)");
    if (is_apex && !ns) faults.emplace_back("no NS at the apex (RFC 1034, 4.2.1)");
    if (!is_apex && soa) faults.emplace_back("a SOA stands at the apex only (RFC 1035, 5.2)");
    return faults;
}

NodeParts::Entry make_entry(RRType type, const RRsetValue& value) {
    NodeParts::Entry entry{dns::RRset(type, value.ttl), 0, 0, {}};
    if (value.hidden) {
        entry.flags = kEntryHidden;
        return entry;
    }
    for (std::size_t i = 0; i < value.records.size(); ++i) {
        if (entry.rrset.add(value.records[i]) && i < value.weights.size()) {
            entry.weights.push_back(value.weights[i]);
        }
    }
    if (!entry.weights.empty()) entry.answer_count = value.answer_count;
    return entry;
}

RRsetValue value_of(const NodeEntry& entry) {
    RRsetValue value;
    value.ttl = entry.rrset.ttl();
    value.hidden = entry.hidden();
    for (const Octets rdata : entry.rrset) {
        if (entry.weights != nullptr) value.weights.push_back(entry.weight(value.records.size()));
        value.records.emplace_back(rdata.begin(), rdata.end());
    }
    if (entry.weights != nullptr) value.answer_count = entry.answer_count;
    return value;
}

std::string pack_entry(const NodeParts::Entry& entry) {
    NodeParts parts;
    parts.entries.push_back(entry);
    const std::vector<std::uint8_t> octets = parts.pack();
    return std::string(base::as_text(octets));
}

NodeParts merge_nodes(const std::optional<NodeParts>& base,
                      const std::optional<NodeParts>& overlay) {
    NodeParts merged;
    if (base) merged = *base;
    if (!overlay) return merged;
    for (const NodeParts::Entry& entry : overlay->entries) {
        merged.erase(entry.rrset.type());
        if ((entry.flags & kEntryHidden) == 0) merged.entries.push_back(entry);
    }
    return merged;
}

bool soa_edit_valid(std::string_view soa_edit) {
    return soa_edit == "increment" || soa_edit == "date" || soa_edit == "epoch" ||
           soa_edit == "keep";
}

std::uint32_t next_serial(std::uint32_t serial, std::string_view soa_edit, base::WallTime now) {
    if (soa_edit == "keep") return serial;
    const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
    std::uint32_t wanted = 0;
    if (soa_edit == "epoch") wanted = static_cast<std::uint32_t>(seconds);
    if (soa_edit == "date") {
        std::tm parts{};
        gmtime_r(&seconds, &parts);
        wanted = static_cast<std::uint32_t>(
                     ((parts.tm_year + 1900) * 10000 + (parts.tm_mon + 1) * 100 + parts.tm_mday)) *
                 100U;
    }
    if (wanted != 0 && dns::serial_newer(wanted, serial)) return wanted;
    // 0 is skipped: some secondaries take it for "none".
    return serial + 1 == 0 ? 1 : serial + 1;
}

}  // namespace zones
