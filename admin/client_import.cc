// Zones into a server, and into a store that no server has open.
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>

#include "admin/client_commands.h"
#include "admin/documents.h"
#include "admin/zone_import.h"
#include "zones/store.h"

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

struct Job {
    std::string zone, file;
};

base::Result<std::vector<Job>> read_jobs(const std::string& list_file) {
    Input input(list_file);
    if (!*input.stream) return base::fail(list_file + ": cannot be read");
    std::vector<Job> jobs;
    std::size_t number = 0;
    for (std::string line; std::getline(*input.stream, line);) {
        ++number;
        if (line.empty() || line[0] == '#') continue;
        const std::size_t tab = line.find('\t');
        if (tab == std::string::npos || tab == 0 || tab + 1 == line.size()) {
            return base::fail(list_file + ':' + std::to_string(number) +
                              ": a line is a zone, a tab and a master file");
        }
        jobs.push_back({line.substr(0, tab), line.substr(tab + 1)});
    }
    return jobs;
}

// On a terminal, how far a long list has come.
void show_progress(std::size_t done, std::size_t all) {
    static const bool kTerminal = isatty(STDERR_FILENO) == 1;
    if (kTerminal && (done % 100 == 0 || done == all)) {
        std::cerr << '\r' << done << " of " << all << " zones" << (done == all ? "\n" : "")
                  << std::flush;
    }
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
    const auto response =
        server->stream("/v1/zones/" + encode_segment(zone) + query({}), {{"Accept", "text/dns"}},
                       [&](std::string_view piece) {
                           target.write(piece.data(), static_cast<std::streamsize>(piece.size()));
                           return target.good();
                       });
    if (!response) return complain(response.error().message);
    if (response->status != 200) return complain(zone, *response);
    target.flush();
    return target.good() ? 0 : complain((file.empty() ? "output" : file) + ": cannot be written");
}

bool ClientCommands::import_one(const std::string& zone, const std::string& file,
                                std::string& summary) {
    Client* server = client();
    if (server == nullptr) return false;
    const auto input = std::make_shared<Input>(file);
    if (!*input->stream) {
        complain(file + ": cannot be read");
        return false;
    }
    Client::Body body{
        .content_type = "text/dns", .text = {}, .more = [input] { return input->piece(); }};
    const auto response =
        server->request("PUT", "/v1/zones/" + encode_segment(zone) + query({}), {}, &body);
    if (!response) {
        complain(response.error().message);
        return false;
    }
    const auto document = Json::parse(response->body);
    if (response->status == 422 && document) {
        const Json* errors = document->find("errors");
        if (errors != nullptr && !errors->items().empty()) {
            if (options_.json) std::cout << document->dump() << std::endl;
            // The server calls what it reads "zone"; here the file has a name.
            const Json* detail = errors->items().front().find("detail");
            std::string line = detail != nullptr && detail->as_string() != nullptr
                                   ? *detail->as_string()
                                   : std::string();
            line = line.starts_with("zone:") ? file + line.substr(4) : file + ": " + line;
            const Json* count = document->find("detail");
            if (errors->items().size() > 1 && count != nullptr && count->as_string() != nullptr) {
                line += " (" + *count->as_string() + ')';
            }
            complain(line);
            return false;
        }
    }
    if (response->status < 200 || response->status > 299 || !document) {
        complain(zone, *response);
        return false;
    }
    const Json* records = document->find("records");
    const Json* revision = document->find("revision");
    if (options_.json) {
        summary = document->dump();
    } else if (records != nullptr && revision != nullptr) {
        summary = zone + ": " + records->dump() + " records, revision " + revision->dump();
    } else {
        summary = zone + ": " + response->body;
    }
    const Json* warnings = document->find("warnings");
    if (warnings != nullptr) {
        for (const Json& warning : warnings->items()) {
            if (warning.as_string() == nullptr) continue;
            std::cerr << "meridian: " << zone << ": warning: " << *warning.as_string() << '\n';
        }
    }
    return true;
}

int ClientCommands::zone_import(const std::string& zone, const std::string& file) {
    std::string summary;
    if (!import_one(zone, file, summary)) return 1;
    std::cout << summary << std::endl;
    return 0;
}

int ClientCommands::zone_import_list(const std::string& list_file) {
    const auto jobs = read_jobs(list_file);
    if (!jobs) return complain(jobs.error().message);
    std::size_t done = 0;
    for (const Job& job : *jobs) {
        std::string summary;
        if (!import_one(job.zone, job.file, summary)) return 1;
        if (options_.json) std::cout << summary << '\n';
        show_progress(++done, jobs->size());
    }
    if (!options_.json) std::cout << done << " zones imported" << std::endl;
    std::cout.flush();
    return 0;
}

int ClientCommands::zone_import_offline(const std::string& zone, const std::string& file,
                                        const std::string& list_file) {
    std::vector<Job> jobs;
    if (list_file.empty()) {
        jobs.push_back({zone, file});
    } else {
        auto listed = read_jobs(list_file);
        if (!listed) return complain(listed.error().message);
        jobs = std::move(*listed);
    }
    zones::StoreOptions options;
    options.directory = options_.data_dir + "/store";
    options.log = [](std::string_view level, const std::string& message) {
        if (level != "info") std::cerr << "meridian: " << message << '\n';
    };
    auto store = zones::Store::open(std::move(options));
    if (!store) return complain(store.error().message);
    std::cerr << "meridian: offline, into the store in " << options_.data_dir << '\n';

    std::size_t done = 0;
    for (const Job& job : jobs) {
        const auto apex = parse_zone_name(job.zone);
        if (!apex) return complain(job.zone + ": " + apex.error().message);
        Input input(job.file);
        if (!*input.stream) return complain(job.file + ": cannot be read");
        auto import = ZoneImport::begin(**store, *apex, job.file);
        if (!import) return complain(job.zone + ": " + import.error().message);
        for (std::string piece = input.piece(); !piece.empty(); piece = input.piece()) {
            (*import)->feed(base::as_octets(piece));
        }
        auto finished = (*import)->finish();
        if (!finished) {
            const auto& refused = finished.error();
            std::string line = refused.shown.empty() ? job.zone : refused.shown.front();
            if (refused.faults > 1) line += " (" + std::to_string(refused.faults) + " faults)";
            return complain(line);
        }
        zones::ChangeSet changes;
        changes.author = "import";
        changes.message = "offline import of " + job.file;
        changes.time = base::wall_now();
        changes.dry_run = options_.dry_run;
        changes.operations.push_back({std::move(finished->operation), {}});
        const auto committed = (*store)->commit(std::move(changes));
        if (!committed) {
            const auto& faults = committed.error().faults;
            return complain(job.zone + ": " +
                            (faults.empty() ? std::string("refused") : faults.front().message));
        }
        for (const std::string& warning : finished->warnings) {
            std::cerr << "meridian: " << job.zone << ": warning: " << warning << '\n';
        }
        show_progress(++done, jobs.size());
    }
    std::cout << done << (done == 1 ? " zone" : " zones") << " imported" << std::endl;
    return 0;
}

}  // namespace admin
