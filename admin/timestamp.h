#pragma once

#include <optional>
#include <string_view>

#include "base/time.h"

namespace admin {

/// "2026-01-05T12:00:00Z", with fractions and offsets as RFC 3339, 5.6 has them; years 1970 to
/// 2261. Empty: it is none.
[[nodiscard]] std::optional<base::WallTime> parse_time(std::string_view text);

}  // namespace admin
