#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "admin/import_jobs.h"
#include "base/time.h"

namespace admin {

/// On a terminal, how far a long import (or export, or dump) has come, on one line of standard
/// error. One thread at a time.
class ImportProgress {
  public:
    /// `octets`: of the only file, when there is one zone; 0: unknown.
    explicit ImportProgress(std::size_t zones, std::uint64_t octets = 0);
    void zone_done() {
        ++zones_done_;
        show();
    }
    void read(std::uint64_t octets, std::uint64_t records) {
        octets_done_ += octets;
        records_done_ += records;
        show();
    }
    /// Before anything else is printed.
    void clear();

  private:
    void show();

    const bool terminal_;
    const std::size_t zones_;
    const std::uint64_t octets_;
    const base::MonoTime started_;
    base::MonoTime shown_;
    bool visible_ = false;
    std::size_t zones_done_ = 0;
    std::uint64_t octets_done_ = 0, records_done_ = 0;
};

/// "20 zones imported", "1 zone imported, 2 refused".
[[nodiscard]] std::string import_summary(std::size_t done, std::size_t refused);

/// Fills the store under a data directory that no server has open: one thread reads master files,
/// one writes. Zones that are refused are told with file and line and left as they are. Returns the
/// exit status.
[[nodiscard]] int import_offline(const std::vector<ImportJob>& jobs, const std::string& data_dir,
                                 bool dry_run, bool json);

}  // namespace admin
