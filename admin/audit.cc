#include "admin/audit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <mutex>
#include <sstream>

#include "admin/context.h"
#include "admin/json.h"
#include "net/descriptor.h"
#include "server/log.h"

namespace admin {

namespace {

std::string path_of(const std::string& directory, bool older) {
    return directory + (older ? "/audit.log.1" : "/audit.log");
}

std::string cut(const std::string& text) {
    return text.substr(0, Audit::kMaxText);
}

// The id that a line begins with; 0: it was cut off by a crash.
std::uint64_t id_of(std::string_view line) {
    constexpr std::string_view kStart = "{\"id\":";
    if (!line.starts_with(kStart) || !line.ends_with('}')) return 0;
    std::uint64_t id = 0;
    std::from_chars(line.data() + kStart.size(), line.data() + line.size(), id);
    return id;
}

}  // namespace

struct Audit::File {
    std::string directory;
    std::mutex mutex;
    std::string waiting;    // guarded by mutex
    bool writing = false;   // guarded by mutex: somebody takes what waits
    bool troubled = false;  // of who writes: the log has been told

    // Writes until nothing waits. One at a time.
    void work() {
        while (true) {
            std::string lines;
            {
                const std::lock_guard lock(mutex);
                lines.swap(waiting);
                writing = !lines.empty();
            }
            if (lines.empty()) return;
            const std::string wrong = append(lines);
            if (!wrong.empty() && !troubled) server::log_error(wrong);
            troubled = !wrong.empty();
        }
    }

    // Empty, or what was wrong.
    [[nodiscard]] std::string append(const std::string& lines) const {
        const std::string path = path_of(directory, false);
        const auto failed = [&] { return path + ": " + std::strerror(errno); };
        struct stat info {};
        if (stat(path.c_str(), &info) == 0 &&
            static_cast<std::size_t>(info.st_size) + lines.size() > kMaxFileOctets &&
            std::rename(path.c_str(), path_of(directory, true).c_str()) != 0) {
            return failed();
        }
        const net::Descriptor file(
            open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
        if (file.get() < 0) return failed();
        // A line that a crash or a full disk cut off must not spoil the next one.
        const off_t size = lseek(file.get(), 0, SEEK_END);
        char last = '\n';
        if (size > 0 && pread(file.get(), &last, 1, size - 1) != 1) return failed();
        const std::string whole = last == '\n' ? lines : '\n' + lines;
        std::string_view left = whole;
        while (!left.empty()) {
            const ssize_t wrote = write(file.get(), left.data(), left.size());
            if (wrote < 0 && errno == EINTR) continue;
            if (wrote <= 0) return failed();
            left.remove_prefix(static_cast<std::size_t>(wrote));
        }
        return fdatasync(file.get()) == 0 ? std::string() : failed();
    }
};

Audit::Audit(std::string directory, Background& background)
    : background_(background), file_(std::make_shared<File>()), allowance_at_(base::mono_now()) {
    file_->directory = std::move(directory);
}

Audit::~Audit() = default;

bool Audit::is_refusal(const Reply& reply) noexcept {
    return reply.status == 401 || reply.status == 403 || reply.status == 429;
}

void Audit::note(const Reply& reply, const net::Peer& peer, Entry entry) {
    if (!is_refusal(reply)) return;
    entry.time = base::wall_now();
    entry.status = reply.status;
    entry.from = peer.local_socket ? "uid:" + std::to_string(peer.uid) : peer.remote.to_text();
    const auto document = Json::parse(reply.body);
    const Json* detail = document ? document->find("detail") : nullptr;
    if (detail != nullptr && detail->as_string() != nullptr) entry.detail = *detail->as_string();
    refused(std::move(entry));
}

void Audit::refused(Entry entry) {
    ++total_;
    const base::MonoTime now = base::mono_now();
    const std::chrono::duration<double> passed = now - allowance_at_;
    allowance_at_ = now;
    allowance_ = std::min(kBurst, allowance_ + passed.count() * kPerSecond);
    if (allowance_ < 1) {
        ++unwritten_;
        return;
    }
    allowance_ -= 1;
    // Ids grow even when the clock does not.
    last_id_ = std::max(last_id_ + 1, static_cast<std::uint64_t>(
                                          std::max<std::int64_t>(base::to_unix_us(entry.time), 0)));
    Json line = Json::object();
    line.set("id", last_id_);
    line.set("time", base::format_rfc3339(entry.time));
    line.set("what", "refused");
    line.set("status", entry.status);
    line.set("author", cut(entry.who));
    line.set("from", entry.from);
    line.set("method", cut(entry.method));
    line.set("path", cut(entry.path));
    line.set("request_id", entry.request_id);
    line.set("detail", cut(entry.detail));
    if (unwritten_ > 0) line.set("unwritten", unwritten_);

    const std::lock_guard lock(file_->mutex);
    if (file_->waiting.size() >= kMaxWaiting) {
        ++unwritten_;
        return;
    }
    file_->waiting += line.dump() + '\n';
    if (file_->writing) return;
    file_->writing = true;
    background_.run([file = file_] { file->work(); });
}

base::Result<std::vector<Audit::Line>> Audit::read(const std::string& directory,
                                                   std::uint64_t before, std::size_t limit) {
    std::vector<Line> out;
    for (const bool older : {false, true}) {
        const std::string path = path_of(directory, older);
        if (access(path.c_str(), F_OK) != 0) continue;
        std::ifstream file(path, std::ios::binary);
        std::ostringstream content;
        content << file.rdbuf();
        if (!file) return base::fail(path + " cannot be read");
        const std::string text = std::move(content).str();
        // Backwards, line by line.
        std::size_t end = text.size();
        while (end > 0 && out.size() < limit) {
            const std::size_t stop = text[end - 1] == '\n' ? end - 1 : end;
            const std::size_t newline = stop == 0 ? std::string::npos : text.rfind('\n', stop - 1);
            const std::size_t start = newline == std::string::npos ? 0 : newline + 1;
            const std::string_view line = std::string_view(text).substr(start, stop - start);
            end = start;
            const std::uint64_t id = id_of(line);
            if (id == 0 || (before != 0 && id >= before) || !Json::parse(line)) continue;
            out.push_back({id, std::string(line)});
        }
        if (out.size() >= limit) break;
    }
    return out;
}

}  // namespace admin
