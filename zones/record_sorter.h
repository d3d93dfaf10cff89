#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/octets.h"
#include "base/result.h"
#include "dns/types.h"

namespace zones {

/// One record on its way into canonical order. Borrowed.
struct SortRecord {
    std::string_view key;  // canonical, below the apex (key.h)
    base::Octets owner;    // the same in wire form without the root, in the case it was written
    dns::RRType type{};    // 0: no record, but the mark of a wildcard child (zone_assembly.cc)
    std::uint32_t ttl = 0;
    std::uint32_t line = 0;
    std::uint16_t file = 0;  // a number of the caller's
    base::Octets rdata;      // at most 65535 octets
};

/// Sorts records by key in bounded memory, however many there are; records with equal keys stay in
/// the order in which they came. What the budget does not hold is written as a sorted run into a
/// file without a name in `directory` (nothing is left behind, whatever ends the process), and the
/// runs are merged as they are read. Records that come in order cost no sorting.
///
/// Errors of the file system (a full disk) are sentences; the sorter is of no use after one.
/// One thread.
class RecordSorter {
  public:
    static constexpr std::size_t kMaxRuns = 64;  // then they are merged into one

    RecordSorter(std::string directory, std::size_t budget_octets);
    ~RecordSorter();
    RecordSorter(const RecordSorter&) = delete;
    RecordSorter& operator=(const RecordSorter&) = delete;

    [[nodiscard]] base::Result<void> add(const SortRecord& record);
    /// After the last record: from here on `next` gives them in order; again: from the start.
    [[nodiscard]] base::Result<void> rewind();
    /// False after the last one. The record is good until the next call.
    [[nodiscard]] base::Result<bool> next(SortRecord& record);

    /// Forgets all records but keeps its memory, for the next zone.
    void clear();

    /// Octets in memory and in runs.
    [[nodiscard]] std::uint64_t octets() const noexcept { return octets_; }
    [[nodiscard]] std::size_t runs() const noexcept { return runs_.size(); }

  private:
    class Run;
    class Writer;
    struct Entry {
        std::uint64_t prefix;  // octets of the key after what all keys have in common
        std::uint32_t at;      // in arena_
    };

    [[nodiscard]] SortRecord record_at(std::size_t at) const noexcept;
    [[nodiscard]] std::size_t held_octets() const noexcept;
    void sort();
    [[nodiscard]] base::Result<void> spill();
    [[nodiscard]] base::Result<void> merge_runs();
    [[nodiscard]] base::Result<void> start_runs();
    /// The run whose record is the next one; null: all are at their end.
    [[nodiscard]] Run* first_run() noexcept;
    [[nodiscard]] base::Result<void> advance_first();

    const std::string directory_;
    const std::size_t budget_octets_;
    std::vector<std::uint8_t> arena_;
    std::vector<Entry> entries_;
    bool ordered_ = true;                  // the entries are, as they came
    std::size_t common_ = 0;               // octets that all keys but empty ones begin with
    std::optional<std::size_t> first_at_;  // of the first record whose key is not empty
    std::size_t last_at_ = 0;              // of the newest record
    std::uint64_t octets_ = 0;
    std::vector<std::unique_ptr<Run>> runs_;  // in the order in which they were written
    std::vector<Run*> heap_;                  // while reading: the first one has the next record
    bool advance_ = false;                    // the first run's record has been given out
    std::size_t next_ = 0;                    // without runs: the next entry
};

}  // namespace zones
