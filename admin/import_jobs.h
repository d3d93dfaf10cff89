#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "dns/master_file.h"

namespace admin {

/// What a zone is to be read from.
struct ImportJob {
    std::string zone, file;
};

/// The zones that a list or another server's configuration names. `notes` says which of its zones
/// have no master file of their own here (secondaries, forwarders, ...), a sentence each.
struct ImportJobs {
    std::vector<ImportJob> jobs;
    std::vector<std::string> notes;
};

/// One zone a line: zone, tab, master file; `-` is standard input. Errors are "list:3: ...".
[[nodiscard]] base::Result<ImportJobs> read_list(const std::string& file);

/// A named.conf: `zone` statements of type primary, at the top and in views, with `include` and
/// the `directory` of the options. A zone that several views have with different files is not
/// imported, because one file would be served to all.
[[nodiscard]] base::Result<ImportJobs> read_named_conf(const std::string& file);

/// An nsd.conf: `zone:` with `name:` and `zonefile:`, patterns, `include:` with its wildcards and
/// `zonesdir:`. Zones with `request-xfr:` are secondaries.
[[nodiscard]] base::Result<ImportJobs> read_nsd_conf(const std::string& file);

/// Reads what $INCLUDE names, files of at most 1 GiB.
[[nodiscard]] dns::MasterScanner::Include included_files();

}  // namespace admin
