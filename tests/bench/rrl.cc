// What response rate limiting costs: CPU nanoseconds for one judgement, with one to four threads on
// one table. Honest clients (a thousand prefixes, a hundred names, never limited), a flood of one
// prefix for one name and for many, and a flood in everybody's name.
//
//     rrl [JUDGEMENTS]
#include "server/rrl.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"

namespace {

using server::Rrl;

constexpr std::uint32_t kRate = 20;
constexpr std::size_t kSubjects = 1024;

/// A stream of clients and names, made beforehand.
struct Stream {
    const char* what;
    std::size_t prefixes;
    std::size_t names;
    std::int64_t step_ns;  // from one judgement to the next
};
constexpr Stream kStreams[] = {
    {"honest clients", 1000, 100, 1000000},
    {"flood of a prefix, one name", 1, 1, 3000},
    {"flood of a prefix, many names", 1, 1000, 3000},
    {"flood in everybody's name", 1000000, 1, 3000},
};

double thread_cpu_ns() {
    timespec at{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return static_cast<double>(at.tv_sec) * 1e9 + static_cast<double>(at.tv_nsec);
}

base::IpAddress client_of(std::uint32_t prefix) {
    const std::uint8_t octets[4] = {static_cast<std::uint8_t>(10 + (prefix >> 16)),
                                    static_cast<std::uint8_t>(prefix >> 8),
                                    static_cast<std::uint8_t>(prefix), 7};
    return base::IpAddress::v4(octets);
}

/// CPU nanoseconds of one thread for a judgement.
double judge(Rrl& rrl, const Stream& stream, std::uint64_t seed, std::size_t judgements,
             const std::vector<dns::Name>& names) {
    base::Random random(seed);
    std::vector<base::IpAddress> clients;
    std::vector<std::size_t> asked;
    for (std::size_t i = 0; i < (1U << 16); ++i) {
        clients.push_back(client_of(random.below(static_cast<std::uint32_t>(stream.prefixes))));
        asked.push_back(random.below(static_cast<std::uint32_t>(stream.names)));
    }
    base::MonoTime now{std::chrono::seconds(1000)};
    std::size_t limited = 0;
    const double begin = thread_cpu_ns();
    for (std::size_t i = 0; i < judgements; ++i) {
        const std::size_t at = i & 0xffff;
        now += std::chrono::nanoseconds(stream.step_ns);
        const auto judged =
            rrl.judge(clients[at], {server::RrlKind::Answer, names[asked[at]], false}, now);
        if (judged.verdict != Rrl::Verdict::Send) ++limited;
    }
    const double took = thread_cpu_ns() - begin;
    if (limited > judgements) std::abort();  // so that none of it is left out
    return took / static_cast<double>(judgements);
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t judgements = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 3000000;
    std::vector<dns::Name> names;
    for (std::size_t i = 0; i < kSubjects; ++i) {
        names.push_back(*dns::Name::parse("host" + std::to_string(i) + ".bench.example."));
    }
    std::printf("%-32s%12s%12s%12s\n", "CPU ns for a judgement", "1 thread", "2 threads",
                "4 threads");
    for (const Stream& stream : kStreams) {
        std::printf("%-32s", stream.what);
        for (const std::size_t count : {1U, 2U, 4U}) {
            Rrl rrl({kRate, 2, {}}, server::SipKey{1, 2, 3});
            std::vector<double> costs(count);
            std::vector<std::thread> threads;
            for (std::size_t t = 0; t < count; ++t) {
                threads.emplace_back(
                    [&, t] { costs[t] = judge(rrl, stream, t + 1, judgements, names); });
            }
            double sum = 0;
            for (std::size_t t = 0; t < count; ++t) {
                threads[t].join();
                sum += costs[t];
            }
            std::printf("%12.1f", sum / static_cast<double>(count));
        }
        std::printf("\n");
    }
    return 0;
}
