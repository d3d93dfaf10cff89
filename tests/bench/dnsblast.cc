// dnsblast: a bounded DNS-over-UDP load generator for side-by-side measurements on one machine.
//
// Sends a query file in dnsperf's format ("name type" a line) over connected UDP sockets with
// sendmmsg/recvmmsg and a fixed window of outstanding queries, and charges the server the CPU
// time its threads spent (/proc/PID/task/*/schedstat), so that servers can be compared by CPU
// microseconds per answered query even where generator and server share the cores.
//
//   dnsblast -p PORT -f QUERIES [-a ADDRESS] [-n COUNT] [-s SOCKETS] [-w WINDOW] [-P SERVER_PID]...
//            [-e] [-d] [-r] [-E] [-t SECONDS]
//   -e EDNS; -d EDNS with DO; -r RD; -E EDNS with a pseudo-random client subnet /24
//
// Sends to loopback only (127.0.0.1, or another ADDRESS of 127.0.0.0/8) and stops by itself after
// SECONDS (60).
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/query_file.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kBatch = 32;
constexpr std::chrono::milliseconds kLostAfter{500};

struct Options {
    std::uint16_t port = 53;
    in_addr address{htonl(INADDR_LOOPBACK)};
    std::string file;
    std::uint64_t count = 1000000;
    unsigned sockets = 8;
    unsigned window = 64;
    double limit_s = 60;
    QueryForm form;
    std::vector<std::string> pids;
};

struct Totals {
    std::uint64_t sent = 0, answered = 0, lost = 0, octets = 0, with_answer = 0;
    std::array<std::uint64_t, 16> rcodes{};
};

std::uint8_t octet(std::uint64_t value) {
    return static_cast<std::uint8_t>(value & 0xff);
}

// CPU time of all threads, and of their processes' children that are named too.
std::uint64_t cpu_ns(const std::vector<std::string>& pids) {
    std::uint64_t total = 0;
    for (const std::string& pid : pids) {
        const std::string folder = "/proc/" + pid + "/task";
        DIR* const tasks = opendir(folder.c_str());
        if (tasks == nullptr) continue;
        while (const dirent* const task = readdir(tasks)) {
            if (task->d_name[0] == '.') continue;
            std::ifstream file(folder + "/" + task->d_name + "/schedstat");
            std::uint64_t ns = 0;
            if (file >> ns) total += ns;
        }
        closedir(tasks);
    }
    return total;
}

// One connected socket with its share of the window.
class Lane {
  public:
    Lane(in_addr to, std::uint16_t port, unsigned window) : window_(window) {
        fd_ = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        const int size = 4 << 20;
        setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr = to;
        if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            std::perror("dnsblast: connect");
            std::exit(1);
        }
        for (unsigned i = 0; i < kBatch; ++i) {
            out_[i].msg_hdr.msg_iov = &out_vectors_[i];
            out_[i].msg_hdr.msg_iovlen = 1;
            in_[i].msg_hdr.msg_iov = &in_vectors_[i];
            in_[i].msg_hdr.msg_iovlen = 1;
        }
    }

    [[nodiscard]] int fd() const { return fd_; }

    /// Sends as much as the window allows; small batches wait until they are worth a call.
    bool send(const std::vector<std::string>& queries, std::size_t& next, std::uint16_t& id,
              std::uint64_t left, Totals& totals) {
        unsigned count = std::min(window_ - outstanding_, kBatch);
        count = static_cast<unsigned>(std::min<std::uint64_t>(count, left));
        if (count == 0 || (count < 8 && outstanding_ > 0)) return false;
        const std::size_t first = next;
        for (unsigned i = 0; i < count; ++i) {
            const std::string& query = queries[next];
            next = (next + 1) % queries.size();
            std::memcpy(out_octets_[i], query.data(), query.size());
            out_octets_[i][0] = octet(id >> 8U);
            out_octets_[i][1] = octet(id);
            ++id;
            out_vectors_[i] = {out_octets_[i], query.size()};
        }
        const int sent = sendmmsg(fd_, out_.data(), count, 0);
        const unsigned done = sent > 0 ? static_cast<unsigned>(sent) : 0;
        next = (first + done) % queries.size();
        if (done == 0) return false;
        totals.sent += done;
        outstanding_ += done;
        last_ = Clock::now();
        return true;
    }

    bool receive(Totals& totals) {
        if (outstanding_ == 0) return false;
        for (unsigned i = 0; i < kBatch; ++i)
            in_vectors_[i] = {in_octets_[i], sizeof in_octets_[i]};
        const int got = recvmmsg(fd_, in_.data(), kBatch, MSG_DONTWAIT, nullptr);
        if (got <= 0) {
            if (Clock::now() - last_ > kLostAfter) {
                totals.lost += outstanding_;
                outstanding_ = 0;
            }
            return false;
        }
        for (unsigned i = 0; i < static_cast<unsigned>(got); ++i) {
            totals.octets += in_[i].msg_len;
            if (in_[i].msg_len < 12) continue;
            ++totals.rcodes[in_octets_[i][3] & 15U];
            if ((in_octets_[i][6] | in_octets_[i][7]) != 0) ++totals.with_answer;
        }
        totals.answered += static_cast<unsigned>(got);
        outstanding_ -= std::min(outstanding_, static_cast<unsigned>(got));
        last_ = Clock::now();
        return true;
    }

  private:
    int fd_ = -1;
    unsigned window_;
    unsigned outstanding_ = 0;
    Clock::time_point last_ = Clock::now();
    std::array<mmsghdr, kBatch> out_{}, in_{};
    iovec out_vectors_[kBatch]{}, in_vectors_[kBatch]{};
    std::uint8_t out_octets_[kBatch][512]{}, in_octets_[kBatch][4096]{};
};

Options read_options(int argc, char** argv) {
    Options options;
    for (int option = 0; (option = getopt(argc, argv, "p:a:f:n:s:w:P:edrEt:")) != -1;) {
        const auto number = [] { return std::strtoul(optarg, nullptr, 10); };
        switch (option) {
            case 'p':
                options.port = static_cast<std::uint16_t>(number());
                break;
            case 'a':
                if (inet_pton(AF_INET, optarg, &options.address) != 1 ||
                    ntohl(options.address.s_addr) >> 24U != IN_LOOPBACKNET) {
                    std::fputs("dnsblast: -a wants an address of 127.0.0.0/8\n", stderr);
                    std::exit(2);
                }
                break;
            case 'f':
                options.file = optarg;
                break;
            case 'n':
                options.count = number();
                break;
            case 's':
                options.sockets = static_cast<unsigned>(number());
                break;
            case 'w':
                options.window = static_cast<unsigned>(number());
                break;
            case 'P':
                options.pids.emplace_back(optarg);
                break;
            case 'e':
                options.form.edns = true;
                break;
            case 'd':
                options.form.edns = options.form.dnssec = true;
                break;
            case 'r':
                options.form.recurse = true;
                break;
            case 'E':
                options.form.edns = options.form.ecs = true;
                break;
            case 't':
                options.limit_s = std::strtod(optarg, nullptr);
                break;
            default:
                std::exit(2);
        }
    }
    return options;
}

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = read_options(argc, argv);
    const std::vector<std::string> queries = read_queries(options.file, options.form);
    if (queries.empty() || options.sockets == 0 || options.window == 0) {
        std::fputs("usage: dnsblast -p PORT -f QUERIES ... (see the top of dnsblast.cc)\n", stderr);
        return 2;
    }
    std::vector<std::unique_ptr<Lane>> lanes;
    std::vector<pollfd> ready;
    for (unsigned i = 0; i < options.sockets; ++i) {
        lanes.push_back(std::make_unique<Lane>(options.address, options.port, options.window));
        ready.push_back({lanes.back()->fd(), POLLIN, 0});
    }

    Totals totals;
    std::size_t next = 0;
    std::uint16_t id = 1;
    const std::uint64_t server_before = cpu_ns(options.pids);
    const Clock::time_point start = Clock::now();
    while (totals.answered + totals.lost < options.count &&
           seconds_since(start) < options.limit_s) {
        bool progress = false;
        for (const std::unique_ptr<Lane>& lane : lanes) {
            progress |= lane->send(queries, next, id, options.count - totals.sent, totals);
            progress |= lane->receive(totals);
        }
        if (!progress) poll(ready.data(), ready.size(), 1);
    }
    const double elapsed_s = seconds_since(start);
    if (totals.answered == 0) {
        std::fputs("dnsblast: nothing was answered\n", stderr);
        return 1;
    }
    const auto answered = static_cast<double>(totals.answered);
    std::printf(
        "answered %llu lost %llu in %.2f s: %.0f q/s; server cpu %.3f us/q; answers>0 %.1f%%; "
        "avg reply %.0f B; rcodes",
        static_cast<unsigned long long>(totals.answered),
        static_cast<unsigned long long>(totals.lost), elapsed_s, answered / elapsed_s,
        static_cast<double>(cpu_ns(options.pids) - server_before) / 1e3 / answered,
        100.0 * static_cast<double>(totals.with_answer) / answered,
        static_cast<double>(totals.octets) / answered);
    for (std::size_t i = 0; i < totals.rcodes.size(); ++i) {
        if (totals.rcodes[i] > 0) {
            std::printf(" %zu:%llu", i, static_cast<unsigned long long>(totals.rcodes[i]));
        }
    }
    std::printf("\n");
    return 0;
}
