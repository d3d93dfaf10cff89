#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/octets.h"

namespace zones {

/// The key in the family `default` that every write puts first, and its value: the number of the
/// write as eight octets. Numbers have no gaps.
inline constexpr std::string_view kWritesKey = "writes";
inline constexpr std::size_t kWritesValueOctets = 8;

/// The last write that was acknowledged, and where log and manifest ended after it. Kept in a file
/// beside the database, which is not synced: after a loss of power it may speak of an earlier
/// write, never of a later one.
struct Acknowledged {
    struct End {
        std::uint64_t file = 0;  // its number
        std::uint64_t octets = 0;
    };
    std::uint64_t write = 0;
    End log, manifest;

    static constexpr std::size_t kOctets = 52;
    [[nodiscard]] std::string pack() const;
    [[nodiscard]] static std::optional<Acknowledged> parse(base::Octets octets);
};

/// Tells a log whose end is torn from one that is damaged, before the database starts from it.
///
/// A write is acknowledged once it is synced, and the next is appended only then. So after a crash
/// or a loss of power only the last record may be there by half; it was never acknowledged, and the
/// database leaves it out. RocksDB cannot tell that from damage: its point-in-time recovery, the
/// only mode that always takes a torn end, stops at the first bad record wherever it stands, drops
/// what follows without an error and deletes the log; zeros in the middle are even jumped over.
/// This check finds what shows damage:
///
/// - a record that begins after a bad place in the same log: the bad one had been synced;
/// - a gap in the numbers of the writes, from one record to the next or from log to log;
/// - a log that is bad before the place up to which it was acknowledged, or a last write before
///   the acknowledged one.
///
/// The manifest, which says which tables there are, has the same form and the same weakness: after
/// a bad length RocksDB takes the rest for torn, and the tables named there are deleted.
///
/// What it cannot tell, and nothing could without a second sync for each write: damage to the very
/// last record together with a loss of power.
///
/// The format is RocksDB's (db/log_format.h): blocks of 32 KiB of fragments, each a masked CRC-32C,
/// a length, and a type; the record is a write batch: sequence number, count, then the changes.
/// One thread.
class LogCheck {
  public:
    static constexpr std::size_t kBlockOctets = std::size_t{32} << 10;

    explicit LogCheck(std::optional<Acknowledged> acknowledged) : acknowledged_(acknowledged) {}
    enum class Kind : std::uint8_t { Log, Manifest };
    /// Logs in ascending order of number: begin, its blocks (only the last one is shorter), end.
    void begin(Kind kind, std::uint64_t number);
    void add(base::Octets block);
    void end();
    /// After the last log.
    void finish();

    /// Empty, or a sentence.
    [[nodiscard]] const std::string& damage() const noexcept { return damage_; }
    /// Of the last whole record; 0: there is none.
    [[nodiscard]] std::uint64_t last_write() const noexcept { return last_write_; }
    [[nodiscard]] std::uint64_t last_sequence() const noexcept { return last_sequence_; }

  private:
    // Of a record's first fragment: sequence, count, and the put of kWritesKey.
    static constexpr std::size_t kHeadOctets = 29;

    void fragment(std::uint8_t type, base::Octets payload, std::uint64_t offset);
    void record();
    void bad(std::uint64_t offset);
    void damaged(std::uint64_t offset, const std::string& why);

    const std::optional<Acknowledged> acknowledged_;
    std::string damage_;
    std::uint64_t last_write_ = 0;
    std::uint64_t last_sequence_ = 0;

    // Of the file under way.
    Kind kind_ = Kind::Log;
    std::uint64_t number_ = 0;
    std::uint64_t size_ = 0;
    std::optional<std::uint64_t> bad_at_;
    bool in_record_ = false;
    std::uint64_t record_at_ = 0;
    std::uint8_t head_[kHeadOctets] = {};
    std::size_t head_size_ = 0;
};

/// CRC-32C (Castagnoli) as the logs have it, before masking.
[[nodiscard]] std::uint32_t crc32c(base::Octets octets, std::uint32_t before = 0) noexcept;

}  // namespace zones
