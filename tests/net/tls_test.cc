#include "net/tls.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/net/support/http2_client.h"
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
        const std::string to_client(base::as_text(server.output()));
        server.output_sent();
        client.give(to_client);
        if (to_server.empty() && to_client.empty()) break;
    }
    return out;
}

class Tls : public ::testing::Test {
  protected:
    std::shared_ptr<const TlsContext> context(std::vector<std::string> alpn = {"h2", "http/1.1"}) {
        TlsConfig config;
        config.certificates = {{files_.certificate, files_.key}};
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
        TlsClient client(files_.certificate, "server.test", {"h2"}, TLS1_1_VERSION);
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

TEST_F(Tls, Tls12SpeaksForwardSecretAeadSuitesAlone) {
    std::string heard;
    for (const char* suites : {"ALL", "ECDHE-ECDSA-CHACHA20-POLY1305"}) {
        TlsClient client(files_.certificate, "server.test", {"h2"}, TLS1_2_VERSION);
        ASSERT_TRUE(client.set_suites(suites));
        TlsSession server(context());
        const Handshake result = exchange(client, server, heard);
        EXPECT_TRUE(result.client_done) << result.server_error;
        EXPECT_EQ(client.version(), "TLSv1.2");
        EXPECT_TRUE(client.cipher().starts_with("ECDHE-ECDSA-")) << client.cipher();
    }
    for (const char* suites : {"ECDHE-ECDSA-AES128-SHA256", "AES128-GCM-SHA256", "kDHE"}) {
        TlsClient client(files_.certificate, "server.test", {"h2"}, TLS1_2_VERSION);
        ASSERT_TRUE(client.set_suites(suites));
        TlsSession server(context());
        EXPECT_FALSE(exchange(client, server, heard).client_done) << suites;
    }
}

TEST_F(Tls, ChoosesTheCertificateByTheNameAskedFor) {
    const CertificateFiles other("other.test");
    const CertificateFiles star("*.wild.test");
    TlsConfig config;
    for (const CertificateFiles* files : {&files_, &other, &star}) {
        config.certificates.push_back({files->certificate, files->key});
    }
    const auto loaded = TlsContext::load(config);
    ASSERT_TRUE(loaded) << loaded.error().message;
    struct Row {
        const char* asked;
        const char* given;
    };
    for (const Row& row : {Row{"server.test", "server.test"}, Row{"OTHER.test", "other.test"},
                           Row{"a.wild.test", "*.wild.test"}, Row{"b.a.wild.test", "server.test"},
                           Row{"wild.test", "server.test"}, Row{"unknown.test", "server.test"}}) {
        TlsClient client(files_.certificate, row.asked, {});
        client.trust_anything();
        TlsSession server(*loaded);
        std::string heard;
        EXPECT_TRUE(exchange(client, server, heard).client_done) << row.asked;
        EXPECT_EQ(client.server(), row.given) << row.asked;
    }
}

// The certificates for those who ask for none of ours stand in the context, and must not come
// through where another name has none of their kind.
TEST_F(Tls, ANamesCertificatesAreItsOwnOfEachKindOfKey) {
    const CertificateFiles rsa("server.test", nullptr, -60, 3600, true, true);
    const CertificateFiles other("other.test");
    TlsConfig config;
    for (const CertificateFiles* files : {&files_, &rsa, &other}) {
        config.certificates.push_back({files->certificate, files->key});
    }
    const auto loaded = TlsContext::load(config);
    ASSERT_TRUE(loaded) << loaded.error().message;
    struct Row {
        const char* asked;
        const char* suite;
        bool served;
    };
    for (const Row& row : {Row{"server.test", "ECDHE-RSA-AES128-GCM-SHA256", true},
                           Row{"unknown.test", "ECDHE-RSA-AES128-GCM-SHA256", true},
                           Row{"other.test", "ECDHE-RSA-AES128-GCM-SHA256", false},
                           Row{"server.test", "ECDHE-ECDSA-AES128-GCM-SHA256", true},
                           Row{"other.test", "ECDHE-ECDSA-AES128-GCM-SHA256", true}}) {
        TlsClient client(files_.certificate, row.asked, {}, TLS1_2_VERSION);
        client.trust_anything();
        ASSERT_TRUE(client.set_suites(row.suite));
        TlsSession server(*loaded);
        std::string heard;
        EXPECT_EQ(exchange(client, server, heard).client_done, row.served)
            << row.asked << ' ' << row.suite;
        if (row.served) {
            EXPECT_EQ(client.cipher(), row.suite);
        }
    }
}

TEST_F(Tls, TicketsResumeSessionsAlsoWithTheContextThatReplacesIt) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsConfig config;
        config.certificates = {{files_.certificate, files_.key}};
        config.tickets = std::make_shared<TlsTickets>();
        std::string heard;
        TlsClient first(files_.certificate, "server.test", {}, version);
        {
            TlsSession server(*TlsContext::load(config));
            ASSERT_TRUE(exchange(first, server, heard).client_done);
            EXPECT_FALSE(server.resumed());
            EXPECT_EQ(first.read(), "");
        }
        SSL_SESSION* const session = first.session();
        {
            TlsClient again(files_.certificate, "server.test", {}, version);
            again.resume(session);
            TlsSession server(*TlsContext::load(config));
            ASSERT_TRUE(exchange(again, server, heard).client_done);
            EXPECT_TRUE(server.resumed());
            EXPECT_TRUE(again.resumed());
        }
        {
            config.tickets = nullptr;  // other keys: a full handshake
            TlsClient again(files_.certificate, "server.test", {}, version);
            again.resume(session);
            TlsSession server(*TlsContext::load(config));
            ASSERT_TRUE(exchange(again, server, heard).client_done);
            EXPECT_FALSE(server.resumed());
        }
        SSL_SESSION_free(session);
    }
}

TEST(TlsTickets, KeysChangeEveryHourAndAreForgottenWithTheirLastTicket) {
    TlsTickets tickets;
    const base::MonoTime start{};
    const TlsTickets::Key first = tickets.sealing(start);
    const auto opens = [&](const TlsTickets::Key& key, std::chrono::seconds at) {
        return tickets.opening(key.name, start + at);
    };
    EXPECT_EQ(tickets.sealing(start + std::chrono::seconds(3599)).name, first.name);
    ASSERT_TRUE(opens(first, std::chrono::seconds(3599)));
    EXPECT_TRUE(opens(first, std::chrono::seconds(3599))->newest);
    EXPECT_NE(tickets.sealing(start + TlsTickets::kSealsFor).name, first.name);
    const auto late = opens(first, std::chrono::seconds(3 * 3600 - 1));
    ASSERT_TRUE(late);
    EXPECT_EQ(late->key.cipher, first.cipher);
    EXPECT_FALSE(late->newest);
    EXPECT_FALSE(opens(first, std::chrono::seconds(3 * 3600)));
}

TEST_F(Tls, SaysWhatIsWrongWithTheFiles) {
    TlsConfig config;
    config.certificates = {{"/nonexistent.pem", files_.key}};
    auto missing = TlsContext::load(config);
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().message.find("/nonexistent.pem"), std::string::npos);
    const CertificateFiles other("other.test");
    config.certificates = {{files_.certificate, other.key}};
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
    config.certificates = {{files_.certificate, files_.key}};
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

TEST(Certificate, OneWithoutAnEndIsNotAtItsEnd) {
    const CertificateFiles endless("endless.test", nullptr, -60, 253402300799 - std::time(nullptr));
    const auto report = read_certificate({endless.certificate, endless.key}, base::wall_now());
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->faults.empty()) << report->faults.front();
    EXPECT_GT(report->not_after, base::wall_now() + std::chrono::hours(24 * 365 * 100));
}

TEST(Certificate, SaysWhatClientsWillNotLike) {
    const auto read = [](const CertificateFiles& files) {
        auto report = read_certificate({files.certificate, files.key}, base::wall_now());
        EXPECT_TRUE(report) << report.error().message;
        return report ? *report : CertificateReport{};
    };
    const auto fault = [&](const CertificateFiles& files) {
        const CertificateReport report = read(files);
        EXPECT_LE(report.faults.size(), 1U) << report.faults.back();
        return report.faults.empty() ? std::string() : report.faults.front();
    };
    const CertificateFiles root("root.test");
    EXPECT_EQ(fault(root), "");
    const CertificateFiles middle("middle.test", &root);
    const CertificateFiles leaf("leaf.test", &middle);
    EXPECT_NE(fault(leaf).find("the chain is not complete: its last certificate was issued by "
                               "CN=middle.test"),
              std::string::npos);
    leaf.append(middle);
    EXPECT_NE(fault(leaf).find("issued by CN=root.test"), std::string::npos);
    leaf.append(root);
    EXPECT_EQ(fault(leaf), "");
    const CertificateReport good = read(leaf);
    EXPECT_EQ(good.names, std::vector<std::string>{"leaf.test"});
    const auto left = good.not_after - base::wall_now();
    EXPECT_LT(left, std::chrono::seconds(3601));
    EXPECT_GT(left, std::chrono::seconds(3500));
    const CertificateFiles gap("gap.test", &middle);
    gap.append(root);
    EXPECT_NE(fault(gap).find("the chain is broken: certificate 1 was issued by CN=middle.test"),
              std::string::npos);
    EXPECT_NE(fault(CertificateFiles("old.test", nullptr, -7200, -60)).find("expired on"),
              std::string::npos);
    EXPECT_NE(fault(CertificateFiles("new.test", nullptr, 3600, 7200)).find("not valid before"),
              std::string::npos);
    EXPECT_NE(fault(CertificateFiles("nobody", nullptr, -60, 60, false)).find("names nobody"),
              std::string::npos);
    // The first of the chain to expire counts.
    const CertificateFiles brief("brief.test", nullptr, -60, 600);
    const CertificateFiles under("under.test", &brief);
    under.append(brief);
    EXPECT_LT(read(under).not_after - base::wall_now(), std::chrono::seconds(601));
}

TEST(Certificate, AStarStandsForOneLabel) {
    CertificateReport report;
    report.names = {"a.test", "*.b.test"};
    for (const char* name : {"a.test", "x.b.test"}) EXPECT_TRUE(report.covers(name)) << name;
    for (const char* name : {"x.a.test", "b.test", "y.x.b.test", "test"}) {
        EXPECT_FALSE(report.covers(name)) << name;
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

TEST_F(Tls, PlainHttpIsPassedThroughWhereItIsLetIn) {
    TestServer server({}, context(), {}, true);
    for (const char* before : {"", "\r\n"}) {
        RawClient client(server.port());
        client.send(before);
        client.send("GET /whoami HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 200 "));
        EXPECT_EQ(client.read_until("tcp http a"), "tcp http a");
    }
    {
        Http2Client client(server.port());  // by prior knowledge
        const std::int32_t id = client.request("GET", "/whoami");
        ASSERT_TRUE(client.finish(id));
        EXPECT_TRUE(client.streams[id].body.starts_with("tcp http")) << client.streams[id].body;
    }
    EXPECT_EQ(server.counters().tls_failures, 0U);
    // Neither a ClientHello nor HTTP, nor what begins as the one and goes on as the other.
    for (const char* nonsense : {"\x80\x2e\x01", "\x7f", "\x16GET / HTTP/1.1\r\nHost: a\r\n\r\n"}) {
        RawClient client(server.port());
        client.send(nonsense);
        client.end();
        EXPECT_EQ(client.read_all().find("HTTP/"), std::string::npos);
    }
    EXPECT_TRUE(server.eventually([](HttpServer& s) { return s.counters().tls_failures == 3; }));
    const std::string command = "curl -sS --noproxy '*' -m 10 --cacert " + files_.certificate +
                                " --resolve server.test:" + std::to_string(server.port()) +
                                ":127.0.0.1 https://server.test:" + std::to_string(server.port()) +
                                "/whoami";
    EXPECT_TRUE(run_command(command).starts_with("tcp https "));
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
