// The commands about the server itself: what it counts, backups of it, and the jobs it has.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "admin/client_commands.h"
#include "admin/documents.h"

namespace admin {

namespace {

// On a terminal, how far a job has come, on one line of standard error.
class JobProgress {
  public:
    explicit JobProgress(std::string what) : what_(std::move(what)) {}
    ~JobProgress() {
        if (visible_) std::cerr << "\r\033[K" << std::flush;
    }
    JobProgress(const JobProgress&) = delete;
    JobProgress& operator=(const JobProgress&) = delete;

    void show(const Json& job) {
        const Json* progress = job.find("progress");
        if (!terminal_ || progress == nullptr) return;
        const Json* done = progress->find("done");
        const Json* total = progress->find("total");
        if (done == nullptr || !done->as_number()) return;
        const bool octets = text_of(*progress, "unit") == "octets";
        std::string line = what_ + ": ";
        if (total != nullptr && total->as_number() && *total->as_number() > 0) {
            constexpr std::size_t kWidth = 30;
            const double part = std::min(1.0, *done->as_number() / *total->as_number());
            const auto full = static_cast<std::size_t>(part * kWidth);
            line += '[' + std::string(full, '#') + std::string(kWidth - full, ' ') + "] " +
                    amount(*done->as_number(), octets) + " of " +
                    amount(*total->as_number(), octets);
        } else {
            line += amount(*done->as_number(), octets);
        }
        if (!octets) line += " records";
        std::cerr << '\r' << line << "\033[K" << std::flush;
        visible_ = true;
    }

  private:
    static std::string amount(double number, bool octets) {
        char text[32];
        std::snprintf(text, sizeof text, octets ? "%.1f MB" : "%.0f",
                      octets ? number / 1e6 : number);
        return text;
    }

    const std::string what_;
    const bool terminal_ = isatty(STDERR_FILENO) == 1;
    bool visible_ = false;
};

double number_of(const Json& document, std::string_view key) {
    const Json* member = document.find(key);
    return member == nullptr ? 0 : member->as_number().value_or(0);
}

const Json& part_of(const Json& document, std::string_view key) {
    static const Json kNothing;
    const Json* member = document.find(key);
    return member == nullptr ? kNothing : *member;
}

std::string counted(double number) {
    char text[32];
    std::snprintf(text, sizeof text, "%.0f", number);
    return text;
}

std::string per_second(double number) {
    char text[32];
    std::snprintf(text, sizeof text, number < 100 ? "%.1f/s" : "%.0f/s", number);
    return text;
}

std::string duration_text(double us) {
    char text[32];
    std::snprintf(text, sizeof text, us < 1000 ? "%.0f us" : "%.1f ms", us < 1000 ? us : us / 1000);
    return text;
}

// "auth 12, recursive 3"; a dash for nothing.
std::string group_text(const Json& group) {
    std::string out;
    for (const Json::Member& member : group.members()) {
        out += (out.empty() ? "" : ", ") + member.key + ' ' +
               counted(member.value.as_number().value_or(0));
    }
    return out.empty() ? "-" : out;
}

void stats_line(const char* what, const std::string& text) {
    std::cout << what << std::string(14 - std::string_view(what).size(), ' ') << text << '\n';
}

void print_stats(const Json& server, const Json& stats) {
    const Json& lately = part_of(stats, "lately");
    const auto both = [&](const Json& totals, const Json& rates, const char* key) {
        std::string out = counted(number_of(totals, key));
        if (!lately.is_null()) out += " (" + per_second(number_of(rates, key)) + ")";
        return out;
    };
    stats_line("server", "meridian " + text_of(server, "version") + " on " +
                             text_of(server, "node") + ", since " + text_of(server, "started") +
                             ", revision " + text_of(server, "revision"));
    const Json* ready = server.find("ready");
    if (ready != nullptr && !ready->as_bool().value_or(true)) {
        for (const Json& reason : part_of(server, "not_ready").items()) {
            if (reason.as_string() != nullptr) stats_line("not ready", *reason.as_string());
        }
    }
    stats_line("queries", both(stats, lately, "queries"));
    stats_line("  by role", group_text(part_of(stats, "roles")));
    stats_line("  transport", group_text(part_of(stats, "transports")));
    stats_line("  type", group_text(part_of(stats, "qtypes")));
    stats_line("  rcode", group_text(part_of(stats, "rcodes")));
    stats_line("dropped", group_text(part_of(stats, "dropped")));
    for (const Json::Member& role : part_of(stats, "latency").members()) {
        stats_line("latency",
                   role.key + " mean " + duration_text(number_of(role.value, "mean_us")) +
                       ", half within " + duration_text(number_of(role.value, "p50_us")) +
                       ", 99% within " + duration_text(number_of(role.value, "p99_us")));
    }
    const Json& cache = part_of(stats, "cache");
    const Json& rates = part_of(lately, "cache");
    stats_line("packet cache", both(cache, rates, "packet_hits") + " hits");
    stats_line("node cache", both(cache, rates, "node_hits") + " hits, " +
                                 both(cache, rates, "node_misses") + " misses, " +
                                 counted(number_of(cache, "node_octets") / 1e6) + " MB");
    stats_line("resolver", both(cache, rates, "resolver_hits") + " hits, " +
                               both(cache, rates, "resolver_misses") + " misses, " +
                               counted(number_of(cache, "resolver_octets") / 1e6) + " MB");
    const Json& store = part_of(stats, "store");
    std::string commits = both(store, part_of(lately, "store"), "commits") + " commits";
    if (number_of(store, "commit_mean_us") > 0) {
        commits += ", mean " + duration_text(number_of(store, "commit_mean_us"));
    }
    stats_line("store", commits + ", " + counted(number_of(store, "refused")) + " refused");
    const Json& connections = part_of(stats, "connections");
    stats_line("connections", counted(number_of(connections, "open")) + " open, " +
                                  both(connections, part_of(lately, "connections"), "accepted") +
                                  " accepted");
    stats_line("http", both(stats, lately, "http_requests") + " requests");
    std::cout.flush();
}

std::string job_line(const Json& job) {
    const Json& progress = part_of(job, "progress");
    std::string out = text_of(job, "id") + '\t' + text_of(job, "state") + '\t' +
                      text_of(job, "created") + '\t' + text_of(job, "author") + '\t' +
                      text_of(job, "method") + ' ' + text_of(job, "path");
    if (number_of(progress, "done") > 0) {
        out += '\t' + counted(number_of(progress, "done")) +
               (part_of(progress, "total").is_null() ? "" : " of " + text_of(progress, "total")) +
               ' ' + text_of(progress, "unit");
    }
    return out;
}

}  // namespace

std::optional<ClientResponse> ClientCommands::ask_lengthy(const std::string& method,
                                                          const std::string& path,
                                                          const std::string& subject,
                                                          const std::optional<Json>& body) {
    Client* server = client();
    if (server == nullptr) return std::nullopt;
    auto response = send_json(*server, method, path, body, true);
    JobProgress progress(subject);
    while (response && response->status == 202) {
        const auto job = Json::parse(response->body);
        if (!job || job->find("id") == nullptr) {
            complain(subject + ": the server's answer is no job");
            return std::nullopt;
        }
        const Json& result = part_of(*job, "result");
        if (!result.is_null()) {
            ClientResponse ended;
            ended.status = static_cast<int>(number_of(result, "status"));
            const Json& document = part_of(result, "body");
            if (!document.is_null()) ended.body = document.dump();
            return ended;
        }
        progress.show(*job);
        response =
            server->request("GET", "/v1/jobs/" + encode_segment(text_of(*job, "id")) + "?wait=1");
        // What was 202 goes on as one, until there is a result.
        if (response && response->status == 200) response->status = 202;
    }
    if (!response) {
        complain(response.error().message);
        return std::nullopt;
    }
    return std::move(*response);
}

int ClientCommands::backup(const std::string& directory) {
    // The server's idea of "here" is another than this shell's.
    Json body = Json::object();
    body.set("directory", std::filesystem::absolute(directory).lexically_normal().string());
    const auto answer = ask_lengthy("POST", "/v1/backup", "backup", body);
    if (!answer) return 1;
    const auto document = Json::parse(answer->body);
    if (answer->status != 201 || !document) return complain("backup", *answer);
    std::cout << (options_.json ? document->dump()
                                : "backup of revision " + text_of(*document, "revision") + " in " +
                                      text_of(*document, "directory"))
              << std::endl;
    return 0;
}

int ClientCommands::stats(const StatsSpan& span) {
    if (span.from.empty() && span.to.empty() && span.step.empty()) {
        const auto stats = ask("GET", "/v1/stats", "stats");
        if (!stats) return 1;
        if (options_.json) {
            std::cout << stats->dump() << std::endl;
            return 0;
        }
        const auto server = ask("GET", "/v1/server", "server");
        if (!server) return 1;
        print_stats(*server, *stats);
        return 0;
    }
    std::vector<std::pair<std::string, std::string>> pairs;
    if (!span.from.empty()) pairs.emplace_back("from", span.from);
    if (!span.to.empty()) pairs.emplace_back("to", span.to);
    if (!span.step.empty()) pairs.emplace_back("step", span.step);
    return list("/v1/stats" + query(pairs), "stats", [](const Json& row) {
        const Json& latency = part_of(row, "latency");
        std::string out = text_of(row, "time") + '\t' + per_second(number_of(row, "queries"));
        for (const char* role : {"auth", "recursive"}) {
            const Json& one = part_of(latency, role);
            if (!one.is_null()) {
                out += '\t' + std::string(role) + " 99% within " +
                       duration_text(number_of(one, "p99_us"));
            }
        }
        return out + "\tcommits " + per_second(number_of(part_of(row, "store"), "commits"));
    });
}

int ClientCommands::job_list() {
    return list("/v1/jobs", "jobs", job_line);
}

int ClientCommands::job_show(const std::string& id) {
    return show_document("/v1/jobs/" + encode_segment(id), "job " + id);
}

int ClientCommands::job_cancel(const std::string& id) {
    const auto answer = ask("DELETE", "/v1/jobs/" + encode_segment(id), "job " + id);
    if (!answer) return 1;
    std::cout << (options_.json ? answer->dump()
                                : "job " + id + " is " + text_of(*answer, "state") + ": " +
                                      text_of(*answer, "detail"))
              << std::endl;
    return 0;
}

}  // namespace admin
