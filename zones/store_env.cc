#include "zones/store_env.h"

#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <filesystem>
#include <optional>
#include <shared_mutex>
#include <utility>

#include "zones/store_files.h"

namespace zones {

namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

constexpr const char* kLockFile = "/LOCK";
constexpr const char* kNoteFile = "/acknowledged";
constexpr const char* kCurrentFile = "/CURRENT";
constexpr std::string_view kTableSuffix = ".sst";

base::Unexpected<base::Error> failure(const std::string& path, const IOStatus& status) {
    return base::fail(path + ": " + status.ToString());
}

}  // namespace

struct StoreDirectory::Note {
    std::unique_ptr<rocksdb::FSRandomRWFile> file;
};

// ---- StoreDirectory

StoreDirectory::StoreDirectory(std::string path, std::shared_ptr<rocksdb::FileSystem> files)
    : path_(std::move(path)), files_(std::move(files)), note_(std::make_unique<Note>()) {}

StoreDirectory::~StoreDirectory() {
    if (lock_ != nullptr) files_->UnlockFile(lock_, {}, nullptr).PermitUncheckedError();
}

base::Result<std::shared_ptr<StoreDirectory>> StoreDirectory::hold(const std::string& path,
                                                                   const std::string& file_system) {
    std::error_code error;
    // Keys and tokens are in there: a directory that is made here is for nobody else.
    if (std::filesystem::create_directories(path, error)) {
        std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
    }
    if (error) {
        return base::fail("store " + path + ": cannot create the directory: " + error.message());
    }
    std::shared_ptr<rocksdb::FileSystem> files = rocksdb::FileSystem::Default();
    if (!file_system.empty()) {
        const rocksdb::Status found =
            rocksdb::FileSystem::CreateFromString(rocksdb::ConfigOptions(), file_system, &files);
        if (!found.ok()) return base::fail("store " + path + ": " + found.ToString());
    }
    std::shared_ptr<StoreDirectory> directory(new StoreDirectory(path, std::move(files)));
    const IOStatus locked =
        directory->files_->LockFile(path + kLockFile, {}, &directory->lock_, nullptr);
    if (!locked.ok()) {
        directory->lock_ = nullptr;
        const std::string reason = locked.ToString();
        const bool held = reason.find("temporarily unavailable") != std::string::npos ||
                          reason.find("lock hold by current process") != std::string::npos;
        return base::fail("store " + path +
                          (held ? ": held by another process: " : ": cannot be opened: ") + reason);
    }
    return directory;
}

void StoreDirectory::remove_leftovers() {
    std::vector<std::string> names;
    // A directory that cannot be read is met again, and reported, when the database is opened.
    files_->GetChildren(path_, {}, &names, nullptr).PermitUncheckedError();
    for (const std::string& name : names) {
        if (!name.starts_with("load-") || !(name.ends_with(".sst") || name.ends_with(".run"))) {
            continue;
        }
        files_->DeleteFile(path_ + "/" + name, {}, nullptr).PermitUncheckedError();
    }
}

std::string StoreDirectory::log_path(std::uint64_t number) const {
    return path_ + "/" + log_name(number);
}

base::Result<std::set<std::uint64_t>> StoreDirectory::logs() const {
    std::vector<std::string> names;
    const IOStatus listed = files_->GetChildren(path_, {}, &names, nullptr);
    if (!listed.ok()) return failure(path_, listed);
    std::set<std::uint64_t> numbers;
    for (const std::string& name : names) {
        if (const auto number = log_number(name)) numbers.insert(*number);
    }
    return numbers;
}

base::Result<std::optional<std::uint64_t>> StoreDirectory::manifest() const {
    std::vector<std::string> names;
    const IOStatus listed = files_->GetChildren(path_, {}, &names, nullptr);
    if (!listed.ok()) return failure(path_, listed);
    bool used = false;
    bool current = false;
    for (const std::string& name : names) {
        used = used || name.ends_with(kTableSuffix) || name.ends_with(kLogSuffix);
        current = current || "/" + name == kCurrentFile;
    }
    if (!current) {
        // The database would begin anew, and delete what it does not know.
        if (used) return base::fail("its file CURRENT is missing");
        return std::optional<std::uint64_t>();
    }
    std::unique_ptr<rocksdb::FSSequentialFile> file;
    char scratch[64];
    rocksdb::Slice got;
    IOStatus status = files_->NewSequentialFile(path_ + kCurrentFile, {}, &file, nullptr);
    if (status.ok()) status = file->Read(sizeof scratch, {}, &got, scratch, nullptr);
    if (!status.ok()) return failure(path_ + kCurrentFile, status);
    std::string_view name = got.ToStringView();
    if (name.ends_with('\n')) name.remove_suffix(1);
    const auto number = manifest_number(name);
    if (!number) return base::fail("its file CURRENT makes no sense");
    return number;
}

base::Result<void> StoreDirectory::check_file(LogCheck& check, const std::string& path) const {
    std::unique_ptr<rocksdb::FSSequentialFile> file;
    IOStatus status = files_->NewSequentialFile(path, {}, &file, nullptr);
    std::string scratch(LogCheck::kBlockOctets, '\0');
    std::string block;
    for (bool more = true; status.ok() && more;) {
        block.clear();
        while (status.ok() && block.size() < LogCheck::kBlockOctets) {
            rocksdb::Slice got;
            status = file->Read(LogCheck::kBlockOctets - block.size(), {}, &got, scratch.data(),
                                nullptr);
            if (got.empty()) break;
            block.append(got.data(), got.size());
        }
        more = block.size() == LogCheck::kBlockOctets;
        if (!block.empty()) check.add(base::as_octets(block));
    }
    if (!status.ok()) return failure(path, status);
    check.end();
    return {};
}

base::Result<LogCheck> StoreDirectory::check_logs() const {
    LogCheck check(acknowledged());
    const auto current = manifest();
    if (!current) return base::fail(current.error());
    if (*current) {
        check.begin(LogCheck::Kind::Manifest, **current);
        const auto read = check_file(check, path_ + "/" + manifest_name(**current));
        if (!read) return base::fail(read.error());
    }
    const auto numbers = logs();
    if (!numbers) return base::fail(numbers.error());
    for (const std::uint64_t number : *numbers) {
        check.begin(LogCheck::Kind::Log, number);
        const auto read = check_file(check, log_path(number));
        if (!read) return base::fail(read.error());
    }
    check.finish();
    if (!check.damage().empty()) return base::fail(check.damage());
    return check;
}

std::optional<Acknowledged> StoreDirectory::acknowledged() const {
    std::unique_ptr<rocksdb::FSSequentialFile> file;
    if (!files_->NewSequentialFile(path_ + kNoteFile, {}, &file, nullptr).ok()) {
        return std::nullopt;  // a new store, or a copy
    }
    char scratch[Acknowledged::kOctets];
    rocksdb::Slice got;
    // What cannot be read or makes no sense tells nothing; the logs have their own numbers.
    if (!file->Read(sizeof scratch, {}, &got, scratch, nullptr).ok()) return std::nullopt;
    return Acknowledged::parse(base::as_octets(got.ToStringView()));
}

void StoreDirectory::acknowledge(const Acknowledged& what) {
    const std::string path = path_ + kNoteFile;
    const std::string octets = what.pack();
    if (note_->file == nullptr) {
        // It is written in place from now on, so that it needs no space when the disk is full.
        if (!files_->FileExists(path, {}, nullptr).ok()) {
            std::unique_ptr<rocksdb::FSWritableFile> fresh;
            IOStatus made = files_->NewWritableFile(path, {}, &fresh, nullptr);
            if (made.ok()) made = fresh->Append(octets, {}, nullptr);
            if (made.ok()) made = fresh->Close({}, nullptr);
            if (!made.ok()) return;  // the next one tries again; less is known meanwhile
        }
        if (!files_->NewRandomRWFile(path, {}, &note_->file, nullptr).ok()) return;
    }
    if (!note_->file->Write(0, octets, {}, nullptr).ok()) note_->file.reset();
}

void StoreDirectory::keep_tables() {
    const std::lock_guard lock(mutex_);
    ++keepers_;
}

void StoreDirectory::let_tables_go() {
    const std::lock_guard lock(mutex_);
    if (--keepers_ > 0) return;
    for (const std::string& path : tables_) {
        // One that stays costs space until the next start.
        files_->DeleteFile(path, {}, nullptr).PermitUncheckedError();
    }
    tables_.clear();
}

bool StoreDirectory::defer_table(const std::string& path) {
    if (!path.ends_with(kTableSuffix)) return false;
    const std::lock_guard lock(mutex_);
    if (keepers_ == 0) return false;
    tables_.insert(path);
    return true;
}

void StoreDirectory::delete_log(std::uint64_t number) {
    // A crash between two deletions then leaves no gap, which LogCheck would take for damage.
    const std::lock_guard lock(mutex_);
    logs_to_go_.insert(number);
    const auto there = logs();
    if (!there) return;
    for (const std::uint64_t oldest : *there) {
        if (logs_to_go_.count(oldest) == 0) return;
        if (!files_->DeleteFile(log_path(oldest), {}, nullptr).ok()) return;
        logs_to_go_.erase(oldest);
    }
}

void StoreDirectory::make_way(const std::string& path) {
    if (name_in(path_, path).empty()) return;
    const std::lock_guard lock(mutex_);
    tables_.erase(path);
    files_->DeleteFile(path, {}, nullptr).PermitUncheckedError();  // mostly there is none
}

// ---- GuardedEnv

/// What an instance's files have in common.
struct InstanceState {
    std::shared_mutex under_way;  // held shared by each change
    std::atomic<bool> severed{false};
    std::atomic<bool> log_failed{false};
    std::mutex mutex;
    GuardedEnv::Synced synced;  // guarded by mutex

    template <class Change>
    IOStatus change(const Change& change_it) {
        // Looked at before the lock too, so that `sever` is not kept waiting by newcomers.
        if (severed.load()) return refused();
        const std::shared_lock lock(under_way);
        if (severed.load()) return refused();
        return change_it();
    }
    static IOStatus refused() {
        return IOStatus::IOError("this instance of the database was given up");
    }
};

namespace {

class GuardedFile : public rocksdb::FSWritableFileOwnerWrapper {
  public:
    GuardedFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::shared_ptr<InstanceState> state,
                std::string_view name, std::uint64_t size)
        : FSWritableFileOwnerWrapper(std::move(file)),
          state_(std::move(state)),
          log_(log_number(name).value_or(0)),
          manifest_(manifest_number(name).value_or(0)),
          size_(size) {}

    using Base = rocksdb::FSWritableFileOwnerWrapper;

    IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                    IODebugContext* debug) override {
        return grown(data, change([&] { return Base::Append(data, options, debug); }));
    }
    IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                    const rocksdb::DataVerificationInfo& info, IODebugContext* debug) override {
        return grown(data, change([&] { return Base::Append(data, options, info, debug); }));
    }
    IOStatus PositionedAppend(const rocksdb::Slice& data, uint64_t offset, const IOOptions& options,
                              IODebugContext* debug) override {
        return change([&] { return Base::PositionedAppend(data, offset, options, debug); });
    }
    IOStatus PositionedAppend(const rocksdb::Slice& data, uint64_t offset, const IOOptions& options,
                              const rocksdb::DataVerificationInfo& info,
                              IODebugContext* debug) override {
        return change([&] { return Base::PositionedAppend(data, offset, options, info, debug); });
    }
    IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* debug) override {
        return change([&] { return Base::Truncate(size, options, debug); });
    }
    IOStatus Flush(const IOOptions& options, IODebugContext* debug) override {
        return change([&] { return Base::Flush(options, debug); });
    }
    IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
        return synced(change([&] { return Base::Sync(options, debug); }));
    }
    IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
        return synced(change([&] { return Base::Fsync(options, debug); }));
    }
    IOStatus RangeSync(uint64_t offset, uint64_t octets, const IOOptions& options,
                       IODebugContext* debug) override {
        return change([&] { return Base::RangeSync(offset, octets, options, debug); });
    }
    IOStatus Allocate(uint64_t offset, uint64_t octets, const IOOptions& options,
                      IODebugContext* debug) override {
        return change([&] { return Base::Allocate(offset, octets, options, debug); });
    }
    void PrepareWrite(size_t offset, size_t octets, const IOOptions& options,
                      IODebugContext* debug) override {
        (void)state_->change([&] {
            Base::PrepareWrite(offset, octets, options, debug);
            return IOStatus::OK();
        });
    }
    // Close goes through: it ends a descriptor, and at most trims its own file's spare room.

  private:
    template <class Change>
    IOStatus change(const Change& change_it) {
        IOStatus status = state_->change(change_it);
        if (!status.ok() && log_ != 0) state_->log_failed.store(true);
        return status;
    }
    IOStatus grown(const rocksdb::Slice& data, IOStatus status) {
        if (status.ok()) size_ += data.size();
        return status;
    }
    IOStatus synced(IOStatus status) {
        if (!status.ok()) return status;
        const std::lock_guard lock(state_->mutex);
        if (log_ != 0) state_->synced.log = {log_, size_};
        if (manifest_ != 0) state_->synced.manifest = {manifest_, size_};
        return status;
    }

    const std::shared_ptr<InstanceState> state_;
    const std::uint64_t log_;       // its number; 0: not a log
    const std::uint64_t manifest_;  // the same of a manifest
    std::uint64_t size_;            // the writer's thread alone
};

class GuardedRandomFile : public rocksdb::FSRandomRWFileOwnerWrapper {
  public:
    GuardedRandomFile(std::unique_ptr<rocksdb::FSRandomRWFile> file,
                      std::shared_ptr<InstanceState> state)
        : FSRandomRWFileOwnerWrapper(std::move(file)), state_(std::move(state)) {}

    using Base = rocksdb::FSRandomRWFileOwnerWrapper;

    IOStatus Write(uint64_t offset, const rocksdb::Slice& data, const IOOptions& options,
                   IODebugContext* debug) override {
        return state_->change([&] { return Base::Write(offset, data, options, debug); });
    }
    IOStatus Flush(const IOOptions& options, IODebugContext* debug) override {
        return state_->change([&] { return Base::Flush(options, debug); });
    }
    IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
        return state_->change([&] { return Base::Sync(options, debug); });
    }
    IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
        return state_->change([&] { return Base::Fsync(options, debug); });
    }

  private:
    const std::shared_ptr<InstanceState> state_;
};

class GuardedDirectory : public rocksdb::FSDirectoryWrapper {
  public:
    GuardedDirectory(std::unique_ptr<rocksdb::FSDirectory> directory,
                     std::shared_ptr<InstanceState> state)
        : FSDirectoryWrapper(std::move(directory)), state_(std::move(state)) {}

    using Base = rocksdb::FSDirectoryWrapper;

    IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
        return noted(state_->change([&] { return Base::Fsync(options, debug); }));
    }
    IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                                 const rocksdb::DirFsyncOptions& what) override {
        return noted(
            state_->change([&] { return Base::FsyncWithDirOptions(options, debug, what); }));
    }

  private:
    /// It may have been the name of a new log that is not on the disk.
    IOStatus noted(IOStatus status) {
        if (!status.ok()) state_->log_failed.store(true);
        return status;
    }

    const std::shared_ptr<InstanceState> state_;
};

/// Stands for the lock that StoreDirectory holds.
class NominalLock : public rocksdb::FileLock {};

}  // namespace

class GuardedFileSystem : public rocksdb::FileSystemWrapper {
  public:
    GuardedFileSystem(std::shared_ptr<StoreDirectory> directory,
                      std::shared_ptr<InstanceState> state)
        : FileSystemWrapper(directory->files()),
          directory_(std::move(directory)),
          state_(std::move(state)) {}

    [[nodiscard]] const char* Name() const override { return "GuardedFileSystem"; }

    IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                             std::unique_ptr<rocksdb::FSWritableFile>* file,
                             IODebugContext* debug) override {
        return open_file(path, 0, file, [&](auto* raw) {
            directory_->make_way(path);
            return target_->NewWritableFile(path, options, raw, debug);
        });
    }
    IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                std::unique_ptr<rocksdb::FSWritableFile>* file,
                                IODebugContext* debug) override {
        uint64_t size = 0;
        if (!target_->GetFileSize(path, {}, &size, debug).ok()) size = 0;
        return open_file(path, size, file, [&](auto* raw) {
            return target_->ReopenWritableFile(path, options, raw, debug);
        });
    }
    IOStatus ReuseWritableFile(const std::string& path, const std::string& old_path,
                               const rocksdb::FileOptions& options,
                               std::unique_ptr<rocksdb::FSWritableFile>* file,
                               IODebugContext* debug) override {
        return open_file(path, 0, file, [&](auto* raw) {
            return target_->ReuseWritableFile(path, old_path, options, raw, debug);
        });
    }
    IOStatus NewRandomRWFile(const std::string& path, const rocksdb::FileOptions& options,
                             std::unique_ptr<rocksdb::FSRandomRWFile>* file,
                             IODebugContext* debug) override {
        std::unique_ptr<rocksdb::FSRandomRWFile> raw;
        IOStatus status =
            change([&] { return target_->NewRandomRWFile(path, options, &raw, debug); });
        if (status.ok()) *file = std::make_unique<GuardedRandomFile>(std::move(raw), state_);
        return status;
    }
    IOStatus NewMemoryMappedFileBuffer(
        const std::string& path,
        std::unique_ptr<rocksdb::MemoryMappedFileBuffer>* buffer) override {
        (void)buffer;
        return IOStatus::NotSupported(path, "memory that is written to cannot be guarded");
    }
    IOStatus NewDirectory(const std::string& path, const IOOptions& options,
                          std::unique_ptr<rocksdb::FSDirectory>* directory,
                          IODebugContext* debug) override {
        std::unique_ptr<rocksdb::FSDirectory> raw;
        IOStatus status = target_->NewDirectory(path, options, &raw, debug);
        if (status.ok()) *directory = std::make_unique<GuardedDirectory>(std::move(raw), state_);
        return status;
    }
    IOStatus DeleteFile(const std::string& path, const IOOptions& options,
                        IODebugContext* debug) override {
        if (state_->severed.load()) return IOStatus::OK();  // none of its business any more
        return change([&] {
            const std::string_view name = name_in(directory_->path(), path);
            if (const auto number = log_number(name)) {
                directory_->delete_log(*number);
                return IOStatus::OK();
            }
            if (!name.empty() && directory_->defer_table(path)) return IOStatus::OK();
            return target_->DeleteFile(path, options, debug);
        });
    }
    IOStatus Truncate(const std::string& path, size_t size, const IOOptions& options,
                      IODebugContext* debug) override {
        return change([&] { return target_->Truncate(path, size, options, debug); });
    }
    IOStatus CreateDir(const std::string& path, const IOOptions& options,
                       IODebugContext* debug) override {
        return change([&] { return target_->CreateDir(path, options, debug); });
    }
    IOStatus CreateDirIfMissing(const std::string& path, const IOOptions& options,
                                IODebugContext* debug) override {
        return change([&] { return target_->CreateDirIfMissing(path, options, debug); });
    }
    IOStatus DeleteDir(const std::string& path, const IOOptions& options,
                       IODebugContext* debug) override {
        return change([&] { return target_->DeleteDir(path, options, debug); });
    }
    IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                        IODebugContext* debug) override {
        return change([&] { return target_->RenameFile(from, to, options, debug); });
    }
    IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
        return change([&] {
            directory_->make_way(to);
            return target_->LinkFile(from, to, options, debug);
        });
    }
    IOStatus LockFile(const std::string& path, const IOOptions& options, rocksdb::FileLock** lock,
                      IODebugContext* debug) override {
        if (path != directory_->path() + kLockFile) {
            return target_->LockFile(path, options, lock, debug);
        }
        *lock = new NominalLock;
        return IOStatus::OK();
    }
    IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions& options,
                        IODebugContext* debug) override {
        if (dynamic_cast<NominalLock*>(lock) == nullptr) {
            return target_->UnlockFile(lock, options, debug);
        }
        delete lock;
        return IOStatus::OK();
    }

  private:
    template <class Change>
    IOStatus change(const Change& change_it) {
        return state_->change(change_it);
    }
    template <class Open>
    IOStatus open_file(const std::string& path, std::uint64_t size,
                       std::unique_ptr<rocksdb::FSWritableFile>* file, const Open& open) {
        std::unique_ptr<rocksdb::FSWritableFile> raw;
        IOStatus status = change([&] { return open(&raw); });
        if (!status.ok()) return status;
        *file = std::make_unique<GuardedFile>(std::move(raw), state_,
                                              name_in(directory_->path(), path), size);
        return status;
    }

    const std::shared_ptr<StoreDirectory> directory_;
    const std::shared_ptr<InstanceState> state_;
};

struct GuardedEnv::Parts {
    std::shared_ptr<StoreDirectory> directory;
    std::shared_ptr<InstanceState> state = std::make_shared<InstanceState>();
    std::unique_ptr<rocksdb::Env> env;
    bool keeps_tables = false;
};

GuardedEnv::GuardedEnv(std::shared_ptr<StoreDirectory> directory)
    : parts_(std::make_unique<Parts>()) {
    parts_->directory = std::move(directory);
    parts_->env = rocksdb::NewCompositeEnv(
        std::make_shared<GuardedFileSystem>(parts_->directory, parts_->state));
}

GuardedEnv::~GuardedEnv() {
    parts_->env.reset();
    if (parts_->keeps_tables) parts_->directory->let_tables_go();
}

rocksdb::Env* GuardedEnv::env() const noexcept {
    return parts_->env.get();
}

void GuardedEnv::sever() {
    if (parts_->state->severed.exchange(true)) return;
    const std::unique_lock wait(parts_->state->under_way);
    parts_->directory->keep_tables();
    parts_->keeps_tables = true;
}

bool GuardedEnv::must_reopen() const noexcept {
    return parts_->state->severed.load() || parts_->state->log_failed.load();
}

GuardedEnv::Synced GuardedEnv::synced() const {
    const std::lock_guard lock(parts_->state->mutex);
    return parts_->state->synced;
}

}  // namespace zones
