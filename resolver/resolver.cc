#include "resolver/resolver.h"

#include "dns/rdata.h"
#include "resolver/chain.h"

namespace resolver {

bool Answer::add(Ref set) noexcept {
    if (set_count == sets.size()) return false;
    sets[set_count++] = std::move(set);
    return true;
}

void Answer::clear() noexcept {
    *this = Answer();
}

CacheResult answer_from_cache(const Cache& cache, const Question& question, base::MonoTime now,
                              Answer& out) noexcept {
    Chain chain;
    chain.name = question.qname;
    if (follow(cache, question.partition, question.qtype, now, false, chain) ==
        ChainEnd::Complete) {
        out = std::move(chain.answer);
        return CacheResult::Hit;
    }
    const Ref failure =
        cache.find(question.partition, question.qname, question.qtype, now, false).failure;
    if (!failure) return CacheResult::Miss;
    if (stale_answer(cache, question, now, out)) return CacheResult::Stale;
    out.clear();
    out.rcode = dns::RCode::ServFail;
    out.error = failure->failure();
    return CacheResult::Hit;
}

bool stale_answer(const Cache& cache, const Question& question, base::MonoTime now,
                  Answer& out) noexcept {
    if (!cache.settings().stale_enabled) return false;
    Chain chain;
    chain.name = question.qname;
    if (follow(cache, question.partition, question.qtype, now, true, chain) != ChainEnd::Complete) {
        return false;
    }
    out = std::move(chain.answer);
    if (out.stale) {
        out.error = out.rcode == dns::RCode::NXDomain ? dns::ExtendedError::StaleNXDomainAnswer
                                                      : dns::ExtendedError::StaleAnswer;
    }
    return true;
}

bool write_answer(const Question& question, const Answer& answer, base::MonoTime now,
                  std::uint32_t stale_ttl_s, dns::MessageWriter& writer) noexcept {
    const auto ttl_of = [&](const Entry& entry) {
        return answer.stale && !entry.fresh(now) ? stale_ttl_s : entry.ttl(now);
    };
    dns::Name name = question.qname;
    for (std::size_t i = 0; i < answer.set_count; ++i) {
        const Entry& set = *answer.sets[i];
        const bool at_name = set.name().equals(name);
        const dns::NameView owner = at_name ? name.view() : set.name();
        if (!writer.rrset(dns::Section::Answer, owner, set.rrset(), ttl_of(set))) return false;
        if (question.qtype == dns::RRType::ANY || (at_name && set.type() == question.qtype)) {
            continue;
        }
        if (set.type() == dns::RRType::CNAME) {
            name = dns::Name(dns::rdata_name(set.type(), *set.rrset().begin()));
        } else if (set.type() == dns::RRType::DNAME) {
            const auto target = dns::Name::substitute(
                name, set.name(), dns::rdata_name(set.type(), *set.rrset().begin()));
            if (!target) continue;  // YXDOMAIN: the DNAME alone explains it
            if (!writer.record(dns::Section::Answer, name, dns::RRType::CNAME, dns::RRClass::IN,
                               ttl_of(set), target->octets())) {
                return false;
            }
            name = *target;
        }
    }
    if (answer.negative && answer.negative->rrset()) {
        // A negative answer that lacks its SOA for want of room is still right, only not cached.
        (void)writer.rrset(dns::Section::Authority, answer.negative->soa_owner(),
                           answer.negative->rrset(), ttl_of(*answer.negative));
    }
    return true;
}

}  // namespace resolver
