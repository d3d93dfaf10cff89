#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "zones/log_check.h"

// Named here and nothing more: the library's headers stay in the two .cc files.
namespace rocksdb {
class Env;
class FileLock;
class FileSystem;
}  // namespace rocksdb

namespace zones {

/// The directory of a database, held against other processes while this object lives.
///
/// Any thread. Outlives every GuardedEnv over it.
class StoreDirectory {
  public:
    /// Creates the directory. `file_system` is an address that RocksDB's registry knows, for tests;
    /// empty: the machine's own.
    [[nodiscard]] static base::Result<std::shared_ptr<StoreDirectory>> hold(
        const std::string& path, const std::string& file_system);
    ~StoreDirectory();
    StoreDirectory(const StoreDirectory&) = delete;
    StoreDirectory& operator=(const StoreDirectory&) = delete;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] const std::shared_ptr<rocksdb::FileSystem>& files() const noexcept {
        return files_;
    }
    /// Files that a loader left behind when it was killed. Before the database is opened.
    void remove_leftovers();

    /// Reads the manifest and all logs. Nothing is changed. Fails if they cannot be read, or with
    /// the damage.
    [[nodiscard]] base::Result<LogCheck> check_logs() const;
    /// The last write that was acknowledged, as far as is known.
    [[nodiscard]] std::optional<Acknowledged> acknowledged() const;
    /// Remembers that a write was acknowledged; not synced. One thread at a time.
    void acknowledge(const Acknowledged& what);

  private:
    friend class GuardedFileSystem;
    friend class GuardedEnv;
    struct Note;

    StoreDirectory(std::string path, std::shared_ptr<rocksdb::FileSystem> files);
    /// While anyone keeps tables, those that are deleted stay where they are.
    void keep_tables();
    void let_tables_go();
    /// True: it will be deleted later.
    [[nodiscard]] bool defer_table(const std::string& path);
    /// Logs are deleted from the oldest on, whatever the order they are named in.
    void delete_log(std::uint64_t number);
    /// Before a file of this name is made.
    void make_way(const std::string& path);
    [[nodiscard]] std::string log_path(std::uint64_t number) const;
    /// The number of the manifest in use; nothing: there is no database yet.
    [[nodiscard]] base::Result<std::optional<std::uint64_t>> manifest() const;
    [[nodiscard]] base::Result<void> check_file(LogCheck& check, const std::string& path) const;
    [[nodiscard]] base::Result<std::set<std::uint64_t>> logs() const;

    const std::string path_;
    const std::shared_ptr<rocksdb::FileSystem> files_;
    rocksdb::FileLock* lock_ = nullptr;
    std::unique_ptr<Note> note_;  // the file of `acknowledge`

    std::mutex mutex_;
    unsigned keepers_ = 0;                // guarded by mutex_
    std::set<std::string> tables_;        // guarded by mutex_: to be deleted
    std::set<std::uint64_t> logs_to_go_;  // guarded by mutex_
};

/// One instance of the database's way to the disk, which can be cut.
///
/// A database that failed to sync its log or its manifest refuses every write until it is opened
/// anew, and RocksDB knows no way to do that while others read from it. With this it is safe to
/// open a second instance on the same directory in the same process:
///
/// - `sever` the first. From its return on no change of the first instance reaches the disk:
///   writes, syncs, renames and links fail, deletions are ignored. So for the directory it is as
///   dead as a killed process, and what the second instance does is a start after a crash, which
///   the database is made for.
/// - The first goes on reading: what is in its memory, and its tables, which never change once
///   they are written. The second deletes tables it does not need; those are kept until the last
///   severed instance is gone. Should the process end before that, the next start deletes them,
///   because no manifest names them.
/// - Numbers of files may be given again: of those that the first instance had begun and not
///   brought into the manifest, so that it will never read them. A new file is a new inode (a file
///   of that name is unlinked first), so that neither can write into, or truncate, the other's.
/// - Other processes are kept out by StoreDirectory's lock, which both instances stand behind;
///   their own locking is granted and means nothing.
/// - After a failed sync the kernel may show octets that are not on the disk. Starting, the second
///   instance writes what the logs hold into new tables and syncs those before it is open. If that
///   fails too, it was not opened, and the first stays in place.
///
/// It also knows what has become of the log: whether a write to it ever failed, after which its
/// end is uncertain and this instance must not write again, and how much of it is synced.
/// Any thread. Outlives the instance.
class GuardedEnv {
  public:
    explicit GuardedEnv(std::shared_ptr<StoreDirectory> directory);
    ~GuardedEnv();
    GuardedEnv(const GuardedEnv&) = delete;
    GuardedEnv& operator=(const GuardedEnv&) = delete;

    [[nodiscard]] rocksdb::Env* env() const noexcept;
    /// Waits for the changes that are under way.
    void sever();
    /// Severed, or a write to a log failed.
    [[nodiscard]] bool must_reopen() const noexcept;
    struct Synced {
        Acknowledged::End log, manifest;
    };
    /// The log and the manifest that were synced last, and how much of them.
    [[nodiscard]] Synced synced() const;

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace zones
