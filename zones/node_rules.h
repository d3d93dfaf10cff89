#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/name.h"
#include "zones/change_set.h"
#include "zones/node.h"

namespace zones {

/// The rules of DNS for zone data, each fault a sentence that names its RFC. Pure functions.
/// What is an error and what a warning follows named-checkzone; where it does not, the table in
/// tests/zones/zone_check_test.cc says so with the RFC's sentence.

inline constexpr std::uint32_t kMaxTtl = 0x7fffffff;  // RFC 2181, 8

/// One thing found in a zone. An error means that the zone cannot be served as it is; a warning
/// that it can, though hardly as was meant.
struct Finding {
    enum class Severity : std::uint8_t { Warning, Error };
    Severity severity = Severity::Error;
    dns::Name owner;
    dns::RRType type{};      // 0: the name as a whole
    std::string message;     // without the owner
    std::uint32_t line = 0;  // where the RRset begins in the file it came from; 0: unknown

    /// "www.example. CNAME: message".
    [[nodiscard]] std::string to_text() const;
};
using FindingReport = std::function<void(Finding)>;

/// A record on its own: in the zone, of a type that may be stored, well-formed.
[[nodiscard]] std::optional<std::string> check_record(dns::NameView apex, dns::NameView owner,
                                                      dns::RRType type, std::uint32_t ttl,
                                                      Octets rdata);
/// Does this record belong to the NSEC3 chain of its zone: NSEC3 and their signatures, which are
/// kept under their zone's hashed_id? (Elsewhere than one label below the apex they prove nothing
/// and are data as any other.)
[[nodiscard]] bool is_of_nsec3_chain(Octets relative_owner, dns::RRType type, Octets rdata);

/// An RRset on its own: it fits a message; weights where a choice among its records makes sense.
[[nodiscard]] std::optional<std::string> check_rrset(const NodeParts::Entry& entry);

/// All that one name holds as its clients see it: one CNAME and nothing beside it, one SOA and
/// that at the apex, no NS at a wildcard, names of hosts that are none, ...
void check_node(dns::NameView apex, dns::NameView owner, NodeView node,
                const FindingReport& report);

/// The owner of a node at or below `apex`, for messages; the apex if it were too long.
[[nodiscard]] dns::Name owner_of(NodeView node, dns::NameView apex);

/// Does this name hold anything that a delegation above it hides? Addresses may be glue (RFC 9499,
/// 7); the types of DNSSEC prove things about the name and hide nothing.
[[nodiscard]] std::optional<dns::RRType> hidden_by_cut(NodeView node);
/// The same at the cut itself, where DS belongs to the parent's side too (RFC 4035, 2.4).
[[nodiscard]] std::optional<dns::RRType> hidden_at_cut(NodeView node);
/// Is there anything but what DNSSEC puts below any name: NSEC3 and its RRSIG (RFC 5155, 3)?
[[nodiscard]] bool holds_own_data(NodeView node);

/// Was the zone with this apex signed by someone else: does it have a DNSKEY and a signature over
/// it? (This server does not sign.) Then any change made here would break its signatures and the
/// chain of its NSEC or NSEC3 records (RFC 4035, 2.2 and 2.3).
[[nodiscard]] bool signed_elsewhere(NodeView apex);

/// Builds an entry; records that come twice are kept once (RFC 2181, 5).
[[nodiscard]] NodeParts::Entry make_entry(dns::RRType type, const RRsetValue& value);
[[nodiscard]] RRsetValue value_of(const NodeEntry& entry);

/// A node with this entry alone: the form in which the journal keeps RRsets.
[[nodiscard]] std::string pack_entry(const NodeParts::Entry& entry);

/// What a view's clients see of a name: the overlay's RRsets, then those of the base that are
/// neither replaced nor hidden. Either may be missing.
[[nodiscard]] NodeParts merge_nodes(const std::optional<NodeParts>& base,
                                    const std::optional<NodeParts>& overlay);

[[nodiscard]] bool soa_edit_valid(std::string_view soa_edit);
/// The serial after `serial`, always newer (RFC 1982) unless `soa_edit` is "keep".
[[nodiscard]] std::uint32_t next_serial(std::uint32_t serial, std::string_view soa_edit,
                                        base::WallTime now);

}  // namespace zones
