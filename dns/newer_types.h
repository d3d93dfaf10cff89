#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/octets.h"
#include "base/result.h"
#include "dns/name.h"
#include "dns/types.h"

namespace dns {

/// Text of types that ldns 1.8.3 does not know, used by `presentation`: AMTRELAY (RFC 8777, 4.3),
/// ZONEMD (RFC 8976, 2.3), DSYNC (RFC 9859, 2.1) and RKEY (like KEY). Pure functions; any thread.

[[nodiscard]] bool is_newer_type(RRType type) noexcept;

/// Wire form of `text`; the error says what is wrong.
[[nodiscard]] Result<std::vector<std::uint8_t>> parse_newer_type(RRType type, std::string_view text,
                                                                 NameView origin);

/// The text of `rdata`; empty where it is not as its type wants it, so that no text could stand
/// for it.
[[nodiscard]] std::string format_newer_type(RRType type, Octets rdata);

}  // namespace dns
