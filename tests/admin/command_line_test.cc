#include "admin/command_line.h"

#include <gtest/gtest.h>

namespace admin {
namespace {

struct Ran {
    int status = 0;
    ServeOptions serve;
    std::string checked;
    bool served = false;
};

Ran run(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "meridian");
    Ran ran;
    ServerCommands commands;
    commands.serve = [&](const ServeOptions& options) {
        ran.serve = options;
        ran.served = true;
        return 0;
    };
    commands.check_config = [&](const std::string& file) {
        ran.checked = file;
        return 1;
    };
    ran.status = run_command_line(static_cast<int>(arguments.size()), arguments.data(), commands);
    return ran;
}

TEST(CommandLine, ServeTakesItsOptions) {
    const Ran ran = run({"serve", "--config", "a.toml", "--data-dir", "/tmp/d", "--dns",
                         "127.0.0.1:53", "--dns", "[::1]:53", "--admin", "127.0.0.1:80"});
    EXPECT_EQ(ran.status, 0);
    ASSERT_TRUE(ran.served);
    EXPECT_EQ(ran.serve.config, "a.toml");
    EXPECT_EQ(ran.serve.data_dir, "/tmp/d");
    EXPECT_EQ(ran.serve.dns, (std::vector<std::string>{"127.0.0.1:53", "[::1]:53"}));
    EXPECT_EQ(ran.serve.admin, "127.0.0.1:80");
    EXPECT_TRUE(run({"serve"}).served);
}

TEST(CommandLine, CheckConfigHandsOnItsStatus) {
    const Ran ran = run({"check-config", "a.toml"});
    EXPECT_EQ(ran.status, 1);
    EXPECT_EQ(ran.checked, "a.toml");
}

TEST(CommandLine, MistakesAreUsage) {
    const std::vector<const char*> mistakes[] = {
        {},
        {"no-such-command"},
        {"serve", "--bogus"},
        {"serve", "extra"},
        {"zone"},
        {"zone", "show"},
        {"zone", "import"},
        {"zone", "import", "example.com"},
        {"zone", "import", "example.com", "f", "--list", "l"},
        {"zone", "import", "example.com", "f", "--offline"},
        {"zone", "create", "example.com"},
        {"record", "set", "example.com", "www", "A"},
        {"record", "set", "example.com", "www", "A", "--ttl", "soon", "192.0.2.1"},
        {"pool", "set", "fra"},
        {"changes", "show"},
        {"changes", "revert"},
        {"changes", "since"},
        {"zone", "history"},
        {"zone", "diff", "example.com"},
        {"zone", "diff", "example.com", "--from", "then"},
        {"zone", "revert", "example.com"},
        {"zone", "revert", "example.com", "--to", "yesterday"},
        {"backup"},
        {"restore"},
        {"zone", "import", "example.com", "f", "--offline", "--data-dir", "d", "--view", "v"},
    };
    for (const auto& arguments : mistakes) {
        std::string text;
        for (const char* argument : arguments) text += std::string(argument) + ' ';
        EXPECT_EQ(run(arguments).status, 2) << text;
    }
}

TEST(CommandLine, HelpAndVersionAreFine) {
    EXPECT_EQ(run({"--help"}).status, 0);
    EXPECT_EQ(run({"--version"}).status, 0);
    EXPECT_EQ(run({"zone", "import", "--help"}).status, 0);
}

TEST(CommandLine, NobodyThereIsAFailureNotAMistake) {
    EXPECT_EQ(run({"restore", "/nonexistent"}).status, 1);
    EXPECT_EQ(run({"record", "remove", "example.com", "www", "A", "--ttl", "60", "192.0.2.1",
                   "--server", "/nonexistent.sock"})
                  .status,
              1);
    EXPECT_EQ(run({"zone", "list", "--data-dir", "/nonexistent"}).status, 1);
    EXPECT_EQ(run({"--server", "/nonexistent.sock", "stats"}).status, 1);
    EXPECT_EQ(
        run({"zone", "list", "--token-file", "/nonexistent", "--server", "http://127.0.0.1:9"})
            .status,
        1);
}

}  // namespace
}  // namespace admin
