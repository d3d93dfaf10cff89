// Single writes and whole zones come to the same verdict: the records of each small zone of
// zone_rows.h are written as one change set, and as one after the other, beside the check of the
// text.
#include <algorithm>
#include <set>

#include "dns/master_file.h"
#include "dns/rdata.h"
#include "tests/zones/store_fixture.h"
#include "tests/zones/zone_rows.h"
#include "zones/zone_file_check.h"

namespace zones_test {
namespace {

using dns::RRType;

/// The records of a text, if it can be read at all.
struct Records final : dns::MasterSink {
    bool on_record(const dns::MasterRecord& record) override {
        records.push_back(record);
        return true;
    }
    bool on_fault(dns::MasterFault) override {
        faulty = true;
        return true;
    }
    std::vector<dns::MasterRecord> records;
    bool faulty = false;
};

/// What a zone's own server may lack while the zone is made (zones/README.md).
bool is_about_own_servers(const std::string& text) {
    return text.starts_with("example. NS: ") &&
           (text.find("has no address") != text.npos || text.find("is a CNAME") != text.npos ||
            text.find("is below a DNAME") != text.npos);
}
/// Only text can say a thing twice or with two TTLs; only a write changes what stands below.
bool is_of_one_side(const std::string& text) {
    return text.find("is there already") != text.npos || text.find("several TTLs") != text.npos ||
           text.find("hides what is below") != text.npos;
}

struct Said {
    bool refused = false;
    std::set<std::string> warnings;
};

Said said_of_text(const std::string& text) {
    Said said;
    zones::ZoneFileCheck check(
        name("example."), "z", nullptr, [&said](const zones::ZoneFileCheck::Found& found) {
            const std::string what = found.finding.to_text();
            if (is_of_one_side(what)) return;
            if (found.finding.severity == zones::Finding::Severity::Warning ||
                is_about_own_servers(what)) {
                said.warnings.insert(what);
            } else {
                said.refused = true;
            }
        });
    check.feed(base::as_octets(text));
    (void)check.finish();
    return said;
}

class StoreVerdicts : public StoreTest {
  protected:
    /// The zone with the SOA and the NS of the text; empty if it has none to begin with.
    static std::optional<zones::PutZone> apex_of(const std::vector<dns::MasterRecord>& records) {
        zones::PutZone create;
        create.apex = name("example.");
        for (const dns::MasterRecord& record : records) {
            if (!(record.owner == create.apex)) continue;
            if (record.type == RRType::SOA && !create.soa_rdata) create.soa_rdata = record.rdata;
            if (record.type == RRType::NS) {
                create.ns.emplace_back(dns::rdata_name(RRType::NS, record.rdata));
            }
        }
        if (create.ns.empty() || !create.soa_rdata) return std::nullopt;
        return create;
    }
    static zones::AddRecords add_of(const dns::MasterRecord& record) {
        return {name("example."), record.owner, record.type, "", record.ttl, {record.rdata}};
    }
};

TEST_F(StoreVerdicts, OneChangeSetIsAWholeZone) {
    std::size_t compared = 0;
    for (const Row& row : rows()) {
        Records scanned;
        dns::MasterScanner::Options options;
        options.origin = name("example.");
        dns::MasterScanner scanner(options, scanned);
        scanner.feed(base::as_octets(row.zone));
        scanner.finish();
        const auto create = apex_of(scanned.records);
        if (scanned.faulty || !create) continue;
        zones::ChangeSet set = changes(*create);
        set.dry_run = true;
        for (const dns::MasterRecord& record : scanned.records) {
            set.operations.push_back({add_of(record), {}});
        }
        const auto result = commit(set);
        const Said wanted = said_of_text(row.zone);
        EXPECT_EQ(!result, wanted.refused) << row.what << "\n" << faults(result);
        ++compared;
        if (!result) continue;
        std::set<std::string> warnings;
        for (const std::string& warning : result->warnings) {
            if (!is_of_one_side(warning)) warnings.insert(warning);
        }
        EXPECT_EQ(warnings, wanted.warnings) << row.what;
    }
    EXPECT_GT(compared, 90U);
}

// In whatever order: what is refused as a whole is refused at some step, and nothing else is.
TEST_F(StoreVerdicts, OneRecordAfterTheOther) {
    for (const Row& row : rows()) {
        Records scanned;
        dns::MasterScanner::Options options;
        options.origin = name("example.");
        dns::MasterScanner scanner(options, scanned);
        scanner.feed(base::as_octets(row.zone));
        scanner.finish();
        const auto create = apex_of(scanned.records);
        if (scanned.faulty || !create || scanned.records.size() > 20) continue;
        for (const bool backwards : {false, true}) {
            if (backwards) std::reverse(scanned.records.begin(), scanned.records.end());
            bool refused = !commit(changes(*create));
            for (const dns::MasterRecord& record : scanned.records) {
                // The SOA that was created has moved on.
                if (record.type == RRType::SOA && record.owner == name("example.")) continue;
                refused = refused || !commit(changes(add_of(record)));
            }
            if (row.what != "two soa") {
                EXPECT_EQ(refused, said_of_text(row.zone).refused) << row.what;
            }
            zones::DeleteZone remove;
            remove.apex = name("example.");
            (void)commit(changes(remove));
        }
    }
}

}  // namespace
}  // namespace zones_test
