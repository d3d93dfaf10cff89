#pragma once

#include <cstdint>

#include "base/time.h"
#include "zones/ids.h"

namespace zones {

/// How much history is kept: journal entries, and data that was replaced or deleted and that they
/// can bring back. What is beyond either limit goes, the oldest first; the newest entry stays.
struct HistoryLimits {
    base::Duration age{};      // by the time of the change; 0: any
    std::uint64_t octets = 0;  // about; 0: any
};

/// What the store knows of its history.
struct HistoryExtent {
    std::uint64_t octets = 0;  // about
    Revision oldest = 1;       // no older entry is kept
};

}  // namespace zones
