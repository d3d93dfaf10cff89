// changes: writers over HTTP, each on a connection of its own and waiting for its acknowledgement,
// and after each acknowledgement a query over UDP that must be answered with the new address.
//
//   changes -u ADMIN_SOCKET -p DNS_PORT -z ZONE -n NAMES [-c WRITERS] [-t SECONDS] [-m CHANGES]
//
// Changes the A records of h000000000 to the last of NAMES in ZONE (node_cache.cc and write.sh name
// them so) for SECONDS (10), or until there were CHANGES. Exit status 1 if an old address was seen.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "base/octets.h"
#include "tests/bench/changed_records.h"

namespace {

using bench::fail;
using bench::label;
using bench::quantile;
using Clock = std::chrono::steady_clock;

struct Options {
    std::string socket;
    std::uint16_t port = 0;
    std::string zone;
    std::uint32_t names = 0;
    unsigned writers = 16;
    double seconds = 10;
    std::uint64_t changes = ~std::uint64_t{0};
};

struct Figures {
    std::uint64_t stale = 0;
    std::vector<float> acknowledged_ms, answered_ms;
};

/// One writer's HTTP connection; requests and answers are small.
class Admin {
  public:
    explicit Admin(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (path.size() >= sizeof address.sun_path) fail("the path is too long: " + path);
        std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
        if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
            fail("cannot connect to " + path);
        }
    }
    ~Admin() { close(fd_); }
    Admin(const Admin&) = delete;
    Admin& operator=(const Admin&) = delete;

    void put(const std::string& path, const std::string& body) {
        const std::string request = "PUT " + path +
                                    " HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                                    "application/json\r\nContent-Length: " +
                                    std::to_string(body.size()) + "\r\n\r\n" + body;
        if (send(fd_, request.data(), request.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(request.size())) {
            fail("the server closed the connection");
        }
        std::string answer;
        std::size_t head = std::string::npos;
        std::size_t whole = 0;
        while (head == std::string::npos || answer.size() < whole) {
            char octets[4096];
            const ssize_t got = recv(fd_, octets, sizeof octets, 0);
            if (got <= 0) fail("no answer to " + path);
            answer.append(octets, static_cast<std::size_t>(got));
            if (head != std::string::npos) continue;
            head = answer.find("\r\n\r\n");
            if (head == std::string::npos) continue;
            const std::size_t length = answer.find("content-length: ");
            if (length > head) fail("an answer without length: " + answer);
            whole = head + 4 + std::strtoul(answer.c_str() + length + 16, nullptr, 10);
        }
        if (answer.compare(0, 10, "HTTP/1.1 2") != 0) fail(path + ": " + answer);
    }

  private:
    int fd_;
};

/// One writer's DNS client.
class Resolver {
  public:
    explicit Resolver(std::uint16_t port) : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const timeval limit{2, 0};
        setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
            fail("no DNS");
        }
    }
    ~Resolver() { close(fd_); }
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    /// The address of the one A record, which is the last thing in the answer.
    std::uint32_t ask(const std::string& name) {
        std::string query = bench::query_for(name, 0);
        std::array<std::uint8_t, 512> reply{};
        ssize_t got = -1;
        for (int attempt = 0; got < 0 && attempt < kAttempts; ++attempt) {
            base::store_be16(reinterpret_cast<std::uint8_t*>(query.data()), ++id_);
            if (send(fd_, query.data(), query.size(), 0) < 0) fail("cannot ask");
            do {  // a late answer to an earlier attempt has another ID
                got = recv(fd_, reply.data(), reply.size(), 0);
            } while (got >= 2 && std::memcmp(reply.data(), query.data(), 2) != 0);
        }
        const std::uint32_t address =
            got < 0 ? 0 : bench::address_in(reply.data(), static_cast<std::size_t>(got));
        if (address == 0) fail("not one answer for " + name);
        return address;
    }

  private:
    static constexpr int kAttempts = 3;

    int fd_;
    std::uint16_t id_ = 0;
};

void write(const Options& options, unsigned writer, Clock::time_point end,
           std::atomic<std::uint64_t>& left, Figures& figures) {
    Admin admin(options.socket);
    Resolver resolver(options.port);
    const std::uint32_t share = options.names / options.writers;
    // Another one each time: a change to what is there already is none.
    std::uint64_t state =
        static_cast<std::uint64_t>(Clock::now().time_since_epoch().count()) + writer;
    for (auto number = static_cast<std::uint32_t>(state >> 10U); Clock::now() < end; ++number) {
        std::uint64_t before = left.load();
        while (before > 0 && !left.compare_exchange_weak(before, before - 1)) {
        }
        if (before == 0) return;
        state = state * 6364136223846793005U + 1442695040888963407U;
        const std::string owner =
            label(writer * share + static_cast<std::uint32_t>(state >> 33U) % share);
        const std::uint32_t address = bench::address_of(number);
        const std::string body = bench::document_of(address);
        const auto ms_since = [](Clock::time_point start) {
            return std::chrono::duration<float, std::milli>(Clock::now() - start).count();
        };
        const Clock::time_point start = Clock::now();
        admin.put("/v1/zones/" + options.zone + "/rrsets/" + owner + "/A", body);
        figures.acknowledged_ms.push_back(ms_since(start));
        if (resolver.ask(owner + "." + options.zone) != address) ++figures.stale;
        figures.answered_ms.push_back(ms_since(start));
    }
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    for (int option = 0; (option = getopt(argc, argv, "u:p:z:n:c:t:m:")) != -1;) {
        const auto number = [] { return std::strtoul(optarg, nullptr, 10); };
        if (option == 'u') options.socket = optarg;
        if (option == 'p') options.port = static_cast<std::uint16_t>(number());
        if (option == 'z') options.zone = optarg;
        if (option == 'n') options.names = static_cast<std::uint32_t>(number());
        if (option == 'c') options.writers = static_cast<unsigned>(number());
        if (option == 't') options.seconds = std::strtod(optarg, nullptr);
        if (option == 'm') options.changes = number();
        if (option == '?') return 2;
    }
    if (options.socket.empty() || options.port == 0 || !options.zone.ends_with('.') ||
        options.writers == 0 || options.names < options.writers) {
        fail("usage: changes -u ADMIN_SOCKET -p DNS_PORT -z ZONE. -n NAMES ...");
    }
    std::atomic<std::uint64_t> left{options.changes};
    std::vector<Figures> figures(options.writers);
    std::vector<std::thread> threads;
    const Clock::time_point start = Clock::now();
    const Clock::time_point end = start + std::chrono::duration_cast<Clock::duration>(
                                              std::chrono::duration<double>(options.seconds));
    for (unsigned i = 0; i < options.writers; ++i) {
        threads.emplace_back(
            [&options, &left, &figures, i, end] { write(options, i, end, left, figures[i]); });
    }
    for (std::thread& thread : threads) thread.join();
    const double took = std::chrono::duration<double>(Clock::now() - start).count();

    Figures all;
    for (const Figures& each : figures) {
        all.stale += each.stale;
        all.acknowledged_ms.insert(all.acknowledged_ms.end(), each.acknowledged_ms.begin(),
                                   each.acknowledged_ms.end());
        all.answered_ms.insert(all.answered_ms.end(), each.answered_ms.begin(),
                               each.answered_ms.end());
    }
    if (all.answered_ms.empty()) fail("no change came through in time");
    std::printf(
        "%u writers over HTTP: %.0f changes/s; ms to the acknowledgement: median %.2f p99 %.2f; to "
        "the changed answer: median %.2f p99 %.2f longest %.2f; %zu of %zu answers were new\n",
        options.writers, static_cast<double>(all.answered_ms.size()) / took,
        quantile(all.acknowledged_ms, 0.5), quantile(all.acknowledged_ms, 0.99),
        quantile(all.answered_ms, 0.5), quantile(all.answered_ms, 0.99),
        quantile(all.answered_ms, 1), all.answered_ms.size() - static_cast<std::size_t>(all.stale),
        all.answered_ms.size());
    return all.stale == 0 ? 0 : 1;
}
