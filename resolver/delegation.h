#pragma once

#include <cstdint>
#include <vector>

#include "base/octets.h"
#include "resolver/hints.h"

namespace resolver {

/// Bounds of one delegation as it is kept; what is beyond them is left out. Thirteen is the most
/// that the root and the large zones use.
inline constexpr std::size_t kMaxNameServers = 16;
inline constexpr std::size_t kMaxAddressesPerServer = 8;

/// The servers of a zone as the payload of a Delegation entry:
///
///     repeated: name (wire form) | IPv4 count u8 | IPv6 count u8 | addresses
[[nodiscard]] std::vector<std::uint8_t> pack_servers(const std::vector<NameServer>& servers);
/// `octets` must have been made by pack_servers.
[[nodiscard]] std::vector<NameServer> unpack_servers(base::Octets octets);

}  // namespace resolver
