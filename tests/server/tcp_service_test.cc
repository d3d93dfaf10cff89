// DNS over TCP of a whole server, by clients that behave badly, and the places that DNS over HTTPS
// has beside it.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "dns/message.h"
#include "dns/message_writer.h"
#include "net/descriptor.h"
#include "server/service.h"
#include "tests/net/support/tls_client.h"
#include "tests/zones/store_fixture.h"

namespace server {
namespace {

using dns::RRType;
using zones_test::changes;
using zones_test::name;
using zones_test::put;

/// A question for www.example. A, behind its length over TCP.
std::vector<std::uint8_t> question(std::uint16_t id, bool tcp) {
    std::vector<std::uint8_t> out(600);
    dns::MessageWriter writer(out);
    writer.header(id, 0);
    EXPECT_TRUE(writer.question(name("www.example."), RRType::A, dns::RRClass::IN));
    out.resize(writer.finish());
    if (!tcp) return out;
    std::uint8_t length[2];
    base::store_be16(length, static_cast<std::uint16_t>(out.size()));
    out.insert(out.begin(), length, length + 2);
    return out;
}

/// A blocking socket that gives up after ten seconds.
class Client {
  public:
    explicit Client(bool tcp = true)
        : fd_(socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0)) {
        timeval patience{};
        patience.tv_sec = 10;
        setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    /// `source`: the address it comes from; empty: any.
    bool connect(const base::Endpoint& server, const std::string& source = {}) {
        sockaddr_storage raw{};
        if (!source.empty()) {
            const socklen_t own = base::Endpoint::parse(source + ":0")->to_sockaddr(raw);
            if (bind(fd_.get(), reinterpret_cast<const sockaddr*>(&raw), own) != 0) return false;
        }
        const socklen_t size = server.to_sockaddr(raw);
        return ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&raw), size) == 0;
    }
    bool send(const std::vector<std::uint8_t>& octets) {
        return ::send(fd_.get(), octets.data(), octets.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(octets.size());
    }
    /// The id of the answer over TCP that comes next; -1: none, the connection has ended.
    int answer() {
        std::uint8_t length[2];
        if (!read(length)) return -1;
        std::vector<std::uint8_t> message(base::load_be16(length));
        if (message.size() < dns::kHeaderOctets || !read(message)) return -1;
        return base::load_be16(message.data());
    }
    bool ask(std::uint16_t id) { return send(question(id, true)) && answer() == id; }
    bool ask_udp(std::uint16_t id) {
        std::uint8_t reply[600];
        return send(question(id, false)) && recv(fd_.get(), reply, sizeof reply, 0) > 12 &&
               base::load_be16(reply) == id;
    }
    void reset() {
        const linger now{1, 0};
        setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
        fd_.reset();
    }
    void end() const { shutdown(fd_.get(), SHUT_WR); }
    /// Has the server closed the connection? It must owe us no answer.
    [[nodiscard]] bool is_closed() const { return sees_end(MSG_DONTWAIT); }
    /// The same, and it may still be about to.
    [[nodiscard]] bool gets_closed() const { return sees_end(0); }

  private:
    [[nodiscard]] bool sees_end(int how) const {
        std::uint8_t octet = 0;
        const ssize_t got = recv(fd_.get(), &octet, 1, MSG_PEEK | how);
        return got == 0 || (got < 0 && errno == ECONNRESET);
    }
    bool read(base::MutableOctets into) {
        while (!into.empty()) {
            const ssize_t got = recv(fd_.get(), into.data(), into.size(), 0);
            if (got <= 0) return false;
            into = into.subspan(static_cast<std::size_t>(got));
        }
        return true;
    }
    net::Descriptor fd_;
};

class TcpServiceTest : public testing::Test {
  protected:
    void start(const std::function<void(Config&)>& change = {}) {
        Config config = Config::defaults();
        config.data_dir = directory_.path();
        config.workers = 1;
        config.min_free_mb = 0;
        config.listeners.resize(1);
        config.listeners[0].address = *base::Endpoint::parse("127.0.0.1:0");
        if (change) change(config);
        auto started = Service::start(config);
        ASSERT_TRUE(started) << started.error().message;
        service_ = std::move(*started);
        const auto result = service_->store().commit(
            changes(zones_test::zone("example."),
                    put("example.", "www.example.", RRType::A, {"192.0.2.1"})));
        ASSERT_TRUE(result) << zones_test::faults(result);
        address_ = service_->listeners().at(0).address;
    }
    [[nodiscard]] std::uint64_t hits(LimitHit limit) const {
        std::uint64_t sum = 0;
        for (const WorkerStats* stats : service_->worker_stats()) {
            sum += stats->limit_hits[static_cast<std::size_t>(limit)].get();
        }
        return sum;
    }
    [[nodiscard]] std::uint64_t open() const {
        std::uint64_t sum = 0;
        for (const WorkerStats* stats : service_->worker_stats()) {
            sum += stats->tcp_accepted.get() - stats->tcp_closed.get();
        }
        return sum;
    }

    zones_test::ScratchDirectory directory_;
    std::unique_ptr<Service> service_;
    base::Endpoint address_;
};

TEST_F(TcpServiceTest, PipelinedQuestionsAreAllAnsweredAlsoAfterAHalfClose) {
    start();
    Client client;
    ASSERT_TRUE(client.connect(address_));
    std::vector<std::uint8_t> all;
    for (std::uint16_t id = 0; id < 3000; ++id) {
        const auto one = question(id, true);
        all.insert(all.end(), one.begin(), one.end());
    }
    std::thread sender([&] {
        EXPECT_TRUE(client.send(all));
        client.end();
    });
    std::vector<bool> seen(3000);
    for (std::size_t i = 0; i < seen.size(); ++i) {
        const int id = client.answer();
        ASSERT_GE(id, 0) << "after " << i;
        seen[static_cast<std::size_t>(id)] = true;
    }
    sender.join();
    EXPECT_TRUE(client.gets_closed());
    EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 3000);
}

TEST_F(TcpServiceTest, ClientsThatVanishInTheMiddleLeaveNothingBehind) {
    start();
    const std::vector<std::uint8_t> whole = question(7, true);
    for (std::size_t size = 0; size < 2 * whole.size(); ++size) {
        std::vector<std::uint8_t> part(whole);
        part.insert(part.end(), whole.begin(), whole.end());
        part.resize(size);
        Client client;
        ASSERT_TRUE(client.connect(address_));
        ASSERT_TRUE(part.empty() || client.send(part));
        client.reset();
    }
    Client client;
    ASSERT_TRUE(client.connect(address_));
    EXPECT_TRUE(client.ask(9));
    for (int i = 0; i < 1000 && open() > 1; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(open(), 1U);
}

TEST_F(TcpServiceTest, TheLimitIsThatOfAllWorkersTogether) {
    start([](Config& config) {
        config.workers = 2;
        config.tcp_clients = 20;
    });
    std::vector<std::unique_ptr<Client>> clients;
    for (std::uint16_t i = 0; i < 60; ++i) {
        clients.push_back(std::make_unique<Client>());
        ASSERT_TRUE(clients.back()->connect(address_));
        EXPECT_TRUE(clients.back()->ask(i)) << i;
        EXPECT_LE(open(), 20U);
    }
    EXPECT_GE(hits(LimitHit::TcpClients), 40U);
}

/// No new descriptor can be had while it lives.
class NoDescriptors {
  public:
    NoDescriptors() {
        getrlimit(RLIMIT_NOFILE, &before_);
        rlimit none = before_;
        const net::Descriptor lowest_free(dup(STDERR_FILENO));
        none.rlim_cur = static_cast<rlim_t>(lowest_free.get());
        setrlimit(RLIMIT_NOFILE, &none);
    }
    ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;

  private:
    rlimit before_{};
};

TEST_F(TcpServiceTest, WithoutDescriptorsIdleClientsMakeRoomAndTheOthersAreServed) {
#if defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "this sanitizer looks at objects through a pipe, which takes descriptors";
#endif
    start();
    std::vector<Client> clients(8);
    Client udp(false);
    ASSERT_TRUE(udp.connect(address_));
    for (std::size_t i = 0; i < 4; ++i) {
        ASSERT_TRUE(clients[i].connect(address_));
        EXPECT_TRUE(clients[i].ask(1));
    }
    {
        const NoDescriptors none;
        EXPECT_LT(dup(STDERR_FILENO), 0);
        for (std::size_t i = 4; i < 6; ++i) {
            ASSERT_TRUE(clients[i].connect(address_));
            EXPECT_TRUE(clients[i].ask(2)) << i;  // in the place of 0 and 1
        }
        for (std::size_t i = 2; i < 6; ++i) EXPECT_TRUE(clients[i].ask(3)) << i;
        EXPECT_TRUE(clients[0].gets_closed());
        EXPECT_TRUE(clients[1].gets_closed());
        EXPECT_TRUE(udp.ask_udp(4));
        EXPECT_EQ(hits(LimitHit::Descriptors), 2U);
        EXPECT_EQ(open(), 4U);
    }
    for (std::size_t i = 6; i < 8; ++i) {
        ASSERT_TRUE(clients[i].connect(address_));
        EXPECT_TRUE(clients[i].ask(5));
    }
    EXPECT_EQ(open(), 6U);
    EXPECT_EQ(hits(LimitHit::Descriptors), 2U);
}

/// Whether somebody asks over HTTPS is not the question here, so that nobody needs to speak TLS.
class DohPlacesTest : public TcpServiceTest {
  protected:
    using Clients = std::vector<std::unique_ptr<Client>>;

    void start_with(std::uint32_t clients, std::uint32_t per_prefix = 0,
                    std::uint32_t workers = 1) {
        start([&](Config& config) {
            config.workers = workers;
            config.tcp_clients = clients;
            config.tcp_clients_per_prefix = per_prefix;
            TlsTable table;
            table.name = "default";
            table.certificates = {{files_.certificate, files_.key}};
            config.tls = {table};
            ListenerConfig& doh = config.listeners.emplace_back(config.listeners[0]);
            doh.udp = doh.tcp = false;
            doh.doh = true;
            doh.tls = "default";
        });
        if (!HasFatalFailure()) doh_address_ = service_->listeners().at(1).address;
    }
    /// A client comes from the address, and is let in or turned away.
    void come(Clients& all, const base::Endpoint& to, const std::string& source) {
        const std::uint64_t before = came();
        all.push_back(std::make_unique<Client>());
        ASSERT_TRUE(all.back()->connect(to, source));
        for (int i = 0; i < 10000 && came() == before; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        ASSERT_EQ(came(), before + 1);
    }
    void come_over_tcp(const std::string& source) { come(tcp_, address_, source); }
    void come_over_https(const std::string& source) { come(doh_, doh_address_, source); }
    static std::ptrdiff_t closed(const Clients& all) {
        return std::count_if(all.begin(), all.end(),
                             [](const auto& client) { return client->is_closed(); });
    }

    Clients tcp_;
    Clients doh_;

  private:
    [[nodiscard]] std::uint64_t came() const {
        std::uint64_t sum = 0;
        for (const WorkerStats* stats : service_->worker_stats()) {
            sum += stats->tcp_accepted.get() +
                   stats->dropped[static_cast<std::size_t>(DropReason::TcpLimit)].get();
        }
        return sum;
    }

    net::testing::CertificateFiles files_{"dns.test"};
    base::Endpoint doh_address_;
};

std::string address(std::size_t number) {
    return "127.0.1." + std::to_string(number);
}

TEST_F(DohPlacesTest, HttpsHasHalfOfThemAndTcpIsLeftTheOther) {
    start_with(8);
    for (std::size_t i = 1; i <= 4; ++i) come_over_https(address(i));
    for (std::size_t i = 5; i <= 8; ++i) come_over_tcp(address(i));
    EXPECT_EQ(open(), 8U);
    EXPECT_EQ(hits(LimitHit::TcpClients), 0U);
    for (std::size_t i = 9; i <= 14; ++i) come_over_https(address(i));
    EXPECT_EQ(open(), 8U);
    EXPECT_EQ(hits(LimitHit::TcpClients), 6U);
    EXPECT_EQ(closed(doh_), 6);
    EXPECT_FALSE(doh_.back()->is_closed());
    for (const auto& client : tcp_) EXPECT_TRUE(client->ask(1));
    // Nor does it lose its half to those who come over TCP.
    come_over_tcp(address(15));
    EXPECT_TRUE(tcp_.back()->ask(2));
    EXPECT_EQ(open(), 8U);
    EXPECT_EQ(closed(tcp_), 1);
    EXPECT_EQ(closed(doh_), 6);
}

TEST_F(DohPlacesTest, WhoTookMoreThanHalfOverTcpMakesRoom) {
    start_with(8);
    for (std::size_t i = 1; i <= 8; ++i) come_over_tcp(address(i));
    for (std::size_t i = 9; i <= 14; ++i) come_over_https(address(i));
    EXPECT_EQ(open(), 8U);
    EXPECT_EQ(closed(tcp_), 4);
    EXPECT_EQ(closed(doh_), 2);
    EXPECT_EQ(hits(LimitHit::TcpClients), 6U);
}

TEST_F(DohPlacesTest, OneClientHasAnEighthOfThemOverHttpsAndAllOverTcp) {
    start_with(48);
    for (std::size_t i = 0; i < 7; ++i) come_over_https(address(1));
    EXPECT_EQ(closed(doh_), 1);
    EXPECT_FALSE(doh_.back()->is_closed());
    EXPECT_EQ(hits(LimitHit::TcpClientsPerPrefix), 1U);
    come_over_https(address(2));
    EXPECT_EQ(closed(doh_), 1);
    for (std::size_t i = 0; i < 40; ++i) come_over_tcp(address(1));
    EXPECT_EQ(open(), 47U);
    EXPECT_EQ(closed(tcp_), 0);
    EXPECT_EQ(hits(LimitHit::TcpClientsPerPrefix), 1U);
    EXPECT_EQ(hits(LimitHit::TcpClients), 0U);
}

// Whether a worker has somebody who makes room, or the newcomer is turned away there.
TEST_F(DohPlacesTest, EachThatGoesOrMayNotComeIsCountedOnce) {
    start_with(4, 0, 2);
    for (std::size_t i = 1; i <= 40; ++i) come_over_https(address(i));
    EXPECT_EQ(open(), 2U);
    EXPECT_EQ(hits(LimitHit::TcpClients), 38U);
}

TEST_F(DohPlacesTest, WhereOneClientIsLimitedBothTransportsCount) {
    start_with(48, 3);
    for (std::size_t i = 0; i < 2; ++i) come_over_tcp(address(1));
    for (std::size_t i = 1; i <= 4; ++i) {
        come_over_https(address(1));
        EXPECT_EQ(open(), 3U);
        EXPECT_EQ(hits(LimitHit::TcpClientsPerPrefix), i - 1);
    }
    // First those of TCP went, where there is nothing else to lose, then one of its own.
    EXPECT_EQ(closed(tcp_), 2);
    EXPECT_EQ(closed(doh_), 1);
    come_over_tcp(address(1));
    EXPECT_EQ(open(), 3U);
    EXPECT_TRUE(tcp_.back()->gets_closed());
}

}  // namespace
}  // namespace server
