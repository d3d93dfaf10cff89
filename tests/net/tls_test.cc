#include "net/tls.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/net/support/raw_client.h"
#include "tests/net/support/test_server.h"
#include "tests/net/support/tls_client.h"

namespace net::testing {
namespace {

struct Handshake {
    bool client_done = false;
    std::string server_error;
};

/// Moves octets between the two until nothing moves, `step` at a time.
Handshake exchange(TlsClient& client, TlsSession& server, std::string& heard,
                   std::size_t step = 100000) {
    Handshake out;
    for (int round = 0; round < 50; ++round) {
        out.client_done = client.handshake();
        const std::string to_server = client.take_output();
        std::vector<std::uint8_t> plaintext;
        for (std::size_t at = 0; at < to_server.size(); at += step) {
            const auto received = server.receive(
                base::as_octets(std::string_view(to_server).substr(at, step)), plaintext);
            if (!received && out.server_error.empty()) {
                out.server_error = received.error().message;
            }
        }
        heard += base::as_text(plaintext);
        const std::vector<std::uint8_t> to_client = server.take_output();
        client.give(base::as_text(to_client));
        if (to_server.empty() && to_client.empty()) break;
    }
    return out;
}

class Tls : public ::testing::Test {
  protected:
    std::shared_ptr<const TlsContext> context(std::vector<std::string> alpn = {"h2", "http/1.1"}) {
        TlsConfig config;
        config.certificate_file = files_.certificate;
        config.key_file = files_.key;
        config.alpn = std::move(alpn);
        auto loaded = TlsContext::load(config);
        EXPECT_TRUE(loaded) << loaded.error().message;
        return loaded ? *loaded : nullptr;
    }
    const CertificateFiles files_{"server.test"};
};

TEST_F(Tls, HandshakeInMemoryHoweverTheOctetsAreCut) {
    for (const std::size_t step : {1UL, 3UL, 100UL, 100000UL}) {
        TlsClient client(files_.certificate, "server.test", {"http/1.1", "h2"});
        TlsSession server(context());
        std::string heard;
        ASSERT_TRUE(server.send(base::as_octets("early")));  // waits for the handshake
        const Handshake result = exchange(client, server, heard, step);
        EXPECT_TRUE(result.client_done) << result.server_error;
        EXPECT_EQ(client.version(), "TLSv1.3");
        EXPECT_EQ(server.alpn(), "h2");  // our preference
        EXPECT_EQ(server.server_name(), "server.test");
        EXPECT_EQ(client.read(), "early");
        client.write("hello");
        exchange(client, server, heard, step);
        EXPECT_EQ(heard, "hello");
        const std::string large(100000, 'x');
        ASSERT_TRUE(server.send(base::as_octets(large)));
        exchange(client, server, heard, step);
        EXPECT_EQ(client.read(), large);
        EXPECT_FALSE(server.peer_closed());
        client.shutdown();
        exchange(client, server, heard, step);
        EXPECT_TRUE(server.peer_closed());
    }
}

TEST_F(Tls, RefusesOldVersionsAndForeignProtocols) {
    std::string heard;
    {
        TlsClient client(files_.certificate, "server.test", {"h2"}, TLS1_2_VERSION);
        TlsSession server(context());
        const Handshake result = exchange(client, server, heard);
        EXPECT_FALSE(result.client_done);
        EXPECT_EQ(result.server_error, "TLS handshake failed: unsupported protocol");
    }
    {
        TlsClient client(files_.certificate, "server.test", {"gopher"});
        TlsSession server(context());
        const Handshake result = exchange(client, server, heard);
        EXPECT_FALSE(result.client_done);
        EXPECT_TRUE(result.server_error.starts_with("TLS handshake failed: "))
            << result.server_error;
    }
    TlsSession server(context());
    std::vector<std::uint8_t> plaintext;
    EXPECT_FALSE(server.receive(base::as_octets("GET / HTTP/1.1\r\n\r\n"), plaintext));
}

TEST_F(Tls, SaysWhatIsWrongWithTheFiles) {
    TlsConfig config;
    config.certificate_file = "/nonexistent.pem";
    config.key_file = files_.key;
    auto missing = TlsContext::load(config);
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().message.find("/nonexistent.pem"), std::string::npos);
    const CertificateFiles other("other.test");
    config.certificate_file = files_.certificate;
    config.key_file = other.key;
    auto mismatch = TlsContext::load(config);
    ASSERT_FALSE(mismatch);
    EXPECT_NE(mismatch.error().message.find(other.key), std::string::npos);
    EXPECT_NE(mismatch.error().message.find("mismatch"), std::string::npos)
        << mismatch.error().message;
    std::ofstream(other.key, std::ios::trunc) << "garbage";
    auto garbage = TlsContext::load(config);
    ASSERT_FALSE(garbage);
}

TEST_F(Tls, AsksClientsForCertificates) {
    const CertificateFiles mine("alice");
    TlsConfig config;
    config.certificate_file = files_.certificate;
    config.key_file = files_.key;
    config.client_ca_file = mine.certificate;
    config.require_client_certificate = true;
    auto loaded = TlsContext::load(config);
    ASSERT_TRUE(loaded) << loaded.error().message;
    std::string heard;
    {
        TlsClient client(files_.certificate, "server.test", {});
        client.use(mine);
        TlsSession server(*loaded);
        EXPECT_TRUE(exchange(client, server, heard).client_done);
        EXPECT_EQ(server.client_subject(), "CN=alice");
    }
    {
        TlsClient client(files_.certificate, "server.test", {});
        TlsSession server(*loaded);
        const Handshake result = exchange(client, server, heard);
        EXPECT_NE(result.server_error.find("peer did not return a certificate"), std::string::npos)
            << result.server_error;
    }
}

TEST_F(Tls, ServesHttpsByCurl) {
    TestServer server({}, context());
    for (const char* version : {"--http1.1", "--http2"}) {
        const std::string command = std::string("curl -sS --noproxy '*' -m 10 ") + version +
                                    " --cacert " + files_.certificate +
                                    " --resolve server.test:" + std::to_string(server.port()) +
                                    ":127.0.0.1 -w ' %{http_version} %{http_code}'"
                                    " https://server.test:" +
                                    std::to_string(server.port()) + "/whoami";
        const std::string out = run_command(command);
        EXPECT_EQ(out, "tcp https server.test:" + std::to_string(server.port()) +
                           (std::string(version) == "--http2" ? " 2 200" : " 1.1 200"));
    }
    EXPECT_TRUE(server.eventually([](HttpServer& s) { return s.connections() == 0; }));
}

TEST_F(Tls, CountsFailedHandshakes) {
    TestServer server({}, context());
    RawClient client(server.port());
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_all();
    EXPECT_TRUE(client.ended());  // in order, not by time
    EXPECT_TRUE(server.eventually([](HttpServer& s) { return s.connections() <= 1; }));
    client = RawClient(std::string("/nonexistent"));
    EXPECT_TRUE(server.eventually([](HttpServer& s) { return s.counters().tls_failures == 1; }));
}

}  // namespace
}  // namespace net::testing
