#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/octets.h"
#include "base/result.h"
#include "dns/name.h"
#include "dns/rrset.h"
#include "dns/types.h"

namespace dns {

/// Rdata in uncompressed wire form from its presentation form (RFC 1035, 5.1; the RFC of the
/// type; `\# LENGTH HEX` for any type, RFC 3597, 5). Relative names are completed with `origin`,
/// case is kept. The error is a sentence about the text, without file or line.
[[nodiscard]] Result<std::vector<std::uint8_t>> parse_rdata(RRType type, std::string_view text,
                                                            NameView origin);

/// Presentation form of well-formed rdata; rdata that its type's own format cannot show comes in
/// the RFC 3597 form. `parse_rdata` reads back what this writes.
[[nodiscard]] std::string format_rdata(RRType type, Octets rdata);

/// One line per record: "owner TTL IN TYPE rdata\n", for tests, logs and export.
[[nodiscard]] std::string format_rrset(NameView owner, RRsetView rrset);

/// "1h30m" or "5400": seconds, at most 2^31-1 (RFC 2181, 8; units as BIND writes them).
[[nodiscard]] Result<std::uint32_t> parse_ttl(std::string_view text);

}  // namespace dns
