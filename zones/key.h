#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/octets.h"
#include "dns/name.h"
#include "zones/ids.h"

namespace zones {

/// Canonical keys: names as octets whose plain order is the canonical order of names (RFC 4034,
/// 6.1). Each label from the topmost downward, lower-cased, its octets 00 and 01 written as
/// 01 01 and 01 02, then 00. A key is therefore a prefix of the keys of all names below it, and of
/// no others. README.md shows examples. Pure functions, any thread.

/// All labels of a name from the top-level domain down; empty for the root.
[[nodiscard]] std::string canonical_key(dns::NameView name);

/// Labels in wire form without the root, as NodeView::relative_owner has them.
void append_owner_key(std::string& key, base::Octets relative_owner);

/// The key of a node: zone id, then the owner below the apex.
[[nodiscard]] std::string node_key(ZoneId zone, base::Octets relative_owner);
/// The same without allocation; gives the number of octets used.
inline constexpr std::size_t kMaxNodeKeyOctets = 4 + 2 * dns::kMaxNameOctets;
[[nodiscard]] std::size_t write_node_key(ZoneId zone, base::Octets relative_owner,
                                         char (&out)[kMaxNodeKeyOctets]) noexcept;
/// Where the keys of a zone's nodes begin; with the next id, where they end.
[[nodiscard]] std::string zone_prefix(ZoneId zone);

/// All keys of zones with the ids [first, end): their names, and the hashes of NSEC3 (ids.h).
struct KeyRange {
    std::string from, to;  // `to` is the first key behind
};
[[nodiscard]] std::array<KeyRange, 2> zone_ranges(ZoneId first, ZoneId end);

/// The key of an RRset in `meta`: that of its node, 00, the type. It sorts before all names below
/// the node, because no label begins with 00.
[[nodiscard]] std::string rrset_key(std::string_view node_key, dns::RRType type);

/// What a node's key stands for, in lower case; empty if it is none.
struct NodeKeyParts {
    ZoneId zone = 0;
    std::vector<std::uint8_t> relative_owner;
};
[[nodiscard]] std::optional<NodeKeyParts> parse_node_key(std::string_view key);

/// The labels of `name` below `apex` in wire form without the root: a slice of the name.
/// `name` must be at or below `apex`.
[[nodiscard]] inline base::Octets relative_owner(dns::NameView name, dns::NameView apex) noexcept {
    return name.octets().first(name.size() - apex.size());
}
/// The whole name of an owner; empty when it would pass 255 octets.
[[nodiscard]] std::optional<dns::Name> absolute_owner(base::Octets relative_owner,
                                                      dns::NameView apex) noexcept;

/// An owner without its first label; the owner must not be empty.
[[nodiscard]] inline base::Octets parent_owner(base::Octets relative_owner) noexcept {
    return relative_owner.subspan(1U + relative_owner[0]);
}
/// Is an NSEC3 owner in its place: one label below the apex (RFC 5155, 3)?
[[nodiscard]] inline bool is_single_label(base::Octets relative_owner) noexcept {
    return !relative_owner.empty() && relative_owner.size() == 1U + relative_owner[0];
}
[[nodiscard]] inline bool is_wildcard_owner(base::Octets relative_owner) noexcept {
    return relative_owner.size() >= 2 && relative_owner[0] == 1 && relative_owner[1] == '*';
}

}  // namespace zones
