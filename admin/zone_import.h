#pragma once

#include <memory>
#include <string>
#include <vector>

#include "admin/problem.h"
#include "base/octets.h"
#include "dns/master_file.h"
#include "dns/name.h"
#include "zones/store.h"

namespace admin {

/// Reads a master file into a ZoneLoader, piece by piece, and collects what is wrong with it.
/// Used by PUT of a zone and by the offline import. One thread at a time.
class ZoneImport final : public dns::MasterSink {
  public:
    static constexpr std::size_t kMaxFaultsShown = 20;

    /// `file` stands in messages; `include` reads included files, none: $INCLUDE is a fault.
    ZoneImport(std::unique_ptr<zones::ZoneLoader> loader, const dns::Name& apex, std::string file,
               dns::MasterScanner::Include include = {});

    void feed(base::Octets piece) { (void)scanner_->feed(piece); }

    /// After the last piece: the operation to commit, or every fault ("zone:17: ...": the first
    /// kMaxFaultsShown; `faults` counts them all). May take long for a large zone.
    using Refused = zones::ZoneLoader::Refused;
    [[nodiscard]] base::Result<zones::ZoneLoader::Finished, Refused> finish();
    [[nodiscard]] std::uint64_t records() const noexcept { return records_; }

    bool on_record(const dns::MasterRecord& record) override;  // of MasterSink
    bool on_fault(dns::MasterFault fault) override;

  private:
    std::unique_ptr<zones::ZoneLoader> loader_;
    std::unique_ptr<dns::MasterScanner> scanner_;
    std::uint64_t records_ = 0;
    Refused refused_;
};

}  // namespace admin
