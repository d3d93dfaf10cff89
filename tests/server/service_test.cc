#include "server/service.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "dns/presentation.h"
#include "dns/rdata.h"
#include "tests/zones/store_fixture.h"

namespace server {
namespace {

using dns::RRType;
using zones_test::changes;
using zones_test::name;
using zones_test::put;

/// A blocking client of one server over UDP or TCP.
class Client {
  public:
    Client(const base::Endpoint& server, bool tcp) : tcp_(tcp) {
        sockaddr_storage raw{};
        const socklen_t size = server.to_sockaddr(raw);
        fd_ = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
        timeval patience{};
        patience.tv_sec = 10;
        setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&raw), size) == 0;
    }
    ~Client() { close(fd_); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// The RCODE and the records of the answer as text, or why there is none.
    std::string ask(std::string_view qname, RRType qtype, std::uint16_t id) {
        if (!connected_) return "not connected";
        std::vector<std::uint8_t> out(600);
        dns::MessageWriter writer(out);
        writer.header(id, 0);
        if (!writer.question(name(qname), qtype, dns::RRClass::IN)) return "no question";
        out.resize(writer.finish());
        if (tcp_) {
            const auto size = static_cast<std::uint16_t>(out.size());
            std::uint8_t length[2];
            base::store_be16(length, size);
            out.insert(out.begin(), length, length + 2);
        }
        if (send(fd_, out.data(), out.size(), 0) != static_cast<ssize_t>(out.size())) {
            return "not sent";
        }
        std::vector<std::uint8_t> in(65537);
        std::size_t got = 0;
        do {
            const ssize_t more = recv(fd_, in.data() + got, in.size() - got, 0);
            if (more <= 0) return "no answer";
            got += static_cast<std::size_t>(more);
        } while (tcp_ && (got < 2 || got < 2U + base::load_be16(in.data())));
        const base::Octets message = base::Octets(in).first(got).subspan(tcp_ ? 2 : 0);
        auto reader = dns::MessageReader::open(message);
        if (!reader || reader->header().id != id) return "not the answer";
        std::string text = dns::to_text(reader->header().rcode());
        for (;;) {
            const auto next = reader->next();
            if (!next || !*next) break;
            const dns::Record& record = **next;
            if (record.section != dns::Section::Answer) continue;
            text += " " + dns::format_rdata(record.type,
                                            message.subspan(record.rdata_offset, record.rdlength));
        }
        return text;
    }

  private:
    bool tcp_;
    bool connected_ = false;
    int fd_ = -1;
};

class ServiceTest : public testing::Test {
  protected:
    void SetUp() override {
        Config config = Config::defaults();
        config.data_dir = directory_.path();
        config.workers = 2;
        config.min_free_mb = 0;
        config.listeners.clear();
        ListenerConfig listener;
        listener.address = *base::Endpoint::parse("127.0.0.1:0");
        config.listeners.push_back(listener);
        auto started = Service::start(config);
        ASSERT_TRUE(started) << started.error().message;
        service_ = std::move(*started);
        commit(changes(zones_test::zone("example.")));
    }
    void commit(zones::ChangeSet set) {
        const auto result = service_->store().commit(std::move(set));
        EXPECT_TRUE(result) << zones_test::faults(result);
    }
    [[nodiscard]] base::Endpoint address() const { return service_->listeners().at(0).address; }

    zones_test::ScratchDirectory directory_;
    std::unique_ptr<Service> service_;
};

TEST_F(ServiceTest, AnswersOverUdpAndTcpFromTheStore) {
    commit(changes(put("example.", "www.example.", RRType::A, {"192.0.2.1"})));
    for (const bool tcp : {false, true}) {
        Client client(address(), tcp);
        EXPECT_EQ(client.ask("www.example.", RRType::A, 7), "NOERROR 192.0.2.1");
        EXPECT_EQ(client.ask("nothing.example.", RRType::A, 8), "NXDOMAIN");
        EXPECT_EQ(client.ask("elsewhere.", RRType::A, 9), "REFUSED");
    }
    std::uint64_t accepted = 0;
    for (const WorkerStats* stats : service_->worker_stats()) accepted += stats->tcp_accepted.get();
    EXPECT_EQ(accepted, 1U);
}

/// Two workers under queries of every transport while the committer works: what was acknowledged
/// is in the very next answer, and both records of a change are seen together or not at all.
TEST_F(ServiceTest, EveryAnswerAfterTheAcknowledgementIsTheNewOne) {
    commit(changes(put("example.", "n.example.", RRType::TXT, {"0"})));
    std::atomic<bool> stop{false};
    std::atomic<int> asked{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] {
            Client client(address(), i % 2 == 1);
            std::uint16_t id = 1;
            int last = 0;
            while (!stop) {
                const std::string got = client.ask("n.example.", RRType::TXT, id++);
                const std::size_t quote = got.find('"');
                ASSERT_NE(quote, std::string::npos) << got;
                const int now = std::stoi(got.substr(quote + 1));
                EXPECT_GE(now, last);
                last = now;
                ++asked;
            }
        });
    }
    Client client(address(), false);
    std::uint16_t id = 1;
    for (int i = 1; i <= 100; ++i) {
        const std::string number = std::to_string(i);
        const std::string other = "x" + number + ".example.";
        commit(changes(put("example.", "n.example.", RRType::TXT, {number}),
                       put("example.", other, RRType::A, {"192.0.2.1"})));
        EXPECT_EQ(client.ask("n.example.", RRType::TXT, id++), "NOERROR \"" + number + "\"");
        EXPECT_EQ(client.ask(other, RRType::A, id++), "NOERROR 192.0.2.1");
    }
    stop = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_GT(asked.load(), 100);
}

TEST_F(ServiceTest, ASecondServerIsToldWhoHoldsThePort) {
    Config config = Config::defaults();
    zones_test::ScratchDirectory other;
    config.data_dir = other.path();
    config.listeners.resize(1);
    config.listeners[0].address = address();
    const auto second = Service::start(config);
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().message.find("the port is taken by"), std::string::npos)
        << second.error().message;
    EXPECT_NE(second.error().message.find("pid " + std::to_string(getpid())), std::string::npos)
        << second.error().message;
}

}  // namespace
}  // namespace server
