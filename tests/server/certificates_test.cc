#include "server/certificates.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "tests/net/support/tls_client.h"

namespace server {
namespace {

using Use = Certificates::Use;
using net::testing::CertificateFiles;

TlsTable table(const std::string& name, const CertificateFiles& files) {
    TlsTable out;
    out.name = name;
    out.certificates = {{files.certificate, files.key}};
    return out;
}

TEST(Certificates, AreReadAgainAsAWholeOrNotAtAll) {
    const CertificateFiles a("a.test", nullptr, -60, 1000);
    const CertificateFiles b("b.test", nullptr, -60, 2000);
    auto loaded = Certificates::load({table("a", a), table("b", b)});
    ASSERT_TRUE(loaded) << loaded.error().message;
    Certificates& mine = **loaded;
    const auto first = mine.context("a", Use::Dot);
    ASSERT_NE(first, nullptr);
    EXPECT_NE(mine.context("a", Use::Http), nullptr);
    EXPECT_EQ(mine.context("c", Use::Dot), nullptr);

    const CertificateFiles fresh("a.test", nullptr, -60, 5000);
    const CertificateFiles broken("broken.test");
    std::ofstream(broken.key, std::ios::trunc) << "no key\n";
    const auto refused = mine.reload({table("a", fresh), table("b", broken)});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message.find("tls.b: "), 0U) << refused.error().message;
    EXPECT_NE(refused.error().message.find(broken.key), std::string::npos);
    EXPECT_EQ(mine.context("a", Use::Dot), first);
    EXPECT_FALSE(mine.reload({table("a", fresh)}));  // somebody still needs b
    EXPECT_EQ(mine.context("a", Use::Dot), first);

    ASSERT_TRUE(mine.reload({table("a", fresh), table("b", b)}));
    EXPECT_NE(mine.context("a", Use::Dot), first);
    const auto expiries = mine.expiries();
    ASSERT_EQ(expiries.size(), 2U);
    EXPECT_EQ(expiries[0].table, "a");
    EXPECT_GT(expiries[0].at - base::wall_now(), std::chrono::seconds(4000));
    EXPECT_LT(expiries[1].at - base::wall_now(), std::chrono::seconds(2001));
    EXPECT_EQ(expiries[1].names, std::vector<std::string>{"b.test"});
    TlsTable both = table("both", b);
    for (const CertificateFiles* files : {&a, &fresh}) {  // two of one name
        both.certificates.push_back({files->certificate, files->key});
    }
    const auto of_both = (*Certificates::load({both}))->expiries();
    EXPECT_EQ(of_both.at(0).names, (std::vector<std::string>{"b.test", "a.test"}));
    EXPECT_LT(of_both.at(0).at - base::wall_now(), std::chrono::seconds(1001));
}

TEST(Certificates, CheckTellsEverythingAtOnce) {
    const CertificateFiles good("good.test");
    const CertificateFiles old("old.test", nullptr, -7200, -3600);
    const CertificateFiles leaf("leaf.test", &good);
    TlsTable absent = table("absent", good);
    absent.certificates[0].key = "/nonexistent.key";
    TlsTable clients = table("clients", good);
    clients.client_auth = TlsTable::ClientAuth::Require;
    clients.client_ca = good.key;
    EXPECT_TRUE(Certificates::check({table("good", good)}).empty());
    const auto faults = Certificates::check(
        {table("good", good), table("old", old), table("leaf", leaf), absent, clients});
    ASSERT_EQ(faults.size(), 4U);
    EXPECT_EQ(faults[0].find("tls.old: "), 0U);
    EXPECT_NE(faults[0].find("expired on"), std::string::npos);
    EXPECT_NE(faults[1].find("the chain is not complete"), std::string::npos);
    EXPECT_NE(faults[2].find("/nonexistent.key"), std::string::npos);
    EXPECT_EQ(faults[3].find("tls.clients: cannot use the client certificate authority"), 0U)
        << faults[3];
}

TEST(Certificates, HandshakesGoOnWhileTheyAreReadAgain) {
    const CertificateFiles files("a.test");
    const std::vector<TlsTable> tables = {table("a", files)};
    auto loaded = Certificates::load(tables);
    ASSERT_TRUE(loaded);
    std::atomic<bool> stop{false};
    std::atomic<int> failed{0};
    std::vector<std::thread> workers;
    for (int i = 0; i < 2; ++i) {
        workers.emplace_back([&] {
            while (!stop) {
                net::testing::TlsClient client(files.certificate, "a.test", {"dot"});
                net::TlsSession server((*loaded)->context("a", Use::Dot));
                bool done = false;
                for (int round = 0; round < 4; ++round) {
                    done = client.handshake();
                    std::vector<std::uint8_t> heard;
                    const std::string out = client.take_output();
                    if (!server.receive(base::as_octets(out), heard)) ++failed;
                    client.give(base::as_text(server.output()));
                    server.output_sent();
                }
                if (!done || server.alpn() != "dot") ++failed;
            }
        });
    }
    for (int i = 0; i < 30; ++i) EXPECT_TRUE((*loaded)->reload(tables));
    stop = true;
    for (std::thread& worker : workers) worker.join();
    EXPECT_EQ(failed, 0);
}

}  // namespace
}  // namespace server
