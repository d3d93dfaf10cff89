#include "resolver/response.h"

#include <algorithm>

#include "base/ip.h"
#include "dns/message.h"
#include "dns/rdata.h"
#include "resolver/delegation.h"
#include "resolver/resolver.h"

namespace resolver {

namespace {

using dns::RRType;
using dns::Section;

struct SectionSet {
    Section section{};
    OwnedRRset set;
};

/// The records of a response that lie in the zone asked, gathered into RRsets.
class Gathered {
  public:
    /// False when a record is malformed, or there are too many.
    bool read(dns::MessageReader& reader, dns::NameView zone);

    [[nodiscard]] unsigned extended_rcode() const noexcept { return extended_rcode_; }
    [[nodiscard]] const OwnedRRset* find(Section section, dns::NameView owner,
                                         RRType type) const noexcept {
        for (const SectionSet& item : sets_) {
            if (item.section == section && item.set.records.type() == type &&
                item.set.owner.view().equals(owner)) {
                return &item.set;
            }
        }
        return nullptr;
    }
    [[nodiscard]] const std::vector<SectionSet>& sets() const noexcept { return sets_; }
    /// An NS RRset in the authority section that is above the zone asked.
    [[nodiscard]] bool points_upwards() const noexcept { return points_upwards_; }

  private:
    std::vector<SectionSet> sets_;
    unsigned extended_rcode_ = 0;
    bool points_upwards_ = false;
};

bool wanted_in(Section section, RRType type) noexcept {
    switch (section) {
        case Section::Answer:
            return !dns::is_meta(type);
        case Section::Authority:
            return type == RRType::NS || type == RRType::SOA;
        case Section::Additional:
            return type == RRType::A || type == RRType::AAAA;
    }
    return false;
}

bool Gathered::read(dns::MessageReader& reader, dns::NameView zone) {
    std::vector<std::uint8_t> rdata;
    for (std::size_t count = 0;; ++count) {
        const auto next = reader.next();
        if (!next || count > kMaxResponseRecords) return false;
        if (!next->has_value()) return true;
        const dns::Record& record = **next;
        if (record.section == Section::Additional && record.type == RRType::OPT) {
            extended_rcode_ = record.ttl >> 24;
            continue;
        }
        if (record.rr_class != static_cast<std::uint16_t>(dns::RRClass::IN) ||
            !wanted_in(record.section, record.type)) {
            continue;
        }
        if (!record.owner.view().is_at_or_below(zone)) {  // bailiwick
            points_upwards_ = points_upwards_ ||
                              (record.section == Section::Authority && record.type == RRType::NS);
            continue;
        }
        rdata.clear();
        if (!dns::read_rdata(record.type, reader.message(), record.rdata_offset, record.rdlength,
                             rdata)) {
            return false;
        }
        const auto at = std::find_if(sets_.begin(), sets_.end(), [&](const SectionSet& item) {
            return item.section == record.section && item.set.records.type() == record.type &&
                   item.set.owner == record.owner;
        });
        if (at == sets_.end()) {
            SectionSet item{record.section, {record.owner, dns::RRset(record.type, record.ttl)}};
            (void)item.set.records.add(rdata);
            sets_.push_back(std::move(item));
        } else {
            // Different TTLs in one RRset are an error; the lowest is taken (RFC 2181, 5.2).
            dns::RRset& records = at->set.records;
            records.set_ttl(std::min(records.view().ttl(), record.ttl));
            (void)records.add(rdata);  // false: a duplicate
        }
    }
}

/// The servers that `ns` names, with the glue for them that lies in the zone asked.
std::vector<NameServer> servers_of(const Gathered& gathered, const OwnedRRset& ns) {
    std::vector<NameServer> out;
    for (const base::Octets rdata : ns.records.view()) {
        if (out.size() == kMaxNameServers) break;
        NameServer server;
        server.name = dns::Name(dns::rdata_name(RRType::NS, rdata));
        for (const RRType type : {RRType::A, RRType::AAAA}) {
            const OwnedRRset* glue = gathered.find(Section::Additional, server.name, type);
            if (glue == nullptr) continue;
            std::size_t taken = 0;
            for (const base::Octets address : glue->records.view()) {
                if (taken++ == kMaxAddressesPerServer) break;
                server.addresses.push_back(base::IpAddress::from_octets(address));
            }
        }
        out.push_back(std::move(server));
    }
    return out;
}

/// The chain of aliases through the answer section. True when it ends with what was asked for.
bool follow_answer(const Gathered& gathered, const Asked& asked, Response& out) {
    if (asked.qtype == RRType::ANY) {
        for (const SectionSet& item : gathered.sets()) {
            if (item.section == Section::Answer && item.set.owner.view().equals(asked.qname) &&
                out.answer.size() < kMaxAnswerSets) {
                out.answer.push_back(item.set);
            }
        }
        return !out.answer.empty();
    }
    for (std::size_t links = 0; links <= kMaxChainLinks; ++links) {
        // Beyond the zone asked this server has no say (its records there were not gathered).
        if (const auto* set = gathered.find(Section::Answer, out.last, asked.qtype)) {
            out.answer.push_back(*set);
            return true;
        }
        // A DNAME explains the CNAME that servers send along with it (RFC 6672, 3.1).
        const auto dname = std::find_if(
            gathered.sets().begin(), gathered.sets().end(), [&](const SectionSet& item) {
                return item.section == Section::Answer &&
                       item.set.records.type() == RRType::DNAME && item.set.owner != out.last &&
                       out.last.view().is_at_or_below(item.set.owner);
            });
        if (dname != gathered.sets().end()) {
            out.answer.push_back(dname->set);
            const auto target = dns::Name::substitute(
                out.last, dname->set.owner,
                dns::rdata_name(RRType::DNAME, *dname->set.records.view().begin()));
            if (!target) return true;  // too long: YXDOMAIN (RFC 6672, 2.2)
            out.last = *target;
            continue;
        }
        const auto* cname = gathered.find(Section::Answer, out.last, RRType::CNAME);
        if (cname == nullptr) return false;
        out.answer.push_back(*cname);
        out.last = dns::Name(dns::rdata_name(RRType::CNAME, *cname->records.view().begin()));
    }
    return false;
}

bool single_aliases(const Response& response) {
    return std::all_of(response.answer.begin(), response.answer.end(), [](const OwnedRRset& set) {
        const RRType type = set.records.type();
        return (type != RRType::CNAME && type != RRType::DNAME) || set.records.count() == 1;
    });
}

void find_soa(const Gathered& gathered, Response& out) {
    for (const SectionSet& item : gathered.sets()) {
        if (item.section == Section::Authority && item.set.records.type() == RRType::SOA &&
            out.last.view().is_at_or_below(item.set.owner)) {
            out.soa = item.set;
            return;
        }
    }
}

/// Neither answer nor alias: a referral, a negative answer, or a server that knows nothing.
ResponseKind classify_empty(const Gathered& gathered, const Asked& asked, bool nxdomain,
                            bool recursion_available, Response& out) {
    if (nxdomain) return out.authoritative ? ResponseKind::NXDomain : ResponseKind::Lame;
    const OwnedRRset* ns = nullptr;
    for (const SectionSet& item : gathered.sets()) {
        if (item.section == Section::Authority && item.set.records.type() == RRType::NS) {
            ns = &item.set;
            break;
        }
    }
    if (ns != nullptr && !out.soa) {
        const bool below = !ns->owner.view().equals(asked.zone);
        const bool towards = asked.qname.is_at_or_below(ns->owner);
        if (below && towards) {
            // A parent answers for DS itself (RFC 4035, 3.1.4.1); a referral is no answer to it.
            if (asked.qtype == RRType::DS && asked.qname.equals(ns->owner)) {
                return ResponseKind::Lame;
            }
            out.cut = ns->owner;
            out.cut_ttl = ns->records.view().ttl();
            out.servers = servers_of(gathered, *ns);
            return ResponseKind::Referral;
        }
        if (!out.authoritative) return ResponseKind::Lame;
    }
    if (gathered.points_upwards() && !out.authoritative) return ResponseKind::Lame;
    if (out.authoritative) return ResponseKind::NoData;
    // Without AA an empty answer is what a forwarder or a server without the zone sends; only one
    // that shows the zone's SOA and does not recurse is taken for a careless authority.
    return out.soa && !recursion_available ? ResponseKind::NoData : ResponseKind::Lame;
}

}  // namespace

Response read_response(base::Octets message, const Asked& asked) {
    Response out;
    out.last = dns::Name(asked.qname);
    if (message.size() < dns::kHeaderOctets) return out;
    const dns::Header header = dns::Header::read(message);
    out.authoritative = (header.flags & dns::kFlagAA) != 0;
    const bool recursion_available = (header.flags & dns::kFlagRA) != 0;
    // Servers that do not understand a query may send back no question either.
    if (header.rcode() == dns::RCode::FormErr || header.rcode() == dns::RCode::NotImp) {
        out.kind = ResponseKind::NoEdns;
        return out;
    }
    if ((header.flags & dns::kFlagTC) != 0) {
        out.kind = ResponseKind::Truncated;
        return out;
    }
    auto reader = dns::MessageReader::open(message);
    if (!reader) return out;
    Gathered gathered;
    if (!gathered.read(*reader, asked.zone)) return out;
    const auto rcode = static_cast<dns::RCode>((gathered.extended_rcode() << 4) |
                                               static_cast<unsigned>(header.rcode()));
    switch (rcode) {
        case dns::RCode::NoError:
        case dns::RCode::NXDomain:
        case dns::RCode::YXDomain:
            break;
        case dns::RCode::BadVers:
            out.kind = ResponseKind::NoEdns;
            return out;
        case dns::RCode::Refused:
        case dns::RCode::NotAuth:
            out.kind = ResponseKind::Refused;
            return out;
        default:
            out.kind = ResponseKind::ServerFailure;
            return out;
    }
    const bool complete = follow_answer(gathered, asked, out);
    if (!single_aliases(out)) {  // RFC 2181, 10.1
        out.answer.clear();
        return out;
    }
    if (!out.answer.empty() && !out.authoritative && recursion_available) {
        out.kind = ResponseKind::Lame;  // it asked somebody else
        return out;
    }
    const bool in_zone = out.last.view().is_at_or_below(asked.zone);
    if (complete) {
        out.kind = ResponseKind::Answer;
        if (asked.qtype == RRType::NS && asked.qname.is_root()) {
            out.cut_ttl = out.answer.back().records.view().ttl();
            out.servers = servers_of(gathered, out.answer.back());
        }
        return out;
    }
    if (in_zone) find_soa(gathered, out);
    if (out.answer.empty()) {
        if (rcode == dns::RCode::YXDomain) {
            out.kind = ResponseKind::ServerFailure;
            return out;
        }
        out.kind = classify_empty(gathered, asked, rcode == dns::RCode::NXDomain,
                                  recursion_available, out);
        return out;
    }
    // The RCODE is about the last name of the chain (RFC 6604, 3); only with the SOA of its zone
    // in the bailiwick is it known that the server meant that zone.
    if (out.soa && out.authoritative) {
        out.kind = rcode == dns::RCode::NXDomain ? ResponseKind::NXDomain : ResponseKind::NoData;
    } else {
        out.kind = ResponseKind::Alias;
    }
    return out;
}

}  // namespace resolver
