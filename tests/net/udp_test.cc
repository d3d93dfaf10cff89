#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "net/descriptor.h"
#include "net/udp_client.h"
#include "net/udp_socket.h"

namespace net {
namespace {

using std::chrono::milliseconds;

base::Endpoint endpoint(const std::string& text) {
    return *base::Endpoint::parse(text);
}

/// A blocking client on a loop that is turned by hand.
class Client {
  public:
    explicit Client(const base::Endpoint& peer)
        : fd_(socket(peer.address.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_storage to{};
        const socklen_t size = peer.to_sockaddr(to);
        connected_ = connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), size) == 0;
        const int room = 4 << 20;
        setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    }
    bool send(std::string_view text) const {
        return connected_ &&
               ::send(fd_.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
    }
    /// A connected socket takes only what comes from the address it asked.
    std::optional<std::string> receive() const {
        std::array<char, 65536> buffer;
        const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got < 0) return std::nullopt;
        return std::string(buffer.data(), static_cast<std::size_t>(got));
    }

  private:
    Descriptor fd_;
    bool connected_ = false;
};

void run_for(Loop& loop, milliseconds time) {
    Timer timer(loop);
    timer.start(time, [&] { loop.stop(); });
    loop.run();
}

/// Answers with the request and a mark; "quiet" gets no answer.
struct Echo final : UdpHandler {
    void on_batch(std::span<UdpDatagram> batch) override {
        ++batches;
        largest = std::max(largest, batch.size());
        for (UdpDatagram& d : batch) {
            last_local = d.local;
            last_peer = d.peer;
            saw_truncated = saw_truncated || d.truncated;
            if (base::as_text(d.request) == "quiet") continue;
            d.reply_size = std::min(d.request.size() + 1, d.reply.size());
            std::memcpy(d.reply.data(), d.request.data(), d.reply_size - 1);
            d.reply[d.reply_size - 1] = '!';
        }
    }
    int batches = 0;
    std::size_t largest = 0;
    bool saw_truncated = false;
    base::Endpoint last_local;
    base::Endpoint last_peer;
};

TEST(UdpSocket, EchoesThousandsInBatches) {
    Loop loop;
    Echo echo;
    UdpOptions options;
    options.receive_buffer_octets = 4 << 20;
    auto socket = UdpSocket::bind(loop, endpoint("127.0.0.1:0"), options, echo);
    ASSERT_TRUE(socket) << socket.error().message;
    const Client client((*socket)->local());
    constexpr int kRounds = 25;
    constexpr int kPerRound = 200;  // what the receive buffer holds even unprivileged
    int answered = 0;
    for (int round = 0; round < kRounds; ++round) {
        for (int i = 0; i < kPerRound; ++i) {
            ASSERT_TRUE(client.send(std::to_string(round * kPerRound + i)));
        }
        run_for(loop, milliseconds(2));
        for (int i = 0; i < kPerRound; ++i) {
            ASSERT_EQ(client.receive(), std::to_string(round * kPerRound + i) + "!");
            ++answered;
        }
    }
    EXPECT_EQ(answered, kRounds * kPerRound);
    EXPECT_EQ((*socket)->counters().received, 5000U);
    EXPECT_EQ((*socket)->counters().sent, 5000U);
    EXPECT_EQ(echo.largest, kUdpBatch);
    EXPECT_LT(echo.batches, 500);
}

TEST(UdpSocket, SilenceIsAnAnswerToo) {
    Loop loop;
    Echo echo;
    auto socket = UdpSocket::bind(loop, endpoint("127.0.0.1:0"), {}, echo);
    ASSERT_TRUE(socket);
    const Client client((*socket)->local());
    for (const char* text : {"a", "quiet", "b", "quiet", ""}) ASSERT_TRUE(client.send(text));
    run_for(loop, milliseconds(5));
    EXPECT_EQ(client.receive(), "a!");
    EXPECT_EQ(client.receive(), "b!");
    EXPECT_EQ(client.receive(), "!");  // an empty datagram is a datagram
    EXPECT_EQ(client.receive(), std::nullopt);
}

TEST(UdpSocket, FlagsDatagramsThatDoNotFit) {
    Loop loop;
    Echo echo;
    auto socket = UdpSocket::bind(loop, endpoint("127.0.0.1:0"), {}, echo);
    ASSERT_TRUE(socket);
    const Client client((*socket)->local());
    ASSERT_TRUE(client.send(std::string(kUdpRequestOctets, 'a')));
    run_for(loop, milliseconds(5));
    EXPECT_FALSE(echo.saw_truncated);
    EXPECT_EQ(client.receive()->size(), kUdpReplyOctets);
    ASSERT_TRUE(client.send(std::string(kUdpRequestOctets + 1, 'a')));
    run_for(loop, milliseconds(5));
    EXPECT_TRUE(echo.saw_truncated);
    EXPECT_EQ((*socket)->counters().truncated, 1U);
}

TEST(UdpSocket, WildcardAnswersFromTheAddressAsked) {
    struct Row {
        const char* bind;
        std::vector<const char*> ask;
    };
    for (const Row& row :
         {Row{"0.0.0.0:0", {"127.0.0.1", "127.0.0.2", "127.4.5.6"}}, Row{"[::]:0", {"::1"}}}) {
        Loop loop;
        Echo echo;
        auto socket = UdpSocket::bind(loop, endpoint(row.bind), {}, echo);
        ASSERT_TRUE(socket) << socket.error().message;
        for (const char* address : row.ask) {
            const base::Endpoint asked{*base::IpAddress::parse(address), (*socket)->local().port};
            const Client client(asked);
            ASSERT_TRUE(client.send("x")) << address;
            run_for(loop, milliseconds(5));
            EXPECT_EQ(echo.last_local, asked);
            EXPECT_EQ(client.receive(), "x!") << address;
            // Deferred answers too.
            EXPECT_TRUE((*socket)->send(echo.last_peer, echo.last_local, base::as_octets("late")));
            EXPECT_EQ(client.receive(), "late") << address;
        }
    }
}

TEST(UdpSocket, AddedAddressesAreServedBesideTheWildcard) {
    struct Row {
        const char* bind;
        const char* own;
        std::vector<const char*> ask;
    };
    for (const Row& row : {Row{"0.0.0.0:0", "127.0.0.2", {"127.0.0.1", "127.0.0.2", "127.0.0.3"}},
                           Row{"[::]:0", "::1", {"::1"}}}) {
        Loop loop;
        Echo echo;
        auto socket = UdpSocket::bind(loop, endpoint(row.bind), {}, echo);
        ASSERT_TRUE(socket) << socket.error().message;
        const std::uint16_t port = (*socket)->local().port;
        const base::Endpoint own{*base::IpAddress::parse(row.own), port};
        auto bound = UdpSocket::open(own, {});
        ASSERT_TRUE(bound) << bound.error().message;
        const int descriptor = bound->get();
        ASSERT_TRUE((*socket)->add(std::move(*bound)));
        for (int round = 0; round < 2; ++round) {
            for (const char* address : row.ask) {
                const base::Endpoint asked{*base::IpAddress::parse(address), port};
                const Client client(asked);
                ASSERT_TRUE(client.send("x")) << address;
                // The kernel gives it to the socket that has just this address.
                std::array<char, 8> peeked;
                const ssize_t at_own =
                    recv(descriptor, peeked.data(), peeked.size(), MSG_PEEK | MSG_DONTWAIT);
                EXPECT_EQ(round == 0 && asked == own, at_own == 1) << address;
                run_for(loop, milliseconds(5));
                EXPECT_EQ(echo.last_local, asked);
                EXPECT_EQ(client.receive(), "x!") << address;
                EXPECT_TRUE(
                    (*socket)->send(echo.last_peer, echo.last_local, base::as_octets("late")));
                EXPECT_EQ(client.receive(), "late") << address;
            }
            // Afterwards, and however often, the wildcard has it again.
            (*socket)->remove(own.address);
            (*socket)->remove(own.address);
        }
        EXPECT_EQ((*socket)->counters().received, 2 * row.ask.size());
        // The wildcard itself is not to be removed.
        (*socket)->remove((*socket)->local().address);
        const Client client({own.address, port});
        ASSERT_TRUE(client.send("y"));
        run_for(loop, milliseconds(5));
        EXPECT_EQ(client.receive(), "y!");
    }
}

TEST(UdpSocket, CountsWhatTheKernelThrewAway) {
    struct Handler final : UdpHandler {
        void on_batch(std::span<UdpDatagram> batch) override { seen += batch.size(); }
        void on_overflow(std::uint64_t datagrams) override { told += datagrams; }
        std::size_t seen = 0;
        std::uint64_t told = 0;
    };
    for (const char* address : {"127.0.0.1:0", "0.0.0.0:0"}) {
        Loop loop;
        Handler handler;
        UdpOptions options;
        options.receive_buffer_octets = 4096;  // the kernel doubles it, and counts its own overhead
        auto socket = UdpSocket::bind(loop, endpoint(address), options, handler);
        ASSERT_TRUE(socket) << socket.error().message;
        const Client client({*base::IpAddress::parse("127.0.0.1"), (*socket)->local().port});
        constexpr std::size_t kSent = 500;
        for (std::size_t i = 0; i < kSent; ++i) ASSERT_TRUE(client.send("x"));
        run_for(loop, milliseconds(5));
        const std::size_t kept = handler.seen;
        EXPECT_LT(kept, kSent);
        // It is told with what comes soon afterwards, and once.
        for (int i = 0; i < 3; ++i) {
            run_for(loop, milliseconds(25));
            ASSERT_TRUE(client.send("x"));
            run_for(loop, milliseconds(2));
        }
        EXPECT_EQ(handler.seen, kept + 3);
        EXPECT_EQ(handler.told, kSent - kept);
        EXPECT_EQ((*socket)->counters().overflowed, kSent - kept);
    }
}

TEST(UdpSocket, TellsItsHandlerWhatWasNotSent) {
    struct Handler final : UdpHandler {
        void on_batch(std::span<UdpDatagram> batch) override {
            for (UdpDatagram& d : batch) {
                d.reply_size = 1;
                d.local.address = *base::IpAddress::parse("192.0.2.1");  // not ours to send from
            }
        }
        void on_unsent(std::uint64_t replies) override { told += replies; }
        std::uint64_t told = 0;
    } handler;
    Loop loop;
    auto socket = UdpSocket::bind(loop, endpoint("0.0.0.0:0"), {}, handler);
    ASSERT_TRUE(socket);
    const Client client({*base::IpAddress::parse("127.0.0.1"), (*socket)->local().port});
    ASSERT_TRUE(client.send("a"));
    ASSERT_TRUE(client.send("b"));
    run_for(loop, milliseconds(5));
    EXPECT_EQ(handler.told, 2U);
    EXPECT_EQ((*socket)->counters().send_errors, 2U);
    EXPECT_EQ(client.receive(), std::nullopt);
}

TEST(UdpSteering, TheCpuThatReceivedChoosesTheSocket) {
    cpu_set_t allowed;
    ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    constexpr int kSockets = 2;
    std::vector<Descriptor> sockets;
    base::Endpoint address = endpoint("127.0.0.1:0");
    for (int i = 0; i < kSockets; ++i) {
        auto bound = UdpSocket::open(address, {});
        ASSERT_TRUE(bound) << bound.error().message;
        sockaddr_storage name{};
        socklen_t length = sizeof name;
        ASSERT_EQ(getsockname(bound->get(), reinterpret_cast<sockaddr*>(&name), &length), 0);
        address = base::Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&name));
        sockets.push_back(std::move(*bound));
    }
    ASSERT_TRUE(steer_by_cpu(sockets.front().get()));
    int tried = 0;
    for (int cpu = 0; cpu < kSockets; ++cpu) {
        if (!CPU_ISSET(cpu, &allowed)) continue;
        ++tried;
        // On loopback the CPU that sends is the one that receives.
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
        for (int i = 0; i < 20; ++i) ASSERT_TRUE(Client(address).send("x"));
        ASSERT_EQ(sched_setaffinity(0, sizeof allowed, &allowed), 0);
        for (int i = 0; i < kSockets; ++i) {
            int got = 0;
            std::array<char, 8> buffer;
            const int fd = sockets[static_cast<std::size_t>(i)].get();
            while (recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT) == 1) ++got;
            EXPECT_EQ(got, i == cpu ? 20 : 0) << "socket " << i << ", CPU " << cpu;
        }
    }
    if (tried == 0) GTEST_SKIP() << "may not run on the first CPUs";
    EXPECT_FALSE(steer_by_cpu(-1));
}

TEST(UdpSteering, EveryInterfaceHasAQueue) {
    EXPECT_GE(receive_queues(if_nametoindex("lo")), 1U);
    EXPECT_EQ(receive_queues(0), 1U);  // there is no such interface
}

TEST(UdpSocket, V6WildcardLeavesV4Alone) {
    Loop loop;
    Echo echo;
    auto six = UdpSocket::bind(loop, endpoint("[::]:0"), {}, echo);
    ASSERT_TRUE(six);
    UdpOptions alone;
    alone.reuseport = false;
    auto four = UdpSocket::bind(loop, {*base::IpAddress::parse("0.0.0.0"), (*six)->local().port},
                                alone, echo);
    EXPECT_TRUE(four) << four.error().message;
}

TEST(UdpSocket, SaysWhyItCannotBind) {
    Loop loop;
    Echo echo;
    UdpOptions alone;
    alone.reuseport = false;
    auto first = UdpSocket::bind(loop, endpoint("127.0.0.1:0"), alone, echo);
    ASSERT_TRUE(first);
    auto second = UdpSocket::bind(loop, (*first)->local(), alone, echo);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().message, "cannot listen on UDP " + (*first)->local().to_text() +
                                          ": Address already in use (EADDRINUSE)");
    EXPECT_FALSE(UdpSocket::bind(loop, endpoint("192.0.2.1:0"), {}, echo));
    UdpOptions ahead;
    ahead.freebind = true;
    EXPECT_TRUE(UdpSocket::bind(loop, endpoint("192.0.2.1:0"), ahead, echo));
}

TEST(UdpSocket, OneRefusedReplyDoesNotStopTheOthers) {
    // The reply of "big" is as long as a reply can be, to a peer whose path takes it; the one
    // of "void" goes to a port 0, which the kernel refuses.
    struct Handler final : UdpHandler {
        void on_batch(std::span<UdpDatagram> batch) override {
            for (UdpDatagram& d : batch) {
                d.reply_size = base::as_text(d.request) == "big" ? d.reply.size() + 99 : 1;
                std::memset(d.reply.data(), 'r', d.reply.size());
            }
        }
    } handler;
    Loop loop;
    auto socket = UdpSocket::bind(loop, endpoint("127.0.0.1:0"), {}, handler);
    ASSERT_TRUE(socket);
    const Client client((*socket)->local());
    ASSERT_TRUE(client.send("big"));
    ASSERT_TRUE(client.send("small"));
    run_for(loop, milliseconds(5));
    EXPECT_EQ(client.receive()->size(), kUdpReplyOctets);  // never beyond the buffer
    EXPECT_EQ(client.receive(), "r");
    EXPECT_FALSE((*socket)->send({*base::IpAddress::parse("127.0.0.1"), 0}, (*socket)->local(),
                                 base::as_octets("x")));
    EXPECT_EQ((*socket)->counters().send_errors, 1U);
}

struct Collector final : UdpClientHandler {
    void on_datagram(base::Octets octets) override {
        received.emplace_back(base::as_text(octets));
        if (socket != nullptr && destroy) socket->reset();
    }
    void on_error(int error) override { errors.push_back(error); }
    std::vector<std::string> received;
    std::vector<int> errors;
    std::unique_ptr<UdpClientSocket>* socket = nullptr;
    bool destroy = false;
};

TEST(UdpClientSocket, AsksFromARandomPortAndHearsOnlyItsPeer) {
    Loop loop;
    Echo echo;
    auto server = UdpSocket::bind(loop, endpoint("127.0.0.1:0"), {}, echo);
    ASSERT_TRUE(server);
    base::SecureRandom random;
    Collector collector;
    std::map<std::uint16_t, int> ports;
    for (int i = 0; i < 20; ++i) {
        auto client =
            UdpClientSocket::connect(loop, (*server)->local(), std::nullopt, random, collector);
        ASSERT_TRUE(client) << client.error().message;
        EXPECT_GE((*client)->local().port, 1024);
        ++ports[(*client)->local().port];
        ASSERT_TRUE((*client)->send(base::as_octets("q")));
        // A forger at another address is not heard.
        const Client forger((*client)->local());
        ASSERT_TRUE(forger.send("forged"));
        run_for(loop, milliseconds(3));
    }
    EXPECT_EQ(collector.received, std::vector<std::string>(20, "q!"));
    EXPECT_GE(ports.size(), 19U);
}

TEST(UdpClientSocket, TellsThatNobodyListens) {
    Loop loop;
    Collector collector;
    base::SecureRandom random;
    base::Endpoint nobody;
    {
        Echo echo;
        nobody = (*UdpSocket::bind(loop, endpoint("127.0.0.1:0"), {}, echo))->local();
    }
    auto client = UdpClientSocket::connect(
        loop, nobody, base::IpAddress::parse("127.0.0.9").value(), random, collector);
    ASSERT_TRUE(client);
    EXPECT_EQ((*client)->local().address.to_text(), "127.0.0.9");
    ASSERT_TRUE((*client)->send(base::as_octets("q")));
    run_for(loop, milliseconds(5));
    EXPECT_EQ(collector.errors, std::vector<int>{ECONNREFUSED});
    EXPECT_TRUE((*client)->send(base::as_octets("q")));  // still usable
}

TEST(UdpClientSocket, MayBeDestroyedByItsOwnDatagram) {
    Loop loop;
    Echo echo;
    auto server = UdpSocket::bind(loop, endpoint("127.0.0.1:0"), {}, echo);
    ASSERT_TRUE(server);
    base::SecureRandom random;
    Collector collector;
    std::unique_ptr<UdpClientSocket> client =
        *UdpClientSocket::connect(loop, (*server)->local(), std::nullopt, random, collector);
    collector.socket = &client;
    collector.destroy = true;
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(client->send(base::as_octets("q")));
    run_for(loop, milliseconds(5));
    EXPECT_EQ(collector.received.size(), 1U);
    EXPECT_EQ(client, nullptr);
}

}  // namespace
}  // namespace net
