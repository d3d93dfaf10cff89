#include "zones/node_rules.h"

#include <ctime>

#include "dns/nsec3.h"
#include "dns/rdata.h"
#include "zones/key.h"

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

using Severity = Finding::Severity;

/// Reports findings about one name. No allocation where there are none: imports come by here.
struct Tell {
    const FindingReport& report;
    dns::NameView owner;

    void operator()(Severity severity, RRType type, std::string message) const {
        report({severity, dns::Name(owner), type, std::move(message)});
    }
};

bool is_address(RRType type) {
    return type == RRType::A || type == RRType::AAAA;
}

/// The types that DNSSEC puts beside and below all others.
bool proves(RRType type) {
    return type == RRType::RRSIG || type == RRType::NSEC || type == RRType::NSEC3 ||
           type == RRType::SIG || type == RRType::NXT;
}

bool is_letter_or_digit(std::uint8_t octet) {
    return (octet >= '0' && octet <= '9') || (octet >= 'a' && octet <= 'z') ||
           (octet >= 'A' && octet <= 'Z');
}

/// Letters, digits and hyphens inside labels: RFC 952; RFC 1123, 2.1.
bool is_host_name(dns::NameView name) {
    for (dns::NameView rest = name; !rest.is_root(); rest = rest.parent()) {
        const Octets label = rest.first_label();
        if (!is_letter_or_digit(label.front()) || !is_letter_or_digit(label.back())) return false;
        for (const std::uint8_t octet : label) {
            if (!is_letter_or_digit(octet) && octet != '-') return false;
        }
    }
    return true;
}

/// Four numbers, alone or in front of the apex, or a label with colons: an address where the name
/// of a host was wanted.
bool looks_like_address(dns::NameView name, dns::NameView apex) {
    if (!name.is_root()) {
        const Octets label = name.first_label();
        std::size_t colons = 0;
        for (const std::uint8_t octet : label) colons += octet == ':' ? 1U : 0U;
        if (colons >= 2) return true;
    }
    const std::size_t labels = name.label_count();
    const bool relative = name.is_at_or_below(apex) && labels == apex.label_count() + 4;
    if (labels != 4 && !relative) return false;
    for (std::size_t i = 0; i < 4; ++i) {
        const Octets label = name.parent(i).first_label();
        unsigned value = 0;
        for (const std::uint8_t octet : label) {
            if (octet < '0' || octet > '9' || label.size() > 3) return false;
            value = value * 10 + (octet - '0');
        }
        if (value > 255) return false;
    }
    return true;
}

/// "v=spf1" alone or before a space, in the first string of a TXT record (RFC 7208, 4.5).
bool is_spf(Octets rdata) {
    constexpr std::string_view kVersion = "v=spf1";
    if (rdata.empty() || rdata[0] < kVersion.size() || rdata.size() < 1U + rdata[0]) return false;
    const std::string_view text = base::as_text(rdata.subspan(1, rdata[0]));
    return text.starts_with(kVersion) &&
           (text.size() == kVersion.size() || text[kVersion.size()] == ' ');
}

/// CDS and CDNSKEY ask the parent to trust a key, which has to be there; algorithm 0 asks for the
/// end of trust (RFC 8078, 4).
bool asks_for_trust(NodeView node) {
    for (const NodeEntry entry : node) {
        const RRType type = entry.rrset.type();
        if (type != RRType::CDS && type != RRType::CDNSKEY) continue;
        const std::size_t algorithm_at = type == RRType::CDS ? 2 : 3;
        for (const Octets rdata : entry.rrset) {
            if (rdata.size() > algorithm_at && rdata[algorithm_at] != 0) return true;
        }
    }
    return false;
}

/// How long a digest of this type is (IANA "DNSSEC Delegation Signer Resource Record (RR) Type
/// Digest Algorithms"); 0: any length.
std::size_t digest_octets(std::uint8_t type) {
    switch (type) {
        case 1:  // SHA-1: RFC 3658, 2.4
            return 20;
        case 2:  // SHA-256: RFC 4509, 2
        case 3:  // GOST R 34.11-94: RFC 5933, 3
        case 5:  // GOST R 34.11-2012: RFC 9558, 4
        case 6:  // SM3: RFC 9563, 2
            return 32;
        case 4:  // SHA-384: RFC 6605, 2
            return 48;
        default:
            return 0;
    }
}

/// What the shape of rdata alone does not say.
std::optional<std::string> check_rdata(RRType type, Octets rdata) {
    if (type == RRType::DS || type == RRType::CDS) {
        constexpr std::size_t kDigestAt = 4;
        if (rdata.size() <= kDigestAt) return "a DS without a digest (RFC 4034, 5.1)";
        const std::size_t wanted = digest_octets(rdata[3]);
        const bool removal = type == RRType::CDS && rdata[2] == 0;  // RFC 8078, 4
        if (wanted != 0 && !removal && rdata.size() - kDigestAt != wanted) {
            return "a digest of type " + std::to_string(rdata[3]) + " has " +
                   std::to_string(wanted) + " octets, not " +
                   std::to_string(rdata.size() - kDigestAt) + " (RFC 4034, 5.1.4)";
        }
    }
    if (type == RRType::NSEC3 || type == RRType::NSEC3PARAM) {
        const auto parameters = dns::Nsec3Parameters::read(rdata);
        if (!parameters) return "malformed rdata (RFC 5155, 3.2)";
        if (parameters->iterations > dns::kMaxNsec3Iterations) {
            return std::to_string(parameters->iterations) +
                   " iterations, of which this server computes up to " +
                   std::to_string(dns::kMaxNsec3Iterations) + " (RFC 9276, 3.1 wants none)";
        }
    }
    if (type == RRType::LOC && !rdata.empty() && rdata[0] == 0) {
        // Thousandths of a second of arc; the equator and the prime meridian are 2^31.
        constexpr std::uint32_t kZero = 0x80000000U;
        constexpr std::uint32_t kDegree = 3600U * 1000U;
        if (rdata.size() != 16) return "malformed rdata (RFC 1876, 2)";
        const auto away = [rdata](std::size_t at) {
            const std::uint32_t value = base::load_be32(&rdata[at]);
            return value >= kZero ? value - kZero : kZero - value;
        };
        if (away(4) > 90 * kDegree) return "a latitude beyond 90 degrees (RFC 1876, 2)";
        if (away(8) > 180 * kDegree) return "a longitude beyond 180 degrees (RFC 1876, 2)";
    }
    return std::nullopt;
}

void check_apex(NodeView node, const Tell& tell) {
    if (!node.find(RRType::SOA)) {
        tell(Severity::Error, RRType{}, "no SOA at the apex (RFC 1035, 5.2)");
    }
    if (!node.find(RRType::NS)) {
        tell(Severity::Error, RRType{}, "no NS at the apex (RFC 1034, 4.2.1)");
    }
    if (node.find(RRType::DS)) {
        tell(Severity::Error, RRType::DS,
             "a DS does not stand at the apex but in the parent zone (RFC 4035, 2.4)");
    }
    if (asks_for_trust(node) && !node.find(RRType::DNSKEY)) {
        tell(Severity::Error, node.find(RRType::CDS) ? RRType::CDS : RRType::CDNSKEY,
             "names a key, and there is no DNSKEY (RFC 7344, 4.1)");
    }
}

void check_below_apex(NodeView node, const Tell& tell) {
    if (node.find(RRType::SOA)) {
        tell(Severity::Error, RRType::SOA, "a SOA stands at the apex only (RFC 1035, 5.2)");
    }
    const bool cut = node.find(RRType::NS).has_value();
    if (node.find(RRType::DS) && !cut) {
        tell(Severity::Warning, RRType::DS, "a DS without a delegation (RFC 4035, 2.4)");
    }
    for (const RRType type : {RRType::DNSKEY, RRType::CDS, RRType::CDNSKEY, RRType::CSYNC,
                              RRType::NSEC3PARAM, RRType::ZONEMD}) {
        if (!node.find(type)) continue;
        tell(Severity::Warning, type,
             "means something at the apex only (RFC 4035, 2.1; RFC 5155, 4; RFC 7344, 4.1; "
             "RFC 7477, 2; RFC 8976, 2)");
    }
    const auto hidden = cut ? hidden_at_cut(node) : std::nullopt;
    if (hidden) {
        tell(Severity::Warning, *hidden,
             "is never answered: the NS beside it delegate the name (RFC 1034, 4.2.1; "
             "RFC 6672, 2.3)");
    }
}

void check_owner(dns::NameView apex, dns::NameView owner, NodeView node, const Tell& tell) {
    if (owner.is_wildcard()) {
        if (node.find(RRType::NS) && !owner.equals(apex)) {
            tell(Severity::Warning, RRType::NS,
                 "a wildcard delegation means something else to every server (RFC 4592, 4.2)");
        }
        if (node.find(RRType::DNAME)) {
            tell(Severity::Warning, RRType::DNAME,
                 "a wildcard DNAME means something else to every resolver (RFC 4592, 4.4)");
        }
    }
    if (node.empty()) return;
    for (dns::NameView rest = owner; rest.size() > apex.size(); rest = rest.parent()) {
        if (!rest.is_wildcard() || rest.size() == owner.size()) continue;
        tell(Severity::Warning, RRType{},
             "an asterisk inside a name makes a wildcard of what is above (RFC 4592, 2.1.2)");
        break;
    }
    const dns::NameView host = owner.is_wildcard() ? owner.parent() : owner;
    if (is_host_name(host)) return;
    for (const RRType type : {RRType::A, RRType::AAAA, RRType::MX}) {
        if (!node.find(type)) continue;
        tell(Severity::Warning, type,
             "the owner is not the name of a host (RFC 952; RFC 1123, 2.1)");
        break;
    }
}

void check_targets(dns::NameView apex, dns::RRsetView rrset, const Tell& tell) {
    const RRType type = rrset.type();
    if (type == RRType::SIG || type == RRType::NXT) {
        tell(Severity::Warning, type, "DNSSEC of old, which nobody validates (RFC 3755, 3)");
    }
    if (type != RRType::NS && type != RRType::MX && type != RRType::SRV && type != RRType::SOA) {
        return;
    }
    for (const Octets rdata : rrset) {
        const dns::NameView target = dns::rdata_name(type, rdata);
        const bool server = type == RRType::NS || type == RRType::MX;
        if (server && looks_like_address(target, apex)) {
            tell(Severity::Warning, type,
                 target.to_text() + " looks like an address; a name is wanted (RFC 1035, 3.3)");
        } else if (!is_host_name(target)) {
            tell(Severity::Warning, type,
                 target.to_text() + " is not the name of a host (RFC 952; RFC 1123, 2.1)");
        }
    }
}

}  // namespace

std::string Finding::to_text() const {
    std::string out = owner.to_text();
    if (type != dns::RRType{}) out += " " + dns::to_text(type);
    return out + ": " + message;
}

std::optional<std::string> check_record(dns::NameView apex, dns::NameView owner, RRType type,
                                        std::uint32_t ttl, Octets rdata) {
    const std::string what = owner.to_text() + " " + dns::to_text(type);
    if (!owner.is_at_or_below(apex)) {
        return what + ": out of the zone " + apex.to_text() + " (RFC 1035, 5.2)";
    }
    if (dns::is_meta(type)) return what + ": a type that cannot be stored (RFC 6895, 3.1)";
    if (type == RRType::MD || type == RRType::MF) {
        return what + ": an obsolete type, MX takes its place (RFC 1035, 3.3.4 and 3.3.5)";
    }
    if (ttl > kMaxTtl) return what + ": TTL above 2147483647 (RFC 2181, 8)";
    if (type == RRType::SOA && !owner.equals(apex)) {
        return what + ": a SOA stands at the apex only (RFC 1035, 5.2)";
    }
    if (!dns::rdata_valid(type, rdata)) return what + ": malformed rdata";
    if (auto message = check_rdata(type, rdata)) return what + ": " + *message;
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

void check_node(dns::NameView apex, dns::NameView owner, NodeView node,
                const FindingReport& report) {
    const bool is_apex = owner.equals(apex);
    std::optional<RRType> beside;  // what may not stand beside a CNAME
    bool cname = false;
    bool has_spf_text = false;
    for (const NodeEntry entry : node) {
        const RRType type = entry.rrset.type();
        cname = cname || type == RRType::CNAME;
        if (!allowed_beside_cname(type) && !beside) beside = type;
        for (const Octets rdata : entry.rrset) {
            if (type == RRType::TXT && is_spf(rdata)) has_spf_text = true;
        }
    }
    const Tell tell{report, owner};
    if (cname && beside) {
        tell(Severity::Error, RRType{},
             "CNAME and other data: " + dns::to_text(*beside) +
                 " (RFC 1034, 3.6.2; RFC 2181, 10.1)");
    }
    if (is_apex) {
        check_apex(node, tell);
    } else {
        check_below_apex(node, tell);
    }
    check_owner(apex, owner, node, tell);
    for (const NodeEntry entry : node) {
        const RRType type = entry.rrset.type();
        if (entry.rrset.count() > 1) {
            if (type == RRType::CNAME) {
                tell(Severity::Error, type, "several CNAMEs (RFC 2181, 10.1)");
            }
            if (type == RRType::DNAME) {
                tell(Severity::Error, type, "several DNAMEs (RFC 6672, 2.4)");
            }
            if (type == RRType::SOA) tell(Severity::Error, type, "several SOAs (RFC 1035, 5.2)");
        }
        if (type == RRType::SPF && !has_spf_text) {
            tell(Severity::Warning, type,
                 "the policy must stand in a TXT record, nobody asks for SPF (RFC 7208, 3.1)");
        }
        check_targets(apex, entry.rrset, tell);
    }
}

dns::Name owner_of(NodeView node, dns::NameView apex) {
    return absolute_owner(node.relative_owner(), apex).value_or(dns::Name(apex));
}

std::optional<RRType> hidden_by_cut(NodeView node) {
    for (const NodeEntry entry : node) {
        const RRType type = entry.rrset.type();
        if (!is_address(type) && !proves(type)) return type;
    }
    return std::nullopt;
}

std::optional<RRType> hidden_at_cut(NodeView node) {
    for (const NodeEntry entry : node) {
        const RRType type = entry.rrset.type();
        if (!is_address(type) && !proves(type) && type != RRType::NS && type != RRType::DS &&
            type != RRType::KEY) {
            return type;
        }
    }
    return std::nullopt;
}

bool is_of_nsec3_chain(Octets relative_owner, RRType type, Octets rdata) {
    const bool signature_of_one =
        type == RRType::RRSIG && dns::signature_head(rdata).covered == RRType::NSEC3;
    return (type == RRType::NSEC3 || signature_of_one) && is_single_label(relative_owner);
}

bool holds_own_data(NodeView node) {
    for (const NodeEntry entry : node) {
        if (entry.rrset.type() != RRType::NSEC3 && entry.rrset.type() != RRType::RRSIG) {
            return true;
        }
    }
    return false;
}

bool signed_elsewhere(NodeView apex) {
    if (!apex || !apex.find(RRType::DNSKEY)) return false;
    const auto signatures = apex.find(RRType::RRSIG);
    if (!signatures) return false;
    for (const Octets rdata : signatures->rrset) {
        if (rdata.size() < 2) continue;
        const auto covered = static_cast<RRType>(base::load_be16(rdata.data()));
        if (covered == RRType::DNSKEY || covered == RRType::SOA) return true;
    }
    return false;
}

NodeParts::Entry make_entry(RRType type, const RRsetValue& value) {
    NodeParts::Entry entry{dns::RRset(type, value.ttl), 0, 0, {}};
    if (value.hidden) {
        entry.flags = kEntryHidden;
        return entry;
    }
    const std::vector<bool> added = entry.rrset.add_each(value.records);
    for (std::size_t i = 0; i < value.weights.size(); ++i) {
        if (i < added.size() && added[i]) entry.weights.push_back(value.weights[i]);
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
