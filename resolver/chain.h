#pragma once

#include "dns/name.h"
#include "resolver/resolver.h"

namespace resolver {

/// How far the cache knows the answer to a question.
enum class ChainEnd : std::uint8_t {
    Complete,  // the answer stands
    Open,      // nothing is known about `Chain::name`: that is what must be asked
    TooLong,   // more than kMaxChainLinks links, so probably a loop
};

/// The path of aliases (CNAME: RFC 1034, 3.6.2; DNAME: RFC 6672) from the qname to where the
/// answer is, followed link by link as the links become known. A value.
struct Chain {
    dns::Name name;  // what is to be looked up now
    unsigned links = 0;
    Answer answer;
};

/// Follows what the cache knows from `chain.name` on and gathers it in `chain.answer`. With
/// `stale`, expired entries are good enough. ANY is always Open, but for NXDOMAIN.
ChainEnd follow(const Cache& cache, Partition partition, dns::RRType qtype, base::MonoTime now,
                bool stale, Chain& chain) noexcept;

/// Takes one set into the answer as `follow` does. Complete: it was the end of the chain, or an
/// alias too long for a name (then YXDOMAIN). Open: an alias, `chain.name` has moved on.
ChainEnd take(const Ref& set, dns::RRType qtype, base::MonoTime now, Chain& chain) noexcept;

}  // namespace resolver
