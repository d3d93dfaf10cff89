#pragma once

/// What the parts of Pipeline share of one query: `pipeline.cc`, and `pipeline_edns.cc` for what
/// OPT asks and tells. Nobody else includes this.

#include <array>
#include <cstdint>
#include <optional>

#include "server/config.h"
#include "server/pipeline.h"

namespace server {

inline constexpr std::size_t kOptOctets = 11;
inline constexpr std::size_t kOptionHead = 4;         // code and length
inline constexpr std::size_t kEdeOctets = 6;          // option head and info code, no text
inline constexpr std::size_t kZoneVersionOctets = 6;  // labels, type, serial (RFC 9660, 2)
// With the longest question and every option OPT still fits the smallest answer.
inline constexpr std::size_t kMaxNodeName = kMaxNodeOctets;
static_assert(dns::kHeaderOctets + dns::kMaxNameOctets + 4 + kOptOctets + (4 + kMaxNodeName) +
                  (4 + 4 + 16) + (4 + Cookies::kOptionOctets) + (4 + kZoneVersionOctets) +
                  kEdeOctets <=
              dns::kMinUdpOctets);

/// A query taken apart, and where its answer is looked for.
struct Pipeline::Parsed {
    dns::Request request;
    dns::RequestOutcome outcome{};
    zones::ViewId view = zones::kDefaultView;
    const zones::ZoneEntry* zone = nullptr;  // of the qname, not looked for in rare cases
    std::uint64_t zone_slot = 0;             // where it is approached; 0: nowhere
    std::array<std::uint64_t, 2> nodes{};    // where it is approached; 0: nothing
    std::uint64_t packet = 0;                // hash in the packet cache; 0: has no business there
    bool recalled = false;                   // answered from there
    PacketCache::Scope scope;
    std::optional<Rrl::Judgement> judged;  // of the answer that stands there
};

/// Everything one query gathers on its way.
struct Pipeline::Run {
    Run(const Query& q, Parsed& parsed, base::MutableOctets buffer)
        : query(q), writer(buffer), request(parsed.request), zone(parsed.zone), view(parsed.view) {}

    const Query& query;
    dns::MessageWriter writer;
    dns::Request& request;
    const zones::ZoneEntry* zone;  // of the qname, if it is known already
    const resolver::Outcome* resolved = nullptr;
    zones::AnswerReport report;
    zones::ViewId view;
    std::uint16_t flags = 0;
    dns::RCode rcode = dns::RCode::NoError;
    std::optional<dns::ExtendedError> ede;
    std::optional<std::uint8_t> scope_length;
    std::optional<std::uint32_t> zone_serial;  // where the client asks for it and the zone is ours
    base::Octets cookie;                       // as sent; empty: none, or cookies are off
    bool keepalive = false;                    // asked for, over TCP or TLS
    bool padded = false;                       // the query is, over an encrypted transport
    bool unknown_key = false;                  // the query is signed with it
    std::size_t reserved = 0;
    std::size_t denied_labels = 0;  // of the zone that denies the name, by another server's word
    Role role = Role::Auth;
    Action action = Action::Answered;
    CacheUse cache = CacheUse::None;
    std::uint32_t stale_age_s = 0;
};

}  // namespace server
