#include "resolver/chain.h"

#include <algorithm>

#include "dns/rdata.h"

namespace resolver {

ChainEnd take(const Ref& set, dns::RRType qtype, base::MonoTime now, Chain& chain) noexcept {
    Answer& answer = chain.answer;
    if (!set->fresh(now) && set->lifetime() > base::Duration::zero()) {
        // An entry that was never to live (TTL 0) is not stale: it is used once, here.
        answer.stale = true;
        answer.stale_age_s = std::max(answer.stale_age_s, set->stale_age(now));
    }
    if (set->kind() == EntryKind::NoData || set->kind() == EntryKind::NXDomain) {
        answer.negative = set;
        answer.rcode = set->kind() == EntryKind::NXDomain ? dns::RCode::NXDomain
                                                          : dns::RCode::NoError;  // RFC 6604, 3
        return ChainEnd::Complete;
    }
    const bool at_name = set->name().equals(chain.name);
    const bool alias = (set->type() == dns::RRType::CNAME || set->type() == dns::RRType::DNAME) &&
                       !(at_name && (set->type() == qtype || qtype == dns::RRType::ANY));
    if (alias && ++chain.links > kMaxChainLinks) return ChainEnd::TooLong;
    if (!answer.add(set)) return ChainEnd::TooLong;
    if (!alias) return ChainEnd::Complete;
    const dns::NameView target = dns::rdata_name(set->type(), *set->rrset().begin());
    if (set->type() == dns::RRType::CNAME) {
        chain.name = dns::Name(target);
        return ChainEnd::Open;
    }
    const auto moved = dns::Name::substitute(chain.name, set->name(), target);
    if (!moved) {
        answer.rcode = dns::RCode::YXDomain;  // RFC 6672, 2.2
        return ChainEnd::Complete;
    }
    chain.name = *moved;
    return ChainEnd::Open;
}

ChainEnd follow(const Cache& cache, Partition partition, dns::RRType qtype, base::MonoTime now,
                bool stale, Chain& chain) noexcept {
    for (;;) {
        Ref set = cache.find(partition, chain.name, qtype, now, stale).answer;
        if (set && qtype == dns::RRType::ANY && set->kind() != EntryKind::NXDomain) {
            return ChainEnd::Open;  // one type of the name does not make all of them
        }
        if (!set) set = cache.closest_dname(partition, chain.name, now);
        if (!set) return ChainEnd::Open;
        const ChainEnd end = take(set, qtype, now, chain);
        if (end != ChainEnd::Open) return end;
    }
}

}  // namespace resolver
