// The whole admin server on its own thread, over real sockets, with the client of the program.
#include "admin/admin.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "admin/client.h"
#include "admin/command_line.h"
#include "admin/json.h"
#include "tests/admin/house.h"

namespace admin {
namespace {

class AdminTest : public testing::Test {
  protected:
    AdminTest() : house_(directory_.path) {
        auto started = Admin::start(house_, house_.config());
        EXPECT_TRUE(started) << started.error().message;
        if (started) admin_ = std::move(*started);
        std::ifstream(directory_.path + "/admin.token") >> token_;
    }

    std::unique_ptr<Client> client(const std::string& server, const std::string& token) {
        auto opened = Client::open({.server = server, .token = token, .data_dir = {}});
        EXPECT_TRUE(opened);
        return std::move(*opened);
    }
    // A command of the program, its standard output and error beside its status.
    struct Ran {
        int status;
        std::string out, err;
    };
    Ran run(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"meridian", "--data-dir", directory_.path});
        std::vector<const char*> raw;
        for (const std::string& argument : arguments) raw.push_back(argument.c_str());
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        const int status = run_command_line(static_cast<int>(raw.size()), raw.data(), {});
        Ran ran{status, testing::internal::GetCapturedStdout(),
                testing::internal::GetCapturedStderr()};
        return ran;
    }
    std::string file(const std::string& name, const std::string& text) {
        const std::string path = directory_.path + '/' + name;
        std::ofstream(path) << text;
        return path;
    }

    fakes::TemporaryDirectory directory_;
    fakes::House house_;
    std::unique_ptr<Admin> admin_;
    std::string token_;
};

constexpr char kMaster[] =
    "$ORIGIN t.example.\n$TTL 300\n@ IN SOA ns1 h 7 2 3 4 5\n@ IN NS ns1\nns1 IN A 192.0.2.53\n"
    "www IN A 192.0.2.1\n";

TEST_F(AdminTest, ServesSocketAndAddress) {
    ASSERT_TRUE(admin_);
    ASSERT_EQ(admin_->addresses().size(), 1U);
    EXPECT_NE(admin_->addresses()[0].port, 0);
    EXPECT_EQ(admin_->url(), "http://" + admin_->addresses()[0].to_text());
    struct stat info {};
    ASSERT_EQ(stat(admin_->socket_path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);

    EXPECT_EQ(client(admin_->socket_path(), "")->request("GET", "/v1/zones")->status, 200);
    EXPECT_EQ(client(admin_->url(), "")->request("GET", "/v1/zones")->status, 401);
    const auto by_token = client(admin_->url(), token_);
    EXPECT_EQ(by_token->request("GET", "/v1/zones")->status, 200);
    // The same connection again.
    EXPECT_EQ(by_token->request("GET", "/v1/server")->status, 200);
    EXPECT_EQ(client(admin_->url(), "x")->request("GET", "/healthz")->status, 200);
}

TEST_F(AdminTest, ALoginLinkIsMadeFromAnyThread) {
    const std::string link = admin_->one_time_login_url();
    ASSERT_TRUE(link.starts_with(admin_->url() + "/login?once="));
    const auto browser = client(admin_->url(), "");
    const std::string path = link.substr(admin_->url().size());
    EXPECT_EQ(browser->request("GET", path)->status, 303);
    EXPECT_EQ(browser->request("GET", path)->status, 403);
}

TEST_F(AdminTest, CommandsDoWhatTheySay) {
    const std::string master = file("t.zone", kMaster);
    Ran ran = run({"zone", "import", "t.example", master});
    EXPECT_EQ(ran.status, 0) << ran.err;
    EXPECT_NE(ran.out.find("4 records"), std::string::npos) << ran.out;
    EXPECT_NE(run({"zone", "list"}).out.find("t.example."), std::string::npos);
    EXPECT_EQ(run({"record", "set", "t.example", "w", "A", "--ttl", "77", "192.0.2.7"}).status, 0);
    EXPECT_EQ(run({"record", "set", "t.example", "w", "A", "192.0.2.8"}).status, 0);
    ran = run({"record", "list", "t.example", "w"});
    EXPECT_EQ(ran.out, "w.t.example.\t77\tIN\tA\t192.0.2.8\n") << ran.err;
    EXPECT_EQ(run({"record", "add", "t.example", "w", "A", "192.0.2.9"}).status, 0);
    EXPECT_EQ(run({"record", "remove", "t.example", "w", "A", "192.0.2.8"}).status, 0);
    ran = run({"record", "list", "t.example", "w", "A", "--json"});
    EXPECT_NE(ran.out.find("[\"192.0.2.9\"]"), std::string::npos) << ran.out;
    EXPECT_EQ(run({"record", "delete", "t.example", "w"}).status, 0);
    EXPECT_EQ(run({"record", "list", "t.example", "w"}).out, "");

    EXPECT_EQ(run({"view", "set", "internal"}).status, 0);
    EXPECT_EQ(run({"network", "set", "10.0.0.0/8", "--view", "internal"}).status, 0);
    EXPECT_NE(run({"network", "list"}).out.find("10.0.0.0/8"), std::string::npos);
    EXPECT_EQ(run({"network", "delete", "10.0.0.0/8"}).status, 0);

    const std::string out = directory_.path + "/out.zone";
    EXPECT_EQ(run({"zone", "export", "t.example", out}).status, 0);
    std::ifstream exported(out);
    const std::string text(std::istreambuf_iterator<char>(exported), {});
    EXPECT_NE(text.find("www.t.example. 300 IN A 192.0.2.1\n"), std::string::npos);

    EXPECT_NE(run({"changes", "--zone", "t.example"}).out.find("uid:"), std::string::npos);
    EXPECT_EQ(run({"changes", "show", "2"}).status, 0);
    ran = run({"stats"});
    EXPECT_EQ(ran.status, 0) << ran.err;
    EXPECT_NE(ran.out.find("\nqueries       0"), std::string::npos) << ran.out;
    EXPECT_NE(ran.out.find(" commits, mean "), std::string::npos) << ran.out;
    EXPECT_NE(run({"stats", "--json"}).out.find("\"qtypes\""), std::string::npos);
    EXPECT_EQ(run({"stats", "--step", "1"}).status, 0);
    EXPECT_EQ(run({"stats", "--step", "0"}).status, 1);

    const std::string copy = directory_.path + "-backup";
    ran = run({"backup", copy});
    EXPECT_EQ(ran.status, 0) << ran.err;
    EXPECT_NE(ran.out.find("backup of revision"), std::string::npos) << ran.out;
    EXPECT_EQ(ran.err, "");
    EXPECT_EQ(run({"backup", copy}).status, 1);  // it is there already
    std::filesystem::remove_all(copy);
    ran = run({"job", "list"});
    const std::string job = ran.out.substr(0, ran.out.find('\t'));
    EXPECT_NE(ran.out.find("\tdone\t"), std::string::npos) << ran.out;
    EXPECT_NE(run({"job", "show", job}).out.find("state: done"), std::string::npos);
    EXPECT_NE(run({"job", "cancel", job}).out.find("forgotten"), std::string::npos);
    EXPECT_EQ(run({"job", "show", job}).status, 1);

    ran = run({"key", "set", "xfr"});
    EXPECT_EQ(ran.status, 0) << ran.err;
    EXPECT_EQ(ran.out.size(), 45U) << ran.out;  // the secret, 32 octets in base64, and a new line
    EXPECT_NE(run({"key", "show", "xfr"}).out.find("secret: " + ran.out), std::string::npos);
    EXPECT_EQ(run({"key", "list"}).out.find("secret"), std::string::npos);
    EXPECT_EQ(run({"key", "delete", "xfr"}).status, 0);
    EXPECT_EQ(run({"cache", "purge", "example.org", "--subtree"}).out, "0 entries purged\n");
    EXPECT_EQ(run({"zone", "create", "n.example", "--ns", "ns1"}).status, 0);
    EXPECT_EQ(run({"zone", "delete", "n.example"}).status, 0);
}

TEST_F(AdminTest, RefusalsAreOneLineThatSaysWhere) {
    const std::string bad =
        file("bad.zone", std::string(kMaster) + "www IN A nonsense\nx IN A 192.0.2.256\n");
    Ran ran = run({"zone", "import", "t.example", bad});
    EXPECT_EQ(ran.status, 1);
    EXPECT_NE(ran.err.find(bad + ":7: "), std::string::npos) << ran.err;
    EXPECT_NE(ran.err.find(bad + ":8: "), std::string::npos) << ran.err;
    EXPECT_NE(ran.err.find(bad + ": 2 faults"), std::string::npos) << ran.err;
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 3) << ran.err;
    ran = run({"zone", "show", "nobody.example"});
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
    EXPECT_EQ(ran.status, 1);
    EXPECT_NE(ran.err.find("nobody.example"), std::string::npos);
    EXPECT_EQ(run({"zone", "import", "t.example", "/nonexistent"}).status, 1);
    EXPECT_EQ(run({"feed", "--filter", "qtype=BOGUS"}).status, 1);
    EXPECT_EQ(run({"record", "set", "t.example", "w", "A", "x"}).status, 1);
}

TEST_F(AdminTest, ListsOfZonesAreImported) {
    std::string list;
    for (int i = 0; i < 20; ++i) {
        const std::string zone = "z" + std::to_string(i) + ".example";
        list += zone + '\t' +
                file(zone + ".zone",
                     "@ 60 IN SOA ns h 1 2 3 4 5\n@ 60 IN NS ns\nns 60 IN A 192.0.2.1\n") +
                '\n';
    }
    const Ran ran = run({"zone", "import", "--list", file("list", list)});
    EXPECT_EQ(ran.status, 0) << ran.err;
    EXPECT_EQ(ran.out, "20 zones imported\n");
    EXPECT_EQ(run({"zone", "import", "--list", file("list", "no-tab\n")}).status, 1);
}

TEST_F(AdminTest, ABadZoneOfManyIsLeftOut) {
    const std::string good = "@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\nns 60 A 192.0.2.1\n";
    const std::string bad = file("bad.zone", good + "c 60 CNAME a\nc 60 A 192.0.2.1\nd 60 A x\n");
    std::string conf = "options { directory \"" + directory_.path + "\"; };\n";
    for (const char* zone : {"one", "bad", "two"}) {
        if (std::string(zone) != "bad") file(std::string(zone) + ".zone", good);
        conf += "zone " + std::string(zone) + ".example { type primary; file \"" + zone +
                ".zone\"; };\n";
    }
    conf += "zone hint { type hint; file x; };\n";
    const Ran ran = run({"zone", "import", "--bind", file("named.conf", conf)});
    EXPECT_EQ(ran.status, 1);
    EXPECT_EQ(ran.out, "2 zones imported, 1 refused\n");
    EXPECT_NE(ran.err.find(bad + ":6: "), std::string::npos) << ran.err;
    EXPECT_NE(ran.err.find("hint: not imported: type hint"), std::string::npos) << ran.err;
    EXPECT_EQ(run({"zone", "show", "two.example"}).status, 0);
    EXPECT_EQ(run({"zone", "show", "bad.example"}).status, 1);
}

TEST_F(AdminTest, ZonesAreCheckedWithoutAServer) {
    const std::string head = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n";
    const std::string good = file("good.zone", head);
    Ran ran = run({"zone", "check", "c.example", good});
    EXPECT_EQ(ran.status, 0) << ran.err;
    EXPECT_EQ(ran.out, "c.example.: 3 records, 0 errors, 0 warnings\n");

    file("more.zone", "w CNAME ns\n");
    const std::string bad =
        file("bad.zone", head + "@ MX 1 nx\n$INCLUDE more.zone\nw TXT x\nv A 1.2.3\n");
    ran = run({"zone", "check", "c.example", bad});
    EXPECT_EQ(ran.status, 1);
    EXPECT_EQ(ran.out,
              bad + ":8: error: \"1.2.3\" is not an IPv4 address\n" + directory_.path +
                  "/more.zone:1: error: w.c.example.: CNAME and other data: TXT (RFC 1034, 3.6.2; "
                  "RFC 2181, 10.1)\n" +
                  bad +
                  ":5: warning: c.example. MX: nx.c.example. has no address (RFC 2181, 10.3)\n");
    EXPECT_EQ(ran.err, "meridian: " + bad + ": c.example.: 6 records, 2 errors, 1 warning\n");

    ran = run({"--json", "zone", "check", "c.example", bad});
    EXPECT_EQ(ran.status, 1);
    const auto document = Json::parse(ran.out);
    ASSERT_TRUE(document);
    EXPECT_EQ(document->find("findings")->items().size(), 3U);
    EXPECT_EQ(document->find("findings")->items()[2].dump(),
              "{\"file\":\"" + bad +
                  "\",\"line\":5,\"severity\":\"warning\",\"name\":\"c.example.\",\"type\":"
                  "\"MX\",\"message\":\"nx.c.example. has no address (RFC 2181, 10.3)\"}");

    EXPECT_EQ(run({"zone", "check", "c.example", directory_.path + "/none"}).status, 1);
    EXPECT_EQ(run({"zone", "check", "c.example", directory_.path}).status, 1);
    EXPECT_EQ(run({"zone", "check", "a..b", good}).status, 1);
    EXPECT_EQ(run({"zone", "check", "c.example"}).status, 2);
}

TEST_F(AdminTest, TheFeedStreams) {
    const auto reader = client(admin_->socket_path(), "");
    const auto writer = client(admin_->socket_path(), "");
    std::string lines;
    const Client::Body body{.content_type = "application/json",
                            .text = R"({"name":"f.example","ns":["ns.example.net."]})",
                            .more = {}};
    std::thread later([&] {
        for (int i = 0; i < 100; ++i) {
            const auto metrics = writer->request("GET", "/metrics");
            if (metrics &&
                metrics->body.find("meridian_feed_subscribers 1\n") != std::string::npos) {
                break;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        EXPECT_EQ(writer->request("POST", "/v1/zones", {}, &body)->status, 201);
    });
    const auto response =
        reader->stream("/v1/feed?topics=change", {{"Accept", "application/x-ndjson"}},
                       [&](std::string_view piece) {
                           lines += piece;
                           return lines.find('\n') == std::string::npos;
                       });
    later.join();
    ASSERT_TRUE(response) << response.error().message;
    const auto event = Json::parse(lines);
    ASSERT_TRUE(event) << lines;
    EXPECT_EQ(event->find("zones")->dump(), "[\"f.example.\"]");
}

TEST_F(AdminTest, StopsWhileClientsAreThere) {
    const auto reader = client(admin_->socket_path(), "");
    std::thread stopper([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        const base::MonoTime before = base::mono_now();
        admin_.reset();
        EXPECT_LT(base::mono_now() - before, std::chrono::seconds(10));
    });
    // The feed ends; it is not broken off.
    const auto response = reader->stream("/v1/feed", {{"Accept", "application/x-ndjson"}},
                                         [](std::string_view) { return true; });
    stopper.join();
    EXPECT_TRUE(response) << response.error().message;
}

TEST_F(AdminTest, AnAddressThatIsTakenIsNamed) {
    fakes::TemporaryDirectory other;
    fakes::House house(other.path);
    server::Config config = house.config();
    config.admin_listeners[0].address = admin_->addresses()[0];
    const auto second = Admin::start(house, config);
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().message.find(admin_->addresses()[0].to_text()), std::string::npos)
        << second.error().message;
}

TEST(OfflineImport, FillsAStoreThatNobodyHasOpen) {
    fakes::TemporaryDirectory directory;
    const std::string path = directory.path + "/t.zone";
    std::ofstream(path) << kMaster;
    const char* arguments[] = {"meridian",   "zone",      "import",     "t.example",
                               path.c_str(), "--offline", "--data-dir", directory.path.c_str()};
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int status = run_command_line(8, arguments, {});
    EXPECT_EQ(testing::internal::GetCapturedStdout(), "1 zone imported\n");
    const std::string err = testing::internal::GetCapturedStderr();
    EXPECT_EQ(status, 0) << err;
    EXPECT_NE(err.find("offline"), std::string::npos);
    fakes::House house(directory.path);
    const auto zone = house.store().read()->zone(*dns::Name::parse("t.example."));
    ASSERT_TRUE(zone);
    EXPECT_TRUE(zone->has_value());
}

TEST(OfflineImport, ABadZoneOfManyIsLeftOut) {
    fakes::TemporaryDirectory directory;
    const std::string master = "$TTL 300\n@ SOA ns1 h 7 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.53\n";
    const auto path = [&directory](const std::string& name) { return directory.path + "/" + name; };
    std::ofstream(path("good.zone")) << master;
    std::ofstream(path("bad.zone")) << master << "ns A 192.0.2.1\nns CNAME ns1\n";
    std::ofstream(path("more.zone")) << master << "$INCLUDE sub/inner.zone\n";
    std::filesystem::create_directory(path("sub"));
    std::ofstream(path("sub/inner.zone")) << "$INCLUDE last.zone\n";
    std::ofstream(path("sub/last.zone")) << "inner A 192.0.2.9\n";
    std::ofstream list(path("list"));
    for (int i = 0; i < 30; ++i) list << 'g' << i << ".example\t" << path("good.zone") << '\n';
    list << "bad.example\t" << path("bad.zone") << "\nmore.example\t" << path("more.zone") << '\n'
         << "none.example\t" << path("none.zone") << '\n';
    list.close();
    const std::string list_file = path("list");
    const char* arguments[] = {
        "meridian",        "zone",      "import",     "--list",
        list_file.c_str(), "--offline", "--data-dir", directory.path.c_str()};
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int status = run_command_line(8, arguments, {});
    EXPECT_EQ(testing::internal::GetCapturedStdout(), "31 zones imported, 2 refused\n");
    const std::string err = testing::internal::GetCapturedStderr();
    EXPECT_EQ(status, 1) << err;
    EXPECT_NE(err.find(path("bad.zone") + ":"), std::string::npos) << err;
    EXPECT_NE(err.find("CNAME and other data"), std::string::npos) << err;
    EXPECT_NE(err.find(path("none.zone") + ": cannot be read"), std::string::npos) << err;
    fakes::House house(directory.path);
    const auto reader = house.store().read();
    EXPECT_TRUE(reader->zone(*dns::Name::parse("g29.example."))->has_value());
    EXPECT_FALSE(reader->zone(*dns::Name::parse("bad.example."))->has_value());
    const auto inner = reader->rrset(*dns::Name::parse("more.example."), "",
                                     *dns::Name::parse("inner.more.example."), dns::RRType::A);
    ASSERT_TRUE(inner);
    EXPECT_TRUE(inner->has_value());
}

}  // namespace
}  // namespace admin
