#pragma once

#include <cstdint>
#include <optional>

#include "base/ip.h"
#include "base/random.h"
#include "dns/message.h"
#include "dns/message_writer.h"
#include "zones/apex_memo.h"
#include "zones/chain_names.h"
#include "zones/node_source.h"
#include "zones/published.h"

namespace zones {

/// All an answer depends on beside the question. Borrowed for one call.
struct AnswerContext {
    const Published& published;
    NodeSource& nodes;
    const HealthSnapshot& health;
    base::RandomSource& random;
    ViewId view = kDefaultView;
    base::IpAddress source;                   // transport source, for policies without ECS
    std::optional<dns::ClientSubnet> subnet;  // from a trusted source, else empty
    std::uint16_t rotation = 0;               // advances with each answer: round robin
    const ZoneEntry* zone = nullptr;          // of the qname, where it was looked up already
    ApexMemo* apexes = nullptr;               // the worker's; null: none
};

enum class AnswerOutcome : std::uint8_t {
    Answered,    // sections are in the writer, flags and rcode in the report
    NotOurs,     // no zone at or above the qname exists in this view; nothing written
    WouldBlock,  // the disk would have to be waited for; the writer was rolled back
};

/// What the answer was, for header, OPT, feed and metrics.
struct AnswerReport {
    dns::RCode rcode = dns::RCode::NoError;
    bool authoritative = false;
    bool truncated = false;
    std::optional<std::uint8_t> scope_length;  // a policy looked at the client (RFC 7871, 7.2.1)
    const ZoneEntry* zone = nullptr;
    bool referral = false;
    /// The same question may get another answer at the same revision: an RRset was rotated or drawn
    /// from, or a policy looked at the client.
    bool varies = false;
    /// Of `zone`'s name that the answer to the qname came from: the qname itself, the cut or the
    /// DNAME above it, or its closest encloser, of which a wildcard's data is.
    std::uint8_t owner_labels = 0;
    /// A chain of ours ended at this name, which is not in our zones: whoever recurses goes on
    /// there.
    std::optional<dns::Name> chain_target;
    std::string_view policy_rule, policy_pool, policy_member;  // borrowed from Published
};

/// Answers a question of class IN from the zones of a revision (RFC 1034, 4.3.2, with RFC 2308,
/// 4592, 6672; signatures, NSEC and NSEC3 for who sets DO: 4035, 3.1 and 5155, 7.2). Header and
/// question stand in the writer already, its limit and reserve are set; writes answer, authority
/// and additional sections by whole RRsets. Bounded work: at most kMaxChainLinks CNAME or DNAME
/// links, kMaxGlueNames address look-ups. No allocation.
inline constexpr unsigned kMaxGlueNames = 32;
[[nodiscard]] AnswerOutcome answer(const dns::Request& request, const AnswerContext& context,
                                   dns::MessageWriter& writer, AnswerReport& report) noexcept;

}  // namespace zones
