// Zones into a server and out of it.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>

#include "admin/client_commands.h"
#include "admin/context.h"
#include "admin/documents.h"
#include "admin/import_jobs.h"
#include "admin/offline_import.h"
#include "admin/problem.h"
#include "base/time.h"

namespace admin {

namespace {

constexpr std::size_t kPieceOctets = std::size_t{64} << 10;

// A file, or standard input for "-". Null when it cannot be read.
struct Input {
    explicit Input(const std::string& name) {
        if (name != "-") file.open(name, std::ios::binary);
        stream = name == "-" ? &std::cin : &file;
    }
    std::string piece() {
        std::string out(kPieceOctets, '\0');
        stream->read(out.data(), static_cast<std::streamsize>(out.size()));
        out.resize(static_cast<std::size_t>(stream->gcount()));
        return out;
    }
    std::ifstream file;
    std::istream* stream;
};

// Requests that are under way at once when many zones are imported.
constexpr std::size_t kInFlight = Imports::kMax;  // beyond, they would wait at the server

// How long a server that takes in other zones is waited for.
constexpr std::chrono::minutes kPatience{30};
constexpr std::uint32_t kMaxPauseS = 30;

bool is_busy(const ClientResponse& response) {
    if (response.status != 503) return false;
    const auto document = Json::parse(response.body);
    const Json* type = document ? document->find("type") : nullptr;
    return type != nullptr && type->as_string() != nullptr && *type->as_string() == kBusyType;
}

std::string detail_of(const ClientResponse& response) {
    const auto document = Json::parse(response.body);
    return document ? text_of(*document, "detail") : "";
}

// What a server says of a zone it refused: a line for each fault, with the file's name.
std::vector<std::string> faults_of(const Json& document, const std::string& file) {
    std::vector<std::string> lines;
    const Json* errors = document.find("errors");
    if (errors == nullptr) return lines;
    for (const Json& error : errors->items()) {
        const Json* detail = error.find("detail");
        const std::string text = detail != nullptr && detail->as_string() != nullptr
                                     ? *detail->as_string()
                                     : std::string();
        // The server calls what it reads "zone"; here the file has a name.
        lines.push_back(text.starts_with("zone:") ? file + text.substr(4) : file + ": " + text);
    }
    const Json* count = document.find("detail");
    if (lines.size() > 1 && count != nullptr && count->as_string() != nullptr) {
        lines.push_back(file + ": " + *count->as_string() + "; nothing was changed");
    }
    return lines;
}

}  // namespace

int ClientCommands::zone_export(const std::string& zone, const std::string& file) {
    Client* server = client();
    if (server == nullptr) return 1;
    std::ofstream out;
    if (!file.empty() && file != "-") {
        out.open(file, std::ios::binary | std::ios::trunc);
        if (!out) return complain(file + ": cannot be written");
    }
    std::ostream& target = out.is_open() ? out : std::cout;
    ImportProgress progress(1);
    const bool shown = out.is_open() || ::isatty(STDOUT_FILENO) != 1;
    const auto response =
        server->stream("/v1/zones/" + encode_segment(zone) + query({}), {{"Accept", "text/dns"}},
                       [&](std::string_view piece) {
                           target.write(piece.data(), static_cast<std::streamsize>(piece.size()));
                           if (shown) progress.read(piece.size(), 0);
                           return target.good();
                       });
    progress.clear();
    if (!response) return complain(response.error().message);
    if (response->status != 200) return complain(zone, *response);
    target.flush();
    return target.good() ? 0 : complain((file.empty() ? "output" : file) + ": cannot be written");
}

ClientCommands::Imported ClientCommands::import_one(const std::string& zone,
                                                    const std::string& file,
                                                    ImportProgress* progress) {
    Imported out;
    Client* server = client();
    if (server == nullptr) {
        out.unreachable = true;
        return out;
    }
    const base::MonoTime patience_ends = base::mono_now() + kPatience;
    base::Result<ClientResponse> response;
    for (bool told = false;; told = true) {
        const auto input = std::make_shared<Input>(file);
        if (!*input->stream) {
            out.complaints.push_back(file + ": cannot be read");
            return out;
        }
        // Standard input cannot be read twice: the server is asked before its first piece is.
        const Client::Body body{.content_type = "text/dns",
                                .text = {},
                                .more =
                                    [input, progress] {
                                        std::string piece = input->piece();
                                        if (progress != nullptr) progress->read(piece.size(), 0);
                                        return piece;
                                    },
                                .ask_first = file == "-"};
        response =
            server->request("PUT", "/v1/zones/" + encode_segment(zone) + query({}), {}, &body);
        if (!response || !is_busy(*response) || base::mono_now() > patience_ends) break;
        if (!told) {
            if (progress != nullptr) progress->clear();
            complain(zone + ": waiting: " + detail_of(*response));
        }
        std::this_thread::sleep_for(std::chrono::seconds(
            std::clamp<std::uint32_t>(response->retry_after_s.value_or(1), 1, kMaxPauseS)));
    }
    if (!response) {
        out.complaints.push_back(response.error().message);
        out.unreachable = true;
        return out;
    }
    const auto document = Json::parse(response->body);
    if (response->status == 422 && document) {
        out.complaints = faults_of(*document, file);
        if (!out.complaints.empty()) {
            out.document = document->dump();
            return out;
        }
    }
    if (response->status < 200 || response->status > 299 || !document) {
        complain(zone, *response);
        return out;
    }
    out.done = true;
    out.document = document->dump();
    const Json* records = document->find("records");
    const Json* revision = document->find("revision");
    if (records != nullptr && revision != nullptr) {
        out.summary = zone + ": " + records->dump() + " records, revision " + revision->dump();
    } else {
        out.summary = zone + ": " + response->body;
    }
    const Json* warnings = document->find("warnings");
    if (warnings != nullptr) {
        for (const Json& warning : warnings->items()) {
            if (warning.as_string() == nullptr) continue;
            const std::string& text = *warning.as_string();
            out.complaints.push_back(
                text.starts_with("zone:")
                    ? file + ":" + text.substr(5, text.find(' ') - 4) +
                          "warning:" + text.substr(std::min(text.find(' '), text.size()))
                    : zone + ": warning: " + text);
        }
    }
    return out;
}

int ClientCommands::zone_import(const std::string& zone, const std::string& file) {
    std::error_code none;
    const std::uintmax_t octets = std::filesystem::file_size(file, none);
    ImportProgress progress(1, none ? 0 : octets);
    const Imported imported = import_one(zone, file, &progress);
    progress.clear();
    for (const std::string& line : imported.complaints) complain(line);
    if (options_.json && !imported.document.empty()) {
        std::cout << imported.document << std::endl;
    } else if (imported.done) {
        std::cout << imported.summary << std::endl;
    }
    return imported.done ? 0 : 1;
}

int ClientCommands::zone_import_jobs(const ImportJobs& jobs) {
    for (const std::string& note : jobs.notes) complain(note);
    if (client() == nullptr) return 1;  // also: libcurl is set up by one thread
    ImportProgress progress(jobs.jobs.size());
    std::mutex mutex;
    std::size_t next = 0, done = 0, refused = 0;  // guarded by mutex, as is what is printed
    bool unreachable = false;
    const auto work = [&] {
        ClientCommands own(options_);
        for (;;) {
            std::size_t index = 0;
            {
                const std::lock_guard lock(mutex);
                if (unreachable || next == jobs.jobs.size()) return;
                index = next++;
            }
            const ImportJob& job = jobs.jobs[index];
            const Imported imported = own.import_one(job.zone, job.file, nullptr);
            const std::lock_guard lock(mutex);
            if (!imported.complaints.empty()) progress.clear();
            for (const std::string& line : imported.complaints) complain(line);
            if (options_.json && !imported.document.empty()) {
                std::cout << imported.document << '\n';
            }
            ++(imported.done ? done : refused);
            unreachable = unreachable || imported.unreachable;
            progress.zone_done();
        }
    };
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < std::min(kInFlight, jobs.jobs.size()); ++i) {
        threads.emplace_back(work);
    }
    for (std::thread& thread : threads) thread.join();
    progress.clear();
    if (!options_.json) std::cout << import_summary(done, jobs.jobs.size() - done) << '\n';
    std::cout.flush();
    return done == jobs.jobs.size() ? 0 : 1;
}

int ClientCommands::zone_import_many(const ImportSource& source, bool offline) {
    base::Result<ImportJobs> jobs;
    if (!source.list_file.empty()) {
        jobs = read_list(source.list_file);
    } else if (!source.bind_file.empty()) {
        jobs = read_named_conf(source.bind_file);
    } else if (!source.nsd_file.empty()) {
        jobs = read_nsd_conf(source.nsd_file);
    } else {
        jobs = ImportJobs{{{source.zone, source.file}}, {}};
    }
    if (!jobs) return complain(jobs.error().message);
    if (!offline) return zone_import_jobs(*jobs);
    for (const std::string& note : jobs->notes) complain(note);
    return import_offline(jobs->jobs, options_.data_dir, options_.dry_run, options_.json);
}

}  // namespace admin
