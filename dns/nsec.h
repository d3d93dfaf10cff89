#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/octets.h"
#include "base/result.h"
#include "dns/name.h"

namespace dns {

/// Text of NSEC (RFC 4034, 4.2): ldns 1.8.3 takes a next name whose first label is an escaped "@"
/// for the origin, and in a signed zone with such a name that breaks the chain. Pure functions; any
/// thread.

[[nodiscard]] Result<std::vector<std::uint8_t>> parse_nsec(std::string_view text, NameView origin);
/// Empty where the bitmap is not as RFC 4034, 4.1.2 wants it.
[[nodiscard]] std::string format_nsec(Octets rdata);

}  // namespace dns
