#pragma once

#include <optional>
#include <vector>

#include "base/octets.h"
#include "dns/name.h"
#include "dns/rrset.h"
#include "dns/types.h"
#include "resolver/hints.h"

namespace resolver {

/// A response with more records than this is not read: comparing them costs the square of it.
inline constexpr std::size_t kMaxResponseRecords = 600;

/// What a response means for the question that was asked.
enum class ResponseKind : std::uint8_t {
    Answer,         // the records asked for, perhaps behind aliases
    Alias,          // aliases only: `last` is to be looked up next
    NoData,         // of `last`
    NXDomain,       // of `last`
    Referral,       // to `cut`, strictly below the zone asked
    Lame,           // the server does not serve the zone: no authority, or it points upwards
    ServerFailure,  // SERVFAIL and RCODEs that make no sense here
    Refused,        // REFUSED, NOTAUTH
    NoEdns,         // FORMERR, NOTIMP, BADVERS: perhaps it does not know EDNS (RFC 6891, 7)
    Truncated,      // ask again over TCP
    Malformed,
};

struct OwnedRRset {
    dns::Name owner;
    dns::RRset records;
};

/// What may be believed of a response: nothing whose owner is outside the zone asked, nothing
/// that the question did not ask for, glue only for the servers of the referral. A value.
struct Response {
    ResponseKind kind = ResponseKind::Malformed;
    bool authoritative = false;      // AA
    std::vector<OwnedRRset> answer;  // in the order of the alias chain
    dns::Name last;                  // the end of the chain; the qname if there is none
    std::optional<OwnedRRset> soa;   // NoData, NXDomain
    // Referral; and Answer to the root's NS (priming, RFC 8109).
    dns::Name cut;
    std::uint32_t cut_ttl = 0;
    std::vector<NameServer> servers;
};

/// The question as it was sent, and the zone whose servers it was sent to. Borrowed.
struct Asked {
    dns::NameView qname;
    dns::RRType qtype{};
    dns::NameView zone;
};

/// Reads a response whose id and question have been matched already. Pure; no state, any thread.
[[nodiscard]] Response read_response(base::Octets message, const Asked& asked);

}  // namespace resolver
