#pragma once

#include <memory>

#include "zones/ids.h"
#include "zones/policy_table.h"
#include "zones/view.h"
#include "zones/zone_table.h"

namespace zones {

class StoreSnapshot;  // a RocksDB snapshot, released with its last owner (store)

/// Everything a revision decides, immutable. The committer publishes one pointer to it; a worker
/// loads it once per batch and answers the whole batch from it, so that records and policies
/// never tear against each other. Reclaimed by QSBR: a plain pointer is good until the thread's
/// next quiescent state.
struct Published {
    Revision revision = 0;
    /// Another whenever zones, views or policies are (which new location data change within a
    /// revision) or the store was opened anew. What a thread remembers of one generation holds for
    /// no other; within one the nodes that it was made from can still change: see ChangeMarks.
    std::uint64_t generation = 0;
    std::shared_ptr<const StoreSnapshot> snapshot;
    std::shared_ptr<const ZoneTable> zones;
    std::shared_ptr<const ViewTable> views;
    std::shared_ptr<const PolicyTable> policies;
};

}  // namespace zones
