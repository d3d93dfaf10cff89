#pragma once

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

inline constexpr std::uint32_t kMaxTtl = 0x7fffffff;  // RFC 2181, 8

/// A record on its own: in the zone, of a type that may be stored, well-formed.
[[nodiscard]] std::optional<std::string> check_record(dns::NameView apex, dns::NameView owner,
                                                      dns::RRType type, std::uint32_t ttl,
                                                      Octets rdata);
/// An RRset on its own: it fits a message; weights where a choice among its records makes sense.
[[nodiscard]] std::optional<std::string> check_rrset(const NodeParts::Entry& entry);

/// All that one name holds as its clients see it: one CNAME and nothing beside it, one SOA and
/// that at the apex, ...
[[nodiscard]] std::vector<std::string> check_node(const NodeParts& node, bool is_apex);

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
