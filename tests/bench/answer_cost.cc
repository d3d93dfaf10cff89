// answer_cost: what an answer costs from octets to octets, without sockets.
//
//   answer_cost [-n COUNT] [-d] [-p] DATA_DIR KIND=FILE...
//
// Answers COUNT (20,000) queries of each FILE (dnsperf's format) from the zones below DATA_DIR as a
// worker does, in batches, and prints nanoseconds an answer and what the answers were. -d sets DO.
// -p leaves the packet cache on: without it every answer is composed.
// Run by callgrind with --toggle-collect='server::Pipeline::run_batch*' it counts the answering
// alone, and writes one dump for each KIND (tests/bench/answer_cost.py compares these with a file).
#include <unistd.h>
#include <valgrind/callgrind.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "server/pipeline.h"
#include "tests/bench/query_file.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::minutes kLoadLimit{2};
constexpr std::size_t kReplyOctets = 4096;

[[noreturn]] void fail(const std::string& message) {
    std::fprintf(stderr, "answer_cost: %s\n", message.c_str());
    std::exit(1);
}

/// What the answers of one kind were, counted.
struct Seen {
    std::array<std::uint64_t, 16> rcodes{};
    std::uint64_t answers = 0, octets = 0;
};

/// One worker's view of the store, answering batch after batch.
class Answerer {
  public:
    Answerer(zones::Store& store, bool packet_cache)
        : store_(store),
          reader_(store.qsbr().add_reader()),
          settings_(settings(packet_cache)),
          pipeline_(settings_, store, cache_, stats_, tap_, false),
          replies_(server::kAnswerBatch * kReplyOctets) {}
    ~Answerer() { store_.qsbr().remove_reader(reader_); }
    Answerer(const Answerer&) = delete;
    Answerer& operator=(const Answerer&) = delete;

    /// Nanoseconds for each of `count` queries, taken in turn from `messages`.
    double run(const std::vector<std::string>& messages, std::size_t count, const char* kind,
               Seen& seen) {
        std::size_t next = 0;
        // So that what is made at first use is there, or at the second.
        for (int pass = 0; pass < 3; ++pass) answer(messages, next, messages.size(), seen);
        seen = {};
        CALLGRIND_ZERO_STATS;
        const auto start = Clock::now();
        answer(messages, next, count, seen);
        const auto took = std::chrono::duration<double, std::nano>(Clock::now() - start);
        CALLGRIND_DUMP_STATS_AT(kind);
        return took.count() / static_cast<double>(count);
    }

  private:
    static server::PipelineSettings settings(bool packet_cache) {
        server::PipelineSettings out;
        if (!packet_cache) out.packet_cache = 0;
        return out;
    }

    void answer(const std::vector<std::string>& messages, std::size_t& next, std::size_t count,
                Seen& seen) {
        std::array<server::Query, server::kAnswerBatch> queries;
        std::array<server::Reply, server::kAnswerBatch> replies;
        for (std::size_t done = 0; done < count;) {
            const std::size_t size = std::min(queries.size(), count - done);
            const base::MonoTime now = base::mono_now();
            for (std::size_t i = 0; i < size; ++i) {
                queries[i].message = base::as_octets(messages[next]);
                queries[i].client = client_;
                queries[i].received = now;
                replies[i].octets =
                    base::MutableOctets(replies_).subspan(i * kReplyOctets, kReplyOctets);
                next = next + 1 == messages.size() ? 0 : next + 1;
            }
            reader_.online();
            pipeline_.begin_batch(now);
            pipeline_.run_batch({queries.data(), size}, {replies.data(), size},
                                [](std::size_t) { fail("a query was deferred"); });
            pipeline_.end_batch();
            reader_.offline();
            done += size;
            for (std::size_t i = 0; i < size; ++i) {
                if (replies[i].step != server::Step::Answered) fail("a query was not answered");
                ++seen.rcodes[replies[i].octets[3] & 0x0fU];
                seen.answers += base::load_be16(&replies[i].octets[6]);
                seen.octets += replies[i].size;
            }
        }
    }

    zones::Store& store_;
    base::Qsbr::Reader& reader_;
    const server::PipelineSettings settings_;
    const resolver::Settings resolver_settings_;
    resolver::Cache cache_{resolver_settings_};
    server::WorkerStats stats_;
    server::Tap tap_;
    server::Pipeline pipeline_;
    std::vector<std::uint8_t> replies_;
    const base::Endpoint client_ = *base::Endpoint::parse("127.0.0.1:4000");
};

}  // namespace

int main(int argc, char** argv) {
    std::size_t count = 20000;
    QueryForm form;
    bool packet_cache = false;
    for (int option = 0; (option = getopt(argc, argv, "n:dp")) != -1;) {
        if (option == 'n') count = std::strtoul(optarg, nullptr, 10);
        if (option == 'd') form.edns = form.dnssec = true;
        if (option == 'p') packet_cache = true;
        if (option == '?') return 2;
    }
    if (argc - optind < 2 || count == 0) {
        std::fputs("usage: answer_cost [-n COUNT] [-d] [-p] DATA_DIR KIND=FILE...\n", stderr);
        return 2;
    }
    zones::StoreOptions options;
    options.directory = std::string(argv[optind]) + "/store";
    options.memory_octets = std::size_t{2} << 30;
    options.log = [](std::string_view level, const std::string& message) {
        if (level != "info") std::fprintf(stderr, "answer_cost: %s\n", message.c_str());
    };
    auto opened = zones::Store::open(options);
    if (!opened) fail(opened.error().message);
    zones::Store& store = **opened;
    const auto give_up = Clock::now() + kLoadLimit;
    while (!store.stats().cache_complete) {
        if (Clock::now() > give_up) fail("the zones were not in memory in time");
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    Answerer answerer(store, packet_cache);
    for (int i = optind + 1; i < argc; ++i) {
        const std::string argument = argv[i];
        const std::size_t equals = argument.find('=');
        if (equals == std::string::npos) fail("not KIND=FILE: " + argument);
        const std::string kind = argument.substr(0, equals);
        const auto messages = read_queries(argument.substr(equals + 1), form);
        if (messages.empty()) fail("no queries in " + argument.substr(equals + 1));
        Seen seen;
        const double ns = answerer.run(messages, count, kind.c_str(), seen);
        std::printf(
            "%-16s %7.1f ns; NOERROR %llu NXDOMAIN %llu other %llu; %.2f answers, %.1f octets\n",
            kind.c_str(), ns, static_cast<unsigned long long>(seen.rcodes[0]),
            static_cast<unsigned long long>(seen.rcodes[3]),
            static_cast<unsigned long long>(count - seen.rcodes[0] - seen.rcodes[3]),
            static_cast<double>(seen.answers) / static_cast<double>(count),
            static_cast<double>(seen.octets) / static_cast<double>(count));
    }
    return 0;
}
