#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "zones/damage.h"
#include "zones/published.h"

namespace zones {

/// The column families of the store; README.md describes their keys and values.
enum class Family : std::uint8_t { Default, Zones, Nodes, Meta, Journal, Config, Audit };
inline constexpr std::size_t kFamilies = 7;

/// Changes that are written together or not at all, in order.
struct KeyValueBatch {
    struct Change {
        Family family = Family::Default;
        enum class Kind : std::uint8_t { Put, Delete, DeleteRange } kind = Kind::Put;
        std::string key;
        std::string value;  // DeleteRange: the first key that stays
    };
    std::vector<Change> changes;

    void put(Family family, std::string key, std::string value) {
        changes.push_back({family, Change::Kind::Put, std::move(key), std::move(value)});
    }
    void erase(Family family, std::string key) {
        changes.push_back({family, Change::Kind::Delete, std::move(key), {}});
    }
    /// Of keys that nobody looks for any more: `get` does not find them, cursors still may.
    void erase_range(Family family, std::string from, std::string to) {
        changes.push_back({family, Change::Kind::DeleteRange, std::move(from), std::move(to)});
    }
};

/// The database under the store: the one place that knows RocksDB. Errors are sentences.
///
/// Any thread. Snapshots and cursors keep the instance of the database that they were made from
/// open until they are gone, also when `resume` has opened another.
class KeyValueStore {
  public:
    struct Options {
        std::string directory;
        std::size_t block_cache_octets = 0;
        std::function<void(std::string_view level, const std::string& message)> log;
        /// An address that RocksDB's registry of file systems knows, for tests; empty: the
        /// machine's own.
        std::string file_system{};
        /// What a family's changes take before they are written to a table; 0: as it is best.
        std::size_t write_buffer_octets = 0;
    };
    /// Creates directory and database if missing.
    [[nodiscard]] static base::Result<std::unique_ptr<KeyValueStore>> open(Options options);
    virtual ~KeyValueStore() = default;

    enum class Read : std::uint8_t { Found, Absent, WouldBlock, Failed };
    /// At `snapshot`, or the newest if null. With `may_block` false only memory is looked at.
    [[nodiscard]] virtual Read get(Family family, std::string_view key,
                                   const StoreSnapshot* snapshot, bool may_block,
                                   std::string& value) = 0;

    /// Walks keys in order. One thread. Check `status` when `valid` has become false: Found means
    /// that the end was reached.
    class Cursor {
      public:
        virtual ~Cursor() = default;
        virtual void seek(std::string_view key) = 0;
        virtual void seek_before(std::string_view key) = 0;  // the last key below `key`
        virtual void next() = 0;
        virtual void previous() = 0;
        [[nodiscard]] virtual bool valid() const = 0;
        [[nodiscard]] virtual std::string_view key() const = 0;
        [[nodiscard]] virtual std::string_view value() const = 0;
        [[nodiscard]] virtual Read status() const = 0;
    };
    [[nodiscard]] virtual std::unique_ptr<Cursor> cursor(
        Family family, std::shared_ptr<const StoreSnapshot> snapshot, bool may_block) = 0;

    /// For a walk over much that will not be read again soon: leaves the block cache as it is.
    [[nodiscard]] virtual std::unique_ptr<Cursor> scan(
        Family family, std::shared_ptr<const StoreSnapshot> snapshot) = 0;
    /// Roughly how many keys a family holds.
    [[nodiscard]] virtual std::uint64_t estimate_keys(Family family) = 0;
    /// Roughly how many octets the keys from one up to another take on disk.
    [[nodiscard]] virtual std::uint64_t approximate_octets(Family family, const std::string& from,
                                                           const std::string& to) = 0;

    /// Durable when it returns. After a failure the database may refuse further writes until
    /// `resume` succeeds; reads go on. The batch that failed is then there whole, or not at all.
    [[nodiscard]] virtual base::Result<void> write(const KeyValueBatch& batch) = 0;
    enum class Resumed : std::uint8_t {
        AsBefore,    // it holds what it held, and nothing of the batch that failed
        OpenedAnew,  // what it holds must be looked up: the batch that failed may be there
    };
    /// Leaves the error state. One thread at a time.
    [[nodiscard]] virtual base::Result<Resumed> resume() = 0;
    /// Closes instances that `resume` has left and that nobody reads from any more. True: some are
    /// still read from. The thread of `resume`.
    virtual bool close_left() = 0;

    /// Adds keys that come in ascending order and lie in a range that is empty, in one step and
    /// past the log: for large amounts. `each` is called until it gives false.
    [[nodiscard]] virtual base::Result<void> ingest(
        Family family, const std::function<bool(std::string& key, std::string& value)>& each) = 0;

    /// Gives back the space of what was erased between two keys, as far as that is possible at once
    /// (whole files; the rest comes back with time). Snapshots are not heeded: of what nobody reads
    /// any more, or never could.
    virtual void reclaim(Family family, const std::string& from, const std::string& to) = 0;

    /// A copy of the database as it is now, in a directory that must not exist: everything that was
    /// written before the call is in it. Opens like any other database.
    [[nodiscard]] virtual base::Result<void> checkpoint(const std::string& directory) = 0;

    [[nodiscard]] virtual std::shared_ptr<const StoreSnapshot> snapshot() = 0;
    /// Octets that ordinary users may still write where the database lies; nothing if unknown.
    [[nodiscard]] virtual std::optional<std::uint64_t> free_octets() const = 0;

    /// What was found that cannot be read back as it was written, here or by whoever reads.
    [[nodiscard]] Damage& damage() noexcept { return damage_; }

  private:
    Damage damage_;
};

}  // namespace zones
