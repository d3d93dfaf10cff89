// dnspace: asks at a steady rate, whatever the server does, and tells how long answers took.
//
//   dnspace -p PORT -f QUERIES -r RATE [-t SECONDS] [-s SOCKETS]
//
// Queries leave in steps of 100 us. The time of an answer is the kernel's, of when it arrived at
// the socket, so that only the server's delays count and not those of this program; the time of a
// query is taken before the call that sends it. Sends to 127.0.0.1 only, for SECONDS (10). Where
// the host takes the processor away for milliseconds now and then, the 99th percentile of all tells
// about the host; that of windows of 100 ms, of which half lie below the median, about the server.
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/query_file.h"

namespace {

constexpr unsigned kBatch = 32;
constexpr std::int64_t kStepNs = 100'000;
constexpr std::int64_t kWindowNs = 100'000'000;
constexpr std::size_t kWindowLeast = 500;        // answers
constexpr std::int64_t kLingerNs = 500'000'000;  // for the last answers

std::int64_t clock_ns(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

struct Totals {
    std::uint64_t sent = 0;
    std::vector<std::int32_t> took_us;
    std::vector<std::size_t> windows;  // how many of `took_us` there were at the end of each
};

/// The value below which `share` of some lie; reorders them.
double quantile(std::vector<std::int32_t>::iterator first, std::vector<std::int32_t>::iterator last,
                double share) {
    const auto count = last - first;
    const auto index =
        std::min(count - 1, static_cast<std::ptrdiff_t>(share * static_cast<double>(count)));
    std::nth_element(first, first + index, last);
    return static_cast<double>(first[index]) / 1e3;
}

/// One connected socket. IDs come again after 65536 queries: an answer later than that is taken
/// for one of a newer query.
class Lane {
  public:
    explicit Lane(std::uint16_t port) : sent_ns_(65536, 0) {
        fd_ = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        const int size = 4 << 20;
        const int on = 1;
        setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        setsockopt(fd_, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (fd_ < 0 || connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
            std::perror("dnspace: socket");
            std::exit(1);
        }
        for (unsigned i = 0; i < kBatch; ++i) {
            out_[i].msg_hdr.msg_iov = &out_vectors_[i];
            out_[i].msg_hdr.msg_iovlen = 1;
            in_vectors_[i] = {in_octets_[i], sizeof in_octets_[i]};
            in_[i].msg_hdr.msg_iov = &in_vectors_[i];
            in_[i].msg_hdr.msg_iovlen = 1;
            in_[i].msg_hdr.msg_control = control_[i];
        }
    }
    ~Lane() { close(fd_); }
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    void send(const std::vector<std::string>& queries, std::size_t& next, unsigned count,
              Totals& totals) {
        count = std::min(count, kBatch);
        std::uint16_t id = next_id_;
        for (unsigned i = 0; i < count; ++i, ++id) {
            const std::string& query = queries[next];
            next = (next + 1) % queries.size();
            std::memcpy(out_octets_[i], query.data(), query.size());
            out_octets_[i][0] = static_cast<std::uint8_t>(id >> 8U);
            out_octets_[i][1] = static_cast<std::uint8_t>(id & 0xffU);
            out_vectors_[i] = {out_octets_[i], query.size()};
        }
        const std::int64_t now = clock_ns(CLOCK_REALTIME);
        const int sent = sendmmsg(fd_, out_.data(), count, 0);
        for (int i = 0; i < sent; ++i) sent_ns_[next_id_++] = now;
        totals.sent += count;  // what the kernel did not take counts as lost
    }

    void receive(Totals& totals) {
        for (;;) {
            for (unsigned i = 0; i < kBatch; ++i) {
                in_[i].msg_hdr.msg_controllen = sizeof control_[i];
            }
            const int got = recvmmsg(fd_, in_.data(), kBatch, MSG_DONTWAIT, nullptr);
            for (int i = 0; i < got; ++i) take(static_cast<std::size_t>(i), totals);
            if (got < static_cast<int>(kBatch)) return;
        }
    }

  private:
    void take(std::size_t i, Totals& totals) {
        if (in_[i].msg_len < 12) return;
        const auto id = static_cast<std::uint16_t>(in_octets_[i][0] << 8U | in_octets_[i][1]);
        std::int64_t& sent = sent_ns_[id];
        for (cmsghdr* part = CMSG_FIRSTHDR(&in_[i].msg_hdr); part != nullptr && sent != 0;
             part = CMSG_NXTHDR(&in_[i].msg_hdr, part)) {
            if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS) continue;
            timespec at{};
            std::memcpy(&at, CMSG_DATA(part), sizeof at);
            const std::int64_t ns = std::int64_t{at.tv_sec} * 1'000'000'000 + at.tv_nsec - sent;
            totals.took_us.push_back(static_cast<std::int32_t>(ns / 1000));
        }
        sent = 0;
    }

    int fd_ = -1;
    std::uint16_t next_id_ = 0;
    std::vector<std::int64_t> sent_ns_;  // by ID; 0: not waited for
    std::array<mmsghdr, kBatch> out_{}, in_{};
    iovec out_vectors_[kBatch]{}, in_vectors_[kBatch]{};
    std::uint8_t out_octets_[kBatch][512]{}, in_octets_[kBatch][4096]{};
    alignas(cmsghdr) std::uint8_t control_[kBatch][CMSG_SPACE(sizeof(timespec))]{};
};

}  // namespace

int main(int argc, char** argv) {
    std::uint16_t port = 0;
    std::string file;
    double rate = 0;
    double seconds = 10;
    unsigned sockets = 8;
    for (int option = 0; (option = getopt(argc, argv, "p:f:r:t:s:")) != -1;) {
        if (option == 'p') port = static_cast<std::uint16_t>(std::strtoul(optarg, nullptr, 10));
        if (option == 'f') file = optarg;
        if (option == 'r') rate = std::strtod(optarg, nullptr);
        if (option == 't') seconds = std::strtod(optarg, nullptr);
        if (option == 's') sockets = static_cast<unsigned>(std::strtoul(optarg, nullptr, 10));
        if (option == '?') return 2;
    }
    const std::vector<std::string> queries = read_queries(file, QueryForm{});
    if (port == 0 || queries.empty() || !(rate > 0) || !(seconds > 0) || sockets == 0) {
        std::fputs("usage: dnspace -p PORT -f QUERIES -r RATE [-t SECONDS] [-s SOCKETS]\n", stderr);
        return 2;
    }
    std::vector<std::unique_ptr<Lane>> lanes;
    for (unsigned i = 0; i < sockets; ++i) lanes.push_back(std::make_unique<Lane>(port));
    prctl(PR_SET_TIMERSLACK, 1UL);

    Totals totals;
    totals.took_us.reserve(static_cast<std::size_t>(rate * seconds) + 1000);
    std::size_t next = 0;
    std::size_t lane = 0;
    const std::int64_t start = clock_ns(CLOCK_MONOTONIC);
    const auto end = start + static_cast<std::int64_t>(seconds * 1e9);
    for (std::int64_t step = start; step < end + kLingerNs; step += kStepNs) {
        const std::int64_t now = clock_ns(CLOCK_MONOTONIC);
        if (now < end) {
            const auto due =
                static_cast<std::uint64_t>(static_cast<double>(now - start) * rate / 1e9);
            while (totals.sent < due) {
                lanes[lane]->send(queries, next, static_cast<unsigned>(due - totals.sent), totals);
                lane = (lane + 1) % lanes.size();
            }
        }
        for (const auto& each : lanes) each->receive(totals);
        if (now >= start + kWindowNs * static_cast<std::int64_t>(totals.windows.size() + 1)) {
            totals.windows.push_back(totals.took_us.size());
        }
        const std::int64_t until = std::max(step, now) + kStepNs;
        const timespec at{until / 1'000'000'000, until % 1'000'000'000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
    }

    std::vector<std::int32_t>& took = totals.took_us;
    if (took.empty()) {
        std::fputs("dnspace: nothing was answered\n", stderr);
        return 1;
    }
    std::vector<std::int32_t> windows;  // the 99th percentile of each, in us
    std::size_t first = 0;
    for (const std::size_t last : totals.windows) {
        if (last - first >= kWindowLeast) {
            const auto begin = took.begin();
            windows.push_back(static_cast<std::int32_t>(
                1e3 * quantile(begin + static_cast<std::ptrdiff_t>(first),
                               begin + static_cast<std::ptrdiff_t>(last), 0.99)));
        }
        first = last;
    }
    if (windows.empty()) {
        std::fputs("dnspace: too few answers in a window\n", stderr);
        return 1;
    }
    std::sort(took.begin(), took.end());
    const auto at = [&took](double share) {
        const auto index = static_cast<std::size_t>(share * static_cast<double>(took.size()));
        return static_cast<double>(took[std::min(index, took.size() - 1)]) / 1e3;
    };
    std::printf(
        "%.0f q/s: sent %llu lost %llu; ms: median %.3f p90 %.3f p99 %.3f p99.9 %.3f longest "
        "%.3f; p99 of a window: median %.3f, third quartile %.3f\n",
        rate, static_cast<unsigned long long>(totals.sent),
        static_cast<unsigned long long>(totals.sent - std::min(totals.sent, took.size())), at(0.5),
        at(0.9), at(0.99), at(0.999), at(1), quantile(windows.begin(), windows.end(), 0.5),
        quantile(windows.begin(), windows.end(), 0.75));
    return 0;
}
