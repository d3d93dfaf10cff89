#include "zones/backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

namespace zones {

namespace {

namespace fs = std::filesystem;

// The manifest: a line each of "meridian-backup 1", "format F", "revision N", "time T" (Unix
// microseconds).
constexpr const char* kManifest = "manifest";
constexpr std::string_view kFirstLine = "meridian-backup 1";
constexpr const char* kStore = "store";
constexpr std::size_t kCopyOctets = std::size_t{1} << 20;

base::Unexpected<base::Error> failed(const fs::path& what, const char* did) {
    return base::fail(what.string() + ": cannot " + did + ": " + std::strerror(errno));
}

class Descriptor {
  public:
    Descriptor(const fs::path& path, int flags)
        : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const { return fd_; }

  private:
    const int fd_;
};

/// A file's octets, or a directory's entries, on the disk.
base::Result<void> sync(const fs::path& path) {
    const Descriptor file(path, O_RDONLY);
    if (file.get() < 0) return failed(path, "open");
    if (::fsync(file.get()) != 0) return failed(path, "sync");
    return {};
}

/// For nobody else: keys and tokens are in there, whatever the umask.
base::Result<void> make_directory(const fs::path& path) {
    if (::mkdir(path.c_str(), S_IRWXU) == 0) return {};
    if (errno == EEXIST) return base::fail(path.string() + ": exists already");
    return failed(path, "create");
}

/// The entry of `path` in its parent, on the disk.
base::Result<void> sync_parent(const fs::path& path) {
    return sync(path.has_parent_path() ? path.parent_path() : fs::path("."));
}

base::Result<void> write_file(const fs::path& path, std::string_view text) {
    const Descriptor file(path, O_WRONLY | O_CREAT | O_EXCL);
    if (file.get() < 0) return failed(path, "create");
    while (!text.empty()) {
        const ssize_t written = ::write(file.get(), text.data(), text.size());
        if (written < 0) return failed(path, "write");
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(file.get()) != 0) return failed(path, "sync");
    return {};
}

base::Result<void> copy_synced(const fs::path& from, const fs::path& to) {
    const Descriptor in(from, O_RDONLY);
    if (in.get() < 0) return failed(from, "open");
    const Descriptor out(to, O_WRONLY | O_CREAT | O_EXCL);
    if (out.get() < 0) return failed(to, "create");
    std::vector<char> buffer(kCopyOctets);
    for (;;) {
        const ssize_t got = ::read(in.get(), buffer.data(), buffer.size());
        if (got < 0) return failed(from, "read");
        if (got == 0) break;
        for (ssize_t done = 0; done < got;) {
            const ssize_t written =
                ::write(out.get(), buffer.data() + done, static_cast<std::size_t>(got - done));
            if (written < 0) return failed(to, "write");
            done += written;
        }
    }
    if (::fsync(out.get()) != 0) return failed(to, "sync");
    return {};
}

base::Result<Backup> read_manifest(const fs::path& directory) {
    const fs::path path = directory / kManifest;
    std::ifstream in(path);
    std::string line;
    if (!in || !std::getline(in, line) || line != kFirstLine) {
        return base::fail(directory.string() + ": holds no backup of this program");
    }
    Backup backup;
    bool revision = false;
    bool time = false;
    while (std::getline(in, line)) {
        std::istringstream words(line);
        std::string key;
        std::string value;
        words >> key >> value;
        if (key == "format") backup.format = value;
        if (key == "revision") {
            std::istringstream number(value);
            revision = static_cast<bool>(number >> backup.revision);
        }
        if (key == "time") {
            std::istringstream number(value);
            std::int64_t us = 0;
            time = static_cast<bool>(number >> us) && us >= 0 && us <= base::kMaxUnixUs;
            if (time) backup.time = base::from_unix_us(us);
        }
    }
    if (backup.format.empty() || !revision || !time) {
        return base::fail(path.string() + ": is damaged");
    }
    return backup;
}

base::Result<void> copy_tree(const fs::path& from, const fs::path& to) {
    auto created = make_directory(to);
    if (!created) return created;
    std::error_code error;
    for (fs::directory_iterator file(from, error), end; !error && file != end;
         file.increment(error)) {
        // A checkpoint has no folders and no links; what else lies there is none of ours.
        if (!file->is_regular_file(error) || file->is_symlink(error)) continue;
        auto copied = copy_synced(file->path(), to / file->path().filename());
        if (!copied) return copied;
    }
    if (error) return base::fail(from.string() + ": cannot read: " + error.message());
    return sync(to);
}

}  // namespace

base::Result<Backup> make_backup(KeyValueStore& store, const std::string& directory,
                                 const Backup& what) {
    fs::path target(directory);
    if (!target.has_filename()) target = target.parent_path();  // it ended with a slash
    const auto created = make_directory(target);
    if (!created) return base::fail(created.error().message);
    const auto make = [&]() -> base::Result<void> {
        auto made = store.checkpoint((target / kStore).string());
        if (!made) return made;
        std::ostringstream manifest;
        manifest << kFirstLine << "\nformat " << what.format << "\nrevision " << what.revision
                 << "\ntime " << base::to_unix_us(what.time) << '\n';
        made = write_file(target / kManifest, manifest.str());
        if (!made) return made;
        made = sync(target);
        return made ? sync_parent(target) : made;
    };
    const auto made = make();
    if (made) return what;
    std::error_code error;
    fs::remove_all(target, error);
    return base::fail(made.error().message);
}

base::Result<Backup> restore_backup(const std::string& directory,
                                    const std::string& store_directory) {
    const fs::path target(store_directory);
    const fs::path unfinished(store_directory + ".restoring");
    std::error_code error;
    if (fs::exists(fs::symlink_status(target, error))) {
        return base::fail(store_directory +
                          ": exists; move it away first, nothing is restored over a store");
    }
    auto backup = read_manifest(directory);
    if (!backup) return backup;
    if (target.has_parent_path()) fs::create_directories(target.parent_path(), error);
    fs::remove_all(unfinished, error);  // of a restore that was cut off
    const auto copied = copy_tree(fs::path(directory) / kStore, unfinished);
    if (!copied) {
        fs::remove_all(unfinished, error);
        return base::fail(copied.error().message);
    }
    fs::rename(unfinished, target, error);
    if (error) return base::fail(store_directory + ": cannot rename: " + error.message());
    const auto synced = sync_parent(target);
    if (!synced) return base::fail(synced.error().message);
    return backup;
}

}  // namespace zones
