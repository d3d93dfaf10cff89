#include "net/tcp.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <vector>

namespace net {
namespace {

using std::chrono::milliseconds;

const base::Endpoint kAnyPort = *base::Endpoint::parse("127.0.0.1:0");

/// One end: keeps what it reads and does what the test says.
struct End final : StreamHandler {
    void on_read(base::Octets octets) override {
        ++reads;
        received.append(base::as_text(octets));
        if (echo) writable = stream->write(octets);
        if (close_on_read) stream.reset();
    }
    void on_read_end() override {
        ended = true;
        if (end_with_peer) stream->shutdown();
    }
    void on_writable() override {
        ++writables;
        writable = true;
    }
    void on_closed(std::string_view why) override {
        closed = true;
        reason = why;
        stream.reset();
    }
    void take(std::unique_ptr<Stream> made) {
        stream = std::move(made);
        stream->start(*this);
    }
    std::unique_ptr<Stream> stream;
    std::string received;
    std::string reason;
    int reads = 0;
    int writables = 0;
    bool echo = false;
    bool close_on_read = false;
    bool end_with_peer = false;
    bool ended = false;
    bool closed = false;
    bool writable = true;
};

struct Pair final : AcceptHandler, Connector::Handler {
    explicit Pair(const StreamLimits& limits = {}) {
        TcpOptions options;
        options.limits = limits;
        auto made = Listener::tcp(loop, kAnyPort, options, *this);
        EXPECT_TRUE(made) << made.error().message;
        listener = std::move(*made);
        auto dial = Connector::connect(loop, listener->local(), std::nullopt, limits, *this);
        EXPECT_TRUE(dial) << dial.error().message;
        connector = std::move(*dial);
        run([&] { return server.stream && client.stream; });
    }
    void on_accept(std::unique_ptr<Stream> stream) override { server.take(std::move(stream)); }
    void on_connected(std::unique_ptr<Stream> stream) override { client.take(std::move(stream)); }
    void on_connect_failed(std::string_view why) override { failure = why; }

    /// Turns the loop until `holds`, at most 5 s.
    bool run(const std::function<bool()>& holds) {
        Timer poll(loop);
        int left = 5000;
        poll.start_repeating(milliseconds(1), [&] {
            if (holds() || --left == 0) loop.stop();
        });
        loop.run();
        return left > 0;
    }

    Loop loop;
    std::unique_ptr<Listener> listener;
    std::unique_ptr<Connector> connector;
    End server;
    End client;
    std::string failure;
};

TEST(Tcp, CarriesOctetsBothWaysAndEndsInOrder) {
    Pair pair;
    pair.server.echo = pair.server.end_with_peer = true;
    EXPECT_EQ(pair.server.stream->peer().remote, pair.client.stream->local());
    EXPECT_EQ(pair.client.stream->peer().remote, pair.listener->local());
    pair.client.stream->write(base::as_octets("hello"));
    EXPECT_TRUE(pair.run([&] { return pair.client.received == "hello"; }));
    // Half-close: what is still on its way arrives.
    pair.client.stream->write(base::as_octets(" world"));
    pair.client.stream->shutdown();
    EXPECT_TRUE(pair.run([&] { return pair.client.closed && pair.server.closed; }));
    EXPECT_EQ(pair.client.received, "hello world");
    EXPECT_EQ(pair.client.reason, "");
    EXPECT_EQ(pair.server.reason, "");
}

TEST(Tcp, BackPressureStopsAndStartsTheWriter) {
    StreamLimits limits;
    limits.high_water = 100000;
    limits.low_water = 10000;
    Pair pair(limits);
    pair.server.stream->pause_read();
    const std::vector<std::uint8_t> block(50000, 'x');
    std::size_t written = 0;
    while (pair.client.writable && written < 100000000) {
        pair.client.writable = pair.client.stream->write(block);
        written += block.size();
    }
    EXPECT_LT(written, 50000000U);  // the kernel's buffers and ours are full
    EXPECT_LE(pair.client.stream->queued(), limits.high_water + block.size());
    EXPECT_EQ(pair.client.writables, 0);
    pair.server.stream->resume_read();
    EXPECT_TRUE(pair.run([&] { return pair.server.received.size() == written; }));
    EXPECT_EQ(pair.client.writables, 1);
    EXPECT_EQ(pair.client.stream->queued(), 0U);
}

TEST(Tcp, HardLimitBreaksTheStreamButNotInsideWrite) {
    StreamLimits limits;
    limits.hard_limit = 1000000;
    Pair pair(limits);
    pair.server.stream->pause_read();
    const std::vector<std::uint8_t> block(60000000, 'x');
    pair.client.stream->write(block);
    EXPECT_FALSE(pair.client.closed);
    EXPECT_TRUE(pair.run([&] { return pair.client.closed; }));
    EXPECT_NE(pair.client.reason.find("ENOBUFS"), std::string::npos) << pair.client.reason;
}

TEST(Tcp, ResetIsToldWithItsReason) {
    Pair pair;
    pair.client.stream->write(base::as_octets("unread"));
    EXPECT_TRUE(pair.run([&] { return pair.server.received == "unread"; }));
    pair.server.stream->pause_read();
    pair.client.stream->write(base::as_octets("still unread"));
    pair.run([n = 0]() mutable { return ++n > 5; });
    pair.server.stream.reset();  // closed with unread octets: RST
    EXPECT_TRUE(pair.run([&] { return pair.client.closed; }));
    EXPECT_NE(pair.client.reason.find("ECONNRESET"), std::string::npos) << pair.client.reason;
}

TEST(Tcp, MayBeDestroyedWhileItReads) {
    Pair pair;
    pair.server.close_on_read = true;
    pair.client.stream->write(base::as_octets("x"));
    EXPECT_TRUE(pair.run([&] { return pair.client.ended; }));
    EXPECT_FALSE(pair.server.closed);
}

TEST(Tcp, ConnectFailureIsToldLater) {
    Pair pair;
    const base::Endpoint nobody = pair.listener->local();
    pair.listener.reset();
    auto dial = Connector::connect(pair.loop, nobody, base::IpAddress::parse("127.0.0.5").value(),
                                   {}, pair);
    ASSERT_TRUE(dial);
    EXPECT_EQ(pair.failure, "");
    EXPECT_TRUE(pair.run([&] { return !pair.failure.empty(); }));
    EXPECT_NE(pair.failure.find("ECONNREFUSED"), std::string::npos) << pair.failure;
}

TEST(Tcp, SaysWhyItCannotListen) {
    Pair pair;
    TcpOptions alone;
    alone.reuseport = false;
    const auto second = Listener::tcp(pair.loop, pair.listener->local(), alone, pair);
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().message.find("EADDRINUSE"), std::string::npos);
    EXPECT_NE(second.error().message.find(pair.listener->local().to_text()), std::string::npos);
}

TEST(UnixSocket, ReplacesAStaleFileAndNothingElse) {
    Pair pair;
    const std::string path = ::testing::TempDir() + "net_unix_" + std::to_string(getpid());
    {
        // A socket file whose process is gone.
        const Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        ASSERT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    {
        auto listener = Listener::unix_socket(pair.loop, path, 0660, {}, pair);
        ASSERT_TRUE(listener) << listener.error().message;
    }
    EXPECT_NE(access(path.c_str(), F_OK), 0);
    {
        const Descriptor file(open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        ASSERT_TRUE(file);
    }
    const auto refused = Listener::unix_socket(pair.loop, path, 0660, {}, pair);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("EADDRINUSE"), std::string::npos);
    EXPECT_EQ(access(path.c_str(), F_OK), 0);
    unlink(path.c_str());
    EXPECT_FALSE(Listener::unix_socket(pair.loop, std::string(200, 'p'), 0600, {}, pair));
}

}  // namespace
}  // namespace net
