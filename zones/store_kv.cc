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
#include <mutex>

#include "base/time.h"
#include "zones/kv.h"
#include "zones/log_check.h"
#include "zones/store_env.h"

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
    /// What a severed instance fails to do is of no interest.
    void silence() { silent_.store(true); }

    void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
        if (!log_ || silent_.load() ||
            (level != rocksdb::WARN_LEVEL && level != rocksdb::ERROR_LEVEL &&
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
    std::atomic<bool> silent_{false};
};

rocksdb::Slice slice(std::string_view text) {
    return {text.data(), text.size()};
}

/// An instance of the database and its handles; goes with the last of store, snapshots and cursors.
struct Database {
    std::unique_ptr<GuardedEnv> guard;  // outlives the instance
    std::shared_ptr<Forwarder> log;
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
    [[nodiscard]] const std::shared_ptr<Database>& database() const { return database_; }

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
                std::shared_ptr<const StoreSnapshot> snapshot, const rocksdb::ReadOptions& options,
                Damage& damage)
        : damage_(damage),
          database_(std::move(database)),
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
        const rocksdb::Status status = iterator_->status();
        // The reason names the block.
        if (status.IsCorruption()) damage_.report(status.ToString(), "");
        return outcome(status);
    }

  private:
    Damage& damage_;
    std::shared_ptr<Database> database_;
    std::shared_ptr<const StoreSnapshot> snapshot_;
    std::unique_ptr<rocksdb::Iterator> iterator_;  // goes first
};

rocksdb::ColumnFamilyOptions family_options(
    Family family, std::size_t buffer_octets, const std::shared_ptr<rocksdb::Cache>& cache,
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
    if (buffer_octets != 0) options.write_buffer_size = buffer_octets;
    const auto supported = rocksdb::GetSupportedCompressions();
    const bool lz4 =
        std::find(supported.begin(), supported.end(), rocksdb::kLZ4Compression) != supported.end();
    options.compression = lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
    return options;
}

class RocksStore : public KeyValueStore {
  public:
    RocksStore(Options options, std::shared_ptr<StoreDirectory> directory)
        : options_(std::move(options)),
          directory_(std::move(directory)),
          cache_(rocksdb::NewLRUCache(options_.block_cache_octets)),
          filter_(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey)) {
        damage().log_to(options_.log, "store " + options_.directory);
    }

    /// Opens an instance beside the one there is, and has it take over.
    [[nodiscard]] base::Result<void> open_instance() {
        // Before the database starts from the logs, and deletes them.
        const auto checked = directory_->check_logs();
        if (!checked) return fail_open(checked.error().message);
        auto opened = start();
        if (!opened) return base::fail(opened.error());
        const std::shared_ptr<Database>& fresh = *opened;
        auto writes = read_writes(*fresh);
        if (!writes) return fail_open(writes.error().message);
        if (fresh->db->GetLatestSequenceNumber() < checked->last_sequence()) {
            return fail_open("not all of its logs could be read");
        }
        const auto acknowledged = directory_->acknowledged();
        if (acknowledged && acknowledged->write > *writes) {
            return fail_open("it lacks " + std::to_string(acknowledged->write - *writes) +
                             " writes that were acknowledged");
        }
        const std::lock_guard writing(write_mutex_);
        writes_ = *writes;
        const std::lock_guard lock(mutex_);
        if (database_ != nullptr) left_.push_back(std::move(database_));
        database_ = fresh;
        return {};
    }

    [[nodiscard]] Read get(Family family, std::string_view key, const StoreSnapshot* snapshot,
                           bool may_block, std::string& value) override {
        std::shared_ptr<Database> newest;
        if (snapshot == nullptr) newest = database();
        const Database& from = snapshot != nullptr ? *snapshot->database() : *newest;
        const rocksdb::Status status = from.db->Get(read_options(snapshot, may_block),
                                                    from.handle(family), slice(key), &value);
        const Read result = outcome(status);
        if (result == Read::Failed) read_failed(family, key, status);
        // Without reading the disk RocksDB finds an empty value in every file that it has not
        // opened yet: "may exist". Nothing that workers look for is empty.
        if (result == Read::Found && !may_block && value.empty()) return Read::WouldBlock;
        return result;
    }

    [[nodiscard]] std::unique_ptr<Cursor> cursor(Family family,
                                                 std::shared_ptr<const StoreSnapshot> snapshot,
                                                 bool may_block) override {
        return make_cursor(family, std::move(snapshot), read_options(nullptr, may_block));
    }

    [[nodiscard]] std::unique_ptr<Cursor> scan(
        Family family, std::shared_ptr<const StoreSnapshot> snapshot) override {
        rocksdb::ReadOptions options = read_options(nullptr, true);
        options.fill_cache = false;
        options.readahead_size = kScanReadaheadOctets;
        return make_cursor(family, std::move(snapshot), options);
    }

    [[nodiscard]] std::uint64_t estimate_keys(Family family) override {
        const std::shared_ptr<Database> from = database();
        std::uint64_t keys = 0;
        if (!from->db->GetIntProperty(from->handle(family),
                                      rocksdb::DB::Properties::kEstimateNumKeys, &keys)) {
            return 0;
        }
        return keys;
    }

    [[nodiscard]] std::uint64_t approximate_octets(Family family, const std::string& from,
                                                   const std::string& to) override {
        const std::shared_ptr<Database> holder = database();
        const rocksdb::Range range(from, to);
        rocksdb::SizeApproximationOptions options;
        options.include_memtables = true;
        std::uint64_t octets = 0;
        const rocksdb::Status status =
            holder->db->GetApproximateSizes(options, holder->handle(family), &range, 1, &octets);
        return status.ok() ? octets : 0;
    }

    [[nodiscard]] base::Result<void> write(const KeyValueBatch& batch) override {
        // One at a time, as the database does it anyway: so the numbers are in the log's order.
        const std::lock_guard writing(write_mutex_);
        const std::shared_ptr<Database> to = database();
        if (to->guard->must_reopen()) {
            return base::fail("store " + options_.directory +
                              ": write failed: the database must be opened anew first");
        }
        rocksdb::WriteBatch rows;
        std::uint8_t number[kWritesValueOctets];
        base::store_be64(number, writes_ + 1);
        rocksdb::Status status =
            rows.Put(to->handle(Family::Default), slice(kWritesKey), slice(base::as_text(number)));
        for (const KeyValueBatch::Change& change : batch.changes) {
            if (!status.ok()) break;
            rocksdb::ColumnFamilyHandle* handle = to->handle(change.family);
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
        }
        if (!status.ok()) return failure("write", status);
        rocksdb::WriteOptions options;
        options.sync = true;
        status = to->db->Write(options, &rows);
        if (!status.ok()) return failure("write", status);
        ++writes_;
        acknowledge(*to);
        return {};
    }

    [[nodiscard]] base::Result<Resumed> resume() override {
        const std::shared_ptr<Database> old = database();
        if (!old->guard->must_reopen()) {
            const rocksdb::Status status = old->db->Resume();
            if (status.ok()) {
                resumes_failed_ = 0;
                return Resumed::AsBefore;
            }
            // Opening anew needs more space than going on. But at times RocksDB remembers the full
            // disk for ever, as when it could not begin a new log.
            if ((status.IsNoSpace() || status.IsBusy()) && ++resumes_failed_ < kMostResumes) {
                return failure("resume", status);
            }
        }
        resumes_failed_ = 0;
        old->log->silence();
        old->guard->sever();
        const auto opened = open_instance();
        if (!opened) return base::fail(opened.error());
        return Resumed::OpenedAnew;
    }

    bool close_left() override {
        std::vector<std::shared_ptr<Database>> done;
        bool waiting = false;
        {
            const std::lock_guard lock(mutex_);
            for (std::shared_ptr<Database>& database : left_) {
                // Nobody can come to it any more: who is counted, holds it.
                if (database.use_count() == 1) {
                    done.push_back(std::move(database));
                } else {
                    waiting = true;
                }
            }
            left_.erase(std::remove(left_.begin(), left_.end(), nullptr), left_.end());
        }
        return waiting;
    }

    [[nodiscard]] base::Result<void> ingest(
        Family family,
        const std::function<bool(std::string& key, std::string& value)>& each) override {
        const std::string path =
            options_.directory + "/load-" + std::to_string(next_file_.fetch_add(1)) + ".sst";
        const std::shared_ptr<Database> to = database();
        const rocksdb::Status status = ingest_file(*to, family, path, each);
        // A file that was moved into the database is not there any more.
        (void)to->guard->env()->DeleteFile(path);
        if (!status.ok()) return failure("load", status);
        const std::lock_guard writing(write_mutex_);
        if (to == database()) acknowledge(*to);
        return {};
    }

    void reclaim(Family family, const std::string& from, const std::string& to) override {
        const std::shared_ptr<Database> of = database();
        const rocksdb::Slice first = from;
        const rocksdb::Slice end = to;
        const rocksdb::RangePtr range(&first, &end);
        // If it fails, compactions give the space back later on.
        (void)rocksdb::DeleteFilesInRanges(of->db.get(), of->handle(family), &range, 1, false);
    }

    [[nodiscard]] base::Result<void> checkpoint(const std::string& directory) override {
        const std::shared_ptr<Database> of = database();
        rocksdb::Checkpoint* raw = nullptr;
        rocksdb::Status status = rocksdb::Checkpoint::Create(of->db.get(), &raw);
        const std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
        // The log is copied rather than flushed: it is bounded, and writes go on meanwhile.
        if (status.ok()) status = checkpoint->CreateCheckpoint(directory, kMaxLogOctets * 2);
        if (!status.ok()) return failure("backup", status);
        return {};
    }

    [[nodiscard]] std::shared_ptr<const StoreSnapshot> snapshot() override {
        return std::make_shared<const StoreSnapshot>(database());
    }

    [[nodiscard]] std::optional<std::uint64_t> free_octets() const override {
        struct statvfs info {};
        if (::statvfs(options_.directory.c_str(), &info) != 0) return std::nullopt;
        return std::uint64_t{info.f_bavail} * info.f_frsize;
    }

  private:
    static constexpr unsigned kMostResumes = 3;  // that fail in a row for want of space
    static constexpr auto kReadLogInterval = std::chrono::seconds(1);

    [[nodiscard]] std::shared_ptr<Database> database() const {
        const std::lock_guard lock(mutex_);
        return database_;
    }

    /// Under write_mutex_.
    void acknowledge(const Database& by) {
        const GuardedEnv::Synced synced = by.guard->synced();
        directory_->acknowledge({writes_, synced.log, synced.manifest});
    }

    [[nodiscard]] base::Result<std::shared_ptr<Database>> start() {
        auto fresh = std::make_shared<Database>();
        fresh->guard = std::make_unique<GuardedEnv>(directory_);
        fresh->log = std::make_shared<Forwarder>(options_.log);
        rocksdb::DBOptions options;
        options.env = fresh->guard->env();
        options.info_log = fresh->log;
        options.create_if_missing = true;
        options.create_missing_column_families = true;
        // Takes what stands before the first record that is bad; LogCheck has seen that it is the
        // end. What was read is written to tables and synced before the database is open.
        options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
        options.avoid_flush_during_recovery = false;
        options.max_total_wal_size = kMaxLogOctets;
        options.stats_dump_period_sec = 0;
        options.db_write_buffer_size = kAllBuffersOctets;
        options.max_open_files = kMaxOpenFiles;
        // Written out as it comes rather than in bursts that a commit's sync would wait for.
        options.bytes_per_sync = kSyncStepOctets;
        options.wal_bytes_per_sync = kSyncStepOctets;
        // Flushes and compactions may take long: they give way to whoever answers queries.
        for (const auto pool : {rocksdb::Env::LOW, rocksdb::Env::BOTTOM}) {
            options.env->LowerThreadPoolCPUPriority(pool);
            options.env->LowerThreadPoolIOPriority(pool);
        }
        std::vector<rocksdb::ColumnFamilyDescriptor> families;
        for (std::size_t i = 0; i < kFamilies; ++i) {
            families.emplace_back(kFamilyNames[i],
                                  family_options(static_cast<Family>(i),
                                                 options_.write_buffer_octets, cache_, filter_));
        }
        rocksdb::DB* raw = nullptr;
        const rocksdb::Status status =
            rocksdb::DB::Open(options, options_.directory, families, &fresh->handles, &raw);
        fresh->db.reset(raw);
        if (!status.ok()) return fail_open(status.ToString());
        return fresh;
    }

    [[nodiscard]] static base::Result<std::uint64_t> read_writes(const Database& from) {
        std::string value;
        const rocksdb::Status status =
            from.db->Get({}, from.handle(Family::Default), slice(kWritesKey), &value);
        if (status.IsNotFound()) return 0;
        if (!status.ok()) return base::fail(status.ToString());
        if (value.size() != kWritesValueOctets) return base::fail("its counter makes no sense");
        return base::load_be64(base::as_octets(value).data());
    }

    [[nodiscard]] std::unique_ptr<Cursor> make_cursor(Family family,
                                                      std::shared_ptr<const StoreSnapshot> snapshot,
                                                      rocksdb::ReadOptions options) {
        std::shared_ptr<Database> from = snapshot != nullptr ? snapshot->database() : database();
        // With range deletions, an iterator of RocksDB 7.8 that steps from one table file into the
        // next, and cannot read that one's first block, ends as if nothing followed.
        options.ignore_range_deletions = true;
        if (snapshot != nullptr) options.snapshot = snapshot->get();
        return std::make_unique<RocksCursor>(std::move(from), family, std::move(snapshot), options,
                                             damage());
    }

    [[nodiscard]] rocksdb::Status ingest_file(
        const Database& to, Family family, const std::string& path,
        const std::function<bool(std::string& key, std::string& value)>& each) {
        rocksdb::ColumnFamilyHandle* handle = to.handle(family);
        rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), to.db->GetOptions(handle), handle);
        rocksdb::Status status = writer.Open(path);
        std::string key;
        std::string value;
        while (status.ok() && each(key, value)) status = writer.Put(key, value);
        if (status.ok()) status = writer.Finish();
        if (!status.ok()) return status;
        rocksdb::IngestExternalFileOptions options;
        options.move_files = true;
        return to.db->IngestExternalFile(handle, {path}, options);
    }

    void read_failed(Family family, std::string_view key, const rocksdb::Status& status) {
        if (status.IsCorruption()) {
            damage().report(std::string(kFamilyNames[static_cast<std::size_t>(family)]) + " key " +
                                base::to_hex(base::as_octets(key)),
                            status.ToString());
            return;
        }
        {
            // A disk that is gone is not told of with each query.
            const std::lock_guard lock(mutex_);
            const base::MonoTime now = base::mono_now();
            if (now - read_logged_ < kReadLogInterval) return;
            read_logged_ = now;
        }
        if (!options_.log) return;
        options_.log("error",
                     "store " + options_.directory + ": read failed: " + status.ToString());
    }

    [[nodiscard]] base::Unexpected<base::Error> failure(const char* what,
                                                        const rocksdb::Status& status) const {
        return base::fail("store " + options_.directory + ": " + what +
                          " failed: " + status.ToString());
    }
    [[nodiscard]] base::Unexpected<base::Error> fail_open(const std::string& reason) const {
        return base::fail("store " + options_.directory + ": cannot be opened: " + reason);
    }

    const Options options_;
    const std::shared_ptr<StoreDirectory> directory_;
    const std::shared_ptr<rocksdb::Cache> cache_;
    const std::shared_ptr<const rocksdb::FilterPolicy> filter_;
    std::atomic<unsigned> next_file_{0};

    unsigned resumes_failed_ = 0;  // the thread of `resume` alone

    std::mutex write_mutex_;    // before mutex_
    std::uint64_t writes_ = 0;  // guarded by write_mutex_: the number of the last one

    mutable std::mutex mutex_;
    std::shared_ptr<Database> database_;           // guarded by mutex_
    std::vector<std::shared_ptr<Database>> left_;  // guarded by mutex_
    base::MonoTime read_logged_{};                 // guarded by mutex_
};

}  // namespace

base::Result<std::unique_ptr<KeyValueStore>> KeyValueStore::open(Options options) {
    auto directory = StoreDirectory::hold(options.directory, options.file_system);
    if (!directory) return base::fail(directory.error());
    (*directory)->remove_leftovers();
    auto store = std::make_unique<RocksStore>(std::move(options), std::move(*directory));
    const auto opened = store->open_instance();
    if (!opened) return base::fail(opened.error());
    return store;
}

}  // namespace zones
