#include <gtest/gtest.h>

#include "resolver/delegation.h"
#include "resolver/hints.h"
#include "resolver/server_table.h"

namespace {

using base::IpAddress;
using base::MonoTime;
using resolver::ServerTable;
using std::chrono::milliseconds;
using std::chrono::seconds;

const MonoTime kStart = MonoTime{} + std::chrono::hours(1);

IpAddress ip(const std::string& text) {
    return *IpAddress::parse(text);
}

TEST(ServerTable, PrefersTheFasterOne) {
    ServerTable table(1);
    base::Random random(1);
    for (int i = 0; i < 8; ++i) {
        table.answered(ip("192.0.2.1"), milliseconds(300), kStart);
        table.answered(ip("192.0.2.2"), milliseconds(120), kStart);
    }
    int faster = 0;
    for (int i = 0; i < 1000; ++i) {
        if (table.score_ms(ip("192.0.2.2"), kStart, random) <
            table.score_ms(ip("192.0.2.1"), kStart, random)) {
            ++faster;
        }
    }
    EXPECT_GT(faster, 940);
    EXPECT_LT(faster, 1000) << "the slower one is never tried again";
}

TEST(ServerTable, WaitsLongerAfterTimeoutsAndBacksOff) {
    ServerTable table(1);
    base::Random random(1);
    const IpAddress server = ip("192.0.2.1");
    EXPECT_EQ(table.timeout(server), milliseconds(400));
    table.answered(server, milliseconds(100), kStart);
    EXPECT_EQ(table.timeout(server), milliseconds(300));  // 100 + 4 * 50
    table.timed_out(server, kStart);
    EXPECT_EQ(table.timeout(server), milliseconds(600));
    for (int i = 0; i < 5; ++i) table.timed_out(server, kStart);
    EXPECT_EQ(table.timeout(server), seconds(3));
    EXPECT_GT(table.score_ms(server, kStart + seconds(30), random), 100000U - 1);
    EXPECT_LT(table.score_ms(server, kStart + seconds(300), random), 100000U);
    table.answered(server, milliseconds(100), kStart);
    EXPECT_LT(table.score_ms(server, kStart, random), 1000U);
}

TEST(ServerTable, RemembersWhatServersLack) {
    ServerTable table(1);
    const IpAddress server = ip("2001:db8::1");
    EXPECT_TRUE(table.speaks_edns(server, kStart));
    EXPECT_TRUE(table.keeps_case(server, kStart));
    table.lacks_edns(server, kStart);
    table.loses_case(server, kStart);
    EXPECT_FALSE(table.speaks_edns(server, kStart + seconds(3599)));
    EXPECT_FALSE(table.keeps_case(server, kStart + seconds(3599)));
    EXPECT_TRUE(table.speaks_edns(server, kStart + seconds(3600)));
    EXPECT_TRUE(table.keeps_case(server, kStart + seconds(3600)));
}

TEST(ServerTable, ForgetsTheOneUnusedLongest) {
    ServerTable table(1, 1);  // one set: kWays servers
    for (unsigned i = 0; i <= ServerTable::kWays; ++i) {
        table.lacks_edns(ip("192.0.2." + std::to_string(i)), kStart + seconds(i));
    }
    const MonoTime now = kStart + seconds(10);
    EXPECT_TRUE(table.speaks_edns(ip("192.0.2.0"), now));
    for (unsigned i = 1; i <= ServerTable::kWays; ++i) {
        EXPECT_FALSE(table.speaks_edns(ip("192.0.2." + std::to_string(i)), now));
    }
}

TEST(Delegation, PackedServersComeBack) {
    std::vector<resolver::NameServer> servers(2);
    servers[0].name = *dns::Name::parse("ns1.example.");
    servers[0].addresses = {ip("2001:db8::1"), ip("192.0.2.1"), ip("192.0.2.2")};
    servers[1].name = *dns::Name::parse(".");
    const auto back = resolver::unpack_servers(resolver::pack_servers(servers));
    ASSERT_EQ(back.size(), 2U);
    EXPECT_EQ(back[0].name, servers[0].name);
    EXPECT_EQ(back[0].addresses,
              (std::vector<IpAddress>{ip("192.0.2.1"), ip("192.0.2.2"), ip("2001:db8::1")}));
    EXPECT_TRUE(back[1].addresses.empty());
    servers.resize(40);
    EXPECT_EQ(resolver::unpack_servers(resolver::pack_servers(servers)).size(),
              resolver::kMaxNameServers);
}

TEST(RootHints, BuiltInAreThirteenWithBothAddresses) {
    const auto hints = resolver::RootHints::built_in();
    ASSERT_EQ(hints.servers().size(), 13U);
    for (const auto& server : hints.servers()) {
        ASSERT_EQ(server.addresses.size(), 2U);
        EXPECT_TRUE(server.addresses[0].is_v4());
        EXPECT_FALSE(server.addresses[1].is_v4());
    }
}

TEST(RootHints, FromAMasterFile) {
    const auto hints = resolver::RootHints::parse(
        ". 3600000 NS A.ROOT.\nA.ROOT. 3600000 A 127.0.0.1\na.root. 3600000 AAAA ::1\n"
        ". 3600000 NS B.ROOT.\n"          // no address
        "c.root. 3600000 A 127.0.0.3\n",  // not named by the root
        "hints");
    ASSERT_TRUE(hints) << hints.error().message;
    ASSERT_EQ(hints->servers().size(), 1U);
    EXPECT_EQ(hints->servers()[0].addresses.size(), 2U);
    const auto broken = resolver::RootHints::parse(". 3600 NS a.root.\nx y z\n", "hints");
    ASSERT_FALSE(broken);
    EXPECT_NE(broken.error().message.find("hints:2"), std::string::npos) << broken.error().message;
    EXPECT_FALSE(resolver::RootHints::parse("", "hints"));
    EXPECT_FALSE(resolver::RootHints::load("/nonexistent"));
}

}  // namespace
