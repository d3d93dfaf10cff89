#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/qsbr.h"
#include "base/result.h"
#include "zones/backup.h"
#include "zones/change_set.h"
#include "zones/geo.h"
#include "zones/history.h"
#include "zones/node_source.h"
#include "zones/published.h"

namespace zones {

class BulkLoad;
class ZoneLoader;

/// How the store tells its owner what happens: level is "info", "warn" or "error".
using StoreLog = std::function<void(std::string_view level, const std::string& message)>;

struct StoreOptions {
    std::string directory;
    /// Node cache, absence filter and RocksDB's block cache together. The database's write
    /// buffers and what belongs to a revision (zone table, policies) come on top.
    std::size_t memory_octets = std::size_t{512} << 20;
    /// What a zone that is loaded may take in memory while it is sorted.
    std::size_t load_octets = std::size_t{64} << 20;
    /// False: nothing is read into memory ahead of queries, because there will be none.
    bool resident = true;
    std::uint64_t min_free_octets = std::uint64_t{256} << 20;  // writes are refused below
    HistoryLimits history;                                     // 0 and 0: all of it is kept
    StoreLog log;                                              // any thread; must not block
    std::shared_ptr<const GeoDatabases> geo;  // may be empty: geo rules match nothing

    // For tests: KeyValueStore::Options says what they are.
    std::string file_system;
    std::size_t write_buffer_octets = 0;
};

// What the API shows of the store, all names absolute.

struct ZoneInfo {
    dns::Name apex;
    std::string view;  // not empty: a zone of this view alone
    std::string soa_edit;
    std::string comment;
    bool signed_elsewhere = false;  // only whole replacement; soa_edit shows as keep
    std::uint32_t serial = 0;
    Revision revision = 0;  // that last changed anything in the zone
};
struct RRsetInfo {
    dns::Name name;
    dns::RRType type{};
    RRsetValue value;
    Revision revision = 0;  // that last changed this RRset
};
struct PolicyInfo {
    dns::Name name;
    std::string type;
    std::string view;
    std::string json;
    Revision revision = 0;
};
struct DocumentInfo {
    std::string id;
    std::string json;
    Revision revision = 0;
};
struct JournalEntry {
    Revision revision = 0;
    std::string author, request_id, message;
    base::WallTime time{};
    std::vector<std::string> zones;  // apexes touched
    std::string json;  // operations with the values before and after; empty in listings
};

/// Which entries of the journal a listing shows: those of which all that is given is true.
struct ChangeFilter {
    std::optional<dns::Name> zone;
    std::string author = {};                  // empty: any
    Revision since = 0;                       // this one and later
    std::optional<base::WallTime> from = {};  // then and later
    /// An RRset, a policy or a document was changed, or an RRset's zone replaced whole.
    struct Resource {
        enum class Kind : std::uint8_t { RRset, Policy, Document } kind = Kind::RRset;
        dns::Name zone, name;
        dns::RRType type{};
        std::string label;                // the policy's type, the document's kind
        std::string id;                   // of the document
        std::optional<std::string> view;  // nothing: in any
    };
    std::optional<Resource> resource = {};
};
struct Changes {
    std::vector<JournalEntry> entries;  // newest first
    Revision before = 0;                // where to go on; 0: these were the last
};

/// What two revisions of an RRset differ in. Nothing: it was or is not there.
struct RRsetDiff {
    dns::Name name;
    dns::RRType type{};
    std::optional<RRsetValue> before, after;
};

/// A consistent view of one revision for reading at leisure (the API, exports). Pins its RocksDB
/// snapshot while it lives. Reads may wait for the disk: never on a worker. Any thread; several may
/// read at once.
class StoreReader {
  public:
    virtual ~StoreReader() = default;
    [[nodiscard]] virtual Revision revision() const = 0;
    /// Zones in canonical order of apex, after `after` (empty: from the start), at most `limit`;
    /// with `search`, only apexes that contain it, and fewer where many had to be looked at that do
    /// not.
    struct Zones {
        std::vector<ZoneInfo> zones;
        std::optional<dns::Name> next;  // where to go on; nothing: these were the last
    };
    [[nodiscard]] virtual base::Result<Zones> zones(const std::optional<dns::Name>& after,
                                                    std::size_t limit, std::string_view search) = 0;
    [[nodiscard]] virtual base::Result<std::optional<ZoneInfo>> zone(const dns::Name& apex) = 0;
    struct Position {
        dns::Name name;
        dns::RRType type{};
    };
    /// RRsets of a zone (`view` empty) or of a view's overlay, in canonical order, after a
    /// position, at most `limit`.
    [[nodiscard]] virtual base::Result<std::vector<RRsetInfo>> rrsets(
        const dns::Name& apex, std::string_view view, const std::optional<Position>& after,
        std::size_t limit) = 0;
    [[nodiscard]] virtual base::Result<std::optional<RRsetInfo>> rrset(const dns::Name& apex,
                                                                       std::string_view view,
                                                                       const dns::Name& name,
                                                                       dns::RRType type) = 0;
    [[nodiscard]] virtual base::Result<std::vector<PolicyInfo>> policies(const dns::Name& apex,
                                                                         std::string_view view) = 0;
    [[nodiscard]] virtual base::Result<std::vector<DocumentInfo>> documents(
        std::string_view kind) = 0;
    [[nodiscard]] virtual base::Result<std::optional<DocumentInfo>> document(
        std::string_view kind, std::string_view id) = 0;
    /// Journal entries, newest first, below `before` (0: from the newest), at most `limit`, and
    /// fewer where many had to be looked at that the filter leaves out.
    [[nodiscard]] virtual base::Result<Changes> changes(Revision before, std::size_t limit,
                                                        const ChangeFilter& filter) = 0;
    [[nodiscard]] virtual base::Result<std::optional<JournalEntry>> change(Revision revision) = 0;
    /// The oldest revision whose journal entry is kept; that after the newest if none is.
    [[nodiscard]] virtual base::Result<Revision> oldest_change() = 0;

    /// RRsets of a zone (`view` empty) or overlay that differ between two revisions, in canonical
    /// order, after a position, at most `limit`, and fewer where much was looked at that does not
    /// differ. Serials differ too. Bounded in memory, whatever lies between: reads the journal from
    /// the older of the two on, and both data where they were replaced.
    struct Diff {
        std::vector<RRsetDiff> rrsets;
        std::optional<Position> next;  // where to go on; nothing: these were the last
    };
    /// Both must be within what is kept: oldest_change() - 1 to revision().
    [[nodiscard]] virtual base::Result<Diff> diff(const dns::Name& apex, std::string_view view,
                                                  Revision from, Revision to,
                                                  const std::optional<Position>& after,
                                                  std::size_t limit) = 0;
};

struct StoreStats {
    std::uint64_t commits = 0, groups = 0, refused = 0;
    double commit_seconds_sum = 0;
    std::vector<std::uint64_t> commit_seconds_buckets;  // upper bounds in kCommitBuckets
    std::uint64_t cache_hits = 0, cache_misses = 0, cache_octets = 0, cache_nodes = 0;
    std::uint64_t cache_evictions = 0;
    bool cache_complete = false;  // every node is in memory
    bool cache_scanning = false;  // the store is being read into memory: so many of about so many
    std::uint64_t cache_nodes_seen = 0, cache_nodes_estimate = 0;
    std::uint64_t filter_octets = 0;
    /// Places that cannot be read back as they were written, of those that were met.
    std::uint64_t damaged = 0;
    std::uint64_t reopened = 0;  // times that the database was opened anew
    std::uint64_t receipts = 0, receipt_octets = 0;
    HistoryExtent history;
    bool writable = true;
    std::string why_not;
};
inline constexpr double kCommitBuckets[] = {0.0005, 0.001, 0.002, 0.005, 0.01,
                                            0.02,   0.05,  0.1,   0.5,   2.0};

/// The store of everything that influences an answer: RocksDB below, one committer thread, the
/// node cache above, and the pointer to the newest `Published`.
///
/// Open and destroy on one thread; everything else may be called from any. The destructor
/// commits what was submitted, then stops; node sources and readers must be gone by then.
class Store {
  public:
    /// Creates the directory and the database if they are missing. Fails with a sentence that
    /// names the directory: held by another process, of a newer format, damaged.
    [[nodiscard]] static base::Result<std::unique_ptr<Store>> open(StoreOptions options);
    virtual ~Store() = default;

    /// The newest revision. The pointer is good until the calling thread's next quiescent state
    /// (it must be online in `qsbr`).
    [[nodiscard]] virtual const Published* published() const noexcept = 0;
    [[nodiscard]] virtual base::Qsbr& qsbr() noexcept = 0;
    /// By which tells who keeps what was made from nodes whether it still holds.
    [[nodiscard]] virtual const ChangeMarks& marks() const noexcept = 0;

    /// Queues a change set. `done` is called on the committer's thread once the change is durable
    /// and every later `published()` has it, or with all its faults; it must not block.
    using Done = std::function<void(base::Result<Committed, ChangeError>)>;
    virtual void submit(ChangeSet changes, Done done) = 0;
    /// The same for callers that may wait (start-up, offline import, tests).
    [[nodiscard]] base::Result<Committed, ChangeError> commit(ChangeSet changes);

    /// Takes in a whole zone beside the one that is served; see ZoneLoader. Fails when the store
    /// takes no writes.
    [[nodiscard]] virtual base::Result<std::unique_ptr<ZoneLoader>> begin_load(
        const dns::Name& apex) = 0;
    /// The same for many zones; see BulkLoad. Waits for the committer: never from a `Done`.
    [[nodiscard]] virtual base::Result<std::unique_ptr<BulkLoad>> begin_bulk() = 0;

    /// Nodes through the cache at the revision of `published`. With `may_block` false a read that
    /// is in neither cache gives WouldBlock. One per thread; `use` starts a batch.
    class Source : public NodeSource {
      public:
        virtual void use(const Published& published) = 0;
        /// Lets the processor fetch what `find` of this owner will look at first; the value is for
        /// `approach_node`, which a little later lets it fetch the node itself. Never 0.
        [[nodiscard]] virtual std::uint64_t approach(ZoneId zone, Octets relative_owner) = 0;
        virtual void approach_node(std::uint64_t approached) = 0;
    };
    [[nodiscard]] virtual std::unique_ptr<Source> make_source(bool may_block) = 0;

    /// The newest revision for reading at leisure.
    [[nodiscard]] virtual std::unique_ptr<StoreReader> read() = 0;

    /// What was kept last under this id, and the revision that the store had then. Waits for the
    /// disk if need be. Receipts older than a day may still be there.
    struct KeptReceipt {
        Receipt receipt;
        Revision revision = 0;
    };
    [[nodiscard]] virtual base::Result<std::optional<KeptReceipt>> receipt(
        const std::string& id) = 0;

    /// New location databases: policies are compiled anew and published under the same revision.
    virtual void set_geo(std::shared_ptr<const GeoDatabases> geo) = 0;

    /// A consistent copy in a new directory, while the store serves; everything acknowledged before
    /// the call is in it. Takes as long as copying what cannot be linked: never on a loop. Any
    /// thread.
    [[nodiscard]] virtual base::Result<Backup> backup(const std::string& directory) = 0;
    /// Brings a backup back as a new store in `directory`, which must not exist, and checks that it
    /// opens. The revision is the one that it holds.
    [[nodiscard]] static base::Result<Backup> restore(const std::string& backup,
                                                      const StoreOptions& options);

    [[nodiscard]] virtual StoreStats stats() const = 0;
};

/// Takes in the data of a whole zone where no query sees it; ReplaceZone then swaps it in. A small
/// zone stays in memory and is written by the change set itself; a large one is written under a new
/// ZoneId first. Validated as a whole: a bad zone changes nothing. Records may come in any order
/// and number: memory is bounded by StoreOptions::load_octets, the rest is sorted on disk. Dropping
/// the loader leaves nothing behind, nor does an operation that is refused; one that is never
/// committed, or a crash, only what the next start removes. One thread.
class ZoneLoader {
  public:
    /// Where a record stands, for messages. Borrowed.
    struct Place {
        std::string_view file;
        std::uint32_t line = 0;  // 0: unknown
    };
    virtual ~ZoneLoader() = default;
    /// An empty optional: taken. Else the fault of this record: out of the zone, malformed, ...
    /// Loading may go on, to find all faults.
    [[nodiscard]] virtual std::optional<std::string> add_at(const Place& place,
                                                            const dns::Name& owner,
                                                            dns::RRType type, std::uint32_t ttl,
                                                            base::Octets rdata) = 0;
    [[nodiscard]] std::optional<std::string> add(const dns::Name& owner, dns::RRType type,
                                                 std::uint32_t ttl, base::Octets rdata) {
        return add_at({}, owner, type, ttl, rdata);
    }
    /// Faults of the zone as a whole (no SOA or NS at the apex, CNAME and other data, ...) or the
    /// operation to commit, and warnings. Messages begin with the place, where it is known. May
    /// wait for the committer: never from a `Done`.
    struct Finished {
        ReplaceZone operation;
        std::vector<std::string> warnings;
    };
    struct Refused {
        std::uint64_t faults = 0;        // all of them
        std::vector<std::string> shown;  // the first ones
    };
    [[nodiscard]] virtual base::Result<Finished, Refused> finish() = 0;
};

/// Many zones at once: what small zones hold is gathered and written together. A zone that is
/// refused does no harm to the others; each is swapped in by its own ReplaceZone, when `write` has
/// returned. One thread at a time: it may be filled on one and written on another.
class BulkLoad {
  public:
    virtual ~BulkLoad() = default;
    /// The next zone, after the one before is gone. Only while there is `room`.
    [[nodiscard]] virtual std::unique_ptr<ZoneLoader> begin(const dns::Name& apex) = 0;
    [[nodiscard]] virtual bool room() const noexcept = 0;
    /// Writes what was gathered. After the last loader is gone, once.
    [[nodiscard]] virtual base::Result<void> write() = 0;
};

}  // namespace zones
