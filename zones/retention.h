#pragma once

#include <cstddef>

#include "base/time.h"
#include "zones/draft.h"
#include "zones/history.h"

namespace zones {

struct Trimmed {
    std::size_t entries = 0;
    bool more = false;  // there is more to be let go than one step may take
};

/// Lets go of the oldest history beyond the limits, at most `steps` entries and pieces of data, as
/// changes of `draft`. `newest` is the newest revision the draft holds. The committer's thread.
[[nodiscard]] Trimmed trim_history(Draft& draft, const HistoryLimits& limits, base::WallTime now,
                                   Revision newest, std::size_t steps);

/// The oldest revision whose journal entry is kept; 0 if none is.
[[nodiscard]] Revision oldest_kept(Draft& draft);

}  // namespace zones
