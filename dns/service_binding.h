#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/octets.h"
#include "base/result.h"
#include "dns/name.h"

namespace dns {

/// Text of SVCB and HTTPS rdata (RFC 9460, 2.1 and Appendix A), used by `presentation`. Ours,
/// because ldns 1.8.3 takes duplicate keys, empty values and ports above 65535, and does not know
/// the escapes of value lists. Pure functions; any thread.

/// "1 svc.example. alpn=h2 port=443" into wire form, keys in ascending order. The keys of RFC
/// 9460, dohpath (RFC 9461), ohttp (RFC 9540) and keyNNNNN. The error says what is wrong.
[[nodiscard]] Result<std::vector<std::uint8_t>> parse_service_binding(std::string_view text,
                                                                      NameView origin);

/// The text of `rdata`, whose name is well-formed; empty where its parameters are not as RFC 9460
/// wants them (2.2, 7, 8), so that no text could stand for it.
[[nodiscard]] std::string format_service_binding(Octets rdata);

/// Octets of base64 text without blanks (RFC 4648, 4), padded; empty if it is none.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text);
[[nodiscard]] std::string to_base64(Octets octets);  // padded, without blanks

}  // namespace dns
