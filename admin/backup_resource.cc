// POST /v1/backup: a consistent copy of the store in a new directory of the server.
#include <algorithm>
#include <filesystem>

#include "admin/jobs.h"
#include "admin/resources.h"
#include "server/service.h"

namespace admin {

namespace {

namespace fs = std::filesystem;

/// The answer when a backup cannot go there; nothing when it can.
std::optional<Reply> why_not(const std::string& directory, const std::string& data_dir) {
    const auto refuse = [](std::string message) {
        return problem(422, "no backup was made", {{"/directory", std::move(message)}});
    };
    fs::path target = fs::path(directory).lexically_normal();
    if (!target.has_filename()) target = target.parent_path();  // it ended with a slash
    if (!target.is_absolute()) return refuse("must be an absolute path on the server");
    std::error_code error;
    if (fs::exists(fs::symlink_status(target, error))) {
        return problem(409, "no backup was made",
                       {{"/directory", directory + " exists already; name a new directory"}});
    }
    const fs::path parent = fs::canonical(target.parent_path(), error);
    if (error || !fs::is_directory(parent, error)) {
        return refuse(target.parent_path().string() + " is no directory of the server");
    }
    const fs::path data = fs::canonical(data_dir, error);
    const auto meets = std::mismatch(data.begin(), data.end(), parent.begin(), parent.end());
    if (!error && meets.first == data.end()) {
        return refuse("lies in the data directory, which the backup is to outlive");
    }
    return std::nullopt;
}

// How much lies in a directory and below it; what cannot be read counts nothing. Files come and go
// meanwhile, so it is about right.
std::uint64_t octets_below(const fs::path& directory) {
    std::uint64_t octets = 0;
    std::error_code error;
    fs::recursive_directory_iterator at(directory, error);
    for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
        std::error_code gone;
        const auto size = at->is_regular_file(gone) ? at->file_size(gone) : 0;
        if (!gone) octets += size;
    }
    return octets;
}

}  // namespace

void create_backup(Context& context, const Request& request, const Respond& respond) {
    auto body = parse_body(request);
    if (!body) return respond(std::move(body.error()));
    const Json* directory = body->find("directory");
    if (directory == nullptr || directory->as_string() == nullptr) {
        return respond(problem(422, "no backup was made",
                               {{"/directory", "is missing: a new directory on the server"}}));
    }
    const std::string& path = *directory->as_string();
    if (auto refused = why_not(path, context.service.config().data_dir)) {
        return respond(std::move(*refused));
    }
    if (request.work) {
        request.work->total = octets_below(context.service.config().data_dir + "/store");
        request.work->measure = [path](Work& work) {
            work.done = std::min(octets_below(path), work.total.load());
        };
    }
    context.background.run([&store = context.service.store(), mailbox = context.mailbox, path,
                            respond, work = request.work] {
        auto made = std::make_shared<base::Result<zones::Backup>>(store.backup(path));
        const bool cancelled = work && work->cancelled && *made;
        std::error_code error;
        if (cancelled) fs::remove_all(path, error);
        if (work) work->done = work->total.load();
        mailbox->post([made, path, respond, cancelled, error, work] {
            if (cancelled && error) {
                return respond(problem(500, "the job was cancelled, and " + path +
                                                " cannot be removed: " + error.message()));
            }
            if (cancelled) return respond(cancelled_reply(*work));
            if (!*made) return respond(problem(503, made->error().message));
            Json document = Json::object();
            document.set("directory", path);
            document.set("revision", (*made)->revision);
            document.set("time", base::format_rfc3339((*made)->time));
            respond(Reply::json(201, document.dump()));
        });
    });
}

}  // namespace admin
