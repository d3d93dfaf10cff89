#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "zones/ids.h"
#include "zones/kv.h"

namespace zones {

/// A backup is a directory with a checkpoint of the database in `store/` and a manifest that says
/// what it is. Files of a checkpoint never change, so they are linked where they lie on the same
/// file system, and copied else.
struct Backup {
    std::string format;     // of the store, as stored
    Revision revision = 0;  // everything up to it is in the backup; perhaps more
    base::WallTime time{};
};

/// Makes a backup while the store serves. `directory` must not exist, its parent must; on failure
/// nothing of it is left. May take as long as copying the data. Any thread.
[[nodiscard]] base::Result<Backup> make_backup(KeyValueStore& store, const std::string& directory,
                                               const Backup& what);

/// Copies a backup to `store_directory`, which must not exist, and syncs it. The copy appears under
/// its name only when it is whole.
[[nodiscard]] base::Result<Backup> restore_backup(const std::string& directory,
                                                  const std::string& store_directory);

}  // namespace zones
