#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <filesystem>

#include "zones/kv.h"

namespace zones {

namespace {

using Log = std::function<void(std::string_view level, const std::string& message)>;

constexpr const char* kFamilyNames[kFamilies] = {"default", "zones",  "nodes", "meta",
                                                 "journal", "config", "audit"};
constexpr std::size_t kSmallBufferOctets = std::size_t{8} << 20;
constexpr std::size_t kNodesBufferOctets = std::size_t{32} << 20;
constexpr std::size_t kAllBuffersOctets = std::size_t{64} << 20;
constexpr std::uint64_t kSyncStepOctets = std::uint64_t{1} << 20;
constexpr int kMaxOpenFiles = 1024;  // the rest of the descriptors are the clients'
constexpr std::uint64_t kMaxLogOctets = std::uint64_t{256} << 20;
constexpr std::size_t kScanReadaheadOctets = std::size_t{1} << 20;
constexpr double kBloomBitsPerKey = 10;

/// RocksDB's own logger writes into the data directory and aborts the process when the disk is
/// full; this one hands warnings and errors to the owner of the store.
class Forwarder : public rocksdb::Logger {
  public:
    explicit Forwarder(Log log) : Logger(rocksdb::WARN_LEVEL), log_(std::move(log)) {}

    using rocksdb::Logger::Logv;
    void Logv(const char* format, va_list arguments) override {
        Logv(rocksdb::HEADER_LEVEL, format, arguments);
    }
    void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
        if (!log_ || (level != rocksdb::WARN_LEVEL && level != rocksdb::ERROR_LEVEL &&
                      level != rocksdb::FATAL_LEVEL)) {
            return;
        }
        char text[1024];
        std::vsnprintf(text, sizeof text, format, arguments);
        // Said of every file that SstFileWriter has made, until it is first compacted.
        if (std::string_view(text).find("without unique ID") != std::string_view::npos) return;
        // Said of every backup.
        if (std::string_view(text).starts_with("[db/db_impl/db_impl_files.cc") &&
            std::string_view(text).find("File Deletions") != std::string_view::npos) {
            return;
        }
        log_(level == rocksdb::WARN_LEVEL ? "warn" : "error", std::string("rocksdb: ") + text);
    }

  private:
    const Log log_;
};

rocksdb::Slice slice(std::string_view text) {
    return {text.data(), text.size()};
}

/// The open database and its handles; goes with the last of store, snapshots and cursors.
struct Database {
    std::unique_ptr<rocksdb::DB> db;
    std::vector<rocksdb::ColumnFamilyHandle*> handles;

    Database() = default;
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    ~Database() {
        if (db == nullptr) return;
        for (rocksdb::ColumnFamilyHandle* handle : handles) {
            // Fails only for the default family of a database that is not open.
            (void)db->DestroyColumnFamilyHandle(handle);
        }
        (void)db->Close();
    }
    [[nodiscard]] rocksdb::ColumnFamilyHandle* handle(Family family) const {
        return handles[static_cast<std::size_t>(family)];
    }
};

KeyValueStore::Read outcome(const rocksdb::Status& status) {
    if (status.ok()) return KeyValueStore::Read::Found;
    if (status.IsNotFound()) return KeyValueStore::Read::Absent;
    if (status.IsIncomplete()) return KeyValueStore::Read::WouldBlock;
    return KeyValueStore::Read::Failed;
}

}  // namespace

class StoreSnapshot {
  public:
    explicit StoreSnapshot(std::shared_ptr<Database> database)
        : database_(std::move(database)), snapshot_(database_->db->GetSnapshot()) {}
    StoreSnapshot(const StoreSnapshot&) = delete;
    StoreSnapshot& operator=(const StoreSnapshot&) = delete;
    ~StoreSnapshot() { database_->db->ReleaseSnapshot(snapshot_); }

    [[nodiscard]] const rocksdb::Snapshot* get() const { return snapshot_; }

  private:
    std::shared_ptr<Database> database_;
    const rocksdb::Snapshot* snapshot_;
};

namespace {

rocksdb::ReadOptions read_options(const StoreSnapshot* snapshot, bool may_block) {
    rocksdb::ReadOptions options;
    if (snapshot != nullptr) options.snapshot = snapshot->get();
    options.read_tier = may_block ? rocksdb::kReadAllTier : rocksdb::kBlockCacheTier;
    return options;
}

class RocksCursor : public KeyValueStore::Cursor {
  public:
    RocksCursor(std::shared_ptr<Database> database, Family family,
                std::shared_ptr<const StoreSnapshot> snapshot, const rocksdb::ReadOptions& options)
        : database_(std::move(database)),
          snapshot_(std::move(snapshot)),
          iterator_(database_->db->NewIterator(options, database_->handle(family))) {}

    void seek(std::string_view key) override { iterator_->Seek(slice(key)); }
    void seek_before(std::string_view key) override {
        iterator_->SeekForPrev(slice(key));
        if (iterator_->Valid() && iterator_->key() == slice(key)) iterator_->Prev();
    }
    void next() override { iterator_->Next(); }
    void previous() override { iterator_->Prev(); }
    [[nodiscard]] bool valid() const override { return iterator_->Valid(); }
    [[nodiscard]] std::string_view key() const override { return iterator_->key().ToStringView(); }
    [[nodiscard]] std::string_view value() const override {
        return iterator_->value().ToStringView();
    }
    [[nodiscard]] KeyValueStore::Read status() const override {
        return outcome(iterator_->status());
    }

  private:
    std::shared_ptr<Database> database_;
    std::shared_ptr<const StoreSnapshot> snapshot_;
    std::unique_ptr<rocksdb::Iterator> iterator_;  // goes first
};

class RocksStore : public KeyValueStore {
  public:
    RocksStore(std::string directory, Log log, std::shared_ptr<Database> database)
        : directory_(std::move(directory)), log_(std::move(log)), database_(std::move(database)) {}

    [[nodiscard]] Read get(Family family, std::string_view key, const StoreSnapshot* snapshot,
                           bool may_block, std::string& value) override {
        const rocksdb::Status status = db().Get(read_options(snapshot, may_block),
                                                database_->handle(family), slice(key), &value);
        const Read result = outcome(status);
        if (result == Read::Failed && log_) {
            log_("error", "store " + directory_ + ": read failed: " + status.ToString());
        }
        // Without reading the disk RocksDB finds an empty value in every file that it has not
        // opened yet: "may exist". Nothing that workers look for is empty.
        if (result == Read::Found && !may_block && value.empty()) return Read::WouldBlock;
        return result;
    }

    [[nodiscard]] std::unique_ptr<Cursor> cursor(Family family,
                                                 std::shared_ptr<const StoreSnapshot> snapshot,
                                                 bool may_block) override {
        const rocksdb::ReadOptions options = read_options(snapshot.get(), may_block);
        return std::make_unique<RocksCursor>(database_, family, std::move(snapshot), options);
    }

    [[nodiscard]] std::unique_ptr<Cursor> scan(
        Family family, std::shared_ptr<const StoreSnapshot> snapshot) override {
        rocksdb::ReadOptions options = read_options(snapshot.get(), true);
        options.fill_cache = false;
        options.readahead_size = kScanReadaheadOctets;
        return std::make_unique<RocksCursor>(database_, family, std::move(snapshot), options);
    }

    [[nodiscard]] std::uint64_t estimate_keys(Family family) override {
        std::uint64_t keys = 0;
        if (!db().GetIntProperty(database_->handle(family),
                                 rocksdb::DB::Properties::kEstimateNumKeys, &keys)) {
            return 0;
        }
        return keys;
    }

    [[nodiscard]] base::Result<void> write(const KeyValueBatch& batch) override {
        rocksdb::WriteBatch rows;
        for (const KeyValueBatch::Change& change : batch.changes) {
            rocksdb::ColumnFamilyHandle* handle = database_->handle(change.family);
            rocksdb::Status status;
            switch (change.kind) {
                case KeyValueBatch::Change::Kind::Put:
                    status = rows.Put(handle, change.key, change.value);
                    break;
                case KeyValueBatch::Change::Kind::Delete:
                    status = rows.Delete(handle, change.key);
                    break;
                case KeyValueBatch::Change::Kind::DeleteRange:
                    status = rows.DeleteRange(handle, change.key, change.value);
                    break;
            }
            if (!status.ok()) return failure("write", status);
        }
        rocksdb::WriteOptions options;
        options.sync = true;
        const rocksdb::Status status = db().Write(options, &rows);
        if (!status.ok()) return failure("write", status);
        return {};
    }

    [[nodiscard]] base::Result<void> resume() override {
        rocksdb::Status status = db().Resume();
        if (!status.ok()) return failure("resume", status);
        // A new log is begun and the old one left behind: what the failed write may have left at
        // its end must not come back at the next start, when its revision has been given again.
        rocksdb::FlushOptions options;
        status = db().Flush(options, database_->handles);
        if (!status.ok()) return failure("flush", status);
        return {};
    }

    [[nodiscard]] base::Result<void> ingest(
        Family family,
        const std::function<bool(std::string& key, std::string& value)>& each) override {
        const std::string path =
            directory_ + "/load-" + std::to_string(next_file_.fetch_add(1)) + ".sst";
        rocksdb::Status status = ingest_file(family, path, each);
        std::error_code ignored;  // a file that was moved into the database is not there any more
        std::filesystem::remove(path, ignored);
        if (!status.ok()) return failure("load", status);
        return {};
    }

    [[nodiscard]] base::Result<void> checkpoint(const std::string& directory) override {
        rocksdb::Checkpoint* raw = nullptr;
        rocksdb::Status status = rocksdb::Checkpoint::Create(&db(), &raw);
        const std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
        // The log is copied rather than flushed: it is bounded, and writes go on meanwhile.
        if (status.ok()) status = checkpoint->CreateCheckpoint(directory, kMaxLogOctets * 2);
        if (!status.ok()) return failure("backup", status);
        return {};
    }

    [[nodiscard]] std::shared_ptr<const StoreSnapshot> snapshot() override {
        return std::make_shared<const StoreSnapshot>(database_);
    }

    [[nodiscard]] std::optional<std::uint64_t> free_octets() const override {
        struct statvfs info {};
        if (::statvfs(directory_.c_str(), &info) != 0) return std::nullopt;
        return std::uint64_t{info.f_bavail} * info.f_frsize;
    }

  private:
    [[nodiscard]] rocksdb::DB& db() const { return *database_->db; }

    [[nodiscard]] rocksdb::Status ingest_file(
        Family family, const std::string& path,
        const std::function<bool(std::string& key, std::string& value)>& each) {
        rocksdb::ColumnFamilyHandle* handle = database_->handle(family);
        rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), db().GetOptions(handle), handle);
        rocksdb::Status status = writer.Open(path);
        std::string key;
        std::string value;
        while (status.ok() && each(key, value)) status = writer.Put(key, value);
        if (status.ok()) status = writer.Finish();
        if (!status.ok()) return status;
        rocksdb::IngestExternalFileOptions options;
        options.move_files = true;
        return db().IngestExternalFile(handle, {path}, options);
    }

    [[nodiscard]] base::Unexpected<base::Error> failure(const char* what,
                                                        const rocksdb::Status& status) const {
        return base::fail("store " + directory_ + ": " + what + " failed: " + status.ToString());
    }

    const std::string directory_;
    const Log log_;
    const std::shared_ptr<Database> database_;
    std::atomic<unsigned> next_file_{0};
};

rocksdb::ColumnFamilyOptions family_options(
    Family family, const std::shared_ptr<rocksdb::Cache>& cache,
    const std::shared_ptr<const rocksdb::FilterPolicy>& filter) {
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = cache;
    table.filter_policy = filter;
    // Within the budget like everything else, and last to leave it.
    // The filter of a large file as one block (1.2 MB for a million keys) does not stay in a cache
    // whose shards are no larger than that: every Get would read and check all of it again.
    table.partition_filters = true;
    table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
    table.cache_index_and_filter_blocks = true;
    table.cache_index_and_filter_blocks_with_high_priority = true;
    rocksdb::ColumnFamilyOptions options;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    options.write_buffer_size = family == Family::Nodes ? kNodesBufferOctets : kSmallBufferOctets;
    const auto supported = rocksdb::GetSupportedCompressions();
    const bool lz4 =
        std::find(supported.begin(), supported.end(), rocksdb::kLZ4Compression) != supported.end();
    options.compression = lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
    return options;
}

}  // namespace

base::Result<std::unique_ptr<KeyValueStore>> KeyValueStore::open(Options options) {
    std::error_code error;
    std::filesystem::create_directories(options.directory, error);
    if (error) {
        return base::fail("store " + options.directory +
                          ": cannot create the directory: " + error.message());
    }
    // A loader that was killed leaves its file behind; the database keeps its own elsewhere.
    for (const auto& entry : std::filesystem::directory_iterator(options.directory, error)) {
        const std::string name = entry.path().filename().string();
        std::error_code ignored;
        if (name.starts_with("load-") && (name.ends_with(".sst") || name.ends_with(".run"))) {
            std::filesystem::remove(entry.path(), ignored);
        }
    }

    rocksdb::DBOptions database_options;
    database_options.create_if_missing = true;
    database_options.create_missing_column_families = true;
    database_options.info_log = std::make_shared<Forwarder>(options.log);
    database_options.max_total_wal_size = kMaxLogOctets;
    database_options.stats_dump_period_sec = 0;
    database_options.db_write_buffer_size = kAllBuffersOctets;
    database_options.max_open_files = kMaxOpenFiles;
    // Written out as it comes rather than in bursts that a commit's sync would wait for.
    database_options.bytes_per_sync = kSyncStepOctets;
    database_options.wal_bytes_per_sync = kSyncStepOctets;
    // Flushes and compactions may take long: they give way to whoever answers queries.
    for (const auto pool : {rocksdb::Env::LOW, rocksdb::Env::BOTTOM}) {
        database_options.env->LowerThreadPoolCPUPriority(pool);
        database_options.env->LowerThreadPoolIOPriority(pool);
    }
    const auto cache = rocksdb::NewLRUCache(options.block_cache_octets);
    const std::shared_ptr<const rocksdb::FilterPolicy> filter(
        rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (std::size_t i = 0; i < kFamilies; ++i) {
        families.emplace_back(kFamilyNames[i],
                              family_options(static_cast<Family>(i), cache, filter));
    }

    auto database = std::make_shared<Database>();
    rocksdb::DB* raw = nullptr;
    const rocksdb::Status status =
        rocksdb::DB::Open(database_options, options.directory, families, &database->handles, &raw);
    database->db.reset(raw);
    if (!status.ok()) {
        const std::string reason = status.ToString();
        const bool held = reason.find("lock") != std::string::npos;
        return base::fail("store " + options.directory +
                          (held ? ": held by another process: " : ": cannot be opened: ") + reason);
    }
    return std::make_unique<RocksStore>(options.directory, options.log, std::move(database));
}

}  // namespace zones
