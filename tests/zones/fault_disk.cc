#include "tests/zones/fault_disk.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/utilities/object_registry.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

namespace zones_test {

namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

constexpr std::size_t kSector = 512;

struct File {
    std::string octets;
    std::size_t synced = 0;             // of a file that grows
    std::optional<std::string> before;  // as synced, of one that is written in place
};
using Names = std::map<std::string, std::shared_ptr<File>>;

/// A change of names that no directory sync has made last.
struct NameChange {
    std::string from;  // empty: made
    std::string to;    // empty: removed
    std::shared_ptr<File> file;
};

void rename_in(Names& names, const NameChange& change) {
    if (!change.from.empty()) names.erase(change.from);
    if (!change.to.empty()) names[change.to] = change.file;
}

}  // namespace

struct FaultDisk::State {
    mutable std::mutex mutex;
    Names names;                       // guarded by mutex, as all that follows
    Names lasting;                     // as of the last sync of a directory
    std::vector<NameChange> unsynced;  // since
    std::set<std::string> locked;

    std::uint64_t operations = 0;
    std::uint64_t power_lost_at = 0;  // 0: never
    std::uint32_t seed = 0;
    std::function<void()> on_loss;
    std::optional<Names> left;  // after the loss

    std::optional<Failure> failure;
    std::uint64_t failures = 0;

    void change_name(NameChange change) {
        rename_in(names, change);
        unsynced.push_back(std::move(change));
    }

    /// Before each change. What is not OK is given to the database.
    IOStatus before_change(Kind kind, const std::string& name) {
        ++operations;
        if (operations == power_lost_at) lose_power();
        if (!failure) return IOStatus::OK();
        if (name.find(failure->in_name) == std::string::npos) return IOStatus::OK();
        if (std::find(failure->kinds.begin(), failure->kinds.end(), kind) == failure->kinds.end()) {
            return IOStatus::OK();
        }
        if (failure->after > 0) {
            --failure->after;
            return IOStatus::OK();
        }
        if (failure->times == 0) return IOStatus::OK();
        --failure->times;
        ++failures;
        return failure->no_space ? IOStatus::NoSpace(name, "no space, as the test wants it")
                                 : IOStatus::IOError(name, "failed, as the test wants it");
    }

    void lose_power() {
        on_loss();
        std::mt19937 random(seed);
        Names kept = lasting;
        const std::size_t changes = random() % (unsynced.size() + 1);
        for (std::size_t i = 0; i < changes; ++i) rename_in(kept, unsynced[i]);
        std::map<const File*, std::shared_ptr<File>> copies;  // links stay links
        for (auto& item : kept) {
            std::shared_ptr<File>& copy = copies[item.second.get()];
            if (copy == nullptr) copy = torn(*item.second, random);
            item.second = copy;
        }
        left = std::move(kept);
    }

    static std::shared_ptr<File> torn(const File& file, std::mt19937& random) {
        auto copy = std::make_shared<File>();
        if (file.before) {
            copy->octets = random() % 2 == 0 ? *file.before : file.octets;
        } else {
            const std::size_t unsynced = file.octets.size() - file.synced;
            const std::size_t size = file.synced + random() % (unsynced + 1);
            copy->octets = file.octets.substr(0, size);
            // Its sectors reach the disk in any order: some of the end are zeros or rubbish.
            const auto how = random() % 4;
            for (std::size_t at = file.synced; how != 0 && at < size;
                 at = (at / kSector + 1) * kSector) {
                if (random() % 3 != 0) continue;
                const std::size_t end = std::min(size, (at / kSector + 1) * kSector);
                for (std::size_t i = at; i < end; ++i) {
                    copy->octets[i] = how == 1 ? '\0' : static_cast<char>(random() & 0xff);
                }
            }
        }
        copy->synced = copy->octets.size();
        return copy;
    }
};

namespace {

using State = FaultDisk::State;
using Kind = FaultDisk::Kind;

IOStatus not_found(const std::string& name) {
    return IOStatus::NotFound(name, "no such file");
}

/// Of files that are open: they stay there when their name goes.
struct Open {
    std::shared_ptr<State> state;
    std::shared_ptr<File> file;
    std::string name;

    IOStatus read(std::uint64_t offset, std::size_t wanted, Slice* result, char* scratch) const {
        const std::lock_guard lock(state->mutex);
        const std::size_t size = file->octets.size();
        const std::size_t from = std::min<std::size_t>(offset, size);
        const std::size_t got = std::min(wanted, size - from);
        std::memcpy(scratch, file->octets.data() + from, got);
        *result = Slice(scratch, got);
        return IOStatus::OK();
    }
    IOStatus sync() const {
        const std::lock_guard lock(state->mutex);
        IOStatus status = state->before_change(Kind::Sync, name);
        if (!status.ok()) return status;
        file->synced = file->octets.size();
        file->before.reset();
        return status;
    }
};

class Sequential : public rocksdb::FSSequentialFile {
  public:
    explicit Sequential(Open open) : open_(std::move(open)) {}
    IOStatus Read(size_t wanted, const IOOptions&, Slice* result, char* scratch,
                  IODebugContext*) override {
        IOStatus status = open_.read(at_, wanted, result, scratch);
        at_ += result->size();
        return status;
    }
    IOStatus Skip(uint64_t octets) override {
        at_ += octets;
        return IOStatus::OK();
    }

  private:
    const Open open_;
    std::uint64_t at_ = 0;
};

class RandomAccess : public rocksdb::FSRandomAccessFile {
  public:
    explicit RandomAccess(Open open) : open_(std::move(open)) {}
    IOStatus Read(uint64_t offset, size_t wanted, const IOOptions&, Slice* result, char* scratch,
                  IODebugContext*) const override {
        return open_.read(offset, wanted, result, scratch);
    }

  private:
    const Open open_;
};

class Writable : public rocksdb::FSWritableFile {
  public:
    explicit Writable(Open open) : open_(std::move(open)) {}
    using rocksdb::FSWritableFile::Append;
    IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
        const std::lock_guard lock(open_.state->mutex);
        std::string& octets = open_.file->octets;
        // The power may go with part of it written; and a failure leaves part of it.
        const std::size_t half = data.size() / 2;
        octets.append(data.data(), half);
        IOStatus status = open_.state->before_change(Kind::Write, open_.name);
        if (status.ok()) octets.append(data.data() + half, data.size() - half);
        return status;
    }
    IOStatus Truncate(uint64_t size, const IOOptions&, IODebugContext*) override {
        const std::lock_guard lock(open_.state->mutex);
        open_.file->octets.resize(size);
        open_.file->synced = std::min<std::size_t>(open_.file->synced, size);
        return IOStatus::OK();
    }
    IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
    IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
    IOStatus Sync(const IOOptions&, IODebugContext*) override { return open_.sync(); }
    uint64_t GetFileSize(const IOOptions&, IODebugContext*) override {
        const std::lock_guard lock(open_.state->mutex);
        return open_.file->octets.size();
    }

  private:
    const Open open_;
};

class InPlace : public rocksdb::FSRandomRWFile {
  public:
    explicit InPlace(Open open) : open_(std::move(open)) {}
    IOStatus Write(uint64_t offset, const Slice& data, const IOOptions&, IODebugContext*) override {
        const std::lock_guard lock(open_.state->mutex);
        IOStatus status = open_.state->before_change(Kind::Write, open_.name);
        if (!status.ok()) return status;
        File& file = *open_.file;
        if (!file.before) file.before = file.octets.substr(0, file.synced);
        if (file.octets.size() < offset + data.size()) file.octets.resize(offset + data.size());
        std::memcpy(file.octets.data() + offset, data.data(), data.size());
        return status;
    }
    IOStatus Read(uint64_t offset, size_t wanted, const IOOptions&, Slice* result, char* scratch,
                  IODebugContext*) const override {
        return open_.read(offset, wanted, result, scratch);
    }
    IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
    IOStatus Sync(const IOOptions&, IODebugContext*) override { return open_.sync(); }
    IOStatus Fsync(const IOOptions&, IODebugContext*) override { return open_.sync(); }
    IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

  private:
    const Open open_;
};

class Directory : public rocksdb::FSDirectory {
  public:
    explicit Directory(std::shared_ptr<State> state) : state_(std::move(state)) {}
    IOStatus Fsync(const IOOptions&, IODebugContext*) override {
        const std::lock_guard lock(state_->mutex);
        IOStatus status = state_->before_change(Kind::Sync, "directory");
        if (!status.ok()) return status;
        state_->lasting = state_->names;
        state_->unsynced.clear();
        return status;
    }
    IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

  private:
    const std::shared_ptr<State> state_;
};

class Lock : public rocksdb::FileLock {
  public:
    explicit Lock(std::string path) : name(std::move(path)) {}
    const std::string name;
};

class Files : public rocksdb::FileSystemWrapper {
  public:
    explicit Files(std::shared_ptr<State> state)
        : FileSystemWrapper(FileSystem::Default()), state_(std::move(state)) {}
    [[nodiscard]] const char* Name() const override { return "FaultDisk"; }

    IOStatus NewSequentialFile(const std::string& name, const rocksdb::FileOptions&,
                               std::unique_ptr<rocksdb::FSSequentialFile>* file,
                               IODebugContext*) override {
        return open<Sequential>(name, file);
    }
    IOStatus NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions&,
                                 std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                 IODebugContext*) override {
        return open<RandomAccess>(name, file);
    }
    IOStatus NewRandomRWFile(const std::string& name, const rocksdb::FileOptions&,
                             std::unique_ptr<rocksdb::FSRandomRWFile>* file,
                             IODebugContext*) override {
        return open<InPlace>(name, file);
    }
    IOStatus ReopenWritableFile(const std::string& name, const rocksdb::FileOptions&,
                                std::unique_ptr<rocksdb::FSWritableFile>* file,
                                IODebugContext*) override {
        return open<Writable>(name, file);
    }
    IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions&,
                             std::unique_ptr<rocksdb::FSWritableFile>* file,
                             IODebugContext*) override {
        const std::lock_guard lock(state_->mutex);
        IOStatus status = state_->before_change(Kind::Name, name);
        if (!status.ok()) return status;
        const auto made = std::make_shared<File>();
        state_->change_name({"", name, made});
        *file = std::make_unique<Writable>(Open{state_, made, name});
        return status;
    }
    IOStatus ReuseWritableFile(const std::string& name, const std::string&,
                               const rocksdb::FileOptions&,
                               std::unique_ptr<rocksdb::FSWritableFile>*,
                               IODebugContext*) override {
        return IOStatus::NotSupported(name);
    }
    IOStatus NewDirectory(const std::string&, const IOOptions&,
                          std::unique_ptr<rocksdb::FSDirectory>* directory,
                          IODebugContext*) override {
        *directory = std::make_unique<Directory>(state_);
        return IOStatus::OK();
    }
    IOStatus FileExists(const std::string& name, const IOOptions&, IODebugContext*) override {
        const std::lock_guard lock(state_->mutex);
        return state_->names.count(name) != 0 ? IOStatus::OK() : not_found(name);
    }
    IOStatus GetChildren(const std::string& directory, const IOOptions&,
                         std::vector<std::string>* children, IODebugContext*) override {
        const std::lock_guard lock(state_->mutex);
        children->clear();
        for (const auto& item : state_->names) {
            if (!item.first.starts_with(directory + "/")) continue;
            children->push_back(item.first.substr(directory.size() + 1));
        }
        return IOStatus::OK();
    }
    IOStatus DeleteFile(const std::string& name, const IOOptions&, IODebugContext*) override {
        const std::lock_guard lock(state_->mutex);
        if (state_->names.count(name) == 0) return not_found(name);
        IOStatus status = state_->before_change(Kind::Name, name);
        if (status.ok()) state_->change_name({name, "", nullptr});
        return status;
    }
    IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions&,
                        IODebugContext*) override {
        const std::lock_guard lock(state_->mutex);
        const auto file = state_->names.find(from);
        if (file == state_->names.end()) return not_found(from);
        IOStatus status = state_->before_change(Kind::Name, from);
        if (status.ok()) state_->change_name({from, to, file->second});
        return status;
    }
    IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions&,
                      IODebugContext*) override {
        const std::lock_guard lock(state_->mutex);
        const auto file = state_->names.find(from);
        if (file == state_->names.end()) return not_found(from);
        IOStatus status = state_->before_change(Kind::Name, to);
        if (status.ok()) state_->change_name({"", to, file->second});
        return status;
    }
    IOStatus GetFileSize(const std::string& name, const IOOptions&, uint64_t* size,
                         IODebugContext*) override {
        const std::lock_guard lock(state_->mutex);
        const auto file = state_->names.find(name);
        if (file == state_->names.end()) return not_found(name);
        *size = file->second->octets.size();
        return IOStatus::OK();
    }
    IOStatus GetFileModificationTime(const std::string&, const IOOptions&, uint64_t* time,
                                     IODebugContext*) override {
        *time = 1767614400;
        return IOStatus::OK();
    }
    IOStatus CreateDir(const std::string&, const IOOptions&, IODebugContext*) override {
        return IOStatus::OK();
    }
    IOStatus CreateDirIfMissing(const std::string&, const IOOptions&, IODebugContext*) override {
        return IOStatus::OK();
    }
    IOStatus IsDirectory(const std::string& name, const IOOptions&, bool* is,
                         IODebugContext*) override {
        const std::lock_guard lock(state_->mutex);
        *is = state_->names.count(name) == 0;
        return IOStatus::OK();
    }
    IOStatus LockFile(const std::string& name, const IOOptions&, rocksdb::FileLock** lock,
                      IODebugContext*) override {
        const std::lock_guard guard(state_->mutex);
        if (!state_->locked.insert(name).second) return IOStatus::IOError(name, "locked");
        *lock = new Lock(name);
        return IOStatus::OK();
    }
    IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
        const std::lock_guard guard(state_->mutex);
        const auto* ours = dynamic_cast<Lock*>(lock);
        if (ours == nullptr) return IOStatus::InvalidArgument("not a lock of this disk");
        state_->locked.erase(ours->name);
        delete lock;
        return IOStatus::OK();
    }

  private:
    template <class Kind, class Out>
    IOStatus open(const std::string& name, Out* out) {
        const std::lock_guard lock(state_->mutex);
        const auto file = state_->names.find(name);
        if (file == state_->names.end()) return not_found(name);
        *out = std::make_unique<Kind>(Open{state_, file->second, name});
        return IOStatus::OK();
    }

    const std::shared_ptr<State> state_;
};

}  // namespace

FaultDisk::FaultDisk() : state_(std::make_shared<State>()) {
    static std::atomic<unsigned> next{0};
    address_ = "fault-disk-" + std::to_string(next.fetch_add(1));
    // The registry has no way to take a factory back; it keeps no disk.
    rocksdb::ObjectLibrary::Default()->AddFactory<rocksdb::FileSystem>(
        address_,
        [weak = std::weak_ptr<State>(state_)](const std::string&,
                                              std::unique_ptr<rocksdb::FileSystem>* out,
                                              std::string* error) -> rocksdb::FileSystem* {
            auto state = weak.lock();
            if (state == nullptr) {
                *error = "the disk is gone";
                return nullptr;
            }
            *out = std::make_unique<Files>(std::move(state));
            return out->get();
        });
}

FaultDisk::~FaultDisk() = default;

std::uint64_t FaultDisk::operations() const {
    const std::lock_guard lock(state_->mutex);
    return state_->operations;
}

void FaultDisk::lose_power_at(std::uint64_t operation, std::uint32_t seed,
                              std::function<void()> now) {
    const std::lock_guard lock(state_->mutex);
    state_->power_lost_at = state_->operations + operation;
    state_->seed = seed;
    state_->on_loss = std::move(now);
    state_->left.reset();
}

bool FaultDisk::lost_power() const {
    const std::lock_guard lock(state_->mutex);
    return state_->left.has_value();
}

void FaultDisk::restore_power() {
    const std::lock_guard lock(state_->mutex);
    if (!state_->left) state_->lose_power();
    state_->power_lost_at = 0;
    state_->names = std::move(*state_->left);
    state_->left.reset();
    state_->lasting = state_->names;
    state_->unsynced.clear();
}

void FaultDisk::fail(Failure failure) {
    const std::lock_guard lock(state_->mutex);
    state_->failure = std::move(failure);
}

void FaultDisk::heal() {
    const std::lock_guard lock(state_->mutex);
    state_->failure.reset();
}

std::uint64_t FaultDisk::failures() const {
    const std::lock_guard lock(state_->mutex);
    return state_->failures;
}

std::map<std::string, std::size_t> FaultDisk::files(std::string_view in_name) const {
    const std::lock_guard lock(state_->mutex);
    std::map<std::string, std::size_t> out;
    for (const auto& item : state_->names) {
        if (item.first.find(in_name) != std::string::npos) {
            out[item.first] = item.second->octets.size();
        }
    }
    return out;
}

void FaultDisk::flip_bit(const std::string& name, std::size_t octet, unsigned bit) {
    const std::lock_guard lock(state_->mutex);
    char& at = state_->names.at(name)->octets.at(octet);
    at = static_cast<char>(static_cast<unsigned char>(at) ^ (1U << bit));
}

void FaultDisk::cut(const std::string& name, std::size_t octets) {
    const std::lock_guard lock(state_->mutex);
    File& file = *state_->names.at(name);
    file.octets.resize(octets);
    file.synced = std::min(file.synced, octets);
}

void FaultDisk::remove(const std::string& name) {
    const std::lock_guard lock(state_->mutex);
    state_->change_name({name, "", nullptr});
}

}  // namespace zones_test
