// /metrics in the Prometheus text format 0.0.4.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>

#include "admin/audit.h"
#include "admin/feed.h"
#include "admin/resources.h"
#include "admin/tokens.h"
#include "resolver/cache.h"
#include "server/service.h"

namespace admin {

namespace {

class Exposition {
  public:
    void family(std::string_view name, std::string_view type, std::string_view help) {
        name_ = name;
        out_ += "# HELP " + name_ + ' ' + std::string(help) + "\n# TYPE " + name_ + ' ' +
                std::string(type) + '\n';
    }
    // `labels` with their braces, or empty.
    void sample(const std::string& labels, double value, std::string_view suffix = "") {
        char text[40];
        std::snprintf(text, sizeof text, " %.17g\n", value);
        line(labels, text, suffix);
    }
    void sample(const std::string& labels, std::uint64_t value, std::string_view suffix = "") {
        char text[40];
        std::snprintf(text, sizeof text, " %" PRIu64 "\n", value);
        line(labels, text, suffix);
    }
    // One metric without labels.
    template <class T>
    void single(std::string_view name, std::string_view type, std::string_view help, T value) {
        family(name, type, help);
        sample("", value);
    }
    [[nodiscard]] std::string take() { return std::move(out_); }

  private:
    void line(const std::string& labels, const char* value, std::string_view suffix) {
        out_ += name_;
        out_ += suffix;
        out_ += labels;
        out_ += value;
    }

    std::string name_;
    std::string out_;
};

std::string bound_text(double bound) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", bound);
    return text;
}

// A label's value between its quotes.
std::string label_value(std::string_view value) {
    std::string out = "\"";
    for (const char c : value) {
        if (c == '"' || c == '\\') out += '\\';
        if (c == '\n') {
            out += "\\n";
        } else {
            out += c;
        }
    }
    return out + '"';
}

std::string rcode_label(std::size_t slot) {
    if (slot + 1 == server::kRCodes) return "other";
    return dns::to_text(static_cast<dns::RCode>(slot));
}

void write_queries(const server::Service& service, Exposition& out) {
    const auto& workers = service.worker_stats();
    out.family("meridian_dns_queries_total", "counter", "Queries answered.");
    for (std::size_t role = 0; role < server::kRoles; ++role) {
        for (std::size_t transport = 0; transport < server::kTransports; ++transport) {
            for (std::size_t type = 0; type < server::kTypeSlots; ++type) {
                for (std::size_t rcode = 0; rcode < server::kRCodes; ++rcode) {
                    std::uint64_t sum = 0;
                    for (const server::WorkerStats* stats : workers) {
                        sum += stats->queries[role][transport][type][rcode].get();
                    }
                    if (sum == 0) continue;  // the product of the labels is large
                    const std::string name = type < server::kCountedTypes.size()
                                                 ? dns::to_text(server::kCountedTypes[type])
                                                 : "other";
                    std::string labels = "{role=\"";
                    labels += server::to_text(static_cast<server::Role>(role));
                    labels += "\",transport=\"";
                    labels += server::to_text(static_cast<server::Transport>(transport));
                    labels += "\",qtype=\"" + name + "\",rcode=\"" + rcode_label(rcode) + "\"}";
                    out.sample(labels, sum);
                }
            }
        }
    }

    out.family("meridian_dns_query_duration_seconds", "histogram",
               "From the arrival of a query to its answer.");
    for (std::size_t role = 0; role < server::kRoles; ++role) {
        const std::string label =
            "{role=\"" + std::string(server::to_text(static_cast<server::Role>(role))) + '"';
        std::uint64_t count = 0;
        for (std::size_t bucket = 0; bucket <= server::kDurationBuckets.size(); ++bucket) {
            for (const server::WorkerStats* stats : workers) {
                count += stats->duration_buckets[role][bucket].get();
            }
            const std::string bound = bucket < server::kDurationBuckets.size()
                                          ? bound_text(server::kDurationBuckets[bucket])
                                          : "+Inf";
            out.sample(label + ",le=\"" + bound + "\"}", count, "_bucket");
        }
        std::uint64_t sum_us = 0;
        for (const server::WorkerStats* stats : workers) {
            sum_us += stats->duration_sum_us[role].get();
        }
        out.sample(label + '}', static_cast<double>(sum_us) / 1e6, "_sum");
        out.sample(label + '}', count, "_count");
    }

    out.family("meridian_dns_dropped_total", "counter", "Queries that got no answer.");
    for (std::size_t reason = 0; reason < static_cast<std::size_t>(server::DropReason::kCount);
         ++reason) {
        std::uint64_t sum = 0;
        for (const server::WorkerStats* stats : workers) sum += stats->dropped[reason].get();
        out.sample("{reason=" +
                       label_value(server::to_text(static_cast<server::DropReason>(reason))) + '}',
                   sum);
    }
}

// What response rate limiting did.
void write_rrl(const server::Service& service, Exposition& out) {
    const auto family = [&](std::string_view name, std::string_view help, auto counters) {
        out.family(name, "counter", help);
        for (std::size_t kind = 0; kind < server::kRrlKinds; ++kind) {
            std::uint64_t sum = 0;
            for (const server::WorkerStats* stats : service.worker_stats()) {
                sum += (stats->*counters)[kind].get();
            }
            out.sample(
                "{kind=" + label_value(server::to_text(static_cast<server::RrlKind>(kind))) + '}',
                sum);
        }
    };
    family("meridian_rrl_dropped_total", "Answers that response rate limiting dropped.",
           &server::WorkerStats::rrl_dropped);
    family("meridian_rrl_truncated_total", "Answers that response rate limiting truncated.",
           &server::WorkerStats::rrl_truncated);
    out.single("meridian_rrl_limited_prefixes", "gauge",
               "Client prefixes whose answers are limited, or were within 10 seconds.",
               std::uint64_t{service.limited_prefixes()});
}

// Limits of HTTP, as samples of meridian_limit_hits_total.
void write_http_limits(const Context& context, Exposition& out) {
    const auto hits = [&out](const std::string& limit, std::uint64_t count) {
        out.sample("{limit=" + label_value(limit) + '}', count);
    };
    hits("token_guesses", context.tokens.locked_out_total());
    hits("audit_entries", context.audit.unwritten());
    hits("jobs", context.jobs.counters().not_taken);
    if (!context.served) return;
    const net::HttpCounters served = context.served();
    hits("http_connections", served.connections_refused);
    hits("http_descriptors", served.connections_shed);
    hits("http_bad_requests", served.bad_requests);
    hits("http_timeouts", served.timeouts);
    hits("http_slow_readers", served.slow_readers);
    for (std::size_t i = 0; i < net::kHttp2Abuses; ++i) {
        hits("http2_" + std::string(net::to_text(static_cast<net::Http2Abuse>(i))),
             served.http2_abuses[i]);
    }
}

void write_workers(const Context& context, Exposition& out) {
    const server::Service& service = context.service;
    std::uint64_t accepted = 0;
    std::uint64_t closed = 0;
    std::uint64_t deferred = 0;
    std::uint64_t https_held = 0;
    for (const server::WorkerStats* stats : service.worker_stats()) {
        accepted += stats->tcp_accepted.get();
        closed += stats->tcp_closed.get();
        https_held += stats->doh_held.get();
        deferred += stats->deferred.get();
    }
    out.single("meridian_dns_tcp_connections_total", "counter", "TCP connections accepted.",
               accepted);
    out.single("meridian_dns_tcp_connections", "gauge", "TCP connections open.",
               accepted > closed ? accepted - closed : 0);
    out.single(
        "meridian_dns_https_held_bytes", "gauge",
        "Heads, bodies and answers that clients of DNS over HTTPS left with the workers, as of "
        "the last second.",
        https_held);
    out.family("meridian_limit_hits_total", "counter", "How often a limit was met.");
    for (std::size_t limit = 0; limit < static_cast<std::size_t>(server::LimitHit::kCount);
         ++limit) {
        std::uint64_t sum = 0;
        for (const server::WorkerStats* stats : service.worker_stats()) {
            sum += stats->limit_hits[limit].get();
        }
        out.sample(
            "{limit=" + label_value(server::to_text(static_cast<server::LimitHit>(limit))) + '}',
            sum);
    }
    std::uint64_t rate_limited = 0;
    for (const server::WorkerStats* stats : service.worker_stats()) {
        for (std::size_t kind = 0; kind < server::kRrlKinds; ++kind) {
            rate_limited += stats->rrl_dropped[kind].get() + stats->rrl_truncated[kind].get();
        }
    }
    out.sample("{limit=\"responses_per_second\"}", rate_limited);
    write_http_limits(context, out);
    out.single("meridian_dns_deferred_total", "counter",
               "Queries that waited for a disk or for other servers.", deferred);
}

// Handshakes of the encrypted transports, and how long their certificates last.
void write_tls(const Context& context, Exposition& out) {
    server::Service& service = context.service;
    static constexpr const char* kOutcomes[] = {"full", "resumed", "failed"};
    static_assert(std::size(kOutcomes) == server::kHandshakes &&
                  std::size(kOutcomes) == HttpCounters::kHandshakes);
    out.family("meridian_tls_handshakes_total", "counter",
               "TLS handshakes of DNS and of the admin listeners: full, resumed by a ticket, "
               "failed or given up.");
    for (const server::Transport transport : {server::Transport::Dot, server::Transport::Doh}) {
        const auto slot = static_cast<std::size_t>(transport);
        for (std::size_t outcome = 0; outcome < server::kHandshakes; ++outcome) {
            std::uint64_t sum = 0;
            for (const server::WorkerStats* stats : service.worker_stats()) {
                sum += stats->tls_handshakes[slot][outcome].get();
            }
            out.sample("{transport=" + label_value(server::to_text(transport)) + ",outcome=\"" +
                           kOutcomes[outcome] + "\"}",
                       sum);
        }
    }
    for (std::size_t outcome = 0; outcome < HttpCounters::kHandshakes; ++outcome) {
        out.sample(std::string("{transport=\"admin\",outcome=\"") + kOutcomes[outcome] + "\"}",
                   context.counters.handshakes()[outcome]);
    }
    const auto expiries = service.certificates().expiries();
    if (expiries.empty()) return;
    out.family("meridian_tls_certificate_expiry_seconds", "gauge",
               "Until the first certificate of this [tls.NAME] expires; negative afterwards.");
    const base::WallTime now = base::wall_now();
    for (const auto& expiry : expiries) {
        const std::chrono::duration<double> left = expiry.at - now;
        out.sample("{name=" + label_value(expiry.table) + '}', left.count());
    }
}

// `name`: "meridian_loop"; `whose`: "of a worker's loop".
void write_turns(const std::vector<net::Loop::Turns>& loops, const std::string& name,
                 const std::string& whose, Exposition& out) {
    using Turns = net::Loop::Turns;
    std::array<std::uint64_t, Turns::kBounds.size() + 1> counts{};
    std::chrono::nanoseconds sum{};
    std::chrono::nanoseconds longest{};
    for (const Turns& turns : loops) {
        for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += turns.counts[i];
        sum += turns.sum;
        longest = std::max(longest, turns.longest);
    }
    const auto seconds = [](std::chrono::nanoseconds time) {
        return static_cast<double>(time.count()) / 1e9;
    };
    out.family(name + "_turn_duration_seconds", "histogram",
               "Turns " + whose + ": what waits behind a turn waits that long.");
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < Turns::kBounds.size(); ++i) {
        count += counts[i];
        out.sample("{le=\"" + bound_text(Turns::kBounds[i]) + "\"}", count, "_bucket");
    }
    count += counts.back();
    out.sample("{le=\"+Inf\"}", count, "_bucket");
    out.sample("", seconds(sum), "_sum");
    out.sample("", count, "_count");
    out.single(name + "_longest_turn_seconds", "gauge",
               "The longest turn " + whose + " since the start.", seconds(longest));
}

void write_store(const zones::Store& store, zones::Revision revision, Exposition& out) {
    const zones::StoreStats stats = store.stats();
    out.single("meridian_revision", "gauge", "The newest revision.", revision);
    out.family("meridian_store_commit_duration_seconds", "histogram",
               "From a change set's submission to its acknowledgement.");
    // The store counts each commit in its own bucket; here buckets are cumulative.
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < stats.commit_seconds_buckets.size(); ++i) {
        if (i >= std::size(zones::kCommitBuckets)) break;
        count += stats.commit_seconds_buckets[i];
        out.sample("{le=\"" + bound_text(zones::kCommitBuckets[i]) + "\"}", count, "_bucket");
    }
    out.sample("{le=\"+Inf\"}", stats.commits, "_bucket");
    out.sample("", stats.commit_seconds_sum, "_sum");
    out.sample("", stats.commits, "_count");
    out.single("meridian_store_commit_groups_total", "counter", "Groups of change sets synced.",
               stats.groups);
    out.single("meridian_store_refused_total", "counter", "Change sets refused.", stats.refused);
    out.single("meridian_store_writable", "gauge", "1 while writes are accepted.",
               std::uint64_t{stats.writable ? 1U : 0U});
    out.single("meridian_store_damage_total", "counter",
               "Places of the store that could not be read back as they were written.",
               stats.damaged);
    out.single("meridian_store_reopened_total", "counter",
               "Times that the database was opened anew after it failed.", stats.reopened);
    out.single("meridian_history_bytes", "gauge",
               "About what history takes: the journal, and data that can be brought back.",
               stats.history.octets);
    out.single("meridian_history_oldest_revision", "gauge",
               "The journal is kept from this revision on.", stats.history.oldest);
    out.single("meridian_idempotency_keys", "gauge",
               "Requests with an Idempotency-Key whose answers are kept.", stats.receipts);
    out.single("meridian_idempotency_bytes", "gauge", "Octets of those answers.",
               stats.receipt_octets);
    out.single("meridian_node_cache_hits", "counter", "Nodes found in the node cache.",
               stats.cache_hits);
    out.single("meridian_node_cache_misses", "counter", "Nodes read from the store.",
               stats.cache_misses);
    out.single("meridian_node_cache_bytes", "gauge", "Octets held by the node cache.",
               stats.cache_octets);
    out.single("meridian_node_cache_nodes", "gauge", "Nodes held by the node cache.",
               stats.cache_nodes);
    out.single("meridian_node_cache_evictions", "counter",
               "Nodes evicted to stay within limits.memory_mb.", stats.cache_evictions);
    out.single("meridian_node_cache_complete", "gauge",
               "1 while every node of the store is in memory.",
               std::uint64_t{stats.cache_complete ? 1U : 0U});
    out.single("meridian_node_cache_filter_bytes", "gauge",
               "Octets of the filter that knows which names do not exist.", stats.filter_octets);
}

void write_resolver(server::Service& service, Exposition& out) {
    std::uint64_t packets = 0;
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t stale = 0;
    for (const server::WorkerStats* stats : service.worker_stats()) {
        packets += stats->packet_cache_hits.get();
        hits += stats->resolver_hits.get();
        misses += stats->resolver_misses.get();
        stale += stats->resolver_stale.get();
    }
    out.single("meridian_packet_cache_hits", "counter",
               "Answers that were sent as they had been composed before.", packets);
    const resolver::Cache::Usage usage = service.resolver_cache().usage();
    out.single("meridian_resolver_cache_hits", "counter", "Answers from the cache.", hits);
    out.single("meridian_resolver_cache_misses", "counter", "Questions the cache did not know.",
               misses);
    out.single("meridian_resolver_cache_stale", "counter", "Stale answers (RFC 8767).", stale);
    out.single("meridian_resolver_cache_bytes", "gauge", "Octets held by the cache.", usage.octets);
    out.single("meridian_resolver_cache_entries", "gauge", "Entries of the cache.", usage.entries);
    out.family("meridian_resolver_upstream_queries_total", "counter",
               "Exchanges with other servers, by how they went.");
    for (const auto& count : service.upstream_counts()) {
        out.sample("{outcome=" + label_value(count.first) + '}', count.second);
    }
}

void write_admin(const Context& context, Exposition& out) {
    out.single("meridian_feed_subscribers", "gauge", "Subscribers of the feed.",
               std::uint64_t{context.feed.subscribers()});
    out.single("meridian_feed_events_total", "counter", "Events read for the feed.",
               context.feed.events());
    out.single("meridian_feed_dropped_total", "counter", "Events lost by slow subscribers.",
               context.feed.dropped());
    out.single("meridian_imports_running", "gauge",
               "Zones that requests are putting in whole at this moment.",
               std::uint64_t{context.imports.running()});
    const Jobs::Counters& jobs = context.jobs.counters();
    out.single("meridian_jobs_running", "gauge",
               "Requests that their clients do not wait for (Prefer: respond-async).",
               std::uint64_t{context.jobs.running()});
    out.family("meridian_jobs_total", "counter", "Those that have ended, by how.");
    out.sample("{outcome=\"done\"}", jobs.done);
    out.sample("{outcome=\"failed\"}", jobs.failed);
    out.sample("{outcome=\"cancelled\"}", jobs.cancelled);
    out.single("meridian_audit_refused_total", "counter", "Requests refused: 401, 403, 429.",
               context.audit.total());
    if (context.served) {
        out.single("meridian_http_connections", "gauge", "Open connections of the admin server.",
                   context.served().open);
    }
    out.single("meridian_http_held_bytes", "gauge",
               "Heads, bodies and answers that clients of the admin server left with it.",
               std::uint64_t{context.account.count()});
    out.family("meridian_http_requests_total", "counter", "Requests of the admin server.");
    for (const auto& entry : context.counters.all()) {
        out.sample("{method=" + label_value(std::get<0>(entry.first)) +
                       ",route=" + label_value(std::get<1>(entry.first)) + ",code=\"" +
                       std::to_string(std::get<2>(entry.first)) + "\"}",
                   entry.second);
    }
}

/// Linux tells their number since 6.2 as the size of the directory. Before, its entries are
/// counted, which takes the longer the more clients there are.
std::optional<std::uint64_t> open_descriptors() {
    struct stat info {};
    if (stat("/proc/self/fd", &info) == 0 && info.st_size > 0) {
        return static_cast<std::uint64_t>(info.st_size);
    }
    std::error_code error;
    std::uint64_t count = 0;
    auto entry = std::filesystem::directory_iterator("/proc/self/fd", error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        ++count;
    }
    if (error) return std::nullopt;
    return count;
}

// The usual names of the Prometheus client libraries. What cannot be read is left out.
void write_process(const server::Service& service, Exposition& out) {
    rusage usage{};
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        const auto seconds = [](const timeval& time) {
            return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
        };
        out.single("process_cpu_seconds_total", "counter", "User and system time.",
                   seconds(usage.ru_utime) + seconds(usage.ru_stime));
    }
    std::ifstream statm("/proc/self/statm");
    std::uint64_t virtual_pages = 0;
    std::uint64_t resident_pages = 0;
    if (statm >> virtual_pages >> resident_pages) {
        const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
        out.single("process_resident_memory_bytes", "gauge", "Resident memory.",
                   resident_pages * page);
        out.single("process_virtual_memory_bytes", "gauge", "Virtual memory.",
                   virtual_pages * page);
    }
    if (const std::optional<std::uint64_t> descriptors = open_descriptors()) {
        out.single("process_open_fds", "gauge", "Open descriptors.", *descriptors);
    }
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        out.single("process_max_fds", "gauge", "Descriptors allowed.",
                   static_cast<std::uint64_t>(limit.rlim_cur));
    }
    out.single("process_start_time_seconds", "gauge", "When the server started.",
               static_cast<double>(base::to_unix_us(service.started())) / 1e6);
}

}  // namespace

void get_metrics(Context& context, const Request& /*request*/, const Respond& respond) {
    Exposition out;
    out.family("meridian_build_info", "gauge", "1; the labels tell the build.");
    out.sample("{version=\"" MERIDIAN_VERSION "\"}", std::uint64_t{1});
    write_queries(context.service, out);
    write_rrl(context.service, out);
    write_workers(context, out);
    write_tls(context, out);
    write_turns(context.service.loop_turns(), "meridian_loop", "of the workers' loops", out);
    write_turns({context.loop.turns()}, "meridian_admin_loop", "of the admin loop", out);
    write_store(context.service.store(), context.service.store().read()->revision(), out);
    write_resolver(context.service, out);
    write_admin(context, out);
    write_process(context.service, out);
    Reply reply = Reply::empty(200);
    reply.headers.add("content-type", "text/plain; version=0.0.4; charset=utf-8");
    reply.body = out.take();
    respond(std::move(reply));
}

}  // namespace admin
