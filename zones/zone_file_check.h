#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dns/master_file.h"
#include "zones/node_rules.h"

namespace zones {

/// Checks a master file without a store: what an import of it would say, and every record's place.
/// The zone is held in memory, at most kMaxOctets of it. One thread.
class ZoneFileCheck final : public dns::MasterSink {
  public:
    static constexpr std::size_t kMaxOctets = std::size_t{4} << 30;

    struct Found {
        Finding finding;
        std::string file;
        bool of_zone = true;  // false: of the text, so that there is no owner
        /// "zone.db:17: error: www.example. CNAME: message".
        [[nodiscard]] std::string to_text() const;
    };
    using Report = std::function<void(const Found&)>;
    struct Summary {
        std::uint64_t records = 0, errors = 0, warnings = 0;
    };

    /// `file` stands in messages; `include` reads included files, none: they are refused.
    ZoneFileCheck(const dns::Name& apex, std::string file, dns::MasterScanner::Include include,
                  Report report);

    void feed(Octets piece) { (void)scanner_->feed(piece); }
    /// After the last piece.
    [[nodiscard]] Summary finish();

    bool on_record(const dns::MasterRecord& record) override;  // of MasterSink
    bool on_fault(dns::MasterFault fault) override;

  private:
    struct Place {
        std::uint32_t file = 0, line = 0;
    };
    struct Node {
        NodeParts parts;
        std::vector<Place> places;  // one per entry
    };

    [[nodiscard]] Place place_of(const dns::MasterRecord& record);
    [[nodiscard]] Node& node_at(Octets relative);
    void tell(Finding finding, const Place& place, bool of_zone = true);
    void tell_error(const dns::Name& owner, const std::string& message, const Place& place);
    void add_parents();
    void check_zone();

    const dns::Name apex_;
    const std::string file_;
    const Report report_;
    std::unique_ptr<dns::MasterScanner> scanner_;
    std::vector<std::string> files_;
    std::map<std::string, Node> nodes_;  // by key
    std::size_t octets_ = 0;
    Summary summary_;
};

}  // namespace zones
