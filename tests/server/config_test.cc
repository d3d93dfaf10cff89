#include "server/config.h"

#include <gtest/gtest.h>

namespace server {
namespace {

std::string fault_of(const std::string& text) {
    const auto config = Config::parse(text, "test.toml");
    return config ? std::string("accepted") : config.error().message;
}

TEST(Config, DefaultsListenOnLoopbackForBothRoles) {
    const Config config = Config::defaults();
    ASSERT_EQ(config.listeners.size(), 2U);
    EXPECT_EQ(config.listeners[0].address.to_text(), "127.0.0.1:5300");
    EXPECT_EQ(config.listeners[1].address.to_text(), "[::1]:5300");
    EXPECT_EQ(config.listeners[0].role, Role::Both);
    EXPECT_EQ(config.admin_listeners.at(0).address.to_text(), "127.0.0.1:8053");
    ASSERT_EQ(config.recursion_allow.size(), 2U);
    EXPECT_EQ(config.udp_payload, 1232);
}

TEST(Config, ANodesNameFitsItsAnswers) {
    const auto named = [](std::size_t size) {
        return "node = \"" + std::string(size, 'n') + "\"\n";
    };
    EXPECT_TRUE(Config::parse(named(kMaxNodeOctets), "t"));
    EXPECT_NE(fault_of(named(kMaxNodeOctets + 1)).find("node has 129 octets"), std::string::npos);
}

TEST(Config, ACookieSecretHas128Bits) {
    const auto good = Config::parse(
        "[edns]\ncookies = false\ncookie_secret = \"E5e973e5a6b2a43f48e7dc849e37bfcf\"\n", "t");
    ASSERT_TRUE(good) << good.error().message;
    EXPECT_FALSE(good->cookies);
    EXPECT_EQ(good->cookie_secret, "E5e973e5a6b2a43f48e7dc849e37bfcf");
    EXPECT_NE(fault_of("[edns]\ncookie_secret = \"e5e9\"\n").find("32 hexadecimal digits"),
              std::string::npos);
    EXPECT_NE(fault_of("[edns]\ncookie_secret = 5\n").find("32 hexadecimal"), std::string::npos);
    EXPECT_FALSE(good->require_cookies);
    const auto required = Config::parse("[edns]\nrequire_cookies = true\n", "t");
    ASSERT_TRUE(required) << required.error().message;
    EXPECT_TRUE(required->require_cookies);
    EXPECT_NE(fault_of("[edns]\nrequire_cookies = true\ncookies = false\n").find("needs"),
              std::string::npos);
}

TEST(Config, ReadsWhatInterfaceNames) {
    const auto good = Config::parse(R"(
data_dir = "/srv/m"
workers = 3
node = "fra1"
[[listener]]
address = "0.0.0.0:53"
protocols = ["udp"]
role = "recursive"
[[listener]]
address = "[::1]:53"
[admin]
idle_timeout_ms = 500
body_grace_ms = 20
min_body_rate = 0
body_total_ms = 0
write_timeout_ms = 30
max_head_octets = 4096
max_zone_mb = 5000
diagnostics = true
[[admin.listener]]
address = "127.0.0.1:80"
[[admin.listener]]
address = "192.0.2.1:9000"
expose = ["metrics", "health"]
[recursion]
allow = ["10.0.0.0/8"]
upstream_port = 5353
dnssec = "off"
[recursion.serve_stale]
client_timeout_ms = 100
[edns]
udp_payload = 1400
version_bind = "m"
[limits]
tcp_idle_ms = 77
tcp_clients_per_prefix = 9
[log]
format = "json"
)",
                                    "x.toml");
    ASSERT_TRUE(good) << good.error().message;
    EXPECT_EQ(good->workers, 3U);
    ASSERT_EQ(good->listeners.size(), 2U);
    EXPECT_FALSE(good->listeners[0].tcp);
    EXPECT_EQ(good->listeners[0].role, Role::Recursive);
    EXPECT_EQ(good->listeners[1].role, Role::Auth);
    ASSERT_EQ(good->admin_listeners.size(), 2U);
    EXPECT_FALSE(good->admin_listeners[1].api);
    EXPECT_EQ(good->idle_timeout_ms, 500U);
    EXPECT_EQ(good->body_grace_ms, 20U);
    EXPECT_EQ(good->min_body_rate, 0U);
    EXPECT_EQ(good->body_total_ms, 0U);
    EXPECT_EQ(good->write_timeout_ms, 30U);
    EXPECT_EQ(good->max_head_octets, 4096U);
    EXPECT_EQ(good->max_zone_mb, 5000U);
    EXPECT_TRUE(good->diagnostics);
    EXPECT_EQ(good->recursion_allow.at(0).to_text(), "10.0.0.0/8");
    EXPECT_EQ(good->recursion.upstream_port, 5353);
    EXPECT_EQ(good->recursion.stale_client_timeout_ms, 100U);
    EXPECT_EQ(good->udp_payload, 1400);
    EXPECT_EQ(good->tcp_idle_ms, 77U);
    EXPECT_EQ(good->tcp_clients_per_prefix, 9U);
    EXPECT_EQ(good->log_format, "json");
}

TEST(Config, ResponseRateLimiting) {
    EXPECT_EQ(Config::defaults().responses_per_second, 0U);  // off
    EXPECT_EQ(Config::defaults().rrl_slip, 2U);
    const auto good = Config::parse(
        "[limits]\nresponses_per_second = 20\nrrl_slip = 0\n"
        "rrl_exempt = [\"192.0.2.0/24\", \"2001:db8::/32\"]\n",
        "t");
    ASSERT_TRUE(good) << good.error().message;
    EXPECT_EQ(good->responses_per_second, 20U);
    EXPECT_EQ(good->rrl_slip, 0U);
    ASSERT_EQ(good->rrl_exempt.size(), 2U);
    EXPECT_EQ(good->rrl_exempt[1].to_text(), "2001:db8::/32");
    EXPECT_NE(fault_of("[limits]\nresponses_per_second = -1\n").find("from 0 to 1000000"),
              std::string::npos);
    EXPECT_NE(fault_of("[limits]\nrrl_slip = 1001\n").find("limits.rrl_slip must be"),
              std::string::npos);
    EXPECT_NE(fault_of("[limits]\nrrl_exempt = [\"192.0.2.1/24\"]\n").find("limits.rrl_exempt: "),
              std::string::npos);
}

TEST(Config, TlsTablesAndTheListenersThatNameThem) {
    const auto good = Config::parse(R"([[listener]]
address = "192.0.2.1:853"
protocols = ["dot"]
tls = "mine"
[tls.mine]
certificates = [{ certificate = "a.pem", key = "a.key" }, { certificate = "b.pem", key = "b.key" }]
client_auth = "optional"
client_ca = "ca.pem"
[tls.other]
certificates = [{ certificate = "c.pem", key = "c.key" }]
[[admin.listener]]
address = "0.0.0.0:8443"
tls = "other"
[[admin.listener]]
address = "127.0.0.1:8053"
)",
                                    "t");
    ASSERT_TRUE(good) << good.error().message;
    EXPECT_TRUE(good->listeners[0].dot);
    EXPECT_FALSE(good->listeners[0].udp || good->listeners[0].tcp || good->listeners[0].doh);
    EXPECT_EQ(good->listeners[0].tls, "mine");
    ASSERT_EQ(good->tls.size(), 2U);
    EXPECT_EQ(good->tls[0].name, "mine");
    ASSERT_EQ(good->tls[0].certificates.size(), 2U);
    EXPECT_EQ(good->tls[0].certificates[1].key, "b.key");
    EXPECT_EQ(good->tls[0].client_auth, TlsTable::ClientAuth::Optional);
    EXPECT_EQ(good->tls[0].client_ca, "ca.pem");
    EXPECT_EQ(good->tls[1].client_auth, TlsTable::ClientAuth::None);
    ASSERT_EQ(good->admin_listeners.size(), 2U);
    EXPECT_EQ(good->admin_listeners[0].tls, "other");
    EXPECT_TRUE(good->admin_listeners[0].api);
    EXPECT_EQ(good->admin_listeners[1].tls, "");

    const std::string listener = "[[listener]]\naddress = \"127.0.0.1:853\"\n";
    const std::string files = "certificates = [{ certificate = \"a\", key = \"b\" }]\n";
    struct Case {
        std::string text;
        const char* fault;
    };
    const Case cases[] = {
        {listener + "protocols = [\"dot\"]\n", "test.toml:1: listener.tls is missing"},
        {listener + "protocols = [\"tcp\", \"dot\"]\ntls = \"a\"\n", "a port of their own"},
        {listener + "protocols = [\"dot\"]\ntls = \"a\"\n[tls.b]\n" + files,
         "test.toml:1: listener.tls: there is no table [tls.a]"},
        {"[tls.b]\n" + files +
             "[[admin.listener]]\naddress = \"127.0.0.1:80\"\n"
             "[[admin.listener]]\naddress = \"192.0.2.1:443\"\ntls = \"a\"\n",
         "test.toml:5: admin.listener.tls: there is no table [tls.a]"},
        {"[[admin.listener]]\naddress = \"192.0.2.1:443\"\ntls = \"\"\n", "without `tls` only"},
        {"[tls.a]\n", "test.toml:1: tls.a.certificates is missing"},
        {"[tls.a]\ncertificates = [{ certificate = \"a\" }]\n", "test.toml:2: tls: a certificate"},
        {"[tls.a]\n" + files + "client_auth = \"require\"\n", "tls.a.client_auth needs client_ca"},
        {"[tls.a]\n" + files + "client_auth = \"maybe\"\n", "tls.a.client_auth must be one of"},
        {"[tls.a]\n" + files + "client_ca = \"x\"\n", "of no use without client_auth"},
        {"[tls.a]\n" + files + "versions = 1\n", "test.toml:3: unknown key tls.a.versions"},
        {"[tls]\ncertificates = []\n", "tls.certificates must be a table"},
        {"tls = 1\n", "tls must hold tables, [tls.NAME]"},
    };
    for (const Case& each : cases) {
        EXPECT_NE(fault_of(each.text).find(each.fault), std::string::npos)
            << each.text << fault_of(each.text);
    }
}

TEST(Config, SectionsThatDifferAreNamed) {
    const auto unlike = [](const std::string& text) {
        const auto one = Config::parse(text, "test.toml");
        const auto other = Config::parse("workers = 2\n", "test.toml");
        EXPECT_TRUE(one) << text;
        EXPECT_TRUE(other);
        std::string out;
        if (!one || !other) return out;
        for (const std::string& section : one->sections_unlike(*other)) out += section + ' ';
        return out;
    };
    EXPECT_EQ(unlike("workers = 2\n"), "");
    EXPECT_EQ(unlike("workers = 2\n[log]\nlevel = \"debug\"\n"), "");
    EXPECT_EQ(unlike("workers = 2\n[tls.a]\ncertificates = [{certificate = \"a\", key = \"b\"}]\n"),
              "");
    EXPECT_EQ(unlike("workers = 3\nnode = \"n\"\ndata_dir = \"d\"\nrun_dir = \"r\"\n"),
              "data_dir run_dir workers node ");
    EXPECT_EQ(unlike("workers = 2\n[[listener]]\naddress = \"127.0.0.1:53\"\n"), "[[listener]] ");
    EXPECT_EQ(unlike("workers = 2\n[[admin.listener]]\naddress = \"127.0.0.1:80\"\n"),
              "[[admin.listener]] ");
    const std::pair<const char*, const char*> lines[] = {
        {"[admin]\nidle_timeout_ms = 20\n", "[admin] "},
        {"[admin]\nbody_grace_ms = 20\n", "[admin] "},
        {"[admin]\nmin_body_rate = 20\n", "[admin] "},
        {"[admin]\nbody_total_ms = 20\n", "[admin] "},
        {"[admin]\nwrite_timeout_ms = 20\n", "[admin] "},
        {"[admin]\nmax_head_octets = 5000\n", "[admin] "},
        {"[admin]\nmax_zone_mb = 20\n", "[admin] "},
        {"[admin]\ndiagnostics = true\n", "[admin] "},
        {"[geo]\ncity = [\"f\"]\n", "[geo] "},
        {"[geo]\nasn_path = [[\"x\"]]\n", "[geo] "},
        {"[edns]\nnsid = false\n", "[edns] "},
        {"[recursion]\nallow = []\n", "[recursion] "},
        {"[recursion]\nmin_ttl_s = 1\n", "[recursion] "},
        {"[recursion.serve_stale]\nenabled = false\n", "[recursion] "},
        {"[limits]\nmin_free_mb = 1\n", "[limits] "},
        {"[limits]\nrrl_exempt = [\"10.0.0.0/8\"]\n", "[limits] "},
        {"[history]\nkeep_mb = 1\n", "[history] "},
        {"[log]\nformat = \"json\"\n", "[log] format "},
    };
    for (const auto& line : lines) {
        EXPECT_EQ(unlike(std::string("workers = 2\n") + line.first), line.second);
    }
}

TEST(Config, FaultsNameFileLineAndKey) {
    struct Case {
        const char* text;
        const char* fault;
    };
    const Case cases[] = {
        {"data_dir = \"a\"\nbogus = 1\n", "test.toml:2: unknown key bogus"},
        {"[edns]\n\nudp_size = 1\n", "test.toml:3: unknown key edns.udp_size"},
        {"workers = \"two\"\n", "test.toml:1: workers must be a whole number from 0 to 1024"},
        {"[edns]\nudp_payload = 100\n", "test.toml:2: edns.udp_payload must be a whole number"},
        {"[admin]\nbody_grace_ms = 0\n",
         "test.toml:2: admin.body_grace_ms must be a whole number from 10 to 600000"},
        {"[admin]\nmax_head_octets = 100\n",
         "admin.max_head_octets must be a whole number from 4096"},
        {"[admin]\nmax_zone_mb = 0\n", "admin.max_zone_mb must be a whole number from 1"},
        {"[admin]\nmin_body_rate = -1\n", "admin.min_body_rate must be a whole number from 0"},
        {"[[listener]]\naddress = \"nowhere\"\n", "test.toml:2: listener.address: "},
        {"[[listener]]\nprotocols = [\"udp\"]\n", "listener.address is missing"},
        {"[[listener]]\naddress = \"127.0.0.1:53\"\nprotocols = [\"doq\"]\n", "not built yet"},
        {"[[listener]]\naddress = \"127.0.0.1:53\"\nrole = \"king\"\n",
         "test.toml:3: listener.role must be one of \"auth\""},
        {"[[admin.listener]]\naddress = \"192.0.2.1:80\"\n", "not a loopback address"},
        {"[recursion]\nallow = [\"10.0.0.1/8\"]\n", "write 10.0.0.0/8"},
        {"[recursion]\ndns64 = \"64:ff9b::/96\"\n", "test.toml:2: recursion.dns64 is not built"},
        {"[recursion]\ndnssec = \"validate\"\n", "only \"off\" is built"},
        {"user = \"nobody\"\n", "test.toml:1: user is not built yet"},
        {"a = \n", "test.toml:1: "},
    };
    for (const Case& c : cases) {
        EXPECT_NE(fault_of(c.text).find(c.fault), std::string::npos)
            << c.text << " gave: " << fault_of(c.text);
    }
}

}  // namespace
}  // namespace server
